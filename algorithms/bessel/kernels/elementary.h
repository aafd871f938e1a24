// SPDX-License-Identifier: BSD-2-Clause
// log and exp without a branch, without libm, with a low part. Tang's table method (ACM TOMS 16,
// 1990): r = 2^k c (1 + z) with c the centre of one of 128 cells, log r = k log 2 + log c + log1p
// z.
#pragma once
#include "bessel/kernels/double_double.h"
#include "bessel/tables/log_table.h"

namespace lathe::bessel::kernel {

inline constexpr double log_table[3 * 128] = {LATHE_BESSEL_LOG_TABLE};
#ifdef __CUDACC__
static __device__ const double device_log_table[3 * 128] = {LATHE_BESSEL_LOG_TABLE};
#endif

LATHE_BESSEL_INLINE double table_entry(std::uint64_t i) noexcept {
#ifdef __CUDA_ARCH__
  return device_log_table[i];
#else
  return log_table[i];
#endif
}

// log 2 in three parts: 42 bits, 41 bits, the rest. k·ln2_hi is exact for |k| < 2^11.
inline constexpr double ln2_hi = 0x1.62e42fefa3800p-1;
inline constexpr double ln2_mid = 0x1.ef35793c76000p-45;
inline constexpr double ln2_lo = 0x1.cc01f97b57a08p-87;

/// x = mantissa · 2^exponent with mantissa in [1, 2).
struct Split {
  double mantissa, exponent;
};

/// Of a small non-negative integer given as bits.
LATHE_BESSEL_INLINE double to_double(std::uint64_t small) noexcept {
  return from_bits(small | 0x4330000000000000) - 0x1p52;
}

/// x > 0. A subnormal x is its bits as an integer, times 2^-1074: a product with it takes long.
LATHE_BESSEL_INLINE Split split(double x) noexcept {
  const bool subnormal = bits(x) < 0x0010000000000000;
  const std::uint64_t u = bits(subnormal ? to_double(bits(x)) : x);
  return {from_bits((u & 0x000fffffffffffff) | 0x3ff0000000000000),
          to_double(u >> 52) - (subnormal ? 2097.0 : 1023.0)};
}

// r = 2^exponent · mantissa, mantissa in cell i of [0.6875, 1.375).
struct Cell {
  double mantissa, exponent, scale; // scale = 2^-exponent
  double reciprocal, log_hi, log_lo;
};

LATHE_BESSEL_INLINE Cell cell_of(double r) noexcept {
  const std::uint64_t u = bits(r);
  const std::uint64_t t = u + 0x001a000000000000; // exponent biased by 1024, cells from 0.6875
  const std::uint64_t e = t & 0xfff0000000000000;
  const std::uint64_t i = (t >> 45) & 127;
  return {from_bits(u - e + 0x4000000000000000),
          to_double(t >> 52) - 1024.0,
          from_bits(0x7ff0000000000000 - e),
          table_entry(i),
          table_entry(i + 128),
          table_entry(i + 256)};
}

// Of k log 2, log c, z, z²/2, … each is 0 or above all that follow it: their sums need no two_sum.

struct LogTail { // (-1)^k/(k + 1), k = 0 … 11
  static constexpr double c[] = {1.0,     -0.5,   1.0 / 3, -0.25, 0.2,      -1.0 / 6,
                                 1.0 / 7, -0.125, 1.0 / 9, -0.1,  1.0 / 11, -1.0 / 12};
};

struct InverseFactorials { // 1/(k + 2)!, k = 0 … 11
  static constexpr double c[] = {
      0.5,           1.0 / 6,        1.0 / 24,          1.0 / 120,
      1.0 / 720,     1.0 / 5040,     1.0 / 40320,       1.0 / 362880,
      1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600.0, 1.0 / 6227020800.0};
};

// Σ c[k] z^(2j), k = first + 2j ≤ last.
template <class Table, int first, int last>
LATHE_BESSEL_INLINE double every_other(double zz) noexcept {
  constexpr double c = Table::c[first];
  if constexpr (first + 2 > last)
    return c;
  else
    return fma(every_other<Table, first + 2, last>(zz), zz, c);
}

/// Σ c[first + j] z^j up to c[last]: even and odd powers apart are half as long a chain.
template <class Table, int first, int last>
LATHE_BESSEL_INLINE double even_odd(double z, double zz) noexcept {
  return fma(every_other<Table, first + 1, last>(zz), z, every_other<Table, first, last>(zz));
}

/// log((r.hi + r.lo)·2^k), r.hi normal and positive: absolute error about 2^-88 (1 + |log|).
LATHE_BESSEL_INLINE DoubleDouble log_accurate(DoubleDouble r, double k) noexcept {
  const Cell cell = cell_of(r.hi);
  k += cell.exponent;
  const DoubleDouble p = two_product(cell.mantissa, cell.reciprocal);
  const DoubleDouble z = fast_two_sum(p.hi - 1.0, fma(r.lo * cell.scale, cell.reciprocal, p.lo));
  // log1p z = z - z²/2 + z³/3 + z⁴ tail(z), the first three in double-double.
  const double zz = z.hi * z.hi, zz_lo = fma(z.hi, z.hi, -zz) + 2 * z.hi * z.lo;
  const double zzz = zz * z.hi, zzz_lo = fma(zz, z.hi, -zzz) + zz_lo * z.hi + zz * z.lo;
  constexpr double third = 1.0 / 3, third_lo = 0x1.5555555555555p-56;
  const double t3 = zzz * third, t3_lo = fma(zzz, third, -t3) + zzz * third_lo + zzz_lo * third;
  const double t4 = zz * zz * even_odd<LogTail, 3, 11>(z.hi, zz);
  const DoubleDouble a = fast_two_sum(k * ln2_hi, cell.log_hi);
  const DoubleDouble b = fast_two_sum(a.hi, z.hi);
  const DoubleDouble c = fast_two_sum(b.hi, -0.5 * zz);
  const DoubleDouble d = fast_two_sum(c.hi, t3);
  const DoubleDouble e = fast_two_sum(d.hi, t4);
  const double lo = ((((a.lo + b.lo) + (c.lo + d.lo)) + e.lo) + k * ln2_mid) +
                    ((cell.log_lo + z.lo) + (fma(k, ln2_lo, t3_lo) - 0.5 * zz_lo));
  return fast_two_sum(e.hi, lo);
}

/// log(r·2^k), r normal and positive: absolute error about 2^-62 (1 + |log|).
LATHE_BESSEL_INLINE DoubleDouble log(double r, double k = 0.0) noexcept {
  const Cell cell = cell_of(r);
  k += cell.exponent;
  const DoubleDouble p = two_product(cell.mantissa, cell.reciprocal);
  const double z = p.hi - 1.0;
  const double zz = z * z, zz_lo = fma(z, z, -zz) + 2 * z * p.lo;
  const double tail = even_odd<LogTail, 2, 9>(z, zz);
  const DoubleDouble a = fast_two_sum(k * ln2_hi, cell.log_hi);
  const DoubleDouble b = fast_two_sum(a.hi, z);
  const DoubleDouble c = fast_two_sum(b.hi, -0.5 * zz);
  const double lo = ((a.lo + b.lo) + c.lo) +
                    (fma(k, ln2_mid, cell.log_lo) + fma(-0.5, zz_lo, p.lo)) + zz * z * tail;
  return fast_two_sum(c.hi, lo);
}

/// log of a sum of two doubles.
LATHE_BESSEL_INLINE DoubleDouble log(DoubleDouble r, double k = 0.0) noexcept {
  const DoubleDouble l = log(r.hi, k);
  return {l.hi, l.lo + r.lo / r.hi};
}

/// log(r·2^k) rounded: error about an ulp of 1 + |log|.
LATHE_BESSEL_INLINE double log_fast(double r, double k) noexcept {
  const Cell cell = cell_of(r);
  k += cell.exponent;
  const double z = fma(cell.mantissa, cell.reciprocal, -1.0);
  const double zz = z * z, tail = even_odd<LogTail, 1, 7>(z, zz);
  return fma(k, ln2_hi, cell.log_hi) + (z + fma(zz, tail, k * ln2_mid));
}

/// Nearest integer, ties to even, |x| < 2^51.
LATHE_BESSEL_INLINE double nearest_integer(double x) noexcept {
  return (x + 0x1.8p52) - 0x1.8p52;
}

/// e^(t.hi + t.lo) = sum · power, |t| ≤ 700 (clamped): relative error about 2^-55.
struct ExpParts {
  DoubleDouble sum;
  double power;
};

LATHE_BESSEL_INLINE ExpParts exp_parts(DoubleDouble t) noexcept {
  const double bounded = t.hi < -700.0 ? -700.0 : t.hi > 700.0 ? 700.0 : t.hi;
  const double shifted = fma(bounded, 0x1.71547652b82fep0, 0x1.8p52); // 1/log 2
  const double k = shifted - 0x1.8p52;
  const DoubleDouble r = two_sum(fma(k, -ln2_hi, bounded), fma(k, -ln2_mid, t.lo));
  const double rr = r.hi * r.hi, p = even_odd<InverseFactorials, 0, 11>(r.hi, rr);
  const DoubleDouble linear = two_sum(1.0, r.hi);
  const DoubleDouble sum = fast_two_sum(linear.hi, fma(rr, p, linear.lo + r.lo * linear.hi));
  const double power = from_bits((bits(shifted) + 1023) << 52);
  return {sum, power};
}

LATHE_BESSEL_INLINE DoubleDouble exp(DoubleDouble t) noexcept {
  const ExpParts e = exp_parts(t);
  return {e.sum.hi * e.power, e.sum.lo * e.power};
}

LATHE_BESSEL_INLINE double exp_rounded(DoubleDouble t) noexcept {
  const ExpParts e = exp_parts(t);
  return rounded(e.sum) * e.power;
}

} // namespace lathe::bessel::kernel
