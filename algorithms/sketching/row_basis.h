// SPDX-License-Identifier: BSD-2-Clause
// Orthonormal bases whose every row is accurate relative to its own length, however small it is and
// however ill conditioned the matrix: what row scores are read from.
#pragma once
#include "sketching/multivector.h"

namespace lathe::sketching {

/// *basis ← orthonormal basis of the range of A. Row i is a_i times a small matrix, with an error
/// of at most 3e-14 (measured; 1e-15 beyond a condition number of 10³) of its own length, for every
/// A of full numerical rank: condition numbers up to 10¹⁴ with unit columns. `columns` as
/// Orthonormalize; where that leaves columns out, it is the columns kept that the rows belong to.
///
/// Orthonormalize gives R with A·R⁻¹ of condition about 1. Where it has lost digits, the rows of
/// A·R⁻¹ are solved for again in double-double, with an error of 2⁻¹⁰⁴ times the condition number
/// of R; that R itself carries rounding errors no longer matters. The Gram matrix of these rows
/// then gives what they lack to be orthonormal. Class R0. Cost: Orthonormalize, and beyond a
/// condition number of some 100 (triangle_condition) as much again for up to 10³, 0.8 times as much
/// above: 20000×100 in 0.035, 0.09 and 0.11 s for 10, 10³ and 10¹⁰. Memory: three times A.
/// err  FP an entry is not finite
PetscErrorCode RowBasis(TallView A, MultiVector *basis, std::vector<std::size_t> *columns);

/// *rows ← as many columns as the rank of [A; √lambda·I], lambda > 0, so that ‖row i‖² is
/// a_iᵀ(AᵀA + lambda·I)⁻¹a_i to the same accuracy: the upper block of such a basis. *rank: of A.
/// Cost: 1.4 to 1.8 times that of RowBasis.
PetscErrorCode RidgeRows(TallView A, double lambda, MultiVector *rows, std::size_t *rank);

/// *r ← upper triangle of QᵀX, and zeros below: R with X = Q·R, where Q is the basis that
/// Orthonormalize has made of the columns of X, in their order. Collective; class R0.
PetscErrorCode Triangle(TallView Q, TallView X, std::vector<double> *r);

/// X ← X·R⁻¹ for upper triangular R (X.cols × X.cols) by forward substitution in double-double,
/// rounded: entries with an error of 2⁻⁵³ of themselves and 2⁻¹⁰⁴ times the condition number of R.
/// Not collective.
void solve_rows(TallView X, const std::vector<double> &r);

} // namespace lathe::sketching
