// SPDX-License-Identifier: BSD-2-Clause
// Outward rounding without switching the processor's rounding mode, which threaded and fused BLAS
// kernels do not honour: compute to nearest, then step one floating-point number outward.
#pragma once
#include <cmath>
#include <limits>

namespace lathe::lipschitz {

inline constexpr double unit_roundoff = 0x1p-53;
/// Smallest positive double; bounds the absolute error of an operation that underflows.
inline constexpr double smallest_subnormal = 0x1p-1074;

inline double up(double x) noexcept {
  return std::nextafter(x, std::numeric_limits<double>::infinity());
}
inline double down(double x) noexcept {
  return std::nextafter(x, -std::numeric_limits<double>::infinity());
}
inline double add_up(double a, double b) noexcept {
  return up(a + b);
}
inline double mul_up(double a, double b) noexcept {
  return up(a * b);
}
inline double div_up(double a, double b) noexcept {
  return up(a / b);
}
inline double sqrt_up(double a) noexcept {
  return up(std::sqrt(a));
}
inline double sub_down(double a, double b) noexcept {
  return down(a - b);
}
inline double mul_down(double a, double b) noexcept {
  return down(a * b);
}
inline double sqrt_down(double a) noexcept {
  return a > 0 ? std::fmax(0.0, down(std::sqrt(a))) : 0.0;
}

/// γ_k = k·u/(1 − k·u), rounded up: the bound on the relative error of k roundings with unit
/// roundoff u (Higham, Accuracy and Stability of Numerical Algorithms, Lemma 3.1); k·u < 1.
inline double gamma_up(double k, double u = unit_roundoff) noexcept {
  const double ku = up(k * u);
  return ku < 1 ? div_up(ku, down(1 - ku)) : std::numeric_limits<double>::infinity();
}

} // namespace lathe::lipschitz
