// SPDX-License-Identifier: BSD-2-Clause
// log K_v(x) for x < 0.5 and v inside the ellipse: Temme's form (J. Comput. Phys. 19, 1975, eq.
// 1.6) with v = n + μ, |μ| ≤ ½, ℓ = log(2/x), σ = μℓ, y = x²/4, P = πμ/sin πμ and
// Σ y^k / (k! Γ(k + 1 ± μ)) = E ± μO:
//
//   K_μ = P [A E - cosh σ O],   A = ℓ sinh σ/σ
//   (x/2)^{1±μ} K_{1±μ} = ½ P [(E ∓ μO) - 2y e^{∓σ} (A E_y - cosh σ O_y)]
//
// then L_{a+1} = y L_{a-1} + a L_a for L_a = (x/2)^a K_a, which neither overflows nor cancels. The
// brackets are sums of two doubles: where |log K| < 1 a plain one costs 2.9 eps.
#pragma once
#include "bessel/kernels/macdonald.h"

namespace lathe::bessel::kernel {

LATHE_BESSEL_INLINE Dual operator+(Dual a, Dual b) noexcept {
  return {a.value + b.value, a.slope + b.slope};
}
LATHE_BESSEL_INLINE Dual operator-(Dual a, Dual b) noexcept {
  return {a.value - b.value, a.slope - b.slope};
}
LATHE_BESSEL_INLINE Dual operator*(Dual a, Dual b) noexcept {
  return {a.value * b.value, fma(a.slope, b.value, a.value * b.slope)};
}

struct InverseOddFactorials { // 1/(2k + 3)!
  static constexpr double c[] = {1.0 / 6,
                                 1.0 / 120,
                                 1.0 / 5040,
                                 1.0 / 362880,
                                 1.0 / 39916800,
                                 1.0 / 6227020800.0,
                                 1.0 / 1307674368000.0,
                                 1.0 / 355687428096000.0,
                                 1.0 / 121645100408832000.0};
};

// sinh σ/σ - 1 and its derivative by σ², by Taylor's series for σ² < 1.
LATHE_BESSEL_INLINE Dual sinhc_minus_one(double ss) noexcept {
  return Dual{ss, 1.0} * horner<InverseOddFactorials>(Dual{ss, 1.0});
}

/// The functions of μ and ℓ that the brackets are made of, with slopes by μ, times lift(v) where
/// they are proportional to μ; s = 8 μ² - 1.
struct Temme {
  double n, mu, half_x; // mu flushed; half_x from 2^-100 on: y = half_x² counts beside 1
  DoubleDouble y;
  DoubleDouble log_half_x, a, cosh; // A and cosh σ
  Dual sigma_a, sigma_cosh;         // the same, rounded
  Dual up;                          // e^σ
  Dual down;                        // e^-σ
  Dual e, o, p, bracket_y;          // E - 1, O - 0.55859375, P - 1, A E_y - cosh σ O_y
};

// A polynomial in μ² with its slope by s, as one with its slope by μ.
LATHE_BESSEL_INLINE Dual by_mu(Dual f, double mu) noexcept {
  return {f.value, 16.0 * mu * f.slope};
}

LATHE_BESSEL_INLINE Temme temme(double v, double x) noexcept {
  Temme t;
  t.n = nearest_integer(flushed(v));
  const double mu = v * lift(v) - t.n; // for what vanishes with it
  t.mu = flushed(v) - t.n;
  t.half_x = 0.5 * flushed<-100>(x);
  t.y = two_product(t.half_x, t.half_x);
  const Split m = split(x);
  t.log_half_x = log_accurate({m.mantissa, 0.0}, m.exponent - 1.0);
  const double l = -t.log_half_x.hi;
  const DoubleDouble sigma = -t.log_half_x * t.mu;
  const DoubleDouble up = exp(sigma);
  const double reciprocal = 1.0 / up.hi;
  const DoubleDouble down = {reciprocal,
                             (fma(-reciprocal, up.hi, 1.0) - reciprocal * up.lo) * reciprocal};
  const DoubleDouble sinh = up - down, cosh = up + down;
  t.cosh = {0.5 * cosh.hi, 0.5 * cosh.lo};
  // A = ℓ (1 + h(σ²)), or sinh σ / μ
  const double ss = sigma.hi * sigma.hi;
  const bool small = ss < 1.0;
  const Dual h = sinhc_minus_one(ss);
  const DoubleDouble taylor = -t.log_half_x + l * h.value;
  const double safe_mu = small ? 1.0 : t.mu;
  const DoubleDouble quotient =
      DoubleDouble{0.5 * sinh.hi, 0.5 * sinh.lo} / DoubleDouble{safe_mu, 0.0};
  t.a = {small ? taylor.hi : quotient.hi, small ? taylor.lo : quotient.lo};
  // d/dμ of ℓ sinhc(μℓ): ℓ · 2μℓ² · h'(σ²), or (ℓ cosh σ - A)/μ
  const double taylor_slope = 2.0 * mu * l * l * l * h.slope;
  const double quotient_slope = fma(l, t.cosh.hi, -quotient.hi) / safe_mu;
  t.sigma_a = {rounded(t.a), small ? taylor_slope : quotient_slope};
  t.sigma_cosh = {rounded(t.cosh), mu * l * rounded(t.a)};
  t.up = {rounded(up), l * rounded(up)};
  t.down = {rounded(down), -l * rounded(down)};
  const double u = fma(t.y.hi, 2.0 / 0.0625, -1.0);
  const Dual s = {fma(8.0 * t.mu, t.mu, -1.0), 1.0};
  t.e = by_mu(bivariate<tables::SmallE>(u, s), mu);
  t.o = by_mu(bivariate<tables::SmallO>(u, s), mu);
  t.p = by_mu(horner<tables::MuOverSine>(s), mu);
  t.bracket_y = t.sigma_a * by_mu(bivariate<tables::SmallEy>(u, s), mu) -
                t.sigma_cosh * by_mu(bivariate<tables::SmallOy>(u, s), mu);
  return t;
}

inline constexpr double temme_o = 0.55859375; // O is within 0.019 of it

struct ValueSlope {
  DoubleDouble value;
  double slope;
};

// (1 + p) bracket.
LATHE_BESSEL_INLINE ValueSlope times_p(const Temme &t, DoubleDouble bracket,
                                       double slope) noexcept {
  return {bracket + bracket * t.p.value, fma(slope, 1.0 + t.p.value, t.p.slope * rounded(bracket))};
}

/// K_μ.
LATHE_BESSEL_INLINE ValueSlope temme_k(const Temme &t) noexcept {
  const DoubleDouble ae = t.a + t.a.hi * t.e.value;
  const DoubleDouble co = t.cosh * temme_o + t.cosh.hi * t.o.value;
  const Dual a = t.sigma_a, c = t.sigma_cosh;
  const Dual e = {1.0 + t.e.value, t.e.slope}, o = {temme_o + t.o.value, t.o.slope};
  return times_p(t, ae - co, (a * e - c * o).slope);
}

/// (x/2)^{1+μ} K_{1+μ}, or with the sign of μ turned; times 2.
LATHE_BESSEL_INLINE ValueSlope temme_k1(const Temme &t, double sign) noexcept {
  const Dual mu = {t.mu * sign, sign};
  const Dual decay = {sign > 0.0 ? t.down.value : t.up.value,
                      sign > 0.0 ? t.down.slope : t.up.slope};
  const Dual tail = Dual{2.0 * t.y.hi, 0.0} * decay * t.bracket_y;
  const Dual rest = t.e - mu * t.o - tail; // beside 1 - temme_o μ
  return times_p(t, (two_product(mu.value, -temme_o) + 1.0) + rest.value,
                 fma(-temme_o, sign, rest.slope));
}

/// L_v = Π L_{1+μ} + excess with Π = (1+μ) … (v-1): what y L_{v-1} adds is a seventh at most, so
/// that only Π has to be a sum of two doubles. at, before: L_v and y L_{v-1} rounded, with slopes
/// by v.
struct SmallPair {
  DoubleDouble product;
  double excess, at, before, at_v, before_v;
  double previous; // L_{v-1}, or K_μ where v - 1 = μ
};

LATHE_BESSEL_INLINE SmallPair chosen(bool first, SmallPair a, SmallPair b) noexcept {
  return {chosen(first, a.product, b.product),
          chosen(first, a.excess, b.excess),
          chosen(first, a.at, b.at),
          chosen(first, a.before, b.before),
          chosen(first, a.at_v, b.at_v),
          chosen(first, a.before_v, b.before_v),
          chosen(first, a.previous, b.previous)};
}

LATHE_BESSEL_INLINE SmallPair small_step(double order, double y, SmallPair a) noexcept {
  return {a.product * order,
          fma(order, a.excess, a.before),
          fma(order, a.at, a.before),
          y * a.at,
          fma(order, a.at_v, a.at + a.before_v),
          y * a.at_v,
          a.at};
}

/// log K_v with ∂v, and t = K_{v-1}/K_v = over_x/x + rest: rest is 0 for v < ½, else over_x is.
struct SmallLogK {
  double value, dv, over_x, rest;
};

template <class Form> LATHE_BESSEL_INLINE SmallLogK small_k(double v, double x) noexcept {
  const Temme t = temme(v, x);
  const bool base = t.n < 0.5;
  const ValueSlope k = temme_k(t), k1 = temme_k1(t, 1.0);
  const double k_value = rounded(k.value), half_k = t.half_x * k_value;
  const double before = t.half_x * t.down.value * half_k;
  const double before_v = t.half_x * fma(t.half_x * t.down.value, k.slope, t.down.slope * half_k);
  const DoubleDouble first = {0.5 * k1.value.hi, 0.5 * k1.value.lo};
  const SmallPair start = {{1.0, 0.0},     0.0,      rounded(first), before,
                           0.5 * k1.slope, before_v, k_value};
  const SmallPair up =
      take_steps<14>(Form{}, t.n - 1.0, start, [&](double j, SmallPair a) LATHE_BESSEL_LAMBDA {
        return small_step(t.mu + j, t.y.hi, a);
      });
  const DoubleDouble above = first * up.product + up.excess;
  const DoubleDouble at = {base ? k.value.hi : above.hi, base ? k.value.lo : above.lo};
  const DoubleDouble power = t.log_half_x * (base ? 0.0 : -v);
  const double value = rounded(power + log(at));
  // K_{v-1}/K_v, small beside v/x; K_{1-v}/K_v where v < ½
  const double reflected = rounded(temme_k1(t, -1.0).value) / k_value * t.down.value;
  const double scale = 0.5 * (t.n < 1.5 ? t.down.value : 1.0) / up.at;
  const double dv = base ? lower(v, k.slope / k_value) : up.at_v / up.at - t.log_half_x.hi;
  return {value, dv, base ? reflected : 0.0, base ? 0.0 : scale * flushed<-300>(x) * up.previous};
}

template <class Form> LATHE_BESSEL_INLINE double log_k_small(double v, double x) noexcept {
  return small_k<Form>(v, x).value;
}

template <class Form>
LATHE_BESSEL_INLINE Derivatives log_k_small_derivatives(double v, double x) noexcept {
  const SmallLogK k = small_k<Form>(v, x);
  return k_derivatives(k.value, k.over_x / x + k.rest, k.dv, v, x);
}

/// K_{v+1}/K_v = K_{v-1}/K_v + 2v/x.
template <class Form> LATHE_BESSEL_INLINE double k_ratio_small(double v, double x) noexcept {
  const SmallLogK k = small_k<Form>(v, x);
  return fma(2.0, flushed<-200>(v), k.over_x) / x + k.rest;
}

} // namespace lathe::bessel::kernel
