// SPDX-License-Identifier: BSD-2-Clause
// Problems for the tests of ℓ_p regression, the same on every number of ranks.
#pragma once
#include "harness/mpi_test.h"
#include "sketching/lp_regression.h"
#include "unit/sketching/matrices.h"
#include <cmath>
#include <limits>

#if !defined(PETSC_USE_COMPLEX)

namespace lathe::test {

using LpEntry = std::function<double(PetscInt, PetscInt)>;

struct LpProblem {
  MatHandle matrix;
  sketching::TallMatrix A;
  std::vector<double> b; // of this rank's blocks
  PetscInt m, n;
  LpProblem(MPI_Comm comm, PetscInt rows, PetscInt cols, const LpEntry &entry,
            const std::function<double(PetscInt)> &target, bool uneven = false)
      : m(rows), n(cols) {
    PETSC_OK(CreateMatrix(comm, m, n, entry, true, uneven, matrix.out()));
    PETSC_OK(A.Create(matrix));
    for (std::int64_t i = A.rows().range().begin; i < A.rows().range().end; ++i)
      b.push_back(target(static_cast<PetscInt>(i)));
  }
  sketching::LpSolution solve(double p, std::vector<double> *x) {
    sketching::LpSolution s;
    PETSC_OK(LpRegression(A, b.data(), p, {}, x, &s));
    return s;
  }
};

inline double lp_noise(PetscInt i, PetscInt j, std::uint64_t seed) {
  return random::normal(seed, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i));
}

} // namespace lathe::test

#endif
