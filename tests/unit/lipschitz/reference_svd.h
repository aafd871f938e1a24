// SPDX-License-Identifier: BSD-2-Clause
// Largest singular value to 40 of 50 digits, for small matrices only. Complex matrices go in as the
// real matrix [Re −Im; Im Re].
//
// Rayleigh quotient iteration with AᵀA from a vector in double precision gives a lower bound; a
// Cholesky factorisation of τI − AᵀA in 50 digits, τ larger by 10⁻⁴⁰, proves that there is no
// larger eigenvalue. Where that fails (the vector was poor, or the top is clustered) one-sided
// Jacobi (Hestenes) gives all singular values, a hundred times slower.
#pragma once
#include "core/petsc_compat.h"
#include "lipschitz/dense_norm.h"
#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cstddef>
#include <vector>

namespace lathe::test {

using Digits50 = boost::multiprecision::cpp_bin_float_50;

/// All of them by Jacobi; a is rows×cols, row-major, real.
template <class Entry>
Digits50 largest_by_jacobi(std::size_t rows, std::size_t cols, const std::vector<Entry> &a) {
  std::vector<std::vector<Digits50>> column(cols, std::vector<Digits50>(rows));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      column[j][i] = a[i * cols + j];
  const auto dot = [rows](const std::vector<Digits50> &x, const std::vector<Digits50> &y) {
    Digits50 s = 0;
    for (std::size_t i = 0; i < rows; ++i)
      s += x[i] * y[i];
    return s;
  };
  const Digits50 negligible("1e-40");
  Digits50 total = 0;
  for (const auto &x : column)
    total += dot(x, x);
  const Digits50 vanished = total * Digits50("1e-80"); // rank deficiency leaves noise columns
  for (bool rotated = true; rotated;) {
    rotated = false;
    for (std::size_t p = 0; p < cols; ++p)
      for (std::size_t q = p + 1; q < cols; ++q) {
        const Digits50 pp = dot(column[p], column[p]), qq = dot(column[q], column[q]);
        const Digits50 pq = dot(column[p], column[q]);
        if (std::min(pp, qq) <= vanished ||
            pq * pq <= negligible * pp * qq) // (1e-20)², and the norm is off by its square
          continue;
        rotated = true;
        const Digits50 zeta = (qq - pp) / (2 * pq);
        const Digits50 root = sqrt(1 + zeta * zeta);
        const Digits50 t = zeta >= 0 ? Digits50(1 / (zeta + root)) : Digits50(-1 / (root - zeta));
        const Digits50 c = 1 / sqrt(1 + t * t), s = c * t;
        for (std::size_t i = 0; i < rows; ++i) {
          const Digits50 x = column[p][i];
          column[p][i] = c * x - s * column[q][i];
          column[q][i] = s * x + c * column[q][i];
        }
      }
  }
  Digits50 largest = 0;
  for (const auto &x : column)
    largest = std::max(largest, Digits50(sqrt(dot(x, x))));
  return largest;
}

/// AᵀA or AAᵀ, the smaller, row by row; a is rows×cols, row-major. Skips zeros.
template <class Entry>
std::vector<Digits50> gram_matrix(std::size_t rows, std::size_t cols, const std::vector<Entry> &a) {
  const std::size_t n = std::min(rows, cols), inner = std::max(rows, cols);
  const auto entry = [&](std::size_t k, std::size_t i) -> const Entry & {
    return rows >= cols ? a[k * cols + i] : a[i * cols + k];
  };
  std::vector<Digits50> g(n * n, Digits50(0));
  for (std::size_t k = 0; k < inner; ++k)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; entry(k, i) != 0 && j <= i; ++j)
        if (entry(k, j) != 0)
          g[i * n + j] += Digits50(entry(k, i)) * entry(k, j);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j)
      g[j * n + i] = g[i * n + j];
  return g;
}

/// τI − G = LDLᵀ, row by row in l, D on the diagonal; the smallest sign of a pivot.
inline int factor_shifted(std::size_t n, const std::vector<Digits50> &g, const Digits50 &tau,
                          std::vector<Digits50> &l) {
  int sign = 1;
  l.assign(n * n, Digits50(0));
  std::vector<Digits50> scaled(n);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k)
      scaled[k] = l[j * n + k] * l[k * n + k];
    for (std::size_t i = j; i < n; ++i) {
      Digits50 s = i == j ? Digits50(tau - g[i * n + i]) : Digits50(-g[i * n + j]);
      for (std::size_t k = 0; k < j; ++k)
        if (l[i * n + k] != 0 && scaled[k] != 0)
          s -= l[i * n + k] * scaled[k];
      l[i * n + j] = i == j || s == 0 ? s : Digits50(s / l[j * n + j]);
    }
    if (l[j * n + j] == 0)
      return 0;
    sign = l[j * n + j] < 0 ? -1 : sign;
  }
  return sign;
}

/// x ← (LDLᵀ)⁻¹x.
inline void solve_factored(std::size_t n, const std::vector<Digits50> &l,
                           std::vector<Digits50> &x) {
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < i; ++k)
      x[i] -= l[i * n + k] * x[k];
  for (std::size_t i = 0; i < n; ++i)
    x[i] /= l[i * n + i];
  for (std::size_t i = n; i-- > 0;)
    for (std::size_t k = i + 1; k < n; ++k)
      x[i] -= l[k * n + i] * x[k];
}

/// xᵀGx/xᵀx.
inline Digits50 rayleigh_quotient(std::size_t n, const std::vector<Digits50> &g,
                                  const std::vector<Digits50> &x) {
  Digits50 xx = 0, xgx = 0;
  for (std::size_t i = 0; i < n; ++i) {
    xx += x[i] * x[i];
    for (std::size_t j = 0; j < n; ++j)
      if (g[i * n + j] != 0)
        xgx += x[i] * g[i * n + j] * x[j];
  }
  return xgx / xx;
}

/// a is rows×cols, row-major, real: doubles, or Digits50 where doubles cannot hold the entries.
template <class Entry>
Digits50 largest_singular_value(std::size_t rows, std::size_t cols, const std::vector<Entry> &a) {
  if (std::all_of(a.begin(), a.end(), [](const Entry &v) { return v == 0; }))
    return 0;
  const std::size_t n = std::min(rows, cols);
  const std::vector<Digits50> g = gram_matrix(rows, cols, a);
  // Column by column, a row-major matrix is its transpose, whose left vectors are A's right ones.
  std::vector<double> start, rounded;
  for (const Entry &v : a)
    rounded.push_back(static_cast<double>(v));
  (void)lipschitz::dense_norm<double>({rounded.data(), cols, rows, cols}, {}, nullptr, &start);
  std::vector<Digits50> x(start.begin(), start.end()), l;
  Digits50 rho = rayleigh_quotient(n, g, x);
  for (int step = 0; step < 2; ++step) { // the error is cubed: 10⁻¹⁵, 10⁻⁴⁵
    if (factor_shifted(n, g, rho, l) == 0)
      break; // ρ is an eigenvalue
    solve_factored(n, l, x);
    rho = rayleigh_quotient(n, g, x);
  }
  if (factor_shifted(n, g, rho * (1 + Digits50("1e-40")), l) > 0)
    return sqrt(rho);
  return largest_by_jacobi(rows, cols, a);
}

inline Digits50 largest_singular_value(std::size_t rows, std::size_t cols,
                                       const std::vector<PetscScalar> &a,
                                       [[maybe_unused]] int tag) {
#ifdef PETSC_USE_COMPLEX
  std::vector<double> real(4 * rows * cols);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const PetscScalar z = a[i * cols + j];
      real[i * 2 * cols + j] = real[(rows + i) * 2 * cols + cols + j] = PetscRealPart(z);
      real[(rows + i) * 2 * cols + j] = PetscImaginaryPart(z);
      real[i * 2 * cols + cols + j] = -PetscImaginaryPart(z);
    }
  return largest_singular_value(2 * rows, 2 * cols, real);
#else
  return largest_singular_value(rows, cols, a);
#endif
}

} // namespace lathe::test
