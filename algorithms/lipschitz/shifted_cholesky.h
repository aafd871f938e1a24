// SPDX-License-Identifier: BSD-2-Clause
// Rigorous upper bound of the largest eigenvalue by one Cholesky factorisation.
//
// If the factorisation of B = fl(τI − G) runs to its end in floating-point arithmetic, then
//   λ_min(B) ≥ −γ_K/(1 − γ_K)·tr B − underflow,      so λ_max(G) ≤ τ + slack
// (Higham, Accuracy and Stability, Theorems 10.3 and 10.5; Rump, Verification of positive
// definiteness, BIT 46 (2006)). K counts the roundings that a term of an inner product can meet.
// Textbook Cholesky has K = n + 1; here inner products are cut into blocks of 256 whose sums are
// added explicitly, so K = 256 + ⌈n/256⌉ + 4 beyond n = 256 whatever order BLAS sums in: the slack
// grows with n, not n². Complex arithmetic: √2·γ_{2K}.
#pragma once
#include "core/dense.h"
#include <algorithm>

namespace lathe::lipschitz {

/// Columns of the inner-product blocks.
inline constexpr std::size_t cholesky_block = 256;

/// K of the blocked algorithm of shifted_cholesky, and when n ≤ 256 of LAPACK's potrf with any
/// blocking. Beyond the textbook's + 1: BLAS may multiply by a rounded reciprocal instead of
/// dividing.
inline constexpr std::size_t cholesky_terms(std::size_t n) noexcept {
  return std::min(n, cholesky_block) + (n + cholesky_block - 1) / cholesky_block + 4;
}

/// Bound of −λ_min(B) after a successful factorisation of Hermitian B of order n with this trace
/// and largest diagonal entry, whose terms meet at most `terms` roundings. Rounded up; T gives the
/// precision and real or complex.
template <class T>
double cholesky_slack(std::size_t n, double trace, double largest_diagonal,
                      std::size_t terms) noexcept;
template <class T>
double cholesky_slack(std::size_t n, double trace, double largest_diagonal) noexcept {
  return cholesky_slack<T>(n, trace, largest_diagonal, cholesky_terms(n));
}

struct ShiftedCholesky {
  bool positive = false; ///< the factorisation ran to its end
  double upper = 0;      ///< rigorous: λ_max(G) ≤ upper for the stored G; +∞ unless positive
  std::size_t pivot = 0; ///< order of the first minor that is not positive definite, else 0
};

/// Try to certify λ_max(G) ≤ τ + slack.
///  in   g          n×n Hermitian, lower triangle; scaled so that τ is of order 1 (2⁻²⁰⁰ … 2²⁰⁰)
///  in   tau        > 0
///  out  work       n×n, leading dimension n; receives the factor
///  out  panel      n×256 entries when n > 256, else unused (may be null)
///  out  direction  n entries or null: on failure x ≠ 0 with xᴴGx ≥ τ·xᴴx up to rounding, a start
///                  for Lanczos
/// Cost n³/3 real or complex multiplications. No allocation.
template <class T>
ShiftedCholesky shifted_cholesky(dense::View<const T> g, double tau, T *work, T *panel,
                                 T *direction) noexcept;

} // namespace lathe::lipschitz
