// SPDX-License-Identifier: BSD-2-Clause
// Error-free transformations (Dekker 1971, Knuth TAOCP 4.2.2) and sums of two doubles.
#pragma once
#include "bessel/kernels/attributes.h"

namespace lathe::bessel::kernel {

LATHE_BESSEL_INLINE double fma(double a, double b, double c) noexcept {
  return __builtin_fma(a, b, c);
}

LATHE_BESSEL_INLINE std::uint64_t bits(double x) noexcept {
#ifdef __CUDA_ARCH__
  return static_cast<std::uint64_t>(__double_as_longlong(x));
#else
  return __builtin_bit_cast(std::uint64_t, x);
#endif
}

LATHE_BESSEL_INLINE double from_bits(std::uint64_t u) noexcept {
#ifdef __CUDA_ARCH__
  return __longlong_as_double(static_cast<long long>(u));
#else
  return __builtin_bit_cast(double, u);
#endif
}

// An operation with a subnormal operand or result, a comparison too, takes 80 to 150 cycles on many
// processors, also in a lane whose result is not used. What cannot matter is therefore set to 0
// before it is multiplied, and what may be subnormal compared by its bits. By masks: of a select,
// g++ multiplies the arm that is not 0 first and chooses afterwards.

/// All ones where a < b, else 0; both below 2^63.
LATHE_BESSEL_INLINE std::uint64_t mask_less(std::uint64_t a, std::uint64_t b) noexcept {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(a - b) >> 63);
}

/// x ≥ 0, or 0 where the mask is all ones.
LATHE_BESSEL_INLINE double cleared(std::uint64_t mask, double x) noexcept {
  return from_bits(bits(x) & ~mask);
}

LATHE_BESSEL_INLINE constexpr std::uint64_t exponent_bits(int e) noexcept {
  return static_cast<std::uint64_t>(1023 + e) << 52;
}

/// x < 2^e for x ≥ 0.
LATHE_BESSEL_INLINE bool is_below(int e, double x) noexcept {
  return static_cast<std::int64_t>(bits(x)) < static_cast<std::int64_t>(exponent_bits(e));
}

/// x ≥ 0, or 0 where x < 2^least, for an x that counts beside 1 or by its square: no sum changes.
template <int least = -400> LATHE_BESSEL_INLINE double flushed(double x) noexcept {
  return cleared(mask_less(bits(x), exponent_bits(least)), x);
}

/// a/b, or 0 where that is below about 2^-1000; a, b > 0. Exponents are compared by halves: their
/// difference may be 2100.
LATHE_BESSEL_INLINE double quotient(double a, double b) noexcept {
  const std::uint64_t shifted = (bits(a) >> 1) + (std::uint64_t{1000} << 51);
  return cleared(mask_less(shifted, bits(b) >> 1), a) / b;
}

/// hi + lo, |lo| at most about an ulp of hi.
struct DoubleDouble {
  double hi, lo;
};

/// a + b exactly.
LATHE_BESSEL_INLINE DoubleDouble two_sum(double a, double b) noexcept {
  const double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}

/// a + b exactly where |a| ≥ |b| or a = 0.
LATHE_BESSEL_INLINE DoubleDouble fast_two_sum(double a, double b) noexcept {
  const double s = a + b;
  return {s, b - (s - a)};
}

/// a·b exactly, short of underflow.
LATHE_BESSEL_INLINE DoubleDouble two_product(double a, double b) noexcept {
  const double p = a * b;
  return {p, fma(a, b, -p)};
}

LATHE_BESSEL_INLINE DoubleDouble operator+(DoubleDouble a, double b) noexcept {
  const DoubleDouble s = two_sum(a.hi, b);
  return {s.hi, s.lo + a.lo};
}

LATHE_BESSEL_INLINE DoubleDouble operator+(DoubleDouble a, DoubleDouble b) noexcept {
  const DoubleDouble s = two_sum(a.hi, b.hi);
  return {s.hi, s.lo + (a.lo + b.lo)};
}

LATHE_BESSEL_INLINE DoubleDouble operator-(DoubleDouble a) noexcept {
  return {-a.hi, -a.lo};
}

LATHE_BESSEL_INLINE DoubleDouble operator-(DoubleDouble a, DoubleDouble b) noexcept {
  return a + -b;
}

LATHE_BESSEL_INLINE DoubleDouble operator*(DoubleDouble a, double b) noexcept {
  const DoubleDouble p = two_product(a.hi, b);
  return {p.hi, fma(a.lo, b, p.lo)};
}

LATHE_BESSEL_INLINE DoubleDouble operator*(DoubleDouble a, DoubleDouble b) noexcept {
  const DoubleDouble p = two_product(a.hi, b.hi);
  return {p.hi, fma(a.lo, b.hi, fma(a.hi, b.lo, p.lo))};
}

LATHE_BESSEL_INLINE DoubleDouble operator/(DoubleDouble a, DoubleDouble b) noexcept {
  const double q = a.hi / b.hi;
  return {q, (fma(-q, b.hi, a.hi) + fma(-q, b.lo, a.lo)) / b.hi};
}

/// a b + c. In a recurrence a.lo is known last: one fma depends on it.
LATHE_BESSEL_INLINE DoubleDouble fma(DoubleDouble a, double b, DoubleDouble c) noexcept {
  const DoubleDouble p = two_product(a.hi, b), s = two_sum(p.hi, c.hi);
  return {s.hi, fma(a.lo, b, s.lo + (p.lo + c.lo))};
}
LATHE_BESSEL_INLINE DoubleDouble fma(DoubleDouble a, DoubleDouble b, DoubleDouble c) noexcept {
  const DoubleDouble p = two_product(a.hi, b.hi), s = two_sum(p.hi, c.hi);
  return {s.hi, fma(a.lo, b.hi, s.lo + (fma(a.hi, b.lo, p.lo) + c.lo))};
}

LATHE_BESSEL_INLINE double rounded(DoubleDouble a) noexcept {
  return a.hi + a.lo;
}

} // namespace lathe::bessel::kernel
