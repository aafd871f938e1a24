// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/nystrom.h"
#include "core/dense.h"
#include "harness/mpi_test.h"
#include "sketching/rpcholesky.h"
#include "sketching/trace.h"
#include "unit/sketching/matrices.h"
#include <cmath>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::sketching;
using test::CreateMatrix;

namespace {

/// Gaussian kernel of points on a curve, so that eigenvalues decay; plus mu on the diagonal.
double kernel(PetscInt i, PetscInt j, double mu) {
  const double t = 0.021 * static_cast<double>(i - j);
  return std::exp(-t * t) * (1 + 0.1 * std::cos(0.3 * static_cast<double>(i)) *
                                     std::cos(0.3 * static_cast<double>(j))) +
         (i == j ? mu : 0);
}

std::vector<double> eigenvalues(PetscInt n, double mu) {
  const auto size = static_cast<std::size_t>(n);
  std::vector<double> a(size * size), w(size);
  for (PetscInt j = 0; j < n; ++j)
    for (PetscInt i = 0; i < n; ++i)
      a[static_cast<std::size_t>(i + j * n)] = kernel(i, j, mu);
  REQUIRE_ALL(dense::symmetric_eigen(size, a.data(), w.data()) == 0);
  return {w.rbegin(), w.rend()};
}

} // namespace

TEST_CASE("nystrom approximations find the top of the spectrum", "[sketching]") {
  const PetscInt n = 530;
  const double mu = 1e-3;
  MatHandle A, serial;
  const auto entry = [&](PetscInt i, PetscInt j) { return kernel(i, j, mu); };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, entry, true, true, A.out()));
  PETSC_OK(CreateMatrix(PETSC_COMM_SELF, n, n, entry, true, false, serial.out()));
  const std::vector<double> truth = eigenvalues(n, 0);
  for (const bool rpcholesky : {false, true}) {
    LowRank k, one;
    const auto approximate = [&](Mat M, LowRank *result) -> PetscErrorCode {
      PetscFunctionBegin;
      bool definite = false;
      if (rpcholesky) {
        MultiVector F;
        PetscCall(RpCholesky(M, {.rank = 60, .mu = mu, .seed = 5}, &F, &definite));
        PetscCall(Eigendecompose(F.view(), {}, 0, result));
      } else {
        BlockOperator op;
        PetscCall(op.Create(M));
        PetscCall(Nystrom(op, {.rank = 60, .mu = mu, .seed = 5}, result, &definite));
      }
      PetscCheck(definite, PETSC_COMM_SELF, PETSC_ERR_PLIB, "not definite");
      PetscFunctionReturn(PETSC_SUCCESS);
    };
    PETSC_OK(approximate(A, &k));
    PETSC_OK(approximate(serial, &one));
    REQUIRE_ALL(k.values == one.values); // R0
    // Never above the truth, and the dominant ones right.
    double worst = 0;
    for (std::size_t i = 0; i < k.values.size(); ++i) {
      CHECK_ALL(k.values[i] <= truth[i] + 1e-13 * truth[0]);
      if (truth[i] > 0.1 * truth[0])
        worst = std::max(worst, std::abs(k.values[i] - truth[i]) / truth[i]);
    }
    INFO((rpcholesky ? "rpcholesky " : "nystrom ")
         << k.values.size() << " values, worst " << worst);
    CHECK_ALL(worst <= 1e-4);
    std::vector<double> g(k.values.size() * k.values.size());
    PETSC_OK(InnerProduct(k.vectors.view(), k.vectors.view(), g.data()));
    double orthogonality = 0;
    for (std::size_t j = 0; j < k.values.size(); ++j)
      for (std::size_t i = 0; i < k.values.size(); ++i)
        orthogonality =
            std::max(orthogonality, std::abs(g[i + j * k.values.size()] - (i == j ? 1 : 0)));
    CHECK_ALL(orthogonality <= 1e-13);
  }
}

TEST_CASE("nystrom doubles its rank until the spectrum is below mu", "[sketching]") {
  const PetscInt n = 400;
  const double mu = 1e-4;
  MatHandle A;
  PETSC_OK(CreateMatrix(
      PETSC_COMM_WORLD, n, n, [&](PetscInt i, PetscInt j) { return kernel(i, j, mu); }, true, false,
      A.out()));
  BlockOperator op;
  PETSC_OK(op.Create(A));
  LowRank k;
  bool definite = false;
  PETSC_OK(Nystrom(op, {.rank = 4, .mu = mu, .tolerance = 1e-14}, &k, &definite));
  CHECK_ALL(definite);
  CHECK_ALL(k.values.back() <= mu);
  CHECK_ALL((op.matvecs() == 16 || op.matvecs() == 32 || op.matvecs() == 64));
  const long long used = op.matvecs();
  PETSC_OK(Nystrom(op, {.rank = 4, .mu = mu, .tolerance = 1e-14, .max_rank = 10}, &k, &definite));
  CHECK_ALL(op.matvecs() - used == 10);
  // What is approximated is zero, or has few dimensions.
  MatHandle I;
  const auto scaled = [&](PetscInt i, PetscInt j) { return i == j ? mu : 0.0; };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, scaled, false, false, I.out()));
  PETSC_OK(op.Create(I));
  PETSC_OK(Nystrom(op, {.rank = 4, .mu = mu}, &k, &definite));
  CHECK_ALL((definite && k.values.empty()));
  MultiVector F;
  PETSC_OK(RpCholesky(I, {.rank = 4, .mu = mu}, &F, &definite));
  CHECK_ALL((definite && F.view().cols == 0));
  const auto rank_two = [&](PetscInt i, PetscInt j) {
    return 1 + 0.01 * static_cast<double>(i) * static_cast<double>(j) + (i == j ? mu : 0.0);
  };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, rank_two, true, true, I.out()));
  PETSC_OK(RpCholesky(I, {.rank = 40, .mu = mu}, &F, &definite));
  CHECK_ALL((definite && F.view().cols == 2));
}

TEST_CASE("approximations see matrices that are not positive semidefinite", "[sketching]") {
  const PetscInt n = 200;
  MatHandle A;
  const auto entry = [](PetscInt i, PetscInt j) {
    return i == j ? (i == 150 ? -2.0 : 3.0) : std::abs(i - j) == 1 ? 1.0 : 0.0;
  };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, entry, false, true, A.out()));
  BlockOperator op;
  PETSC_OK(op.Create(A));
  LowRank k;
  MultiVector F;
  bool definite = true;
  PETSC_OK(Nystrom(op, {.rank = 190}, &k, &definite));
  CHECK_ALL(!definite);
  definite = true;
  PETSC_OK(RpCholesky(A, {.rank = 10}, &F, &definite));
  CHECK_ALL(!definite);
  // A diagonal that does not tell: [1 2; 2 1].
  const auto pair = [](PetscInt i, PetscInt j) {
    return i == j ? 1.0 : i / 2 == j / 2 ? 2.0 : 0.0;
  };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, pair, false, false, A.out()));
  definite = true;
  PETSC_OK(RpCholesky(A, {.rank = 10}, &F, &definite));
  CHECK_ALL(!definite);
}

TEST_CASE("log-determinants with a preconditioner", "[sketching]") {
  const PetscInt n = 300;
  const double mu = 1e-3;
  MatHandle A;
  PETSC_OK(CreateMatrix(
      PETSC_COMM_WORLD, n, n, [&](PetscInt i, PetscInt j) { return kernel(i, j, mu); }, true, false,
      A.out()));
  double truth = 0;
  for (const double value : eigenvalues(n, mu))
    truth += std::log(value);
  LatheQuadratureOptions options;
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
  options.probes = 6;
  options.tolerance = 1e-10;
  options.max_steps = n;
  LatheSpectralSum plain, better, blind;
  PETSC_OK(LatheMatLogDeterminant(A, 0, mu, &options, &plain));
  PETSC_OK(LatheMatLogDeterminant(A, 80, mu, &options, &better));
  PETSC_OK(LatheMatLogDeterminant(A, 80, 0, &options, &blind));
  INFO("log det " << truth << ": " << plain.value << " ± " << plain.standard_error << " in "
                  << plain.steps << " steps, " << better.value << " ± " << better.standard_error
                  << " in " << better.steps << ", without mu " << blind.value << " ± "
                  << blind.standard_error);
  for (const LatheSpectralSum &s : {plain, better, blind})
    CHECK_ALL(std::abs(s.value - truth) <= 5 * s.standard_error + s.quadrature_error);
  CHECK_ALL(better.standard_error < 0.2 * plain.standard_error);
  CHECK_ALL(better.steps < plain.steps);
  const auto refused =
      test::catch_error([&] { return LatheMatLogDeterminant(A, n + 1, mu, &options, &plain); });
  CHECK_ALL(refused.message.find("must lie between 1 and the order 300") != std::string::npos);
  const auto above =
      test::catch_error([&] { return LatheMatLogDeterminant(A, n, 0.5, &options, &plain); });
  CHECK_ALL(above.message.find("has a negative eigenvalue") != std::string::npos);
}

#endif
