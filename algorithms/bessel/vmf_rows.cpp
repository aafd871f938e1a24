// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf_rows.h"
#include <algorithm>
#include <cmath>
#include <limits>

// One source, three instruction sets; the bits agree because nothing is contracted or reassociated.
#if defined(__x86_64__) && defined(__linux__)
#define LATHE_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LATHE_VECTOR_CLONES
#endif
#define LATHE_INLINE [[gnu::always_inline]] inline

namespace lathe::bessel {
namespace {

// Eight sums side by side: the order of the additions is part of the definition. Two vectors of 32
// bytes, which AVX2 keeps in registers; g++ keeps one of 64 bytes in memory unless it has AVX-512.
constexpr std::size_t lanes = 8;
using Quad = double __attribute__((vector_size(32)));
using QuadAnywhere = double __attribute__((vector_size(32), aligned(8), may_alias));
using FloatsAnywhere = float __attribute__((vector_size(16), aligned(4), may_alias));

struct Doubles {
  Quad first, second;
};
LATHE_INLINE Doubles operator+(const Doubles &a, const Doubles &b) {
  return {a.first + b.first, a.second + b.second};
}
LATHE_INLINE Doubles operator-(const Doubles &a, const Doubles &b) {
  return {a.first - b.first, a.second - b.second};
}
LATHE_INLINE Doubles operator*(const Doubles &a, const Doubles &b) {
  return {a.first * b.first, a.second * b.second};
}
LATHE_INLINE Doubles all(double a) {
  const Quad q = {a, a, a, a};
  return {q, q};
}

LATHE_INLINE Doubles load(const double *x) {
  const auto *q = reinterpret_cast<const QuadAnywhere *>(x);
  return {q[0], q[1]};
}
LATHE_INLINE Doubles load(const float *x) {
  const auto *q = reinterpret_cast<const FloatsAnywhere *>(x);
  return {__builtin_convertvector(q[0], Quad), __builtin_convertvector(q[1], Quad)};
}
LATHE_INLINE void store(const Doubles &v, double *x) {
  auto *q = reinterpret_cast<QuadAnywhere *>(x);
  q[0] = v.first;
  q[1] = v.second;
}
LATHE_INLINE double total(const Doubles &v) {
  return ((v.first[0] + v.first[1]) + (v.first[2] + v.first[3])) +
         ((v.second[0] + v.second[1]) + (v.second[2] + v.second[3]));
}
// One number for each row of a group; a plain vector as result would change with the processor.
struct Four {
  Quad each;
};
// (q[0] + q[1]) + (q[2] + q[3]) of four vectors at once.
LATHE_INLINE Four totals(const Quad &a, const Quad &b, const Quad &c, const Quad &d) {
  const Quad ab =
      __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
  const Quad cd =
      __builtin_shufflevector(c, d, 0, 4, 2, 6) + __builtin_shufflevector(c, d, 1, 5, 3, 7);
  return {__builtin_shufflevector(ab, cd, 0, 1, 4, 5) +
          __builtin_shufflevector(ab, cd, 2, 3, 6, 7)};
}
LATHE_INLINE Four totals(const Doubles *v) {
  return {totals(v[0].first, v[1].first, v[2].first, v[3].first).each +
          totals(v[0].second, v[1].second, v[2].second, v[3].second).each};
}

template <class T> LATHE_INLINE double squares(const T *x, std::size_t d) {
  Doubles sum = {};
  std::size_t i = 0;
  for (; i + lanes <= d; i += lanes) {
    const Doubles v = load(x + i);
    sum = sum + v * v;
  }
  double rest = 0;
  for (; i < d; ++i)
    rest += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total(sum) + rest;
}

template <class T> LATHE_INLINE void norms(const RowGroup<T> &x, std::size_t d, double *out) {
  Doubles sum[row_group] = {};
  std::size_t i = 0;
  for (; i + lanes <= d; i += lanes)
#pragma GCC unroll 4
    for (std::size_t r = 0; r < row_group; ++r) {
      const Doubles v = load(x[r] + i);
      sum[r] = sum[r] + v * v;
    }
  Quad rest = {};
  for (; i < d; ++i)
    for (std::size_t r = 0; r < row_group; ++r)
      rest[r] += static_cast<double>(x[r][i]) * static_cast<double>(x[r][i]);
  const Quad square = totals(sum).each + rest;
#pragma GCC unroll 4
  for (std::size_t r = 0; r < row_group; ++r)
    out[r] = std::sqrt(square[r]);
}

template <class T>
LATHE_INLINE void dots(const RowGroup<T> &x, const double *mu, std::size_t d, double *out) {
  Doubles sum[row_group] = {};
  std::size_t i = 0;
  for (; i + lanes <= d; i += lanes) {
    const Doubles m = load(mu + i);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < row_group; ++r)
      sum[r] = sum[r] + load(x[r] + i) * m;
  }
  const Quad sums = totals(sum).each;
  for (std::size_t r = 0; r < row_group; ++r) {
    double rest = 0;
    for (std::size_t j = i; j < d; ++j)
      rest += static_cast<double>(x[r][j]) * mu[j];
    out[r] = sums[r] + rest;
  }
}

template <class T>
LATHE_INLINE void add(const RowGroup<T> &x, const double *scale, std::size_t d,
                      PreRounding rounding, double *high, double *low) {
  const Doubles cut_high = all(rounding.cut_high), cut_low = all(rounding.cut_low);
  std::size_t i = 0;
  for (; i + lanes <= d; i += lanes) {
    Doubles high_sum = load(high + i), low_sum = load(low + i);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < row_group; ++r) {
      const Doubles t = load(x[r] + i) * all(scale[r]);
      const Doubles h = (t + cut_high) - cut_high;
      high_sum = high_sum + h;
      low_sum = low_sum + (((t - h) + cut_low) - cut_low);
    }
    store(high_sum, high + i);
    store(low_sum, low + i);
  }
  for (; i < d; ++i)
    for (std::size_t r = 0; r < row_group; ++r) {
      const double t = static_cast<double>(x[r][i]) * scale[r];
      const double h = rounding.high_part(t);
      high[i] += h;
      low[i] += rounding.low_part(t, h);
    }
}

LATHE_VECTOR_CLONES double sum_of_squares(const float *x, std::size_t d) {
  return squares(x, d);
}
LATHE_VECTOR_CLONES double sum_of_squares(const double *x, std::size_t d) {
  return squares(x, d);
}
LATHE_VECTOR_CLONES void group_norms(const RowGroup<float> &x, std::size_t d, double *out) {
  norms(x, d, out);
}
LATHE_VECTOR_CLONES void group_norms(const RowGroup<double> &x, std::size_t d, double *out) {
  norms(x, d, out);
}
LATHE_VECTOR_CLONES void group_dots(const RowGroup<float> &x, const double *mu, std::size_t d,
                                    double *out) {
  dots(x, mu, d, out);
}
LATHE_VECTOR_CLONES void group_dots(const RowGroup<double> &x, const double *mu, std::size_t d,
                                    double *out) {
  dots(x, mu, d, out);
}
LATHE_VECTOR_CLONES void add_group(const RowGroup<float> &x, const double *scale, std::size_t d,
                                   const PreRounding &rounding, double *high, double *low) {
  add(x, scale, d, rounding, high, low);
}
LATHE_VECTOR_CLONES void add_group(const RowGroup<double> &x, const double *scale, std::size_t d,
                                   const PreRounding &rounding, double *high, double *low) {
  add(x, scale, d, rounding, high, low);
}

// Of a row whose squares overflow or vanish: scaled by its largest entry.
double scaled_norm(const double *x, std::size_t d) noexcept {
  double largest = 0;
  for (std::size_t i = 0; i < d; ++i) {
    if (!std::isfinite(x[i]))
      return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, std::abs(x[i]));
  }
  if (largest == 0)
    return 0;
  const int exponent = std::ilogb(largest);
  double sum = 0;
  for (std::size_t i = 0; i < d; ++i) {
    const double y = std::scalbn(x[i], -exponent);
    sum += y * y;
  }
  return std::scalbn(std::sqrt(sum), exponent);
}

} // namespace

double row_norm(const float *x, std::size_t d) noexcept {
  const double squared = sum_of_squares(x, d); // at most 2⁶³·2²⁵⁶: no overflow
  return std::isfinite(squared) ? std::sqrt(squared) : std::numeric_limits<double>::quiet_NaN();
}

double row_norm(const double *x, std::size_t d) noexcept {
  const double squared = sum_of_squares(x, d);
  return squared > 0x1p-900 && squared < 0x1p1000 ? std::sqrt(squared) : scaled_norm(x, d);
}

void row_norms(const RowGroup<float> &x, std::size_t d, double *out) noexcept {
  group_norms(x, d, out);
}
void row_norms(const RowGroup<double> &x, std::size_t d, double *out) noexcept {
  group_norms(x, d, out);
}
void row_dots(const RowGroup<float> &x, const double *mu, std::size_t d, double *out) noexcept {
  group_dots(x, mu, d, out);
}
void row_dots(const RowGroup<double> &x, const double *mu, std::size_t d, double *out) noexcept {
  group_dots(x, mu, d, out);
}
void add_rows(const RowGroup<float> &x, const double *scale, std::size_t d,
              const PreRounding &rounding, double *high, double *low) noexcept {
  add_group(x, scale, d, rounding, high, low);
}
void add_rows(const RowGroup<double> &x, const double *scale, std::size_t d,
              const PreRounding &rounding, double *high, double *low) noexcept {
  add_group(x, scale, d, rounding, high, low);
}

} // namespace lathe::bessel
