// SPDX-License-Identifier: BSD-2-Clause
// log I_v(x), log K_v(x) outside the ellipse (v/14.8)² + (x/24.6)² = 1. With w = √(v² + x²),
// q = (v/w)², s = 1/w:
//
//   log I =  Λ - ½ log(2π w) + Σ_k D_k(q) s^k          Λ = w - v asinh(v/x)
//   log K = -Λ + ½ log(π/2w) + Σ_k (-1)^k D_k(q) s^k
//
// the logarithm of Debye's expansion (DLMF 10.41.3-4), written in 1/w instead of 1/v: no
// singularity at v = 0, where it is Hankel's expansion. Λ is formed in double-double because w and
// v asinh(v/x) cancel near x = 0.6627 v. Truncation below 2e-17.
#pragma once
#include "bessel/kernels/elementary.h"
#include "bessel/kernels/polynomial.h"
#include "bessel/log_bessel_types.h"
#include "bessel/tables/debye_tables.h"

namespace lathe::bessel::kernel {

/// Of double range: v and x times scale = 2^-exponent, so that the larger one is in [1, 8); 0 where
/// below 2^-100 of it.
struct Scaled {
  double v, x, scale, unscale, exponent;

  /// y/x for y in [1, 16), of an x that is 0 here as well; `given`: the x that was scaled.
  LATHE_BESSEL_INLINE double over_x(double y, double given) const noexcept {
    const bool tiny = x == 0.0;
    return y / (tiny ? given : x) * (tiny ? unscale : 1.0);
  }
};

LATHE_BESSEL_INLINE Scaled scaled(double v, double x) noexcept {
  const double larger = v > x ? v : x;
  const double capped = larger > 0x1p1021 ? 0x1p1021 : larger;
  const std::uint64_t e = bits(capped) >> 52;
  const double scale = from_bits((2046 - e) << 52), unscale = from_bits(e << 52);
  const std::uint64_t least = (e << 52) - (std::uint64_t{100} << 52);
  return {cleared(mask_less(bits(v), least), v) * scale,
          cleared(mask_less(bits(x), least), x) * scale, scale, unscale, to_double(e) - 1023.0};
}

/// 1/w for what is small beside 1; 0 below 2^-100, since powers of it follow. s: scaled.
LATHE_BESSEL_INLINE double small_reciprocal(double s, const Scaled &of) noexcept {
  return s * flushed<-100>(of.scale);
}

/// Σ Table_k(q) s^k, k = 1 … terms, odd and even k apart.
struct OddEven {
  double odd, even;
  LATHE_BESSEL_INLINE double sum() const noexcept { return even + odd; }
  LATHE_BESSEL_INLINE double alternating() const noexcept { return even - odd; }
};

template <class Table, int k, int terms, int powers>
LATHE_BESSEL_INLINE double every_other_term(double q, double ss) noexcept {
  constexpr int first = (k - 1) * (k + 2) / 2;
  const double term = horner<Table, first, first + (k < powers ? k : powers)>(q);
  if constexpr (k + 2 > terms)
    return term;
  else
    return fma(every_other_term<Table, k + 2, terms, powers>(q, ss), ss, term);
}

/// powers: of q. 4 of them are enough for v ≤ 1, x ≥ 24.6: the rest is below 2e-19.
template <class Table, int terms, int powers = terms>
LATHE_BESSEL_INLINE OddEven debye_sum(double q, double s) noexcept {
  const double ss = s * s;
  return {s * every_other_term<Table, 1, terms, powers>(q, ss),
          ss * every_other_term<Table, 2, terms, powers>(q, ss)};
}

/// Pieces of the expansion; w and s = 1/w scaled, small the small_reciprocal, asinh(v/x) for v/x
/// not small.
struct DebyeLead {
  DoubleDouble lambda, half_log_w;
  double w, s, small, q, asinh;
};

LATHE_BESSEL_INLINE DebyeLead debye_lead(double v, double x) noexcept {
  const Scaled a = scaled(v, x);
  const DoubleDouble vv = two_product(a.v, a.v), xx = two_product(a.x, a.x);
  const DoubleDouble ww = vv + xx;
  const double w = __builtin_sqrt(ww.hi), s = 1.0 / w;
  const double w_lo = (fma(-w, w, ww.hi) + ww.lo) * (0.5 * s);
  // asinh(v/x) = log((v + w)/x)
  DoubleDouble n = fast_two_sum(w, a.v);
  n.lo += w_lo;
  const Split m = split(x);
  const double reciprocal = 1.0 / m.mantissa, r = n.hi * reciprocal;
  const DoubleDouble ratio = fast_two_sum(r, (fma(-r, m.mantissa, n.hi) + n.lo) * reciprocal);
  const DoubleDouble l = log_accurate(ratio, a.exponent - m.exponent);
  const DoubleDouble vl = l * a.v;
  DoubleDouble lambda = two_sum(w, -vl.hi);
  lambda = fast_two_sum(lambda.hi, lambda.lo + (w_lo - vl.lo));
  const DoubleDouble log_w = log(w, a.exponent);
  const double sine = a.v * s;
  return {{lambda.hi * a.unscale, lambda.lo * a.unscale},
          {0.5 * log_w.hi, 0.5 * log_w.lo},
          w,
          s,
          small_reciprocal(s, a),
          sine * sine,
          l.hi};
}

struct Both {
  double i, k;
};

inline constexpr double half_log_2pi = 0.91893853320467278056, // ½ log 2π
    half_log_2pi_lo = -3.8782941580672414498e-17;
inline constexpr double half_log_half_pi = 0.22579135264472744, // ½ log(π/2)
    half_log_half_pi_lo = -6.4622584878775846e-18;

// Overflow of the lead carries NaN into its low part.
LATHE_BESSEL_INLINE double finite_or(double value, double lead) noexcept {
  return lead - lead == 0.0 ? value : lead;
}

/// All that the tables hold; where neither 8 (max(v, x) > 180) nor 16 ((v/17.5)² + (x/30)² ≥ 1) do.
inline constexpr int most_debye_terms = 20;
static_assert(sizeof tables::DebyeD::c / sizeof(double) ==
              most_debye_terms * (most_debye_terms + 3) / 2);

/// terms = 8, 16 or most_debye_terms.
template <int terms> LATHE_BESSEL_INLINE Both debye(double v, double x) noexcept {
  const DebyeLead a = debye_lead(v, x);
  const OddEven d = debye_sum<tables::DebyeD, terms>(a.q, a.small);
  const DoubleDouble i = two_sum(a.lambda.hi, -a.half_log_w.hi), i2 = two_sum(i.hi, -half_log_2pi);
  const DoubleDouble k = two_sum(-a.lambda.hi, -a.half_log_w.hi),
                     k2 = two_sum(k.hi, half_log_half_pi);
  const double log_i =
      i2.hi + ((i.lo + i2.lo) + ((a.lambda.lo - a.half_log_w.lo) - half_log_2pi_lo) + d.sum());
  const double log_k =
      k2.hi +
      ((k.lo + k2.lo) + ((-a.lambda.lo - a.half_log_w.lo) + half_log_half_pi_lo) + d.alternating());
  return {finite_or(log_i, a.lambda.hi), finite_or(log_k, -a.lambda.hi)};
}

/// The same with Λ in plain double: error within 4 eps·max(1, |f|, w).
template <int terms> LATHE_BESSEL_INLINE Both debye_fast(double v, double x) noexcept {
  const Scaled a = scaled(v, x);
  const double w = __builtin_sqrt(fma(a.v, a.v, a.x * a.x)), s = 1.0 / w;
  const Split m = split(x);
  const double asinh = log_fast((a.v + w) / m.mantissa, a.exponent - m.exponent);
  const double lambda = fma(-a.v, asinh, w) * a.unscale;
  const double half_log_w = 0.5 * log_fast(w, a.exponent), sine = a.v * s;
  const OddEven d = debye_sum<tables::DebyeD, terms>(sine * sine, small_reciprocal(s, a));
  return {(lambda - half_log_w) - half_log_2pi + d.sum(),
          (half_log_half_pi - lambda) - half_log_w + d.alternating()};
}

using Derivatives = LogBesselDerivatives;

struct BothDerivatives {
  Derivatives i, k;
};

/// K/I; 0 where that is below e^-700. The expansion of I leaves out -sin(πv)/π K, the only part of
/// I that is odd in v; at v → 0 its derivative -K is all there is of ∂v I.
LATHE_BESSEL_INLINE double recessive_k_over_i(const DebyeLead &a, double odd) noexcept {
  const DoubleDouble t = {-2.0 * a.lambda.hi, -2.0 * (a.lambda.lo + odd)};
  const double k_over_i = 3.14159265358979323846 * exp_rounded(t);
  return t.hi < -700.0 ? 0.0 : k_over_i;
}

/// asinh t for 0 ≤ t < 2^-13, else what is given.
LATHE_BESSEL_INLINE double asinh_of(double t, double given) noexcept {
  const double u = flushed(t);
  return t < 0x1p-13 ? fma(u * u, u * (-1.0 / 6), t) : given;
}

/// c s² + sign t² s with t = v/x, for c of order 1. t² s = (v/w)(t/x) is taken in the one form or
/// the other as t < 1 or not, so that nothing underflows that matters.
struct Curvature {
  double s, low, high;

  LATHE_BESSEL_INLINE Curvature(double reciprocal, double t, double sine, double x) noexcept {
    const std::uint64_t one = bits(1.0), large = mask_less(one, bits(t));
    s = cleared(large & mask_less(bits(reciprocal), exponent_bits(-300)), reciprocal);
    low = cleared(large, t);
    const double at_least_one = from_bits((bits(t) & large) | (one & ~large));
    high = cleared(~large, sine) * (at_least_one / x);
  }
  LATHE_BESSEL_INLINE double minus(double c) const noexcept {
    return s * fma(-low, low, c * s) - high;
  }
  LATHE_BESSEL_INLINE double plus(double c) const noexcept {
    return s * fma(low, low, c * s) + high;
  }
};

/// Values and derivatives; with F, G, H of debye_tables.h, c = x/w², p = (x/w)²
///   ∂x log I =  w/x - c(½ + ΣF s^k)      ∂v log I = -asinh(v/x) - v/w² (½ - ΣH s^k)
///   ∂xx log I = -v²/(w x²) + ((2p-1)(½ + ΣF s^k) + p ΣG s^k)/w²
/// and for K the same with -w and alternating sums.
template <int terms>
LATHE_BESSEL_INLINE BothDerivatives debye_derivatives(double v, double x) noexcept {
  const Both value = debye<terms>(v, x);
  const DebyeLead a = debye_lead(v, x);
  const Scaled of = scaled(v, x);
  const double s = a.small;
  const OddEven d0 = debye_sum<tables::DebyeD, terms>(a.q, s),
                f = debye_sum<tables::DebyeF, terms>(a.q, s),
                g = debye_sum<tables::DebyeG, terms>(a.q, s),
                h = debye_sum<tables::DebyeH, terms>(a.q, s);
  const double cosine = of.x * a.s, sine = of.v * a.s, c = cosine * s, p = cosine * cosine;
  const double slope = of.over_x(a.w, x), bend = fma(2.0, p, -1.0);
  const double recessive = v < 0x1p-10 ? recessive_k_over_i(a, d0.odd) : 0.0;
  // Beside K/I, a v below 2^-960 does not count.
  const double t = v / x, t_i = (recessive > 0x1p-900 ? flushed<-960>(v) : v) / x;
  const double dv_i = fma(of.v == 0.0 ? t_i : sine, s * (0.5 - h.sum()), asinh_of(t_i, a.asinh));
  const double dv_k =
      fma(of.v == 0.0 ? -t : -sine, s * (0.5 - h.alternating()), asinh_of(t, a.asinh));
  const Curvature second(a.s * flushed<-1015>(of.scale), quotient(v, x), sine, x);
  return {{value.i, slope - c * (0.5 + f.sum()), -dv_i - recessive,
           second.minus(fma(bend, 0.5 + f.sum(), p * g.sum()))},
          {value.k, -(slope + c * (0.5 + f.alternating())), dv_k,
           second.plus(fma(bend, 0.5 + f.alternating(), p * g.alternating()))}};
}

} // namespace lathe::bessel::kernel
