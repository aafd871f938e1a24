// SPDX-License-Identifier: BSD-2-Clause
// The sums of a sketch on one rank, their reduction over the ranks, and the matrix they make.
#pragma once
#include "core/petsc_compat.h"
#include "sketching/sketch.h"
#include "sketching/sparse_stack.h"
#include <vector>

namespace lathe::sketching {

/// Real numbers in a PetscScalar.
inline constexpr int scalar_parts = sizeof(PetscScalar) / sizeof(double);
static_assert(sizeof(PetscReal) == sizeof(double), "lathe needs double precision");

/// Sums of S·A for `columns` real columns (two for each complex one).
class SketchSums {
public:
  /// Zero sums; may throw bad_alloc.
  SketchSums(const Sketch &sketch, std::int64_t columns, bool panels);

  /// Rounding constants from the largest entries of the columns on every rank; in plain mode none.
  /// Collective. `finite`: every entry on every rank is.
  PetscErrorCode Agree(MPI_Comm comm, std::vector<double> &largest, bool *finite);

  /// One a column, padded for panels; nullptr: plain sums.
  [[nodiscard]] const ColumnRounding *rounding(std::int64_t j = 0) const {
    return rounding_.empty() ? nullptr : rounding_.data() + j;
  }
  [[nodiscard]] const SparseColumns &sparse() const { return sparse_; }
  [[nodiscard]] double *panels() { return sums_.data(); }
  /// Pairs (high, low) of column j.
  [[nodiscard]] double *pairs(std::int64_t j) {
    return sums_.data() + static_cast<std::size_t>(2 * j * sparse_.rows);
  }

  /// Add the sums of all ranks and scale them: sa, column-major, on every rank. Collective.
  PetscErrorCode Finish(MPI_Comm comm, std::vector<PetscScalar> &sa);

private:
  [[nodiscard]] double value(std::int64_t r, std::int64_t j) const;

  SparseColumns sparse_;
  std::int64_t columns_, terms_;
  bool panels_, reproducible_;
  std::vector<ColumnRounding> rounding_;
  std::vector<double> sums_;
};

} // namespace lathe::sketching
