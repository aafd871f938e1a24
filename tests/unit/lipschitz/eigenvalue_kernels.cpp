// SPDX-License-Identifier: BSD-2-Clause
#include "dense_matrices.h"
#include "harness/mpi_test.h"
#include "high_precision.h"
#include "lipschitz/hermitian_lanczos.h"
#include "lipschitz/residual_bound.h"
#include "lipschitz/shifted_cholesky.h"
#include "special_matrices.h"
#include <cmath>
#include <limits>

using namespace lathe;
using namespace lathe::lipschitz;
using test::Matrix;

TEMPLATE_TEST_CASE("Lanczos finds the largest eigenvalue of Gram matrices", "[lipschitz]", float,
                   double, std::complex<float>, std::complex<double>) {
  using R = dense::Real<TestType>;
  const double eps = std::numeric_limits<R>::epsilon();
  for (const std::size_t n : {1U, 2U, 3U, 7U, 40U, 130U}) {
    const auto a = test::gaussian<TestType>(n + 5, n, 11 * n);
    const auto g = test::gram(a);
    auto copy = a;
    std::vector<R> s(n);
    REQUIRE(dense::singular_values<TestType>(n + 5, n, copy.entries.data(), n + 5, s.data()) == 0);
    const double exact = static_cast<double>(s[0]) * s[0];
    HermitianLanczos<TestType> lanczos(n);
    std::vector<TestType> x(n);
    const LanczosResult r = lanczos.run(g.view(), {.tolerance = 4 * eps}, x.data());
    INFO("n = " << n << ", relative error " << r.value / exact - 1 << ", products " << r.products);
    CHECK(r.converged);
    CHECK(std::fabs(r.value - exact) <= 20 * static_cast<double>(n + 4) * eps * exact);
    const LanczosResult again = lanczos.run(g.view(), {.tolerance = 4 * eps}, x.data(), true);
    CHECK(again.products <= 4);
  }
}

TEST_CASE("Lanczos on special matrices", "[lipschitz]") {
  HermitianLanczos<double> lanczos(6, 3);
  std::vector<double> x(6);
  Matrix<double> g(6, 6);
  SECTION("zero") {
    const auto r = lanczos.run(g.view(), {}, x.data());
    CHECK(r.value == 0);
    CHECK(r.converged);
  }
  SECTION("identity: an invariant subspace after one step") {
    for (std::size_t i = 0; i < 6; ++i)
      g(i, i) = 1;
    const auto r = lanczos.run(g.view(), {}, x.data());
    CHECK(std::fabs(r.value - 1) < 1e-15);
    CHECK(r.products == 1);
  }
  SECTION("more eigenvalues than basis vectors: restarts") {
    for (std::size_t i = 0; i < 6; ++i)
      g(i, i) = static_cast<double>(i + 1);
    const auto r = lanczos.run(g.view(), {.max_restarts = 60}, x.data());
    CHECK(std::fabs(r.value - 6) < 1e-13);
  }
  SECTION("a start orthogonal to the top eigenvector is caught by the factorisation") {
    for (std::size_t i = 0; i < 6; ++i)
      g(i, i) = i == 3 ? 2.0 : 1.0;
    x = {1, 0, 0, 0, 0, 0};
    const auto stuck = lanczos.run(g.view(), {}, x.data(), true);
    CHECK(stuck.value == 1);
    std::vector<double> work(36);
    const auto c = shifted_cholesky<double>(g.view(), 1.5, work.data(), nullptr, x.data());
    CHECK_FALSE(c.positive);
    CHECK(c.pivot == 4);
    CHECK(std::fabs(lanczos.run(g.view(), {}, x.data(), true).value - 2) < 1e-14);
  }
}

TEMPLATE_TEST_CASE("shifted Cholesky certifies above and refuses below", "[lipschitz]", float,
                   double, std::complex<float>, std::complex<double>) {
  using R = dense::Real<TestType>;
  const double eps = std::numeric_limits<R>::epsilon();
  for (const std::size_t n : {1U, 5U, 64U, 256U, 257U, 600U}) {
    const double scale = 1.0 / static_cast<double>(4 * n);
    auto g = test::gram(test::gaussian<TestType>(n, n, n));
    for (auto &e : g.entries)
      e *= static_cast<R>(scale);
    HermitianLanczos<TestType> lanczos(n);
    std::vector<TestType> x(n), work(n * n), panel(n * cholesky_block);
    const double value = lanczos.run(g.view(), {.tolerance = eps}, x.data()).value;
    const double margin = 1 + 64 * static_cast<double>(n) * eps;
    const auto above =
        shifted_cholesky<TestType>(g.view(), value * margin, work.data(), panel.data(), nullptr);
    INFO("n = " << n << ", lambda = " << value << ", upper = " << above.upper);
    CHECK(above.positive);
    CHECK(above.upper >= value);
    const double size = static_cast<double>(n);
    CHECK(above.upper <= value * margin * (1 + 3 * eps * (size + 8) * std::min(size, 300.0) * 4));
    const auto below = shifted_cholesky<TestType>(g.view(), value * (1 - 1e-3), work.data(),
                                                  panel.data(), x.data());
    CHECK_FALSE(below.positive);
    CHECK(std::isinf(below.upper));
    // The direction has a Rayleigh quotient of at least τ.
    std::vector<TestType> y(n);
    dense::hemv<TestType>('L', n, 1, g.entries.data(), n, x.data(), 0, y.data());
    double quotient = 0, norm = 0;
    for (std::size_t i = 0; i < n; ++i) {
      quotient += std::real(std::complex<double>(x[i]) * std::conj(std::complex<double>(y[i])));
      norm += std::norm(std::complex<double>(x[i]));
    }
    CHECK(quotient >= (1 - 1e-3 - 100 * size * eps) * value * norm);
  }
}

TEST_CASE("shifted Cholesky takes no NaN for success", "[lipschitz]") {
  Matrix<double> g(3, 3);
  g(1, 0) = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> work(9);
  CHECK_FALSE(shifted_cholesky<double>(g.view(), 1.0, work.data(), nullptr, nullptr).positive);
}

TEMPLATE_TEST_CASE("the residual of any factor bounds the norm", "[lipschitz]", double,
                   std::complex<double>) {
  double sharpest = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const std::size_t n = 1 + seed % 5, m = n + seed % 4;
    auto a = test::gaussian<TestType>(m, n, seed);
    if (seed % 3 == 1 && n > 1) // entries whose leading part is zero, down to subnormal
      for (std::size_t i = 0; i < m; ++i)
        a(i, n - 1) *= std::ldexp(1.0, -static_cast<int>(random::below(1100, seed, 3, i)));
    const test::Mp norm = test::spectral_norm(test::embed(a.view()));
    const test::Mp square = norm * norm * (1 - 2 * test::Mp(test::mp_accuracy));
    const auto exact = static_cast<double>(square);
    const auto g = test::gram(a);
    std::vector<TestType> l(n * n);
    const dense::View<const TestType> factor = {l.data(), n, n, n};
    const double tau = exact * (1 + 1e-14);
    REQUIRE(shifted_cholesky<TestType>(g.view(), tau, l.data(), nullptr, nullptr).positive);
    const double sharp = residual_bound<TestType>(a.view(), tau, factor);
    CHECK(test::Mp(sharp) >= square);
    sharpest = std::max(sharpest, sharp / tau - 1);
    // Whatever the factor and the shift are.
    for (std::size_t e = 0; e < l.size(); ++e)
      l[e] *= 1 + 1e-3 * random::normal(seed, 8, e);
    CHECK(test::Mp(residual_bound<TestType>(a.view(), tau, factor)) >= square);
    CHECK(test::Mp(residual_bound<TestType>(a.view(), 0.3 * exact, factor)) >= square);
    std::fill(l.begin(), l.end(), TestType(0));
    CHECK(test::Mp(residual_bound<TestType>(a.view(), 0.5 * exact, factor)) >= square);
    l[0] = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isinf(residual_bound<TestType>(a.view(), tau, factor)));
  }
  WARN("largest relative excess over the shift " << sharpest);
  CHECK(sharpest <= 1e-14);
}
