/* SPDX-License-Identifier: BSD-2-Clause
 * What the registered types of lathe offer beyond the interface of their class, for C and C++. */
#pragma once
#include "lipschitz/norm_bracket.h"
#include <petscksp.h>
#include <slepcsvd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** LatheKSPGetEigenvalueBracket - certified bracket of the largest eigenvalue of the preconditioned
 *  operator M⁻¹A that a KSP of type certifiedchebyshev works with. Not collective.
 *  in   ksp      of type certifiedchebyshev, after KSPSetUp
 *  out  bracket  `upper` is the upper end of the Chebyshev interval
 *  err  ARG_WRONG for another type, ARG_WRONGSTATE before KSPSetUp */
PETSC_EXTERN PetscErrorCode LatheKSPGetEigenvalueBracket(KSP ksp, LatheNormBracket *bracket);

/** LatheSVDGetNormBracket - certified bracket of the largest singular value of the operator of an
 *  SVD of type gram. Not collective.
 *  in   svd      of type gram, after SVDSolve
 *  out  bracket  `lower` is what SVDGetSingularTriplet returns
 *  err  ARG_WRONG for another type, ARG_WRONGSTATE before SVDSolve */
PETSC_EXTERN PetscErrorCode LatheSVDGetNormBracket(SVD svd, LatheNormBracket *bracket);

#ifdef __cplusplus
}
#endif
