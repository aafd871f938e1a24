// SPDX-License-Identifier: BSD-2-Clause
// Tall matrices for the tests of row scores, and their scores on every rank.
#pragma once
#include "sketching/leverage.h"
#include "harness/mpi_test.h"
#include "sketching/local_vector.h"
#include "unit/sketching/matrices.h"
#include <cmath>
#include <functional>
#include <vector>

namespace lathe::test {

using namespace lathe::sketching;
using Entry = std::function<double(PetscInt, PetscInt)>;

struct Tall {
  MatHandle matrix;
  TallMatrix tall;
  Tall(MPI_Comm comm, PetscInt m, PetscInt n, const Entry &entry, bool dense = true,
       bool uneven = false) {
    PETSC_OK(CreateMatrix(comm, m, n, entry, dense, uneven, matrix.out()));
    PETSC_OK(tall.Create(matrix));
  }
  /// A score of every row, on every rank.
  std::vector<double> all(const std::vector<double> &local) {
    std::vector<double> copy = local;
    std::vector<double> whole;
    PETSC_OK(GatherColumn({tall.rows(), copy.data(), 1}, &whole));
    return whole;
  }
  std::vector<double> leverage(double lambda, std::size_t *rank) {
    std::vector<double> tau(tall.rows().local());
    PETSC_OK(LeverageScores(tall, lambda, tau.data(), rank));
    return all(tau);
  }
  std::vector<double> approximate(double epsilon, double lambda = 0) {
    VecHandle scores;
    std::vector<double> whole;
    PETSC_OK(MatCreateVecs(matrix, nullptr, scores.out()));
    PETSC_OK(ApproximateLeverageScores(matrix, lambda, epsilon, 5, scores));
    PETSC_OK(Replicate(scores, &whole));
    return whole;
  }
  std::vector<double> approximate_lewis(double p, double epsilon) {
    VecHandle weights;
    std::vector<double> whole;
    PETSC_OK(MatCreateVecs(matrix, nullptr, weights.out()));
    PETSC_OK(ApproximateLewisWeights(matrix, p, epsilon, 5, weights));
    PETSC_OK(Replicate(weights, &whole));
    return whole;
  }
  std::vector<double> lewis(double p, double *residual) {
    std::vector<double> w(tall.rows().local());
    PETSC_OK(LewisWeights(tall, p, w.data(), residual));
    return all(w);
  }
};

/// Rows (1, 0), (1, 1), (1, 2), (1, 5).
inline double line(PetscInt i, PetscInt j) {
  const double x[] = {0, 1, 2, 5};
  return j == 0 ? 1 : x[i];
}

inline Entry random_rows(std::uint64_t seed) {
  return [seed](PetscInt i, PetscInt j) {
    return random::normal(seed, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i)) *
           (i % 10 == 0 ? 20.0 : 1.0);
  };
}

inline double worst(const std::vector<double> &a, const std::vector<double> &b) {
  double w = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    w = std::max(w, std::abs(a[i] - b[i]) / std::abs(b[i]));
  return w;
}

} // namespace lathe::test
