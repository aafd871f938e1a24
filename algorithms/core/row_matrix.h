// SPDX-License-Identifier: BSD-2-Clause
// A sparse matrix as complete local rows in global column order. Its products sum every row from
// left to right, so that they have the same bits on every number of ranks (class R0); PETSc's own
// parallel MatMult sums the diagonal block first and has not.
#pragma once
#include "core/handle.h"
#include <petscsf.h>
#include <complex>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace lathe {

using SfHandle = Handle<PetscSF, PetscSFDestroy>;

/// Product without the special cases of complex multiplication in C++, which cost a branch an
/// entry.
inline PetscReal times(PetscReal a, PetscReal b) {
  return a * b;
}
template <class R> std::complex<R> times(std::complex<R> a, std::complex<R> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// Rows in global column order, by pointers only: row i is [offset[i], offset[i + 1]).
struct RowView {
  const std::size_t *offset = nullptr;
  const PetscInt *column = nullptr; // global
  const PetscScalar *value = nullptr;
};

class RowMatrix {
public:
  /// Copy the rows of A (MATAIJ or any type with MatGetRow); explicit zeros are dropped. Collective
  /// on A. Memory: nnz·(sizeof(PetscScalar) + sizeof(PetscInt)), for complex scalars 8 bytes an
  /// entry more.
  /// err  FP  an entry is infinite or NaN; the message names its row and column
  PetscErrorCode Create(Mat A);
  /// The same of complete rows, those of this rank by `rows` (global columns); finite entries.
  PetscErrorCode Create(PetscLayout rows, PetscLayout columns, RowView entries);

  /// The adjoint of A, which lies on one rank altogether. Not collective.
  void CreateAdjoint(const RowMatrix &A);
  /// A on one rank equals its adjoint, entry by entry; one pass, left at the first difference.
  [[nodiscard]] bool hermitian() const;
  /// All rows and columns are on this rank.
  [[nodiscard]] bool local() const { return local_; }

  /// Multiply every entry by 2^-exponent: exact, except that results below 2^-1022 are rounded.
  void scale(int exponent);

  /// y = A·x; x and y are the local parts in the layouts of A. Collective.
  PetscErrorCode Multiply(const PetscScalar *x, PetscScalar *y);
  /// The same of several columns, with the leading dimensions ldx and ldy: the same bits, one round
  /// of messages for 32 columns. Memory: 32 columns of the x that is needed here.
  PetscErrorCode MultiplyColumns(const PetscScalar *x, std::size_t ldx, std::size_t columns,
                                 PetscScalar *y, std::size_t ldy);
  /// y = |A|·x for real x.
  PetscErrorCode MultiplyAbsolute(const PetscReal *x, PetscReal *y);
  /// y = Aᴴ·x and y = |A|ᵀ·x when local(): the rows are added in their order, so that every sum has
  /// the bits of a product with the rows of the adjoint, which cost as much as ten such products.
  void MultiplyAdjoint(const PetscScalar *x, PetscScalar *y) const;
  void MultiplyAbsoluteAdjoint(const PetscReal *x, PetscReal *y) const;
  /// Largest number of entries in a column, when local(). One pass.
  [[nodiscard]] double longest_column() const;

  /// All rows, on a communicator of one rank.
  [[nodiscard]] RowView view() const { return {offset_.data(), column_.data(), value_.data()}; }

  /// The same entries in the same places, on this rank.
  [[nodiscard]] bool identical(const RowMatrix &other) const;

  [[nodiscard]] std::size_t rows() const { return offset_.empty() ? 0 : offset_.size() - 1; }
  [[nodiscard]] std::size_t entries() const { return value_.size(); }
  [[nodiscard]] std::size_t row_begin(std::size_t i) const { return offset_[i]; }
  [[nodiscard]] PetscInt global_column(std::size_t k) const {
    return needed_[static_cast<std::size_t>(column_[k])];
  }
  /// Where that column stands in needed_columns().
  [[nodiscard]] std::size_t position(std::size_t k) const {
    return static_cast<std::size_t>(column_[k]);
  }
  [[nodiscard]] PetscScalar value(std::size_t k) const { return value_[k]; }
  /// |value(k)|, for complex scalars rounded up.
  [[nodiscard]] PetscReal absolute(std::size_t k) const {
    if constexpr (std::is_same_v<PetscScalar, PetscReal>)
      return PetscAbsScalar(value_[k]);
    else
      return absolute_[k];
  }
  /// Largest |real| or |imaginary| part of an entry, over all ranks.
  [[nodiscard]] double largest_part() const { return largest_part_; }
  [[nodiscard]] bool nonnegative() const { return nonnegative_; }
  /// Largest number of entries in a row, over all ranks.
  [[nodiscard]] double longest_row() const { return longest_row_; }
  [[nodiscard]] double global_entries() const { return global_entries_; }
  /// Σ (entries of a row)² over all ranks: flops of AᴴA and a bound on its entries.
  [[nodiscard]] double row_squares() const { return row_squares_; }
  [[nodiscard]] PetscInt first_row() const { return first_row_; }
  [[nodiscard]] const std::vector<PetscInt> &needed_columns() const { return needed_; }

private:
  PetscErrorCode CopyRows(Mat A);
  PetscErrorCode CopySequential(Mat A, bool *done);
  PetscErrorCode Survey(MPI_Comm comm);
  void drop_zeros();
  void fill_absolute();
  PetscErrorCode ConnectColumns(PetscLayout columns);
  /// `width` numbers for each needed column, one of MPI's `type` together.
  template <class T>
  PetscErrorCode Gather(MPI_Datatype type, const T *x, std::size_t width, std::vector<T> &buffer,
                        const T **gathered);

  std::vector<std::size_t> offset_;
  std::vector<PetscInt> column_; // position in needed_
  std::vector<PetscScalar> value_;
  std::vector<PetscReal> absolute_; // rounded up; complex scalars only
  std::vector<PetscInt> needed_;    // global columns with an entry on this rank, increasing
  SfHandle gather_;
  std::vector<PetscScalar> scalar_buffer_;
  std::vector<PetscReal> real_buffer_;
  bool local_ = false; // needed_ is the whole local part of x, nothing to gather
  bool nonnegative_ = false;
  double largest_part_ = 0, longest_row_ = 0, global_entries_ = 0, row_squares_ = 0;
  PetscInt first_row_ = 0;
};

} // namespace lathe
