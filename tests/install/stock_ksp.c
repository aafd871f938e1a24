/* SPDX-License-Identifier: BSD-2-Clause
 * A PETSc program that knows nothing of lathe: the five-point Laplacian on an m×n grid, solved with
 * whatever the options say. It never initialises SLEPc. */
#include <petscksp.h>

int main(int argc, char **argv) {
  Mat A;
  Vec x, b, exact;
  KSP ksp;
  KSPType type;
  KSPConvergedReason reason;
  PetscInt m = 24, n = 20, begin, end, its;
  PetscReal error;

  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCall(PetscOptionsGetInt(NULL, NULL, "-m", &m, NULL));
  PetscCall(PetscOptionsGetInt(NULL, NULL, "-n", &n, NULL));

  PetscCall(MatCreate(PETSC_COMM_WORLD, &A));
  PetscCall(MatSetSizes(A, PETSC_DECIDE, PETSC_DECIDE, m * n, m * n));
  PetscCall(MatSetFromOptions(A));
  PetscCall(MatSetUp(A));
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  for (PetscInt row = begin; row < end; ++row) {
    const PetscInt i = row / n, j = row % n;
    if (i > 0)
      PetscCall(MatSetValue(A, row, row - n, -1, INSERT_VALUES));
    if (i < m - 1)
      PetscCall(MatSetValue(A, row, row + n, -1, INSERT_VALUES));
    if (j > 0)
      PetscCall(MatSetValue(A, row, row - 1, -1, INSERT_VALUES));
    if (j < n - 1)
      PetscCall(MatSetValue(A, row, row + 1, -1, INSERT_VALUES));
    PetscCall(MatSetValue(A, row, row, 4, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(A, MAT_FINAL_ASSEMBLY));

  PetscCall(MatCreateVecs(A, &x, &b));
  PetscCall(VecDuplicate(x, &exact));
  PetscCall(VecSet(exact, 1));
  PetscCall(MatMult(A, exact, b));
  PetscCall(KSPCreate(PETSC_COMM_WORLD, &ksp));
  PetscCall(KSPSetOperators(ksp, A, A));
  PetscCall(KSPSetFromOptions(ksp));
  PetscCall(KSPSolve(ksp, b, x));

  PetscCall(VecAXPY(x, -1, exact));
  PetscCall(VecNorm(x, NORM_INFINITY, &error));
  PetscCall(KSPGetType(ksp, &type));
  PetscCall(KSPGetConvergedReason(ksp, &reason));
  PetscCall(KSPGetIterationNumber(ksp, &its));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "ksp %s: %s after %" PetscInt_FMT " iterations, %s\n",
                        type, KSPConvergedReasons[reason], its,
                        error < 1e-2 ? "solution right" : "solution WRONG"));

  PetscCall(KSPDestroy(&ksp));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&b));
  PetscCall(VecDestroy(&exact));
  PetscCall(MatDestroy(&A));
  PetscCall(PetscFinalize());
  return 0;
}
