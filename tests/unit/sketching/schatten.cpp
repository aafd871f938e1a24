// SPDX-License-Identifier: BSD-2-Clause
// Schatten norms of matrices that are not symmetric, as the interface says: MatCreateNormal and
// half the power.
#include "core/dense.h"
#include "harness/mpi_test.h"
#include "sketching/trace.h"
#include "unit/sketching/matrices.h"
#include <cmath>
#include <cstdio>

#if !defined(PETSC_USE_COMPLEX)

namespace {

using namespace lathe;
using test::CreateMatrix;
using test::gaussian;
using test::stored;

LatheSpectralSum schatten(Mat A, double p, PetscInt probes) {
  MatHandle normal;
  LatheQuadratureOptions options;
  LatheSpectralSum sum;
  PETSC_OK(MatCreateNormal(A, normal.out()));
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
  options.power = p / 2;
  options.probes = probes;
  options.tolerance = 1e-12;
  PETSC_OK(LatheMatSpectralSum(normal, LATHE_SPECTRAL_POWER, &options, &sum));
  return sum;
}

TEST_CASE("Schatten norms 1, 2, 4 of a matrix with orthogonal columns", "[sketching]") {
  // Cosines, the columns times 1, 1.1, …: AᵀA is diagonal, where probes of signs are exact.
  const PetscInt m = 64, n = 30;
  for (const bool dense : {false, true}) {
    const auto entry = [&](PetscInt i, PetscInt j) {
      return (1 + 0.1 * static_cast<double>(j)) * std::sqrt(2.0 / m) *
             std::cos(M_PI * static_cast<double>((2 * i + 1) * (j + 1)) / (2.0 * m));
    };
    MatHandle A;
    PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, m, n, entry, dense, false, A.out()));
    for (const double p : {1.0, 2.0, 4.0}) {
      double exact = 0;
      for (PetscInt j = 0; j < n; ++j)
        exact += std::pow(1 + 0.1 * static_cast<double>(j), p);
      const LatheSpectralSum s = schatten(A, p, 3);
      CAPTURE(dense, p, s.value, exact, s.steps);
      CHECK_ALL(s.converged == PETSC_TRUE);
      CHECK_ALL(std::fabs(s.value / exact - 1) <= 1e-11);
    }
  }
}

TEST_CASE("Schatten norms 1, 2, 4 of square matrices that are not symmetric", "[sketching]") {
  const PetscInt n = 80;
  const auto size = static_cast<std::size_t>(n);
  const std::vector<double> a = gaussian(n, n, 41);
  std::vector<double> copy = a, values(size);
  (void)dense::singular_values(size, size, copy.data(), size, values.data());
  MatHandle A;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, stored(a, n), true, true, A.out()));
  for (const double p : {1.0, 2.0, 4.0}) {
    double exact = 0, squares = 0;
    for (const double v : values) {
      exact += std::pow(v, p);
      squares += std::pow(v, 2 * p);
    }
    const LatheSpectralSum s = schatten(A, p, 40);
    CAPTURE(p, s.value, exact, s.standard_error, s.quadrature_error);
    CHECK_ALL(s.converged == PETSC_TRUE);
    CHECK_ALL(std::fabs(s.value - exact) <= 4 * s.standard_error);
    CHECK_ALL(s.standard_error <= 1.5 * std::sqrt(2 * squares / 40)); // variance of a probe
    CHECK_ALL(s.quadrature_error <= 1e-10 * exact);
    if (test::mpi_rank() == 0)
      std::printf("Schatten %g: %.6g ± %.2g for %.6g\n", p, s.value, s.standard_error, exact);
  }
}

} // namespace

#endif
