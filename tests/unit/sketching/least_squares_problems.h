// SPDX-License-Identifier: BSD-2-Clause
// Least-squares problems of the driver over the ranks, forward errors by component, and backward
// errors from a singular value decomposition.
#pragma once
#include "core/handle.h"
#include "least_squares_exact.h"
#include "sketching/local_vector.h"

namespace lathe::test {

using least_squares::Big;
using least_squares::exact_solution;
using least_squares::length;
using least_squares::problem_of;
using LeastSquares = least_squares::Problem;

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

/// A and b over the ranks of `comm`; `type` MATDENSE or MATAIJ.
struct Distributed {
  MatHandle a;
  VecHandle b, x;
};

inline PetscErrorCode Distribute(const LeastSquares &p, const char *type, Distributed *d,
                                 MPI_Comm comm = PETSC_COMM_WORLD) {
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreate(comm, d->a.out()));
  PetscCall(MatSetSizes(d->a, PETSC_DECIDE, PETSC_DECIDE, static_cast<PetscInt>(p.m),
                        static_cast<PetscInt>(p.n)));
  PetscCall(MatSetType(d->a, type));
  const auto width = static_cast<PetscInt>(p.n);
  PetscCall(MatSeqAIJSetPreallocation(d->a, width, nullptr));
  PetscCall(MatMPIAIJSetPreallocation(d->a, width, nullptr, width, nullptr));
  PetscCall(MatSetUp(d->a));
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

/// The weights of a problem as a vector like b; null where it has none.
inline PetscErrorCode DistributeWeights(const LeastSquares &p, Vec b, Vec *weights) {
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  if (p.weight.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(VecDuplicate(b, weights));
  PetscCall(VecGetOwnershipRange(*weights, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    PetscCall(VecSetValue(*weights, i, p.weight[static_cast<std::size_t>(i)], INSERT_VALUES));
  PetscCall(VecAssemblyBegin(*weights));
  PetscCall(VecAssemblyEnd(*weights));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// All entries of v, on every rank.
inline std::vector<double> everywhere(Vec v) {
  std::vector<double> all;
  PetscCallAbort(PETSC_COMM_WORLD, sketching::Replicate(v, &all));
  return all;
}

} // namespace lathe::test
