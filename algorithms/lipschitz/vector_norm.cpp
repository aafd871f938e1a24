// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/vector_norm.h"
#include "lipschitz/rounding.h"
#include <cmath>

namespace lathe::lipschitz {
namespace {

/// Sum high + low with a bound of what was lost.
struct Accumulator {
  double high = 0, low = 0;
  bool exact = true;

  void add(double x) noexcept {
    const double sum = high + x;
    const double back = sum - high;
    const double rest = (high - (sum - back)) + (x - back); // Knuth's two-sum: sum + rest exact
    high = sum;
    const double lower = low + rest;
    const double part = lower - low;
    exact = exact && (low - (lower - part)) + (rest - part) == 0;
    low = lower;
  }
};

} // namespace

NormInterval vector_norm(std::size_t n, const double *x) noexcept {
  Accumulator sum;
  bool underflow = false;
  for (std::size_t i = 0; i < n; ++i) {
    const double square = x[i] * x[i];
    sum.add(square);
    sum.add(std::fma(x[i], x[i], -square));
    underflow = underflow || (x[i] != 0 && square < 0x1p-900);
  }
  const double high = sum.high + sum.low;
  const double low = sum.low - (high - sum.high);
  const double root = std::sqrt(high);
  if (!(root > 0))
    return {0, root == 0 && !underflow ? 0 : up(root)};
  // ‖x‖² − root², from the exact remainder of the square root.
  const double remainder = -std::fma(root, root, -high) + low;
  const bool exact = sum.exact && !underflow;
  if (exact && remainder == 0)
    return {root, root};
  // low collects 2n terms below u·high each, with 2n roundings of relative size u.
  const double terms = 2 * static_cast<double>(n) + 4;
  const double lost = high * (terms * terms * 0x1p-105 + 0x1p-100);
  // One neighbour on each side suffices while |‖x‖ − root| is below one unit in the last place:
  // half from the square root, at most 0.36 from `low`, and this much from what was lost.
  if (lost > high * 0x1p-56)
    return {sqrt_down(sub_down(high, 2 * lost)), sqrt_up(add_up(high, 2 * lost))};
  NormInterval interval = {root, root};
  if (remainder < lost)
    interval.lower = down(root);
  if (remainder > -lost)
    interval.upper = up(root);
  return interval;
}

} // namespace lathe::lipschitz
