// SPDX-License-Identifier: BSD-2-Clause
// Batch normalisation at inference is a diagonal map, y_c = s_c·x_c + const with
// s = γ/√(var + ε). It belongs to the convolution or linear layer beside it: ‖diag(s)·K‖ is at most
// max|s|·‖K‖ and often half of that.
#pragma once
#include "lipschitz/network.h"

namespace lathe::lipschitz {

/// s_c; var + eps, √ and ÷ are one rounding each, so |fl(s) − s| ≤ γ₃·|fl(s)|.
std::vector<double> batch_norm_scale(const Layer &batch_norm);
inline constexpr int batch_norm_roundings = 3;

/// max|s_c|, rounded outward: exact norm of the layer.
NormBracket batch_norm_bracket(const Layer &batch_norm);

/// Layers whose batch-norms are to be multiplied into linear layer `layer`.
struct Fusion {
  std::vector<std::size_t> before, after; ///< indices of batch-norm layers
  [[nodiscard]] bool empty() const noexcept { return before.empty() && after.empty(); }
  [[nodiscard]] bool contains(std::size_t i) const noexcept;
};

/// For every layer of type conv, conv_transpose or linear: the batch-norms directly after it, and
/// those directly before it that no earlier layer took; dropout and identity do not separate.
/// One entry a layer of the network, empty for the others.
std::vector<Fusion> find_fusions(const Network &network);

/// The layer with scaled weights (output and input channels), and how far the stored weights can be
/// from the exact products: entry by entry |exact − stored| ≤ γ_roundings·|stored|. A product that
/// overflows is refused (std::invalid_argument).
struct FusedLayer {
  Layer layer;
  int roundings = 0;
};
FusedLayer fuse(const Network &network, std::size_t layer, const Fusion &fusion);

/// Bound of ‖ΔA‖₂ when every weight of A is off by a relative γ_roundings: γ·Σ_a ‖K_a‖_F over the
/// taps a (times the number of copies that reflect or replicate padding makes), rounded up.
double weight_error(const Layer &layer, int roundings);

} // namespace lathe::lipschitz
