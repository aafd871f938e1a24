/* SPDX-License-Identifier: BSD-2-Clause
 * A C program that links liblathe: the norm of diag(3, 1) through the C interface. */
#include <lathe.h>
#include <slepcsys.h>

int main(int argc, char **argv) {
  Mat A;
  LatheNormBracket bracket;
  PetscInt begin, end;

  PetscFunctionBeginUser;
  PetscCall(SlepcInitialize(&argc, &argv, NULL, NULL));
  PetscCall(LatheInitializePackage());
  PetscCall(MatCreateAIJ(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, 2, 2, 1, NULL, 0, NULL, &A));
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    PetscCall(MatSetValue(A, i, i, i == 0 ? 3 : 1, INSERT_VALUES));
  PetscCall(MatAssemblyBegin(A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(A, MAT_FINAL_ASSEMBLY));
  PetscCall(LatheMatNormBracket(A, NULL, &bracket));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "lathe %s: %s\n", LatheGetVersion(),
                        bracket.lower <= 3 && 3 <= bracket.upper && bracket.upper < 3.0001
                            ? "bracket right"
                            : "bracket WRONG"));
  PetscCall(MatDestroy(&A));
  PetscCall(SlepcFinalize());
  return 0;
}
