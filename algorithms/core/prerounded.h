// SPDX-License-Identifier: BSD-2-Clause
// Sums of many small numbers whose bits depend neither on the order nor on the number of ranks
// (class R0), at the cost of eight operations a term, without branches: each term is rounded to a
// multiple of a quantum so coarse that sums of such multiples are exact, its remainder to a
// multiple of a finer one. (Pre-rounded summation, Demmel and Nguyen, ARITH 2013, with the quanta
// known beforehand. unit_dot.h is the special case of dot products of unit vectors.)
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace lathe {

/// Rounding constants for sums of at most `terms` ≤ 2⁴⁰ terms of absolute value at most 2.
///
///   high += h;  low += l;     with h = high_part(t) and l = low_part(t, h)
///
/// keeps both sums exact; high + low is the sum of the terms with an absolute error of at most
/// 2^(2m−107) a term, 2^m being the least power of two > 2·terms: 2⁻⁶⁵ a term for a million terms.
struct PreRounding {
  double cut_high, cut_low;

  explicit PreRounding(std::int64_t terms) noexcept {
    const int m = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(terms))) + 1;
    cut_high = std::ldexp(1.5, m);         // last bit 2^(m−52); |Σh| ≤ 2^m
    cut_low = std::ldexp(1.5, 2 * m - 54); // last bit 2^(2m−106); |Σ(t − h)| ≤ 2^(2m−54)
  }
  [[nodiscard]] double high_part(double t) const noexcept { return (t + cut_high) - cut_high; }
  [[nodiscard]] double low_part(double t, double h) const noexcept {
    return ((t - h) + cut_low) - cut_low;
  }
};

} // namespace lathe
