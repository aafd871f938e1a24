// SPDX-License-Identifier: BSD-2-Clause
// Block partition of N items over P ranks, in 64-bit arithmetic throughout.
#pragma once
#include <cstdint>

namespace lathe {

/// Half-open range of global indices.
struct Range {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const noexcept { return end - begin; }
  [[nodiscard]] bool contains(std::int64_t i) const noexcept { return begin <= i && i < end; }
};

/// Items of `rank` when n items go to `size` ranks in contiguous blocks whose sizes differ by at
/// most one, larger blocks first: PETSc's own PETSC_DECIDE split. Exact for every n < 2⁶³.
inline Range block_range(std::int64_t n, int size, int rank) noexcept {
  const std::int64_t quotient = n / size;
  const std::int64_t remainder = n % size;
  const std::int64_t extra_before = rank < remainder ? rank : remainder;
  const std::int64_t begin = quotient * rank + extra_before;
  return {begin, begin + quotient + (rank < remainder ? 1 : 0)};
}

/// Rank that owns item i in block_range(n, size, ·); 0 ≤ i < n.
inline int block_owner(std::int64_t n, int size, std::int64_t i) noexcept {
  const std::int64_t quotient = n / size;
  const std::int64_t remainder = n % size;
  const std::int64_t in_large = remainder * quotient + remainder; // (quotient + 1) may overflow
  return static_cast<int>(i < in_large ? i / (quotient + 1)
                                       : remainder + (i - in_large) / quotient);
}

} // namespace lathe
