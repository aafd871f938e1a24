// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/randomized_cholesky_qr.h"
#include "harness/mpi_test.h"
#include "unit/sketching/least_squares_problems.h"
#include <algorithm>
#include <cstdio>

#ifndef PETSC_USE_COMPLEX // refused, see least_squares_inputs.cpp

namespace {

using namespace lathe;
using namespace lathe::sketching;
using namespace lathe::test;

// ‖x‖₂ of an m × n matrix, which is destroyed.
double spectral(std::vector<double> x, std::size_t m, std::size_t n) {
  std::vector<double> s(n);
  dense::singular_values(m, n, x.data(), m, s.data());
  return s[0];
}

TEST_CASE("randomized Cholesky QR is orthogonal to rounding at every condition", "[sketching]") {
  double worst_q = 0, worst_a = 0;
  struct Case {
    std::size_t m, n;
    std::uint64_t seed;
    const char *type;
  };
  for (const Case &c :
       {Case{1500, 40, 91, MATDENSE}, Case{1500, 40, 91, MATAIJ}, Case{1500, 40, 92, MATDENSE},
        Case{700, 90, 93, MATDENSE}, Case{700, 90, 94, MATAIJ}})
    for (const double condition : {1e2, 1e6, 1e10, 1e13, 1e15}) {
      const auto [m, n, seed, type] = c;
      const LeastSquares p = problem_of(m, n, condition, 1e-3, seed);
      Distributed d;
      PETSC_OK(Distribute(p, type, &d));
      MatHandle qh;
      std::vector<double> r;
      PETSC_OK(RandomizedCholeskyQr(d.a, {.factor = 4}, qh.out(), &r));
      std::vector<double> q(m * n), gram(n * n), product(p.a);
      VecHandle column;
      PETSC_OK(MatCreateVecs(qh, nullptr, column.out()));
      for (std::size_t j = 0; j < n; ++j) {
        PETSC_OK(MatGetColumnVector(qh, column, static_cast<PetscInt>(j)));
        const std::vector<double> all = everywhere(column);
        std::copy(all.begin(), all.end(), q.begin() + static_cast<std::ptrdiff_t>(j * m));
      }
      for (std::size_t j = 0; j < n; ++j)
        gram[j + j * n] = -1;
      dense::gemm('T', 'N', n, n, m, 1.0, q.data(), m, q.data(), m, 1.0, gram.data(), n);
      dense::gemm('N', 'N', m, n, n, -1.0, q.data(), m, r.data(), n, 1.0, product.data(), m);
      const double loss = spectral(gram, n, n);
      const double residual = spectral(product, m, n) / spectral(p.a, m, n);
      CAPTURE(m, n, seed, type, condition, loss, residual);
      CHECK(loss <= 5e-15);
      CHECK(residual <= 5e-15);
      bool upper = true;
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t i = j + 1; i < n; ++i)
          upper = upper && r[i + j * n] == 0;
      CHECK(upper);
      worst_q = std::max(worst_q, loss);
      worst_a = std::max(worst_a, residual);
    }
  if (mpi_rank() == 0)
    std::printf("randomized Cholesky QR: |I - Q'Q| %.1e, |A - QR|/|A| %.1e\n", worst_q, worst_a);
}

TEST_CASE("randomized Cholesky QR refuses dependent columns and wide matrices", "[sketching]") {
  LeastSquares p = problem_of(100, 6, 10, 1e-2, 92);
  const auto refused = [&](const LeastSquares &problem) {
    Distributed d;
    PETSC_OK(Distribute(problem, MATDENSE, &d));
    Mat q = nullptr;
    std::vector<double> r;
    return catch_error([&] { return RandomizedCholeskyQr(d.a, {}, &q, &r); });
  };
  for (std::size_t i = 0; i < p.m; ++i)
    p.at(i, 2) = 0;
  CHECK_ALL(refused(p).message.find("numerically dependent") != std::string::npos);
  CHECK_ALL(refused(p).code == PETSC_ERR_ARG_WRONG);
  const LeastSquares wide{
      .m = 3, .n = 5, .a = std::vector<double>(15, 1.0), .b = std::vector<double>(3)};
  CHECK_ALL(refused(wide).code == PETSC_ERR_ARG_SIZ);
}

} // namespace

#endif
