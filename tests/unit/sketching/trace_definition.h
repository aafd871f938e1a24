// SPDX-License-Identifier: BSD-2-Clause
// The leave-one-out estimators as they are defined, in long double and without any of the shortcuts
// of the library.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace lathe::test {

using Real = long double;
using Column = std::vector<Real>;
using Columns = std::vector<Column>;

inline Real dot(const Column &x, const Column &y) {
  return std::inner_product(x.begin(), x.end(), y.begin(), Real{0});
}
inline void axpy(Real a, const Column &x, Column &y) {
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] += a * x[i];
}
inline Column times(const std::vector<double> &a, const Column &x) {
  Column y(x.size());
  for (std::size_t j = 0; j < x.size(); ++j)
    for (std::size_t i = 0; i < x.size(); ++i)
      y[i] += static_cast<Real>(a[i + j * x.size()]) * x[j];
  return y;
}

/// Modified Gram-Schmidt, three times over; columns that shrink below `drop` are dependent.
inline Columns orthonormal(const Columns &Y, Real drop) {
  Columns Q;
  for (Column y : Y) {
    const Real length = std::sqrt(dot(y, y));
    if (length == 0)
      continue;
    for (int pass = 0; pass < 3; ++pass)
      for (const Column &q : Q)
        axpy(-dot(q, y), q, y);
    const Real rest = std::sqrt(dot(y, y));
    if (rest <= drop * length)
      continue;
    for (Real &v : y)
      v /= rest;
    Q.push_back(y);
  }
  return Q;
}

/// XTrace with rescaled residuals; a is n×n, column-major.
inline Real xtrace_by_definition(const std::vector<double> &a, const Columns &Omega, Real drop) {
  const auto n = static_cast<Real>(Omega[0].size());
  const auto k = static_cast<Real>(Omega.size());
  Columns Y;
  for (const Column &w : Omega)
    Y.push_back(times(a, w));
  Real sum = 0;
  for (std::size_t j = 0; j < Omega.size(); ++j) {
    Columns others = Y;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(j));
    Column mu = Omega[j];
    const Columns Q = orthonormal(others, drop);
    for (const Column &q : Q)
      sum += dot(q, times(a, q));
    for (int pass = 0; pass < 3; ++pass)
      for (const Column &q : Q)
        axpy(-dot(q, mu), q, mu);
    const Real square = dot(mu, mu);
    if (square > Real{1e-12} * dot(Omega[j], Omega[j]))
      sum += (n - k + 1) / square * dot(mu, times(a, mu));
  }
  return sum / k;
}

/// Cholesky solve with a symmetric positive definite matrix given by columns.
inline Columns solve(Columns H, Columns B) {
  const std::size_t k = H.size();
  for (std::size_t j = 0; j < k; ++j) {
    for (std::size_t l = 0; l < j; ++l)
      for (std::size_t i = j; i < k; ++i)
        H[j][i] -= H[l][i] * H[l][j];
    const Real d = std::sqrt(H[j][j]);
    for (std::size_t i = j; i < k; ++i)
      H[j][i] /= d;
  }
  for (Column &b : B) {
    for (std::size_t j = 0; j < k; ++j) {
      b[j] /= H[j][j];
      for (std::size_t i = j + 1; i < k; ++i)
        b[i] -= H[j][i] * b[j];
    }
    for (std::size_t j = k; j-- > 0;) {
      for (std::size_t i = j + 1; i < k; ++i)
        b[j] -= H[j][i] * b[i];
      b[j] /= H[j][j];
    }
  }
  return B;
}

/// XNysTrace with rescaled residuals, of A itself (no shift): vectors u_j with u_iᵀA·u_j = [i = j]
/// by Gram and Schmidt, three times over, give Σ A·u_j·(A·u_j)ᵀ. A vector whose uᵀA·u shrinks below
/// `drop` of the largest ωᵀAω adds nothing.
inline Real xnystrace_by_definition(const std::vector<double> &a, const Columns &Omega, Real drop) {
  const auto n = static_cast<Real>(Omega[0].size());
  const std::size_t k = Omega.size();
  Columns gram(k, Column(k)), unit(k, Column(k));
  Real largest = 0;
  for (std::size_t j = 0; j < k; ++j) {
    unit[j][j] = 1;
    for (std::size_t i = 0; i < k; ++i)
      gram[j][i] = dot(Omega[i], Omega[j]);
    largest = std::max(largest, dot(Omega[j], times(a, Omega[j])));
  }
  const Columns gram_inverse = solve(gram, unit);
  Real sum = 0;
  for (std::size_t j = 0; j < k; ++j) {
    Columns U, Y; // Y = A·U
    for (std::size_t i = 0; i < k; ++i) {
      if (i == j)
        continue;
      Column u = Omega[i];
      for (int pass = 0; pass < 3; ++pass)
        for (std::size_t l = 0; l < U.size(); ++l)
          axpy(-dot(Y[l], u), U[l], u);
      Column y = times(a, u);
      const Real square = dot(u, y);
      if (square <= drop * largest)
        continue;
      for (Real &v : u)
        v /= std::sqrt(square);
      for (Real &v : y)
        v /= std::sqrt(square);
      sum += dot(y, y);
      U.push_back(u);
      Y.push_back(y);
    }
    const Column &w = Omega[j];
    Real residual = dot(w, times(a, w));
    for (const Column &y : Y)
      residual -= dot(y, w) * dot(y, w);
    sum += (n - static_cast<Real>(k) + 1) * gram_inverse[j][j] * residual;
  }
  return sum / static_cast<Real>(k);
}

} // namespace lathe::test
