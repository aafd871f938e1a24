// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sparse_stack.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace lathe::sketching {

namespace {

using Pair = double __attribute__((vector_size(16)));
using PairBits = std::uint64_t __attribute__((vector_size(16)));

Pair load(const double *from) noexcept {
  Pair x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

} // namespace

ColumnRounding::ColumnRounding(std::int64_t terms, double largest, int growth) noexcept {
  const PreRounding unit(terms); // for |t| ≤ 2
  // ilogb(∞) is the largest int
  int exponent = (largest > 0 ? std::min(std::ilogb(largest), 1023) : -1022) + growth;
  constexpr int highest = 900; // sums of 2⁴⁰ such terms, and their cuts, are finite
  if (exponent > highest) {
    factor = std::ldexp(1.0, highest - exponent);
    exponent = highest;
  }
  cut_high = std::ldexp(unit.cut_high, exponent);
  cut_low = std::ldexp(unit.cut_low, exponent);
}

void add_column(const SparseColumns &s, const Code *codes, std::int64_t count,
                const std::uint32_t *row, const double *value, int stride,
                const ColumnRounding *rounding, double *sums) noexcept {
  const int nonzeros = s.nonzeros;
  for (std::int64_t k = 0; k < count; ++k) {
    const double x = value[k * stride];
    Pair parts = {x, 0.0};
    if (rounding) {
      const double scaled = x * rounding->factor;
      const double high = (scaled + rounding->cut_high) - rounding->cut_high;
      parts = Pair{high, ((scaled - high) + rounding->cut_low) - rounding->cut_low};
    }
    const Code *code = codes + (row ? row[k] : k) * nonzeros;
    for (int z = 0; z < nonzeros; ++z) {
      double *to = sums + 2 * static_cast<std::int64_t>(code[z] >> 1);
      const PairBits flip = PairBits{} + (static_cast<std::uint64_t>(code[z]) << 63);
      const Pair sum = load(to) + (Pair)((PairBits)parts ^ flip);
      std::memcpy(to, &sum, sizeof sum);
    }
  }
}

} // namespace lathe::sketching
