// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/residual_bound.h"
#include "lipschitz/rounding.h"
#include "lipschitz/scaled_matrix.h"
#include <bit>
#include <complex>
#include <vector>

namespace lathe::lipschitz {
namespace {

using dense::View;

constexpr std::size_t strip = 64; // columns of the factor that are multiplied at a time

/// X = high + low, entry by entry and exactly; rows × cols, leading dimension rows.
template <class W> struct Split {
  std::size_t rows, cols;
  std::vector<W> high, low;

  /// Entries above row `j` of column j are zero when `lower`.
  Split(View<const W> x, double cut, bool lower)
      : rows(x.rows), cols(x.cols), high(rows * cols), low(rows * cols) {
    const auto leading = [cut](double v) { return (v + cut) - cut; };
    for (std::size_t j = 0; j < cols; ++j)
      for (std::size_t i = lower ? j : 0; i < rows; ++i) {
        const W v = x(i, j);
        W h;
        if constexpr (dense::is_complex<W>)
          h = {leading(v.real()), leading(v.imag())};
        else
          h = leading(v);
        high[i + j * rows] = h;
        low[i + j * rows] = v - h;
      }
  }
  /// high ← high + low/2
  void centre() noexcept {
    for (std::size_t e = 0; e < high.size(); ++e)
      high[e] += 0.5 * low[e];
  }
  [[nodiscard]] View<const W> view(const std::vector<W> &x) const noexcept {
    return {x.data(), rows, cols, rows};
  }
};

template <class W> double largest_part(View<const W> x, bool lower) noexcept {
  double largest = 0;
  for (std::size_t j = 0; j < x.cols; ++j)
    for (std::size_t i = lower ? j : 0; i < x.rows; ++i) {
      const double re = std::fabs(std::real(x(i, j))), im = std::fabs(std::imag(x(i, j)));
      if (!std::isfinite(re + im))
        return std::numeric_limits<double>::infinity();
      largest = std::max({largest, re, im});
    }
  return largest;
}

/// Lower triangle of g ← AᴴA + LLᴴ of the leading parts, without rounding.
template <class W> void exact_product(const Split<W> &a, const Split<W> &l, W *g) {
  const std::size_t n = a.cols;
  dense::herk<W>('L', 'C', n, a.rows, 1, a.high.data(), a.rows, 0, g, n);
  for (std::size_t first = 0; first < n; first += strip)
    dense::herk<W>('L', 'N', n - first, std::min(strip, n - first), 1,
                   l.high.data() + first * (n + 1), n, 1, g + first * (n + 1), n);
}

/// c ← highᴴ·low of A and high·lowᴴ of L, where `high` has been centred.
template <class W> void cross_product(const Split<W> &a, const Split<W> &l, W *c) {
  const std::size_t n = a.cols;
  dense::gemm<W>('C', 'N', n, n, a.rows, 1, a.high.data(), a.rows, a.low.data(), a.rows, 0, c, n);
  for (std::size_t first = 0; first < n; first += strip)
    dense::gemm<W>('N', 'C', n - first, n - first, std::min(strip, n - first), 1,
                   l.high.data() + first * (n + 1), n, l.low.data() + first * (n + 1), n, 1,
                   c + first * (n + 1), n);
}

} // namespace

// XᴴX = HᴴH + C + Cᴴ with C = (H + L/2)ᴴL for X = H + L.
template <class W> double residual_bound(View<const W> a, double tau, View<const W> factor) {
  const std::size_t n = a.cols, terms = 2 * (a.rows + n);
  const double largest = std::max(largest_part(a, false), largest_part(factor, true));
  if (!std::isfinite(largest) || !std::isfinite(tau))
    return std::numeric_limits<double>::infinity();
  // Leading parts are integers of `bits` bits times a quantum, |sums of products| ≤ 2⁵³ quanta².
  const int bits = (53 - static_cast<int>(std::bit_width(terms))) / 2;
  int exponent = 0;
  (void)std::frexp(largest, &exponent);
  const double cut = std::ldexp(1.5, exponent - bits + 52);
  Split<W> x(a, cut, false), l(factor, cut, true);
  std::vector<W> g(n * n), c(n * n);
  exact_product(x, l, g.data());
  x.centre();
  l.centre();
  cross_product(x, l, c.data());
  double squares = 0;
  for (std::size_t j = 0; j < n; ++j) {
    double sum = 0;
    for (std::size_t i = j; i < n; ++i) {
      W mirrored = c[j + i * n];
      if constexpr (dense::is_complex<W>)
        mirrored = std::conj(mirrored);
      const W r = ((i == j ? tau : 0.0) - g[i + j * n]) - (c[i + j * n] + mirrored);
      sum += (i == j ? 1 : 2) * std::norm(r);
    }
    squares += sum;
  }
  const double residual =
      sqrt_up(mul_up(squares, add_up(1, gamma_up(4 * static_cast<double>(n) + 16))));
  // ‖|high|ᴴ|low|‖_F ≤ ‖high‖_F·‖low‖_F: the rounding of C and Cᴴ, with one more for centring; then
  // three of each entry of R, relative to |R| and |C + Cᴴ|.
  const double high = add_up(frobenius_up(x.view(x.high)), frobenius_up(l.view(l.high)));
  const double low = add_up(frobenius_up(x.view(x.low)), frobenius_up(l.view(l.low)));
  const double cross = mul_up(high, low);
  const double gamma = dot_gamma<W>(static_cast<double>(a.rows + n + n / strip + 8));
  const double rounding = add_up(mul_up(2 * gamma, cross),
                                 mul_up(4 * unit_roundoff, add_up(residual, mul_up(4, cross))));
  return add_up(tau, add_up(add_up(residual, rounding), 0x1p-400));
}

template double residual_bound<double>(View<const double>, double, View<const double>);
template double residual_bound<std::complex<double>>(View<const std::complex<double>>, double,
                                                     View<const std::complex<double>>);

} // namespace lathe::lipschitz
