// SPDX-License-Identifier: BSD-2-Clause
// A family of matrices that break careless norm codes, by number.
#pragma once
#include "dense_matrices.h"
#include <cmath>

namespace lathe::test {

inline constexpr int special_kinds = 16;
inline const char *const special_names[special_kinds] = {
    "gaussian", "orthogonal",    "clustered", "rank one",   "graded",    "hilbert",
    "signs",    "equal columns", "identity",  "permuted",   "zero rows", "subnormal",
    "2^1000",   "2^-1000",       "near max",  "mixed sizes"};

/// One of the conjugated or plain numbers e^{iφ} for complex T, ±1 for real T.
template <class T> T phase(std::uint64_t seed, std::uint64_t i) {
  using R = dense::Real<T>;
  if constexpr (dense::is_complex<T>) {
    const double angle = 7 * random::uniform(seed, 5, i);
    return T(static_cast<R>(std::cos(angle)), static_cast<R>(std::sin(angle)));
  } else {
    return static_cast<T>(random::sign(seed, 5, i));
  }
}

/// Q·diag(d)·Q' of the matrix with Gram-Schmidt bases Q, Q' (orthonormal to rounding).
template <class T> void orthonormalise(Matrix<T> &q) {
  using R = dense::Real<T>;
  for (std::size_t j = 0; j < q.cols; ++j) {
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t k = 0; k < j; ++k) {
        T h = 0;
        for (std::size_t i = 0; i < q.rows; ++i)
          if constexpr (dense::is_complex<T>)
            h += q(i, j) * std::conj(q(i, k));
          else
            h += q(i, j) * q(i, k);
        for (std::size_t i = 0; i < q.rows; ++i)
          q(i, j) -= h * q(i, k);
      }
    R s = 0;
    for (std::size_t i = 0; i < q.rows; ++i)
      s += std::norm(q(i, j));
    for (std::size_t i = 0; i < q.rows; ++i)
      q(i, j) /= std::sqrt(s);
  }
}

template <class T> Matrix<T> special(int kind, std::size_t m, std::size_t n, std::uint64_t seed) {
  using R = dense::Real<T>;
  constexpr bool narrow = std::is_same_v<R, float>;
  Matrix<T> a = gaussian<T>(m, n, seed);
  const auto each = [&](auto f) {
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = 0; i < m; ++i)
        a(i, j) = T(f(i, j));
  };
  const auto scale = [&](int e) {
    each([&](std::size_t i, std::size_t j) { return a(i, j) * std::ldexp(R(1), e); });
  };
  const std::size_t c = std::min(m, n);
  switch (kind) {
  case 1:
  case 2: {
    Matrix<T> q = gaussian<T>(m, c, seed + 1), r = gaussian<T>(n, c, seed + 2);
    orthonormalise(q);
    orthonormalise(r);
    each([&](std::size_t i, std::size_t j) {
      T s = 0;
      for (std::size_t k = 0; k < c; ++k)
        s += q(i, k) * r(j, k) * R(kind == 1 ? 1.0 : 1.0 - 1e-9 * static_cast<double>(k));
      return s;
    });
    break;
  }
  case 3: {
    const Matrix<T> u = gaussian<T>(m, 1, seed + 1), v = gaussian<T>(n, 1, seed + 2);
    each([&](std::size_t i, std::size_t j) { return u(i, 0) * v(j, 0); });
    break;
  }
  case 4:
    each([&](std::size_t i, std::size_t j) {
      return a(i, j) * std::ldexp(R(1), -static_cast<int>(3 * i + 5 * j));
    });
    break;
  case 5:
    each([&](std::size_t i, std::size_t j) {
      return phase<T>(seed, i) * R(1) / static_cast<R>(i + j + 1);
    });
    break;
  case 6:
    each([&](std::size_t i, std::size_t j) { return phase<T>(seed, i + m * j); });
    break;
  case 7:
    each([&](std::size_t i, std::size_t) { return a(i, 0); });
    break;
  case 8:
    each([&](std::size_t i, std::size_t j) { return i == j ? phase<T>(seed, i) : T(0); });
    break;
  case 9: {
    const std::size_t shift = seed % n;
    each([&](std::size_t i, std::size_t j) {
      return i == (j + shift) % m ? phase<T>(seed, i) : T(0);
    });
    break;
  }
  case 10:
    each([&](std::size_t i, std::size_t j) { return (i + seed) % 2 == 0 ? T(0) : a(i, j); });
    break;
  case 11:
    scale(narrow ? -145 : -1070);
    break;
  case 12:
    scale(narrow ? 100 : 1000);
    break;
  case 13:
    scale(narrow ? -100 : -1000);
    break;
  case 14:
    scale(narrow ? 124 : 1020);
    break;
  case 15:
    each([&](std::size_t i, std::size_t j) {
      const int range = narrow ? 60 : 900;
      const int e = static_cast<int>(random::below(2 * range, seed, 9, i + m * j)) - range;
      return a(i, j) * std::ldexp(R(1), e);
    });
    break;
  default:
    break;
  }
  return a;
}

} // namespace lathe::test
