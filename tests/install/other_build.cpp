// SPDX-License-Identifier: BSD-2-Clause
// Linked with solvers/register.cpp and library_build.cpp against another PETSc, this makes a
// liblathe of that build in seconds. The types themselves are never reached: the refusal is what is
// tested.
#include "solver_types.h"

namespace {
template <class T> PetscErrorCode refuse(T x) {
  return PetscError(PetscObjectComm(reinterpret_cast<PetscObject>(x)), __LINE__, __func__, __FILE__,
                    PETSC_ERR_PLIB, PETSC_ERROR_INITIAL, "must have been refused");
}
} // namespace

PetscErrorCode KSPCreate_CertifiedChebyshev(KSP ksp) {
  return refuse(ksp);
}
PetscErrorCode KSPCreate_Fossils(KSP ksp) {
  return refuse(ksp);
}
PetscErrorCode KSPCreate_Pne(KSP ksp) {
  return refuse(ksp);
}
PetscErrorCode KSPCreate_Rgsgmres(KSP ksp) {
  return refuse(ksp);
}
PetscErrorCode KSPCreate_Sgmres(KSP ksp) {
  return refuse(ksp);
}
PetscErrorCode KSPCreate_Spir(KSP ksp) {
  return refuse(ksp);
}
PetscErrorCode MatCreate_Matern(Mat A) {
  return refuse(A);
}
PetscErrorCode MatCreate_Sketch(Mat S) {
  return refuse(S);
}
PetscErrorCode PCCreate_Nystrom(PC pc) {
  return refuse(pc);
}
PetscErrorCode PCCreate_RpCholesky(PC pc) {
  return refuse(pc);
}
PetscErrorCode PCCreate_SketchNormal(PC pc) {
  return refuse(pc);
}
PetscErrorCode SVDCreate_Gram(SVD svd) {
  return refuse(svd);
}
