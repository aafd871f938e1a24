// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/gram_iteration.h"
#include "harness/mpi_test.h"
#include "high_precision.h"
#include "lipschitz/dense_norm.h"
#include "special_matrices.h"
#include <cmath>
#include <limits>

using namespace lathe;
using namespace lathe::lipschitz;
using test::Matrix;
using test::Mp;
using Complex = std::complex<double>;

namespace {

template <class T> constexpr int copies = dense::is_complex<T> ? 2 : 1;

double relative(double x, const Mp &exact) {
  return static_cast<double>(abs(Mp(x) / exact - 1));
}

/// Entries (x >> 12)/2¹⁹ − 1 of the generator x ← 1664525·x + 1013904223 mod 2³², row by row.
Matrix<double> worked_example(std::uint32_t seed) {
  Matrix<double> a(6, 4);
  std::uint32_t x = seed;
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < a.cols; ++j) {
      x = 1664525U * x + 1013904223U;
      a(i, j) = static_cast<double>(x >> 12) / 524288.0 - 1;
    }
  return a;
}

/// Bound and gradient against 50 digits; largest error of the gradient relative to its norm ≤ 1.
template <class T> void check_gradient(const Matrix<T> &a, int t, double &worst) {
  const test::MpMatrix x = test::embed(a.view());
  const test::MpMatrix exact = test::schatten_gradient(x, t, copies<T>);
  std::vector<T> gradient(a.entries.size());
  const double b = gram_gradient(a.view(), t, gradient.data(), a.rows);
  CHECK(relative(b, test::schatten_norm(x, t, copies<T>)) <= 4e-15 * (t + 1));
  Mp difference = 0, size = 0;
  for (std::size_t j = 0; j < a.cols; ++j)
    for (std::size_t i = 0; i < a.rows; ++i) {
      const Mp re = Mp(std::real(gradient[i + j * a.rows])) - exact(i, j);
      Mp im = 0;
      if constexpr (dense::is_complex<T>)
        im = Mp(std::imag(gradient[i + j * a.rows])) - exact(i + a.rows, j);
      difference += re * re + im * im;
      size += exact(i, j) * exact(i, j);
    }
  if (!dense::is_complex<T>)
    worst = std::max(worst, static_cast<double>(sqrt(difference / size)));
  else
    worst = std::max(worst, static_cast<double>(sqrt(difference)));
}

} // namespace

TEST_CASE("worked values of the Gram iteration", "[lipschitz]") {
  const Matrix<double> a = worked_example(901);
  CHECK(a(0, 0) == 0.1705036163330078);
  CHECK(a(0, 1) == -0.9946823120117188);
  const char *bounds[] = {"2.743072688533135020", "2.291473365227561844", "2.221939195578228974",
                          "2.218785195816077210", "2.218770669529134235", "2.218770668793546107"};
  for (int t = 0; t < 6; ++t)
    CHECK(relative(gram_bound(a.view(), t), Mp(bounds[t])) <= 4e-15 * (t + 1));
  const Mp norm("2.218770668793546103175");
  const NormBracket bracket = dense_norm(a.view());
  CHECK(Mp(bracket.lower) <= norm);
  CHECK(Mp(bracket.upper) >= norm);
  std::vector<double> g(24);
  (void)gram_gradient(a.view(), 1, g.data(), 6);
  CHECK(relative(g[0], Mp("0.23380347914118446")) <= 1e-14);
  CHECK(relative(g[23], Mp("0.24954269312663277")) <= 1e-14);
  (void)gram_gradient(a.view(), 4, g.data(), 6);
  CHECK(relative(g[0], Mp("0.30295848282638322")) <= 1e-14);
  CHECK(relative(g[23], Mp("0.25525762599993156")) <= 1e-14);
}

TEMPLATE_TEST_CASE("bounds are Schatten norms at any scale", "[lipschitz]", double, Complex,
                   float) {
  double worst = 0;
  for (int kind = 0; kind < test::special_kinds; ++kind)
    for (const auto &[m, n] : {std::pair{5, 3}, {4, 6}}) {
      const auto a = test::special<TestType>(kind, m, n, 40 + kind);
      if (kind == 11 || kind == 14)
        continue; // results without double's full precision, or beyond its range
      const test::MpMatrix x = test::embed(a.view());
      const Mp norm = test::spectral_norm(x) * (1 - Mp(test::mp_accuracy));
      double last = std::numeric_limits<double>::infinity();
      for (int t = 0; t <= 10; ++t) {
        const double b = gram_bound(a.view(), t), up = gram_upper_bound(a.view(), t);
        const Mp exact = test::schatten_norm(x, t, copies<TestType>);
        INFO(test::special_names[kind] << " " << m << "x" << n << ", t = " << t << ": " << b);
        worst = std::max(worst, relative(b, exact) / (4e-15 * (t + 1)));
        CHECK(relative(b, exact) <= 4e-15 * (t + 1));
        CHECK(b <= last * (1 + 4e-15)); // equal where the matrix has rank one
        CHECK(Mp(up) >= exact * (1 - Mp(1e-40)));
        CHECK(up >= b);
        const double moment = gram_moment_bound(a.view(), t);
        CHECK(Mp(moment) >= norm);
        CHECK(moment <= up);
        CHECK(moment <= gram_upper_bound(a.view(), t, true));
        last = b;
      }
    }
  WARN("worst error " << worst << " x 4e-15 (t + 1)");
}

namespace {

/// Singular values 1 (`top` of c times) and `second` up to rounding, (c+2)×c, without zeros: the
/// ∞-norm of a diagonal iterate would be exact.
Matrix<double> two_values(std::size_t c, std::size_t top, double second) {
  Matrix<double> q = test::gaussian<double>(c + 2, c, c), r = test::gaussian<double>(c, c, 3);
  test::orthonormalise(q);
  test::orthonormalise(r);
  Matrix<double> a(c + 2, c);
  for (std::size_t k = 0; k < c; ++k)
    for (std::size_t j = 0; j < c; ++j)
      for (std::size_t i = 0; i < c + 2; ++i)
        a(i, j) += q(i, k) * r(j, k) * (k < top ? 1.0 : second);
  return a;
}

} // namespace

namespace {

/// What the moments p_k of the (2^t)-th powers of the singular values imply, at 50 digits: largest
/// x with vᵀH⁻¹v ≤ 1, v = (1, x, x²), H = Hankel(c, p₁ … p₄), and its root of order 2^t. t ≥ 2.
Mp christoffel_bound(const Matrix<double> &a, int t) {
  test::MpMatrix g = test::mp_gram(test::embed(a.view()));
  for (int k = 2; k < t; ++k)
    g = test::multiply(g, g);
  Mp p[5] = {Mp(g.cols)};
  test::MpMatrix power = g;
  for (int k = 1; k <= 4; ++k, power = test::multiply(power, g))
    p[k] = test::mp_trace(power);
  const Mp a11 = p[2] * p[4] - p[3] * p[3], a12 = p[2] * p[3] - p[1] * p[4],
           a13 = p[1] * p[3] - p[2] * p[2], a22 = p[0] * p[4] - p[2] * p[2],
           a23 = p[1] * p[2] - p[0] * p[3], a33 = p[0] * p[2] - p[1] * p[1];
  const Mp determinant = p[0] * a11 + p[1] * a12 + p[2] * a13;
  Mp low = pow(test::spectral_norm(test::embed(a.view())), 1 << (t - 1)), high = sqrt(sqrt(p[4]));
  for (int k = 0; k < 130; ++k) {
    const Mp x = (low + high) / 2;
    const Mp f = (((a33 * x + 2 * a23) * x + a22 + 2 * a13) * x + 2 * a12) * x + a11 - determinant;
    (f <= 0 ? low : high) = x;
  }
  return pow(low, Mp(1) / (1 << (t - 1)));
}

} // namespace

TEST_CASE("moment bound against what the moments imply at 50 digits", "[lipschitz]") {
  double worst = 0;
  std::string where;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    for (const int kind : {0, 4, 5, 6, 10})
      for (const int t : {2, 3, 4}) {
        const std::size_t c = 3 + seed % 6;
        const auto a = test::special<double>(kind, c + seed % 3, c, seed);
        const Mp exact = christoffel_bound(a, t);
        const double b = gram_moment_bound(a.view(), t);
        CHECK(Mp(b) >= exact * (1 - Mp(1e-18))); // no quadratic does better
        const double excess = static_cast<double>(Mp(b) / exact - 1);
        if (excess > worst) {
          worst = excess;
          where = test::special_names[kind] + (" c = " + std::to_string(c)) +
                  ", t = " + std::to_string(t);
        }
      }
  WARN("largest excess over the moments' own bound: " << worst << " (" << where << ")");
  CHECK(worst <= 1e-10);
}

TEST_CASE("moment bound of at most two distinct singular values", "[lipschitz]") {
  for (const double gap : {1.0, 0.5, 0.2, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9, 1e-12}) {
    double worst = 0, large = 0;
    for (std::size_t c = 2; c <= 12; ++c)
      for (std::size_t top = 1; top <= c; ++top) {
        const Matrix<double> a = two_values(c, top, 1 - gap);
        const double b = gram_moment_bound(a.view(), 3);
        const double norm = dense_norm(a.view()).lower;
        CHECK(b >= norm);
        if (c <= 6)
          CHECK(Mp(b) >= test::spectral_norm(test::embed(a.view())) * (1 - Mp(test::mp_accuracy)));
        worst = std::max(worst, b / norm - 1);
      }
    for (const std::size_t c : {32U, 64U})
      for (const std::size_t top : {std::size_t(1), c / 2, c - 1}) {
        const Matrix<double> a = two_values(c, top, 1 - gap);
        const double b = gram_moment_bound(a.view(), 3), norm = dense_norm(a.view()).lower;
        CHECK(b >= norm);
        large = std::max(large, b / norm - 1);
      }
    WARN("worst overshoot after three products, 1 and 1 - "
         << gap << ": " << worst << " (c <= 12), " << large << " (c = 32, 64)");
    CHECK(worst <= 1e-6);
    CHECK(large <= 1e-6);
  }
}

TEMPLATE_TEST_CASE("gradients against 50 digits", "[lipschitz]", double, Complex) {
  double worst = 0;
  for (const int kind : {0, 1, 2, 3, 5, 6, 7, 8, 10})
    for (const auto &[m, n] : {std::pair{5, 3}, {3, 6}, {4, 4}})
      for (const int t : {0, 1, 2, 4, 7, 10})
        check_gradient(test::special<TestType>(kind, m, n, 60 + kind), t, worst);
  WARN("worst error of a gradient: " << worst);
  CHECK(worst <= 1e-12);
}

TEST_CASE("gradients are finite differences and scale-free", "[lipschitz]") {
  const auto a = test::gaussian<double>(7, 5, 8);
  const auto direction = test::gaussian<double>(7, 5, 9);
  for (const int t : {0, 1, 3, 6}) {
    std::vector<double> g(35), far(35);
    (void)gram_gradient(a.view(), t, g.data(), 7);
    double slope = 0;
    for (std::size_t i = 0; i < 35; ++i)
      slope += g[i] * direction.entries[i];
    auto plus = a, minus = a, big = a;
    const double h = 1e-5;
    for (std::size_t i = 0; i < 35; ++i) {
      plus.entries[i] += h * direction.entries[i];
      minus.entries[i] -= h * direction.entries[i];
      big.entries[i] *= 0x1p1000;
    }
    const double quotient = (gram_bound(plus.view(), t) - gram_bound(minus.view(), t)) / (2 * h);
    CHECK(std::fabs(quotient - slope) <= 1e-7 * std::fabs(slope));
    (void)gram_gradient(big.view(), t, far.data(), 7);
    for (std::size_t i = 0; i < 35; ++i)
      CHECK(std::fabs(far[i] - g[i]) <= 1e-14);
  }
}

TEST_CASE("gradients of multiple singular values have dual norm 1", "[lipschitz]") {
  for (const int kind : {1, 3, 8})
    for (const int t : {0, 1, 5, 10, 40}) {
      const std::size_t n = 6;
      const auto a = test::special<double>(kind, 9, n, 5);
      std::vector<double> g(9 * n), s(n);
      (void)gram_gradient(a.view(), t, g.data(), 9);
      REQUIRE(dense::singular_values<double>(9, n, g.data(), 9, s.data()) == 0);
      const double p = std::ldexp(1.0, t + 1), q = p / (p - 1);
      double sum = 0;
      for (const double x : s)
        sum += std::pow(x, q);
      INFO(test::special_names[kind] << ", t = " << t);
      CHECK(std::fabs(std::pow(sum, 1 / q) - 1) <= 1e-13);
    }
  const Matrix<double> zero(3, 2);
  std::vector<double> g(6, 7.0);
  CHECK(gram_gradient(zero.view(), 4, g.data(), 3) == 0);
  for (const double x : g)
    CHECK(x == 0);
}

TEST_CASE("refused by the Gram iteration", "[lipschitz]") {
  auto a = test::gaussian<double>(3, 3, 1);
  CHECK(std::isnan(gram_bound(a.view(), -1)));
  CHECK(std::isnan(gram_upper_bound(a.view(), max_gram_steps + 1)));
  a(1, 1) = std::numeric_limits<double>::infinity();
  CHECK(std::isnan(gram_moment_bound(a.view(), 3)));
}
