// SPDX-License-Identifier: BSD-2-Clause
// Lipschitz bound of a chain x_l = φ_l(W_l·x_{l−1} + b_l), l < L, y = W_L·x_{L−1}, whose
// activations act entry by entry with slopes in [0, β_l].
//
// Scalar form of LipSDP (Fazlyab et al., NeurIPS 2019), solved in closed form layer by layer as in
// ECLipsE-Fast (Xu & Sivaranjani, NeurIPS 2024): with Δ a difference of two trajectories, keep
//   |Δx_0|² ≥ Δx_lᵀ·M_l·Δx_l ,   M_0 = I.
// Slopes in [0, 1] mean Δx_lᵀ(W_lΔx_{l−1} − Δx_l) ≥ 0; adding λ times that and minimising over
// Δx_{l−1} gives, for every λ > 0 that keeps it positive definite,
//   M_l = λI − ¼λ²B_l ,   B_l = W_l·M_{l−1}⁻¹·W_lᵀ ,
// and finally L² = ‖B_L‖₂. λ = 2/‖B_l‖₂ maximises the least eigenvalue of M_l, 1/‖B_l‖₂; so L is
// never above Π‖W_l‖₂, and below it because M_l is larger everywhere else. β ≠ 1 multiplies the
// next W.
//
// Rigorous: M_l is the stored floating-point matrix, lowered by all that rounding could have done.
// With X ≈ M⁻¹Wᵀ from a Cholesky factor and R = Wᵀ − MX, exactly
//   W·M⁻¹·Wᵀ = Xᵀ·Wᵀ + Rᵀ·X + Rᵀ·M⁻¹·R ,
// so ‖R‖, ‖X‖ and a lower bound of λ_min(M) (known: λ − ¼λ²‖B‖) enclose B_l, whatever the
// factorisation did.
#pragma once
#include "lipschitz/norm_bracket.h"
#include <cstddef>
#include <vector>

namespace lathe::lipschitz {

/// One linear map of a chain, column-major rows×cols, known up to ‖exact − a‖_F ≤ error.
struct ChainMatrix {
  std::size_t rows = 0, cols = 0;
  std::vector<double> a;
  double error = 0;
};

/// ‖A‖_F, rounded up.
double frobenius_up(const std::vector<double> &a);

/// second·first, with its error.
ChainMatrix multiply(const ChainMatrix &second, const ChainMatrix &first);

/// Upper bound for W_1 … W_L and β_1 … β_{L−1} (slopes.size() + 1 == chain.size()); rigorous for
/// the stored matrices and errors. Returns +∞ when overflow or ill-conditioning defeats it.
/// Cost about Σ (2n_{l−1}³/6 + 4·n_{l−1}²·n_l + 2·n_{l−1}·n_l²); memory a few n². Serial.
double chain_bound(const std::vector<ChainMatrix> &chain, const std::vector<double> &slopes);

} // namespace lathe::lipschitz
