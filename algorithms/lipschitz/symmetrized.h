/* SPDX-License-Identifier: BSD-2-Clause
 * Spectrum of a preconditioned operator. M⁻¹A is not symmetric even when A and M are, so no norm of
 * it bounds anything useful; with M = L·Lᴴ it is similar to the Hermitian S = L⁻¹·A·L⁻ᴴ, and
 * ‖S‖₂ = max |λ(M⁻¹A)|. C and C++. */
#pragma once
#include "lipschitz/lipschitz.h"
#include <petscpc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** LatheMatCreateSymmetrized - S = L⁻¹·A·L⁻ᴴ for the preconditioner M = L·Lᴴ. Collective on A.
 *  in   A   Hermitian, square; checked with one random pair of vectors unless MAT_HERMITIAN (real:
 *           MAT_SYMMETRIC) is set on it
 *  in   pc  PCNONE: S is A itself. PCJACOBI: entries are scaled, or applied on the fly when A has
 *           none. Any other PC with PCApplySymmetricLeft and -Right (PCICC, PCBJACOBI of it on one
 *           block): matrix-free. It is set up here.
 *  out  S   owned by the caller; shares nothing with A but for PCNONE
 *  cost PCJACOBI: a copy of A; up to 4 products and applications to check
 *  err  SUP a pc without symmetric halves, or halves that do not multiply to it; ARG_INCOMP A or S
 *       is not Hermitian; ARG_OUTOFRANGE a scaling by PCJACOBI that is not positive
 *  The rounding of the scaled entries (relative 2⁻⁵²) is outside any bound computed from S. */
PETSC_EXTERN PetscErrorCode LatheMatCreateSymmetrized(Mat A, PC pc, Mat *S);

#ifdef __cplusplus
}
#endif
