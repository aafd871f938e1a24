// SPDX-License-Identifier: BSD-2-Clause
// Ratios of neighbouring orders and the inverse of A = I_{v+1}/I_v, without a difference of
// logarithms.
#pragma once
#include "bessel/kernels/functions.h"

namespace lathe::bessel::kernel {

/// A and 1 - A.
struct Ratio {
  double value, complement;
};

/// A = x/(w + v) - c (½ + ΣF s^k), 1 - A = (v + v²/(w + x))/(w + v) + c (½ + ΣF s^k), c = x/w².
template <int terms> struct DebyeRatioI {
  static constexpr bool invariant_in_v = false;
  template <class> static LATHE_BESSEL_INLINE Ratio at(double v, double x) noexcept {
    const Scaled a = scaled(v, x);
    const double w = __builtin_sqrt(fma(a.v, a.v, a.x * a.x));
    const double s = 1.0 / w, sine = a.v * s, small = small_reciprocal(s, a), sum = w + a.v;
    const double rest = s * (0.5 + debye_sum<tables::DebyeF, terms>(sine * sine, small).sum());
    return {fma(-x, small * rest, x / sum) * a.scale,
            fma(v / sum, 1.0 + a.v / (w + a.x), a.x * s * rest) * a.scale};
  }
};

/// y = I_{v+k} and I_{v+k+1}, each times a constant and a power of x/2.
struct Neighbours {
  DoubleDouble at, above;
};

// y_{k-1} = (v + k) y_k + (x/2)² y_{k+1} for k, k - 1, … 1, all terms positive. Each step
// multiplies the relative error of A_{v+k} by A_{v+k} A_{v+k-1}, 10 steps by 0.014 at most: those
// before may be plain. v.hi + k is exact.
template <int k, int accurate>
LATHE_BESSEL_INLINE Neighbours ratio_steps(DoubleDouble v, DoubleDouble xx, Neighbours y) noexcept {
  if constexpr (k == 0) {
    return y;
  } else if constexpr (k > accurate) {
    const double next = fma(y.at.hi, v.hi + k, xx.hi * y.above.hi);
    return ratio_steps<k - 1, accurate>(v, xx, {{next, 0.0}, y.at});
  } else {
    const DoubleDouble next = fma(y.at, DoubleDouble{v.hi + k, v.lo}, y.above * xx);
    return ratio_steps<k - 1, accurate>(v, xx, {next, y.at});
  }
}

/// Inside the ellipse: Miller's algorithm (DLMF 10.74(iv)) from order v + 15, which lies outside;
/// Debye's expansion need not be longer than 10 terms there, since 15 steps forget its error. A
/// within 0.51·2^-52, 1 - A within 1.5·2^-52.
struct RecurrenceRatioI {
  static constexpr bool invariant_in_v = false;
  static constexpr int steps = 15, accurate = 10, terms = 10;
  template <class> static LATHE_BESSEL_INLINE Ratio at(double v, double x) noexcept {
    const double half_x = 0.5 * flushed(x), top = v + steps;
    const DoubleDouble xx = two_product(half_x, half_x);
    const double w = __builtin_sqrt(fma(top, top, 4.0 * xx.hi)), s = 1.0 / w, sine = top * s;
    const double rest = 0.5 + debye_sum<tables::DebyeF, terms>(sine * sine, s).sum();
    const double above = 2.0 * fma(-s * s, rest, 1.0 / (w + top)); // 2 A/x
    const double v_hi = (v + 0x1.8p5) - 0x1.8p5;                   // 47 bits behind the point
    const Neighbours y =
        ratio_steps<steps, accurate>({v_hi, v - v_hi}, xx, {{1.0, 0.0}, {above, 0.0}});
    const DoubleDouble half = y.above / y.at; // 2 A/x
    const DoubleDouble r = half * half_x;
    return {half_x == 0.0 ? rounded(half) * (0.5 * x) : rounded(r), rounded(-r + 1.0)};
  }
};

struct RatioI {
  using Result = Ratio;
  using Expansions = List<DebyeRatioI<8>, DebyeRatioI<16>, DebyeRatioI<20>, RecurrenceRatioI>;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return flushed(plus_zero(v)); }
  static LATHE_BESSEL_INLINE double map(double x) noexcept { return x; }
  static LATHE_BESSEL_INLINE bool regular(double v, double x) noexcept { return is_regular(v, x); }
  static LATHE_BESSEL_INLINE Index region(double v, double x) noexcept {
    return is_middle(v, x) ? Index{3} : debye_length(v, x);
  }
  static LATHE_BESSEL_INLINE Result edge(double v, double x) noexcept {
    if (!is_domain(v, x) || (v == infinity && x == infinity))
      return {not_a_number, not_a_number};
    return x == infinity ? Ratio{1.0, 0.0} : Ratio{0.0, 1.0};
  }
};

/// K_{v+1}/K_v = (v + w)/x + c (½ + Σ(-1)^k F s^k).
template <int terms> struct DebyeRatioK {
  template <class> static LATHE_BESSEL_INLINE double at(double v, double x) noexcept {
    const Scaled a = scaled(v, x);
    const double w = __builtin_sqrt(fma(a.v, a.v, a.x * a.x));
    const double s = 1.0 / w, sine = a.v * s, small = small_reciprocal(s, a);
    const OddEven f = debye_sum<tables::DebyeF, terms>(sine * sine, small);
    return a.over_x(w + a.v, x) + a.x * s * small * (0.5 + f.alternating());
  }
};
struct SmallRatioK {
  template <class Form> static LATHE_BESSEL_INLINE double at(double v, double x) noexcept {
    return k_ratio_small<Form>(v, x);
  }
};
template <class Patch> struct PatchRatioK {
  template <class Form> static LATHE_BESSEL_INLINE double at(double v, double x) noexcept {
    return k_ratio_patch<Form, Patch>(v, x);
  }
};

struct RatioK {
  using Result = double;
  using Expansions = List<DebyeRatioK<8>, DebyeRatioK<16>, DebyeRatioK<20>, SmallRatioK,
                          PatchRatioK<tables::Patch0>, PatchRatioK<tables::Patch1>,
                          PatchRatioK<tables::Patch2>, PatchRatioK<tables::Patch3>>;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return plus_zero(v); }
  static LATHE_BESSEL_INLINE double map(double x) noexcept { return x; }
  static LATHE_BESSEL_INLINE bool regular(double v, double x) noexcept { return is_regular(v, x); }
  static LATHE_BESSEL_INLINE Index region(double v, double x) noexcept { return k_region(v, x); }
  static LATHE_BESSEL_INLINE Result edge(double v, double x) noexcept {
    if (!is_domain(v, x) || (v == infinity && x == infinity))
      return not_a_number;
    return x == infinity ? 1.0 : infinity;
  }
};

/// A ratio r in one number t without loss, from r or from 1 - r: t = r where r < ½, else r - 1; ∞
/// is r = 1, NaN what is no ratio.
LATHE_BESSEL_INLINE double folded_ratio(double r) noexcept {
  const double t = r < 0.5 ? r : r - 1.0;
  return !((r >= 0.0) & (r <= 1.0)) ? not_a_number : r == 1.0 ? infinity : t;
}
LATHE_BESSEL_INLINE double folded_complement(double c) noexcept {
  const double t = c > 0.5 ? 1.0 - c : -c;
  return !((c >= 0.0) & (c <= 1.0)) ? not_a_number : c == 0.0 ? infinity : t;
}

struct Unfolded {
  double r, complement;
};
LATHE_BESSEL_INLINE Unfolded unfolded(double t) noexcept {
  return t < 0.0 ? Unfolded{1.0 + t, -t} : Unfolded{t, 1.0 - t};
}

/// Banerjee et al. (JMLR 6, 2005) eq. 4.4, p = 2v + 2, r² for small r, times a fitted factor that
/// brings its error of 6.5 % below 2.6 %: two Halley steps then end 0.01 eps from the root (10 eps
/// before, near v = 0, r = 0.8).
LATHE_BESSEL_INLINE double inverse_ratio_start(double v, double t) noexcept {
  const Unfolded u = unfolded(t);
  const double r = flushed<-100>(u.r), rr = r * r;
  const double p1 = fma(2.0, v, 1.0), one_less_rr = u.complement * (1.0 + u.r);
  const double start = u.r * ((p1 + (1.0 - rr)) / one_less_rr);
  const double p = p1 < 0x1p100 ? p1 + 2.0 : 0x1p100;
  return start * fma(-1.3 * rr * rr, flushed<-100>(one_less_rr) / p, 1.0);
}

/// The start is the result for r near 0 or 1 and for large v, where A' is lost to cancellation.
LATHE_BESSEL_INLINE bool start_is_exact(double v, double t) noexcept {
  const Unfolded u = unfolded(t);
  return (u.r < 0x1p-27) | (u.complement < 0x1p-52) | (v > 0x1p50);
}

/// One Halley step from x, where the ratio is a, to A(x) = r with A' = 1 - A² - (2v+1) A/x, which
/// cancels as r → 1: there A' = (2v+1)/2x² (1 + O(1 - r)) will do, since the start is that near.
LATHE_BESSEL_INLINE double halley_step(double v, double t, double x, Ratio a) noexcept {
  const Unfolded u = unfolded(t);
  const double f = t < 0.0 ? u.complement - a.complement : a.value - u.r;
  const double reciprocal = 1.0 / x, y = fma(2.0, v, 1.0) * reciprocal;
  const bool far = u.complement < 0x1p-27;
  const double d = far ? 0.5 * y * reciprocal : a.complement * (1.0 + a.value) - y * a.value;
  const double dd =
      far ? -2.0 * d * reciprocal : -2.0 * a.value * d - y * (d - a.value * reciprocal);
  return x - 2.0 * f * d / (2.0 * d * d - f * dd);
}

/// x with A(x) = r of v and a folded ratio: the start, or two Halley steps from it, both in the
/// expansion that serves it. from_complement: arrays hold 1 - r.
template <bool from_complement> struct InverseRatioI {
  using Expansions = RatioI::Expansions;
  static constexpr int steps = 2;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return flushed(plus_zero(v)); }
  static LATHE_BESSEL_INLINE double map(double r) noexcept {
    return from_complement ? folded_complement(r) : folded_ratio(r);
  }
  static LATHE_BESSEL_INLINE bool regular(double v, double t) noexcept {
    return (v >= 0.0) & (v < infinity) & (t > -1.0) & (t < 1.0) & (t != 0.0) &
           !start_is_exact(v, t);
  }
  static LATHE_BESSEL_INLINE Index region(double v, double t) noexcept {
    return RatioI::region(v, inverse_ratio_start(v, t));
  }
  static LATHE_BESSEL_INLINE double edge(double v, double t) noexcept {
    if (!(v >= 0.0 && v < infinity))
      return not_a_number;
    if (t > -1.0 && t < 1.0 && t != 0.0)
      return inverse_ratio_start(order(v), t);
    return t == 0.0 ? 0.0 : t == infinity ? infinity : not_a_number;
  }
};

template <bool from_complement>
LATHE_BESSEL_INLINE double inverse_ratio(double v, double r) noexcept {
  using Inverse = InverseRatioI<from_complement>;
  const double t = Inverse::map(r);
  if (!Inverse::regular(v, t))
    return Inverse::edge(v, t);
  v = Inverse::order(v);
  const Index region = Inverse::region(v, t);
  double x = inverse_ratio_start(v, t);
  for (int k = 0; k < Inverse::steps; ++k)
    x = halley_step(v, t, x, select<Ratio>(RatioI::Expansions{}, region, v, x));
  return x;
}

} // namespace lathe::bessel::kernel
