// SPDX-License-Identifier: BSD-2-Clause
// Ratios, their inverse and log 0F1 against reference values and closed forms.
#include "bessel/bessel_ratio.h"
#include "core/random.h"
#include "unit/bessel/reference.h"
#include <limits>

using namespace lathe;
using namespace lathe::bessel;
using test::Errors;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

// 1/x + coth-like closed forms for half-integer orders, in long double.
long double ratio_half(long double x) { // I_{3/2}/I_{1/2} = coth x - 1/x
  return x < 0.1L ? x / 3 - x * x * x / 45 + 2 * std::pow(x, 5) / 945 - std::pow(x, 7) / 4725 +
                        2 * std::pow(x, 9) / 93555
                  : 1 / std::tanh(x) - 1 / x;
}

// Gauss's continued fraction of I_{v+1}/I_v, x ≤ 45.
long double continued_fraction(long double v, long double x) {
  long double a = 0;
  for (int k = 120; k >= 1; --k)
    a = 1 / (2 * (v + k) / x + a);
  return a;
}

// x A'(x)/A(x) and its reciprocal, the condition of x on r; A' = 1 - A² - (2v+1) A/x.
long double condition(long double v, long double x, long double a, long double complement) {
  const long double slope = complement * (1 + a) - (2 * v + 1) * a / x;
  return a / (x * slope);
}

} // namespace

TEST_CASE("ratios against reference values", "[bessel][ratio]") {
  Errors ratio("I ratio"), complement("I ratio, complement"), k_ratio("K ratio");
  const test::ReferenceTable table("ratio.csv"), fresh("fresh.csv");
  for (const auto &row : table.value) {
    const auto v = static_cast<double>(row[0]), x = static_cast<double>(row[1]);
    ratio.add(test::relative_eps(bessel_i_ratio(v, x), row[2]), v, x);
    complement.add(test::relative_eps(bessel_i_ratio_complement(v, x), row[3]), v, x);
  }
  for (const auto &row : fresh.value) {
    const auto v = static_cast<double>(row[1]), x = static_cast<double>(row[2]);
    ratio.add(test::relative_eps(bessel_i_ratio(v, x), row[9]), v, x);
    complement.add(test::relative_eps(bessel_i_ratio_complement(v, x), row[10]), v, x);
    k_ratio.add(test::relative_eps(bessel_k_ratio(v, x), row[11]), v, x);
  }
  REQUIRE(ratio.size() == 3100);
  ratio.check(3.0);
  complement.check(4.0);
  k_ratio.check(3.0);
}

TEST_CASE("inverse ratio against reference values", "[bessel][ratio]") {
  Errors inverse("inverse ratio / (1 + condition)"), complement("inverse from the complement");
  for (const auto &row : test::ReferenceTable("inverse.csv").value) {
    const double v = static_cast<double>(row[0] / 2 - 1), r = static_cast<double>(row[1]);
    inverse.add(test::error_eps(inverse_bessel_i_ratio(v, r), row[2], row[2] * (1 + row[3])), v, r);
  }
  // There and back: the ratio rounded to double, and what that rounding does to x.
  for (const auto &row : test::ReferenceTable("fresh.csv").value) {
    const auto v = static_cast<double>(row[1]), x = static_cast<double>(row[2]);
    const auto r = static_cast<double>(row[9]), c = static_cast<double>(row[10]);
    if (v > 1e6 || x < 1e-290)
      continue;
    const long double kappa = condition(row[1], row[2], row[9], row[10]);
    const long double exact = row[2] * (1 + kappa * (r - row[9]) / row[9]);
    if (r < 1)
      inverse.add(test::error_eps(inverse_bessel_i_ratio(v, r), exact, row[2] * (1 + kappa)), v, r);
    const long double kappa_c = kappa * row[10] / row[9];
    // Far from 1, what counts is 1 - c, which is exact.
    const long double exact_c = c > 0.5 ? row[2] * (1 + kappa * ((1 - c) - row[9]) / row[9])
                                        : row[2] * (1 - kappa_c * (c - row[10]) / row[10]);
    if (c < 1)
      complement.add(test::error_eps(inverse_bessel_i_ratio_complement(v, c), exact_c, row[2]), v,
                     c);
  }
  // I_{3/2}/I_{1/2} = coth x - 1/x: the complement is 1/x but for e^-2x.
  for (int j = -3000; j <= -16; ++j) {
    const auto c = static_cast<double>(std::pow(10.0L, j / 10.0L));
    complement.add(test::error_eps(inverse_bessel_i_ratio_complement(0.5, c),
                                   1 / static_cast<long double>(c),
                                   1 / static_cast<long double>(c)),
                   0.5, c);
  }
  REQUIRE(inverse.size() > 2500);
  inverse.check(3.0);
  complement.check(4.0);
}

TEST_CASE("inverse ratio where two steps have most to do", "[bessel][ratio]") {
  // The start is worst for small orders. Exact: one Newton step from the result in long double,
  // where Gauss's continued fraction gives A.
  Errors inverse("inverse ratio / (1 + condition)"), complement("inverse from the complement");
  for (std::uint64_t j = 0; j < 20000; ++j) {
    const double v = (j % 2 ? 4 : 0.1) * random::uniform(4, 0, j);
    const double x = 40 * random::uniform(4, 1, j);
    const long double a = continued_fraction(v, x);
    const auto r = static_cast<double>(a), c = static_cast<double>(1 - a);
    const auto error = [&](double got, long double target, bool relative) {
      const long double at = continued_fraction(v, got), kappa = condition(v, got, at, 1 - at);
      const long double exact = got * (1 + kappa * (target - at) / at);
      return test::error_eps(got, exact, relative ? exact : exact * (1 + kappa));
    };
    inverse.add(error(inverse_bessel_i_ratio(v, r), r, false), v, r);
    complement.add(
        error(inverse_bessel_i_ratio_complement(v, c), 1 - static_cast<long double>(c), true), v,
        c);
  }
  inverse.check(3.0);
  complement.check(4.0);
}

TEST_CASE("ratios inside the ellipse are nearly rounded correctly", "[bessel][ratio]") {
  Errors ratio("I ratio"), complement("I ratio, complement");
  for (std::uint64_t j = 0; j < 20000; ++j) {
    const double u = random::uniform(6, 0, j), x = 0.01 + 24.5 * random::uniform(6, 1, j);
    const double most = 14.8 * std::sqrt(1 - x * x / (24.6 * 24.6));
    const double v = j % 2 ? u * most : std::pow(10, -20 * u) * most;
    const long double a = continued_fraction(v, x);
    ratio.add(test::relative_eps(bessel_i_ratio(v, x), a), v, x);
    complement.add(test::relative_eps(bessel_i_ratio_complement(v, x), 1 - a), v, x);
  }
  ratio.check(0.51);
  complement.check(1.5);
}

TEST_CASE("log 0F1 against reference values", "[bessel][ratio]") {
  Errors errors("log 0F1");
  for (const auto &row : test::ReferenceTable("vmf.csv").value) {
    const auto b = static_cast<double>(row[0] / 2);
    const auto z = static_cast<double>(row[1] * row[1] / 4);
    // The table is at κ; z = κ²/4 is rounded, and d log F/dz = 2 A/κ.
    const long double exact = row[3] + 2 * row[4] / row[1] * (z - row[1] * row[1] / 4);
    errors.add(test::error_eps(log_hyp0f1(b, z), exact, row[3]), b, z);
  }
  // F(½) = cosh x, F(3/2) = sinh x / x with x = 2√z; F → 1 + z/b.
  for (int j = -3000; j <= 300; ++j) {
    const auto z = static_cast<double>(std::pow(10.0L, j / 10.0L));
    const long double x = 2 * std::sqrt(static_cast<long double>(z)), s = std::sinh(x / 2);
    const long double log_cosh =
        x > 40 ? x - std::log(2.0L) : std::log1p(2 * s * s); // cosh x - 1 = 2 sinh²(x/2)
    const long double zz = z;
    const long double sinhc =
        zz / 1.5L * (1 + zz / 5 * (1 + zz / 10.5L * (1 + zz / 18 * (1 + zz / 27.5L))));
    const long double log_sinhc = x > 40     ? x - std::log(2 * x)
                                  : z < 1e-2 ? std::log1p(sinhc)
                                             : std::log(std::sinh(x) / x);
    errors.add(test::relative_eps(log_hyp0f1(0.5, z), log_cosh), 0.5, z);
    errors.add(test::relative_eps(log_hyp0f1(1.5, z), log_sinhc), 1.5, z);
    for (const double b : {1.0, 2.25, 17.0, 19.5, 400.0, 1e6, 1e300})
      if (z < 1e-12 * b)
        errors.add(
            test::relative_eps(log_hyp0f1(b, z), zz / b - zz * zz / (2.0L * b * b * (b + 1))), b,
            z);
  }
  errors.check(8.0);
}

TEST_CASE("log 0F1 below b = 1 follows from the two orders above", "[bessel][ratio]") {
  // F(b) = F(b+1) + z/(b (b+1)) F(b+2), all positive; orders from 1 on are computed differently.
  Errors errors("log 0F1, b < 1");
  for (std::uint64_t j = 0; j < 20000; ++j) {
    const double u = random::uniform(8, 0, j), w = random::uniform(8, 1, j);
    const double b = j % 3 == 0 ? u : std::pow(10.0, (j % 3 == 1 ? -20 : -323) * u);
    const double z = j % 4 == 0   ? 160 * w
                     : j % 4 == 1 ? std::pow(10.0, -20 + 26 * w)
                     : j % 4 == 2 ? std::pow(10.0, 2 + 300 * w * w)
                                  : std::pow(10.0, -323 * w);
    const long double first = log_hyp0f1(b + 1, z), second = log_hyp0f1(b + 2, z);
    const long double order = b, step = std::log(static_cast<long double>(z)) - std::log(order) -
                                        std::log1p(order) + second - first;
    // log1p(e^step), where e^step may overflow
    const long double more = step > 100 ? step : std::log1p(std::exp(step));
    if (b > 0 && z > 0 && first + more > 0x1p-1000L) // relative to normal results
      errors.add(test::relative_eps(log_hyp0f1(b, z), first + more), b, z);
  }
  REQUIRE(errors.size() > 14000);
  errors.check(8.0);
}

TEST_CASE("log 0F1 is I without its power", "[bessel][ratio]") {
  // log F = log I_v(x) - v log(x/2) + lgamma(v+1), at every point where that is well conditioned.
  Errors errors("log 0F1 by way of log I");
  for (const auto &row : test::ReferenceTable("fresh.csv").value) {
    const auto b = static_cast<double>(row[1] + 1), x = static_cast<double>(row[2]);
    const auto z = static_cast<double>(row[2] * row[2] / 4);
    const long double v = static_cast<long double>(b) - 1;
    if (v != row[1] || row[1] > 1e4 || x < 1e-3)
      continue;
    const long double gamma = std::lgamma(v + 1), power = v * std::log(row[2] / 2);
    const long double a = row[9], at_x = row[3] - power + gamma;
    const long double exact = at_x + 2 * a / row[2] * (z - row[2] * row[2] / 4);
    const long double rounding =
        0x1p-63L * (std::abs(gamma) + std::abs(power) + std::abs(row[3])) * 4;
    if (rounding > 0x1p-55L * at_x)
      continue;
    errors.add(test::error_eps(log_hyp0f1(b, z), exact, at_x), b, z);
  }
  REQUIRE(errors.size() > 800);
  errors.check(8.0);
}

TEST_CASE("half-integer ratios in closed form", "[bessel][ratio]") {
  Errors ratio("coth x - 1/x"), k_ratio("1 + 1/x");
  for (std::uint64_t j = 0; j < 20000; ++j) {
    const double x = std::pow(10.0, -3 + 8 * random::uniform(3, 0, j));
    // Below 0.1 the series above reaches 1e-16 relative; between, coth cancels 1/x² bits.
    if (x > 0.05 && x < 1)
      continue;
    ratio.add(test::relative_eps(bessel_i_ratio(0.5, x), ratio_half(x)), 0.5, x);
    k_ratio.add(test::relative_eps(bessel_k_ratio(0.5, x), 1 + 1 / static_cast<long double>(x)),
                0.5, x);
  }
  ratio.check(3.0);
  k_ratio.check(3.0);
}

TEST_CASE("ratios at the edge of their domain", "[bessel][ratio]") {
  CHECK(bessel_i_ratio(2, 0) == 0);
  CHECK(bessel_i_ratio_complement(2, 0) == 1);
  CHECK(bessel_i_ratio(2, inf) == 1);
  CHECK(bessel_i_ratio_complement(2, inf) == 0);
  CHECK(bessel_i_ratio(inf, 3) == 0);
  CHECK(bessel_k_ratio(2, 0) == inf);
  CHECK(bessel_k_ratio(2, inf) == 1);
  CHECK(bessel_i_ratio(1, 5e-324) == 0); // x/4 rounded
  CHECK(bessel_i_ratio(0, 1e308) == 1);
  CHECK(bessel_i_ratio_complement(0, 1e308) == Approx(5e-309));
  for (const double bad : {no_number, -1.0}) {
    CHECK(std::isnan(bessel_i_ratio(bad, 1)));
    CHECK(std::isnan(bessel_i_ratio_complement(1, bad)));
    CHECK(std::isnan(bessel_k_ratio(1, bad)));
    CHECK(std::isnan(inverse_bessel_i_ratio(bad, 0.5)));
    CHECK(std::isnan(inverse_bessel_i_ratio(1, bad)));
    CHECK(std::isnan(inverse_bessel_i_ratio_complement(1, bad)));
    CHECK(std::isnan(log_hyp0f1(bad, 1)));
    CHECK(std::isnan(log_hyp0f1(1, bad)));
  }
  CHECK(inverse_bessel_i_ratio(3, 0) == 0);
  CHECK(inverse_bessel_i_ratio(3, 1) == inf);
  CHECK(std::isnan(inverse_bessel_i_ratio(3, 1.0000000000000002)));
  CHECK(std::isnan(inverse_bessel_i_ratio(3, 2)));
  CHECK(inverse_bessel_i_ratio_complement(3, 0) == inf);
  CHECK(inverse_bessel_i_ratio_complement(3, 1) == 0);
  CHECK(std::isnan(inverse_bessel_i_ratio_complement(3, 1.5)));
  CHECK(inverse_bessel_i_ratio(3, 1e-300) == Approx(8e-300).epsilon(1e-15));
  CHECK(inverse_bessel_i_ratio_complement(0, 1e-300) == Approx(0.5e300).epsilon(1e-15));
  CHECK(log_hyp0f1(2, 0) == 0);
  CHECK(log_hyp0f1(inf, 5) == 0);
  CHECK(log_hyp0f1(2, inf) == inf);
  CHECK(std::isnan(log_hyp0f1(0, 1)));
  CHECK(std::isnan(log_hyp0f1(inf, inf)));
  CHECK(log_hyp0f1(3, 3e-300) == Approx(1e-300).epsilon(1e-15));
}
