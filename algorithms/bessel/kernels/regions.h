// SPDX-License-Identifier: BSD-2-Clause
// Which expansion serves which (v, x).
#pragma once
#include "bessel/kernels/double_double.h"

namespace lathe::bessel::kernel {

/// As wide as a double: vector code compares without repacking.
using Index = std::int64_t;

inline constexpr double infinity = __builtin_inf();
inline constexpr double not_a_number = __builtin_nan("");

LATHE_BESSEL_INLINE bool is_domain(double v, double x) noexcept {
  return v >= 0.0 && x >= 0.0;
}

/// -0 as 0, everything else as it is.
LATHE_BESSEL_INLINE double plus_zero(double v) noexcept {
  return v + 0.0;
}

/// v ≥ 0 and x > 0, both finite.
LATHE_BESSEL_INLINE bool is_regular(double v, double x) noexcept {
  constexpr auto end = static_cast<std::int64_t>(exponent_bits(1024));
  const auto order = static_cast<std::int64_t>(bits(plus_zero(v)));
  const auto argument = static_cast<std::int64_t>(bits(x));
  return (order >= 0) & (order < end) & (argument > 0) & (argument < end);
}

/// Inside the ellipse beyond which 20 terms of Debye's expansion reach 2e-17.
LATHE_BESSEL_INLINE bool is_middle(double v, double x) noexcept {
  const double a = flushed(v) * (1.0 / 14.8), b = flushed(x) * (1.0 / 24.6);
  return a * a + b * b < 1.0;
}

/// Where 16 terms of it do not.
LATHE_BESSEL_INLINE bool is_near(double v, double x) noexcept {
  const double a = flushed(v) * (1.0 / 17.5), b = flushed(x) * (1.0 / 30.0);
  return !(a * a + b * b >= 1.0);
}

/// 0, 1, 2: 8, 16 or 20 terms.
LATHE_BESSEL_INLINE Index debye_length(double v, double x) noexcept {
  const double a = flushed(v), b = flushed(x);
  return ((a > 180.0) | (b > 180.0)) ? Index{0} : is_near(v, x) ? Index{2} : Index{1};
}

/// 3 …: 12, 18, 30 or 46 terms of the power series.
LATHE_BESSEL_INLINE Index i_region(double v, double x) noexcept {
  const double y = flushed(x);
  return is_middle(v, x) ? Index{3} + Index{y >= 1.0} + Index{y >= 4.0} + Index{y >= 12.0}
                         : debye_length(v, x);
}

/// 3: x < 0.5; then the patches of k0_tables.h.
LATHE_BESSEL_INLINE Index k_region(double v, double x) noexcept {
  const double y = flushed(x);
  return is_middle(v, x)
             ? Index{3} + Index{y >= 0.5} + Index{y >= 1.0} + Index{y >= 2.0} + Index{y >= 5.0}
             : debye_length(v, x);
}

} // namespace lathe::bessel::kernel
