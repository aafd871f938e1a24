// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/moment_bound.h"
#include "lipschitz/rounding.h"
#include "lipschitz/scaled_matrix.h"
#include <algorithm>
#include <cmath>
#include <complex>

namespace lathe::lipschitz {
namespace {

/// q(x) = x² − sum·x + product; any coefficients give a bound, good ones a sharp one.
struct Quadratic {
  double sum = 0, product = 0;
};

double real_product(double x, double y) noexcept {
  return x * y;
}
double real_product(std::complex<double> x, std::complex<double> y) noexcept {
  return x.real() * y.real() + x.imag() * y.imag();
}

/// Sum of f(g_ij, 2^shift·s_ij, i == j), column by column.
template <class W, class F> double sum_entries(const SquaredMatrix<W> &h, F f) noexcept {
  const double scale = std::ldexp(1.0, h.shift);
  double total = 0;
  for (std::size_t j = 0; j < h.matrix.cols; ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < h.matrix.rows; ++i)
      sum += f(h.matrix(i, j), scale * h.square(i, j), i == j);
    total += sum;
  }
  return total;
}

/// ‖q(G)‖_F² as computed.
template <class W> double residual_squares(const SquaredMatrix<W> &h, const Quadratic &q) noexcept {
  return sum_entries(h, [&q](W g, W s, bool diagonal) {
    const W r = s - q.sum * g + (diagonal ? q.product : 0.0);
    return real_product(r, r);
  });
}

/// q with q(0) = 0 and ‖q(G)‖_F least: sharp for one distinct eigenvalue besides 0.
template <class W> Quadratic through_zero(const SquaredMatrix<W> &h) noexcept {
  const double gs = sum_entries(h, [](W g, W s, bool) { return real_product(g, s); });
  const double gg = sum_entries(h, [](W g, W, bool) { return real_product(g, g); });
  return {gs / gg, 0};
}

/// The kernel polynomial at the largest x where the Christoffel function is 1, divided by its
/// leading coefficient. π₁ = x − mean and π₂ = (x − mean)(x − second) − spread/n are orthogonal
/// for the measure Σ δ_{λ_i}, with squared norms `spread` and `rest`.
template <class W> Quadratic kernel_polynomial(const SquaredMatrix<W> &h) noexcept {
  const auto n = static_cast<double>(h.matrix.rows);
  const double mean = sum_entries(h, [](W g, W, bool d) { return d ? std::real(g) : 0.0; }) / n;
  const auto deviation = [mean](W g, bool diagonal) { return g - (diagonal ? mean : 0.0); };
  const double spread = sum_entries(
      h, [&](W g, W, bool d) { return real_product(deviation(g, d), deviation(g, d)); });
  const double third =
      sum_entries(h, [&](W g, W s, bool d) { return real_product(deviation(g, d), s - mean * g); });
  if (!(spread > 0))
    return {mean, 0};
  const double second = third / spread;
  const Quadratic q = {mean + second, mean * second - spread / n};
  const double rest = residual_squares(h, q);
  const auto value = [&q](double x) { return (x - q.sum) * x + q.product; };
  // Right of its largest root π₂ rises, and so does K(x, x).
  const double half = 0.5 * (mean - second);
  double low = 0.5 * q.sum + std::sqrt(half * half + spread / n);
  double high =
      std::sqrt(std::sqrt(sum_entries(h, [](W, W s, bool) { return real_product(s, s); })));
  if (!(rest > 0) || !(high > low))
    return q;
  for (int k = 0; k < 60; ++k) {
    const double x = 0.5 * (low + high), first = x - mean;
    const double kernel = 1 / n + first * first / spread + value(x) * (value(x) / rest);
    (kernel <= 1 ? low : high) = x;
  }
  const double leading = value(high) / rest;
  if (!(leading > 0))
    return q;
  const double linear = (high - mean) / spread / leading;
  return {q.sum - linear, q.product - linear * mean + 1 / (n * leading)};
}

} // namespace

template <class W> double moment_bound(const SquaredMatrix<W> &h) noexcept {
  const auto n = static_cast<double>(h.matrix.rows);
  const double g = frobenius_up(h.matrix), s = std::ldexp(frobenius_up(h.square), h.shift);
  // ‖G² − H²‖_F ≤ error·(2‖G‖₂ + error), ‖G‖₂² ≤ ‖G²‖_F.
  const double top = sqrt_up(add_up(s, h.square_error));
  const double square_error =
      add_up(h.square_error, mul_up(h.error, add_up(2 * top, h.error))); // of 2^shift·S against H²
  double bound = add_up(top, h.error);
  for (const Quadratic &q : {kernel_polynomial(h), through_zero(h)}) {
    // Three roundings an entry, 4n + 3 in the sum of squares; underflow loses less than 2⁻⁵⁰⁰.
    const double squares = mul_up(residual_squares(h, q), add_up(1, gamma_up(4 * n + 8)));
    const double sizes =
        add_up(s, add_up(mul_up(std::fabs(q.sum), g), mul_up(std::fabs(q.product), sqrt_up(n))));
    const double rounding = add_up(mul_up(gamma_up(4), sizes), mul_up(n * n, 0x1p-500));
    const double inherited = add_up(square_error, mul_up(std::fabs(q.sum), h.error));
    const double norm = add_up(sqrt_up(squares), add_up(rounding, inherited));
    // x² − sum·x + product ≤ norm
    const double half = 0.5 * q.sum;
    const double discriminant = add_up(up(mul_up(half, half) - q.product), norm);
    bound = std::min(bound, add_up(half, sqrt_up(std::max(discriminant, 0.0))));
  }
  return bound;
}

template double moment_bound<double>(const SquaredMatrix<double> &) noexcept;
template double
moment_bound<std::complex<double>>(const SquaredMatrix<std::complex<double>> &) noexcept;

} // namespace lathe::lipschitz
