// SPDX-License-Identifier: BSD-2-Clause
// Brackets of single layers, and which layers can be taken together.
#pragma once
#include "lipschitz/batch_norm.h"
#include "lipschitz/network_tree.h"

namespace lathe::lipschitz {

/// Layer of the branch of `block` when I + branch is one convolution or linear map: the shortcut is
/// the identity, the branch holds one conv (stride 1, size kept, a tap at offset zero) or one
/// square linear layer, and otherwise only batch-norms that join it. layers.size() when there is
/// none.
std::size_t joinable_layer(const Network &network, const std::vector<Shape> &shapes,
                           const std::vector<Fusion> &fusions, const Node &block);

/// Add 1 to the weights at which the layer reads its own output position: I + layer.
void add_identity(Layer &layer);

/// Most windows of a pool that share one input element.
std::int64_t window_overlap(const Layer &layer, const Shape &in, const Shape &out);

} // namespace lathe::lipschitz
