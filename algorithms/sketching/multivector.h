// SPDX-License-Identifier: BSD-2-Clause
// Tall dense matrices (multivectors) whose products have the same bits on every number of ranks.
//
// The rows are cut into blocks of 512, every rank owns whole blocks, and every operation works
// block by block, so BLAS sees the same calls however many ranks there are. Sums over blocks are
// pre-rounded (core/prerounded.h), so their order does not matter. Cost of an inner product over a
// plain one: one pass for the largest entries and 2 % of additions.
//
// Class R0 for one BLAS library on one kind of processor. Collective functions are named in
// capitals.
#pragma once
#include "core/layout.h"
#include "core/petsc_compat.h"
#include <cstddef>
#include <cstdint>
#include <petscsys.h>
#include <vector>

namespace lathe::sketching {

/// Rows 0 … n−1 in blocks, dealt to the ranks of a communicator in contiguous runs.
class RowBlocks {
public:
  static constexpr std::int64_t height = 512;

  RowBlocks() = default;
  RowBlocks(MPI_Comm comm, std::int64_t rows);

  [[nodiscard]] MPI_Comm comm() const { return comm_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t blocks() const { return (rows_ + height - 1) / height; }
  /// Rows of this rank, or of another one.
  [[nodiscard]] Range range() const { return range_; }
  [[nodiscard]] Range range(int rank) const;
  [[nodiscard]] std::size_t local() const { return static_cast<std::size_t>(range_.size()); }

private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  int size_ = 1;
  std::int64_t rows_ = 0;
  Range range_;
};

/// Local rows of a tall matrix, column-major with leading dimension rows.local(). Owns nothing.
struct TallView {
  RowBlocks rows;
  double *data = nullptr;
  std::size_t cols = 0;
  [[nodiscard]] double *column(std::size_t j) const { return data + j * rows.local(); }
  [[nodiscard]] TallView columns(std::size_t first, std::size_t count) const {
    return {rows, column(first), count};
  }
};

/// The owner of one; zeros at first.
class MultiVector {
public:
  MultiVector() = default;
  MultiVector(const RowBlocks &rows, std::size_t cols)
      : rows_(rows), cols_(cols), data_(rows.local() * cols) {}
  [[nodiscard]] TallView view() { return {rows_, data_.data(), cols_}; }
  [[nodiscard]] TallView columns(std::size_t first, std::size_t count) {
    return view().columns(first, count);
  }
  /// Keep the first `cols` columns, or add columns of zeros.
  void resize(std::size_t cols) {
    cols_ = cols;
    data_.resize(rows_.local() * cols);
  }

private:
  RowBlocks rows_;
  std::size_t cols_ = 0;
  std::vector<double> data_;
};

/// What is known of the columns of X: nothing, or that no entry exceeds 1, which spares a pass over
/// X.
enum class Entries { any, at_most_one };

/// c = XᵀY (X.cols × Y.cols, column-major, on every rank). Two Allreduces.
/// err  FP when an entry of Y (and X, if `any`) is not finite, or the product overflows
PetscErrorCode InnerProduct(TallView X, TallView Y, double *c, Entries of_x = Entries::any);

/// g = XᵀX in full, the same; half the operations.
PetscErrorCode GramMatrix(TallView X, double *g, Entries of_x = Entries::any);

/// c = X_jᵀy_j for every column y_j of Y, one after the other: each with a matrix of its own, whose
/// entries are at most 1 in absolute value. Two Allreduces in all. err  as InnerProduct
PetscErrorCode InnerProducts(const std::vector<TallView> &X, TallView Y, double *c);

/// dots[j] = x_jᵀy_j, X and Y of the same shape.
PetscErrorCode ColumnDots(TallView X, TallView Y, double *dots);

/// Y ← X·C + beta·Y for a small C of X.cols × Y.cols, the same on every rank. Not collective.
void multiply(TallView X, const double *c, double beta, TallView Y);
/// Y ← Y − X·C.
void subtract(TallView X, const double *c, TallView Y);
/// X ← X·R⁻¹ for upper triangular R (X.cols × X.cols). Not collective.
void solve_right(TallView X, const double *r);

/// Orthonormal basis of the range of Y, in its first columns->size() columns; what the others then
/// hold is of no use. Column i of the basis comes from column (*columns)[i] of Y: in that order QᵀY
/// is upper triangular up to rounding. Columns that depend on others to a relative k·2⁻⁵² of their
/// own length are left out. Columns times powers of two have a basis of the same bits.
///
/// Block Gram-Schmidt whose blocks are the columns that pivoted Cholesky factorisation of the Gram
/// matrix accepts above 10⁻⁶, each made orthonormal by Cholesky twice: ‖I − QᵀQ‖ ≤ 1e-14·k for Y of
/// any condition. Cost: 4 to 12 products of N×k by k×k. Memory: Y again.
///   out  row_error  may be null. Row i of the basis has an error of about 2⁻⁵³·row_error of its
///                   own length, whatever the length of row i of Y: triangle_condition of the
///                   factor of the only block; infinite where there are more
/// err  FP when an entry is not finite
PetscErrorCode Orthonormalize(TallView Y, std::vector<std::size_t> *columns,
                              double *row_error = nullptr);

/// ‖|R|·|R⁻¹|‖_F/√n of an upper triangular R (n × n): what rounding errors in the solution of w·R =
/// a grow by (Bauer, Skeel), 1 for a diagonal R; columns of R may have any scale. Infinite where R
/// is singular.
double triangle_condition(const double *r, std::size_t n);

/// How the entries of random test vectors are distributed.
enum class TestVectors {
  rademacher, // ±1
  gaussian,   // standard normal
  sphere      // uniform on the sphere of radius √N: Gaussian, scaled
};

/// Fill X: entry (i, j) is a function of (seed, first_column + j, global row i) alone; `sphere`
/// scales by a norm of class R0. Cost: 12 ns an entry, 1 ns for rademacher.
PetscErrorCode FillTestVectors(TestVectors kind, std::uint64_t seed, std::uint64_t first_column,
                               TallView X);

} // namespace lathe::sketching
