// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/multivector.h"
#include "harness/mpi_test.h"
#include "unit/sketching/matrices.h"
#include <cmath>
#include <limits>

using namespace lathe;
using namespace lathe::sketching;

namespace {

/// X(i, j) = f(global row, column).
template <class F> MultiVector fill(MPI_Comm comm, std::int64_t n, std::size_t k, F f) {
  const RowBlocks rows(comm, n);
  MultiVector X(rows, k);
  for (std::size_t j = 0; j < k; ++j)
    for (std::int64_t i = rows.range().begin; i < rows.range().end; ++i)
      X.view().column(j)[i - rows.range().begin] = f(i, j);
  return X;
}

double noise(std::int64_t i, std::size_t j, std::uint64_t seed = 5) {
  return random::normal(seed, j, static_cast<std::uint64_t>(i));
}

/// ‖I − QᵀQ‖_max.
double orthogonality_error(TallView Q) {
  std::vector<double> g(Q.cols * Q.cols);
  PETSC_OK(InnerProduct(Q, Q, g.data()));
  double worst = 0;
  for (std::size_t j = 0; j < Q.cols; ++j)
    for (std::size_t i = 0; i < Q.cols; ++i)
      worst = std::max(worst, std::abs(g[i + j * Q.cols] - (i == j ? 1.0 : 0.0)));
  return worst;
}

/// Largest distance of a column of Y from the range of Q over its length.
double distance(TallView Q, TallView Y) {
  std::vector<double> before(Y.cols);
  std::vector<double> after(Y.cols);
  std::vector<double> c(Q.cols * Y.cols);
  PETSC_OK(ColumnDots(Y, Y, before.data()));
  for (int twice = 0; twice < 2; ++twice) {
    PETSC_OK(InnerProduct(Q, Y, c.data()));
    subtract(Q, c.data(), Y);
  }
  PETSC_OK(ColumnDots(Y, Y, after.data()));
  double worst = 0;
  for (std::size_t j = 0; j < Y.cols; ++j)
    worst = std::max(worst, std::sqrt(after[j] / before[j]));
  return worst;
}

} // namespace

TEST_CASE("inner products of multivectors have the bits of one rank", "[sketching]") {
  for (const std::int64_t n : {1, 7, 511, 512, 513, 1500, 2600}) {
    const auto make = [n](MPI_Comm comm, std::size_t k, std::uint64_t seed) {
      return fill(comm, n, k, [&](std::int64_t i, std::size_t j) {
        return std::ldexp(noise(i, j, seed), 30 * static_cast<int>(j % 3) - 40);
      });
    };
    MultiVector X = make(PETSC_COMM_WORLD, 5, 1);
    MultiVector Y = make(PETSC_COMM_WORLD, 4, 2);
    MultiVector x = make(PETSC_COMM_SELF, 5, 1);
    MultiVector y = make(PETSC_COMM_SELF, 4, 2);
    std::vector<double> c(20), serial(20), dots(4), serial_dots(4);
    PETSC_OK(InnerProduct(X.view(), Y.view(), c.data()));
    PETSC_OK(InnerProduct(x.view(), y.view(), serial.data()));
    CHECK_ALL(c == serial);
    // Ranks without rows know nothing of the size of the entries.
    PETSC_OK(InnerProduct(X.columns(0, 2), Y.view(), c.data(), Entries::at_most_one));
    PETSC_OK(InnerProduct(x.columns(0, 2), y.view(), serial.data(), Entries::at_most_one));
    CHECK_ALL(c == serial);
    PETSC_OK(ColumnDots(X.columns(0, 4), Y.view(), dots.data()));
    PETSC_OK(ColumnDots(x.columns(0, 4), y.view(), serial_dots.data()));
    CHECK_ALL(dots == serial_dots);
    std::vector<double> gram(25), serial_gram(25), product(25);
    PETSC_OK(GramMatrix(X.view(), gram.data()));
    PETSC_OK(GramMatrix(x.view(), serial_gram.data()));
    PETSC_OK(InnerProduct(x.view(), x.view(), product.data()));
    CHECK_ALL(gram == serial_gram);
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 5; ++j) { // BLAS may add in another order
        const double size = std::sqrt(product[6 * i]) * std::sqrt(product[6 * j]);
        CHECK_ALL(std::abs(gram[i + 5 * j] - product[i + 5 * j]) <= 512 * 0x1p-52 * size);
        CHECK_ALL(gram[i + 5 * j] == gram[j + 5 * i]);
      }
    // Against the sum in long double.
    long double sum = 0;
    long double size = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const long double p = static_cast<long double>(x.view().column(1)[i]) * y.view().column(3)[i];
      sum += p;
      size += std::abs(p);
    }
    CHECK_ALL(std::abs(c[1 + 3 * 5] - static_cast<double>(sum)) <= 512 * 0x1p-52 * size);
  }
}

TEST_CASE("orthonormal bases of matrices of any condition", "[sketching]") {
  const std::int64_t n = 1300;
  const std::size_t k = 40;
  double worst = 0;
  const std::vector<double> x = test::gaussian(n, k, 1);
  const std::vector<double> g = test::gaussian(k, k, 2);
  for (const double decay : {1.0, 0.9, 0.5, 0.3, 0.05}) {
    // Columns that become parallel: Y = X·diag(decay^j)·G.
    std::vector<double> scale;
    for (std::size_t l = 0; l < k; ++l)
      scale.push_back(std::pow(decay, l));
    const auto make = [&](MPI_Comm comm) {
      return fill(comm, n, k, [&](std::int64_t i, std::size_t j) {
        double sum = 0;
        for (std::size_t l = 0; l < k; ++l)
          sum += x[static_cast<std::size_t>(i) + l * n] * scale[l] * g[l + j * k];
        return sum;
      });
    };
    MultiVector Y = make(PETSC_COMM_WORLD);
    MultiVector Q = make(PETSC_COMM_WORLD);
    std::vector<std::size_t> columns;
    PETSC_OK(Orthonormalize(Q.view(), &columns));
    const TallView basis = Q.columns(0, columns.size());
    worst = std::max(worst, orthogonality_error(basis));
    CHECK_ALL(distance(basis, Y.view()) <= 3 * static_cast<double>(k) * 0x1p-52);
    // Numerical rank: decay^r ~ 1e-14.
    const double expected = std::min<double>(k, decay < 1 ? std::log(1e-14) / std::log(decay) : k);
    INFO("decay " << decay << ": rank " << columns.size() << ", expected " << expected);
    CHECK_ALL(std::abs(static_cast<double>(columns.size()) - expected) <= 4 + 0.05 * expected);
    MultiVector serial = make(PETSC_COMM_SELF);
    std::vector<std::size_t> serial_columns;
    PETSC_OK(Orthonormalize(serial.view(), &serial_columns));
    REQUIRE_ALL(columns == serial_columns);
    bool same = true;
    for (std::size_t j = 0; j < columns.size(); ++j)
      for (std::size_t i = 0; i < Q.view().rows.local(); ++i)
        same = same &&
               basis.column(j)[i] ==
                   serial.view().column(j)[static_cast<std::size_t>(basis.rows.range().begin) + i];
    CHECK_ALL(same);
  }
  WARN("worst |I - Q'Q| " << worst);
  CHECK(worst <= 1e-14 * static_cast<double>(k));
}

TEST_CASE("orthonormal bases leave dependent, zero and tiny columns as they should",
          "[sketching]") {
  // 0: x, 1: 0, 2: 2x, 3: y, 4: x + y, 5: 1e-140·z, 6: 1e130·w
  MultiVector Y = fill(PETSC_COMM_WORLD, 700, 7, [](std::int64_t i, std::size_t j) {
    const double x = noise(i, 0), y = noise(i, 1);
    const double columns[] = {x, 0, 2 * x, y, x + y, 1e-140 * noise(i, 2), 1e130 * noise(i, 3)};
    return columns[j];
  });
  std::vector<std::size_t> columns;
  PETSC_OK(Orthonormalize(Y.view(), &columns));
  CHECK_ALL(columns.size() == 4);
  CHECK_ALL(orthogonality_error(Y.columns(0, 4)) < 1e-14);
  MultiVector zero(RowBlocks(PETSC_COMM_WORLD, 700), 3);
  PETSC_OK(Orthonormalize(zero.view(), &columns));
  CHECK_ALL(columns.empty());
  MultiVector poisoned = fill(PETSC_COMM_WORLD, 700, 3, [](std::int64_t i, std::size_t j) {
    return i == 699 && j == 1 ? std::nan("") : noise(i, j);
  });
  CHECK_ALL(test::catch_error([&] { return Orthonormalize(poisoned.view(), &columns); }).code ==
            PETSC_ERR_FP);
}

TEST_CASE("test vectors depend on seed, column and row alone", "[sketching]") {
  for (const auto kind : {TestVectors::rademacher, TestVectors::gaussian, TestVectors::sphere}) {
    MultiVector X(RowBlocks(PETSC_COMM_WORLD, 1234), 6);
    MultiVector x(RowBlocks(PETSC_COMM_SELF, 1234), 4);
    PETSC_OK(FillTestVectors(kind, 3, 0, X.view()));
    PETSC_OK(FillTestVectors(kind, 3, 2, x.view()));
    bool same = true;
    const auto begin = static_cast<std::size_t>(X.view().rows.range().begin);
    for (std::size_t j = 0; j < 4; ++j)
      for (std::size_t i = 0; i < X.view().rows.local(); ++i)
        same = same && X.view().column(j + 2)[i] == x.view().column(j)[begin + i];
    CHECK_ALL(same);
    std::vector<double> g(36);
    PETSC_OK(InnerProduct(X.view(), X.view(), g.data()));
    for (std::size_t j = 0; j < 6; ++j) {
      // Length √n, exactly but for Gaussian vectors; nearly orthogonal.
      CHECK_ALL(std::abs(g[j + 6 * j] - 1234) <=
                (kind == TestVectors::gaussian ? 5 * std::sqrt(2 * 1234.0) : 1e-11));
      for (std::size_t i = 0; i < j; ++i)
        CHECK_ALL(std::abs(g[i + 6 * j]) <= 5 * std::sqrt(1234.0));
    }
  }
}
