// SPDX-License-Identifier: BSD-2-Clause
// A recurrence in the order, n steps long. One point stops at n. The lanes of a vector have an n
// each: all take every step, and each keeps what it had at its own. The same bits.
#pragma once
#include "bessel/kernels/double_double.h"

// A loop without a loop, which vector loops need around it.
#if defined(__clang__) || defined(__CUDACC__)
#define LATHE_BESSEL_UNROLL _Pragma("unroll")
#else
#define LATHE_BESSEL_UNROLL _Pragma("GCC unroll 18")
#endif

namespace lathe::bessel::kernel {

/// How an expansion runs: one point at a time, or as the body of a vector loop.
struct OnePoint {};
struct Lanes {};

LATHE_BESSEL_INLINE double chosen(bool first, double a, double b) noexcept {
  return first ? a : b;
}
LATHE_BESSEL_INLINE DoubleDouble chosen(bool first, DoubleDouble a, DoubleDouble b) noexcept {
  return {first ? a.hi : b.hi, first ? a.lo : b.lo};
}

/// a after a = step(j, a) for j = 1, 2, … n; n ≤ most.
template <int most, class State, class Step>
LATHE_BESSEL_INLINE State take_steps(OnePoint, double n, State a, Step step) noexcept {
  for (double j = 1.0; j <= n; j += 1.0)
    a = step(j, a);
  return a;
}

template <int most, class State, class Step>
LATHE_BESSEL_INLINE State take_steps(Lanes, double n, State a, Step step) noexcept {
  State kept = a;
  LATHE_BESSEL_UNROLL
  for (int j = 1; j <= most; ++j) {
    a = step(j, a);
    kept = chosen(j <= n, a, kept);
  }
  return kept;
}

} // namespace lathe::bessel::kernel
