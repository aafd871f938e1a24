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

/// How the sums of some columns are kept: as Isa::add_block wants them (panel_place), as pairs
/// (high, low), or as columns of high parts and then columns of low parts.
enum class SumLayout { Panels, Pairs, Columns };

/// Sums of S·A for real columns (two for each complex one), before they are scaled.
class SketchSums {
public:
  /// Columns that are summed alike. A sum has at most `terms` terms of at most 2^growth times the
  /// largest entry of its column each.
  struct Group {
    SumLayout layout = SumLayout::Pairs;
    std::int64_t columns = 0, terms = 1;
    int growth = 0;
  };

  /// Zero sums, in the order of the groups; divided by `divisor` in the end. May throw bad_alloc.
  SketchSums(std::int64_t rows, bool reproducible, double divisor,
             const std::vector<Group> &groups);

  /// Rounding constants from the largest entries of all columns on every rank; in plain mode none.
  /// Collective. `finite`: every entry on every rank is.
  PetscErrorCode Agree(MPI_Comm comm, std::vector<double> &largest, bool *finite);

  /// One a column of group g, padded for panels; nullptr: plain sums.
  [[nodiscard]] const ColumnRounding *rounding(std::size_t g, std::int64_t j = 0) const {
    return reproducible_ ? part_[g].rounding.data() + j : nullptr;
  }
  [[nodiscard]] double *panels(std::size_t g) { return sums_.data() + part_[g].offset; }
  /// Pairs of column j.
  [[nodiscard]] double *pairs(std::size_t g, std::int64_t j) {
    return sums_.data() + part_[g].offset + static_cast<std::size_t>(2 * j * rows_);
  }
  /// High parts of column j; the low parts are low_parts(g) further.
  [[nodiscard]] double *column(std::size_t g, std::int64_t j) {
    return sums_.data() + part_[g].offset + static_cast<std::size_t>(j * rows_);
  }
  [[nodiscard]] std::int64_t low_parts(std::size_t g) const { return part_[g].columns * rows_; }

  /// Add the sums of all ranks and divide them: sa, column-major, on every rank. Collective.
  PetscErrorCode Finish(MPI_Comm comm, std::vector<PetscScalar> &sa);

private:
  struct Part : Group {
    std::size_t offset = 0;
    std::vector<ColumnRounding> rounding;
  };
  [[nodiscard]] double value(const Part &p, std::int64_t r, std::int64_t j) const;

  std::int64_t rows_;
  bool reproducible_;
  double divisor_;
  std::vector<Part> part_;
  std::vector<double> sums_;
};

} // namespace lathe::sketching
