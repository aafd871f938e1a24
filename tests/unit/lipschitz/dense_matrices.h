// SPDX-License-Identifier: BSD-2-Clause
// Matrices for the tests of the dense spectral-norm kernels.
#pragma once
#include "core/dense.h"
#include "core/random.h"
#include <complex>
#include <cstdint>
#include <vector>

namespace lathe::test {

/// Owned column-major matrix.
template <class T> struct Matrix {
  std::size_t rows = 0, cols = 0;
  std::vector<T> entries;
  Matrix(std::size_t m, std::size_t n) : rows(m), cols(n), entries(m * n) {}
  T &operator()(std::size_t i, std::size_t j) { return entries[i + j * rows]; }
  const T &operator()(std::size_t i, std::size_t j) const { return entries[i + j * rows]; }
  [[nodiscard]] dense::View<const T> view() const { return {entries.data(), rows, cols, rows}; }
};

/// Independent standard normal entries (real and imaginary part each).
template <class T> Matrix<T> gaussian(std::size_t m, std::size_t n, std::uint64_t seed) {
  Matrix<T> a(m, n);
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    using R = dense::Real<T>;
    if constexpr (dense::is_complex<T>)
      a.entries[i] =
          T(static_cast<R>(random::normal(seed, 0, i)), static_cast<R>(random::normal(seed, 1, i)));
    else
      a.entries[i] = static_cast<T>(random::normal(seed, 0, i));
  }
  return a;
}

/// Lower triangle of AᴴA.
template <class T> Matrix<T> gram(const Matrix<T> &a) {
  Matrix<T> g(a.cols, a.cols);
  dense::herk<T>('L', 'C', a.cols, a.rows, 1, a.entries.data(), a.rows, 0, g.entries.data(),
                 a.cols);
  return g;
}

} // namespace lathe::test
