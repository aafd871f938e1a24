// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/vector_norm.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace lathe::lipschitz {
namespace {

/// Sum high + low with a bound of what was lost.
struct Accumulator {
  double high = 0, low = 0;
  bool exact = true;

  void add(double x) noexcept {
    const double sum = high + x;
    const double back = sum - high;
    const double rest = (high - (sum - back)) + (x - back); // Knuth's two-sum: sum + rest exact
    high = sum;
    const double lower = low + rest;
    const double part = lower - low;
    exact = exact && (low - (lower - part)) + (rest - part) == 0;
    low = lower;
  }
};

/// Σ a·b as high + low.
struct DoubleSum {
  double high = 0, low = 0;
  void add(double a, double b) noexcept {
    const double product = a * b;
    const double sum = high + product, back = sum - high;
    low += ((high - (sum - back)) + (product - back)) + std::fma(a, b, -product);
    high = sum;
  }
};

} // namespace

NormInterval vector_norm(std::size_t n, const double *x) noexcept {
  Accumulator sum;
  bool underflow = false;
  for (std::size_t i = 0; i < n; ++i) {
    const double square = x[i] * x[i];
    sum.add(square);
    sum.add(std::fma(x[i], x[i], -square));
    underflow = underflow || (x[i] != 0 && square < 0x1p-900);
  }
  const double high = sum.high + sum.low;
  const double low = sum.low - (high - sum.high);
  const double root = std::sqrt(high);
  if (!(root > 0))
    return {0, root == 0 && !underflow ? 0 : up(root)};
  // ‖x‖² − root², from the exact remainder of the square root.
  const double remainder = -std::fma(root, root, -high) + low;
  const bool exact = sum.exact && !underflow;
  if (exact && remainder == 0)
    return {root, root};
  // low collects 2n terms below u·high each, with 2n roundings of relative size u.
  const double terms = 2 * static_cast<double>(n) + 4;
  const double lost = high * (terms * terms * 0x1p-105 + 0x1p-100);
  // One neighbour on each side suffices while |‖x‖ − root| is below one unit in the last place:
  // half from the square root, at most 0.36 from `low`, and this much from what was lost.
  if (lost > high * 0x1p-56)
    return {sqrt_down(sub_down(high, 2 * lost)), sqrt_up(add_up(high, 2 * lost))};
  NormInterval interval = {root, root};
  if (remainder < lost)
    interval.lower = down(root);
  if (remainder > -lost)
    interval.upper = up(root);
  return interval;
}

template <class W> double quotient_lower(dense::View<const W> a, const W *x, double absolute) {
  constexpr std::size_t parts = dense::is_complex<W> ? 2 : 1;
  std::vector<DoubleSum> sum(parts * a.rows);
  for (std::size_t j = 0; j < a.cols; ++j)
    for (std::size_t i = 0; i < a.rows; ++i) {
      const W v = a(i, j);
      if constexpr (parts == 1) {
        sum[i].add(v, x[j]);
      } else {
        sum[2 * i].add(v.real(), x[j].real());
        sum[2 * i].add(-v.imag(), x[j].imag());
        sum[2 * i + 1].add(v.real(), x[j].imag());
        sum[2 * i + 1].add(v.imag(), x[j].real());
      }
    }
  std::vector<double> y;
  for (const DoubleSum &s : sum)
    y.push_back(s.high + s.low);
  const NormInterval norm_x = vector_norm(parts * a.cols, reinterpret_cast<const double *>(x));
  const NormInterval norm_y = vector_norm(y.size(), y.data());
  if (!(norm_x.lower > 0) || !std::isfinite(norm_x.upper))
    return 0;
  // ‖|A||x|‖ ≤ ‖|A|‖₂·‖x‖; products that underflow lose less than 2⁻⁸⁰⁰.
  const double gamma = gamma_up(4 * static_cast<double>(a.cols) + 4);
  const double lost =
      add_up(mul_up(mul_up(up(std::numbers::sqrt2), mul_up(gamma, gamma)), absolute), 0x1p-800);
  const double quotient = down(mul_down(norm_y.lower, 1 - 0x1p-52) / norm_x.upper);
  return std::max(0.0, sub_down(quotient, lost));
}

template double quotient_lower<double>(dense::View<const double>, const double *, double);
template double quotient_lower<std::complex<double>>(dense::View<const std::complex<double>>,
                                                     const std::complex<double> *, double);

} // namespace lathe::lipschitz
