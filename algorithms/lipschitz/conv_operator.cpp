// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/conv_operator.h"
#include "core/dense.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {
namespace {

constexpr std::size_t block_points = 256;

double dot(const double *x, const double *y, std::size_t n) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    sum += x[i] * y[i];
  return sum;
}

} // namespace

ConvolutionOperator::ConvolutionOperator(const ConvolutionGeometry &g, const double *weight,
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
    weight_[e] = std::ldexp(w[e], -exponent);
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

void ConvolutionOperator::sources(std::size_t p, std::int64_t *source) const noexcept {
  const auto &a = geometry_.axis;
  const auto i = static_cast<std::int64_t>(p);
  const std::int64_t n1 = a[1].output(), n2 = a[2].output();
  const std::int64_t *s0 = axis_source_[0].data() + i / (n1 * n2) * a[0].kernel;
  const std::int64_t *s1 = axis_source_[1].data() + i / n2 % n1 * a[1].kernel;
  const std::int64_t *s2 = axis_source_[2].data() + i % n2 * a[2].kernel;
  for (std::int64_t t0 = 0; t0 < a[0].kernel; ++t0)
    for (std::int64_t t1 = 0; t1 < a[1].kernel; ++t1)
      for (std::int64_t t2 = 0; t2 < a[2].kernel; ++t2)
        *source++ = s0[t0] < 0 || s1[t1] < 0 || s2[t2] < 0
                        ? -1
                        : (s0[t0] * a[1].input + s1[t1]) * a[2].input + s2[t2];
}

void ConvolutionOperator::apply(const double *x, double *y) {
  const std::size_t length = in_channels_ * taps_;
  patch_.resize(length * block_points);
  std::vector<std::int64_t> source(taps_);
  for (std::size_t begin = 0; begin < out_points_; begin += block_points) {
    const std::size_t count = std::min(block_points, out_points_ - begin);
    for (std::size_t p = 0; p < count; ++p) {
      sources(begin + p, source.data());
      double *patch = patch_.data() + p * length;
      for (std::size_t i = 0; i < in_channels_; ++i)
        for (std::size_t t = 0; t < taps_; ++t)
          *patch++ = source[t] < 0 ? 0.0 : x[i * in_points_ + static_cast<std::size_t>(source[t])];
    }
    dense::gemm('T', 'N', count, out_channels_, length, 1.0, patch_.data(), length, weight_.data(),
                length, 0.0, y + begin, out_points_);
  }
}

void ConvolutionOperator::apply_transpose(const double *y, double *x) {
  const std::size_t length = in_channels_ * taps_;
  patch_.resize(length * block_points);
  std::vector<std::int64_t> source(taps_);
  std::fill(x, x + cols(), 0.0);
  for (std::size_t begin = 0; begin < out_points_; begin += block_points) {
    const std::size_t count = std::min(block_points, out_points_ - begin);
    dense::gemm('N', 'T', length, count, out_channels_, 1.0, weight_.data(), length, y + begin,
                out_points_, 0.0, patch_.data(), length);
    for (std::size_t p = 0; p < count; ++p) {
      sources(begin + p, source.data());
      const double *patch = patch_.data() + p * length;
      for (std::size_t i = 0; i < in_channels_; ++i)
        for (std::size_t t = 0; t < taps_; ++t, ++patch)
          if (source[t] >= 0)
            x[i * in_points_ + static_cast<std::size_t>(source[t])] += *patch;
    }
  }
}

double ConvolutionOperator::rayleigh_lower(const double *x) {
  std::vector<double> y(rows());
  apply(x, y.data());
  const double xx = dot(x, x, cols()), yy = dot(y.data(), y.data(), rows());
  if (!(xx > 0x1p-900) || !std::isfinite(xx) || !std::isfinite(yy))
    return 0;
  const double norm_x = mul_up(sqrt_up(xx), up(1 + gamma_up(static_cast<double>(cols()) + 2)));
  const double norm_y =
      mul_down(sqrt_down(yy), down(1 - gamma_up(static_cast<double>(rows()) + 2)));
  // |fl(Ax) − Ax| ≤ γ_K·|A||x| with K terms in each sum.
  const double gamma = gamma_up(static_cast<double>(in_channels_ * taps_) + 2);
  const double rounding = add_up(mul_up(gamma, absolute_), 0x1p-400);
  return std::max(0.0, sub_down(down(norm_y / norm_x), rounding));
}

long long ConvolutionOperator::improve(std::vector<double> &x, int steps) {
  const std::size_t n = cols();
  const auto k = std::min(static_cast<std::size_t>(steps), n);
  std::vector<double> basis(n * k), y(rows()), w(n), alpha, beta;
  const double start = std::sqrt(dot(x.data(), x.data(), n));
  if (!(start > 0) || !std::isfinite(start))
    return 0;
  for (std::size_t e = 0; e < n; ++e)
    basis[e] = x[e] / start;
  long long products = 0;
  for (std::size_t j = 0; j < k; ++j) {
    apply(basis.data() + j * n, y.data());
    apply_transpose(y.data(), w.data());
    products += 2;
    double a = 0;
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t i = j + 1; i-- > 0;) {
        const double h = dot(basis.data() + i * n, w.data(), n);
        a += i == j ? h : 0;
        for (std::size_t e = 0; e < n; ++e)
          w[e] -= h * basis[i * n + e];
      }
    alpha.push_back(a);
    const double b = std::sqrt(dot(w.data(), w.data(), n));
    if (j + 1 == k || !(b > 1e-14 * std::fabs(alpha[0])))
      break;
    beta.push_back(b);
    for (std::size_t e = 0; e < n; ++e)
      basis[(j + 1) * n + e] = w[e] / b;
  }
  const std::size_t used = alpha.size();
  std::vector<double> z(used * used);
  beta.resize(used);
  if (dense::tridiagonal_eigen(used, alpha.data(), beta.data(), z.data()) != 0)
    return products;
  dense::gemv('N', n, used, 1.0, basis.data(), n, z.data() + (used - 1) * used, 0.0, x.data());
  return products;
}

std::vector<double> ConvolutionOperator::dense(double *error) const {
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
          const double w = weight_[(o * in_channels_ + i) * taps_ + t];
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

} // namespace lathe::lipschitz
