// SPDX-License-Identifier: BSD-2-Clause
// log I, log K and their derivatives against reference values: 6,140 rows over all regimes, and
// 2,980 rows drawn where an algorithm of this kind would fail (fresh.csv).
#include "bessel/log_bessel.h"
#include "core/random.h"
#include "unit/bessel/reference.h"
#include <limits>

using namespace lathe;
using namespace lathe::bessel;
using test::Errors;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || a == b;
}

void check_values(const std::string &file, std::size_t rows) {
  const test::ReferenceTable table(file);
  REQUIRE(table.value.size() == rows);
  Errors i("log I"), k("log K"), i_outer("log I outside the ellipse"),
      k_outer("log K outside the ellipse"), i_fast("log I, fast"), k_fast("log K, fast");
  std::size_t wrong = 0;
  for (const auto &row : table.value) {
    const auto v = static_cast<double>(row[1]), x = static_cast<double>(row[2]);
    double log_i = 0, log_k = 0, fast_i = 0, fast_k = 0;
    log_bessel_ik(v, x, &log_i, &log_k);
    log_bessel_ik<Accuracy::fast>(v, x, &fast_i, &fast_k);
    wrong += !std::isfinite(log_i) || !std::isfinite(log_k);
    wrong += log_i != log_bessel_i(v, x) || log_k != log_bessel_k(v, x);
    wrong += fast_i != log_bessel_i<Accuracy::fast>(v, x);
    wrong += fast_k != log_bessel_k<Accuracy::fast>(v, x);
    i.add(test::mixed_eps(log_i, row[3]), v, x);
    k.add(test::mixed_eps(log_k, row[4]), v, x);
    if (!test::inside_ellipse(v, x) && v <= 1e12) {
      i_outer.add(test::mixed_eps(log_i, row[3]), v, x);
      k_outer.add(test::mixed_eps(log_k, row[4]), v, x);
    }
    const long double w = std::max(1.0L, static_cast<long double>(std::hypot(v, x)));
    i_fast.add(test::error_eps(fast_i, row[3], std::max(w, std::abs(row[3]))), v, x);
    k_fast.add(test::error_eps(fast_k, row[4], std::max(w, std::abs(row[4]))), v, x);
  }
  CHECK(wrong == 0);
  for (const Errors *e : {&i, &k}) {
    e->check(3.0);
    CHECK(e->quantile(0.99) <= 1.25);
    CHECK(e->quantile(0.5) <= 0.25);
  }
  i_outer.check(0.75);
  k_outer.check(0.75);
  i_fast.check(4.0);
  k_fast.check(4.0);
}

void check_derivatives(const std::string &file) {
  const test::ReferenceTable table(file);
  Errors i_x("d/dx log I"), k_x("d/dx log K"), i_v("d/dv log I outside the ellipse"),
      i_v_inside("d/dv log I inside, absolute"), k_v("d/dv log K outside the ellipse"),
      k_v_inside("d/dv log K inside");
  std::size_t wrong = 0;
  for (const auto &row : table.value) {
    const auto v = static_cast<double>(row[1]), x = static_cast<double>(row[2]);
    const auto i = log_bessel_i_derivatives(v, x), k = log_bessel_k_derivatives(v, x);
    wrong += i.value != log_bessel_i(v, x) || k.value != log_bessel_k(v, x);
    wrong += std::isnan(i.dxx) || std::isnan(k.dxx);
    i_x.add(test::relative_eps(i.dx, row[5]), v, x);
    k_x.add(test::relative_eps(k.dx, row[6]), v, x);
    const bool inside = test::inside_ellipse(v, x);
    if (inside)
      i_v_inside.add(test::mixed_eps(i.dv, row[7]), v, x);
    else if (std::abs(row[7]) >= 1e-25L)
      i_v.add(test::relative_eps(i.dv, row[7]), v, x);
    (inside ? k_v_inside : k_v).add(test::relative_eps(k.dv, row[8]), v, x);
  }
  CHECK(wrong == 0);
  i_x.check(4.0);
  k_x.check(4.0);
  i_v.check(3.0);
  k_v.check(3.0);
  i_v_inside.check(10.0);
  k_v_inside.check(20.0);
  CHECK(k_v_inside.quantile(0.99) <= 8.0);
}

} // namespace

TEST_CASE("log I and log K against 6,140 reference values", "[bessel]") {
  check_values("log_bessel.csv", 6140);
}

TEST_CASE("log I and log K against 2,980 points at seams, limits and zeros", "[bessel]") {
  check_values("fresh.csv", 2980);
}

TEST_CASE("derivatives of log I and log K against reference values", "[bessel]") {
  check_derivatives("log_bessel.csv");
  check_derivatives("fresh.csv");
}

TEST_CASE("second derivatives by x satisfy Bessel's equation", "[bessel]") {
  // y'' = 1 + (v/x)² - y'/x - y'², to the rounding of its largest term.
  const test::ReferenceTable table("fresh.csv");
  Errors i("d2/dx2 log I"), k("d2/dx2 log K");
  for (const auto &row : table.value) {
    const auto v = static_cast<double>(row[1]), x = static_cast<double>(row[2]);
    if (x < 1e-100 || v > 1e6)
      continue;
    const long double u = row[1] / row[2];
    for (const bool is_k : {false, true}) {
      const long double y = row[is_k ? 6 : 5];
      const long double exact = 1 + u * u - y / row[2] - y * y;
      const long double scale = 1 + u * u + std::abs(y) / row[2] + y * y;
      const double got =
          (is_k ? log_bessel_k_derivatives(v, x) : log_bessel_i_derivatives(v, x)).dxx;
      (is_k ? k : i).add(test::error_eps(got, exact, scale), v, x);
    }
  }
  i.check(4.0);
  k.check(4.0);
}

TEST_CASE("log I and log K at the edge of their domain", "[bessel]") {
  struct Limit {
    double v, x, i, k;
  };
  for (const auto &[v, x, i, k] : {Limit{no_number, 1, no_number, no_number},
                                   {1, no_number, no_number, no_number},
                                   {-1, 1, no_number, no_number},
                                   {1, -1, no_number, no_number},
                                   {-1e-300, 1, no_number, no_number},
                                   {0, -5e-324, no_number, no_number},
                                   {0, 0, 0, inf},
                                   {-0.0, 0, 0, inf},
                                   {0, -0.0, 0, inf},
                                   {5e-324, 0, -inf, inf},
                                   {3, 0, -inf, inf},
                                   {0, inf, inf, -inf},
                                   {7, inf, inf, -inf},
                                   {inf, 0, -inf, inf},
                                   {inf, 5, -inf, inf},
                                   {inf, inf, no_number, no_number},
                                   {no_number, inf, no_number, no_number},
                                   {no_number, 0, no_number, no_number},
                                   {inf, no_number, no_number, no_number},
                                   {1e308, 1e-300, -inf, inf},
                                   {1e308, 5e-324, -inf, inf}}) {
    INFO("v = " << v << ", x = " << x);
    CHECK(same(log_bessel_i(v, x), i));
    CHECK(same(log_bessel_k(v, x), k));
    CHECK(same(log_bessel_i<Accuracy::fast>(v, x), i));
    CHECK(same(log_bessel_k<Accuracy::fast>(v, x), k));
    CHECK(same(log_bessel_i_derivatives(v, x).value, i));
    CHECK(same(log_bessel_k_derivatives(v, x).value, k));
  }
  // -0 is 0, and the smallest argument is exact.
  CHECK(log_bessel_i(-0.0, 2) == log_bessel_i(0, 2));
  CHECK(log_bessel_i(1, 5e-324) == Approx(-745.1332191019412).epsilon(1e-15));
  CHECK(log_bessel_k(1, 5e-324) == Approx(744.4400719213812).epsilon(1e-15));
  CHECK(log_bessel_i(0, 5e-324) == 0);
  CHECK(log_bessel_i(0, 1.7976931348623157e308) == 1.7976931348623157e308);
  CHECK(log_bessel_k(0, 1.7976931348623157e308) == -1.7976931348623157e308);
}

TEST_CASE("derivatives at the edge of the domain", "[bessel]") {
  const auto origin = log_bessel_i_derivatives(0, 0);
  CHECK((origin.dx == 0 && origin.dv == -inf && origin.dxx == 0.5));
  const auto at_zero = log_bessel_i_derivatives(2, 0);
  CHECK((at_zero.dx == inf && at_zero.dv == -inf && at_zero.dxx == -inf));
  const auto at_infinity = log_bessel_i_derivatives(2, inf);
  CHECK((at_infinity.dx == 1 && at_infinity.dv == 0 && at_infinity.dxx == 0));
  const auto k_zero = log_bessel_k_derivatives(0, 0), k_infinity = log_bessel_k_derivatives(2, inf);
  CHECK((k_zero.dx == -inf && k_zero.dv == 0 && k_zero.dxx == inf));
  CHECK((k_infinity.dx == -1 && k_infinity.dv == 0 && k_infinity.dxx == 0));
  CHECK(log_bessel_k_derivatives(2, 0).dv == inf);
  CHECK(std::isnan(log_bessel_k_derivatives(-1, 1).dv));
  CHECK(std::isnan(log_bessel_i_derivatives(1, no_number).dx));
}

TEST_CASE("second derivatives where v/x overflows are infinite", "[bessel]") {
  for (const auto &[v, x] : {std::pair{1e30, 2.3e-308},
                             {1e200, 1e-200},
                             {1e16, 1e-300},
                             {1e10, 1e-310},
                             {20.0, 5e-324},
                             {1e308, 1e-300},
                             {1e308, 5e-324},
                             {1e300, 1e-8}}) {
    INFO("v = " << v << ", x = " << x);
    const bool infinite = (v / x) / x > std::numeric_limits<double>::max();
    CHECK(log_bessel_i_derivatives(v, x).dxx == (infinite ? -inf : -(v / x) / x));
    CHECK(log_bessel_k_derivatives(v, x).dxx == (infinite ? inf : (v / x) / x));
  }
  // Over the whole range: -v/x² and v/x² where x < v·2⁻⁶⁰, infinite or not.
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const double v = std::pow(10, -300 + 608 * random::uniform(4, 1, i));
    const double x = std::pow(10, -323 + 631 * random::uniform(4, 2, i));
    if (!(v > 15) || !(x > 0) || !(x < v * 0x1p-60))
      continue;
    INFO("v = " << v << ", x = " << x);
    const double expected = v / x / x, low = log_bessel_i_derivatives(v, x).dxx;
    const double high = log_bessel_k_derivatives(v, x).dxx;
    REQUIRE((low <= -expected * (1 - 1e-14) && low >= -expected * (1 + 1e-14)));
    REQUIRE((high >= expected * (1 - 1e-14) && high <= expected * (1 + 1e-14)));
  }
}

TEST_CASE("second derivatives of large arguments", "[bessel]") {
  // (½ ∓ v²/x)/x² (1 + O(1/x) + O(v²/x²)) from Bessel's equation and Hankel's expansion.
  for (const auto &[v, x] : {std::pair{1e45, 1e90}, {0.0, 1e60}, {1e50, 1e100}, {3e14, 1e30}}) {
    INFO("v = " << v << ", x = " << x);
    const long double t = static_cast<long double>(v) / x, s = 1.0L / x, half = 0.5L * s;
    CHECK(test::relative_eps(log_bessel_i_derivatives(v, x).dxx, half * s - t * t * s) <=
          8 * std::abs((half + t * t) / (half - t * t)));
    CHECK(test::relative_eps(log_bessel_k_derivatives(v, x).dxx, half * s + t * t * s) <= 8);
  }
}
