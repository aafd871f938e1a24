// SPDX-License-Identifier: BSD-2-Clause
// Shapes through the list, and refusal of every layer that could not be bounded or evaluated.
#include "lipschitz/network.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace lathe::lipschitz {
namespace {

[[noreturn]] void refuse(const Layer &layer, const std::string &what) {
  throw std::invalid_argument("layer '" + layer.name + "' (" + layer.type_name + "): " + what);
}

void require_finite(const Layer &layer, const char *field, const std::vector<double> &values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      refuse(layer,
             std::string(field) + " has a value that is not finite at index " + std::to_string(i));
}

void require_size(const Layer &layer, const char *field, const std::vector<double> &values,
                  std::int64_t wanted) {
  if (static_cast<std::int64_t>(values.size()) != wanted)
    refuse(layer, std::string(field) + " has " + std::to_string(values.size()) +
                      " values; the layer's input and geometry need " + std::to_string(wanted));
  require_finite(layer, field, values);
}

void require_extent(const Layer &layer, const char *field, std::int64_t value, std::int64_t least) {
  if (value < least || value > largest_extent)
    refuse(layer, std::string(field) + " is " + std::to_string(value) + "; allowed: " +
                      std::to_string(least) + " to " + std::to_string(largest_extent));
}

void require_spatial(const Layer &layer, const Shape &in) {
  if (in.ndim != layer.ndim)
    refuse(layer, "has " + std::to_string(layer.ndim) + " spatial dimensions, its input " +
                      to_string(in) + " has " + std::to_string(in.ndim));
  for (int d = 0; d < layer.ndim; ++d) {
    require_extent(layer, "kernel extent", layer.kernel[d], 1);
    require_extent(layer, "stride", layer.stride[d], 1);
    require_extent(layer, "dilation", layer.dilation[d], 1);
    require_extent(layer, "padding", layer.padding[d], 0);
  }
}

// Output extents of a sliding window.
Shape slide(const Layer &layer, const Shape &in) {
  Shape out = in;
  for (int d = 0; d < layer.ndim; ++d) {
    const std::int64_t window = std::int64_t{layer.dilation[d]} * (layer.kernel[d] - 1) + 1;
    const std::int64_t room = in.extent[d] + 2 * std::int64_t{layer.padding[d]} - window;
    if (room < 0)
      refuse(layer, "window of " + std::to_string(window) + " does not fit the padded extent " +
                        std::to_string(room + window) + " of axis " + std::to_string(d));
    out.extent[d] = room / layer.stride[d] + 1;
  }
  return out;
}

void require_channels(const Layer &layer, const Shape &in) {
  require_extent(layer, "groups", layer.groups, 1);
  require_extent(layer, "output channels", layer.cout, 1);
  if (layer.cin != in.channels)
    refuse(layer, "takes " + std::to_string(layer.cin) + " channels, its input " + to_string(in) +
                      " has " + std::to_string(in.channels));
  if (layer.cin % layer.groups != 0 || layer.cout % layer.groups != 0)
    refuse(layer, "groups " + std::to_string(layer.groups) + " does not divide the channels " +
                      std::to_string(layer.cin) + " and " + std::to_string(layer.cout));
}

std::int64_t taps(const Layer &layer) {
  std::int64_t product = 1;
  for (int d = 0; d < layer.ndim; ++d)
    product *= layer.kernel[d];
  return product;
}

void require_weights(const Layer &layer) {
  const std::int64_t channels = std::int64_t{layer.cout} * layer.cin / layer.groups;
  require_size(layer, "weight", layer.weight, channels * taps(layer));
  if (!layer.bias.empty())
    require_size(layer, "bias", layer.bias, layer.cout);
}

Shape conv(const Layer &layer, const Shape &in) {
  require_spatial(layer, in);
  require_channels(layer, in);
  require_weights(layer);
  for (int d = 0; d < layer.ndim; ++d) {
    const std::int64_t pad = layer.padding[d], n = in.extent[d];
    if ((layer.padding_mode == LATHE_PADDING_REFLECT && pad >= n) ||
        (layer.padding_mode == LATHE_PADDING_CIRCULAR && pad > n))
      refuse(layer, "padding " + std::to_string(pad) + " does not fit extent " + std::to_string(n) +
                        " of axis " + std::to_string(d) +
                        " (reflect: padding < extent; circular: padding <= extent)");
  }
  Shape out = slide(layer, in);
  out.channels = layer.cout;
  return out;
}

Shape conv_transpose(const Layer &layer, const Shape &in) {
  require_spatial(layer, in);
  require_channels(layer, in);
  require_weights(layer);
  if (layer.padding_mode != LATHE_PADDING_ZEROS)
    refuse(layer, "padding_mode must be zeros for a transposed convolution");
  Shape out = in;
  out.channels = layer.cout;
  for (int d = 0; d < layer.ndim; ++d) {
    if (layer.output_padding[d] < 0 || layer.output_padding[d] >= layer.stride[d])
      refuse(layer, "output_padding is " + std::to_string(layer.output_padding[d]) +
                        "; allowed: 0 to stride - 1 = " + std::to_string(layer.stride[d] - 1));
    out.extent[d] = (in.extent[d] - 1) * layer.stride[d] - 2 * std::int64_t{layer.padding[d]} +
                    std::int64_t{layer.dilation[d]} * (layer.kernel[d] - 1) + 1 +
                    layer.output_padding[d];
    require_extent(layer, "output extent", out.extent[d], 1);
  }
  return out;
}

// A maximum over no point is none: dilated windows, and those of a small input, may lie in padding.
void require_points(const Layer &layer, int d, std::int64_t inputs, std::int64_t outputs) {
  for (std::int64_t p = 0; p < outputs; ++p) {
    bool inside = false;
    for (std::int64_t t = 0; t < layer.kernel[d] && !inside; ++t) {
      const std::int64_t at = p * layer.stride[d] + t * layer.dilation[d] - layer.padding[d];
      inside = at >= 0 && at < inputs;
    }
    if (!inside)
      refuse(layer, "window " + std::to_string(p) + " of axis " + std::to_string(d) +
                        " lies in the padding alone; reduce padding " +
                        std::to_string(layer.padding[d]) + " or dilation " +
                        std::to_string(layer.dilation[d]));
  }
}

Shape pool(const Layer &layer, const Shape &in) {
  require_spatial(layer, in);
  for (int d = 0; d < layer.ndim; ++d)
    if (2 * std::int64_t{layer.padding[d]} > layer.kernel[d])
      refuse(layer, "padding " + std::to_string(layer.padding[d]) +
                        " is more than half the kernel extent " + std::to_string(layer.kernel[d]));
  for (int d = 0; d < layer.ndim && layer.type == LayerType::avgpool; ++d)
    if (layer.dilation[d] != 1)
      refuse(layer, "dilation is " + std::to_string(layer.dilation[d]) +
                        "; an average pool has none, allowed: 1");
  const Shape out = slide(layer, in);
  if (layer.type == LayerType::maxpool)
    for (int d = 0; d < layer.ndim; ++d)
      require_points(layer, d, in.extent[d], out.extent[d]);
  return out;
}

Shape linear(const Layer &layer, const Shape &in) {
  if (in.ndim != 0)
    refuse(layer, "needs a vector, its input has shape " + to_string(in) +
                      "; put a flatten layer before it");
  require_channels(layer, in);
  require_size(layer, "weight", layer.weight, std::int64_t{layer.cout} * layer.cin);
  if (!layer.bias.empty())
    require_size(layer, "bias", layer.bias, layer.cout);
  return {layer.cout, 0, {1, 1, 1}};
}

void check_batch_norm(const Layer &layer, const Shape &in) {
  require_size(layer, "gamma", layer.gamma, in.channels);
  require_size(layer, "var", layer.var, in.channels);
  if (!layer.mean.empty())
    require_size(layer, "mean", layer.mean, in.channels);
  if (!layer.beta.empty())
    require_size(layer, "beta", layer.beta, in.channels);
  for (std::size_t c = 0; c < layer.var.size(); ++c)
    if (!(layer.var[c] >= 0) || !(layer.eps >= 0) || !(layer.var[c] + layer.eps > 0))
      refuse(layer, "var[" + std::to_string(c) + "] = " + std::to_string(layer.var[c]) +
                        ", eps = " + std::to_string(layer.eps) +
                        "; allowed: var >= 0, eps >= 0, var + eps > 0");
}

void check_activation(const Layer &layer) {
  const bool alpha = layer.function == Activation::celu;
  if (!std::isfinite(layer.parameter) || (alpha && !(layer.parameter > 0)))
    refuse(layer, "parameter is " + std::to_string(layer.parameter) +
                      (alpha ? "; allowed: > 0" : "; it must be finite"));
}

struct OpenBlock {
  const Layer *begin;
  Shape in, branch;
  bool has_shortcut = false;
};

Shape block_marker(const Layer &layer, const Shape &in, std::vector<OpenBlock> &open) {
  if (layer.type == LayerType::residual_begin) {
    open.push_back({&layer, in, {}});
    return in;
  }
  if (open.empty())
    refuse(layer, "has no residual_begin before it");
  OpenBlock &block = open.back();
  if (layer.type == LayerType::residual_shortcut) {
    if (block.has_shortcut)
      refuse(layer, "is the second residual_shortcut of its block");
    block.has_shortcut = true;
    block.branch = in;
    return block.in;
  }
  const Shape branch = block.has_shortcut ? block.branch : in;
  const Shape shortcut = block.has_shortcut ? in : block.in;
  if (!(branch == shortcut))
    refuse(layer, "adds a branch of shape " + to_string(branch) + " to a shortcut of shape " +
                      to_string(shortcut));
  open.pop_back();
  return branch;
}

Shape next_shape(const Layer &layer, const Shape &in, std::vector<OpenBlock> &open) {
  switch (layer.type) {
  case LayerType::conv:
    return conv(layer, in);
  case LayerType::conv_transpose:
    return conv_transpose(layer, in);
  case LayerType::linear:
    return linear(layer, in);
  case LayerType::batchnorm:
    check_batch_norm(layer, in);
    return in;
  case LayerType::activation:
    check_activation(layer);
    return in;
  case LayerType::maxpool:
  case LayerType::avgpool:
    return pool(layer, in);
  case LayerType::global_avgpool: {
    Shape out = in;
    out.extent = {1, 1, 1};
    return out;
  }
  case LayerType::flatten:
    return {in.size(), 0, {1, 1, 1}};
  case LayerType::dropout:
  case LayerType::identity:
    return in;
  case LayerType::residual_begin:
  case LayerType::residual_shortcut:
  case LayerType::residual_end:
    return block_marker(layer, in, open);
  default:
    break;
  }
  std::string known;
  for (const std::string_view name : layer_type_names)
    known.append(known.empty() ? "" : ", ").append(name);
  const bool attention = layer.type_name.find("attention") != std::string::npos;
  refuse(layer, attention ? "softmax attention is not globally Lipschitz: no finite bound exists"
                          : "unknown type; known: " + known);
}

} // namespace

bool Shape::countable() const noexcept {
  double product = static_cast<double>(channels);
  bool fits = channels >= 1 && channels <= largest_extent;
  for (const std::int64_t n : extent) {
    fits = fits && n >= 1 && n <= largest_extent;
    product *= static_cast<double>(n);
  }
  return fits && product <= 0x1p53;
}

std::string to_string(const Shape &shape) {
  std::string text("(");
  text.append(std::to_string(shape.channels));
  for (int d = 0; d < shape.ndim; ++d)
    text.append(", ").append(std::to_string(shape.extent[d]));
  return text.append(")");
}

std::vector<Shape> layer_shapes(const Network &network) {
  if (network.layers.empty())
    throw std::invalid_argument("network has no layers; allowed: at least one");
  if (network.input.ndim < 0 || network.input.ndim > 3 || !network.input.countable())
    throw std::invalid_argument("input_shape is " + to_string(network.input) +
                                "; allowed: channels and 0 to 3 extents, each 1 to 2^30, 2^53 "
                                "values at most");
  std::vector<Shape> shapes{network.input};
  std::vector<OpenBlock> open;
  for (const Layer &layer : network.layers) {
    shapes.push_back(next_shape(layer, shapes.back(), open));
    if (!shapes.back().countable())
      refuse(layer, "its output " + to_string(shapes.back()) +
                        " is too large; allowed: extents to 2^30, 2^53 values");
  }
  if (!open.empty())
    refuse(*open.back().begin, "has no residual_end");
  return shapes;
}

LatheConvolution convolution_of(const Layer &layer, const Shape &in, const Shape &out) {
  const bool transposed = layer.type == LayerType::conv_transpose;
  const Shape &source = transposed ? out : in; // a transposed convolution is the adjoint
  LatheConvolution c{};
  c.ndim = layer.ndim;
  c.cout = transposed ? layer.cin : layer.cout;
  c.cin = transposed ? layer.cout : layer.cin;
  c.groups = layer.groups;
  c.padding_mode = layer.padding_mode;
  c.weight = layer.weight.data();
  for (int d = 0; d < 3; ++d) {
    const bool used = d < layer.ndim;
    c.kernel[d] = used ? layer.kernel[d] : 1;
    c.stride[d] = used ? layer.stride[d] : 1;
    c.dilation[d] = used ? layer.dilation[d] : 1;
    c.padding[d] = used ? layer.padding[d] : 0;
    c.input[d] = used ? static_cast<PetscInt>(source.extent[d]) : 1;
  }
  return c;
}

} // namespace lathe::lipschitz
