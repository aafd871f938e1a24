// SPDX-License-Identifier: BSD-2-Clause
#include "core/sparse_cholesky.h"
#include "core/nested_dissection.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>
#include <map>

using namespace lathe;

namespace {

/// Random Hermitian pattern with `degree` neighbours a vertex, in `parts` separate pieces.
template <class T>
SparseRows<T> random_hermitian(std::size_t n, std::size_t degree, std::size_t parts,
                               std::uint64_t seed) {
  std::vector<std::map<std::int32_t, T>> rows(n);
  for (std::size_t i = 0; i < n; ++i) {
    rows[i][static_cast<std::int32_t>(i)] = T(random::normal(seed, 1, i));
    for (std::size_t k = 0; k < degree; ++k) {
      const std::uint64_t index = i * degree + k;
      std::size_t j = random::below(n, seed, 2, index);
      j = j - j % parts + i % parts;
      if (j >= n || j == i)
        continue;
      T value = T(random::normal(seed, 3, index));
      if constexpr (dense::is_complex<T>)
        value += T(0, random::normal(seed, 4, index));
      rows[i][static_cast<std::int32_t>(j)] = value;
      if constexpr (dense::is_complex<T>)
        value = std::conj(value);
      rows[j][static_cast<std::int32_t>(i)] = value;
    }
  }
  SparseRows<T> h;
  for (const auto &row : rows) {
    for (const auto &[column, value] : row) {
      h.column.push_back(column);
      h.value.push_back(value);
    }
    h.offset.push_back(h.column.size());
  }
  return h;
}

/// Largest eigenvalue by LAPACK's singular values of H + shift·I, which is positive definite.
template <class T> double largest_eigenvalue(const SparseRows<T> &h, double shift) {
  const std::size_t n = h.order();
  std::vector<T> full(n * n, T(0));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = h.offset[i]; k < h.offset[i + 1]; ++k)
      full[i + static_cast<std::size_t>(h.column[k]) * n] = h.value[k];
    full[i + i * n] += shift;
  }
  std::vector<double> s(n);
  REQUIRE(dense::singular_values<T>(n, n, full.data(), n, s.data()) == 0);
  return s[0] - shift;
}

template <class T> double gershgorin(const SparseRows<T> &h) {
  double bound = 0;
  for (std::size_t i = 0; i < h.order(); ++i) {
    double sum = 0;
    for (std::size_t k = h.offset[i]; k < h.offset[i + 1]; ++k)
      sum += std::abs(h.value[k]);
    bound = std::max(bound, sum);
  }
  return bound;
}

} // namespace

TEST_CASE("nested dissection orders every vertex once", "[core]") {
  for (const std::size_t n : {0, 1, 2, 63, 64, 65, 200, 1000})
    for (const std::size_t degree : {0, 1, 2, 6, 40})
      for (const std::size_t parts : {1, 3}) {
        const SparseRows<double> h = random_hermitian<double>(n, degree, parts, n + degree);
        std::vector<std::int32_t> order;
        REQUIRE(nested_dissection(n, h.offset.data(), h.column.data(), 1e12, order));
        std::sort(order.begin(), order.end());
        bool permutation = order.size() == n;
        for (std::size_t i = 0; i < order.size(); ++i)
          permutation = permutation && order[i] == static_cast<std::int32_t>(i);
        CHECK(permutation);
      }
}

TEST_CASE("nested dissection gives up on an expander and not on a path", "[core]") {
  const SparseRows<double> expander = random_hermitian<double>(3000, 6, 1, 7);
  std::vector<std::int32_t> order;
  CHECK_FALSE(nested_dissection(3000, expander.offset.data(), expander.column.data(), 5e4, order));
  std::vector<std::size_t> offset{0};
  std::vector<std::int32_t> neighbour;
  for (std::int32_t i = 0; i < 3000; ++i) {
    if (i > 0)
      neighbour.push_back(i - 1);
    if (i < 2999)
      neighbour.push_back(i + 1);
    offset.push_back(neighbour.size());
  }
  CHECK(nested_dissection(3000, offset.data(), neighbour.data(), 3000, order));
}

TEMPLATE_TEST_CASE("sparse Cholesky solves, refuses and bounds its rounding", "[core]", double,
                   std::complex<double>) {
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const std::size_t n = 1 + random::below(150, seed, 0, 0);
    const std::size_t degree = random::below(7, seed, 0, 1), parts = 1 + seed % 3;
    const SparseRows<TestType> h = random_hermitian<TestType>(n, degree, parts, seed);
    SparseCholesky<TestType> factor;
    REQUIRE(factor.analyse(h, 1e9));
    CHECK(factor.entries() >= static_cast<double>(n));
    CHECK_FALSE(SparseCholesky<TestType>().analyse(h, factor.entries() - 1));
    const double all = gershgorin(h), top = largest_eigenvalue(h, all);
    INFO("seed " << seed << ", order " << n << ", top " << top);
    // Just above the spectrum it succeeds, just below it fails.
    const double margin = 1e-12 * all;
    CHECK_FALSE(factor.factor(h, top - margin, -1));
    REQUIRE(factor.factor(h, top + margin, -1));
    CHECK(factor.rounding() <= 1e-15 * static_cast<double>(n + 20) * all);
    REQUIRE(factor.factor(h, 2 * all, 1));
    std::vector<TestType> x(n), b(n);
    for (std::size_t i = 0; i < n; ++i)
      x[i] = b[i] = TestType(random::normal(seed, 9, i));
    factor.solve(x.data());
    for (std::size_t i = 0; i < n; ++i) {
      TestType r = 2 * all * x[i] - b[i];
      for (std::size_t k = h.offset[i]; k < h.offset[i + 1]; ++k)
        r += h.value[k] * x[static_cast<std::size_t>(h.column[k])];
      worst = std::max(worst, std::abs(r));
    }
  }
  CHECK(worst <= 1e-14);
}

TEST_CASE("sparse Cholesky predicts the fill exactly", "[core]") {
  // A star whose centre is eliminated last has no fill; a clique is full.
  SparseRows<double> star, clique;
  const std::int32_t n = 100;
  for (std::int32_t i = 0; i < n; ++i) {
    for (std::int32_t j = 0; j < n; ++j) {
      clique.column.push_back(j);
      clique.value.push_back(i == j ? 100.0 : 0.5);
      if (i == j || i == 0 || j == 0) {
        star.column.push_back(j);
        star.value.push_back(i == j ? 100.0 : 0.5);
      }
    }
    star.offset.push_back(star.column.size());
    clique.offset.push_back(clique.column.size());
  }
  SparseCholesky<double> a, b;
  REQUIRE(a.analyse(star, 1e6));
  CHECK(a.entries() == 199);
  REQUIRE(b.analyse(clique, 1e6));
  CHECK(b.entries() == 5050);
  CHECK(a.factor(star, 0, 1));
  CHECK_FALSE(b.factor(clique, -200, 1));
  star.value[0] = std::nan("");
  CHECK_FALSE(a.factor(star, 0, 1));
}
