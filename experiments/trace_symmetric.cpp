// SPDX-License-Identifier: BSD-2-Clause
#include "trace_symmetric.h"
#include "core/row_matrix.h"
#include <cmath>
#include <memory>

namespace trace {
namespace {

/// AᵀA by the rows of A and of Aᵀ.
struct Gram {
  lathe::RowMatrix a, transposed;
  PetscInt columns = 0; // of A, on this rank

  /// Y ← AᵀA·X, column-major local parts.
  PetscErrorCode Multiply(const PetscScalar *x, std::size_t ldx, std::size_t count, PetscScalar *y,
                          std::size_t ldy) {
    PetscFunctionBeginUser;
    const std::size_t rows = a.rows();
    std::vector<PetscScalar> middle(rows * count);
    PetscCall(a.MultiplyColumns(x, ldx, count, middle.data(), rows));
    PetscCall(transposed.MultiplyColumns(middle.data(), rows, count, y, ldy));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
};

PetscErrorCode GramOf(Mat N, Gram **gram) {
  void *context = nullptr;
  PetscFunctionBeginUser;
  PetscCall(MatShellGetContext(N, static_cast<void *>(&context)));
  *gram = static_cast<Gram *>(context);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MultiplyOne(Mat N, Vec x, Vec y) {
  Gram *gram = nullptr;
  const PetscScalar *from = nullptr;
  PetscScalar *to = nullptr;
  PetscFunctionBeginUser;
  PetscCall(GramOf(N, &gram));
  const auto n = static_cast<std::size_t>(gram->columns);
  PetscCall(VecGetArrayRead(x, &from));
  PetscCall(VecGetArrayWrite(y, &to));
  PetscCall(gram->Multiply(from, n, 1, to, n));
  PetscCall(VecRestoreArrayWrite(y, &to));
  PetscCall(VecRestoreArrayRead(x, &from));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// C ← N·B for dense B: all columns together.
PetscErrorCode MultiplyMany(Mat N, Mat B, Mat C, void *) {
  Gram *gram = nullptr;
  PetscInt count = 0, ldb = 0, ldc = 0;
  const PetscScalar *from = nullptr;
  PetscScalar *to = nullptr;
  PetscFunctionBeginUser;
  PetscCall(GramOf(N, &gram));
  PetscCall(MatGetSize(B, nullptr, &count));
  PetscCall(MatDenseGetLDA(B, &ldb));
  PetscCall(MatDenseGetLDA(C, &ldc));
  PetscCall(MatDenseGetArrayRead(B, &from));
  PetscCall(MatDenseGetArrayWrite(C, &to));
  PetscCall(gram->Multiply(from, static_cast<std::size_t>(ldb), static_cast<std::size_t>(count), to,
                           static_cast<std::size_t>(ldc)));
  PetscCall(MatDenseRestoreArrayWrite(C, &to));
  PetscCall(MatDenseRestoreArrayRead(B, &from));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DestroyGram(Mat N) {
  Gram *gram = nullptr;
  PetscFunctionBeginUser;
  PetscCall(GramOf(N, &gram));
  delete gram;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Smallest e with bound·2⁻ᵉ ≤ 1; 0 of a zero matrix.
int exponent_of(double bound) {
  int e = 0;
  if (bound > 0)
    std::frexp(bound, &e);
  return e;
}

} // namespace

PetscErrorCode IsSymmetric(Mat A, bool *symmetric) {
  PetscInt m = 0, n = 0;
  PetscReal difference = 0, size = 0;
  PetscFunctionBeginUser;
  *symmetric = false;
  PetscCall(MatGetSize(A, &m, &n));
  if (m != n)
    PetscFunctionReturn(PETSC_SUCCESS);
  lathe::MatHandle transposed;
  PetscCall(MatTranspose(A, MAT_INITIAL_MATRIX, transposed.out()));
  PetscCall(MatAXPY(transposed, -1.0, A, DIFFERENT_NONZERO_PATTERN));
  PetscCall(MatNorm(transposed, NORM_INFINITY, &difference));
  PetscCall(MatNorm(A, NORM_INFINITY, &size));
  *symmetric = difference <= 1e-12 * size;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CreateSingularValues(Mat A, SingularValues *values) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt m = 0, n = 0;
  bool symmetric = false;
  PetscFunctionBeginUser;
  PetscCall(IsSymmetric(A, &symmetric));
  auto gram = std::make_unique<Gram>();
  PetscCall(gram->a.Create(A));
  // ‖A‖₂² ≤ ‖A‖₁‖A‖_∞, each at most the largest entry times the longest column or row. Both are the
  // same on every number of ranks, as a norm is not.
  if (symmetric) {
    values->exponent = exponent_of(gram->a.largest_part() * gram->a.longest_row());
    const int half = values->exponent / 2; // 2⁻ᵉ itself may be out of range
    PetscCall(MatScale(A, std::ldexp(1.0, -half)));
    PetscCall(MatScale(A, std::ldexp(1.0, half - values->exponent)));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  lathe::MatHandle transposed;
  PetscCall(MatTranspose(A, MAT_INITIAL_MATRIX, transposed.out()));
  PetscCall(gram->transposed.Create(transposed));
  values->exponent = exponent_of(gram->a.largest_part() * std::sqrt(gram->a.longest_row()) *
                                 std::sqrt(gram->transposed.longest_row()));
  gram->a.scale(values->exponent);
  gram->transposed.scale(values->exponent);
  PetscCall(MatGetSize(A, &m, &n));
  if (m < n)
    std::swap(gram->a, gram->transposed);
  PetscCall(MatGetLocalSize(m < n ? transposed.get() : A, nullptr, &gram->columns));
  const PetscInt local = gram->columns;
  PetscCall(MatCreateShell(comm, local, local, PETSC_DETERMINE, PETSC_DETERMINE, gram.release(),
                           values->gram.out()));
  Mat N = values->gram;
  PetscCall(MatShellSetOperation(N, MATOP_MULT, reinterpret_cast<void (*)(void)>(MultiplyOne)));
  PetscCall(MatShellSetOperation(N, MATOP_DESTROY, reinterpret_cast<void (*)(void)>(DestroyGram)));
  for (const char *dense : {MATSEQDENSE, MATMPIDENSE})
    PetscCall(MatShellSetMatProductOperation(N, MATPRODUCT_AB, nullptr, MultiplyMany, nullptr,
                                             dense, dense));
  PetscCall(MatSetOption(N, MAT_SYMMETRIC, PETSC_TRUE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace trace
