// SPDX-License-Identifier: BSD-2-Clause
// What the Nyström preconditioner does to the variance of a log-determinant.
#include "harness/mpi_test.h"
#include "sketching/trace.h"
#include "unit/sketching/matrices.h"
#include <cmath>
#include <cstdio>
#include <functional>

#if !defined(PETSC_USE_COMPLEX)

namespace {

using namespace lathe;
using test::CreateMatrix;

TEST_CASE("a log-determinant's preconditioner adds no variance", "[sketching]") {
  const PetscInt n = 96;
  LatheQuadratureOptions options;
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
  options.probes = 100;
  // K + mu·I with K of no low rank, whose eigenvalues beyond P lie far above mu; and one of
  // rank 12.
  const double mu = 1e-4;
  const auto laplacian = [](PetscInt i, PetscInt j) {
    return i == j ? 2.0 : std::abs(i - j) == 1 ? -1.0 : 0.0;
  };
  const auto flat = [&](PetscInt i, PetscInt j) { return laplacian(i, j) + (i == j ? mu : 0); };
  const auto low = [&](PetscInt i, PetscInt j) {
    double sum = i == j ? mu : 0;
    for (PetscInt k = 1; k <= 12; ++k)
      sum += std::cos(0.31 * static_cast<double>(i * k)) *
             std::cos(0.31 * static_cast<double>(j * k)) / static_cast<double>(k);
    return sum;
  };
  const auto errors = [&](const std::function<double(PetscInt, PetscInt)> &entry, PetscInt rank) {
    MatHandle A;
    LatheSpectralSum plain, with;
    PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, entry, false, true, A.out()));
    PETSC_OK(LatheMatLogDeterminant(A, 0, 0, &options, &plain));
    PETSC_OK(LatheMatLogDeterminant(A, rank, mu, &options, &with));
    if (test::mpi_rank() == 0)
      std::printf("log det, rank %d: %.6f +- %.2g, plain %.6f +- %.2g\n", static_cast<int>(rank),
                  with.value, with.standard_error, plain.value, plain.standard_error);
    CHECK_ALL(std::abs(with.value - plain.value) <= 5 * plain.standard_error);
    return with.standard_error / plain.standard_error;
  };
  CHECK_ALL(errors(flat, 24) <= 1.05);
  CHECK_ALL(errors(low, 24) <= 1e-3);
}

} // namespace

#endif
