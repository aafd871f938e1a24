// SPDX-License-Identifier: BSD-2-Clause
// Constructors of the registered types, one file each. A new type: its file, a line here, a line in
// register.cpp.
#pragma once
#include <petscksp.h>
#include <slepcsvd.h>

PETSC_INTERN PetscErrorCode KSPCreate_CertifiedChebyshev(KSP ksp);
PETSC_INTERN PetscErrorCode KSPCreate_Fossils(KSP ksp);
PETSC_INTERN PetscErrorCode KSPCreate_Pne(KSP ksp);
PETSC_INTERN PetscErrorCode KSPCreate_Rgsgmres(KSP ksp);
PETSC_INTERN PetscErrorCode KSPCreate_Sgmres(KSP ksp);
PETSC_INTERN PetscErrorCode KSPCreate_Spir(KSP ksp);
PETSC_INTERN PetscErrorCode MatCreate_Matern(Mat A);
PETSC_INTERN PetscErrorCode MatCreate_Sketch(Mat S);
PETSC_INTERN PetscErrorCode PCCreate_Nystrom(PC pc);
PETSC_INTERN PetscErrorCode PCCreate_RpCholesky(PC pc);
PETSC_INTERN PetscErrorCode PCCreate_SketchNormal(PC pc);
PETSC_INTERN PetscErrorCode SVDCreate_Gram(SVD svd);
