/* SPDX-License-Identifier: BSD-2-Clause
 * A PETSc program that knows nothing of lathe: it hands the sites of a grid to its matrix as PETSc
 * hands coordinates around, multiplies, and solves. With -mat_type matern -mat_matern_nu 0.5 the
 * entries are exp(-distance/range). */
#include <petscksp.h>

int main(int argc, char **argv) {
  Mat A;
  Vec sites, x, b;
  KSP ksp;
  KSPConvergedReason reason;
  MatType type;
  PetscLayout rows;
  PetscInt n = 9, begin, end;
  PetscReal range = 0.25, sum = 0, error, distance;
  PetscScalar first = 0;

  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCall(PetscOptionsGetReal(NULL, NULL, "-mat_matern_range", &range, NULL));
  PetscCall(MatCreate(PETSC_COMM_WORLD, &A));
  PetscCall(MatSetSizes(A, PETSC_DECIDE, PETSC_DECIDE, n * n, n * n));
  PetscCall(MatSetFromOptions(A));
  PetscCall(MatGetType(A, &type));
  PetscCall(MatGetLayouts(A, &rows, NULL));
  PetscCall(PetscLayoutSetUp(rows));
  PetscCall(PetscLayoutGetRange(rows, &begin, &end));
  PetscCall(VecCreate(PETSC_COMM_WORLD, &sites));
  PetscCall(VecSetSizes(sites, 2 * (end - begin), 2 * n * n));
  PetscCall(VecSetBlockSize(sites, 2));
  PetscCall(VecSetFromOptions(sites));
  for (PetscInt i = begin; i < end; ++i) {
    PetscCall(VecSetValue(sites, 2 * i, (PetscReal)(i % n) / n, INSERT_VALUES));
    PetscCall(VecSetValue(sites, 2 * i + 1, (PetscReal)(i / n) / n, INSERT_VALUES));
  }
  PetscCall(VecAssemblyBegin(sites));
  PetscCall(VecAssemblyEnd(sites));
  PetscCall(PetscObjectCompose((PetscObject)A, "coordinates", (PetscObject)sites));
  PetscCall(MatSetUp(A));
  PetscCall(MatCreateVecs(A, &x, &b));
  PetscCall(VecSet(x, 1));
  PetscCall(MatMult(A, x, b));
  if (begin == 0)
    PetscCall(VecGetValues(b, 1, &begin, &first));
  for (PetscInt i = 0; i < n * n; ++i) {
    distance = PetscSqrtReal((PetscReal)((i % n) * (i % n) + (i / n) * (i / n))) / n;
    sum += PetscExpReal(-distance / range);
  }
  error = begin == 0 ? PetscAbsReal(PetscRealPart(first) / sum - 1) : 0;
  PetscCall(MPIU_Allreduce(MPI_IN_PLACE, &error, 1, MPIU_REAL, MPIU_MAX, PETSC_COMM_WORLD));
  PetscCall(KSPCreate(PETSC_COMM_WORLD, &ksp));
  PetscCall(KSPSetOperators(ksp, A, A));
  PetscCall(KSPSetFromOptions(ksp));
  PetscCall(KSPSolve(ksp, b, x));
  PetscCall(KSPGetConvergedReason(ksp, &reason));
  PetscCall(VecShift(x, -1));
  PetscCall(VecNorm(x, NORM_INFINITY, &sum));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "mat %s: %s, product %s, solution %s\n", type,
                        KSPConvergedReasons[reason], error < 1e-13 ? "right" : "WRONG",
                        sum < 1e-6 ? "right" : "WRONG"));
  PetscCall(KSPDestroy(&ksp));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&b));
  PetscCall(VecDestroy(&sites));
  PetscCall(MatDestroy(&A));
  PetscCall(PetscFinalize());
  return 0;
}
