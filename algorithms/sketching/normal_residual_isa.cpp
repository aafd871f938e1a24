// SPDX-License-Identifier: BSD-2-Clause
// Compiled once for each instruction set, with LATHE_NORMAL_ISA = normal_generic, normal_avx2, …
// Everything here has internal linkage: code for one processor must not serve another.
#include "sketching/normal_residual_isa.h"
#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
#include <immintrin.h>
#endif

#define LATHE_INLINE [[gnu::always_inline]] inline

namespace lathe::sketching {
namespace {

// A vector of doubles, with the operations whose errors are known.
#if defined(__AVX512F__)
constexpr std::size_t lanes = 8;
using V = __m512d;
LATHE_INLINE V load(const double *p) {
  return _mm512_loadu_pd(p);
}
LATHE_INLINE void store(double *p, V a) {
  _mm512_storeu_pd(p, a);
}
LATHE_INLINE V every(double x) {
  return _mm512_set1_pd(x);
}
LATHE_INLINE V fma(V a, V b, V c) {
  return _mm512_fmadd_pd(a, b, c);
}
LATHE_INLINE V fms(V a, V b, V c) {
  return _mm512_fmsub_pd(a, b, c);
}
LATHE_INLINE V abs(V a) {
  return _mm512_abs_pd(a);
}
#elif defined(__AVX2__) && defined(__FMA__)
constexpr std::size_t lanes = 4;
using V = __m256d;
LATHE_INLINE V load(const double *p) {
  return _mm256_loadu_pd(p);
}
LATHE_INLINE void store(double *p, V a) {
  _mm256_storeu_pd(p, a);
}
LATHE_INLINE V every(double x) {
  return _mm256_set1_pd(x);
}
LATHE_INLINE V fma(V a, V b, V c) {
  return _mm256_fmadd_pd(a, b, c);
}
LATHE_INLINE V fms(V a, V b, V c) {
  return _mm256_fmsub_pd(a, b, c);
}
LATHE_INLINE V abs(V a) {
  return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a);
}
#else
constexpr std::size_t lanes = 1;
using V = double;
LATHE_INLINE V load(const double *p) {
  return *p;
}
LATHE_INLINE void store(double *p, V a) {
  *p = a;
}
LATHE_INLINE V every(double x) {
  return x;
}
LATHE_INLINE V fma(V a, V b, V c) {
  return __builtin_fma(a, b, c);
}
LATHE_INLINE V fms(V a, V b, V c) {
  return __builtin_fma(a, b, -c);
}
LATHE_INLINE V abs(V a) {
  return __builtin_fabs(a);
}
#endif
#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
LATHE_INLINE double fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
LATHE_INLINE double fms(double a, double b, double c) {
  return __builtin_fma(a, b, -c);
}
#endif

/// s ← s + x rounded, x ← the rounding error (Knuth).
template <class T> LATHE_INLINE void two_sum(T &s, T &x) {
  const T a = s;
  s = a + x;
  const T t = s - a;
  x = (a - (s - t)) + (x - t);
}

/// s ← s + a·x for sums and factors x of K terms. One rounding of the last term an operation:
/// relative to |a||x|, 2⁻⁵³, 2⁻¹⁰⁶ or 2⁻¹⁵⁹ times a small constant.
template <int K, class T> LATHE_INLINE void add_product(T *s, T a, const T *x) {
  if constexpr (K == 1) {
    s[0] = fma(a, x[0], s[0]);
  } else if constexpr (K == 2) {
    T p = a * x[0];
    const T e = fma(a, x[1], fms(a, x[0], p));
    two_sum(s[0], p);
    s[1] += p + e;
  } else {
    T p = a * x[0], q = a * x[1];
    T e = fms(a, x[0], p);
    const T f = fma(a, x[2], fms(a, x[1], q));
    two_sum(s[0], p);
    two_sum(s[1], p);
    two_sum(s[1], e);
    two_sum(s[1], q);
    s[2] += ((p + e) + q) + f;
  }
}

/// s[i] ← s[i] + Σ a(i, c)·x[c], c < count, i < sums; thrice[c] = 3·|x[c]|.
///
/// Two terms: the products are added to an anchor of 3·Σ|a(i, c)||x[c]|. But for rounding, every
/// sum then is between 2 and 4 thirds of it and the next one no further off than a third, so that
/// their difference is exact (Sterbenz), and what a sum rounds off is known but for one rounding.
/// Relative to Σ|a(i, c)||x[c]|, 76·2⁻¹⁰⁶ for four products that do not underflow; 9 operations a
/// product where add_product takes 11.
template <int K, std::size_t sums, std::size_t count, class Entry>
LATHE_INLINE void add_products(V (*s)[K], const Entry &a, const V (*x)[K], const V *thrice) {
  if constexpr (K == 2 && count > 1) {
    V anchor[sums], sum[sums], low[sums];
    for (std::size_t i = 0; i < sums; ++i)
      anchor[i] = abs(a(i, 0)) * thrice[0];
    for (std::size_t c = 1; c < count; ++c)
      for (std::size_t i = 0; i < sums; ++i)
        anchor[i] = fma(abs(a(i, c)), thrice[c], anchor[i]);
    for (std::size_t i = 0; i < sums; ++i) {
      sum[i] = fma(a(i, 0), x[0][0], anchor[i]);
      low[i] = fma(a(i, 0), x[0][1], fms(a(i, 0), x[0][0], sum[i] - anchor[i]));
    }
    for (std::size_t c = 1; c < count; ++c)
      for (std::size_t i = 0; i < sums; ++i) {
        const V before = sum[i];
        sum[i] = fma(a(i, c), x[c][0], before);
        low[i] += fma(a(i, c), x[c][1], fms(a(i, c), x[c][0], sum[i] - before));
      }
    for (std::size_t i = 0; i < sums; ++i) {
      sum[i] -= anchor[i]; // exact, too
      two_sum(s[i][0], sum[i]);
      s[i][1] += sum[i] + low[i];
    }
  } else {
    for (std::size_t i = 0; i < sums; ++i)
      for (std::size_t c = 0; c < count; ++c)
        add_product<K>(s[i], a(i, c), x[c]);
  }
}

/// Terms that do not overlap.
template <int K, class T> LATHE_INLINE void normalize(T *r) {
  for (int pass = 1; pass < K; ++pass)
    for (int k = K - 2; k >= 0; --k)
      two_sum(r[k], r[k + 1]);
}

/// r ← w·r.
template <int K, class T> LATHE_INLINE void times(T *r, T w) {
  T product[K];
  for (int k = 0; k < K; ++k)
    product[k] = every(0);
  add_product<K>(product, w, r);
  for (int k = 0; k < K; ++k)
    r[k] = product[k];
  normalize<K>(r);
}

// A tile of rows goes through the columns twice, for the residual, which brings it into the level-2
// cache, and for the gradient: four columns at a time, as r is then read and written once for four,
// and asking for the next four, as what the processor fetches by itself ends with each column; and
// four vectors of rows at a time, whose sums do not wait for each other.
constexpr std::size_t at_once = 4;
constexpr std::size_t rows_at_once = at_once * lanes;
constexpr std::size_t line = 8; // of a cache, in numbers
template <int K> struct Tile {
  const double *a;
  std::size_t ld, rows; // rows: a multiple of rows_at_once
  const double *next;   // the tile that comes, null: none
  alignas(64) double r[K][most_tile_rows];
};

// Brings rows i and on of a block of columns nearer. The last number of a line: in a matrix that
// starts within a line, the line of the first may be here already.
template <std::size_t count>
LATHE_INLINE void prefetch(const double *a, std::size_t ld, std::size_t i) {
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t l = 0; l < rows_at_once; l += line)
      __builtin_prefetch(a + c * ld + i + l + (rows_at_once < line ? 0 : line - 1), 0, 3);
}

// r ← r − A·x for `count` columns from j on.
template <int K, std::size_t count>
LATHE_INLINE void subtract(const NormalRows &m, Tile<K> &t, std::size_t j) {
  const double *a = t.a + j * t.ld;
  const bool more = j + 2 * count <= m.cols;
  const double *ahead = more ? a + count * t.ld : t.next;
  const std::size_t ahead_ld = more ? t.ld : m.ld;
  V x[count][K], thrice[count];
  for (std::size_t c = 0; c < count; ++c) {
    for (int k = 0; k < K; ++k)
      x[c][k] = every(-m.x[static_cast<std::size_t>(k) * m.cols + j + c]);
    thrice[c] = every(3) * abs(x[c][0]);
  }
  const std::size_t rows = t.rows;
  for (std::size_t i = 0; i < rows; i += rows_at_once) {
    if (ahead)
      prefetch<count>(ahead, ahead_ld, i);
    V r[at_once][K];
    for (std::size_t v = 0; v < at_once; ++v)
      for (int k = 0; k < K; ++k)
        r[v][k] = load(&t.r[k][i + v * lanes]);
    const auto entry = [&](std::size_t v, std::size_t c) {
      return load(a + c * t.ld + i + v * lanes);
    };
    add_products<K, at_once, count>(r, entry, x, thrice);
    for (std::size_t v = 0; v < at_once; ++v)
      for (int k = 0; k < K; ++k)
        store(&t.r[k][i + v * lanes], r[v][k]);
  }
}

// r ← W·r; `head`: r before, rounded.
template <int K> LATHE_INLINE double weigh(Tile<K> &t, const double *weight, double *head) {
  V square = every(0);
  for (std::size_t i = 0; i < t.rows; i += lanes) {
    V r[K];
    for (int k = 0; k < K; ++k)
      r[k] = load(&t.r[k][i]);
    normalize<K>(r);
    const V first = r[0];
    store(head + i, first);
    if (weight)
      times<K>(r, load(weight + i));
    square = fma(first, r[0], square);
    for (int k = 0; k < K; ++k)
      store(&t.r[k][i], r[k]);
  }
  double part[lanes], norm2 = 0;
  store(part, square);
  for (const double p : part)
    norm2 += p;
  return norm2;
}

// sum += Aᵀ·r for `count` columns from j on.
template <int K, std::size_t count>
LATHE_INLINE void add_gradient(const NormalRows &m, const Tile<K> &t, std::size_t j) {
  const double *a = t.a + j * t.ld;
  double *sum = m.sum + j * K * lanes;
  const bool more = j + 2 * count <= m.cols;
  V s[count][K];
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t k = 0; k < K; ++k)
      s[c][k] = load(sum + (c * K + k) * lanes);
  const std::size_t rows = t.rows;
  for (std::size_t i = 0; i < rows; i += rows_at_once) {
    if (K == 1 && more) // from the level-2 cache; more terms wait for sums instead
      prefetch<count>(a + count * t.ld, t.ld, i);
    V r[at_once][K], thrice[at_once];
    for (std::size_t v = 0; v < at_once; ++v) {
      for (int k = 0; k < K; ++k)
        r[v][k] = load(&t.r[k][i + v * lanes]);
      thrice[v] = every(3) * abs(r[v][0]);
    }
    const auto entry = [&](std::size_t c, std::size_t v) {
      return load(a + c * t.ld + i + v * lanes);
    };
    add_products<K, count, at_once>(s, entry, r, thrice);
  }
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t k = 0; k < K; ++k)
      store(sum + (c * K + k) * lanes, s[c][k]);
}

// f<count>(j) for columns j to j + count - 1.
template <class F> LATHE_INLINE void by_blocks(std::size_t cols, const F &f) {
  std::size_t j = 0;
  for (; j + at_once <= cols; j += at_once)
    f.template operator()<at_once>(j);
  switch (cols - j) {
  case 3:
    return f.template operator()<3>(j);
  case 2:
    return f.template operator()<2>(j);
  case 1:
    return f.template operator()<1>(j);
  default:
    return;
  }
}

template <int K> void dense(NormalRows &m) noexcept {
  Tile<K> t;
  double weight[most_tile_rows], head[most_tile_rows];
  const std::size_t step = tile_rows(m.cols);
  for (std::size_t i = 0; i < m.rows; i += step) {
    const std::size_t height = m.rows - i < step ? m.rows - i : step;
    t.a = m.dense + i;
    t.ld = m.ld;
    t.rows = (height + rows_at_once - 1) / rows_at_once * rows_at_once;
    t.next = m.rows - i >= 2 * step && m.cols >= at_once ? t.a + step : nullptr;
    if (height < t.rows || m.scale) {
      for (std::size_t j = 0; j < m.cols; ++j)
        for (std::size_t l = 0; l < t.rows; ++l)
          m.tile[j * t.rows + l] =
              l < height ? t.a[l + j * m.ld] * (m.scale ? m.scale[j] : 1.0) : 0.0;
      t.a = m.tile;
      t.ld = t.rows;
    }
    for (std::size_t l = 0; l < t.rows; ++l) {
      t.r[0][l] = m.b && l < height ? m.b[i + l] : 0.0;
      for (int k = 1; k < K; ++k)
        t.r[k][l] = 0;
      weight[l] = m.weight && l < height ? m.weight[i + l] : 0.0;
    }
    by_blocks(m.cols, [&]<std::size_t count>(std::size_t j) { subtract<K, count>(m, t, j); });
    m.norm2 += weigh(t, m.weight ? weight : nullptr, head);
    for (std::size_t l = 0; m.residual && l < height; ++l)
      m.residual[i + l] = head[l];
    by_blocks(m.cols, [&]<std::size_t count>(std::size_t j) { add_gradient<K, count>(m, t, j); });
  }
}

template <int K, class Index> void sparse(NormalRows &m) noexcept {
  const auto *column = static_cast<const Index *>(m.column);
  for (std::size_t i = 0; i < m.rows; ++i) {
    double r[K] = {m.b ? m.b[i] : 0.0};
    const auto entry = [&](std::size_t p) {
      return m.scale ? m.value[p] * m.scale[column[p]] : m.value[p];
    };
    for (std::size_t p = m.offset[i]; p < m.offset[i + 1]; ++p) {
      double x[K];
      for (int k = 0; k < K; ++k)
        x[k] = -m.x[static_cast<std::size_t>(k) * m.cols + static_cast<std::size_t>(column[p])];
      add_product<K>(r, entry(p), x);
    }
    normalize<K>(r);
    const double head = r[0];
    if (m.residual)
      m.residual[i] = head;
    if (m.weight) {
      double product[K] = {};
      add_product<K>(product, m.weight[i], r);
      normalize<K>(product);
      for (int k = 0; k < K; ++k)
        r[k] = product[k];
    }
    m.norm2 += head * r[0];
    for (std::size_t p = m.offset[i]; p < m.offset[i + 1]; ++p)
      add_product<K>(m.sum + K * static_cast<std::size_t>(column[p]), entry(p), r);
  }
}

// Forward substitution for a strip of rows at a time, whose terms stay in the level-1 cache for up
// to 100 columns; the sums of a column stay in registers.
void substitute(const TriangularRows &m) noexcept {
  constexpr std::size_t strip = substitution_rows, vectors = strip / lanes;
  for (std::size_t first = 0; first < m.rows; first += strip) {
    const std::size_t height = m.rows - first < strip ? m.rows - first : strip;
    for (std::size_t j = 0; j < m.cols; ++j) {
      double *column = m.w + first + j * m.ld, *own = m.work + 2 * strip * j;
      for (std::size_t l = 0; l < strip; ++l)
        own[l] = l < height ? column[l] : 0.0;
      V s[vectors][2];
      for (std::size_t v = 0; v < vectors; ++v) {
        s[v][0] = load(own + v * lanes);
        s[v][1] = every(0);
      }
      for (std::size_t k = 0; k < j; ++k) {
        const V r = every(-m.r[k + j * m.cols]);
        const double *other = m.work + 2 * strip * k;
        for (std::size_t v = 0; v < vectors; ++v) {
          const V w[2] = {load(other + v * lanes), load(other + strip + v * lanes)};
          add_product<2>(s[v], r, w);
        }
      }
      const V diagonal = every(m.r[j + j * m.cols]);
      for (std::size_t v = 0; v < vectors; ++v) {
        normalize<2>(s[v]);
        V head = s[v][0] / diagonal;
        V tail = (s[v][1] - fms(head, diagonal, s[v][0])) / diagonal;
        two_sum(head, tail);
        store(own + v * lanes, head);
        store(own + strip + v * lanes, tail);
      }
      for (std::size_t l = 0; l < height; ++l)
        column[l] = own[l];
    }
  }
}

} // namespace

const NormalIsa LATHE_NORMAL_ISA = {
    .name = LATHE_NORMAL_NAME,
    .lanes = lanes,
    .dense = {dense<1>, dense<2>, dense<3>},
    .sparse32 = {sparse<1, std::int32_t>, sparse<2, std::int32_t>, sparse<3, std::int32_t>},
    .sparse64 = {sparse<1, std::int64_t>, sparse<2, std::int64_t>, sparse<3, std::int64_t>},
    .substitute = substitute,
};

} // namespace lathe::sketching
