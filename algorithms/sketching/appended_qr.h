// SPDX-License-Identifier: BSD-2-Clause
// Small least-squares problems that grow by columns, and the Gram-Schmidt steps behind them.
// Kernels: no PETSc objects. Sums in a fixed order, without BLAS: ranks on different processors get
// the same bits and take the same decisions.
#pragma once
#include "core/petsc_compat.h"
#include <cstddef>
#include <petscsys.h>
#include <vector>

namespace lathe::sketching {

/// ‖v‖.
double length_of(const PetscScalar *v, std::size_t rows) noexcept;
/// v ← v − Q·h for h = Qᴴv, twice; h (count numbers) is the sum of both. Q: rows × count.
void project(const PetscScalar *q, std::size_t count, std::size_t rows, PetscScalar *v,
             PetscScalar *h);

/// QR factorisation of the columns of C, which come one at a time (Gram-Schmidt, twice), and min ‖b
/// − C·y‖.
class AppendedQr {
public:
  /// b of `rows` numbers; at most `most` columns. May throw bad_alloc.
  void start(std::size_t rows, std::size_t most, const PetscScalar *b);
  /// false, and nothing changed: the column depends on the others to 2⁻⁵⁰ of itself, or is zero.
  bool append(const PetscScalar *column);
  /// Back to the first `columns`.
  void shrink(std::size_t columns);

  [[nodiscard]] std::size_t columns() const { return columns_; }
  /// ‖b − C·y‖ for the best y with the first `columns`.
  [[nodiscard]] double residual(std::size_t columns) const { return residual_[columns]; }
  /// Of C; from below, usually within 10 % (power method).
  [[nodiscard]] double condition() const;
  /// That y.
  void solve(std::size_t columns, PetscScalar *y) const;

private:
  [[nodiscard]] const PetscScalar *q(std::size_t j) const { return q_.data() + j * rows_; }
  [[nodiscard]] PetscScalar r(std::size_t i, std::size_t j) const { return r_[i + j * most_]; }
  void multiply(std::vector<PetscScalar> &v) const; // v ← RᴴR v
  void divide(std::vector<PetscScalar> &v) const;   // v ← (RᴴR)⁻¹ v

  std::size_t rows_ = 0, most_ = 0, columns_ = 0;
  std::vector<PetscScalar> q_, r_, g_, rest_;
  std::vector<double> residual_; // after 0, 1, … columns
};

} // namespace lathe::sketching
