// SPDX-License-Identifier: BSD-2-Clause
// The door through which a PETSc program meets the types of lathe.
#include "library_build.h"
#include "lathe.h"
#include "solver_types.h"

namespace {

bool registered = false; // since the last PetscInitialize

PetscErrorCode forget() {
  registered = false;
  return PETSC_SUCCESS;
}

} // namespace

PetscErrorCode LatheInitializePackage(void) {
  lathe::LibraryBuild running;

  PetscFunctionBegin;
  if (registered)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(lathe::GetRunningBuild(&running));
  PetscCall(lathe::CheckBuild(lathe::compiled_build(), running));
  // XRegister initialises the package of its class, so a program that never calls SlepcInitialize
  // can load lathe: SVDs work in it, and PetscFinalize cleans up after them.
  PetscCall(KSPRegister("certifiedchebyshev", KSPCreate_CertifiedChebyshev));
  PetscCall(KSPRegister("fossils", KSPCreate_Fossils));
  PetscCall(KSPRegister("pne", KSPCreate_Pne));
  PetscCall(KSPRegister("rgsgmres", KSPCreate_Rgsgmres));
  PetscCall(KSPRegister("sgmres", KSPCreate_Sgmres));
  PetscCall(KSPRegister("spir", KSPCreate_Spir));
  PetscCall(MatRegister("matern", MatCreate_Matern));
  PetscCall(MatRegister("sketch", MatCreate_Sketch));
  PetscCall(PCRegister("nystrom", PCCreate_Nystrom));
  PetscCall(PCRegister("rpcholesky", PCCreate_RpCholesky));
  PetscCall(PCRegister("sketchnormal", PCCreate_SketchNormal));
  PetscCall(SVDRegister("gram", SVDCreate_Gram));
  // PetscFinalize empties the lists of types; a program may initialise again.
  PetscCall(PetscRegisterFinalize(forget));
  registered = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// What PETSc calls after dlopen of liblathe.so; the name follows from the file's.
PETSC_EXTERN PetscErrorCode PetscDLLibraryRegister_lathe(void) {
  PetscFunctionBegin;
  PetscCall(LatheInitializePackage());
  PetscFunctionReturn(PETSC_SUCCESS);
}
