// SPDX-License-Identifier: BSD-2-Clause
// The rows of an AIJ matrix on this rank, by rows and, in blocks of rows, by columns.
#pragma once
#include "core/petsc_compat.h"
#include <petscmat.h>
#include <array>
#include <cstdint>
#include <vector>

namespace lathe::sketching {

/// What a matrix lets be read of itself: columns, rows, or only its products.
enum class MatStorage { Dense, Sparse, Other };
PetscErrorCode StorageOf(Mat a, MatStorage *storage);

/// A sequential AIJ matrix, and the global numbers of its columns when they are not its own.
struct SparsePart {
  Mat matrix = nullptr;
  const PetscInt *global = nullptr;
  PetscInt first = 0; ///< of the columns, when global is nullptr
  PetscInt rows = 0, columns = 0;
  const PetscInt *offset = nullptr, *column = nullptr;
  const PetscScalar *value = nullptr;

  PetscErrorCode Open();
  PetscErrorCode Close();
  [[nodiscard]] std::int64_t global_column(PetscInt j) const {
    return global ? global[j] : first + j;
  }
  /// Its own number of a global column; −1: not there.
  [[nodiscard]] std::int64_t own_column(std::int64_t j) const;
};

class SparseRows {
public:
  /// Of a matrix with base type MATSEQAIJ or MATMPIAIJ.
  PetscErrorCode Open(Mat a);
  PetscErrorCode Close();

  [[nodiscard]] std::int64_t first() const { return first_; }
  [[nodiscard]] std::int64_t rows() const { return part_[0].rows; }
  [[nodiscard]] double entries() const;
  /// The columns of this rank, then those of others.
  [[nodiscard]] const std::array<SparsePart, 2> &parts() const { return part_; }

  /// f(global row, global column, value) for every entry; row by row in each part.
  template <class F> void for_each(F &&f) const {
    for (const SparsePart &p : part_)
      for (PetscInt i = 0; i < p.rows; ++i)
        for (PetscInt k = p.offset[i]; k < p.offset[i + 1]; ++k)
          f(first_ + i, p.global_column(p.column[k]), p.value[k]);
  }

private:
  std::array<SparsePart, 2> part_;
  std::int64_t first_ = 0;
};

/// Rows begin … end − 1 of a SparsePart, column after column.
class ColumnsOfBlock {
public:
  /// May throw bad_alloc.
  void sort(const SparsePart &a, std::int64_t begin, std::int64_t end);
  [[nodiscard]] std::int64_t count(std::int64_t j) const {
    return static_cast<std::int64_t>(start_[j + 1] - start_[j]);
  }
  /// Rows, counted from `begin`, and values of column j of the part.
  [[nodiscard]] const std::uint32_t *rows(std::int64_t j) const { return row_.data() + start_[j]; }
  [[nodiscard]] const PetscScalar *values(std::int64_t j) const {
    return value_.data() + start_[j];
  }

private:
  std::vector<std::size_t> start_, place_;
  std::vector<std::uint32_t> row_;
  std::vector<PetscScalar> value_;
};

} // namespace lathe::sketching
