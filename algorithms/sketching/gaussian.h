// SPDX-License-Identifier: BSD-2-Clause
// Columns of dense sketches on the fly: Gaussian, entries N(0, 1)/√d, and Rademacher, entries
// ±1/√d. Kernels: no PETSc.
//
// Column i has the stream tag + i. Gaussian: counter p gives the two normals
// √(−2 log u)·(cos 2πv, sin 2πv) of rows 16⌊p/8⌋ + p mod 8 and 8 further, from the words w of the
// counter: u = (w₀w₁ + ½)·2⁻⁵³ and v = w₂w₃·2⁻⁵³ with 53 bits each. So |entry| ≤ 8.7 with
// tails to that end, and logarithm, sine and cosine are ours: products, sums and fused operations,
// the same bits everywhere. Error of a normal: 4 units in the last place of max(1, |x|).
// Rademacher: bit b of word w of counter p is the sign of row 128p + 32w + b.
#pragma once
#include "sketching/sparse_stack.h"

namespace lathe::sketching {

struct DenseEntries {
  std::uint64_t seed = 0;
  std::int64_t rows = 0; ///< d
  bool normal = true;    ///< else signs
};

/// Columns are written in whole groups of this many rows.
inline constexpr std::int64_t entry_group = 128;
inline constexpr std::int64_t entry_rows(std::int64_t d) noexcept {
  return (d + entry_group - 1) / entry_group * entry_group;
}
/// No entry is larger than 2^entry_growth.
inline constexpr int entry_growth = 4;

/// Rows of A whose columns of S are made at a time.
inline constexpr std::int64_t entry_columns = 128;
/// Rows of A that are summed by themselves before their sum is rounded to two parts.
inline constexpr std::int64_t dense_block_rows = 1024;

} // namespace lathe::sketching
