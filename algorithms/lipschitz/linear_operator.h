// SPDX-License-Identifier: BSD-2-Clause
// What the norm algorithms see of a PETSc matrix: products with 2^-e·A and its adjoint, on plain
// local arrays, scaled so that nothing over- or underflows, and the same bits on every number of
// ranks where the entries are known.
#pragma once
#include "core/row_matrix.h"

namespace lathe::lipschitz {

inline constexpr bool complex_scalars = PetscDefined(USE_COMPLEX);

class LinearOperator {
public:
  /// Matrices with entries (AIJ, BAIJ, SBAIJ, NEST, dense, …) are copied row by row: nnz·12 bytes
  /// for real scalars and 32-bit indices, and as much for an explicit adjoint unless A is
  /// Hermitian: on several ranks at once, on one when its rows are asked for. Others are applied
  /// through MatMult and MatMultHermitianTranspose. Collective on A, which must outlive *this.
  /// err  FP an entry or a first product is not finite; ARG_WRONGSTATE not assembled;
  ///      SUP no adjoint product and not known to be Hermitian
  PetscErrorCode Create(Mat A);

  /// y = 2^-exponent·A·x, or with the adjoint; local parts. Collective. For matrix-free operators
  /// a NaN in y is the caller's to find (norms do).
  PetscErrorCode Apply(bool adjoint, const PetscScalar *x, PetscScalar *y);
  /// y = |2^-exponent·A|·x or |·|ᵀ·x; only when assembled().
  PetscErrorCode ApplyAbsolute(bool adjoint, const PetscReal *x, PetscReal *y);

  [[nodiscard]] MPI_Comm comm() const { return comm_; }
  /// Entries are known: rigorous bounds are possible.
  [[nodiscard]] bool assembled() const { return assembled_; }
  /// Equal to its adjoint, entry by entry (assembled) or as flagged with MatSetOption.
  [[nodiscard]] bool hermitian() const { return hermitian_; }
  [[nodiscard]] int exponent() const { return exponent_; }
  /// Σ of nothing: every entry is zero, or there is none.
  [[nodiscard]] bool zero() const { return zero_; }
  [[nodiscard]] PetscInt global_rows() const { return global_rows_; }
  [[nodiscard]] PetscInt global_columns() const { return global_columns_; }
  /// Local length of the vectors in the domain of A (adjoint: of Aᴴ), and its first global index.
  [[nodiscard]] std::size_t domain(bool adjoint) const { return adjoint ? rows_ : columns_; }
  [[nodiscard]] PetscInt domain_begin(bool adjoint) const {
    return adjoint ? first_row_ : first_column_;
  }
  [[nodiscard]] PetscInt global_domain(bool adjoint) const {
    return adjoint ? global_rows_ : global_columns_;
  }
  /// Rows of A or of Aᴴ; only when assembled().
  [[nodiscard]] const RowMatrix &matrix(bool adjoint) const {
    if (!adjoint || hermitian_)
      return forward_;
    if (adjoint_.rows() == 0 && forward_.local())
      adjoint_.CreateAdjoint(forward_);
    return adjoint_;
  }
  /// Largest number of entries in a row of A or of Aᴴ, over all ranks; only when assembled().
  [[nodiscard]] double longest_row(bool adjoint) const { return longest_row_[adjoint ? 1 : 0]; }
  /// Products with A or Aᴴ so far, absolute ones included.
  [[nodiscard]] long long products() const { return products_; }

private:
  PetscErrorCode CopyEntries(Mat A);
  PetscErrorCode FindScale();

  MPI_Comm comm_ = MPI_COMM_NULL;
  Mat shell_ = nullptr; // not owned
  VecHandle right_, left_;
  RowMatrix forward_;
  mutable RowMatrix adjoint_; // on one rank built when it is first asked for
  double longest_row_[2] = {0, 0};
  bool assembled_ = false, hermitian_ = false, zero_ = false;
  int exponent_ = 0;
  PetscInt global_rows_ = 0, global_columns_ = 0, first_row_ = 0, first_column_ = 0;
  std::size_t rows_ = 0, columns_ = 0;
  long long products_ = 0;
};

} // namespace lathe::lipschitz
