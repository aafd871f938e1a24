// SPDX-License-Identifier: BSD-2-Clause
// Least-squares problems of known condition, their solution to 60 digits and the backward error of
// an approximate one from a singular value decomposition.
#pragma once
#include "core/dense.h"
#include "core/exact_sum.h"
#include "core/handle.h"
#include "core/layout.h"
#include "core/random.h"
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <vector>

namespace lathe::test {

using Big = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<110>,
                                          boost::multiprecision::et_off>;

/// A, m × n column-major, and b; the same on every rank.
struct LeastSquares {
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
  std::vector<double> q(m * n), h(n);
  for (std::size_t i = 0; i < q.size(); ++i)
    q[i] = random::normal(seed, 1, i);
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

/// Singular values 1 … 1/condition in equal ratios, ‖x‖ = 1, ‖b − A·x‖ = residual, up to rounding.
/// The solution of the stored problem differs from that x by about condition²·2⁻⁵³·residual.
inline LeastSquares problem_of(std::size_t m, std::size_t n, double condition, double residual,
                               std::uint64_t seed = 1) {
  LeastSquares p{.m = m, .n = n, .a = std::vector<double>(m * n), .b = std::vector<double>(m)};
  const std::vector<double> u = orthonormal(m, n + 1, seed), v = orthonormal(n, n, seed + 1);
  std::vector<double> sv(n * n), x(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double s = std::pow(condition, -static_cast<double>(i) / static_cast<double>(n - 1));
    for (std::size_t j = 0; j < n; ++j)
      sv[i + j * n] = s * v[j + i * n];
    x[i] = random::uniform(seed, 2, i) - 0.5;
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

/// Σ of exact products as a number of 200 bits and more: what is left of an exact sum after it is
/// rounded is rounded again, four times.
inline Big exactly(ExactSum sum) {
  Big total = 0;
  for (int k = 0; k < 4; ++k) {
    const double part = sum.value();
    total += part;
    sum.add(-part);
  }
  return total;
}

inline void add_weighted(ExactSum &sum, double w, double x, double y) {
  const double p = w * x, e = std::fma(w, x, -p);
  sum.add_product(p, y);
  sum.add_product(e, y);
}

/// Solution of the normal equations, formed without rounding and solved with 110 digits: an error
/// below condition²·10⁻⁶⁰. Powers of two scale the columns. Serial.
inline std::vector<Big> exact_solution(const LeastSquares &p) {
  const std::size_t n = p.n;
  std::vector<int> shift(n);
  std::vector<double> scaled(p.a);
  for (std::size_t j = 0; j < n; ++j) {
    double largest = 0;
    for (std::size_t i = 0; i < p.m; ++i)
      largest = std::max(largest, std::fabs(p.at(i, j)));
    shift[j] = largest > 0 ? -std::ilogb(largest) : 0;
    for (std::size_t i = 0; i < p.m; ++i)
      scaled[i + j * p.m] = std::scalbn(p.at(i, j), shift[j]);
  }
  const auto product = [&](const double *x, const double *y) {
    ExactSum sum;
    for (std::size_t i = 0; i < p.m; ++i)
      if (p.weight.empty())
        sum.add_product(x[i], y[i]);
      else
        add_weighted(sum, p.weight[i], x[i], y[i]);
    return exactly(sum);
  };
  std::vector<Big> g(n * n), x(n);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i <= j; ++i)
      g[i + j * n] = product(scaled.data() + i * p.m, scaled.data() + j * p.m);
    g[j + j * n] += Big(p.ridge) * ldexp(Big(1), 2 * shift[j]);
    x[j] = product(scaled.data() + j * p.m, p.b.data());
  }
  for (std::size_t j = 0; j < n; ++j) { // G = RᵀR, R over the upper triangle
    for (std::size_t i = 0; i <= j; ++i) {
      Big s = g[i + j * n];
      for (std::size_t k = 0; k < i; ++k)
        s -= g[k + i * n] * g[k + j * n];
      g[i + j * n] = i == j ? sqrt(s) : Big(s / g[i + i * n]);
    }
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
    x[j] = ldexp(x[j], shift[j]);
  return x;
}

struct ForwardError {
  double norm = 0;       // relative, of the vector
  double ulps = 0;       // largest of a component, in units of the last place of the exact one
  std::size_t exact = 0; // components that are the rounded exact ones
};

inline ForwardError forward_error(const std::vector<double> &x, const std::vector<Big> &exact) {
  ForwardError e;
  Big square = 0, size = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const Big d = x[j] - exact[j];
    square += d * d;
    size += exact[j] * exact[j];
    const double nearest = static_cast<double>(exact[j]);
    const double ulp = std::nextafter(std::fabs(nearest), INFINITY) - std::fabs(nearest);
    e.ulps = std::max(e.ulps, static_cast<double>(abs(d) / ulp));
    e.exact += x[j] == nearest ? 1U : 0U;
  }
  e.norm = size > 0 ? static_cast<double>(sqrt(Big(square / size))) : 0;
  return e;
}

/// Karlson and Waldén's relative backward error from the singular values of A itself.
inline double backward_error(const LeastSquares &p, const std::vector<double> &x) {
  std::vector<ExactSum> r(p.m);
  std::vector<double> copy(p.a), tau(p.n), square(p.n * p.n, 0.0), s(p.n), vt(p.n * p.n);
  for (std::size_t i = 0; i < p.m; ++i)
    r[i].add(p.b[i]);
  for (std::size_t j = 0; j < p.n; ++j)
    for (std::size_t i = 0; i < p.m; ++i)
      r[i].add_product(-p.at(i, j), x[j]);
  double residual2 = 0, frobenius2 = 0;
  std::vector<double> g(p.n), rounded(p.m);
  std::vector<ExactSum> exact(p.n);
  for (std::size_t i = 0; i < p.m; ++i) {
    const double head = r[i].value();
    r[i].add(-head);
    const double tail = r[i].value();
    residual2 += head * head;
    for (std::size_t j = 0; j < p.n; ++j) {
      exact[j].add_product(p.at(i, j), head);
      exact[j].add_product(p.at(i, j), tail);
    }
  }
  for (std::size_t j = 0; j < p.n; ++j)
    g[j] = exact[j].value();
  for (double a : p.a)
    frobenius2 += a * a;
  dense::qr(p.m, p.n, copy.data(), p.m, tau.data());
  for (std::size_t j = 0; j < p.n; ++j)
    std::copy_n(copy.data() + j * p.m, j + 1, square.data() + j * p.n);
  dense::right_singular_vectors(p.n, square.data(), p.n, s.data(), vt.data());
  const double theta2 = frobenius2 / std::pow(length(p.b), 2);
  const double damping = 1 / (1 + theta2 * std::pow(length(x), 2));
  const double omega2 = theta2 * residual2 * damping;
  double sum = 0;
  for (std::size_t k = 0; k < p.n; ++k) {
    double h = 0;
    for (std::size_t j = 0; j < p.n; ++j)
      h += vt[k + j * p.n] * g[j];
    sum += h == 0 ? 0 : h * h / (s[k] * s[k] + omega2);
  }
  return std::sqrt(theta2 * damping * sum / frobenius2);
}

/// A and b over the ranks of PETSC_COMM_WORLD; `type` MATDENSE or MATAIJ.
struct Distributed {
  MatHandle a;
  VecHandle b, x;
};

inline PetscErrorCode Distribute(const LeastSquares &p, const char *type, Distributed *d) {
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreate(PETSC_COMM_WORLD, d->a.out()));
  PetscCall(MatSetSizes(d->a, PETSC_DECIDE, PETSC_DECIDE, static_cast<PetscInt>(p.m),
                        static_cast<PetscInt>(p.n)));
  PetscCall(MatSetType(d->a, type));
  PetscCall(MatSetUp(d->a));
  PetscCall(MatSetOption(d->a, MAT_NEW_NONZERO_ALLOCATION_ERR, PETSC_FALSE));
  PetscCall(MatCreateVecs(d->a, d->x.out(), d->b.out()));
  PetscCall(MatGetOwnershipRange(d->a, &begin, &end));
  for (PetscInt i = begin; i < end; ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (std::size_t j = 0; j < p.n; ++j)
      if (p.at(row, j) != 0)
        PetscCall(MatSetValue(d->a, i, static_cast<PetscInt>(j), p.at(row, j), INSERT_VALUES));
    PetscCall(VecSetValue(d->b, i, p.b[row], INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(d->a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(d->a, MAT_FINAL_ASSEMBLY));
  PetscCall(VecAssemblyBegin(d->b));
  PetscCall(VecAssemblyEnd(d->b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// All entries of v, on every rank.
inline std::vector<double> everywhere(Vec v) {
  ScatterHandle scatter;
  VecHandle copy;
  const PetscScalar *x = nullptr;
  PetscInt n = 0;
  PetscCallAbort(PETSC_COMM_WORLD, VecScatterCreateToAll(v, scatter.out(), copy.out()));
  PetscCallAbort(PETSC_COMM_WORLD,
                 VecScatterBegin(scatter, v, copy, INSERT_VALUES, SCATTER_FORWARD));
  PetscCallAbort(PETSC_COMM_WORLD, VecScatterEnd(scatter, v, copy, INSERT_VALUES, SCATTER_FORWARD));
  PetscCallAbort(PETSC_COMM_WORLD, VecGetSize(v, &n));
  PetscCallAbort(PETSC_COMM_WORLD, VecGetArrayRead(copy, &x));
  std::vector<double> all(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<double>(PetscRealPart(x[i]));
  PetscCallAbort(PETSC_COMM_WORLD, VecRestoreArrayRead(copy, &x));
  return all;
}

} // namespace lathe::test
