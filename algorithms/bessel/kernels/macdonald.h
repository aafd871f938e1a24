// SPDX-License-Identifier: BSD-2-Clause
// log K_v(x) inside the ellipse, x ≥ 0.5: K_μ and K_{1+μ} with v = n + μ, |μ| ≤ ½, from
// polynomials, then the recurrence K_{a+1} = K_{a-1} + (2a/x) K_a with compensated steps (n ≤ 15;
// all terms positive). With f_a = K_a e^x √(2x/π) = 1 + (a² - ¼) Q(a, 1/x)/x, exact at
// half-integers.
#pragma once
#include "bessel/kernels/power_series.h"
#include "bessel/tables/k1_tables.h"

namespace lathe::bessel::kernel {

/// Two neighbouring orders of a scaled K: before (order v - 1), at (order v), with ∂v.
struct Pair {
  DoubleDouble before, at;
  double before_v, at_v;
};

LATHE_BESSEL_INLINE Pair chosen(bool first, Pair a, Pair b) noexcept {
  return {chosen(first, a.before, b.before), chosen(first, a.at, b.at),
          chosen(first, a.before_v, b.before_v), chosen(first, a.at_v, b.at_v)};
}

/// 2^400 where v < 2^-400, else 1: slopes by v at an order n = 0 are proportional to v and are
/// formed from v·lift, which is no subnormal number when multiplied.
LATHE_BESSEL_INLINE double lift(double v) noexcept {
  return is_below(-400, v) ? 0x1p400 : 1.0;
}
LATHE_BESSEL_INLINE double lower(double v, double slope) noexcept {
  return slope * (is_below(-400, v) ? 0x1p-400 : 1.0);
}

/// f_{j+1} = f_{j-1} + 2 (μ + j)/x f_j.
LATHE_BESSEL_INLINE Pair patch_step(double order, DoubleDouble two_over_x, Pair a) noexcept {
  const double c = order * two_over_x.hi;
  const double c_lo = fma(order, two_over_x.hi, -c) + order * two_over_x.lo;
  return {a.at, fma(a.at, DoubleDouble{c, c_lo}, a.before), a.at_v,
          fma(c, a.at_v, fma(two_over_x.hi, a.at.hi, a.before_v))};
}

/// f at v and v - 1 (order 1 - v where v < ½: K is even in its order). Slopes times lift(v).
template <class Form, class Patch>
LATHE_BESSEL_INLINE Pair patch_pair(double v, double x) noexcept {
  const double n = nearest_integer(flushed(v)), mu = v * lift(v) - n, r = 1.0 / x;
  const double t = (r - Patch::centre) * Patch::scale;
  const double m = flushed(v) - n, mm = m * m;
  const Dual q0 = bivariate<typename Patch::K0>(t, Dual{fma(8.0, mm, -1.0), 1.0});
  const Dual q1 = bivariate<typename Patch::K1>(t, Dual{2.0 * m, 2.0});
  const double a0 = (mm - 0.25) * r, a1 = (0.5 + m) * (1.5 + m) * r;
  const DoubleDouble f0 = fast_two_sum(1.0, a0 * q0.value), f1 = two_sum(1.0, a1 * q1.value);
  const double f0_v = mu * fma(16.0 * a0, q0.slope, 2.0 * r * q0.value);
  const double f1_v = fma(a1, q1.slope, 2.0 * (1.0 + m) * r * q1.value);
  const double two_r = 2.0 * r;
  const DoubleDouble two_over_x = {two_r, fma(-x, two_r, 2.0) * r};
  const Pair up = take_steps<14>(
      Form{}, n - 1.0, Pair{f0, f1, f0_v, f1_v},
      [=](double j, Pair a) LATHE_BESSEL_LAMBDA { return patch_step(m + j, two_over_x, a); });
  const DoubleDouble reflected = f1 - f0 * (m * two_r);
  const bool base = n < 0.5;
  return {{base ? reflected.hi : up.before.hi, base ? reflected.lo : up.before.lo},
          {base ? f0.hi : up.at.hi, base ? f0.lo : up.at.lo},
          base ? 0.0 : up.before_v,
          base ? f0_v : up.at_v};
}

LATHE_BESSEL_INLINE double log_scaled_k(DoubleDouble f, double x) noexcept {
  const DoubleDouble log_f = log(f);
  const Split m = split(x);
  const DoubleDouble log_x = log(m.mantissa, m.exponent);
  const DoubleDouble half = {0.5 * log_x.hi, 0.5 * log_x.lo};
  const DoubleDouble constant = {half_log_half_pi, half_log_half_pi_lo};
  return rounded(((log_f + -x) - half) + constant);
}

template <class Form, class Patch>
LATHE_BESSEL_INLINE double log_k_patch(double v, double x) noexcept {
  return log_scaled_k(patch_pair<Form, Patch>(v, x).at, x);
}

/// K_{v+1}/K_v = K_{v-1}/K_v + 2v/x.
template <class Form, class Patch>
LATHE_BESSEL_INLINE double k_ratio_patch(double v, double x) noexcept {
  const Pair f = patch_pair<Form, Patch>(v, x);
  return rounded(f.before) / rounded(f.at) + 2.0 * flushed(v) / x;
}

/// With t = K_{v-1}/K_v: ∂x = -t - v/x, ∂xx = 1 - t² + ((1 - 2v) t + v/x)/x, which overflows below
/// 2^-520; the order of operations meets no ∞ - ∞ above. For v < ½, t is above 1 and 1/(700 x).
LATHE_BESSEL_INLINE Derivatives k_derivatives(double value, double t, double dv, double v,
                                              double x) noexcept {
  const double u = flushed<-200>(v) / x, odd = fma(-2.0, flushed<-200>(v), 1.0);
  const double small_v = t * (odd / x - t) + (1.0 + u / x);
  const double large_v = fma(odd, t, u) / x + fma(-t, t, 1.0);
  return {value, -(t + u), dv,
          is_below(-520, x) ? __builtin_inf()
          : is_below(-1, v) ? small_v
                            : large_v};
}

template <class Form, class Patch>
LATHE_BESSEL_INLINE Derivatives log_k_patch_derivatives(double v, double x) noexcept {
  const Pair f = patch_pair<Form, Patch>(v, x);
  return k_derivatives(log_scaled_k(f.at, x), rounded(f.before) / rounded(f.at),
                       lower(v, f.at_v / rounded(f.at)), v, x);
}

} // namespace lathe::bessel::kernel
