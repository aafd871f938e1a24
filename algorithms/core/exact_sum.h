// SPDX-License-Identifier: BSD-2-Clause
// Sums and dot products of doubles without any rounding error, rounded once at the end: the result
// does not depend on the order of the terms or on the number of ranks (class R0).
//
// A long fixed-point accumulator (Kulisch, Computer Arithmetic and Validity, ch. 8) of 32-bit
// digits kept in 64-bit integers, wide enough for every product of two doubles; the spare 31 bits
// of each digit postpone carries for 2³⁰ additions. Cost: about 3 ns a term, 4 ns a product.
#pragma once
#include "core/petsc_compat.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace lathe {

enum class Rounding { nearest, down, up };

class ExactSum {
public:
  /// Add x. Infinities and NaN behave as in any order of IEEE additions.
  void add(double x) noexcept {
    if (const auto d = split(x); d.finite)
      add_bits(d.mantissa, d.exponent, d.negative);
    else
      add_special(x);
  }

  /// Add the exact product a·b; 0·inf is NaN.
  void add_product(double a, double b) noexcept {
    const auto p = split(a);
    const auto q = split(b);
    if (!p.finite || !q.finite) {
      add_special(a * b);
      return;
    }
    const Wide product = static_cast<Wide>(p.mantissa) * q.mantissa;
    const bool negative = p.negative != q.negative;
    const int exponent = p.exponent + q.exponent;
    add_bits(static_cast<std::uint64_t>(product), exponent, negative);
    add_bits(static_cast<std::uint64_t>(product >> 64), exponent + 64, negative);
  }

  void add(const ExactSum &other) noexcept {
    ExactSum copy = other;
    copy.carry();
    carry();
    for (int i = 0; i < words; ++i)
      word_[i] += copy.word_[i];
    pending_ = 1;
  }

  /// The sum, rounded once; subnormal results are rounded once too. An exact sum of zero is +0.
  [[nodiscard]] double value(Rounding rounding = Rounding::nearest) const noexcept {
    if (word_[nan_count] != 0 || (word_[plus_count] != 0 && word_[minus_count] != 0))
      return std::numeric_limits<double>::quiet_NaN();
    if (word_[plus_count] != 0)
      return std::numeric_limits<double>::infinity();
    if (word_[minus_count] != 0)
      return -std::numeric_limits<double>::infinity();
    ExactSum s = *this;
    s.carry();
    const bool negative = s.word_[digits - 1] < 0;
    if (negative) {
      for (int i = 0; i < digits; ++i)
        s.word_[i] = -s.word_[i];
      s.carry();
      rounding = rounding == Rounding::up     ? Rounding::down
                 : rounding == Rounding::down ? Rounding::up
                                              : rounding;
    }
    const double magnitude = s.magnitude(rounding);
    return negative ? -magnitude : magnitude;
  }

  /// Replace each of `count` sums by its sum over the ranks of comm. Collective; one Allreduce of
  /// 1.1 kB a sum.
  static PetscErrorCode AllReduce(MPI_Comm comm, ExactSum *sums, int count) {
    PetscFunctionBegin;
    for (int i = 0; i < count; ++i) {
      sums[i].carry();
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sums[i].word_, words, MPI_INT64_T, MPI_SUM, comm));
      sums[i].pending_ = std::int64_t{1} << 29; // at most 2²⁹ ranks
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }

private:
  __extension__ using Wide = unsigned __int128;
  // Digit 0 has weight 2^lowest. Products reach from 2^-2148 to 2^2048; 2^64 of them fit.
  static constexpr int lowest = -2176;
  static constexpr int digits = 136;
  static constexpr int nan_count = digits, plus_count = digits + 1, minus_count = digits + 2;
  static constexpr int words = digits + 3;
  static constexpr std::int64_t digit_mask = 0xffffffff;

  struct Parts {
    std::uint64_t mantissa;
    int exponent;
    bool negative, finite;
  };

  static Parts split(double x) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const int field = static_cast<int>((bits >> 52) & 0x7ff);
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
    const std::uint64_t mantissa = field == 0 ? fraction : fraction | (std::uint64_t{1} << 52);
    return {mantissa, field == 0 ? -1074 : field - 1075, (bits >> 63) != 0, field != 0x7ff};
  }

  void add_bits(std::uint64_t mantissa, int exponent, bool negative) noexcept {
    if (mantissa == 0)
      return;
    const int position = exponent - lowest;
    const Wide shifted = static_cast<Wide>(mantissa) << (position & 31);
    std::int64_t *digit = word_ + (position >> 5);
    const auto low = static_cast<std::int64_t>(static_cast<std::uint64_t>(shifted)) & digit_mask;
    const auto middle =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(shifted >> 32)) & digit_mask;
    const auto high = static_cast<std::int64_t>(static_cast<std::uint64_t>(shifted >> 64));
    digit[0] += negative ? -low : low;
    digit[1] += negative ? -middle : middle;
    digit[2] += negative ? -high : high;
    if (++pending_ >= (std::int64_t{1} << 30))
      carry();
  }

  void add_special(double x) noexcept {
    ++word_[std::isnan(x) ? nan_count : x > 0 ? plus_count : minus_count];
  }

  // Digits into [0, 2³²); the last one keeps the sign.
  void carry() noexcept {
    for (int i = 0; i + 1 < digits; ++i) {
      const std::int64_t excess = word_[i] >> 32;
      word_[i] &= digit_mask;
      word_[i + 1] += excess;
    }
    pending_ = 0;
  }

  // Of carried digits, value ≥ 0.
  [[nodiscard]] double magnitude(Rounding rounding) const noexcept {
    int top = digits - 1;
    while (top >= 0 && word_[top] == 0)
      --top;
    if (top < 0)
      return 0.0;
    const int leading =
        32 * top + static_cast<int>(std::bit_width(static_cast<std::uint64_t>(word_[top]))) - 1;
    // Last bit that a double can hold: 53 bits, fewer when the result is subnormal.
    const int last = std::max(leading - 52, -1074 - lowest);
    std::uint64_t kept = 0;
    for (int bit = leading; bit >= last; --bit)
      kept = 2 * kept + (bit_at(bit) ? 1 : 0);
    const bool half = bit_at(last - 1);
    bool below = (word_[(last - 1) >> 5] & ((std::int64_t{1} << ((last - 1) & 31)) - 1)) != 0;
    for (int i = ((last - 1) >> 5) - 1; i >= 0 && !below; --i)
      below = word_[i] != 0;
    const bool increment = rounding == Rounding::up     ? half || below
                           : rounding == Rounding::down ? false
                                                        : half && (below || (kept & 1) != 0);
    const double rounded =
        std::ldexp(static_cast<double>(kept + (increment ? 1 : 0)), last + lowest);
    return rounding == Rounding::down && std::isinf(rounded) ? std::numeric_limits<double>::max()
                                                             : rounded;
  }

  [[nodiscard]] bool bit_at(int bit) const noexcept {
    return ((word_[bit >> 5] >> (bit & 31)) & 1) != 0;
  }

  std::int64_t word_[words] = {};
  std::int64_t pending_ = 0; // additions since the last carry
};

} // namespace lathe
