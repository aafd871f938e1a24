// SPDX-License-Identifier: BSD-2-Clause
// Largest eigenvalue of a positive semidefinite matrix H from the traces of its first four powers.
//
// Every polynomial q and every eigenvalue λ of H satisfy q(λ)² ≤ Σ q(λ_i)² = ‖q(H)‖_F², so λ_max is
// at most the largest x with q(x) ≤ ‖q(H)‖_F. The best quadratic is the kernel polynomial K(x, ·)
// of the measure Σ δ_{λ_i} at the bound x itself, where the Christoffel function 1/K(x, x) is 1:
// nothing smaller follows from the moments tr Hᵏ, k = 0 … 4. Computed from the moments it would
// lose half of the digits wherever q has its roots at eigenvalues (one or two distinct ones), and
// (1 − λ₂/λ₁)² of the rest. Here the moments only choose q; ‖q(H)‖_F is taken from the matrix
// H² − sH + pI itself, whose entries cancel to rounding errors.
#pragma once
#include "core/dense.h"

namespace lathe::lipschitz {

/// A Hermitian positive semidefinite H and its square as they are stored, both triangles, n×n.
template <class W> struct SquaredMatrix {
  dense::View<const W> matrix; ///< G with ‖G − H‖_F ≤ error
  double error = 0;
  dense::View<const W> square; ///< S with ‖2^shift·S − G²‖_F ≤ square_error; shift ≥ 0
  int shift = 0;
  double square_error = 0;
};

/// x ≥ λ_max(H), whatever rounding did; n ≥ 1, entries of G of order 1 (largest diagonal entry in
/// [1, 2)). W: double or complex<double>.
/// With N ≈ error·(2 + s) + square_error, one or two distinct eigenvalues λ₁ > λ₂ give
/// x ≤ λ₁ + min(N/(λ₁ − λ₂), √N). Cost: some 30n² operations.
template <class W> double moment_bound(const SquaredMatrix<W> &h) noexcept;

} // namespace lathe::lipschitz
