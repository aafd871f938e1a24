// SPDX-License-Identifier: BSD-2-Clause
// Residual r = b − A·x and gradient g = Aᵀ·W·r of a least-squares problem in one pass over A, in
// one, two or three doubles a number (expansion.h). The accuracy of a refined solution is that of g
// (A. Björck, BIT 7 (1967)), and in double-double the pass is no dearer than two ordinary products:
// it waits for memory.
#pragma once
#include "core/row_matrix.h"
#include "sketching/expansion.h"
#include "sketching/local_vector.h"
#include "sketching/normal_residual_isa.h"
#include <memory>
#include <string>

namespace lathe::sketching {

/// What goes into a pass beside A. Vectors of row values are the local parts.
struct NormalTerms {
  const ExpansionVector *x = nullptr; // n numbers, the same on every rank
  const double *b = nullptr;          // local rows; null: 0
  const double *weight = nullptr;     // local rows, W = diag(weight); null: 1
  const double *scale = nullptr;      // n powers of two; A·diag(scale) in the place of A; null: 1
  double *residual = nullptr;         // out: r rounded, local rows; null: not wanted
};

/// The rows of A on this rank.
class LocalRows {
public:
  /// MATDENSE types are read in place, which A must outlive; the rows of others (MatGetRow) are
  /// copied (core/row_matrix.h); of a matrix without rows, as MATSHELL, the products are used, and
  /// it must outlive *this too. Collective on A.
  /// err  SUP for complex scalars, neither rows nor products; FP an entry of a sparse matrix is
  ///      not finite
  PetscErrorCode Create(Mat A);

  /// False: products only, hence one term and no Copy.
  [[nodiscard]] bool has_entries() const { return !operator_; }

  [[nodiscard]] MPI_Comm comm() const { return comm_; }
  [[nodiscard]] std::int64_t global_rows() const { return global_rows_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t cols() const { return cols_; }
  [[nodiscard]] std::int64_t first_row() const { return first_row_; }
  [[nodiscard]] bool dense() const { return !sparse_; }
  /// Entries of A over all ranks, without the zeros of a sparse one.
  [[nodiscard]] double entries() const;

  /// g = Aᵀ·W·(b − A·x) with the number of terms of x. Collective; one reduction to rank 0.
  ///   out  g      on rank 0; on the others anything
  ///        norm2  (b − A·x)ᵀ·W·(b − A·x) on rank 0
  /// Error of g, dense or sparse: c·k·u_t·|A|ᵀW(|b| + |A||x|), u_t = 2⁻⁵³, 2⁻¹⁰⁵, 2⁻¹⁵⁷ for one,
  /// two, three terms, k the longer of the sums that a number of g goes through, c at most 20 (the
  /// tests hold it below 1).
  /// Class R2: partial sums are those of ranks and vector lanes.
  PetscErrorCode NormalResidual(const NormalTerms &terms, ExpansionVector *g, double *norm2) const;

  /// tile ← rows first … first + count − 1 of A·diag(scale), column-major. Not collective.
  PetscErrorCode Copy(std::size_t first, std::size_t count, const double *scale, double *tile,
                      std::size_t ld) const;

  /// largest[j] ← max_i |a_ij| over all ranks. Collective; one reduction.
  /// err  FP an entry is not finite; the message names it
  PetscErrorCode LargestInColumns(std::vector<double> *largest) const;

private:
  PetscErrorCode Products(const NormalTerms &terms, ExpansionVector *g, double *norm2) const;
  PetscErrorCode LargestByProducts(std::vector<double> *largest, std::string *where) const;

  MPI_Comm comm_ = MPI_COMM_NULL;
  Mat dense_ = nullptr, operator_ = nullptr;
  std::shared_ptr<RowMatrix> sparse_;
  std::int64_t global_rows_ = 0, first_row_ = 0;
  std::size_t rows_ = 0, cols_ = 0;
};

} // namespace lathe::sketching
