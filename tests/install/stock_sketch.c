/* SPDX-License-Identifier: BSD-2-Clause
 * A PETSc program that knows nothing of lathe: it multiplies a tall matrix by a d × m matrix whose
 * type the options choose, and looks at what comes out. With -mat_type sketch the product keeps the
 * norms of the columns to within a few per cent. */
#include <petscmat.h>

int main(int argc, char **argv) {
  Mat S, A, SA;
  Vec x, y, w, z;
  MatType type;
  PetscInt m = 3000, n = 5, d = 600, local, begin, end;
  PetscScalar left, right;
  PetscReal norms[5], sketched[5], worst = 0, error;

  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCall(MatCreateDense(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, m, n, NULL, &A));
  PetscCall(MatGetLocalSize(A, &local, NULL));
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < n; ++j)
      PetscCall(MatSetValue(A, i, j, PetscSinReal((PetscReal)(i * (j + 1))), INSERT_VALUES));
  PetscCall(MatAssemblyBegin(A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatCreate(PETSC_COMM_WORLD, &S));
  PetscCall(MatSetSizes(S, PETSC_DECIDE, local, d, m));
  PetscCall(MatSetFromOptions(S));
  PetscCall(MatSetUp(S));
  PetscCall(MatGetType(S, &type));
  PetscCall(MatMatMult(S, A, MAT_INITIAL_MATRIX, PETSC_DEFAULT, &SA));
  PetscCall(MatGetColumnNorms(A, NORM_2, norms));
  PetscCall(MatGetColumnNorms(SA, NORM_2, sketched));
  for (PetscInt j = 0; j < n; ++j)
    worst = PetscMax(worst, PetscAbsReal(sketched[j] / norms[j] - 1));
  PetscCall(MatCreateVecs(S, &x, &y));
  PetscCall(VecDuplicate(x, &w));
  PetscCall(VecDuplicate(y, &z));
  PetscCall(MatGetColumnVector(A, x, 2));
  PetscCall(MatMult(S, x, y));
  PetscCall(MatGetColumnVector(SA, z, 2));
  PetscCall(VecAXPY(z, -1, y));
  PetscCall(VecNorm(z, NORM_2, &error));
  PetscCall(MatMultTranspose(S, y, w));
  PetscCall(VecDot(w, x, &left));
  PetscCall(VecDot(y, y, &right));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "mat %s: norms %s, transpose %s, product %s\n", type,
                        worst < 0.25 ? "kept" : "LOST",
                        PetscAbsScalar(left / right - 1) < 1e-12 ? "right" : "WRONG",
                        error < 1e-12 * norms[2] ? "right" : "WRONG"));
  PetscCall(VecDestroy(&x));
  PetscCall(VecDestroy(&y));
  PetscCall(VecDestroy(&w));
  PetscCall(VecDestroy(&z));
  PetscCall(MatDestroy(&SA));
  PetscCall(MatDestroy(&S));
  PetscCall(MatDestroy(&A));
  PetscCall(PetscFinalize());
  return 0;
}
