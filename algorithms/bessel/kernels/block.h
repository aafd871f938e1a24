// SPDX-License-Identifier: BSD-2-Clause
// A function over arrays: blocks of 2048 points are sorted by expansion, each expansion runs over
// its points in a vector loop, results go back to their places. The bits do not depend on what else
// is in the block.
#pragma once
#include "bessel/isa.h"
#include "bessel/kernels/ratio.h"

namespace lathe::bessel::kernel {

inline constexpr int block_size = 2048;
inline constexpr int lanes = 16;  // groups are padded to a multiple
inline constexpr int groups = 10; // at most nine expansions, and the edge of the domain

/// Columns of results of one group; `sign` is for the compiler alone, see store.
struct Results {
  double *__restrict a, *__restrict b, *__restrict c, *__restrict d;
  int *__restrict sign;
};

/// Points as given and sorted by expansion: group g is [first[g], first[g] + size[g]), padded up to
/// first[g + 1]. 175 kB on the stack.
struct Block {
  static constexpr int capacity = block_size + groups * lanes;
  alignas(64) double given_v[block_size], given_x[block_size];
  alignas(64) double v[capacity], x[capacity], result[4][capacity];
  alignas(64) Index group[block_size];
  alignas(64) int sign[capacity];
  unsigned short given_place[block_size], place[capacity]; // in the caller's arrays
  int first[groups + 1], size[groups];

  LATHE_BESSEL_INLINE Results results(int g) noexcept {
    const int at = first[g];
    return {result[0] + at, result[1] + at, result[2] + at, result[3] + at, sign};
  }
};
static_assert(sizeof(Block) < 180 << 10);

// The int makes g++ take as many points at once as a vector has ints, that is two vectors of
// doubles in turn: one alone waits for its own results, up to 1.4 times as long. Derivatives are
// long enough without.
LATHE_BESSEL_INLINE void store(double y, Results r, int j) noexcept {
  r.a[j] = y;
  r.sign[j] = y < 0.0;
}
LATHE_BESSEL_INLINE void store(Both y, Results r, int j) noexcept {
  store(y.i, r, j);
  r.b[j] = y.k;
}
LATHE_BESSEL_INLINE void store(Ratio y, Results r, int j) noexcept {
  store(y.value, r, j);
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
    store(Expansion::template at<Lanes>(v[j], x[j]), r, j);
}
template <class Expansion>
LATHE_BESSEL_OUTLINE void run_one_v(double v, const double *__restrict x, Results r,
                                    int n) noexcept {
#pragma omp simd
  for (int j = 0; j < (n & -lanes); ++j)
    store(Expansion::template at<Lanes>(v, x[j]), r, j);
}

template <class First, class... Rest>
LATHE_BESSEL_INLINE void run_groups(List<First, Rest...>, int group, bool one_v,
                                    Block &b) noexcept {
  if (b.size[group] > 0) {
    const int first = b.first[group], n = b.first[group + 1] - first;
    if (First::invariant_in_v && one_v)
      run_one_v<First>(b.v[first], b.x + first, b.results(group), n);
    else
      run<First>(b.v + first, b.x + first, b.results(group), n);
  }
  if constexpr (sizeof...(Rest) > 0)
    run_groups(List<Rest...>{}, group + 1, one_v, b);
}

template <class... Expansions> constexpr int length(List<Expansions...>) noexcept {
  return sizeof...(Expansions);
}

template <class Function> inline constexpr int edge = length(typename Function::Expansions{});

LATHE_BESSEL_INLINE void copy(Operand from, std::size_t start, int m, double *to) noexcept {
  if (from.one)
    for (int j = 0; j < m; ++j)
      to[j] = *from.values;
  else
    for (int j = 0; j < m; ++j)
      to[j] = from.values[start + static_cast<std::size_t>(j)];
}

/// Points start … start + m of v and x.
LATHE_BESSEL_INLINE void load(Operand v, Operand x, std::size_t start, int m, Block &b) noexcept {
  copy(v, start, m, b.given_v);
  copy(x, start, m, b.given_x);
  for (int j = 0; j < m; ++j)
    b.given_place[j] = static_cast<unsigned short>(j);
}

/// The sorted points of groups first … last as the given ones of another function; their number.
LATHE_BESSEL_INLINE int take_back(int first, int last, Block &b) noexcept {
  int m = 0;
  for (int g = first; g <= last; ++g)
    for (int at = b.first[g]; at < b.first[g] + b.size[g]; ++at, ++m) {
      b.given_v[m] = b.v[at];
      b.given_x[m] = b.x[at];
      b.given_place[m] = b.place[at];
    }
  return m;
}

/// Sort the m > 0 given points by expansion; the last group holds the edge of the domain.
template <class Function> LATHE_BESSEL_INLINE void sort(int m, Block &b) noexcept {
  constexpr int streams = 4; // of points, since one counter would wait for its own last increment
  int next[streams][groups] = {};
#pragma omp simd
  for (int j = 0; j < m; ++j) {
    const double vj = b.given_v[j], xj = Function::map(b.given_x[j]);
    const bool regular = Function::regular(vj, xj);
    b.given_v[j] = regular ? Function::order(vj) : vj;
    b.given_x[j] = xj;
    b.group[j] = regular ? Function::region(vj, xj) : edge<Function>;
  }
  for (int j = 0; j < m; ++j)
    ++next[j % streams][b.group[j]];
  b.first[0] = 0;
  for (int g = 0; g <= edge<Function>; ++g) {
    int end = b.first[g];
    for (int s = 0; s < streams; ++s) {
      const int count = next[s][g];
      next[s][g] = end;
      end += count;
    }
    b.size[g] = end - b.first[g];
    b.first[g + 1] = b.first[g] + (b.size[g] + lanes - 1) / lanes * lanes;
  }
  const auto put = [&](int j, int at) LATHE_BESSEL_LAMBDA {
    b.v[at] = b.given_v[j];
    b.x[at] = b.given_x[j];
    b.place[at] = b.given_place[j];
  };
  if (b.size[b.group[0]] == m) // all in one group
    for (int j = 0; j < m; ++j)
      put(j, j);
  else
    for (int j = 0; j < m; ++j)
      put(j, next[j % streams][b.group[j]]++);
  for (int g = 0; g < edge<Function>; ++g)
    for (int at = b.first[g] + b.size[g]; at < b.first[g + 1]; ++at) {
      b.v[at] = b.v[b.first[g]];
      b.x[at] = b.x[b.first[g]];
    }
}

template <class Function> LATHE_BESSEL_INLINE void evaluate(int m, bool one_v, Block &b) noexcept {
  sort<Function>(m, b);
  run_groups(typename Function::Expansions{}, 0, one_v, b);
}

/// to[place[j]] = from[j] for j < n; nothing where `to` is null.
LATHE_BESSEL_INLINE void scatter(const double *__restrict from, const unsigned short *place, int n,
                                 double *__restrict to) noexcept {
  if (to)
    for (int j = 0; j < n; ++j)
      to[place[j]] = from[j];
}

/// sink.put(place, group, results, n) for n points of one group, sink.edge(place, v, x) for a point
/// that no expansion serves.
template <class Function, class Sink>
LATHE_BESSEL_INLINE void unload(Block &b, Sink sink) noexcept {
  for (int g = 0; g < edge<Function>; ++g)
    sink.put(b.place + b.first[g], g, b.results(g), b.size[g]);
  const int first = b.first[edge<Function>], end = first + b.size[edge<Function>];
  for (int at = first; at < end; ++at)
    sink.edge(b.place[at], b.v[at], b.x[at]);
}

/// body(start, m, block) for the blocks of n points.
template <class Body>
LATHE_BESSEL_INLINE void over_blocks(Operand v, Operand x, std::size_t n, Body body) noexcept {
  Block b;
  for (std::size_t start = 0; start < n; start += block_size) {
    const int m = n - start < block_size ? static_cast<int>(n - start) : block_size;
    load(v, x, start, m, b);
    body(start, m, b);
  }
}

} // namespace lathe::bessel::kernel
