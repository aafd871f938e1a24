// SPDX-License-Identifier: BSD-2-Clause
// Least-squares problems of known condition.
#pragma once
#include "core/dense.h"
#include "core/random.h"
#include <cmath>
#include <vector>

namespace least_squares {

/// A, m × n column-major, b, and what may go with them; the same on every rank.
struct Problem {
  std::size_t m = 0, n = 0;
  std::vector<double> a, b, weight = {};
  double ridge = 0;
  double &at(std::size_t i, std::size_t j) { return a[i + j * m]; }
  [[nodiscard]] double at(std::size_t i, std::size_t j) const { return a[i + j * m]; }
};

inline double length(const std::vector<double> &v) {
  double sum = 0;
  for (double x : v)
    sum += x * x;
  return std::sqrt(sum);
}

/// Orthonormal columns by two sweeps of Gram-Schmidt on normal random numbers.
inline std::vector<double> orthonormal(std::size_t m, std::size_t n, std::uint64_t seed) {
  namespace dense = lathe::dense;
  std::vector<double> q(m * n), h(n);
  for (std::size_t i = 0; i < q.size(); ++i)
    q[i] = lathe::random::normal(seed, 1, i);
  for (std::size_t j = 0; j < n; ++j) {
    double *v = q.data() + j * m;
    for (int sweep = 0; sweep < 2; ++sweep) {
      dense::gemv('T', m, j, 1.0, q.data(), m, v, 0.0, h.data());
      dense::gemv('N', m, j, -1.0, q.data(), m, h.data(), 1.0, v);
      const double size = length(std::vector<double>(v, v + m));
      for (std::size_t i = 0; i < m; ++i)
        v[i] /= size;
    }
  }
  return q;
}

/// Singular values 1 … 1/condition in equal ratios, ‖x‖ = 1, ‖b − A·x‖ = residual, up to rounding;
/// m > n ≥ 2. The solution of the stored problem differs from that x by about
/// condition²·2⁻⁵³·residual.
inline Problem problem_of(std::size_t m, std::size_t n, double condition, double residual,
                          std::uint64_t seed = 1) {
  namespace dense = lathe::dense;
  Problem p{.m = m, .n = n, .a = std::vector<double>(m * n), .b = std::vector<double>(m)};
  const std::vector<double> u = orthonormal(m, n + 1, seed), v = orthonormal(n, n, seed + 1);
  std::vector<double> sv(n * n), x(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double s = std::pow(condition, -static_cast<double>(i) / static_cast<double>(n - 1));
    for (std::size_t j = 0; j < n; ++j)
      sv[i + j * n] = s * v[j + i * n];
    x[i] = lathe::random::uniform(seed, 2, i) - 0.5;
  }
  const double size = length(x);
  for (double &e : x)
    e /= size;
  dense::gemm('N', 'N', m, n, n, 1.0, u.data(), m, sv.data(), n, 0.0, p.a.data(), m);
  for (std::size_t i = 0; i < m; ++i)
    p.b[i] = residual * u[i + n * m];
  dense::gemv('N', m, n, 1.0, p.a.data(), m, x.data(), 1.0, p.b.data());
  return p;
}

} // namespace least_squares
