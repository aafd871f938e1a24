// SPDX-License-Identifier: BSD-2-Clause
// Sketches with ζ entries ±1/√ζ in every column, as rows and signs of those entries, and their
// application to rows of a matrix. Kernels: no PETSc.
//
// Entry z of column i comes from word z mod 4 of random::words(seed, stream + z/4, i): the lowest
// bit is the sign, the other 31 bits choose the row by multiplication and shift, each row with
// probability 1/size·(1 ± size·2⁻³¹). SparseStack: entry z lies in rows ⌊z·d/ζ⌋ to ⌊(z+1)·d/ζ⌋ − 1.
// SparseSign: ζ distinct rows by Floyd's method (Bentley, Floyd, CACM 30, 1987).
#pragma once
#include "core/prerounded.h"
#include <cstdint>

namespace lathe::sketching {

inline constexpr int max_nonzeros = 64;

struct SparseColumns {
  std::uint64_t seed = 0;
  std::int64_t rows = 0; ///< d < 2³¹
  int nonzeros = 1;      ///< ζ
  bool distinct = false; ///< SparseSign
};

/// An entry of S: its row times two, plus one when it is negative.
using Code = std::uint32_t;

/// Rows first … first + rows − 1 of a matrix as columns of doubles, `stride` apart (2: real or
/// imaginary parts).
struct ColumnRows {
  const double *const *column = nullptr;
  std::int64_t columns = 0, rows = 0;
  std::int64_t first = 0; ///< global index of row 0
  int stride = 1;
};

/// What turns the entries of one column into two parts whose sums are exact (core/prerounded.h).
/// `factor` is a power of two that keeps the sums of huge entries finite, else 1.
struct ColumnRounding {
  double cut_high = 0, cut_low = 0, factor = 1;
  /// For sums of at most `terms` numbers of absolute value at most `largest`·2^`growth`.
  ColumnRounding(std::int64_t terms, double largest, int growth = 0) noexcept;
};

/// Columns are summed in panels of this width, the last one of half the width where that suffices.
inline constexpr std::int64_t panel_width = 16;
/// Columns that the panels of n columns have in all.
inline constexpr std::int64_t padded(std::int64_t n) noexcept {
  return (n + panel_width / 2 - 1) / (panel_width / 2) * (panel_width / 2);
}

/// Rows of a block can be sorted by the row of S that their entries go to, whose sum then stays in
/// a register; worth it when each row of S gets some.
inline constexpr std::int64_t sorted_rows = 1024;
inline constexpr bool sorted(const SparseColumns &s) noexcept {
  return sorted_rows * s.nonzeros >= 2 * s.rows;
}
/// Rows that are summed by themselves before their sum is rounded to two parts and added to those
/// of other blocks.
inline constexpr std::int64_t block_rows(const SparseColumns &s) noexcept {
  return sorted(s) ? sorted_rows : 8 * sorted_rows;
}
/// Room that Isa::add_block needs: codes, and for sorted blocks their order.
inline constexpr std::int64_t work_codes(const SparseColumns &s) noexcept {
  return (sorted(s) ? 2 : 1) * block_rows(s) * s.nonzeros + (sorted(s) ? s.rows + 1 : 0);
}
/// Room for the sums of a block that is not sorted.
inline constexpr std::int64_t work_sums(const SparseColumns &s) noexcept {
  return sorted(s) ? 0 : s.rows * panel_width;
}

/// Position of high part (r, j) in the sums that `levels` (1: plain, 2: high and low parts)
/// parts of padded(n) columns make; the low part is rows·width further.
struct PanelPlace {
  std::int64_t high, low;
};
inline PanelPlace panel_place(std::int64_t d, std::int64_t n, int levels, std::int64_t r,
                              std::int64_t j) noexcept {
  const std::int64_t first = j / panel_width * panel_width;
  const std::int64_t rest = padded(n) - first;
  const std::int64_t width = rest < panel_width ? rest : panel_width;
  const std::int64_t high = levels * d * first + r * width + (j - first);
  return {high, high + d * width};
}

/// Pairs (high, low) of one column: sums[2r] and sums[2r + 1] gain the entry of row `row[k]`,
/// counted from the row whose codes stand at `codes`, for k < count; row = nullptr: row k.
void add_column(const SparseColumns &s, const Code *codes, std::int64_t count,
                const std::uint32_t *row, const double *value, int stride,
                const ColumnRounding *rounding, double *sums) noexcept;

} // namespace lathe::sketching
