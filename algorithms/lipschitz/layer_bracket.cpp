// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/layer_bracket.h"
#include "core/error.h"
#include "lipschitz/layer_map.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {
namespace {

NormBracket exact(double value, const char *method) {
  NormBracket b{};
  b.lower = b.upper = value;
  b.method = method;
  return b;
}

NormBracket activation_bracket(const Layer &layer, const Shape &shape) {
  const double constant = activation::lipschitz_constant(layer.function, layer.parameter);
  NormBracket b = exact(constant, "activation");
  const double quarters = constant * 4;
  const bool stored = quarters == std::floor(quarters) ||
                      layer.function == Activation::leaky_relu || layer.function == Activation::elu;
  if (!stored) // an irrational supremum rounded upward
    b.lower = down(constant);
  if (layer.function == Activation::softmax && shape.size() == 1)
    b = exact(0, "activation");
  return b;
}

NormBracket root_bracket(double square, bool inverse, const char *method) {
  NormBracket b{};
  b.lower = inverse ? down(1 / sqrt_up(square)) : sqrt_down(square);
  b.upper = inverse ? div_up(1, sqrt_down(square)) : sqrt_up(square);
  if (const double root = std::sqrt(square); root * root == square && !inverse)
    b.lower = b.upper = root; // a perfect square: root was exact, since square < 2⁵³
  if (square == 1)
    b.lower = b.upper = 1;
  b.method = method;
  return b;
}

// Norm of weights as they stand: a convolution, or a linear layer as a 1×1 convolution of one
// point.
PetscErrorCode weight_bracket(MPI_Comm comm, const Layer &layer, const Shape &in, const Shape &out,
                              double tolerance, NormBracket *bracket) {
  PetscFunctionBeginUser;
  LatheConvolution c{};
  if (layer.type == LayerType::linear) {
    c = LatheConvolution{
        1,         layer.cout, layer.cin,           1,         {1, 1, 1},          {1, 1, 1},
        {1, 1, 1}, {0, 0, 0},  LATHE_PADDING_ZEROS, {1, 1, 1}, layer.weight.data()};
  } else {
    c = convolution_of(layer, in, out);
  }
  const LatheConvolutionOptions options{LATHE_CONVOLUTION_CHOLESKY, tolerance, 0};
  PetscCall(LatheConvolutionNormBracket(comm, &c, &options, bracket));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void widen(NormBracket &b, double error) {
  if (error == 0)
    return;
  b.upper = add_up(b.upper, error);
  b.lower = std::max(0.0, sub_down(b.lower, error));
}

// An average over windows is a Kronecker product of one-dimensional windows: the norms multiply.
PetscErrorCode average_bracket(MPI_Comm comm, const Layer &layer, const Shape &in, double tolerance,
                               NormBracket *bracket) {
  PetscFunctionBeginUser;
  *bracket = exact(1, "window");
  for (int d = 0; d < layer.ndim; ++d) {
    const std::vector<double> ones(static_cast<std::size_t>(layer.kernel[d]), 1.0);
    const LatheConvolution axis{1,
                                1,
                                1,
                                1,
                                {layer.kernel[d], 1, 1},
                                {layer.stride[d], 1, 1},
                                {layer.dilation[d], 1, 1},
                                {layer.padding[d], 0, 0},
                                LATHE_PADDING_ZEROS,
                                {static_cast<PetscInt>(in.extent[d]), 1, 1},
                                ones.data()};
    const LatheConvolutionOptions options{LATHE_CONVOLUTION_CHOLESKY, tolerance, 0};
    NormBracket b{};
    PetscCall(LatheConvolutionNormBracket(comm, &axis, &options, &b));
    const auto k = static_cast<double>(layer.kernel[d]);
    bracket->upper = mul_up(bracket->upper, div_up(b.upper, k));
    bracket->lower = mul_down(bracket->lower, std::max(0.0, down(b.lower / k)));
    bracket->certificate = std::max(bracket->certificate, b.certificate);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode plain_bracket(MPI_Comm comm, const Layer &layer, const Shape &in, const Shape &out,
                             double tolerance, NormBracket *bracket) {
  PetscFunctionBeginUser;
  *bracket = exact(1, "identity");
  switch (layer.type) {
  case LayerType::conv:
  case LayerType::conv_transpose:
  case LayerType::linear:
    PetscCall(weight_bracket(comm, layer, in, out, tolerance, bracket));
    break;
  case LayerType::batchnorm:
    *bracket = batch_norm_bracket(layer);
    break;
  case LayerType::activation:
    *bracket = activation_bracket(layer, in);
    break;
  case LayerType::maxpool:
    *bracket = root_bracket(static_cast<double>(window_overlap(layer, in, out)), false, "overlap");
    break;
  case LayerType::avgpool:
    PetscCall(average_bracket(comm, layer, in, tolerance, bracket));
    break;
  case LayerType::global_avgpool:
    *bracket = root_bracket(static_cast<double>(in.pixels()), true, "window");
    break;
  default:
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

bool has_weights(LayerType type) noexcept {
  return type == LayerType::conv || type == LayerType::conv_transpose || type == LayerType::linear;
}

// Residual block whose branch is this layer alone, anywhere in the tree.
bool joins_somewhere(const Network &network, const std::vector<Shape> &shapes,
                     const std::vector<Fusion> &fusions, const Sequence &sequence,
                     std::size_t layer) {
  return std::any_of(sequence.begin(), sequence.end(), [&](const Node &node) {
    return node.residual && (joinable_layer(network, shapes, fusions, node) == layer ||
                             joins_somewhere(network, shapes, fusions, node.branch, layer) ||
                             joins_somewhere(network, shapes, fusions, node.shortcut, layer));
  });
}

} // namespace

std::int64_t window_overlap(const Layer &layer, const Shape &in, const Shape &out) {
  const WindowMap map = window_map(layer, in, out);
  std::vector<std::int64_t> count(static_cast<std::size_t>(map.inputs));
  for (const std::int32_t s : map.source)
    if (s >= 0)
      ++count[static_cast<std::size_t>(s)];
  return *std::max_element(count.begin(), count.end());
}

void add_identity(Layer &layer) {
  std::int64_t tap = 0, taps = 1;
  for (int d = 0; layer.type == LayerType::conv && d < layer.ndim; ++d) {
    tap = tap * layer.kernel[d] + layer.padding[d] / layer.dilation[d];
    taps *= layer.kernel[d];
  }
  const std::int64_t groups = layer.type == LayerType::conv ? std::int64_t{layer.groups} : 1;
  const std::int64_t channels = layer.cin / groups;
  for (std::int64_t o = 0; o < layer.cout; ++o)
    layer.weight[static_cast<std::size_t>((o * channels + o % channels) * taps + tap)] += 1;
}

std::size_t joinable_layer(const Network &network, const std::vector<Shape> &shapes,
                           const std::vector<Fusion> &fusions, const Node &block) {
  const std::size_t none = network.layers.size();
  std::size_t found = none;
  if (!block.residual || block.has_shortcut)
    return none;
  for (const Node &node : block.branch)
    if (!node.residual && has_weights(network.layers[node.layer].type)) {
      if (found != none)
        return none;
      found = node.layer;
    }
  if (found == none || network.layers[found].type == LayerType::conv_transpose)
    return none;
  for (const Node &node : block.branch) {
    const LayerType type = network.layers[node.layer].type;
    const bool silent = type == LayerType::dropout || type == LayerType::identity;
    if (node.residual || !(node.layer == found || silent || fusions[found].contains(node.layer)))
      return none;
  }
  const Layer &layer = network.layers[found];
  if (!(shapes[found] == shapes[found + 1]))
    return none;
  for (int d = 0; layer.type == LayerType::conv && d < layer.ndim; ++d)
    if (layer.stride[d] != 1 || layer.padding[d] % layer.dilation[d] != 0 ||
        layer.padding[d] / layer.dilation[d] >= layer.kernel[d])
      return none;
  return found;
}

namespace {

PetscErrorCode fused_brackets(MPI_Comm comm, const Network &network, std::size_t i,
                              const std::vector<Shape> &shapes, const std::vector<Fusion> &fusions,
                              double tolerance, LayerBound *bound) {
  PetscFunctionBeginUser;
  FusedLayer fused;
  LatheGuard(comm, fused = fuse(network, i, fusions[i]));
  const double error = weight_error(fused.layer, fused.roundings);
  if (!fusions[i].empty()) {
    PetscCall(
        weight_bracket(comm, fused.layer, shapes[i], shapes[i + 1], tolerance, &bound->fused));
    widen(bound->fused, error);
    double product = bound->plain.upper;
    for (const auto &list : {fusions[i].before, fusions[i].after})
      for (const std::size_t b : list)
        product = mul_up(product, batch_norm_bracket(network.layers[b]).upper);
    bound->fused.upper = std::min(bound->fused.upper, product);
  }
  LatheGuard(comm, bound->has_joined =
                       joins_somewhere(network, shapes, fusions, network_tree(network), i));
  if (bound->has_joined) {
    add_identity(fused.layer);
    PetscCall(
        weight_bracket(comm, fused.layer, shapes[i], shapes[i + 1], tolerance, &bound->joined));
    widen(bound->joined, add_up(error, weight_error(fused.layer, 1)));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace
} // namespace lathe::lipschitz

PetscErrorCode LatheNetworkLayerBound(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                      const lathe::lipschitz::NetworkOptions &options,
                                      std::size_t layer, lathe::lipschitz::LayerBound *bound) {
  using namespace lathe::lipschitz;
  PetscFunctionBeginUser;
  std::vector<Shape> shapes;
  std::vector<Fusion> fusions;
  LatheGuard(comm, shapes = layer_shapes(network); fusions = find_fusions(network));
  PetscCheck(layer < network.layers.size(), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "layer %zu of a network with %zu layers", layer, network.layers.size());
  PetscCheck(options.tolerance > 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "NetworkOptions.tolerance is %g; allowed: > 0", options.tolerance);
  const double start = MPI_Wtime();
  const Layer &self = network.layers[layer];
  *bound = LayerBound{};
  PetscCall(plain_bracket(comm, self, shapes[layer], shapes[layer + 1], options.tolerance,
                          &bound->plain));
  bound->fused = bound->plain;
  if (has_weights(self.type)) {
    PetscCall(fused_brackets(comm, network, layer, shapes, fusions, options.tolerance, bound));
  } else if (std::any_of(fusions.begin(), fusions.end(),
                         [&](const Fusion &f) { return f.contains(layer); })) {
    bound->fused = exact(1, "fused");
  }
  bound->seconds = MPI_Wtime() - start;
  PetscFunctionReturn(PETSC_SUCCESS);
}
