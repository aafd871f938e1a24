// SPDX-License-Identifier: BSD-2-Clause
// Compiled once for each instruction set, with LATHE_SKETCHING_ISA = isa_generic, isa_avx2, …
// Templates and inline functions of other headers are avoided: an out-of-line copy of them could
// replace that of a program for an older processor.
#include "sketching/isa.h"
#include "sketching/lanes.h"
#include "sketching/lanes_hadamard.h"
#include "sketching/lanes_normal.h"

namespace lathe::sketching {
namespace LATHE_SKETCHING_LANES {

constexpr std::uint64_t stack_stream = 0x5354414b00000000, distinct_stream = 0x5349474e00000000;

// First rows of the stacked sketches.
struct Stack {
  std::uint64_t begin[max_nonzeros + 1];
};
LATHE_LANES_INLINE Stack stack_of(const SparseColumns &s) noexcept {
  Stack stack;
  const auto d = static_cast<std::uint64_t>(s.rows), count = static_cast<std::uint64_t>(s.nonzeros);
  for (std::uint64_t z = 0; z <= count; ++z)
    stack.begin[z] = z * d / count;
  return stack;
}

// Rows and signs of columns first … first + philox_lanes − 1, entry z at code[z].
LATHE_LANES_INLINE void codes_of(const SparseColumns &s, const RoundKeys &keys, const Stack &stack,
                                 std::int64_t first, Word (*code)[philox_vectors]) noexcept {
  const std::uint64_t stream = s.distinct ? distinct_stream : stack_stream;
  for (int z = 0; z < s.nonzeros; z += 4) {
    const Words words =
        philox(keys, stream + static_cast<std::uint64_t>(z / 4), static_cast<std::uint64_t>(first));
    for (int q = 0; q < 4; ++q)
      for (int v = 0; v < philox_vectors; ++v)
        code[z + q][v] = words.at[q][v];
  }
  for (int z = 0; z < s.nonzeros; ++z) {
    const auto last = static_cast<std::uint64_t>(s.rows - s.nonzeros + z);
    const std::uint64_t begin = s.distinct ? 0 : stack.begin[z];
    const std::uint64_t size = s.distinct ? last + 1 : stack.begin[z + 1] - begin;
    for (int v = 0; v < philox_vectors; ++v) {
      const Word word = code[z][v];
      Word row = (multiply_low(word >> 1, broadcast(size)) >> 31) + broadcast(begin);
      if (s.distinct) {
        Word taken{};
        for (int y = 0; y < z; ++y)
          taken |= (Word)((code[y][v] >> 1) == row);
        row = (row & ~taken) | (broadcast(last) & taken);
      }
      code[z][v] = (row << 1) | (word & 1);
    }
  }
}

void codes(const SparseColumns &s, std::int64_t first, std::int64_t count, Code *codes) noexcept {
  const std::int64_t nonzeros = s.nonzeros;
  const Stack stack = stack_of(s);
  const RoundKeys keys(s.seed);
  alignas(64) Word code[max_nonzeros][philox_vectors];
  for (std::int64_t k = 0; k < count; k += philox_lanes) {
    codes_of(s, keys, stack, first + k, code);
    const std::int64_t lanes = count - k < philox_lanes ? count - k : philox_lanes;
    for (std::int64_t z = 0; z < nonzeros; ++z)
      for (std::int64_t l = 0; l < lanes; ++l)
        codes[(k + l) * nonzeros + z] = static_cast<Code>(code[z][l / width][l % width]);
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
constexpr double signs[2] = {1.0, -1.0};

// Rows from `row` on of columns from `column` on.
struct Place {
  std::int64_t column, row;
};

// tile[r·w + c] ← row at.row + r of column at.column + c, c < w, zero beyond the last column. The
// rows that begin at `ahead` are asked for meanwhile: what the processor fetches by itself ends
// with a page of each column (a quarter of the time for ζ = 1).
LATHE_LANES_INLINE void load_tile(const ColumnRows &a, Place at, std::int64_t w, std::int64_t rows,
                                  Place ahead, double *tile) noexcept {
  constexpr std::int64_t line = 8;
  const std::int64_t first = at.column;
  for (std::int64_t c = 0; c < w; c += width) {
    if (a.stride == 1 && rows == tile_rows && first + c + width <= a.columns) {
      const bool fetch = ahead.column + c + width <= a.columns && ahead.row + tile_rows <= a.rows;
      for (std::int64_t r = 0; r < tile_rows; r += width) {
        if (fetch && r % line == 0)
          for (int q = 0; q < width; ++q)
            __builtin_prefetch(a.column[ahead.column + c + q] + ahead.row + r, 0, 2);
        transpose(a.column + first + c, at.row + r, tile + r * w + c, w);
      }
      continue;
    }
    for (std::int64_t q = c; q < c + width; ++q)
      for (std::int64_t r = 0; r < rows; ++r)
        tile[r * w + q] =
            first + q < a.columns ? a.column[first + q][(at.row + r) * a.stride] : 0.0;
  }
}

// Cuts of the columns of a panel, side by side.
struct PanelCuts {
  double high[panel_width], low[panel_width], factor[panel_width];
};

LATHE_LANES_INLINE PanelCuts cuts_of(const ColumnRounding *rounding, std::int64_t w) noexcept {
  PanelCuts cuts{};
  for (std::int64_t c = 0; c < w; ++c) {
    cuts.high[c] = rounding[c].cut_high;
    cuts.low[c] = rounding[c].cut_low;
    cuts.factor[c] = rounding[c].factor;
  }
  return cuts;
}

// Add a number to its two parts, or, in plain sums, to the one.
template <int parts>
LATHE_LANES_INLINE void add_split(Real x, const PanelCuts &cuts, int at, double *high,
                                  double *low) noexcept {
  if constexpr (parts == 1) {
    store(high, load(high) + x);
  } else {
    const Real h = load(cuts.high + at), l = load(cuts.low + at);
    x *= load(cuts.factor + at);
    const Real part = (x + h) - h;
    store(high, load(high) + part);
    store(low, load(low) + (((x - part) + l) - l));
  }
}

// One row of a tile to the ζ rows of the sums that its codes name.
template <int v>
LATHE_LANES_INLINE void add_row(const double *row, const Code *code, int nonzeros,
                                double *sums) noexcept {
  Real value[v];
  for (int x = 0; x < v; ++x)
    value[x] = load(row + x * width);
  for (int z = 0; z < nonzeros; ++z) {
    double *to = sums + static_cast<std::int64_t>(code[z] >> 1) * (v * width);
    for (int x = 0; x < v; ++x)
      store(to + x * width, add_signed(value[x], signs[code[z] & 1], load(to + x * width)));
  }
}

// The entries of a block of rows by the row of S that they stand in.
struct Order {
  const std::uint32_t *end; // of row r of S; row 0 begins at 0
  const Code *entry;        // row of the block times two, plus one when negative
};

LATHE_LANES_INLINE Order sort_codes(const SparseColumns &s, const Code *codes, std::int64_t rows,
                                    std::uint32_t *end, Code *entry) noexcept {
  const std::int64_t nonzeros = s.nonzeros, d = s.rows;
  for (std::int64_t r = 0; r <= d; ++r)
    end[r] = 0;
  for (std::int64_t k = 0; k < rows * nonzeros; ++k)
    ++end[(codes[k] >> 1) + 1];
  for (std::int64_t r = 1; r <= d; ++r)
    end[r] += end[r - 1];
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t z = 0; z < nonzeros; ++z) {
      const Code code = codes[i * nonzeros + z];
      entry[end[code >> 1]++] = static_cast<Code>(i << 1) | (code & 1);
    }
  return {end, entry};
}

// Sums of the tile by rows of S, in the order of its rows, added to `high` and `low`.
template <int v, int parts>
LATHE_LANES_INLINE void add_sorted(const Order &order, std::int64_t d, const double *tile,
                                   const PanelCuts &cuts, double *high, double *low) noexcept {
  constexpr std::int64_t w = v * width;
  std::uint32_t k = 0;
  for (std::int64_t r = 0; r < d; ++r) {
    Real even[v] = {}, odd[v] = {}; // two chains of additions hide the latency of one
    const std::uint32_t end = order.end[r];
    for (; k + 2 <= end; k += 2) {
      const Code first = order.entry[k], second = order.entry[k + 1];
      const double *one = tile + (first >> 1) * w, *two = tile + (second >> 1) * w;
      for (int x = 0; x < v; ++x) {
        even[x] = add_signed(load(one + x * width), signs[first & 1], even[x]);
        odd[x] = add_signed(load(two + x * width), signs[second & 1], odd[x]);
      }
    }
    if (k < end) {
      const Code last = order.entry[k++];
      for (int x = 0; x < v; ++x)
        even[x] = add_signed(load(tile + (last >> 1) * w + x * width), signs[last & 1], even[x]);
    }
    for (int x = 0; x < v; ++x)
      add_split<parts>(even[x] + odd[x], cuts, x * width, high + r * w + x * width,
                       low + r * w + x * width);
  }
}

template <int v, int parts>
LATHE_LANES_INLINE void add_panel_sorted(const SparseColumns &s, const ColumnRows &a,
                                         std::int64_t first, std::int64_t begin, std::int64_t rows,
                                         const Order &order, const PanelCuts &cuts, double *high,
                                         double *low) noexcept {
  constexpr std::int64_t w = v * width;
  alignas(64) double tile[sorted_rows * w];
  const bool last = first + w >= a.columns; // of these rows
  const Place next = {last ? 0 : first + w, last ? begin + rows : begin};
  for (std::int64_t i = 0; i < rows; i += tile_rows)
    load_tile(a, {first, begin + i}, w, rows - i < tile_rows ? rows - i : tile_rows,
              {next.column, next.row + i}, tile + i * w);
  add_sorted<v, parts>(order, s.rows, tile, cuts, high, low);
}

template <int v, int parts>
LATHE_LANES_INLINE void
add_panel_scattered(const SparseColumns &s, const ColumnRows &a, std::int64_t first,
                    std::int64_t begin, std::int64_t rows, const Code *codes, const PanelCuts &cuts,
                    double *block, double *high, double *low) noexcept {
  constexpr std::int64_t w = v * width;
  alignas(64) double tile[tile_rows * w];
  for (std::int64_t k = 0; k < s.rows * w; ++k)
    block[k] = 0;
  for (std::int64_t i = 0; i < rows; i += tile_rows) {
    const std::int64_t count = rows - i < tile_rows ? rows - i : tile_rows;
    load_tile(a, {first, begin + i}, w, count, {first, begin + i + tile_rows}, tile);
    for (std::int64_t r = 0; r < count; ++r)
      add_row<v>(tile + r * w, codes + (i + r) * s.nonzeros, s.nonzeros, block);
  }
  for (std::int64_t r = 0; r < s.rows * w; r += w)
    for (int x = 0; x < v; ++x)
      add_split<parts>(load(block + r + x * width), cuts, x * width, high + r + x * width,
                       low + r + x * width);
}

template <int v, int parts>
LATHE_LANES_INLINE void add_panel(const SparseColumns &s, const ColumnRows &a, std::int64_t first,
                                  std::int64_t begin, std::int64_t rows,
                                  const ColumnRounding *rounding, const Code *codes,
                                  const Order &order, double *block, double *sums) noexcept {
  constexpr std::int64_t w = v * width;
  PanelCuts cuts{};
  if constexpr (parts == 2)
    cuts = cuts_of(rounding + first, w);
  double *high = sums + parts * s.rows * first, *low = high + s.rows * w;
  if (sorted(s))
    add_panel_sorted<v, parts>(s, a, first, begin, rows, order, cuts, high, low);
  else
    add_panel_scattered<v, parts>(s, a, first, begin, rows, codes, cuts, block, high, low);
}

template <int parts>
LATHE_LANES_INLINE void
add_block_as(const SparseColumns &s, const ColumnRows &a, std::int64_t begin, std::int64_t rows,
             const ColumnRounding *rounding, Code *work, double *block, double *sums) noexcept {
  const std::int64_t size = block_rows(s), half = panel_width / 2;
  Order order{};
  if (sorted(s))
    order = sort_codes(s, work, rows, work + 2 * size * s.nonzeros, work + size * s.nonzeros);
  std::int64_t j = 0;
  for (; a.columns - j > half; j += panel_width)
    add_panel<panel_width / width, parts>(s, a, j, begin, rows, rounding, work, order, block, sums);
  if (j < a.columns)
    add_panel<half / width, parts>(s, a, j, begin, rows, rounding, work, order, block, sums);
}

void add_block(const SparseColumns &s, const ColumnRows &a, std::int64_t begin, std::int64_t rows,
               const ColumnRounding *rounding, Code *work, double *block, double *sums) noexcept {
  if (rounding)
    add_block_as<2>(s, a, begin, rows, rounding, work, block, sums);
  else
    add_block_as<1>(s, a, begin, rows, rounding, work, block, sums);
}

constexpr std::uint64_t normal_stream = 0x4e00000000000000, sign_stream = 0x5200000000000000;

void signs_of(std::uint64_t seed, std::uint64_t stream, std::int64_t first, std::int64_t count,
              double *out) noexcept {
  constexpr int group = 128;
  const Word lane = counting();
  const RoundKeys keys(seed);
  for (std::int64_t k = 0; k < count; k += philox_lanes * group) {
    const Words words = philox(keys, stream, static_cast<std::uint64_t>((first + k) / group));
    for (std::int64_t g = 0; g < philox_lanes && k + g * group < count; ++g)
      for (int w = 0; w < 4; ++w) {
        const Word word = broadcast(words.at[w][g / width][g % width]);
        double *to = out + k + g * group + 32 * w;
        const std::int64_t rest = count - (k + g * group + 32 * w);
        for (int b = 0; b < 32; b += width) {
          const Word bit = (word >> (lane + static_cast<std::uint64_t>(b))) & 1;
          const Real sign = (Real)((bit << 63) | broadcast(std::uint64_t{0x3ff0000000000000}));
          if (b + width <= rest)
            store(to + b, sign);
          else
            for (std::int64_t l = 0; b + l < rest; ++l)
              to[b + l] = sign[l];
        }
      }
  }
}

void entries(const DenseEntries &s, std::int64_t first, std::int64_t count, double *out) noexcept {
  constexpr int half = 8;
  const std::int64_t rows = entry_rows(s.rows);
  const RoundKeys keys(s.seed);
  for (std::int64_t k = 0; k < count; ++k, out += rows) {
    const auto column = static_cast<std::uint64_t>(first + k);
    if (!s.normal) {
      signs_of(s.seed, sign_stream + column, 0, rows, out);
      continue;
    }
    for (std::int64_t p = 0; 2 * p < s.rows; p += philox_lanes) {
      const Words words = philox(keys, normal_stream + column, static_cast<std::uint64_t>(p));
      SineCosine pair[philox_vectors];
      normals(words, pair);
      for (int v = 0; v < philox_vectors; ++v) {
        const std::int64_t at = p + v * width; // of the counter of lane 0
        double *to = out + at / half * (2 * half) + at % half;
        store(to, pair[v].cosine);
        store(to + half, pair[v].sine);
      }
    }
  }
}

void add_scaled(const double *x, std::int64_t n, double factor, const ColumnRounding *rounding,
                double *high, double *low) noexcept {
  const Real scale = broadcast(factor);
  std::int64_t r = 0;
  if (!rounding) {
    for (; r + width <= n; r += width)
      store(high + r, load(high + r) + scale * load(x + r));
    for (; r < n; ++r)
      high[r] += factor * x[r];
    return;
  }
  const double cut_high = rounding->cut_high, cut_low = rounding->cut_low;
  const Real h = broadcast(cut_high), l = broadcast(cut_low), back = broadcast(rounding->factor);
  for (; r + width <= n; r += width) {
    const Real value = scale * back * load(x + r), part = (value + h) - h;
    store(high + r, load(high + r) + part);
    store(low + r, load(low + r) + (((value - part) + l) - l));
  }
  for (; r < n; ++r) {
    const double value = factor * rounding->factor * x[r], part = (value + cut_high) - cut_high;
    high[r] += part;
    low[r] += ((value - part) + cut_low) - cut_low;
  }
}

void hadamard(double *x, std::int64_t n) noexcept {
  hadamard_all(x, n);
}

} // namespace LATHE_SKETCHING_LANES

const Isa LATHE_SKETCHING_ISA = {
    .name = LATHE_SKETCHING_ISA_NAME,
    .codes = LATHE_SKETCHING_LANES::codes,
    .largest = LATHE_SKETCHING_LANES::largest,
    .add_block = LATHE_SKETCHING_LANES::add_block,
    .entries = LATHE_SKETCHING_LANES::entries,
    .add_scaled = LATHE_SKETCHING_LANES::add_scaled,
    .hadamard = LATHE_SKETCHING_LANES::hadamard,
    .signs = LATHE_SKETCHING_LANES::signs_of,
};

} // namespace lathe::sketching
