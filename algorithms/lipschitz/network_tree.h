// SPDX-License-Identifier: BSD-2-Clause
// The layer list as the tree that its residual markers spell.
#pragma once
#include "lipschitz/network.h"

namespace lathe::lipschitz {

/// A layer, or a residual block when `residual`: `layer` is then its residual_begin.
struct Node {
  std::size_t layer = 0;
  bool residual = false, has_shortcut = false;
  std::vector<Node> branch, shortcut;
};
using Sequence = std::vector<Node>;

/// Precondition: layer_shapes(network) returned, so the markers balance.
inline Sequence network_tree(const Network &network, std::size_t &next) {
  Sequence sequence;
  for (; next < network.layers.size(); ++next) {
    const LayerType type = network.layers[next].type;
    if (type == LayerType::residual_shortcut || type == LayerType::residual_end)
      return sequence;
    Node node{next, type == LayerType::residual_begin, false, {}, {}};
    if (node.residual) {
      node.branch = network_tree(network, ++next);
      node.has_shortcut = network.layers[next].type == LayerType::residual_shortcut;
      if (node.has_shortcut)
        node.shortcut = network_tree(network, ++next);
    }
    sequence.push_back(std::move(node));
  }
  return sequence;
}
inline Sequence network_tree(const Network &network) {
  std::size_t next = 0;
  return network_tree(network, next);
}

} // namespace lathe::lipschitz
