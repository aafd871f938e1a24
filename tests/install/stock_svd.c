/* SPDX-License-Identifier: BSD-2-Clause
 * A SLEPc program that knows nothing of lathe: the largest singular value of the n×n bidiagonal
 * matrix with 1 on the diagonal and 1 above it, which is 2·cos(π/(2n+1)). */
#include <slepcsvd.h>

int main(int argc, char **argv) {
  Mat A;
  SVD svd;
  SVDType type;
  PetscInt n = 30, begin, end, converged;
  PetscReal sigma = 0, residual = 0, error;

  PetscFunctionBeginUser;
  PetscCall(SlepcInitialize(&argc, &argv, NULL, NULL));
  PetscCall(PetscOptionsGetInt(NULL, NULL, "-n", &n, NULL));
  PetscCall(MatCreate(PETSC_COMM_WORLD, &A));
  PetscCall(MatSetSizes(A, PETSC_DECIDE, PETSC_DECIDE, n, n));
  PetscCall(MatSetFromOptions(A));
  PetscCall(MatSetUp(A));
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  for (PetscInt row = begin; row < end; ++row) {
    PetscCall(MatSetValue(A, row, row, 1, INSERT_VALUES));
    if (row + 1 < n)
      PetscCall(MatSetValue(A, row, row + 1, 1, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(A, MAT_FINAL_ASSEMBLY));

  PetscCall(SVDCreate(PETSC_COMM_WORLD, &svd));
  PetscCall(SVDSetOperators(svd, A, NULL));
  PetscCall(SVDSetFromOptions(svd));
  PetscCall(SVDSolve(svd));
  PetscCall(SVDGetType(svd, &type));
  PetscCall(SVDGetConverged(svd, &converged));
  if (converged > 0) {
    PetscCall(SVDGetSingularTriplet(svd, 0, &sigma, NULL, NULL));
    PetscCall(SVDComputeError(svd, 0, SVD_ERROR_RELATIVE, &residual));
  }
  error = sigma - 2 * PetscCosReal(PETSC_PI / (2 * n + 1));
  PetscCall(PetscPrintf(
      PETSC_COMM_WORLD, "svd %s: %s, %s\n", type, converged > 0 ? "converged" : "not converged",
      PetscAbsReal(error) < 1e-5 && residual < 1e-2 ? "value right" : "value WRONG"));
  PetscCall(SVDDestroy(&svd));
  PetscCall(MatDestroy(&A));
  PetscCall(SlepcFinalize());
  return 0;
}
