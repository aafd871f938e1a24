// SPDX-License-Identifier: BSD-2-Clause
#include "core/dense.h"
#include "harness/mpi_test.h"
#include <cmath>
#include <limits>

using namespace lathe;

TEMPLATE_TEST_CASE("dense wrappers agree with hand-computed values", "[core]", float, double,
                   std::complex<float>, std::complex<double>) {
  using R = dense::Real<TestType>;
  const R eps = std::numeric_limits<R>::epsilon();
  TestType a[4] = {TestType(3), TestType(0), TestType(4), TestType(5)}; // [3 4; 0 5]
  TestType g[4] = {};
  dense::herk<TestType>('L', 'C', 2, 2, R(1), a, 2, R(0), g, 2);
  CHECK(std::real(g[0]) == R(9));
  CHECK(std::real(g[1]) == R(12));
  CHECK(std::real(g[3]) == R(41));
  CHECK(dense::potrf<TestType>('L', 2, g, 2) == 0);
  CHECK(std::real(g[3]) == R(5));
  R s[2];
  REQUIRE(dense::singular_values<TestType>(2, 2, a, 2, s) == 0);
  CHECK(std::abs(s[0] - std::sqrt(R(45))) <= 8 * eps * s[0]);
  CHECK(std::abs(s[1] - std::sqrt(R(5))) <= 8 * eps * s[0]);
}

TEST_CASE("eigenvectors of a symmetric matrix", "[core]") {
  double a[9] = {2, 1,  0,  99, 2,
                 1, 99, 99, 2}; // tridiagonal (1, 2, 1); the upper triangle is unused
  double w[3];
  REQUIRE(dense::symmetric_eigen(3, a, w) == 0);
  const double root = std::sqrt(2.0);
  const double expected[] = {2 - root, 2, 2 + root};
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(std::abs(w[j] - expected[j]) <= 1e-15);
    const double *v = a + 3 * j;
    CHECK(std::abs(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] - 1) <= 1e-15);
    CHECK(std::abs(2 * v[0] + v[1] - w[j] * v[0]) <= 2e-15);
    CHECK(std::abs(v[0] + 2 * v[1] + v[2] - w[j] * v[1]) <= 2e-15);
  }
  CHECK(dense::symmetric_eigen(0, a, w) == 0);
}
