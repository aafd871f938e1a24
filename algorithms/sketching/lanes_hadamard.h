// SPDX-License-Identifier: BSD-2-Clause
// Fast Walsh-Hadamard transform in natural (Sylvester) order, x ← H x with H₁ = 1,
// H₂ₙ = [H H; H −H]: additions only, exact on small integers.
#pragma once
#include "sketching/lanes.h"

namespace lathe::sketching::LATHE_SKETCHING_LANES {

// Stages of distance below `width`, inside the vectors: lane l gets x[l ^ h] ± x[l].
template <int h> LATHE_LANES_INLINE Real inner_stage(Real x) noexcept {
  Real partner{};
  Word flip{};
  for (int l = 0; l < width; ++l) {
    partner[l] = x[l ^ h];
    flip[l] = (l & h) != 0 ? std::uint64_t{1} << 63 : 0;
  }
  return partner + (Real)((Word)x ^ flip);
}
LATHE_LANES_INLINE Real inner_stages(Real x) noexcept {
  x = inner_stage<1>(x);
  x = inner_stage<2>(x);
  if constexpr (width == 8)
    x = inner_stage<4>(x);
  return x;
}

// Stages of distance h and 2h (radix 4) over n numbers, h a multiple of width.
LATHE_LANES_INLINE void double_stage(double *x, std::int64_t n, std::int64_t h) noexcept {
  for (std::int64_t block = 0; block < n; block += 4 * h)
    for (std::int64_t k = block; k < block + h; k += width) {
      const Real a = load(x + k), b = load(x + k + h), c = load(x + k + 2 * h),
                 d = load(x + k + 3 * h);
      const Real s = a + b, t = a - b, u = c + d, v = c - d;
      store(x + k, s + u);
      store(x + k + h, t + v);
      store(x + k + 2 * h, s - u);
      store(x + k + 3 * h, t - v);
    }
}
LATHE_LANES_INLINE void single_stage(double *x, std::int64_t n, std::int64_t h) noexcept {
  for (std::int64_t block = 0; block < n; block += 2 * h)
    for (std::int64_t k = block; k < block + h; k += width) {
      const Real a = load(x + k), b = load(x + k + h);
      store(x + k, a + b);
      store(x + k + h, a - b);
    }
}

// n ≤ 4096: in the first-level cache.
LATHE_LANES_INLINE void hadamard_block(double *x, std::int64_t n) noexcept {
  if (n < width) {
    for (std::int64_t h = 1; h < n; h *= 2)
      for (std::int64_t k = 0; k < n; ++k)
        if ((k & h) == 0) {
          const double a = x[k], b = x[k + h];
          x[k] = a + b;
          x[k + h] = a - b;
        }
    return;
  }
  for (std::int64_t k = 0; k < n; k += width)
    store(x + k, inner_stages(load(x + k)));
  std::int64_t h = width;
  for (; 4 * h <= n; h *= 4)
    double_stage(x, n, h);
  if (h < n)
    single_stage(x, n, h);
}

constexpr std::int64_t cached = 4096;

LATHE_LANES_INLINE void hadamard_all(double *x, std::int64_t n) noexcept {
  const std::int64_t block = n < cached ? n : cached;
  for (std::int64_t k = 0; k < n; k += block)
    hadamard_block(x + k, block);
  std::int64_t h = block;
  for (; 4 * h <= n; h *= 4)
    double_stage(x, n, h);
  if (h < n)
    single_stage(x, n, h);
}

} // namespace lathe::sketching::LATHE_SKETCHING_LANES
