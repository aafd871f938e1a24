// SPDX-License-Identifier: BSD-2-Clause
// Linked with solvers/register.cpp and library_build.cpp against another PETSc, this makes a
// liblathe of that build in seconds. The types themselves are never reached: the refusal is what is
// tested.
#include "solver_types.h"

PetscErrorCode KSPCreate_CertifiedChebyshev(KSP ksp) {
  return PetscError(PetscObjectComm(reinterpret_cast<PetscObject>(ksp)), __LINE__, __func__,
                    __FILE__, PETSC_ERR_PLIB, PETSC_ERROR_INITIAL, "must have been refused");
}
PetscErrorCode MatCreate_Matern(Mat A) {
  return PetscError(PetscObjectComm(reinterpret_cast<PetscObject>(A)), __LINE__, __func__, __FILE__,
                    PETSC_ERR_PLIB, PETSC_ERROR_INITIAL, "must have been refused");
}
PetscErrorCode SVDCreate_Gram(SVD svd) {
  return PetscError(PetscObjectComm(reinterpret_cast<PetscObject>(svd)), __LINE__, __func__,
                    __FILE__, PETSC_ERR_PLIB, PETSC_ERROR_INITIAL, "must have been refused");
}
