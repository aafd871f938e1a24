// SPDX-License-Identifier: BSD-2-Clause
// A function over arrays: blocks of 2048 points are sorted by expansion, each expansion runs over
// its points in a vector loop, results go back to their places. The bits do not depend on what else
// is in the block.
#pragma once
#include "bessel/isa.h"
#include "bessel/kernels/ratio.h"

namespace lathe::bessel::kernel {

inline constexpr int block_size = 2048;
inline constexpr int lanes = 8;   // groups are padded to a multiple
inline constexpr int groups = 10; // at most nine expansions, and the edge of the domain

/// 150 kB on the stack.
struct Block {
  static constexpr int capacity = block_size + groups * lanes;
  alignas(64) double v[capacity], x[capacity], result[4][capacity]; // sorted
  alignas(64) double given_v[block_size], given_x[block_size];
  alignas(64) int group[block_size];
  unsigned short place[capacity]; // of each sorted point
  int first[groups + 1], size[groups];
};

struct Results {
  double *__restrict a, *__restrict b, *__restrict c, *__restrict d;
};

LATHE_BESSEL_INLINE void store(double y, Results r, int j) noexcept {
  r.a[j] = y;
}
LATHE_BESSEL_INLINE void store(Both y, Results r, int j) noexcept {
  r.a[j] = y.i;
  r.b[j] = y.k;
}
LATHE_BESSEL_INLINE void store(Ratio y, Results r, int j) noexcept {
  r.a[j] = y.value;
  r.b[j] = y.complement;
}
LATHE_BESSEL_INLINE void store(Derivatives y, Results r, int j) noexcept {
  r.a[j] = y.value;
  r.b[j] = y.dx;
  r.c[j] = y.dv;
  r.d[j] = y.dxx;
}

/// n is rounded down to a multiple of `lanes`, so that no remainder loop is compiled. With one v,
/// all that depends on v alone leaves the loop.
template <class Expansion>
LATHE_BESSEL_OUTLINE void run(const double *__restrict v, const double *__restrict x, Results r,
                              int n) noexcept {
#pragma omp simd
  for (int j = 0; j < (n & -lanes); ++j)
    store(Expansion::at(v[j], x[j]), r, j);
}
template <class Expansion>
LATHE_BESSEL_OUTLINE void run_one_v(double v, const double *__restrict x, Results r,
                                    int n) noexcept {
#pragma omp simd
  for (int j = 0; j < (n & -lanes); ++j)
    store(Expansion::at(v, x[j]), r, j);
}

template <class First, class... Rest>
LATHE_BESSEL_INLINE void run_groups(List<First, Rest...>, int group, bool one_v,
                                    Block &b) noexcept {
  if (b.size[group] > 0) {
    const int first = b.first[group], n = b.first[group + 1] - first;
    const Results r = {b.result[0] + first, b.result[1] + first, b.result[2] + first,
                       b.result[3] + first};
    if (First::invariant_in_v && one_v)
      run_one_v<First>(b.v[first], b.x + first, r, n);
    else
      run<First>(b.v + first, b.x + first, r, n);
  }
  if constexpr (sizeof...(Rest) > 0)
    run_groups(List<Rest...>{}, group + 1, one_v, b);
}

template <class... Expansions> constexpr int length(List<Expansions...>) noexcept {
  return sizeof...(Expansions);
}

/// Sort m points by expansion; the last group holds the edge of the domain.
template <class Function>
LATHE_BESSEL_INLINE void sort_block(Operand v, Operand x, int m, Block &b) noexcept {
  constexpr int edge = length(typename Function::Expansions{});
  for (int j = 0; j < m; ++j)
    b.given_v[j] = v.values[v.one ? 0 : j];
  for (int j = 0; j < m; ++j)
    b.given_x[j] = x.values[x.one ? 0 : j];
#pragma omp simd
  for (int j = 0; j < m; ++j) {
    const double vj = b.given_v[j], xj = Function::map(b.given_x[j]);
    b.given_x[j] = xj;
    b.group[j] = Function::regular(vj, xj) ? Function::region(vj, xj) : edge;
  }
  // Two counters, since one would wait for its own last increment.
  int count[2][groups] = {}, next[groups];
  for (int j = 0; j < m; ++j)
    ++count[j & 1][b.group[j]];
  b.first[0] = 0;
  for (int g = 0; g <= edge; ++g) {
    b.size[g] = count[0][g] + count[1][g];
    next[g] = b.first[g];
    b.first[g + 1] = b.first[g] + (b.size[g] + lanes - 1) / lanes * lanes;
  }
  for (int j = 0; j < m; ++j) {
    const int at = next[b.group[j]]++;
    b.v[at] = b.given_v[j];
    b.x[at] = b.given_x[j];
    b.place[at] = static_cast<unsigned short>(j);
  }
  for (int g = 0; g < edge; ++g)
    for (int at = next[g]; at < b.first[g + 1]; ++at) {
      b.v[at] = b.v[b.first[g]];
      b.x[at] = b.x[b.first[g]];
    }
}

/// sink.put(place, group, result, at) for points of the interior, sink.edge(place, v, x) for
/// others.
template <class Function, class Sink>
LATHE_BESSEL_INLINE void over_blocks(Operand v, Operand x, std::size_t n, Sink sink) noexcept {
  constexpr int edge = length(typename Function::Expansions{});
  Block b;
  for (std::size_t start = 0; start < n; start += block_size) {
    const int m = n - start < block_size ? static_cast<int>(n - start) : block_size;
    sort_block<Function>({v.values + (v.one ? 0 : start), v.one},
                         {x.values + (x.one ? 0 : start), x.one}, m, b);
    run_groups(typename Function::Expansions{}, 0, v.one, b);
    for (int g = 0; g < edge; ++g)
      for (int at = b.first[g]; at < b.first[g] + b.size[g]; ++at)
        sink.put(start + b.place[at], g, b.result, at);
    for (int at = b.first[edge]; at < b.first[edge] + b.size[edge]; ++at)
      sink.edge(start + b.place[at], b.v[at], b.x[at]);
  }
}

} // namespace lathe::bessel::kernel
