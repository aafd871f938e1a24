// SPDX-License-Identifier: BSD-2-Clause
// A matrix that only knows its products, as applications have them.
#pragma once
#include "core/handle.h"
#include <petscmat.h>

namespace lathe::test {

/// MATSHELL whose products with vectors are those of `inner`, which must outlive it. Collective.
inline PetscErrorCode CreateProductShell(Mat inner, Mat *shell) {
  PetscInt m = 0, n = 0, rows = 0, columns = 0;
  PetscFunctionBegin;
  PetscCall(MatGetLocalSize(inner, &m, &n));
  PetscCall(MatGetSize(inner, &rows, &columns));
  PetscCall(MatCreateShell(PetscObjectComm(reinterpret_cast<PetscObject>(inner)), m, n, rows,
                           columns, inner, shell));
  const auto set = [shell](MatOperation operation, auto product) {
    return MatShellSetOperation(*shell, operation, reinterpret_cast<void (*)()>(+product));
  };
  PetscCall(set(MATOP_MULT, [](Mat A, Vec x, Vec y) -> PetscErrorCode {
    Mat a = nullptr;
    PetscFunctionBegin;
    PetscCall(MatShellGetContext(A, static_cast<void *>(&a)));
    PetscCall(MatMult(a, x, y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  PetscCall(set(MATOP_MULT_TRANSPOSE, [](Mat A, Vec x, Vec y) -> PetscErrorCode {
    Mat a = nullptr;
    PetscFunctionBegin;
    PetscCall(MatShellGetContext(A, static_cast<void *>(&a)));
    PetscCall(MatMultTranspose(a, x, y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::test
