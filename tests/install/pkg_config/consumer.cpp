// SPDX-License-Identifier: BSD-2-Clause
// A C++ program that links liblathe and uses its owners and random numbers.
#include <core/handle.h>
#include <core/random.h>
#include <lathe.h>
#include <lathe_solvers.h>

int main(int argc, char **argv) {
  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, nullptr, nullptr));
  PetscCall(LatheInitializePackage());
  {
    lathe::Handle<KSP, KSPDestroy> ksp;
    PetscCall(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
    PetscCall(KSPSetType(ksp, "certifiedchebyshev"));
    const double u = lathe::random::uniform(1, 2, 3);
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "lathe %s: %s\n", LatheGetVersion(),
                          u > 0 && u < 1 ? "type right" : "type WRONG"));
  }
  PetscCall(PetscFinalize());
  return 0;
}
