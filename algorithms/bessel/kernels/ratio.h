// SPDX-License-Identifier: BSD-2-Clause
// Ratios of neighbouring orders, the inverse of A = I_{v+1}/I_v, and log 0F1, each without a
// difference of logarithms.
#pragma once
#include "bessel/kernels/point.h"

namespace lathe::bessel::kernel {

/// A and 1 - A.
struct Ratio {
  double value, complement;
};

/// A = x/(w + v) - c (½ + ΣF s^k), 1 - A = (v + v²/(w + x))/(w + v) + c (½ + ΣF s^k), c = x/w².
template <int terms> LATHE_BESSEL_INLINE Ratio debye_i_ratio(double v, double x) noexcept {
  const Scaled a = scaled(v, x);
  const double w = __builtin_sqrt(fma(a.v, a.v, a.x * a.x)), s = 1.0 / w, sine = a.v * s;
  const OddEven f = debye_sum<tables::DebyeF, terms>(sine * sine, s * a.scale);
  const double rest = a.x * s * (s * a.scale) * (0.5 + f.sum()), sum = w + a.v;
  return {a.x / sum - rest, (a.v + a.v * (a.v / (w + a.x))) / sum + rest};
}

/// K_{v+1}/K_v = (v + w)/x + c (½ + Σ(-1)^k F s^k).
template <int terms> LATHE_BESSEL_INLINE double debye_k_ratio(double v, double x) noexcept {
  const Scaled a = scaled(v, x);
  const double w = __builtin_sqrt(fma(a.v, a.v, a.x * a.x)), s = 1.0 / w, sine = a.v * s;
  const OddEven f = debye_sum<tables::DebyeF, terms>(sine * sine, s * a.scale);
  return (w + a.v) / a.x + a.x * s * (s * a.scale) * (0.5 + f.alternating());
}

LATHE_BESSEL_INLINE Ratio i_ratio_regular(double v, double x) noexcept {
  if (!is_middle(v, x))
    return is_far(v, x)     ? debye_i_ratio<8>(v, x)
           : !is_near(v, x) ? debye_i_ratio<16>(v, x)
                            : debye_i_ratio<20>(v, x);
  const double r = x < 1.0    ? ratio_series<12>(v, x)
                   : x < 4.0  ? ratio_series<18>(v, x)
                   : x < 12.0 ? ratio_series<30>(v, x)
                              : ratio_series<46>(v, x);
  return {r, 1.0 - r};
}

LATHE_BESSEL_INLINE Ratio i_ratio(double v, double x) noexcept {
  if (is_regular(v, x))
    return i_ratio_regular(v, x);
  if (!is_domain(v, x) || (v == infinity && x == infinity))
    return {not_a_number, not_a_number};
  return x == infinity ? Ratio{1.0, 0.0} : Ratio{0.0, 1.0};
}

LATHE_BESSEL_INLINE double k_ratio(double v, double x) noexcept {
  if (!is_domain(v, x) || (v == infinity && x == infinity))
    return not_a_number;
  if (!is_regular(v, x))
    return x == infinity ? 1.0 : infinity;
  if (!is_middle(v, x))
    return is_far(v, x)     ? debye_k_ratio<8>(v, x)
           : !is_near(v, x) ? debye_k_ratio<16>(v, x)
                            : debye_k_ratio<20>(v, x);
  return x < small_k ? k_ratio_small(v, x)
         : x < 0.4   ? k_ratio_patch<tables::Patch0>(v, x)
         : x < 1.0   ? k_ratio_patch<tables::Patch1>(v, x)
         : x < 2.0   ? k_ratio_patch<tables::Patch2>(v, x)
         : x < 5.0   ? k_ratio_patch<tables::Patch3>(v, x)
                     : k_ratio_patch<tables::Patch4>(v, x);
}

/// x with I_{v+1}(x)/I_v(x) = r where r + complement = 1: Banerjee et al. (JMLR 6, 2005) eq. 4.4 as
/// start, two Halley steps with A' = 1 - A² - (p-1) A/x, p = 2v + 2.
LATHE_BESSEL_INLINE double inverse_i_ratio(double v, double r, double complement) noexcept {
  if (!(v >= 0.0 && v < infinity && r >= 0.0 && complement >= 0.0))
    return not_a_number;
  if (r == 0.0)
    return 0.0;
  if (complement == 0.0)
    return infinity;
  const double p1 = 2.0 * v + 1.0;
  double x = r * ((p1 + (1.0 - r * r)) / (complement * (1.0 + r)));
  if (r < 0x1p-27 || !(x < infinity))
    return x;
  for (int step = 0; step < 2; ++step) {
    const Ratio a = i_ratio_regular(v, x);
    const double f = r < 0.5 ? a.value - r : complement - a.complement;
    const double y = p1 / x;
    const double d = fma(-a.value, a.value, 1.0) - y * a.value;
    const double d2 = -2.0 * a.value * d - y * (d - a.value / x);
    x -= 2.0 * f * d / (2.0 * d * d - f * d2);
  }
  return x;
}

} // namespace lathe::bessel::kernel
