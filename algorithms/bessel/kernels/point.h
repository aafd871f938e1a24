// SPDX-License-Identifier: BSD-2-Clause
// One point: choose the expansion, or the limit at the edge of the domain.
#pragma once
#include "bessel/kernels/macdonald_small.h"
#include "bessel/kernels/regions.h"

namespace lathe::bessel::kernel {

inline constexpr double infinity = __builtin_inf();
inline constexpr double not_a_number = __builtin_nan("");

LATHE_BESSEL_INLINE bool is_domain(double v, double x) noexcept {
  return v >= 0.0 && x >= 0.0;
}

/// v or x is 0, ∞, negative or NaN; x or v is not both regular.
LATHE_BESSEL_INLINE double log_i_edge(double v, double x) noexcept {
  if (!is_domain(v, x) || (v == infinity && x == infinity))
    return not_a_number;
  if (x == 0.0)
    return v == 0.0 ? 0.0 : -infinity;
  return x == infinity ? infinity : -infinity;
}

LATHE_BESSEL_INLINE double log_k_edge(double v, double x) noexcept {
  if (!is_domain(v, x) || (v == infinity && x == infinity))
    return not_a_number;
  return x == infinity ? -infinity : infinity;
}

LATHE_BESSEL_INLINE Derivatives log_i_edge_derivatives(double v, double x) noexcept {
  const double value = log_i_edge(v, x);
  if (value != value)
    return {value, value, value, value};
  if (x == infinity)
    return {value, 1.0, 0.0, 0.0};
  if (v == 0.0) // and x = 0
    return {value, 0.0, -infinity, 0.5};
  return {value, infinity, -infinity, -infinity};
}

LATHE_BESSEL_INLINE Derivatives log_k_edge_derivatives(double v, double x) noexcept {
  const double value = log_k_edge(v, x);
  if (value != value)
    return {value, value, value, value};
  if (x == infinity)
    return {value, -1.0, 0.0, 0.0};
  return {value, -infinity, v == 0.0 ? 0.0 : infinity, infinity};
}

LATHE_BESSEL_INLINE Both debye_any(double v, double x) noexcept {
  return is_far(v, x) ? debye<8>(v, x) : !is_near(v, x) ? debye<16>(v, x) : debye<20>(v, x);
}
LATHE_BESSEL_INLINE Both debye_fast_any(double v, double x) noexcept {
  return is_far(v, x)     ? debye_fast<8>(v, x)
         : !is_near(v, x) ? debye_fast<16>(v, x)
                          : debye_fast<20>(v, x);
}
LATHE_BESSEL_INLINE BothDerivatives debye_derivatives_any(double v, double x) noexcept {
  return is_far(v, x)     ? debye_derivatives<8>(v, x)
         : !is_near(v, x) ? debye_derivatives<16>(v, x)
                          : debye_derivatives<20>(v, x);
}

LATHE_BESSEL_INLINE double log_i_middle(double v, double x) noexcept {
  return x < 1.0    ? log_i_series<12>(v, x)
         : x < 4.0  ? log_i_series<18>(v, x)
         : x < 12.0 ? log_i_series<30>(v, x)
                    : log_i_series<46>(v, x);
}
LATHE_BESSEL_INLINE Derivatives log_i_middle_derivatives(double v, double x) noexcept {
  return x < 1.0    ? log_i_series_derivatives<12>(v, x)
         : x < 4.0  ? log_i_series_derivatives<18>(v, x)
         : x < 12.0 ? log_i_series_derivatives<30>(v, x)
                    : log_i_series_derivatives<46>(v, x);
}
LATHE_BESSEL_INLINE double log_k_middle(double v, double x) noexcept {
  using namespace tables;
  return x < small_k ? log_k_small(v, x)
         : x < 0.4   ? log_k_patch<Patch0>(v, x)
         : x < 1.0   ? log_k_patch<Patch1>(v, x)
         : x < 2.0   ? log_k_patch<Patch2>(v, x)
         : x < 5.0   ? log_k_patch<Patch3>(v, x)
                     : log_k_patch<Patch4>(v, x);
}
LATHE_BESSEL_INLINE Derivatives log_k_middle_derivatives(double v, double x) noexcept {
  using namespace tables;
  return x < small_k ? log_k_small_derivatives(v, x)
         : x < 0.4   ? log_k_patch_derivatives<Patch0>(v, x)
         : x < 1.0   ? log_k_patch_derivatives<Patch1>(v, x)
         : x < 2.0   ? log_k_patch_derivatives<Patch2>(v, x)
         : x < 5.0   ? log_k_patch_derivatives<Patch3>(v, x)
                     : log_k_patch_derivatives<Patch4>(v, x);
}

LATHE_BESSEL_INLINE double log_i(double v, double x) noexcept {
  if (!is_regular(v, x))
    return log_i_edge(v, x);
  return is_middle(v, x) ? log_i_middle(v, x) : debye_any(v, x).i;
}
LATHE_BESSEL_INLINE double log_k(double v, double x) noexcept {
  if (!is_regular(v, x))
    return log_k_edge(v, x);
  return is_middle(v, x) ? log_k_middle(v, x) : debye_any(v, x).k;
}
LATHE_BESSEL_INLINE Both log_ik(double v, double x) noexcept {
  if (!is_regular(v, x))
    return {log_i_edge(v, x), log_k_edge(v, x)};
  if (is_middle(v, x))
    return {log_i_middle(v, x), log_k_middle(v, x)};
  return debye_any(v, x);
}
LATHE_BESSEL_INLINE double log_i_fast(double v, double x) noexcept {
  return is_regular(v, x) && !is_middle(v, x) ? debye_fast_any(v, x).i : log_i(v, x);
}
LATHE_BESSEL_INLINE double log_k_fast(double v, double x) noexcept {
  return is_regular(v, x) && !is_middle(v, x) ? debye_fast_any(v, x).k : log_k(v, x);
}
LATHE_BESSEL_INLINE Both log_ik_fast(double v, double x) noexcept {
  return is_regular(v, x) && !is_middle(v, x) ? debye_fast_any(v, x) : log_ik(v, x);
}
LATHE_BESSEL_INLINE Derivatives log_i_derivatives(double v, double x) noexcept {
  if (!is_regular(v, x))
    return log_i_edge_derivatives(v, x);
  return is_middle(v, x) ? log_i_middle_derivatives(v, x) : debye_derivatives_any(v, x).i;
}
LATHE_BESSEL_INLINE Derivatives log_k_derivatives(double v, double x) noexcept {
  if (!is_regular(v, x))
    return log_k_edge_derivatives(v, x);
  return is_middle(v, x) ? log_k_middle_derivatives(v, x) : debye_derivatives_any(v, x).k;
}

} // namespace lathe::bessel::kernel
