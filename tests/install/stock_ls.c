/* SPDX-License-Identifier: BSD-2-Clause
 * A PETSc program that knows nothing of lathe: a polynomial fitted to m values, columns 1, t, t²,
 * …, in a basis whose condition grows with the degree, with whatever KSP the options say. The exact
 * coefficients are integers and every entry is a multiple of 2^-20, so that any last bit counts. */
#include <petscksp.h>

int main(int argc, char **argv) {
  Mat A;
  Vec x, b;
  KSP ksp;
  KSPType type;
  KSPConvergedReason reason;
  PetscInt m = 256, n = 5, begin, end, its, right = 0;
  const PetscScalar *value;

  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCall(PetscOptionsGetInt(NULL, NULL, "-m", &m, NULL));
  PetscCall(MatCreate(PETSC_COMM_WORLD, &A));
  PetscCall(MatSetSizes(A, PETSC_DECIDE, PETSC_DECIDE, m, n));
  PetscCall(MatSetFromOptions(A));
  PetscCall(MatSetUp(A));
  PetscCall(MatCreateVecs(A, &x, &b));
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i) {
    const PetscReal t = (PetscReal)(i % 32) / 32;
    PetscReal power = 1, sum = 0;
    for (PetscInt j = 0; j < n; ++j, power *= t) {
      PetscCall(MatSetValue(A, i, j, power, INSERT_VALUES));
      sum += (j + 1) * power;
    }
    /* A residual that is orthogonal to every column: equal and opposite on two blocks of rows. */
    sum += ((i / 32) % 2 ? 1 : -1) * (PetscReal)(1 + i % 32 % 7) / 64;
    PetscCall(VecSetValue(b, i, sum, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(A, MAT_FINAL_ASSEMBLY));
  PetscCall(VecAssemblyBegin(b));
  PetscCall(VecAssemblyEnd(b));

  PetscCall(KSPCreate(PETSC_COMM_WORLD, &ksp));
  PetscCall(KSPSetOperators(ksp, A, A));
  PetscCall(KSPSetFromOptions(ksp));
  PetscCall(KSPSolve(ksp, b, x));

  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  PetscCall(VecGetArrayRead(x, &value));
  for (PetscInt j = begin; j < end; ++j)
    right += PetscRealPart(value[j - begin]) == j + 1;
  PetscCall(VecRestoreArrayRead(x, &value));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &right, 1, MPIU_INT, MPI_SUM, PETSC_COMM_WORLD));
  PetscCall(KSPGetType(ksp, &type));
  PetscCall(KSPGetConvergedReason(ksp, &reason));
  PetscCall(KSPGetIterationNumber(ksp, &its));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD,
                        "ksp %s: %s after %" PetscInt_FMT " iterations, %" PetscInt_FMT
                        " of %" PetscInt_FMT " components exact\n",
                        type, KSPConvergedReasons[reason], its, right, n));
  PetscCall(KSPDestroy(&ksp));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&b));
  PetscCall(MatDestroy(&A));
  PetscCall(PetscFinalize());
  return 0;
}
