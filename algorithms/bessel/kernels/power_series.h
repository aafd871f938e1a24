// SPDX-License-Identifier: BSD-2-Clause
// log I_v(x) inside the ellipse: (x/2)^v / Γ(v+1) · S, S = Σ y^k / (k! (v+1)_k), y = x²/4
// (DLMF 10.25.2). S = N/D by Horner's rule without a division: with d = k (k + v), D ← d D,
// N ← y N + D for k = terms … 1; all terms are positive.
#pragma once
#include "bessel/kernels/debye.h"
#include "bessel/kernels/steps.h"
#include "bessel/tables/gamma_tables.h"

namespace lathe::bessel::kernel {

/// N and D with derivatives: S = n/d, S_y = n_y/d, ∂v log S = n_v/n - d_v/d.
struct SeriesSum {
  DoubleDouble n, d, n_y, n_v, d_v;
};

// Steps k, k - 1, … 1; the last `accurate` ones, where almost all of the rounding errors arise,
// keep what each operation loses.
template <int k, int accurate>
LATHE_BESSEL_INLINE SeriesSum series_steps(double v, DoubleDouble y, SeriesSum a) noexcept {
  constexpr double number = k;
  if constexpr (k == 0) {
    return a;
  } else if constexpr (k > accurate) {
    const double d = fma(v, number, number * number);
    const double d_v = fma(a.d_v.hi, d, a.d.hi * number), product = a.d.hi * d;
    return series_steps<k - 1, accurate>(v, y,
                                         {{fma(y.hi, a.n.hi, product), 0.0},
                                          {product, 0.0},
                                          {fma(y.hi, a.n_y.hi, a.n.hi), 0.0},
                                          {fma(y.hi, a.n_v.hi, d_v), 0.0},
                                          {d_v, 0.0}});
  } else {
    const DoubleDouble d = two_product(v, number) + number * number;
    const DoubleDouble product = a.d * d, d_v = fma(a.d_v, d, a.d * number);
    return series_steps<k - 1, accurate>(
        v, y, {fma(a.n, y, product), product, fma(a.n_y, y, a.n), fma(a.n_v, y, d_v), d_v});
  }
}

template <int terms, int accurate>
LATHE_BESSEL_INLINE SeriesSum series(double v, double x) noexcept {
  const DoubleDouble one = {1.0, 0.0}, zero = {0.0, 0.0};
  const double half_x = 0.5 * flushed(x);
  return series_steps<terms, accurate>(v, two_product(half_x, half_x),
                                       {one, one, zero, zero, zero});
}

/// Π_{j=1}^{n} (f + j), n ≤ 18.
struct Pochhammer {
  DoubleDouble product, slope; // slope = d product / df
};

LATHE_BESSEL_INLINE Pochhammer chosen(bool first, Pochhammer a, Pochhammer b) noexcept {
  return {chosen(first, a.product, b.product), chosen(first, a.slope, b.slope)};
}

template <class Form> LATHE_BESSEL_INLINE Pochhammer pochhammer(double f, double n) noexcept {
  return take_steps<18>(Form{}, n, Pochhammer{{1.0, 0.0}, {0.0, 0.0}},
                        [f](double j, Pochhammer a) LATHE_BESSEL_LAMBDA {
                          return Pochhammer{a.product * (f + j), fma(a.slope, f + j, a.product)};
                        });
}

/// 1/Γ(v+1) as a quotient and its log-derivative -ψ(v+1); 0 ≤ v ≤ 18.
struct ReciprocalFactorial {
  DoubleDouble numerator, denominator, slope;
};

template <class Form>
LATHE_BESSEL_INLINE ReciprocalFactorial reciprocal_factorial(double v) noexcept {
  const double n = nearest_integer(v), f = v - n;
  const Pochhammer p = pochhammer<Form>(f, n);
  const Dual g = horner<tables::ReciprocalGamma>(Dual{2.0 * f, 2.0});
  const DoubleDouble value = fast_two_sum(1.0, f * g.value);
  return {value, p.product, -(p.slope / p.product) + fma(f, g.slope, g.value) / value.hi};
}

/// log S.
template <int terms> LATHE_BESSEL_INLINE DoubleDouble log_series(double v, double x) noexcept {
  const SeriesSum s = series<terms, terms / 4>(v, x);
  return log(s.n / s.d);
}

template <class Form, int terms>
LATHE_BESSEL_INLINE double log_i_series(double v, double x) noexcept {
  const SeriesSum s = series<terms, terms / 4>(v, x);
  const ReciprocalFactorial g = reciprocal_factorial<Form>(v);
  const Split m = split(x);
  const DoubleDouble log_half_x = log_accurate({m.mantissa, 0.0}, m.exponent - 1.0);
  return rounded(log_half_x * v + log((g.numerator * s.n) / (g.denominator * s.d)));
}

template <class Form, int terms>
LATHE_BESSEL_INLINE Derivatives log_i_series_derivatives(double v, double x) noexcept {
  const double order = flushed(v);
  const double value = log_i_series<Form, terms>(order, x);
  const SeriesSum s = series<terms, terms / 2>(order, x);
  const ReciprocalFactorial g = reciprocal_factorial<Form>(order);
  const Split m = split(x);
  const DoubleDouble log_half_x = log_accurate({m.mantissa, 0.0}, m.exponent - 1.0);
  const DoubleDouble half_ratio = s.n_y / s.n;
  // Where x < 2^-1000, x/2 counts beside v/x for v = 0 only.
  const double argument = v > 0.0 ? flushed<-1000>(x) : x;
  const double r = 0.5 * rounded(half_ratio) * argument, t = quotient(v, x);
  // ∂xx = r' - v/x², r' = 1 - r² - (2v + 1) r/x
  const double slope = fma(-r, r, 1.0) - (order + 0.5) * rounded(half_ratio);
  return {value, t + r, rounded((log_half_x + (s.n_v / s.n - s.d_v / s.d)) + g.slope),
          slope - t / x};
}

} // namespace lathe::bessel::kernel
