// SPDX-License-Identifier: BSD-2-Clause
// log I_v(x) inside the ellipse: (x/2)^v / Γ(v+1) · S, S = Σ y^k / (k! (v+1)_k), y = x²/4
// (DLMF 10.25.2). S = N/D by Horner's rule without a division: with d = k (k + v), D ← d D,
// N ← y N + D for k = terms … 1; all terms are positive.
#pragma once
#include "bessel/kernels/debye.h"
#include "bessel/tables/gamma_tables.h"

namespace lathe::bessel::kernel {

/// N and D with derivatives: S = n/d, S_y = n_y/d, S_v/S = n_v/n - log_d_v.
struct SeriesSum {
  double n, d, n_y, n_v, d_v;
};

template <int k>
LATHE_BESSEL_INLINE SeriesSum series_steps(double v, double y, SeriesSum a) noexcept {
  if constexpr (k == 0) {
    return a;
  } else {
    const double d = fma(v, static_cast<double>(k), static_cast<double>(k * k));
    const double d_v = fma(a.d_v, d, a.d * static_cast<double>(k));
    const double product = a.d * d;
    return series_steps<k - 1>(
        v, y, {fma(y, a.n, product), product, fma(y, a.n_y, a.n), fma(y, a.n_v, d_v), d_v});
  }
}

template <int terms> LATHE_BESSEL_INLINE SeriesSum series(double v, double x) noexcept {
  return series_steps<terms>(v, 0.25 * x * x, {1.0, 1.0, 0.0, 0.0, 0.0});
}

/// Π_{j=1}^{n} (f + j) for n ≤ 18 as a sum, and Σ 1/(f + j).
struct Pochhammer {
  DoubleDouble product;
  double slope; // d product / df
};

template <int j>
LATHE_BESSEL_INLINE Pochhammer pochhammer_steps(double f, double n, Pochhammer a) noexcept {
  if constexpr (j > 18) {
    return a;
  } else {
    const bool take = static_cast<double>(j) <= n;
    const double t = take ? f + static_cast<double>(j) : 1.0;
    return pochhammer_steps<j + 1>(f, n,
                                   {a.product * t, fma(a.slope, t, take ? a.product.hi : 0.0)});
  }
}

/// 1/Γ(v+1) as a quotient and its log-derivative -ψ(v+1); 0 ≤ v ≤ 18.
struct ReciprocalFactorial {
  DoubleDouble numerator, denominator;
  double slope;
};

LATHE_BESSEL_INLINE ReciprocalFactorial reciprocal_factorial(double v) noexcept {
  const double n = nearest_integer(v), f = v - n;
  const Pochhammer p = pochhammer_steps<1>(f, n, {{1.0, 0.0}, 0.0});
  const Dual g = horner<tables::ReciprocalGamma>(Dual{2.0 * f, 2.0});
  const DoubleDouble value = fast_two_sum(1.0, f * g.value);
  return {value, p.product, fma(f, g.slope, g.value) / value.hi - p.slope / p.product.hi};
}

template <int terms> LATHE_BESSEL_INLINE double log_i_series(double v, double x) noexcept {
  const SeriesSum s = series<terms>(v, x);
  const ReciprocalFactorial g = reciprocal_factorial(v);
  const Split m = split(x);
  const DoubleDouble power = log_accurate({m.mantissa, 0.0}, m.exponent - 1.0) * v;
  const DoubleDouble scale = log(g.numerator * s.n / (g.denominator * s.d));
  return rounded(power + scale);
}

/// log S.
template <int terms> LATHE_BESSEL_INLINE DoubleDouble log_series(double v, double x) noexcept {
  const SeriesSum s = series<terms>(v, x);
  return log(DoubleDouble{s.n, 0.0} / DoubleDouble{s.d, 0.0});
}

/// r = I_{v+1}(x)/I_v(x) = (x/2) S_y/S.
template <int terms> LATHE_BESSEL_INLINE double ratio_series(double v, double x) noexcept {
  const SeriesSum s = series<terms>(v, x);
  return 0.5 * x * (s.n_y / s.n);
}

template <int terms>
LATHE_BESSEL_INLINE Derivatives log_i_series_derivatives(double v, double x) noexcept {
  const SeriesSum s = series<terms>(v, x);
  const ReciprocalFactorial g = reciprocal_factorial(v);
  const Split m = split(x);
  const DoubleDouble log_half_x = log_accurate({m.mantissa, 0.0}, m.exponent - 1.0);
  const DoubleDouble scale = log(g.numerator * s.n / (g.denominator * s.d));
  const double r = 0.5 * x * (s.n_y / s.n), t = v / x;
  // r' = 1 - r² - (2v + 1) r/x, and r/x = ½ S_y/S without a division by a tiny x
  const double r_over_x = 0.5 * (s.n_y / s.n);
  return {rounded(log_half_x * v + scale), t + r,
          log_half_x.hi + (g.slope + (s.n_v / s.n - s.d_v / s.d)),
          fma(-r, r, 1.0) - fma(2.0, v, 1.0) * r_over_x - t / x};
}

} // namespace lathe::bessel::kernel
