// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/network.h"
#include "core/citation.h"
#include "core/error.h"
#include "core/interruption.h"
#include "lipschitz/layer_bracket.h"
#include "lipschitz/layer_map.h"
#include "lipschitz/lipsdp.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {
namespace {

enum class Mode { product, fused, lipsdp };

// A factor of exactly 1 costs no rounding.
double times(double a, double b) {
  return a == 1 ? b : b == 1 ? a : mul_up(a, b);
}

// The layer's linear map as a matrix, column by column; exact but for its entry_roundings.
ChainMatrix dense_matrix(const LayerMap &map) {
  ChainMatrix w{to_size(map.rows()), to_size(map.cols()), {}, 0};
  w.a.resize(w.rows * w.cols);
  std::vector<double> unit(w.cols);
  for (std::size_t j = 0; j < w.cols; ++j) {
    unit[j] = 1;
    map.apply(unit.data(), w.a.data() + j * w.rows);
    unit[j] = 0;
  }
  if (map.entry_roundings() > 0)
    w.error = mul_up(gamma_up(map.entry_roundings()), frobenius_up(w.a));
  return w;
}

// Consecutive nodes that count as one map: a convolution or linear layer with the batch-norms that
// joined it, or any single node.
struct Unit {
  const Node *begin, *end;
  const Node *owner; ///< the layer whose bracket stands for the unit
};

class Composer {
public:
  Composer(const Network &network, const NetworkOptions &options, NetworkBound &bound)
      : network_(network), options_(options), bound_(bound), shapes_(layer_shapes(network)),
        fusions_(find_fusions(network)) {}

  double sequence(const Sequence &nodes, Mode mode) {
    const std::vector<Unit> all = units(nodes);
    double product = 1;
    for (std::size_t i = 0; i < all.size();) {
      std::size_t end = i;
      while (mode == Mode::lipsdp && end < all.size() && can_chain(all[end]))
        ++end;
      if (end == i)
        end = i + 1;
      double factor = 1;
      for (std::size_t j = i; j < end; ++j)
        factor = times(factor, single(all[j], mode));
      if (end - i > 1)
        factor = std::min(factor, chained({all.begin() + i, all.begin() + end}));
      product = times(product, factor);
      i = end;
    }
    return product;
  }

private:
  [[nodiscard]] std::vector<Unit> units(const Sequence &nodes) const {
    std::vector<Unit> list;
    for (std::size_t i = 0; i < nodes.size();) {
      std::size_t owner = i;
      for (std::size_t j = i; j < nodes.size(); ++j)
        if (fusions_[nodes[j].layer].contains(nodes[i].layer))
          owner = j;
      std::size_t last = owner;
      for (std::size_t j = owner + 1; j < nodes.size(); ++j)
        if (fusions_[nodes[owner].layer].contains(nodes[j].layer))
          last = j;
      list.push_back({&nodes[i], &nodes[i] + (last - i) + 1, &nodes[owner]});
      i = last + 1;
    }
    return list;
  }

  double single(const Unit &unit, Mode mode) {
    if (unit.owner->residual)
      return residual(*unit.owner, mode);
    double product = 1;
    for (const Node *node = unit.begin; node != unit.end; ++node) {
      const LayerBound &b = bound_.layers[node->layer];
      const NormBracket &used = mode == Mode::product ? b.plain : b.fused;
      product = times(product, used.upper);
      bound_.certificate = std::max(bound_.certificate, used.certificate);
    }
    return product;
  }

  double residual(const Node &node, Mode mode) {
    const double branch = sequence(node.branch, mode);
    const double sum = add_up(node.has_shortcut ? sequence(node.shortcut, mode) : 1.0, branch);
    const std::size_t joined = joinable_layer(network_, shapes_, fusions_, node);
    if (mode == Mode::product || joined == network_.layers.size())
      return sum;
    const NormBracket &used = bound_.layers[joined].joined;
    bound_.certificate = std::max(bound_.certificate, used.certificate);
    return std::min(sum, used.upper);
  }

  [[nodiscard]] bool can_chain(const Unit &unit) const {
    const Layer &layer = network_.layers[unit.owner->layer];
    const Shape &in = shapes_[unit.begin->layer], &out = shapes_[unit.owner->layer + 1];
    if (unit.owner->residual || std::max(in.size(), out.size()) > options_.chain_limit)
      return false;
    if (layer.type == LayerType::activation)
      return activation::is_monotone(layer.function, layer.parameter);
    return LayerMap::exists(layer.type) && LayerMap(layer, in, out).entry_roundings() >= 0;
  }

  [[nodiscard]] ChainMatrix matrix(const Unit &unit) const {
    const std::size_t i = unit.owner->layer;
    const FusedLayer fused = fuse(network_, i, fusions_[i]);
    ChainMatrix w = dense_matrix(LayerMap(fused.layer, shapes_[i], shapes_[i + 1]));
    if (fused.roundings > 0)
      w.error = add_up(w.error, mul_up(gamma_up(fused.roundings), frobenius_up(w.a)));
    return w;
  }

  // A run of maps and activations: adjacent maps become one matrix, activations separate.
  double chained(const std::vector<Unit> &run) {
    std::vector<ChainMatrix> chain;
    std::vector<double> slopes;
    double outside = 1; // activations before the first map and after the last
    double pending = 1;
    bool open = false; // the last matrix may still be multiplied
    std::size_t maps = 0;
    for (const Unit &unit : run) {
      const Layer &layer = network_.layers[unit.owner->layer];
      if (layer.type == LayerType::activation) {
        pending = times(pending, activation::lipschitz_constant(layer.function, layer.parameter));
        open = false;
        continue;
      }
      if (is_silent(layer.type))
        continue;
      ++maps;
      if (open) {
        chain.back() = multiply(matrix(unit), chain.back());
        continue;
      }
      (chain.empty() ? outside : slopes.emplace_back()) = pending;
      pending = 1;
      chain.push_back(matrix(unit));
      open = true;
    }
    if (maps < 2)
      return std::numeric_limits<double>::infinity();
    ++bound_.chains;
    return times(times(outside, pending), chain_bound(chain, slopes));
  }

  static bool is_silent(LayerType type) {
    return type == LayerType::flatten || type == LayerType::dropout || type == LayerType::identity;
  }

  const Network &network_;
  const NetworkOptions &options_;
  NetworkBound &bound_;
  std::vector<Shape> shapes_;
  std::vector<Fusion> fusions_;
};

} // namespace
} // namespace lathe::lipschitz

PetscErrorCode LatheNetworkCompose(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                   const lathe::lipschitz::NetworkOptions &options,
                                   lathe::lipschitz::NetworkBound *bound) {
  using namespace lathe::lipschitz;
  PetscFunctionBeginUser;
  PetscCheck(bound->layers.size() == network.layers.size(), comm, PETSC_ERR_ARG_SIZ,
             "%zu layer bounds for a network with %zu layers", bound->layers.size(),
             network.layers.size());
  PetscCall(lathe::Cite("FazlyabRobeyHassaniMorariPappas2019 XuSivaranjani2024"));
  bound->chains = 0;
  bound->certificate = LATHE_CERTIFICATE_RIGOROUS;
  LatheGuard(comm, {
    Composer composer(network, options, *bound);
    const Sequence tree = network_tree(network);
    bound->upper_product = composer.sequence(tree, Mode::product);
    bound->upper_fused = std::min(bound->upper_product, composer.sequence(tree, Mode::fused));
    bound->upper_lipsdp = bound->upper_fused;
    if (options.chain_limit > 0)
      bound->upper_lipsdp = std::min(bound->upper_fused, composer.sequence(tree, Mode::lipsdp));
  });
  PetscCall(lathe::StopTogether(comm));
  bound->upper = bound->upper_lipsdp;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheNetworkLipschitz(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                     const lathe::lipschitz::NetworkOptions &options,
                                     lathe::lipschitz::NetworkBound *bound) {
  using namespace lathe::lipschitz;
  PetscFunctionBeginUser;
  *bound = NetworkBound{};
  bound->layers.resize(network.layers.size());
  for (std::size_t i = 0; i < network.layers.size(); ++i)
    PetscCall(LatheNetworkLayerBound(comm, network, options, i, &bound->layers[i]));
  PetscCall(LatheNetworkCompose(comm, network, options, bound));
  PetscCall(LatheNetworkLowerBound(comm, network, options, &bound->lower));
  PetscFunctionReturn(PETSC_SUCCESS);
}
