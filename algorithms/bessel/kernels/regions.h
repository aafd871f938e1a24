// SPDX-License-Identifier: BSD-2-Clause
// Which expansion serves which (v, x).
#pragma once
#include "bessel/kernels/attributes.h"

namespace lathe::bessel::kernel {

/// Outside the ellipse: Debye's expansion with 8, 16 or 20 terms. Inside: one power series for I,
/// one polynomial patch for K, by x.
inline constexpr double small_k = 0.15; // below: K by logarithms

LATHE_BESSEL_INLINE double ellipse(double v, double x, double half_v, double half_x) noexcept {
  const double a = v * (1.0 / half_v), b = x * (1.0 / half_x);
  return a * a + b * b;
}
LATHE_BESSEL_INLINE bool is_far(double v, double x) noexcept {
  return v > 180.0 || x > 180.0;
}
LATHE_BESSEL_INLINE bool is_near(double v, double x) noexcept {
  return !(ellipse(v, x, 17.5, 30.0) >= 1.0);
}
LATHE_BESSEL_INLINE bool is_middle(double v, double x) noexcept {
  return !(ellipse(v, x, 14.8, 24.6) >= 1.0);
}

/// v ≥ 0 and x > 0, both finite.
LATHE_BESSEL_INLINE bool is_regular(double v, double x) noexcept {
  return v >= 0.0 && x > 0.0 && v < __builtin_inf() && x < __builtin_inf();
}

} // namespace lathe::bessel::kernel
