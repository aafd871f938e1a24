// SPDX-License-Identifier: BSD-2-Clause
// The solution of any least-squares problem to 60 digits. Boost's numbers take 5 s to compile: one
// source of a driver includes this.
#pragma once
#include "core/exact_sum.h"
#include "least_squares_problem.h"
#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <vector>

namespace least_squares {

using Big = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<110>,
                                          boost::multiprecision::et_off>;

/// An exact sum as a number of 200 bits and more: what is left after it is rounded is rounded
/// again, four times.
inline Big exactly(lathe::ExactSum sum) {
  Big total = 0;
  for (int k = 0; k < 4; ++k) {
    const double part = sum.value();
    total += part;
    sum.add(-part);
  }
  return total;
}

/// xᵀ·W·y without rounding; weight null: W = I.
inline Big exact_product(const double *x, const double *y, const double *weight, std::size_t m) {
  lathe::ExactSum sum;
  for (std::size_t i = 0; i < m; ++i) {
    if (!weight) {
      sum.add_product(x[i], y[i]);
      continue;
    }
    const double p = weight[i] * x[i], e = std::fma(weight[i], x[i], -p);
    sum.add_product(p, y[i]);
    sum.add_product(e, y[i]);
  }
  return exactly(sum);
}

/// v ← 2ᵏ·v with the largest entry in [1, 2). Returns k.
inline int scale_to_one(double *v, std::size_t m) {
  double largest = 0;
  for (std::size_t i = 0; i < m; ++i)
    largest = std::max(largest, std::fabs(v[i]));
  const int shift = largest > 0 ? -std::ilogb(largest) : 0;
  for (std::size_t i = 0; i < m; ++i)
    v[i] = std::scalbn(v[i], shift);
  return shift;
}

/// x of min ‖b − A·x‖²_W + λ‖x‖²: the normal equations, formed without rounding and solved with 110
/// digits, so that its error is below condition²·10⁻⁶⁰. Powers of two scale the columns and b: else
/// products of small entries would underflow. Serial; m·n²/2 exact products of 4 ns.
inline std::vector<Big> exact_solution(const Problem &p) {
  const std::size_t n = p.n;
  std::vector<int> shift(n);
  std::vector<double> scaled(p.a), b(p.b);
  for (std::size_t j = 0; j < n; ++j)
    shift[j] = scale_to_one(scaled.data() + j * p.m, p.m);
  const int b_shift = scale_to_one(b.data(), p.m);
  const double *weight = p.weight.empty() ? nullptr : p.weight.data();
  const auto column = [&](std::size_t j) { return scaled.data() + j * p.m; };
  std::vector<Big> g(n * n), x(n);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i <= j; ++i)
      g[i + j * n] = exact_product(column(i), column(j), weight, p.m);
    g[j + j * n] += Big(p.ridge) * ldexp(Big(1), 2 * shift[j]);
    x[j] = exact_product(column(j), b.data(), weight, p.m);
  }
  for (std::size_t j = 0; j < n; ++j) // G = RᵀR, R over the upper triangle
    for (std::size_t i = 0; i <= j; ++i) {
      Big s = g[i + j * n];
      for (std::size_t k = 0; k < i; ++k)
        s -= g[k + i * n] * g[k + j * n];
      g[i + j * n] = i == j ? sqrt(s) : Big(s / g[i + i * n]);
    }
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k)
      x[j] -= g[k + j * n] * x[k];
    x[j] /= g[j + j * n];
  }
  for (std::size_t j = n; j-- > 0;) {
    for (std::size_t k = j + 1; k < n; ++k)
      x[j] -= g[j + k * n] * x[k];
    x[j] /= g[j + j * n];
  }
  for (std::size_t j = 0; j < n; ++j)
    x[j] = ldexp(x[j], shift[j] - b_shift);
  return x;
}

/// ‖x − exact‖/‖exact‖.
inline double relative_error(const std::vector<double> &x, const std::vector<Big> &exact) {
  Big square = 0, size = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const Big d = x[j] - exact[j];
    square += d * d;
    size += exact[j] * exact[j];
  }
  return size > 0 ? static_cast<double>(sqrt(Big(square / size))) : 0;
}

} // namespace least_squares
