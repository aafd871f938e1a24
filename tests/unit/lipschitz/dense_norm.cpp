// SPDX-License-Identifier: BSD-2-Clause
#include "harness/mpi_test.h"
#include "high_precision.h"
#include "lipschitz/dense_norm.h"
#include "lipschitz/vector_norm.h"
#include "special_matrices.h"
#include <cmath>
#include <limits>

using namespace lathe;
using namespace lathe::lipschitz;
using test::Matrix;
using test::Mp;

namespace {

struct Tally {
  int cases = 0, upper_below = 0, lower_above = 0, gram_below = 0, moment_below = 0;
  double widest = 0; // relative to 1e-13·c
  std::string worst;
};

/// Random shape, kind and scalar values by number; the three methods against 50 digits.
template <class T> void examine(std::uint64_t seed, Tally &tally) {
  const std::size_t m = 1 + random::below(7, seed, 20, 0);
  const std::size_t n = 1 + random::below(7, seed, 20, 1);
  const int kind = static_cast<int>(random::below(test::special_kinds, seed, 20, 2));
  const Matrix<T> a = test::special<T>(kind, m, n, seed);
  const Mp exact = test::spectral_norm(test::embed(a.view()));
  const Mp low = exact * (1 - Mp(test::mp_accuracy)), high = exact * (1 + Mp(test::mp_accuracy));
  const NormBracket b = dense_norm(a.view());
  ++tally.cases;
  tally.upper_below += Mp(b.upper) < low ? 1 : 0;
  tally.lower_above += Mp(b.lower) > high ? 1 : 0;
  const double c = static_cast<double>(std::min(m, n));
  // A subnormal norm or one beyond the largest double has the resolution of the format only.
  if (b.upper > 0x1p-970 && std::isfinite(b.upper)) {
    const double width = relative_width(b) / (1e-13 * c);
    if (width > tally.widest) {
      tally.widest = width;
      tally.worst = test::special_names[kind] + (" " + std::to_string(m)) + "x" + std::to_string(n);
    }
  }
  DenseNormOptions options;
  options.method = DenseNormMethod::gram;
  options.gram_steps = 1 + static_cast<int>(random::below(14, seed, 20, 3));
  const NormBracket g = dense_norm(a.view(), options);
  tally.gram_below += Mp(g.upper) < low || Mp(g.lower) > high ? 1 : 0;
  options.method = DenseNormMethod::moment;
  tally.moment_below += Mp(dense_norm(a.view(), options).upper) < low ? 1 : 0;
}

} // namespace

TEST_CASE("ten thousand brackets hold the 50-digit norm", "[lipschitz]") {
  Tally tally;
  for (std::uint64_t seed = 0; seed < 6000; ++seed)
    examine<double>(seed, tally);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    examine<std::complex<double>>(seed + 100000, tally);
    examine<float>(seed + 200000, tally);
  }
  for (std::uint64_t seed = 0; seed < 500; ++seed)
    examine<std::complex<float>>(seed + 300000, tally);
  WARN(tally.cases << " cases; widest bracket " << tally.widest << " x 1e-13 c (" << tally.worst
                   << ")");
  CHECK(tally.cases >= 10000);
  CHECK(tally.upper_below == 0);
  CHECK(tally.lower_above == 0);
  CHECK(tally.gram_below == 0);
  CHECK(tally.moment_below == 0);
  CHECK(tally.widest <= 1);
}

TEST_CASE("brackets of middle-sized matrices of every kind", "[lipschitz]") {
  double widest = 0;
  std::string worst;
  for (int kind = 0; kind < test::special_kinds; ++kind)
    for (const auto &[m, n] : {std::pair{17, 24}, {32, 20}}) {
      const auto a = test::special<double>(kind, m, n, 77);
      const Mp exact = test::spectral_norm(test::embed(a.view()));
      const NormBracket b = dense_norm(a.view());
      INFO(test::special_names[kind] << " " << m << "x" << n << ": [" << b.lower << ", " << b.upper
                                     << "] " << b.method);
      CHECK(Mp(b.upper) >= exact * (1 - Mp(test::mp_accuracy)));
      CHECK(Mp(b.lower) <= exact * (1 + Mp(test::mp_accuracy)));
      const double width = relative_width(b) / (1e-13 * static_cast<double>(std::min(m, n)));
      if (std::isfinite(b.upper) && b.upper > 0x1p-970 && width > widest) {
        widest = width;
        worst = test::special_names[kind];
      }
    }
  WARN("widest at c = 17, 20: 1e-13 c x " << widest << " (" << worst << ")");
  CHECK(widest <= 1);
}

TEST_CASE("width of large brackets", "[lipschitz]") {
  for (const auto &[n, bar] : {std::pair{64, 5e-14}, {512, 2e-13}}) {
    for (const int kind : {0, 1, 5, 6}) {
      const auto size = static_cast<std::size_t>(n);
      const auto a = test::special<double>(kind, size, size, 3);
      DenseNormReport report;
      std::vector<double> v;
      const NormBracket b = dense_norm(a.view(), {}, &report, &v);
      auto copy = a;
      std::vector<double> s(size);
      REQUIRE(dense::singular_values<double>(size, size, copy.entries.data(), size, s.data()) == 0);
      WARN(test::special_names[kind] << " c = " << n << ": width " << relative_width(b) << ", "
                                     << report.lanczos_products << " products, "
                                     << report.factorizations << " factorisations, " << b.method);
      CHECK(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
      CHECK(relative_width(b) <= bar);
      CHECK(b.lower <= s[0] * (1 + 1e-13));
      CHECK(b.upper >= s[0] * (1 - 1e-13));
      // The witness has the quotient that `lower` claims.
      std::vector<double> y(size);
      dense::gemv<double>('N', size, size, 1, a.entries.data(), size, v.data(), 0, y.data());
      const double quotient = vector_norm(size, y.data()).lower / vector_norm(size, v.data()).upper;
      CHECK(std::fabs(quotient / b.lower - 1) <= bar);
    }
  }
}

TEST_CASE("the tolerance is met and no more is spent", "[lipschitz]") {
  const auto a = test::gaussian<double>(150, 100, 5);
  DenseNormReport tight, loose;
  DenseNormOptions options;
  for (const double tolerance : {1e-2, 1e-4, 1e-8, 1e-12}) {
    options.tolerance = tolerance;
    const NormBracket b = dense_norm(a.view(), options, &loose);
    CHECK(b.upper <= (1 + tolerance) * b.lower);
    CHECK(loose.factorizations == 1);
  }
  options.tolerance = 1e-2;
  (void)dense_norm(a.view(), options, &loose);
  (void)dense_norm(a.view(), {}, &tight);
  CHECK(loose.lanczos_products < tight.lanczos_products);
}

TEST_CASE("exact results", "[lipschitz]") {
  const auto exact = [](const Matrix<double> &a, double norm) {
    const NormBracket b = dense_norm(a.view());
    CHECK(b.lower == norm);
    CHECK(b.upper == norm);
    CHECK(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
  };
  exact(Matrix<double>(0, 0), 0);
  exact(Matrix<double>(0, 5), 0);
  exact(Matrix<double>(5, 0), 0);
  exact(Matrix<double>(4, 3), 0);
  for (const double scale : {1.0, 0x1p1000, 0x1p-1000, 0x1p-1073}) {
    Matrix<double> one(1, 1), row(1, 2), column(3, 1);
    one(0, 0) = -scale;
    exact(one, scale);
    row(0, 0) = 3 * scale;
    row(0, 1) = 4 * scale;
    exact(row, 5 * scale);
    column(0, 0) = 2 * scale;
    column(1, 0) = -3 * scale;
    column(2, 0) = 6 * scale;
    exact(column, 7 * scale);
  }
  Matrix<std::complex<double>> z(1, 1);
  z(0, 0) = {5, -12};
  CHECK(dense_norm(z.view()).lower == 13);
  CHECK(dense_norm(z.view()).upper == 13);
  // The far entry underflows when the large one is scaled to 1, but is not forgotten.
  Matrix<double> far(2, 1);
  far(0, 0) = 0x1p1000;
  far(1, 0) = 0x1p-1000;
  const NormBracket b = dense_norm(far.view());
  CHECK(b.lower <= 0x1p1000);
  CHECK(b.upper == std::nextafter(0x1p1000, std::numeric_limits<double>::infinity()));
  // Beyond the largest double.
  Matrix<double> huge(2, 2);
  for (double &e : huge.entries)
    e = std::numeric_limits<double>::max();
  CHECK(std::isinf(dense_norm(huge.view()).upper));
  CHECK(dense_norm(huge.view()).lower == std::numeric_limits<double>::max());
}

TEST_CASE("vector norms are neighbours around the exact value", "[lipschitz]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::size_t n = 1 + seed % 40;
    const auto x = test::gaussian<double>(n, 1, seed);
    const Mp exact = test::spectral_norm(test::embed(x.view()));
    const NormInterval norm = vector_norm(n, x.entries.data());
    CHECK(Mp(norm.lower) <= exact);
    CHECK(Mp(norm.upper) >= exact);
    CHECK(norm.upper <= std::nextafter(norm.lower, 100.0));
  }
}

TEST_CASE("a view with a leading dimension reads no padding", "[lipschitz]") {
  auto a = test::gaussian<double>(9, 6, 4);
  const dense::View<const double> inside = {&a(2, 1), 5, 4, 9};
  Matrix<double> copy(5, 4);
  for (std::size_t j = 0; j < 4; ++j)
    for (std::size_t i = 0; i < 5; ++i)
      copy(i, j) = inside(i, j);
  a(0, 2) = std::numeric_limits<double>::quiet_NaN();
  const NormBracket x = dense_norm(inside), y = dense_norm(copy.view());
  CHECK(x.lower == y.lower);
  CHECK(x.upper == y.upper);
}

TEST_CASE("a power of two passes through exactly", "[lipschitz]") {
  const auto a = test::gaussian<double>(12, 8, 4);
  const NormBracket plain = dense_norm(a.view());
  for (const int e : {-900, -300, -60, 60, 300, 900}) {
    auto scaled = a;
    for (double &x : scaled.entries)
      x = std::ldexp(x, e);
    const NormBracket b = dense_norm(scaled.view());
    CHECK(b.lower == std::ldexp(plain.lower, e));
    CHECK(b.upper == std::ldexp(plain.upper, e));
  }
}

TEST_CASE("refused input", "[lipschitz]") {
  DenseNormReport report;
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity()}) {
    auto a = test::gaussian<double>(20, 11, 1);
    a(13, 7) = bad;
    a(17, 7) = bad;
    a(2, 9) = bad;
    const NormBracket b = dense_norm(a.view(), {}, &report);
    CHECK(std::isnan(b.upper));
    CHECK(b.certificate == LATHE_CERTIFICATE_ESTIMATE);
    CHECK(report.status == DenseNormStatus::not_finite);
    CHECK(report.row == 13);
    CHECK(report.column == 7);
    CHECK_THAT(report.message, Catch::Contains("(13, 7)"));
  }
  Matrix<std::complex<float>> z(3, 2);
  z(2, 1) = {0, std::numeric_limits<float>::infinity()};
  (void)dense_norm(z.view(), {}, &report);
  CHECK(report.row == 2);
  CHECK(report.column == 1);
  const auto a = test::gaussian<double>(3, 3, 1);
  for (const double tolerance : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(std::isnan(dense_norm(a.view(), {.tolerance = tolerance}, &report).lower));
    CHECK(report.status == DenseNormStatus::bad_tolerance);
    CHECK_THAT(report.message, Catch::Contains("tolerance"));
  }
  for (const int steps : {-1, 0, 61}) {
    (void)dense_norm(a.view(), {.method = DenseNormMethod::gram, .gram_steps = steps}, &report);
    CHECK(report.status == DenseNormStatus::bad_gram_steps);
    CHECK_THAT(report.message, Catch::Contains(std::to_string(steps)));
  }
}
