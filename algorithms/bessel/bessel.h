/* SPDX-License-Identifier: BSD-2-Clause
 * Collective interface of the family, for C and C++: logarithms of modified Bessel functions of
 * real order on PETSc vectors. The C++ kernels (log_bessel.h) need no PETSc. */
#pragma once
#include "core/petsc_compat.h"
#include <petscvec.h>

#ifdef __cplusplus
extern "C" {
#endif

/** LatheVecLogBesselI, LatheVecLogBesselK, LatheVecLogBesselIK - log I_v(x) and log K_v(x), entry
 * by entry. Collective on v. in   v, x          orders ≥ 0 and arguments ≥ 0, vectors of one
 * layout; NaN gives NaN. x = 0: log I = 0 for v = 0, else -inf, and log K = +inf; x = +inf: +inf,
 * -inf; v = +inf: -inf, +inf; both infinite: NaN out  log_i, log_k  of the same layout, all vectors
 * different; IK takes hardly longer than one opt  -lathe_bessel_accuracy full|fast, with the prefix
 * of x. full (default): error at most 3·2⁻⁵²·max(1, |log|) for every v up to 10¹² and x over the
 * whole range of doubles; fast: 4·2⁻⁵²·max(1, |log|, √(v²+x²)) err  ARG_OUTOFRANGE an entry of v or
 * x below zero (global index and value named), with nothing written; ARG_SIZ, ARG_NOTSAMECOMM,
 * ARG_IDN vectors that do not fit. Every rank gets it. Complex builds: real parts are used; an
 * imaginary part that is not zero is refused. Class R0: an entry's bits depend on its v and x only.
 * Cost, memory, sources: log_bessel.h. */
PETSC_EXTERN PetscErrorCode LatheVecLogBesselI(Vec v, Vec x, Vec log_i);
PETSC_EXTERN PetscErrorCode LatheVecLogBesselK(Vec v, Vec x, Vec log_k);
PETSC_EXTERN PetscErrorCode LatheVecLogBesselIK(Vec v, Vec x, Vec log_i, Vec log_k);

/** LatheVecLogBesselIDerivatives, LatheVecLogBesselKDerivatives - a logarithm with its derivatives
 *  by argument and order and the second one by the argument. As above, at full accuracy.
 *  out  value, dx, dv, dxx  NULL for what is not wanted
 *  The bounds of the derivatives are in log_bessel.h. */
PETSC_EXTERN PetscErrorCode LatheVecLogBesselIDerivatives(Vec v, Vec x, Vec value, Vec dx, Vec dv,
                                                          Vec dxx);
PETSC_EXTERN PetscErrorCode LatheVecLogBesselKDerivatives(Vec v, Vec x, Vec value, Vec dx, Vec dv,
                                                          Vec dxx);

#ifdef __cplusplus
}
#endif
