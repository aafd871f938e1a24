// SPDX-License-Identifier: BSD-2-Clause
// Spectral and Schatten norms of small matrices at 50 digits, by repeated squaring of the Gram
// matrix: λ_max ≤ (tr G^(2^k))^(1/2^k) ≤ c^(1/2^k)·λ_max, so 75 squarings are 22 digits for any
// spectrum, and a rank-one iterate ends the loop earlier with 35.
#pragma once
#include "core/dense.h"
#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <vector>

namespace lathe::test {

using Mp = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<50>,
                                         boost::multiprecision::et_off>;

/// Relative accuracy of spectral_norm.
inline const double mp_accuracy = 1e-21;

struct MpMatrix {
  std::size_t rows = 0, cols = 0;
  std::vector<Mp> entries;
  MpMatrix(std::size_t m, std::size_t n) : rows(m), cols(n), entries(m * n) {}
  Mp &operator()(std::size_t i, std::size_t j) { return entries[i + j * rows]; }
  const Mp &operator()(std::size_t i, std::size_t j) const { return entries[i + j * rows]; }
};

/// The matrix itself, or [Re −Im; Im Re], which has every singular value twice.
template <class T> MpMatrix embed(dense::View<const T> a) {
  constexpr std::size_t parts = dense::is_complex<T> ? 2 : 1;
  MpMatrix x(parts * a.rows, parts * a.cols);
  for (std::size_t j = 0; j < a.cols; ++j)
    for (std::size_t i = 0; i < a.rows; ++i) {
      x(i, j) = static_cast<double>(std::real(a(i, j)));
      if constexpr (dense::is_complex<T>) {
        x(i + a.rows, j + a.cols) = x(i, j);
        x(i + a.rows, j) = static_cast<double>(std::imag(a(i, j)));
        x(i, j + a.cols) = -x(i + a.rows, j);
      }
    }
  return x;
}

inline MpMatrix multiply(const MpMatrix &x, const MpMatrix &y) {
  MpMatrix z(x.rows, y.cols);
  for (std::size_t j = 0; j < y.cols; ++j)
    for (std::size_t k = 0; k < x.cols; ++k)
      for (std::size_t i = 0; i < x.rows; ++i)
        z(i, j) += x(i, k) * y(k, j);
  return z;
}

/// XᵀX, or XXᵀ when that is smaller.
inline MpMatrix mp_gram(const MpMatrix &x) {
  const bool tall = x.rows >= x.cols;
  MpMatrix t(x.cols, x.rows);
  for (std::size_t j = 0; j < x.cols; ++j)
    for (std::size_t i = 0; i < x.rows; ++i)
      t(j, i) = x(i, j);
  return tall ? multiply(t, x) : multiply(x, t);
}

inline Mp mp_trace(const MpMatrix &g) {
  Mp s = 0;
  for (std::size_t i = 0; i < g.rows; ++i)
    s += g(i, i);
  return s;
}

/// Divide by the trace, which is returned.
inline Mp normalise(MpMatrix &g) {
  Mp r = mp_trace(g);
  const Mp inverse = 1 / r;
  for (Mp &e : g.entries)
    e *= inverse;
  return r;
}

/// ‖X‖₂.
inline Mp spectral_norm(const MpMatrix &x) {
  if (std::all_of(x.entries.begin(), x.entries.end(), [](const Mp &e) { return e == 0; }))
    return 0;
  MpMatrix g = mp_gram(x);
  std::vector<Mp> traces = {normalise(g)};
  for (int k = 0; k < 75; ++k) {
    g = multiply(g, g);
    traces.push_back(normalise(g));
    if (traces.back() > 1 - Mp(1e-35))
      break; // tr M² = (tr M)² only for rank one
  }
  Mp b = 1;
  for (std::size_t k = traces.size(); k-- > 0;)
    b = sqrt(b * traces[k]);
  return b;
}

/// Schatten-2^(t+1) norm of the matrix of which X is an embedding that repeats each singular value
/// `copies` times.
inline Mp schatten_norm(const MpMatrix &x, int t, int copies) {
  MpMatrix g = mp_gram(x);
  std::vector<Mp> traces = {normalise(g)};
  for (int k = 0; k < t; ++k) {
    g = multiply(g, g);
    traces.push_back(normalise(g));
  }
  Mp b = traces.back() / copies;
  for (std::size_t k = traces.size() - 1; k-- > 0;)
    b = sqrt(b) * traces[k];
  return sqrt(b);
}

/// X(XᵀX)^(2^t − 1)/B^(2^(t+1) − 1): the gradient of that norm B.
inline MpMatrix schatten_gradient(const MpMatrix &x, int t, int copies) {
  const Mp b = schatten_norm(x, t, copies);
  MpMatrix y = x;
  for (Mp &e : y.entries)
    e /= b;
  MpMatrix g = mp_gram(y);
  for (int k = 0; k < t; ++k) { // (YᵀY)^(1 + 2 + … + 2^(t−1))
    y = x.rows >= x.cols ? multiply(y, g) : multiply(g, y);
    g = multiply(g, g);
  }
  return y;
}

} // namespace lathe::test
