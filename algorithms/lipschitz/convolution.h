// SPDX-License-Identifier: BSD-2-Clause
// Geometry of a convolution layer, in 64-bit integers, and the operator it stands for.
//
//   y[o, p] = Σ_{i,a} K[o, i, a]·x[i, s·p + δ·a − pad]        along each of 1 to 3 axes,
//
// with n input points, k taps, stride s, dilation δ: span L = (k−1)δ, output
// ⌊(n + 2·pad − L − 1)/s⌋ + 1 points. Points outside the input are zero, or taken from inside
// (circular, reflect, replicate).
#pragma once
#include "lipschitz/lipschitz.h"
#include <array>
#include <cstdint>
#include <string>

namespace lathe::lipschitz {

/// ⌈a/b⌉ for a ≥ 0, b > 0.
inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept {
  return (a + b - 1) / b;
}

struct ConvolutionAxis {
  std::int64_t kernel = 1, stride = 1, dilation = 1, padding = 0, input = 1;

  [[nodiscard]] std::int64_t span() const noexcept { return (kernel - 1) * dilation; }
  [[nodiscard]] std::int64_t output() const noexcept {
    return (input + 2 * padding - span() - 1) / stride + 1;
  }
  /// Input point that padded position t − padding stands for, or −1 where it reads a zero.
  [[nodiscard]] std::int64_t source(std::int64_t position, LathePadding mode) const noexcept;
  /// Whether kernel position `tap` ever meets an input that is not padding.
  [[nodiscard]] bool acts(std::int64_t tap) const noexcept;
};

/// Along one axis, the layer is a part of: repeat or extend at most `multiplicity`-fold (a map of
/// norm √multiplicity), and apply the circulant of `extent` points, a multiple of the stride.
struct AxisEmbedding {
  std::int64_t extent = 1, multiplicity = 1;
};

struct ConvolutionGeometry {
  int ndim = 1;
  std::int64_t cout = 0, cin = 0, groups = 1;
  LathePadding mode = LATHE_PADDING_ZEROS;
  bool every_extent = false;           ///< no input given: bound for every extent
  std::array<ConvolutionAxis, 3> axis; ///< axes beyond ndim have one point and one tap

  [[nodiscard]] std::int64_t group_out() const noexcept { return cout / groups; }
  [[nodiscard]] std::int64_t group_in() const noexcept { return cin / groups; }
  [[nodiscard]] std::int64_t taps() const noexcept {
    return axis[0].kernel * axis[1].kernel * axis[2].kernel;
  }
  [[nodiscard]] std::int64_t input_points() const noexcept {
    return axis[0].input * axis[1].input * axis[2].input;
  }
  [[nodiscard]] std::int64_t output_points() const noexcept {
    return axis[0].output() * axis[1].output() * axis[2].output();
  }
  [[nodiscard]] std::int64_t weights() const noexcept { return cout * group_in() * taps(); }
  /// No input or no output channel: the operator is empty and its norm 0.
  [[nodiscard]] bool empty() const noexcept { return cout == 0 || cin == 0; }
};

/// What is wrong with the layer, with the value and the allowed range; empty when nothing is.
std::string convolution_refusal(const LatheConvolution &layer);

/// Geometry of a layer that convolution_refusal accepts.
ConvolutionGeometry convolution_geometry(const LatheConvolution &layer) noexcept;

/// Embedding along one axis; `every`: for every extent that the padding mode allows (extent 0).
///  - zeros: a submatrix of the circulant of N ≥ n + min(pad, L), since position x − q of the
///    kernel then wraps only outside [0, L];
///  - circular with stride | n: the circulant of n, its outputs repeated ⌈output·stride/n⌉ times;
///  - circular otherwise, reflect, replicate: an extension in which a point occurs at most
///    `multiplicity` times, then the unpadded layer on n + 2·pad points.
AxisEmbedding axis_embedding(const ConvolutionAxis &axis, LathePadding mode, bool every) noexcept;

/// The circular layer is the circulant on its own extent: it has one output for each position of
/// the strided lattice, and the stride divides the extent.
bool is_circulant(const ConvolutionGeometry &geometry) noexcept;

} // namespace lathe::lipschitz
