// SPDX-License-Identifier: BSD-2-Clause
// What a sketch is applied to, as this rank sees it: columns of doubles, a sparse matrix, or both.
#pragma once
#include "sketching/sketch_sums.h"
#include "sketching/sparse_rows.h"
#include <vector>

namespace lathe::sketching {

/// Real columns of dense matrices and vectors; one for each part of a complex one.
class DenseColumns {
public:
  void set_rows(std::int64_t first, std::int64_t count) {
    rows_.first = first;
    rows_.rows = count;
  }
  /// May throw bad_alloc.
  void add(const PetscScalar *x) {
    for (int part = 0; part < scalar_parts; ++part)
      column_.push_back(reinterpret_cast<const double *>(x) + part);
  }
  [[nodiscard]] ColumnRows view() const {
    ColumnRows rows = rows_;
    rows.column = column_.data();
    rows.columns = static_cast<std::int64_t>(column_.size());
    rows.stride = scalar_parts;
    return rows;
  }

private:
  std::vector<const double *> column_;
  ColumnRows rows_;
};

/// The columns of [A b]: those of A either dense or sparse, then b.
struct SketchInput {
  MPI_Comm comm = MPI_COMM_NULL;
  const PetscInt *ranges = nullptr; ///< first rows of all ranks, and m
  ColumnRows dense;                 ///< no columns: none
  const SparseRows *sparse = nullptr;
  std::int64_t sparse_columns = 0; ///< real columns of the sparse matrix
  ColumnRows vector;               ///< b; no columns: none

  [[nodiscard]] std::int64_t matrix_columns() const { return dense.columns + sparse_columns; }
  [[nodiscard]] std::int64_t columns() const { return matrix_columns() + vector.columns; }
  [[nodiscard]] std::int64_t rows() const {
    return sparse ? sparse->rows() : vector_or_dense().rows;
  }
  [[nodiscard]] const ColumnRows &vector_or_dense() const {
    return dense.columns > 0 ? dense : vector;
  }
};

/// Largest |entry| of each real column on this rank; infinite or NaN where one is not finite.
void largest_entries(const SketchInput &in, std::vector<double> &largest);

/// Refuse entries that are not finite, naming the first. Collective; only when there are some.
PetscErrorCode RefuseNonfinite(const SketchInput &in);

/// How whole columns are dealt to ranks, round by round: `width` columns to each of the first
/// `ranks` ranks. A rank keeps at most 64 MB or one column at a time, and what one sends or gets in
/// a round has less than 2³¹ numbers, as MPI's counts and displacements want it.
struct ColumnDealing {
  std::int64_t width = 1;
  int ranks = 1;
};
/// For `columns` columns of `rows` rows, of which no rank has more than `most_rows` < 2³¹.
ColumnDealing column_dealing(std::int64_t columns, std::int64_t rows, std::int64_t most_rows,
                             int ranks) noexcept;

/// The papers behind a kind of sketch, for -citations.
PetscErrorCode CiteKind(SketchKind kind);

/// S·[A b] for sketches with few entries a column, for dense ones, and for fast transforms.
PetscErrorCode ApplySparseColumns(const Sketch &sketch, const SketchInput &in,
                                  std::vector<PetscScalar> &sa);
PetscErrorCode ApplyEntries(const Sketch &sketch, const SketchInput &in,
                            std::vector<PetscScalar> &sa);
PetscErrorCode ApplyBlocks(const Sketch &sketch, const SketchInput &in,
                           std::vector<PetscScalar> &sa);
PetscErrorCode ApplyTransform(const Sketch &sketch, const SketchInput &in,
                              std::vector<PetscScalar> &sa);

} // namespace lathe::sketching
