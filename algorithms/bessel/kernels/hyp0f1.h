// SPDX-License-Identifier: BSD-2-Clause
// log 0F1(; b; z), b > 0, z ≥ 0, to relative accuracy: 0F1(; v+1; x²/4) = Γ(v+1) (2/x)^v I_v(x)
// (DLMF 10.39.9), the log-partition function of von Mises-Fisher.
#pragma once
#include "bessel/kernels/ratio.h"

namespace lathe::bessel::kernel {

LATHE_BESSEL_INLINE DoubleDouble log1p(double t) noexcept {
  return log(two_sum(1.0, t));
}

/// F - 1 where 2z < b: (z/b) Σ of 15 terms, each less than a quarter of the one before.
LATHE_BESSEL_INLINE double hyp0f1_minus_one(double b, double z) noexcept {
  const double y = z / b, r = b < 0x1p400 ? 1.0 / b : 0.0;
  double n = 1.0, d = 1.0;
  for (int k = 15; k >= 2; --k) {
    d *= static_cast<double>(k) * fma(r, static_cast<double>(k - 1), 1.0);
    n = fma(y, n, d);
  }
  return y * (n / d);
}

/// v = b - 1 ≥ 17.5: with w = √(v² + 4z), δ = (w - v)/2v and Stirling's series for Γ(v+1), which is
/// the Debye series at q = 1,
///   log F = v (2δ - log(1 + δ)) - ½ log(1 + 2δ) + Σ [D_k(q) w^-k - D_k(1) v^-k].
LATHE_BESSEL_INLINE double log_hyp0f1_large(double v, double z) noexcept {
  if (z / v < v * 0x1p-60)
    return z / v;
  const double u = 4.0 * (z / v) / v, g = __builtin_sqrt(1.0 + u);
  const double delta = 0.5 * (u / (1.0 + g));
  const DoubleDouble l = log1p(delta);
  const double s = v < 0x1p100 ? 1.0 / v : 0.0, ratio = flushed<-100>(1.0 / g);
  const double series = debye_sum<tables::DebyeD, 16>(ratio * ratio, s * ratio).sum() -
                        debye_sum<tables::DebyeD, 16>(1.0, s).sum();
  return fma(v, (2.0 * delta - l.hi) - l.lo, series - 0.5 * rounded(log1p(2.0 * delta)));
}

/// v = b - 1, |v| < 17.5, outside the ellipse: Debye's expansion of I with (x/2)^v and Γ(b) inside
/// its logarithms,
///   log F = w - v log((w + v)/2) + ½ log(Γ(b)²/(2π w)) + Σ D_k(q) w^-k,   w² = v² + 4z,
/// also for v < 0: there F differs from this by K, e^-49 of it. 1/Γ(b) = g.numerator/g.denominator
/// · 2^exponent; sign: of v.
template <int terms, int powers = terms>
LATHE_BESSEL_INLINE double debye_log_hyp0f1(double order, double sign, double z, double x,
                                            const ReciprocalFactorial &g,
                                            double exponent) noexcept {
  const Scaled a = scaled(order, x);
  const DoubleDouble ww = two_product(a.v, a.v) + 4.0 * (z * a.scale * a.scale);
  const double w = __builtin_sqrt(ww.hi), s = 1.0 / w, sine = a.v * s, v = sign * a.v;
  const double w_lo = (fma(-w, w, ww.hi) + ww.lo) * (0.5 * s);
  DoubleDouble n = two_sum(w, v);
  n.lo += w_lo;
  const DoubleDouble vl = log_accurate(n, a.exponent - 1.0) * v;
  DoubleDouble lambda = two_sum(w, -vl.hi);
  lambda = fast_two_sum(lambda.hi, lambda.lo + (w_lo - vl.lo));
  lambda = {lambda.hi * a.unscale, lambda.lo * a.unscale};
  const DoubleDouble square = (g.denominator * g.denominator) / (g.numerator * g.numerator * w);
  const DoubleDouble log_square = log(square, -2.0 * exponent - a.exponent);
  const double series =
      debye_sum<tables::DebyeD, terms, powers>(sine * sine, small_reciprocal(s, a)).sum();
  const DoubleDouble constant = {half_log_2pi, half_log_2pi_lo};
  const DoubleDouble half = {0.5 * log_square.hi, 0.5 * log_square.lo};
  return rounded(((lambda - constant) + half) + series);
}

// b ≥ 1, both finite and z > 0.
LATHE_BESSEL_INLINE double log_hyp0f1_regular(double b, double z) noexcept {
  const double v = b - 1.0;
  if (2.0 * z < b)
    return rounded(log1p(hyp0f1_minus_one(b, z)));
  if (v >= 17.5)
    return log_hyp0f1_large(v, z);
  const double x = 2.0 * __builtin_sqrt(z);
  if (is_middle(v, x))
    return rounded(x < 4.0    ? log_series<18>(v, x)
                   : x < 12.0 ? log_series<30>(v, x)
                              : log_series<46>(v, x));
  const ReciprocalFactorial g = reciprocal_factorial<OnePoint>(v);
  return x > 180.0       ? debye_log_hyp0f1<8>(v, 1.0, z, x, g, 0.0)
         : is_near(v, x) ? debye_log_hyp0f1<20>(v, 1.0, z, x, g, 0.0)
                         : debye_log_hyp0f1<16>(v, 1.0, z, x, g, 0.0);
}

/// log(a/b), a, b > 0, where a/b may overflow.
LATHE_BESSEL_INLINE DoubleDouble log_quotient(double a, double b) noexcept {
  const Split m = split(a), n = split(b);
  return log(m.mantissa, m.exponent) - log(n.mantissa, n.exponent);
}

/// S of F = 1 + (z/b) S: 1 + z/P_2 (1 + z/P_3 (1 + …)), P_k = k (b + k - 1).
template <int terms> LATHE_BESSEL_INLINE double hyp0f1_rest(double b, double z) noexcept {
  double n = 1.0, d = 1.0;
  for (int k = terms; k >= 2; --k) {
    d *= static_cast<double>(k) * (b + static_cast<double>(k - 1));
    n = fma(z, n, d);
  }
  return n / d;
}

/// b < 1, first = z/b.
LATHE_BESSEL_INLINE double log_hyp0f1_small(double b, double z, double first) noexcept {
  const double x = 2.0 * __builtin_sqrt(z), order = flushed<-100>(b), y = flushed<-100>(z);
  if (is_middle(0.0, x)) {
    const double s = y < 4.0    ? hyp0f1_rest<18>(order, y)
                     : y < 36.0 ? hyp0f1_rest<30>(order, y)
                                : hyp0f1_rest<46>(order, y);
    return first < 1e280 ? rounded(log1p(first * s)) : rounded(log_quotient(z, b) + log(s));
  }
  ReciprocalFactorial g = reciprocal_factorial<OnePoint>(order); // 1/Γ(b + 1)
  const Split m = split(b);
  g.numerator = g.numerator * m.mantissa;
  return x > 180.0  ? debye_log_hyp0f1<8, 4>(1.0 - order, -1.0, z, x, g, m.exponent)
         : x < 30.0 ? debye_log_hyp0f1<20, 4>(1.0 - order, -1.0, z, x, g, m.exponent)
                    : debye_log_hyp0f1<16, 4>(1.0 - order, -1.0, z, x, g, m.exponent);
}

LATHE_BESSEL_INLINE double log_hyp0f1(double b, double z) noexcept {
  if (!is_regular(z, b)) {
    if (!(b > 0.0 && z >= 0.0) || (b == infinity && z == infinity))
      return not_a_number;
    return z == infinity ? infinity : 0.0;
  }
  const double first = z / b;
  if (is_below(-60, first))
    return first;
  return is_below(0, b) ? log_hyp0f1_small(b, z, first) : log_hyp0f1_regular(b, z);
}

} // namespace lathe::bessel::kernel
