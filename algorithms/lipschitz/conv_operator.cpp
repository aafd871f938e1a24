// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/conv_operator.h"
#include "core/dense.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {
namespace {

constexpr std::int64_t block_points = 128;

// About 32 blocks, so that the ranks get equal shares; wider ones only lengthen the matrix
// products.
std::int64_t block_channels(std::size_t channels) noexcept {
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(channels) / 32, 1, 16);
}

Range widened(Range blocks, std::int64_t size, std::size_t end) noexcept {
  const auto n = static_cast<std::int64_t>(end);
  return {std::min(blocks.begin * size, n), std::min(blocks.end * size, n)};
}

} // namespace

template <class Real>
ConvolutionOperator<Real>::ConvolutionOperator(const ConvolutionGeometry &g, const double *weight,
                                               std::int64_t group, int exponent)
    : geometry_(g), out_channels_(static_cast<std::size_t>(g.group_out())),
      in_channels_(static_cast<std::size_t>(g.group_in())),
      out_points_(static_cast<std::size_t>(g.output_points())),
      in_points_(static_cast<std::size_t>(g.input_points())),
      taps_(static_cast<std::size_t>(g.taps())) {
  const std::size_t length = in_channels_ * taps_;
  const double *w = weight + static_cast<std::size_t>(group) * out_channels_ * length;
  weight_.resize(out_channels_ * length);
  for (std::size_t e = 0; e < weight_.size(); ++e)
    weight_[e] = static_cast<Real>(std::ldexp(w[e], -exponent));
  double repeated = 1;
  for (int i = 0; i < 3; ++i) {
    const ConvolutionAxis &a = g.axis[i];
    repeated *= static_cast<double>(axis_embedding(a, g.mode, false).multiplicity);
    for (std::int64_t p = 0; p < a.output(); ++p)
      for (std::int64_t t = 0; t < a.kernel; ++t)
        axis_source_[i].push_back(a.source(p * a.stride + t * a.dilation - a.padding, g.mode));
  }
  double row = 0;
  std::vector<double> column(in_channels_, 0.0);
  for (std::size_t o = 0; o < out_channels_; ++o) {
    double sum = 0;
    for (std::size_t e = 0; e < length; ++e) {
      sum += std::fabs(weight_[o * length + e]);
      column[e / taps_] += std::fabs(weight_[o * length + e]);
    }
    row = std::max(row, sum);
  }
  const double col = column.empty() ? 0 : *std::max_element(column.begin(), column.end());
  const double relative = gamma_up(static_cast<double>(weight_.size()) + 4);
  absolute_ = mul_up(sqrt_up(mul_up(mul_up(row, col), repeated)), up(1 + relative));
}

template <class Real>
void ConvolutionOperator<Real>::sources(std::size_t p, std::int64_t *source) const noexcept {
  const auto &a = geometry_.axis;
  const auto i = static_cast<std::int64_t>(p);
  const std::int64_t n1 = a[1].output(), n2 = a[2].output();
  const std::int64_t *s0 = axis_source_[0].data() + i / (n1 * n2) * a[0].kernel;
  const std::int64_t *s1 = axis_source_[1].data() + i / n2 % n1 * a[1].kernel;
  const std::int64_t *s2 = axis_source_[2].data() + i % n2 * a[2].kernel;
  for (std::int64_t t0 = 0; t0 < a[0].kernel; ++t0)
    for (std::int64_t t1 = 0; t1 < a[1].kernel; ++t1) {
      const bool inside = s0[t0] >= 0 && s1[t1] >= 0;
      const std::int64_t line = (s0[t0] * a[1].input + s1[t1]) * a[2].input;
      for (std::int64_t t2 = 0; t2 < a[2].kernel; ++t2)
        *source++ = inside && s2[t2] >= 0 ? line + s2[t2] : -1;
    }
}

template <class Real> std::int64_t ConvolutionOperator<Real>::point_blocks() const noexcept {
  return (static_cast<std::int64_t>(out_points_) + block_points - 1) / block_points;
}

template <class Real> std::int64_t ConvolutionOperator<Real>::channel_blocks() const noexcept {
  const std::int64_t size = block_channels(in_channels_);
  return (static_cast<std::int64_t>(in_channels_) + size - 1) / size;
}

template <class Real> Range ConvolutionOperator<Real>::points(Range blocks) const noexcept {
  return widened(blocks, block_points, out_points_);
}

template <class Real> Range ConvolutionOperator<Real>::channels(Range blocks) const noexcept {
  return widened(blocks, block_channels(in_channels_), in_channels_);
}

template <class Real> void ConvolutionOperator<Real>::apply(const Real *x, Range blocks, Real *y) {
  const std::size_t length = in_channels_ * taps_;
  patch_.resize(length * block_points);
  std::vector<std::int64_t> source(taps_);
  for (std::int64_t b = blocks.begin; b < blocks.end; ++b) {
    const Range block = points({b, b + 1});
    const auto begin = static_cast<std::size_t>(block.begin);
    const auto count = static_cast<std::size_t>(block.size());
    for (std::size_t p = 0; p < count; ++p) {
      sources(begin + p, source.data());
      Real *patch = patch_.data() + p * length;
      for (std::size_t i = 0; i < in_channels_; ++i)
        for (std::size_t t = 0; t < taps_; ++t)
          *patch++ = source[t] < 0 ? 0 : x[i * in_points_ + static_cast<std::size_t>(source[t])];
    }
    dense::gemm('T', 'N', count, out_channels_, length, Real(1), patch_.data(), length,
                weight_.data(), length, Real(0), y + begin * out_channels_, count);
  }
}

template <class Real>
void ConvolutionOperator<Real>::apply_transpose(const Real *y, Range blocks, Real *x) {
  std::vector<std::int64_t> source(taps_);
  for (std::int64_t c = blocks.begin; c < blocks.end; ++c) {
    const Range channel = channels({c, c + 1});
    const auto first = static_cast<std::size_t>(channel.begin);
    const auto width = static_cast<std::size_t>(channel.size());
    const std::size_t length = width * taps_;
    patch_.resize(length * block_points);
    std::fill_n(x + first * in_points_, width * in_points_, Real(0));
    for (std::int64_t b = 0; b < point_blocks(); ++b) {
      const Range block = points({b, b + 1});
      const auto begin = static_cast<std::size_t>(block.begin);
      const auto count = static_cast<std::size_t>(block.size());
      dense::gemm('N', 'T', length, count, out_channels_, Real(1), weight_.data() + first * taps_,
                  in_channels_ * taps_, y + begin * out_channels_, count, Real(0), patch_.data(),
                  length);
      for (std::size_t p = 0; p < count; ++p) {
        sources(begin + p, source.data());
        const Real *patch = patch_.data() + p * length;
        for (std::size_t i = first; i < first + width; ++i)
          for (std::size_t t = 0; t < taps_; ++t, ++patch)
            if (source[t] >= 0)
              x[i * in_points_ + static_cast<std::size_t>(source[t])] += *patch;
      }
    }
  }
}

template <class Real> std::vector<double> ConvolutionOperator<Real>::dense(double *error) const {
  std::vector<double> a(rows() * cols(), 0.0), low(a.size(), 0.0);
  std::vector<std::int64_t> source(taps_);
  bool exact = true;
  for (std::size_t p = 0; p < out_points_; ++p) {
    sources(p, source.data());
    for (std::size_t o = 0; o < out_channels_; ++o)
      for (std::size_t i = 0; i < in_channels_; ++i)
        for (std::size_t t = 0; t < taps_; ++t) {
          if (source[t] < 0)
            continue;
          const std::size_t e =
              o * out_points_ + p + (i * in_points_ + static_cast<std::size_t>(source[t])) * rows();
          const double w{weight_[(o * in_channels_ + i) * taps_ + t]};
          const double sum = a[e] + w, back = sum - a[e]; // Knuth's two-sum
          low[e] += (a[e] - (sum - back)) + (w - back);
          a[e] = sum;
          exact = exact && low[e] == 0;
        }
  }
  *error = 0;
  if (exact)
    return a;
  double squares = 0;
  for (std::size_t e = 0; e < a.size(); ++e) {
    a[e] += low[e];
    squares += a[e] * a[e];
  }
  // Entry by entry u·|a| + γ²·Σ|w| (Ogita, Rump, Oishi, SIAM J. Sci. Comput. 26 (2005)).
  const double frobenius =
      sqrt_up(mul_up(squares, add_up(1, gamma_up(static_cast<double>(a.size()) + 2))));
  const double gamma = gamma_up(static_cast<double>(taps_));
  *error = add_up(add_up(mul_up(unit_roundoff * (1 + 0x1p-50), frobenius), 0x1p-500),
                  mul_up(mul_up(gamma, gamma), absolute_));
  return a;
}

template class ConvolutionOperator<float>;
template class ConvolutionOperator<double>;

} // namespace lathe::lipschitz
