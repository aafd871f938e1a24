// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/lane_kernels.h"
#include <cmath>

// Bodies are templates that are inlined into one function for each instruction set.
#define LATHE_INLINE __attribute__((always_inline)) inline
#define LATHE_UNROLL _Pragma("GCC unroll 8")

namespace lathe::lipschitz {
namespace {

using Vector = float __attribute__((vector_size(32), may_alias));
using Mask = int __attribute__((vector_size(32), may_alias));

// c += a·b or c −= a·b, with one rounding where the processor has the instruction. The copy keeps
// an array of sums in registers. g++ takes a fused loop over lanes apart when b is a broadcast, so
// the instruction is named; clang does not, and refuses the operands in a function without AVX.
template <bool fused> LATHE_INLINE void add_product(Vector &c, const Vector &a, const Vector &b) {
  if constexpr (fused) {
    Vector sum = c;
#if defined(__x86_64__) && !defined(__clang__)
    asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "xm"(b));
#else
    for (std::size_t l = 0; l < lanes; ++l)
      sum[l] = __builtin_fmaf(a[l], b[l], sum[l]);
#endif
    c = sum;
  } else {
    c += a * b;
  }
}
template <bool fused>
LATHE_INLINE void subtract_product(Vector &c, const Vector &a, const Vector &b) {
  if constexpr (fused) {
    Vector sum = c;
#if defined(__x86_64__) && !defined(__clang__)
    asm("vfnmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "xm"(b));
#else
    for (std::size_t l = 0; l < lanes; ++l)
      sum[l] = __builtin_fmaf(-a[l], b[l], sum[l]);
#endif
    c = sum;
  } else {
    c -= a * b;
  }
}

LATHE_INLINE void broadcast(float x, Vector &v) {
  v = Vector{x, x, x, x, x, x, x, x};
}

template <bool fused>
LATHE_INLINE void phases_body(std::size_t offsets, const std::array<std::size_t, 3> *component,
                              const Vector *const factor[3], Vector *phase) {
  for (std::size_t d = 0; d < offsets; ++d) {
    Vector re = factor[0][2 * component[d][0]], im = factor[0][2 * component[d][0] + 1];
    for (int i = 1; i < 3; ++i) {
      const Vector x = factor[i][2 * component[d][i]], y = factor[i][2 * component[d][i] + 1];
      const Vector product = re * x - im * y;
      im = re * y + im * x;
      re = product;
    }
    phase[2 * d] = re;
    phase[2 * d + 1] = im;
  }
}

// `rows` entries at once: as many independent sums as hide the latency of an addition.
template <bool fused, std::size_t rows>
LATHE_INLINE void combine_rows(std::size_t offsets, const float *table, const Vector *phase,
                               Vector *out) {
  const std::size_t length = 2 * offsets - 1;
  Vector re[rows] = {}, im[rows] = {};
  for (std::size_t d = 0; d < offsets; ++d)
    LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) {
      Vector coefficient;
      broadcast(table[r * length + d], coefficient);
      add_product<fused>(re[r], phase[2 * d], coefficient);
    }
  for (std::size_t d = 1; d < offsets; ++d)
    LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) {
      Vector coefficient;
      broadcast(table[r * length + offsets + d - 1], coefficient);
      add_product<fused>(im[r], phase[2 * d + 1], coefficient);
    }
  LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) {
    out[2 * r] = re[r];
    out[2 * r + 1] = im[r];
  }
}

template <bool fused>
LATHE_INLINE void combine_body(std::size_t entries, std::size_t offsets, const float *table,
                               const Vector *phase, Vector *out) {
  constexpr std::size_t rows = 8;
  const std::size_t length = 2 * offsets - 1;
  std::size_t e = 0;
  for (; e + rows <= entries; e += rows)
    combine_rows<fused, rows>(offsets, table + e * length, phase, out + 2 * e);
  for (; e < entries; ++e)
    combine_rows<fused, 1>(offsets, table + e * length, phase, out + 2 * e);
}

template <bool fused>
LATHE_INLINE void moments_body(std::size_t n, const Vector *b, Vector *trace, Vector *square) {
  Vector t{}, total{};
  for (std::size_t i = 0; i < n; ++i) {
    Vector re{}, im{};
    for (std::size_t j = 0; j < i; ++j, b += 2) {
      add_product<fused>(re, b[0], b[0]);
      add_product<fused>(im, b[1], b[1]);
    }
    t += b[0];
    total += b[0] * b[0] + 2 * (re + im);
    b += 2;
  }
  *trace = t;
  *square = total;
}

LATHE_INLINE std::size_t row(std::size_t i) {
  return i * (i + 1);
}

// b(i+r, j+s) −= Σ_{k0 ≤ k < k1} b(i+r, k)·conj b(j+s, k), summed before it is subtracted.
template <bool fused, std::size_t rows, std::size_t cols>
LATHE_INLINE void update_tile(Vector *b, std::size_t i, std::size_t j, std::size_t k0,
                              std::size_t k1) {
  Vector re[rows][cols] = {}, im[rows][cols] = {};
  const Vector *x[rows], *y[cols];
  LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) x[r] = b + row(i + r);
  LATHE_UNROLL for (std::size_t s = 0; s < cols; ++s) y[s] = b + row(j + s);
  for (std::size_t k = k0; k < k1; ++k) {
    Vector yr[cols], yi[cols];
    LATHE_UNROLL for (std::size_t s = 0; s < cols; ++s) {
      yr[s] = y[s][2 * k];
      yi[s] = y[s][2 * k + 1];
    }
    LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) {
      const Vector xr = x[r][2 * k], xi = x[r][2 * k + 1];
      LATHE_UNROLL for (std::size_t s = 0; s < cols; ++s) {
        add_product<fused>(re[r][s], xr, yr[s]);
        add_product<fused>(re[r][s], xi, yi[s]);
        add_product<fused>(im[r][s], xi, yr[s]);
        subtract_product<fused>(im[r][s], xr, yi[s]);
      }
    }
  }
  LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r)
      LATHE_UNROLL for (std::size_t s = 0; s < cols; ++s) {
    Vector *e = b + row(i + r) + 2 * (j + s);
    e[0] -= re[r][s];
    e[1] -= im[r][s];
  }
}

// Columns first … first + width of every row from `first` on, less what the columns before
// contribute.
template <bool fused>
LATHE_INLINE void update_columns(std::size_t n, Vector *b, std::size_t first, std::size_t width) {
  const std::size_t end = first + width;
  for (std::size_t k0 = 0; k0 < first; k0 += lane_cholesky_block) {
    const std::size_t k1 = std::min(first, k0 + lane_cholesky_block);
    std::size_t i = first;
    for (; i < end; ++i)
      for (std::size_t j = first; j <= i; ++j)
        update_tile<fused, 1, 1>(b, i, j, k0, k1);
    for (; i + 2 <= n; i += 2) {
      std::size_t j = first;
      for (; j + 2 <= end; j += 2)
        update_tile<fused, 2, 2>(b, i, j, k0, k1);
      for (; j < end; ++j)
        update_tile<fused, 2, 1>(b, i, j, k0, k1);
    }
    for (; i < n; ++i)
      for (std::size_t j = first; j < end; ++j)
        update_tile<fused, 1, 1>(b, i, j, k0, k1);
  }
}

constexpr std::size_t panel_width = 8;

// Entry `column` of `rows` rows of a panel, less what the columns of the panel before contribute.
template <bool fused, std::size_t rows> struct PanelEntries {
  Vector re[rows] = {}, im[rows] = {};
  LATHE_INLINE PanelEntries(const Vector *const *x, const Vector *y, std::size_t column) {
    for (std::size_t k = 0; k < column; ++k)
      LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) {
        add_product<fused>(re[r], x[r][2 * k], y[2 * k]);
        add_product<fused>(re[r], x[r][2 * k + 1], y[2 * k + 1]);
        add_product<fused>(im[r], x[r][2 * k + 1], y[2 * k]);
        subtract_product<fused>(im[r], x[r][2 * k], y[2 * k + 1]);
      }
    LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) {
      re[r] = x[r][2 * column] - re[r];
      im[r] = x[r][2 * column + 1] - im[r];
    }
  }
};

// `rows` rows from i on, below the diagonal block of the panel.
template <bool fused, std::size_t rows>
LATHE_INLINE void solve_rows(Vector *b, std::size_t i, std::size_t first, std::size_t width,
                             const Vector *inverse) {
  Vector *x[rows];
  LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) x[r] = b + row(i + r) + 2 * first;
  for (std::size_t j = 0; j < width; ++j) {
    const PanelEntries<fused, rows> e(x, b + row(first + j) + 2 * first, j);
    LATHE_UNROLL for (std::size_t r = 0; r < rows; ++r) {
      x[r][2 * j] = e.re[r] * inverse[j];
      x[r][2 * j + 1] = e.im[r] * inverse[j];
    }
  }
}

// Factor the diagonal block of the panel; reciprocals of its diagonal.
template <bool fused>
LATHE_INLINE void factor_diagonal(Vector *b, std::size_t first, std::size_t width, Vector *inverse,
                                  Mask &positive) {
  for (std::size_t i = 0; i < width; ++i) {
    solve_rows<fused, 1>(b, first + i, first, i, inverse);
    Vector *x = b + row(first + i) + 2 * first;
    const PanelEntries<fused, 1> pivot(&x, x, i);
    positive &= pivot.re[0] > 0; // false for a NaN
    const Vector safe = pivot.re[0] > 0 ? pivot.re[0] : Vector{} + 1;
    Vector root;
    LATHE_UNROLL for (std::size_t l = 0; l < lanes; ++l) root[l] = std::sqrt(safe[l]);
    inverse[i] = 1 / root;
    x[2 * i] = root;
    x[2 * i + 1] = Vector{};
  }
}

template <bool fused> LATHE_INLINE unsigned cholesky_body(std::size_t n, float shift, Vector *b) {
  Mask positive = ~Mask{};
  for (std::size_t i = 0; i < n; ++i)
    b[row(i) + 2 * i] += shift;
  for (std::size_t first = 0; first < n; first += panel_width) {
    const std::size_t width = std::min(panel_width, n - first);
    update_columns<fused>(n, b, first, width);
    Vector inverse[panel_width];
    factor_diagonal<fused>(b, first, width, inverse, positive);
    std::size_t i = first + width;
    for (; i + 4 <= n; i += 4)
      solve_rows<fused, 4>(b, i, first, width, inverse);
    for (; i < n; ++i)
      solve_rows<fused, 1>(b, i, first, width, inverse);
  }
  unsigned bits = 0;
  for (std::size_t l = 0; l < lanes; ++l)
    bits |= positive[l] != 0 ? 1U << l : 0U;
  return bits;
}

#if defined(__x86_64__)
#define LATHE_AVX2 __attribute__((target("avx2,fma")))
bool use_avx2() noexcept {
  static const bool both = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return both;
}
LATHE_AVX2 void phases_avx2(std::size_t offsets, const std::array<std::size_t, 3> *component,
                            const Vector *const factor[3], Vector *phase) {
  phases_body<true>(offsets, component, factor, phase);
}
LATHE_AVX2 void combine_avx2(std::size_t entries, std::size_t offsets, const float *table,
                             const Vector *phase, Vector *out) {
  combine_body<true>(entries, offsets, table, phase, out);
}
LATHE_AVX2 void moments_avx2(std::size_t n, const Vector *b, Vector *trace, Vector *square) {
  moments_body<true>(n, b, trace, square);
}
LATHE_AVX2 unsigned cholesky_avx2(std::size_t n, float shift, Vector *b) {
  return cholesky_body<true>(n, shift, b);
}
#define LATHE_DISPATCH(name, ...)                                                                  \
  (use_avx2() ? name##_avx2(__VA_ARGS__) : name##_body<false>(__VA_ARGS__))
#else
#define LATHE_DISPATCH(name, ...) name##_body<false>(__VA_ARGS__)
#endif

const Vector *vectors(const Lanes *x) noexcept {
  return reinterpret_cast<const Vector *>(x);
}
Vector *vectors(Lanes *x) noexcept {
  return reinterpret_cast<Vector *>(x);
}

} // namespace

void lane_phases(std::size_t offsets, const std::array<std::size_t, 3> *component,
                 const Lanes *const factor[3], Lanes *phase) noexcept {
  const Vector *const axis[3] = {vectors(factor[0]), vectors(factor[1]), vectors(factor[2])};
  LATHE_DISPATCH(phases, offsets, component, axis, vectors(phase));
}

void lane_combine(std::size_t entries, std::size_t offsets, const float *table, const Lanes *phase,
                  Lanes *out) noexcept {
  LATHE_DISPATCH(combine, entries, offsets, table, vectors(phase), vectors(out));
}

void lane_moments(std::size_t n, const Lanes *b, Lanes *trace, Lanes *square) noexcept {
  LATHE_DISPATCH(moments, n, vectors(b), vectors(trace), vectors(square));
}

unsigned lane_cholesky(std::size_t n, float shift, Lanes *b) noexcept {
  return LATHE_DISPATCH(cholesky, n, shift, vectors(b));
}

} // namespace lathe::lipschitz
