// SPDX-License-Identifier: BSD-2-Clause
// Evaluation of a network and products with its Jacobian and the transpose, in double.
#pragma once
#include "lipschitz/layer_map.h"
#include "lipschitz/network_tree.h"
#include <memory>

namespace lathe::lipschitz {

/// Reusable evaluator; borrows the network. forward() records the point that jvp and vjp are about.
/// Cost of each: one pass of multiplications as in the network itself, weights read once. At a kink
/// of an activation or a tie of a max-pool one of the directional derivatives is taken (left slope,
/// first maximum).
class NetworkEvaluator {
public:
  /// throws std::invalid_argument as layer_shapes
  explicit NetworkEvaluator(const Network &network);

  [[nodiscard]] std::int64_t input_size() const noexcept { return shapes_.front().size(); }
  [[nodiscard]] std::int64_t output_size() const noexcept { return shapes_.back().size(); }

  std::vector<double> forward(const double *x);
  [[nodiscard]] std::vector<double> jvp(const std::vector<double> &v) const; ///< J·v
  [[nodiscard]] std::vector<double> vjp(const std::vector<double> &u) const; ///< Jᵀ·u

private:
  void value(const Sequence &sequence, std::vector<double> &x);
  void layer_value(std::size_t i, std::vector<double> &x);
  void layer_tangent(std::size_t i, std::vector<double> &v) const;
  void layer_cotangent(std::size_t i, std::vector<double> &u) const;
  void tangent(const Sequence &sequence, std::vector<double> &v) const;
  void cotangent(const Sequence &sequence, std::vector<double> &u) const;
  void max_pool(std::size_t i, std::vector<double> &x);

  const Network &network_;
  std::vector<Shape> shapes_;
  Sequence tree_;
  std::vector<std::unique_ptr<LayerMap>> maps_; // null where the layer is not linear
  std::vector<WindowMap> pools_;
  std::vector<std::vector<double>> slopes_;       // activations at the recorded point
  std::vector<std::vector<std::int64_t>> argmax_; // max-pools at the recorded point
};

} // namespace lathe::lipschitz
