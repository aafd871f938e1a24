// SPDX-License-Identifier: BSD-2-Clause
// Which expansion serves which (v, x). A function is a list of expansions, the number of the one
// that serves a point, and its limits at the edge of the domain; one point at a time and the vector
// loops use the same list.
#pragma once
#include "bessel/kernels/macdonald_small.h"

// Kept out of line, one copy a file: expansions are long, and every function uses them.
#ifdef __CUDACC__
#define LATHE_BESSEL_OUTLINE __host__ __device__ inline
#else
#define LATHE_BESSEL_OUTLINE static __attribute__((noinline))
#endif

namespace lathe::bessel::kernel {

inline constexpr double infinity = __builtin_inf();
inline constexpr double not_a_number = __builtin_nan("");

LATHE_BESSEL_INLINE bool is_domain(double v, double x) noexcept {
  return v >= 0.0 && x >= 0.0;
}

/// v ≥ 0 and x > 0, both finite.
LATHE_BESSEL_INLINE bool is_regular(double v, double x) noexcept {
  return (v >= 0.0) & (x > 0.0) & (v < infinity) & (x < infinity);
}

/// Inside the ellipse beyond which 20 terms of Debye's expansion reach 2e-17.
LATHE_BESSEL_INLINE bool is_middle(double v, double x) noexcept {
  const double a = v * (1.0 / 14.8), b = x * (1.0 / 24.6);
  return a * a + b * b < 1.0;
}

/// 0, 1, 2: 8, 16 or 20 terms.
LATHE_BESSEL_INLINE int debye_length(double v, double x) noexcept {
  const double a = v * (1.0 / 17.5), b = x * (1.0 / 30.0);
  return ((v > 180.0) | (x > 180.0)) ? 0 : a * a + b * b >= 1.0 ? 1 : 2;
}

/// 3 …: 12, 18, 30 or 46 terms of the power series.
LATHE_BESSEL_INLINE int i_region(double v, double x) noexcept {
  return is_middle(v, x) ? 3 + (x >= 1.0) + (x >= 4.0) + (x >= 12.0) : debye_length(v, x);
}

/// 3: x < 0.15; then the patches of k_tables.
LATHE_BESSEL_INLINE int k_region(double v, double x) noexcept {
  return is_middle(v, x) ? 3 + (x >= 0.15) + (x >= 0.4) + (x >= 1.0) + (x >= 2.0) + (x >= 5.0)
                         : debye_length(v, x);
}

template <class... Expansions> struct List {};

template <class Expansion, class Result>
LATHE_BESSEL_OUTLINE Result outlined(double v, double x) noexcept {
  return Result{Expansion::at(v, x)};
}

template <class Result, class First, class... Rest>
LATHE_BESSEL_INLINE Result select(List<First, Rest...>, int region, double v, double x) noexcept {
  if constexpr (sizeof...(Rest) == 0)
    return outlined<First, Result>(v, x);
  else
    return region == 0 ? outlined<First, Result>(v, x)
                       : select<Result>(List<Rest...>{}, region - 1, v, x);
}

/// The value of a function at one point.
template <class Function>
LATHE_BESSEL_INLINE typename Function::Result evaluate(double v, double x) noexcept {
  if (!Function::regular(v, x))
    return Function::edge(v, x);
  return select<typename Function::Result>(typename Function::Expansions{}, Function::region(v, x),
                                           v, x);
}

} // namespace lathe::bessel::kernel
