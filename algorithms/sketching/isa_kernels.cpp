// SPDX-License-Identifier: BSD-2-Clause
// Compiled once for each instruction set, with LATHE_SKETCHING_ISA = isa_generic, isa_avx2, …
// Templates and inline functions of other headers are avoided: an out-of-line copy of them could
// replace that of a program for an older processor.
#include "sketching/isa.h"
#include "sketching/lanes.h"

namespace lathe::sketching {
namespace LATHE_SKETCHING_LANES {

constexpr std::uint64_t stack_stream = 0x5354414b00000000, distinct_stream = 0x5349474e00000000;

// Rows and signs of columns first … first + width − 1, entry z at code[z].
LATHE_LANES_INLINE void codes_of(const SparseColumns &s, std::int64_t first, Word *code) noexcept {
  const auto d = static_cast<std::uint64_t>(s.rows);
  const auto count = static_cast<std::uint64_t>(s.nonzeros);
  const Word index = broadcast(static_cast<std::uint64_t>(first)) + counting();
  Words words{};
  for (std::uint64_t z = 0; z < count; ++z) {
    if (z % 4 == 0)
      words =
          philox(s.seed, broadcast((s.distinct ? distinct_stream : stack_stream) + z / 4), index);
    const Word word = words.at[z % 4];
    if (!s.distinct) {
      const std::uint64_t begin = z * d / count, size = (z + 1) * d / count - begin;
      const Word row = (multiply_low(word >> 1, broadcast(size)) >> 31) + broadcast(begin);
      code[z] = (row << 1) | (word & 1);
      continue;
    }
    const std::uint64_t last = d - count + z;
    Word row = multiply_low(word >> 1, broadcast(last + 1)) >> 31, taken{};
    for (std::uint64_t y = 0; y < z; ++y)
      taken |= (Word)((code[y] >> 1) == row);
    row = (row & ~taken) | (broadcast(last) & taken);
    code[z] = (row << 1) | (word & 1);
  }
}

void codes(const SparseColumns &s, std::int64_t first, std::int64_t count, Code *codes) noexcept {
  Word code[max_nonzeros];
  for (std::int64_t k = 0; k < count; k += width) {
    codes_of(s, first + k, code);
    const std::int64_t lanes = count - k < width ? count - k : width;
    for (std::int64_t l = 0; l < lanes; ++l)
      for (int z = 0; z < s.nonzeros; ++z)
        codes[(k + l) * s.nonzeros + z] = static_cast<Code>(code[z][l]);
  }
}

// As unsigned integers the absolute values of doubles are in their order, NaN on top.
void largest(const ColumnRows &a, double *largest) noexcept {
  for (std::int64_t j = 0; j < a.columns; ++j) {
    const double *x = a.column[j];
    Word most[4] = {};
    std::int64_t i = 0;
    if (a.stride == 1)
      for (; i + 4 * width <= a.rows; i += 4 * width)
        for (int u = 0; u < 4; ++u) {
          const Word bits = (Word)load(x + i + u * width) & ~(std::uint64_t{1} << 63);
          most[u] = bits > most[u] ? bits : most[u];
        }
    std::uint64_t all = 0;
    for (const Word &m : most)
      for (int l = 0; l < width; ++l)
        all = m[l] > all ? m[l] : all;
    for (; i < a.rows; ++i) {
      std::uint64_t bits;
      std::memcpy(&bits, x + i * a.stride, sizeof bits);
      bits &= ~(std::uint64_t{1} << 63);
      all = bits > all ? bits : all;
    }
    std::memcpy(largest + j, &all, sizeof all);
  }
}

constexpr std::int64_t tile_rows = 64;

// tile[r·w + c] ← row at + r of column first + c, zero beyond the last column.
LATHE_LANES_INLINE void load_tile(const ColumnRows &a, std::int64_t first, std::int64_t w,
                                  std::int64_t at, std::int64_t rows, double *tile) noexcept {
  for (std::int64_t c = 0; c < w; c += width) {
    if (a.stride == 1 && rows == tile_rows && first + c + width <= a.columns) {
      for (std::int64_t r = 0; r < tile_rows; r += width)
        transpose(a.column + first + c, at + r, tile + r * w + c, w);
      continue;
    }
    for (std::int64_t q = c; q < c + width; ++q)
      for (std::int64_t r = 0; r < rows; ++r)
        tile[r * w + q] = first + q < a.columns ? a.column[first + q][(at + r) * a.stride] : 0.0;
  }
}

// Cuts of the columns of a panel, side by side.
struct PanelCuts {
  double high[panel_width], low[panel_width], factor[panel_width];
  bool scaled;
};

LATHE_LANES_INLINE PanelCuts cuts_of(const ColumnRounding *rounding, std::int64_t w) noexcept {
  PanelCuts cuts{};
  for (std::int64_t c = 0; c < w; ++c) {
    cuts.high[c] = rounding[c].cut_high;
    cuts.low[c] = rounding[c].cut_low;
    cuts.factor[c] = rounding[c].factor;
    cuts.scaled = cuts.scaled || rounding[c].factor != 1.0;
  }
  return cuts;
}

// One row of a tile, v vectors wide, to the ζ rows of the sums that its codes name.
template <int v, bool two_parts>
LATHE_LANES_INLINE void add_row(const double *row, const Code *code, int nonzeros,
                                const PanelCuts &cuts, double *high, double *low) noexcept {
  Real x[v], rest[v];
  for (int k = 0; k < v; ++k) {
    x[k] = load(row + k * width);
    if constexpr (two_parts) {
      const Real h = load(cuts.high + k * width), l = load(cuts.low + k * width);
      const Real part = (x[k] + h) - h;
      rest[k] = ((x[k] - part) + l) - l;
      x[k] = part;
    }
  }
  for (int z = 0; z < nonzeros; ++z) {
    const std::int64_t to = static_cast<std::int64_t>(code[z] >> 1) * (v * width);
    for (int k = 0; k < v; ++k) {
      double *y = high + to + k * width;
      store(y, load(y) + with_sign(x[k], code[z]));
      if constexpr (two_parts) {
        double *y2 = low + to + k * width;
        store(y2, load(y2) + with_sign(rest[k], code[z]));
      }
    }
  }
}

template <int v, bool two_parts>
LATHE_LANES_INLINE void add_panel(const SparseColumns &s, const ColumnRows &a, std::int64_t first,
                                  std::int64_t begin, std::int64_t end,
                                  const ColumnRounding *rounding, const Code *codes,
                                  double *sums) noexcept {
  constexpr std::int64_t w = v * width;
  alignas(64) double tile[tile_rows * w];
  PanelCuts cuts{};
  if constexpr (two_parts)
    cuts = cuts_of(rounding + first, w);
  double *high = sums + (two_parts ? 2 : 1) * s.rows * first, *low = high + s.rows * w;
  for (std::int64_t i = begin; i < end; i += tile_rows) {
    const std::int64_t rows = end - i < tile_rows ? end - i : tile_rows;
    load_tile(a, first, w, i, rows, tile);
    if (cuts.scaled)
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < w; ++c)
          tile[r * w + c] *= cuts.factor[c];
    for (std::int64_t r = 0; r < rows; ++r)
      add_row<v, two_parts>(tile + r * w, codes + (i - begin + r) * s.nonzeros, s.nonzeros, cuts,
                            high, low);
  }
}

template <bool two_parts>
LATHE_LANES_INLINE void add_rows_as(const SparseColumns &s, const ColumnRows &a,
                                    const ColumnRounding *rounding, Code *code,
                                    double *sums) noexcept {
  for (std::int64_t i = 0; i < a.rows; i += code_rows) {
    const std::int64_t end = a.rows - i < code_rows ? a.rows : i + code_rows;
    codes(s, a.first + i, end - i, code);
    std::int64_t j = 0;
    for (; a.columns - j > panel_width / 2; j += panel_width)
      add_panel<panel_width / width, two_parts>(s, a, j, i, end, rounding, code, sums);
    if (j < a.columns)
      add_panel<panel_width / 2 / width, two_parts>(s, a, j, i, end, rounding, code, sums);
  }
}

void add_rows(const SparseColumns &s, const ColumnRows &a, const ColumnRounding *rounding,
              Code *codes, double *sums) noexcept {
  if (rounding)
    add_rows_as<true>(s, a, rounding, codes, sums);
  else
    add_rows_as<false>(s, a, rounding, codes, sums);
}

} // namespace LATHE_SKETCHING_LANES

const Isa LATHE_SKETCHING_ISA = {
    .name = LATHE_SKETCHING_ISA_NAME,
    .codes = LATHE_SKETCHING_LANES::codes,
    .largest = LATHE_SKETCHING_LANES::largest,
    .add_rows = LATHE_SKETCHING_LANES::add_rows,
};

} // namespace lathe::sketching
