// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/layer_map.h"
#include "core/dense.h"
#include "lipschitz/batch_norm.h"
#include <algorithm>
#include <limits>
#include <stdexcept>

namespace lathe::lipschitz {
namespace {

// Pixel of the unpadded axis that position i of the padded one holds; −1 for zero padding.
std::int64_t wrap(std::int64_t i, std::int64_t n, LathePadding mode) noexcept {
  if (i >= 0 && i < n)
    return i;
  switch (mode) {
  case LATHE_PADDING_CIRCULAR:
    return ((i % n) + n) % n;
  case LATHE_PADDING_REFLECT:
    return i < 0 ? -i : 2 * (n - 1) - i;
  case LATHE_PADDING_REPLICATE:
    return i < 0 ? 0 : n - 1;
  default:
    return -1;
  }
}

// axis[p·k + a] for one axis; axes beyond ndim have one pixel and one tap.
std::vector<std::int64_t> axis_map(const Layer &layer, int d, std::int64_t n,
                                   std::int64_t outputs) {
  if (d >= layer.ndim)
    return {0};
  const std::int64_t k = layer.kernel[d];
  std::vector<std::int64_t> axis(static_cast<std::size_t>(outputs * k));
  for (std::int64_t p = 0; p < outputs; ++p)
    for (std::int64_t a = 0; a < k; ++a)
      axis[static_cast<std::size_t>(p * k + a)] = wrap(
          p * layer.stride[d] + a * layer.dilation[d] - layer.padding[d], n, layer.padding_mode);
  return axis;
}

// Output pixels that are gathered at a time: 512 columns of 512·9 taps are 19 MB.
constexpr std::int64_t column_block = 512;

// One product of a block of windows: columns (pixels×terms) and weight (terms×outputs) on one side,
// on the other pixels×outputs from `first` on.
struct GemmBlock {
  std::size_t pixels, outputs, terms;
  const double *weight;
  double *columns;
  std::int64_t first;
};

} // namespace

WindowMap window_map(const Layer &layer, const Shape &in, const Shape &out) {
  if (in.pixels() > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument("layer '" + layer.name + "' has an input of more than 2^31 pixels");
  std::array<std::vector<std::int64_t>, 3> axis;
  std::array<std::int64_t, 3> k{1, 1, 1};
  for (int d = 0; d < 3; ++d) {
    axis[d] = axis_map(layer, d, in.extent[d], out.extent[d]);
    k[d] = d < layer.ndim ? layer.kernel[d] : 1;
  }
  WindowMap map{out.pixels(), in.pixels(), k[0] * k[1] * k[2], {}};
  map.source.reserve(to_size(map.outputs * map.taps));
  for (std::int64_t p = 0; p < map.outputs; ++p) {
    const std::int64_t p2 = p % out.extent[2], p1 = p / out.extent[2] % out.extent[1];
    const std::int64_t p0 = p / (out.extent[2] * out.extent[1]);
    for (std::int64_t a = 0; a < map.taps; ++a) {
      const std::int64_t i0 = axis[0][to_size(p0 * k[0] + a / (k[1] * k[2]))];
      const std::int64_t i1 = axis[1][to_size(p1 * k[1] + a / k[2] % k[1])];
      const std::int64_t i2 = axis[2][to_size(p2 * k[2] + a % k[2])];
      const bool inside = i0 >= 0 && i1 >= 0 && i2 >= 0;
      map.source.push_back(
          inside ? static_cast<std::int32_t>((i0 * in.extent[1] + i1) * in.extent[2] + i2) : -1);
    }
  }
  return map;
}

bool LayerMap::exists(LayerType type) noexcept {
  switch (type) {
  case LayerType::conv:
  case LayerType::conv_transpose:
  case LayerType::linear:
  case LayerType::batchnorm:
  case LayerType::avgpool:
  case LayerType::global_avgpool:
  case LayerType::flatten:
  case LayerType::dropout:
  case LayerType::identity:
    return true;
  default:
    return false;
  }
}

LayerMap::LayerMap(const Layer &layer, const Shape &in, const Shape &out)
    : layer_(layer), in_(in), out_(out) {
  if (layer.type == LayerType::conv || layer.type == LayerType::avgpool)
    windows_ = window_map(layer, in, out);
  if (layer.type == LayerType::conv_transpose)
    windows_ = window_map(layer, out, in);
  if (layer.type == LayerType::batchnorm)
    scale_ = batch_norm_scale(layer);
}

int LayerMap::entry_roundings() const noexcept {
  switch (layer_.type) {
  case LayerType::conv: {
    bool repeats = layer_.padding_mode == LATHE_PADDING_REFLECT ||
                   layer_.padding_mode == LATHE_PADDING_REPLICATE;
    if (layer_.padding_mode == LATHE_PADDING_CIRCULAR)
      for (int d = 0; d < layer_.ndim; ++d) // a window longer than the axis meets a pixel twice
        repeats = repeats || layer_.dilation[d] * (layer_.kernel[d] - 1) >= in_.extent[d];
    return repeats ? -1 : 0;
  }
  case LayerType::batchnorm:
    return batch_norm_roundings;
  case LayerType::avgpool:
  case LayerType::global_avgpool:
    return 1;
  default:
    return 0;
  }
}

// Both directions pass blocks of windows as columns (pixel fastest) through dgemm: with P pixels
// and T = taps·cin/groups, row-major weights are the column-major T×cout matrix.
template <class Block> void LayerMap::for_each_block(Block block) const {
  const bool transposed = layer_.type == LayerType::conv_transpose;
  const std::int64_t gin = (transposed ? layer_.cout : layer_.cin) / layer_.groups;
  const std::int64_t gout = (transposed ? layer_.cin : layer_.cout) / layer_.groups;
  const WindowMap &w = windows_;
  const std::int64_t t = gin * w.taps;
  std::vector<double> columns(to_size(std::min(column_block, w.outputs) * t));
  for (std::int64_t g = 0; g < layer_.groups; ++g)
    for (std::int64_t begin = 0; begin < w.outputs; begin += column_block) {
      const std::int64_t count = std::min(column_block, w.outputs - begin);
      const auto each_entry = [&](auto entry) { // (entry of columns, its input or −1)
        for (std::int64_t i = 0; i < gin; ++i)
          for (std::int64_t a = 0; a < w.taps; ++a)
            for (std::int64_t p = 0; p < count; ++p) {
              const std::int32_t s = w.source[to_size((begin + p) * w.taps + a)];
              entry(columns[to_size((i * w.taps + a) * count + p)],
                    s < 0 ? -1 : (g * gin + i) * w.inputs + s);
            }
      };
      block(GemmBlock{to_size(count), to_size(gout), to_size(t),
                      layer_.weight.data() + g * gout * t, columns.data(),
                      g * gout * w.outputs + begin},
            each_entry);
    }
}

void LayerMap::correlate(const double *x, double *y) const {
  for_each_block([&](const GemmBlock &b, auto each_entry) {
    each_entry([x](double &column, std::int64_t s) { column = s < 0 ? 0.0 : x[s]; });
    dense::gemm<double>('N', 'N', b.pixels, b.outputs, b.terms, 1, b.columns, b.pixels, b.weight,
                        b.terms, 0, y + b.first, to_size(windows_.outputs));
  });
}

void LayerMap::correlate_adjoint(const double *y, double *x) const {
  const bool transposed = layer_.type == LayerType::conv_transpose;
  std::fill(x, x + (transposed ? layer_.cout : layer_.cin) * windows_.inputs, 0.0);
  for_each_block([&](const GemmBlock &b, auto each_entry) {
    dense::gemm<double>('N', 'T', b.pixels, b.terms, b.outputs, 1, y + b.first,
                        to_size(windows_.outputs), b.weight, b.terms, 0, b.columns, b.pixels);
    each_entry([x](double column, std::int64_t s) {
      if (s >= 0)
        x[s] += column;
    });
  });
}

void LayerMap::average(const double *x, double *y) const {
  const WindowMap &w = windows_;
  for (std::int64_t c = 0; c < in_.channels; ++c)
    for (std::int64_t p = 0; p < w.outputs; ++p) {
      double sum = 0;
      for (std::int64_t a = 0; a < w.taps; ++a) {
        const std::int32_t s = w.source[to_size(p * w.taps + a)];
        sum += s < 0 ? 0.0 : x[c * w.inputs + s];
      }
      y[c * w.outputs + p] = sum / static_cast<double>(w.taps);
    }
}

void LayerMap::average_adjoint(const double *y, double *x) const {
  const WindowMap &w = windows_;
  std::fill(x, x + in_.size(), 0.0);
  for (std::int64_t c = 0; c < in_.channels; ++c)
    for (std::int64_t p = 0; p < w.outputs; ++p)
      for (std::int64_t a = 0; a < w.taps; ++a) {
        const std::int32_t s = w.source[to_size(p * w.taps + a)];
        if (s >= 0)
          x[c * w.inputs + s] += y[c * w.outputs + p] / static_cast<double>(w.taps);
      }
}

void LayerMap::apply(const double *x, double *y) const {
  switch (layer_.type) {
  case LayerType::conv:
    return correlate(x, y);
  case LayerType::conv_transpose:
    return correlate_adjoint(x, y);
  case LayerType::linear:
    return dense::gemv<double>('T', to_size(layer_.cin), to_size(layer_.cout), 1,
                               layer_.weight.data(), to_size(layer_.cin), x, 0, y);
  case LayerType::batchnorm:
    for (std::int64_t i = 0; i < in_.size(); ++i)
      y[i] = scale_[to_size(i / in_.pixels())] * x[i];
    return;
  case LayerType::avgpool:
    return average(x, y);
  case LayerType::global_avgpool:
    for (std::int64_t c = 0; c < in_.channels; ++c) {
      double sum = 0;
      for (std::int64_t p = 0; p < in_.pixels(); ++p)
        sum += x[c * in_.pixels() + p];
      y[c] = sum / static_cast<double>(in_.pixels());
    }
    return;
  default:
    std::copy(x, x + in_.size(), y);
  }
}

void LayerMap::adjoint(const double *y, double *x) const {
  switch (layer_.type) {
  case LayerType::conv:
    return correlate_adjoint(y, x);
  case LayerType::conv_transpose:
    return correlate(y, x);
  case LayerType::linear:
    return dense::gemv<double>('N', to_size(layer_.cin), to_size(layer_.cout), 1,
                               layer_.weight.data(), to_size(layer_.cin), y, 0, x);
  case LayerType::batchnorm:
    return apply(y, x);
  case LayerType::avgpool:
    return average_adjoint(y, x);
  case LayerType::global_avgpool:
    for (std::int64_t i = 0; i < in_.size(); ++i)
      x[i] = y[i / in_.pixels()] / static_cast<double>(in_.pixels());
    return;
  default:
    std::copy(y, y + in_.size(), x);
  }
}

void LayerMap::shift(double *y) const {
  if (layer_.type == LayerType::batchnorm) {
    for (std::int64_t i = 0; i < out_.size(); ++i) {
      const std::size_t c = to_size(i / out_.pixels());
      y[i] += (layer_.beta.empty() ? 0.0 : layer_.beta[c]) -
              (layer_.mean.empty() ? 0.0 : layer_.mean[c]) * scale_[c];
    }
    return;
  }
  if (layer_.bias.empty())
    return;
  for (std::int64_t i = 0; i < out_.size(); ++i)
    y[i] += layer_.bias[to_size(i / out_.pixels())];
}

} // namespace lathe::lipschitz
