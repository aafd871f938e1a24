// SPDX-License-Identifier: BSD-2-Clause
// Largest eigenvalue of a positive semidefinite matrix from the traces of its first four powers.
//
// The eigenvalues λ_i ≥ 0 carry the discrete measures Σ λ_i^s δ_{λ_i}; a measure's mass at a point
// is at most its Christoffel function there. With p_k = tr G^k, for s = 1 and 2 (two moments'
// worth of polynomials of degree 1) and s = 0 (degree 2) this says that λ_max satisfies
//   x·(p₁x² − 2p₂x + p₃) ≤ p₁p₃ − p₂²,
//   x²·(p₂x² − 2p₃x + p₄) ≤ p₂p₄ − p₃²,
//   vᵀ adj(H) v ≤ det H,  v = (1, x, x²),  H = Hankel(n, p₁, …, p₄),
// so the largest x that does bounds λ_max. Always also λ_max ≤ p₄^¼ and λ_max ≥ p₄/p₃.
#pragma once
#include <cstddef>

namespace lathe::lipschitz {

struct MomentBound {
  double lower = 0, upper = 0;
};

/// Rigorous bounds of λ_max of an n×n positive semidefinite matrix, n ≥ 1.
///  in  p      computed p₁ … p₄
///  in  error  the true moments lie in [p_k − error_k, p_k + error_k]; ≥ 0
/// These errors and all rounding in here only widen the result: the inequalities form differences
/// that cancel (rank one, equal eigenvalues), so relative errors δ of the moments cost up to √δ of
/// `upper`, more the closer eigenvalues are.
/// upper ≤ p₄^¼ always. Cost: some thousand flops. Zero moments give lower = 0.
MomentBound moment_bound(std::size_t n, const double p[4], const double error[4]) noexcept;

} // namespace lathe::lipschitz
