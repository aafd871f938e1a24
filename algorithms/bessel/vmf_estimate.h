/* SPDX-License-Identifier: BSD-2-Clause
 * What a sample tells about one von Mises-Fisher distribution. Valid C and C++. */
#pragma once

/** Estimates from the mean resultant length R of n directions in p dimensions; see VmfEstimate in
 *  vmf.h for how they are formed. */
typedef struct {
  double resultant;            /* R, length of the mean of the unit rows; 0 to 1 */
  double resultant_complement; /* 1 − R, without cancellation */
  double n_eff;                /* effective number of rows, (Σw)²/Σw² */
  double kappa_mle;            /* maximum likelihood: A_p(κ) = R; +∞ when R = 1 */
  double kappa_corrected; /* the same from the unbiased estimate of the squared length of E x */
  double kappa_std_error; /* standard error of kappa_corrected */
  double condition;       /* relative change of kappa_mle for one of R */
  double mean_std_error;  /* standard error of the mean direction, rad */
} LatheVmfEstimate;
