// SPDX-License-Identifier: BSD-2-Clause
// What ℓ_p regression and sensitivities need of a tall matrix: an orthonormal basis of its range
// that is as good for badly conditioned matrices as for others, and the way back, from coordinates
// in that basis to solutions and from dual vectors to feasible ones, in double-double.
//
// With Â = A·2^(−k), columns scaled to a largest entry in [1, 2), Â·R⁻¹ is computed in
// double-double and rounded: each row of the basis has an error of 2⁻⁵² of its own length, where
// Gram-Schmidt in doubles leaves 2⁻⁵² times the condition number (up to 1e15: beyond that columns
// are found to depend on the others).
#pragma once
#include "sketching/column_scale.h"
#include "sketching/expansion.h"
#include "sketching/tall_matrix.h"

namespace lathe::sketching {

class LpBasis {
public:
  /// Collective; class R0. A must outlive *this. Cost: 8 to 20 products of A by n×n, half of them
  /// for double-double. Memory: 4 times A at the peak, then once.
  PetscErrorCode Create(TallMatrix &A);

  [[nodiscard]] std::size_t rank() const { return columns_.size(); }
  /// m × rank, orthonormal.
  [[nodiscard]] TallView Q() { return basis_.view(); }
  /// The columns of A that x̂ is for.
  [[nodiscard]] const std::vector<std::size_t> &columns() const { return columns_; }
  /// Â_j = A_j·2^(−k) for the j-th of `columns`.
  [[nodiscard]] int exponent(std::size_t j) const { return scale_.exponent(columns_[j]); }

  /// e = b − Âx̂, rounded from double-double, and, unless null, what rounding left; local rows.
  void Residual(const double *b, const ExpansionVector &x, double *e, double *rest = nullptr) const;
  /// x̂ ← x̂ + z with Âz = Qy to a relative 2⁻⁵² of each entry, for every condition.
  void Add(const std::vector<double> &y, ExpansionVector *x) const;
  /// h = QᵀU with Q = ÂR⁻¹ and not its rounding: zero to 2⁻⁵²‖h‖ only where Aᵀu = 0. In: u as the
  /// sum of two columns. Collective; class R0.
  PetscErrorCode Against(TallView u, std::vector<double> *h) const;

private:
  TallMatrix *A_ = nullptr;
  ColumnScale scale_;
  std::vector<std::size_t> columns_; // of A
  std::vector<double> triangle_;     // R: Â = B·R, B nearly orthonormal
  std::vector<double> correction_;   // C: B in the order `order_` is Q·C
  std::vector<std::size_t> order_;
  MultiVector basis_;
};

} // namespace lathe::sketching
