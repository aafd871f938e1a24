// SPDX-License-Identifier: BSD-2-Clause
// Certified bounds of the Lipschitz constant (Euclidean norms) of a feed-forward network.
//
// Three upper bounds, each at most the one before:
//   product  Π of the layers' constants; a residual block counts ‖shortcut‖ + Π branch
//   fused    batch-norm multiplied into the neighbouring convolution or linear layer before the
//            norm is taken (‖diag(s)·K‖ ≤ max|s|·‖K‖, often half), and I + K as one operator where
//            a residual branch is a single convolution
//   lipsdp   runs of linear maps and monotone activations are bounded together (lipsdp.h); what
//            cannot join a run (overlapping max-pool, GELU, …) multiplies as in `fused`
// The constants: activation.h; max-pool √(most windows that share an input element); average
// pooling and convolutions the bracket of the operator on the layer's own extent.
//
// And a lower bound: the largest ‖J(x)v‖/‖v‖ found by power iteration with the Jacobian J at sample
// inputs x. The true constant lies between, so the gap says how good the bounds are.
#pragma once
#include "lipschitz/activation.h"
#include "lipschitz/lipschitz.h"
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace lathe::lipschitz {

enum class LayerType {
  conv,
  conv_transpose,
  linear,
  batchnorm,
  activation,
  maxpool,
  avgpool,
  global_avgpool,
  flatten,
  dropout,
  identity,
  residual_begin,
  residual_shortcut,
  residual_end,
  unsupported
};

inline constexpr std::array<std::string_view, 14> layer_type_names = {"conv",
                                                                      "conv_transpose",
                                                                      "linear",
                                                                      "batchnorm",
                                                                      "activation",
                                                                      "maxpool",
                                                                      "avgpool",
                                                                      "global_avgpool",
                                                                      "flatten",
                                                                      "dropout",
                                                                      "identity",
                                                                      "residual_begin",
                                                                      "residual_shortcut",
                                                                      "residual_end"};

/// One entry of the list. Only the fields of its type are read.
struct Layer {
  LayerType type = LayerType::identity;
  std::string type_name; ///< as the file says; names an unsupported type in the refusal
  std::string name;

  // conv, conv_transpose, maxpool, avgpool
  int ndim = 2; ///< spatial dimensions, 1 to 3
  std::array<PetscInt, 3> kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, padding{0, 0, 0};
  std::array<PetscInt, 3> output_padding{0, 0, 0}; ///< conv_transpose; below the stride
  LathePadding padding_mode = LATHE_PADDING_ZEROS;
  PetscInt groups = 1;

  // conv: weight (cout, cin/groups, k…); conv_transpose: (cin, cout/groups, k…); linear: (cout,
  // cin); all row-major. bias: cout values or none (it does not change the constant).
  PetscInt cout = 0, cin = 0;
  std::vector<double> weight, bias;

  // batchnorm at inference: y = γ(x − mean)/√(var + eps) + beta; empty mean or beta: 0
  std::vector<double> gamma, beta, mean, var;
  double eps = 1e-5;

  // activation
  Activation function = Activation::relu;
  double parameter = 0; ///< slope of leaky_relu, α of elu and celu
};

/// Shape of an activation tensor without the batch axis: channels, then ndim extents; row-major.
struct Shape {
  std::int64_t channels = 0;
  int ndim = 0;
  std::array<std::int64_t, 3> extent{1, 1, 1};
  [[nodiscard]] std::int64_t pixels() const noexcept { return extent[0] * extent[1] * extent[2]; }
  [[nodiscard]] std::int64_t size() const noexcept { return channels * pixels(); }
  /// Channels and extents are 1 to 2³⁰ and their product is at most 2⁵³: pixels(), size() and the
  /// geometry of every layer stay exact.
  [[nodiscard]] bool countable() const noexcept;
  bool operator==(const Shape &) const = default;
};
inline constexpr std::int64_t largest_extent = std::int64_t{1} << 30;
std::string to_string(const Shape &shape);

/// Layers in order of evaluation. A residual block is the sublist
///   residual_begin, branch…, [residual_shortcut, shortcut…,] residual_end
/// and computes branch(x) + shortcut(x); without residual_shortcut the shortcut is the identity.
/// Blocks nest.
struct Network {
  Shape input;
  std::vector<Layer> layers;
};

struct NetworkOptions {
  double tolerance = 1e-6;         ///< relative width wanted of each layer's bracket; > 0
  std::int64_t chain_limit = 1024; ///< largest vector length inside a run of lipsdp; 0: off
  int jacobian_steps = 30;         ///< power steps at each sample; 0: no lower bound
  int samples = 4;                 ///< random normal inputs when `inputs` is empty; ≥ 0
  std::vector<double> inputs;      ///< sample inputs, row-major (count, input size)
  std::uint64_t seed = 1;          ///< of start vectors and random inputs
};

/// What is known about one layer.
struct LayerBound {
  NormBracket plain{};  ///< of the layer alone
  NormBracket fused{};  ///< with the batch-norms that joined it; [1, 1] for those batch-norms
  NormBracket joined{}; ///< of I + layer, valid when has_joined
  bool has_joined = false;
  double seconds = 0;
};

struct NetworkBound {
  std::vector<LayerBound> layers;
  double upper_product = 0, upper_fused = 0, upper_lipsdp = 0;
  double upper = 0; ///< the least of the three
  double lower = 0; ///< from Jacobians; rounding errors are not bounded (deterministic)
  Certificate certificate = LATHE_CERTIFICATE_RIGOROUS; ///< of the upper bounds
  int chains = 0;                                       ///< runs that lipsdp bounded together
};

/// Shape after every layer: entry 0 is the input, entry i + 1 the output of layer i.
/// throws std::invalid_argument naming the layer: unsupported type (attention has no global
/// constant), sizes that do not fit, values that are not finite, var + eps ≤ 0, unbalanced blocks
std::vector<Shape> layer_shapes(const Network &network);

/// The convolution geometry of layer i for lipschitz.h (conv_transpose: of the convolution it is
/// the adjoint of), borrowing its weights.
LatheConvolution convolution_of(const Layer &layer, const Shape &in, const Shape &out);

} // namespace lathe::lipschitz

/** LatheNetworkLayerBound - brackets of one layer; the piece of work that a run may checkpoint.
 *  Collective on comm, every rank passes the same network; class R0.
 *  err  ARG_OUTOFRANGE, with the layer's name (see layer_shapes) */
PetscErrorCode LatheNetworkLayerBound(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                      const lathe::lipschitz::NetworkOptions &options,
                                      std::size_t layer, lathe::lipschitz::LayerBound *bound);

/** LatheNetworkCompose - upper bounds of the network from the brackets of its layers
 *  (bound->layers, filled by LatheNetworkLayerBound). All roundings upward. Collective; R0.
 *  Cost of lipsdp: a few n³ for a run of vectors of length n. */
PetscErrorCode LatheNetworkCompose(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                   const lathe::lipschitz::NetworkOptions &options,
                                   lathe::lipschitz::NetworkBound *bound);

/** LatheNetworkLowerBound - max over the samples of ‖J(x)v‖/‖v‖ after options.jacobian_steps power
 *  steps with JᵀJ; samples are shared out among the ranks. True up to rounding (≲ 1e-12 relative)
 *  wherever x is no kink of an activation. Collective; R0. */
PetscErrorCode LatheNetworkLowerBound(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                      const lathe::lipschitz::NetworkOptions &options,
                                      double *lower);

/** LatheNetworkLipschitz - all of the above. Collective; R0. */
PetscErrorCode LatheNetworkLipschitz(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                     const lathe::lipschitz::NetworkOptions &options,
                                     lathe::lipschitz::NetworkBound *bound);
