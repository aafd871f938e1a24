// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/batch_norm.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace lathe::lipschitz {
namespace {

bool takes_scaling(LayerType type) noexcept {
  return type == LayerType::conv || type == LayerType::conv_transpose || type == LayerType::linear;
}
bool transparent(LayerType type) noexcept {
  return type == LayerType::dropout || type == LayerType::identity;
}

// Weights are stored (first, second/groups, taps); conv_transpose has input channels first.
struct WeightAxes {
  std::size_t first, second, taps; // second: channels of one group
};
WeightAxes axes(const Layer &layer) noexcept {
  const bool transposed = layer.type == LayerType::conv_transpose;
  const auto first = static_cast<std::size_t>(transposed ? layer.cin : layer.cout);
  const auto second =
      static_cast<std::size_t>((transposed ? layer.cout : layer.cin) / layer.groups);
  return {first, second, first * second == 0 ? 0 : layer.weight.size() / (first * second)};
}

void scale_channels(Layer &layer, const std::vector<double> &scale, bool output) {
  const auto [first, second, taps] = axes(layer);
  const bool by_first = output == (layer.type != LayerType::conv_transpose);
  const std::size_t rows_per_group = first / static_cast<std::size_t>(layer.groups);
  for (std::size_t r = 0; r < first; ++r)
    for (std::size_t c = 0; c < second; ++c) {
      const double s = scale[by_first ? r : r / rows_per_group * second + c];
      double *weight = layer.weight.data() + (r * second + c) * taps;
      for (std::size_t a = 0; a < taps; ++a)
        weight[a] *= s;
    }
}

} // namespace

std::vector<double> batch_norm_scale(const Layer &layer) {
  std::vector<double> scale(layer.gamma.size());
  for (std::size_t c = 0; c < scale.size(); ++c)
    scale[c] = layer.gamma[c] / std::sqrt(layer.var[c] + layer.eps);
  return scale;
}

NormBracket batch_norm_bracket(const Layer &layer) {
  double largest = 0;
  for (const double s : batch_norm_scale(layer))
    largest = std::max(largest, std::abs(s));
  NormBracket b{};
  const double slack = gamma_up(batch_norm_roundings);
  b.lower = largest > 0 ? mul_down(largest, down(1 - slack)) : 0;
  b.upper = largest > 0 ? mul_up(largest, up(1 + slack)) : 0;
  b.method = "diagonal";
  return b;
}

bool Fusion::contains(std::size_t i) const noexcept {
  return std::find(before.begin(), before.end(), i) != before.end() ||
         std::find(after.begin(), after.end(), i) != after.end();
}

std::vector<Fusion> find_fusions(const Network &network) {
  std::vector<Fusion> fusions(network.layers.size());
  std::vector<std::size_t> waiting; // batch-norms that no earlier layer took
  std::size_t owner = network.layers.size();
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const LayerType type = network.layers[i].type;
    if (takes_scaling(type)) {
      owner = i;
      fusions[i].before = std::move(waiting);
      waiting.clear();
    } else if (type == LayerType::batchnorm) {
      if (owner < network.layers.size())
        fusions[owner].after.push_back(i);
      else
        waiting.push_back(i);
    } else if (!transparent(type)) {
      owner = network.layers.size();
      waiting.clear();
    }
  }
  return fusions;
}

FusedLayer fuse(const Network &network, std::size_t index, const Fusion &fusion) {
  FusedLayer fused{network.layers[index], 0};
  const auto scale = [&](std::size_t i, bool output) {
    const Layer &norm = network.layers[i];
    scale_channels(fused.layer, batch_norm_scale(norm), output);
    const auto &weight = fused.layer.weight;
    if (std::any_of(weight.begin(), weight.end(), [](double w) { return !std::isfinite(w); }))
      throw std::invalid_argument("layer '" + norm.name + "' (batchnorm): gamma/sqrt(var + eps) " +
                                  "times the weights of layer '" + fused.layer.name +
                                  "' exceeds the largest double, 1.8e308");
    fused.roundings += batch_norm_roundings + 1;
  };
  for (const std::size_t i : fusion.before)
    scale(i, false);
  for (const std::size_t i : fusion.after)
    scale(i, true);
  return fused;
}

double weight_error(const Layer &layer, int roundings) {
  if (roundings == 0)
    return 0;
  const auto [first, second, taps] = axes(layer);
  double sum = 0;
  for (std::size_t a = 0; a < taps; ++a) {
    double square = 0;
    for (std::size_t rc = 0; rc < first * second; ++rc) {
      const double w = layer.weight[rc * taps + a];
      square = add_up(square, mul_up(w, w));
    }
    sum = add_up(sum, sqrt_up(square));
  }
  const bool copies =
      layer.padding_mode == LATHE_PADDING_REFLECT || layer.padding_mode == LATHE_PADDING_REPLICATE;
  if (copies) // a pixel appears at most 2·pad + 1 times along an axis
    for (int d = 0; d < layer.ndim; ++d)
      sum = mul_up(sum, 2.0 * static_cast<double>(layer.padding[d]) + 1);
  // A product that underflows is off by up to η, in any of the weights.
  return add_up(
      mul_up(gamma_up(roundings), sum),
      mul_up(4.0 * roundings * static_cast<double>(layer.weight.size()), smallest_subnormal));
}

} // namespace lathe::lipschitz
