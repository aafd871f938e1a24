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
  const DoubleDouble log_i = x > 180.0 ? debye_log_i<8>(v, x) : debye_log_i<20>(v, x);
  const ReciprocalFactorial g = reciprocal_factorial<OnePoint>(v);
  const Split m = split(x);
  const DoubleDouble power = log_accurate({m.mantissa, 0.0}, m.exponent - 1.0) * v;
  return rounded((log_i - power) - log(g.numerator / g.denominator));
}

LATHE_BESSEL_INLINE double log_hyp0f1(double b, double z) noexcept {
  if (!(b > 0.0 && z >= 0.0) || (b == infinity && z == infinity))
    return not_a_number;
  if (z == infinity)
    return infinity;
  if (z == 0.0 || b == infinity)
    return 0.0;
  if (z * 0x1p60 < b)
    return z / b;
  if (b >= 1.0)
    return log_hyp0f1_regular(b, z);
  // F(b) = F(b+1) + z/(b (b+1)) F(b+2), all positive.
  const double x = 2.0 * __builtin_sqrt(z);
  const double t = 0.5 * x * evaluate<RatioI>(b, x).value;
  const double step =
      t / b < 1e300 ? rounded(log1p(t / b)) : rounded(log(t)) - rounded(log(b * 0x1p54, -54.0));
  return log_hyp0f1_regular(b + 1.0, z) + step;
}

} // namespace lathe::bessel::kernel
