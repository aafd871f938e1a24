// SPDX-License-Identifier: BSD-2-Clause
// The Matérn correlation against reference values, closed forms and its own equations.
#include "bessel/matern.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "unit/bessel/reference.h"
#include <bit>
#include <limits>

using lathe::bessel::Matern;
using lathe::bessel::MaternDerivatives;
using namespace lathe::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Columns nu, z, M, 1-M, log M, dM/dnu, dM/dz.
void check_file(const char *name) {
  const ReferenceTable table(name);
  Errors value("M / (5 + 1.25 |log M|)"), complement("1 - M"), log("log M"),
      dz("dM/dz / (8 + 1.25 |log M|)"), dnu("dM/dnu / (8 + 1.25 |log M|)"),
      dzz("d2M/dz2 / (8 + 1.25 |log M|)");
  for (const auto &row : table.value) {
    const double nu = static_cast<double>(row[0]), z = static_cast<double>(row[1]);
    const MaternDerivatives d = Matern(nu).derivatives(z);
    const long double decades = 1.25L * std::abs(row[4]);
    value.add(relative_eps(d.value, row[2]) / static_cast<double>(5 + decades), nu, z);
    complement.add(relative_eps(d.complement, row[3]), nu, z);
    log.add(relative_eps(d.log, row[4]), nu, z);
    dz.add(relative_eps(d.dz, row[6]) / static_cast<double>(8 + decades), nu, z);
    const long double scale =
        std::max(std::abs(row[5]), row[2] * std::min(1.0L, static_cast<long double>(z) * z));
    dnu.add(error_eps(d.dnu, row[5], scale * (8 + decades)), nu, z);
    const long double bend = (2 * row[0] - 1) * row[6] / row[1]; // M'' = M + (2ν-1) M'/z
    dzz.add(error_eps(d.dzz, row[2] + bend, (row[2] + std::abs(bend)) * (8 + decades)), nu, z);
  }
  value.check(1);
  complement.check(8);
  log.check(8);
  dz.check(1);
  dnu.check(1);
  dzz.check(1);
}

} // namespace

TEST_CASE("Matérn correlations match the reference values") {
  check_file("matern.csv");
}

TEST_CASE("Matérn correlations match the reference values where the method changes") {
  check_file("matern_regions.csv");
}

TEST_CASE("half-integer Matérn correlations are their closed forms") {
  // P_n = P_{n-1} + z²/((2n-1)(2n-3)) P_{n-2}: reverse Bessel polynomials over (2n-1)!!.
  Errors errors("M_(n+1/2), closed form"), far("the same, z = 600 … 740");
  const auto compare = [](Errors &e, double z) {
    const long double x = z, exponential = std::exp(-x);
    long double before = 1, p = 1; // P_{-1} is chosen so that P_1 = 1 + z
    for (int n = 0; n <= 9; ++n) {
      const long double next = n == 1 ? 1 + x : p + x * x / ((2 * n - 1) * (2 * n - 3)) * before;
      if (n > 0) {
        before = p;
        p = next;
      }
      const long double exact = p * exponential;
      if (exact > 0x1p-1022L)
        e.add(relative_eps(Matern(n + 0.5).value(z), exact) /
                  static_cast<double>(5 - 1.25L * std::log(exact)),
              n + 0.5, z);
    }
  };
  for (int k = 0; k < 2000; ++k) {
    const double u = lathe::random::uniform(1, 0, static_cast<std::uint64_t>(k));
    compare(errors, 40 * u);
    compare(errors, std::pow(10.0, -12 * u));
    compare(far, 600 + 140 * u);
  }
  errors.check(1);
  far.check(1);
  CHECK(Matern(8.5).value(760) > 0);
  for (const double z : {850.0, 851.0, 1e10, 1e300})
    CHECK(Matern(8.5).value(z) == 0);
}

TEST_CASE("second derivatives of half-integer Matérn correlations are their closed forms") {
  Errors errors("d2M/dz2 / (8 + 1.25 |log M|)");
  const auto compare = [&errors](double z) {
    const long double x = z, e = std::exp(-x);
    const long double m[] = {e, (1 + x) * e, (1 + x + x * x / 3) * e};
    const long double slope[] = {-e, -x * e, -(x + x * x) / 3 * e};
    const long double bend[] = {e, (x - 1) * e, (x * x - x - 1) / 3 * e};
    for (int n = 0; n < 3; ++n) {
      const long double scale = m[n] + 2 * n * std::abs(slope[n]) / x;
      errors.add(error_eps(Matern(n + 0.5).derivatives(z).dzz, bend[n],
                           scale * (8 - 1.25L * std::log(m[n]))),
                 n + 0.5, z);
    }
  };
  for (int k = 0; k < 2000; ++k) {
    const double u = lathe::random::uniform(1, 1, static_cast<std::uint64_t>(k));
    compare(40 * u);
    compare(600 * u);
    compare(std::pow(10.0, -100 * u));
  }
  errors.check(1);
}

TEST_CASE("smooth Matérn correlations tend to a Gaussian") {
  Errors errors("M_nu(sqrt(2 nu) t), nu = 1e15 … 1e300");
  for (const double nu : {1e15, 1e18, 1e40, 1e150, 1e300})
    for (const double t : {1e-8, 1e-3, 0.1, 0.5, 1.0, 1.26, 1.27, 2.0, 5.0, 8.0}) {
      const double z = std::sqrt(2 * nu) * t;
      // exp(-t²/2) (1 - (t⁴/8 - t²/2)/ν …); t as z has it
      const long double s = static_cast<long double>(z) * z / (4 * static_cast<long double>(nu));
      errors.add(relative_eps(Matern(nu).complement(z), -std::expm1(-s)), nu, t);
    }
  errors.check(8);
  CHECK(Matern(infinity).value(7.0) == 1);
}

TEST_CASE("Matérn correlations do not jump where the method changes") {
  Errors errors("jump");
  const auto compare = [&](double nu, double z) {
    const double next = std::nextafter(z, infinity);
    const MaternDerivatives a = Matern(nu).derivatives(z), b = Matern(nu).derivatives(next);
    const double scale = 5 + 1.25 * std::abs(a.log);
    errors.add(std::abs((b.value - a.value) - a.dz * (next - z)) / (0x1p-52 * scale * a.value), nu,
               z);
    errors.add(std::abs((b.complement - a.complement) + a.dz * (next - z)) /
                   (0x1p-52 * 8 * a.complement),
               nu, z);
  };
  for (int k = 0; k < 300; ++k) {
    const double u = lathe::random::uniform(2, 0, static_cast<std::uint64_t>(k));
    compare(3 * u, std::nextafter(0.75, 0.0));
    const double nu = 1.4 + 100 * u * u;
    for (double z = 2 * std::sqrt(0.4 * (nu - 1)) * (1 - 4e-16);
         0.25 * z * z < 0.4 * (nu - 1) * (1 + 4e-16); z = std::nextafter(z, infinity))
      compare(nu, z);
    for (const double w : {3.0, 8.0, 20.0, 56.0, 110.0}) {
      const double z = w * std::sqrt(1 - u * u);
      for (int step = -2; step <= 2; ++step)
        compare(w * u, z * (1 + step * 0x1p-52));
    }
  }
  errors.check(2);
}

TEST_CASE("Matérn derivatives satisfy the differential equation and differences of each other") {
  for (int k = 0; k < 400; ++k) {
    const auto index = static_cast<std::uint64_t>(k);
    const double nu = 0.2 + 6 * lathe::random::uniform(3, 0, index);
    const double z = 0.05 + 12 * lathe::random::uniform(3, 1, index);
    const MaternDerivatives d = Matern(nu).derivatives(z);
    const double h = 1e-4 * z;
    const auto slope = [nu](double x) { return Matern(nu).derivatives(x).dz; };
    const double difference =
        (8 * (slope(z + h) - slope(z - h)) - (slope(z + 2 * h) - slope(z - 2 * h))) / (12 * h);
    CAPTURE(nu, z, d.dzz, difference);
    CHECK(std::abs(d.dzz - difference) <= 1e-9 * (std::abs(d.dzz) + std::abs(d.dz / z)));
    CHECK(d.value > 0);
    CHECK(d.value <= 1);
    CHECK(d.dz < 0);
    CHECK(d.dnu > 0);
    CHECK(std::abs(d.value + d.complement - 1) <= 0x1p-51);
    CHECK(std::abs(std::exp(d.log) - d.value) <= 0x1p-50 * d.value * (4 + std::abs(d.log)));
  }
}

TEST_CASE("Matérn correlation outside its domain and at its ends") {
  for (const double nu : {0.0, -0.5, -infinity, std::nan("")}) {
    CHECK(std::isnan(Matern(nu).value(1)));
    CHECK(std::isnan(Matern(nu).log(0)));
    CHECK(std::isnan(Matern(nu).derivatives(1).dnu));
  }
  for (const double nu : {1e-300, 1e-3, 0.5, 1.0, 2.5, 1e3, 1e300}) {
    const Matern m(nu);
    CHECK(m.value(0) == 1);
    CHECK(m.complement(0) == 0);
    CHECK(m.log(0) == 0);
    CHECK(m.derivatives(0).dnu == 0);
    CHECK(m.value(infinity) == 0);
    CHECK(m.complement(infinity) == 1);
    CHECK(m.log(infinity) == -infinity);
    CHECK(std::isnan(m.value(-1e-300)));
    CHECK(std::isnan(m.value(std::nan(""))));
  }
  CHECK(Matern(0.5).derivatives(0).dz == -1);
  CHECK(Matern(0.25).derivatives(0).dz == -infinity);
  CHECK(Matern(1.5).derivatives(0).dzz == -1);
  CHECK(std::isnan(Matern(infinity).value(infinity)));
  // Where M has become 1 in double the complement still tells sites apart.
  CHECK(Matern(1.5).value(1e-100) == 1);
  CHECK(relative_eps(Matern(1.5).complement(1e-100), 0.5e-200L) < 8);
}

TEST_CASE("Matérn derivatives where 1-M is no longer a number", "[bessel][matern]") {
  // Leading terms: M = 1 - z²/(4(ν-1)), 1 + z²/2·(log(z/2) + γ - ½), 1 - Γ(1-ν)/Γ(1+ν)·(z/2)^2ν.
  for (const double z : {1e-149, 1e-151, 1e-160, 1e-200, 1e-240, 1e-245, 1e-300, 2.3e-308}) {
    for (const double nu : {1.4, 1.5, 2.0, 2.3, 6.0, 40.0, 1e6}) {
      const MaternDerivatives d = Matern(nu).derivatives(z);
      CAPTURE(nu, z, d.dz, d.dzz);
      CHECK(d.dzz == Approx(-0.5 / (nu - 1)).margin(4e-15)); // 1 less nearly 1 for large ν
      if (z > 1e-300)
        CHECK(d.dz / z == Approx(-0.5 / (nu - 1)).epsilon(4e-15));
      CHECK((d.value == 1 && d.dnu >= 0));
    }
    const double logarithm = std::log(0.5 * z) + 0.57721566490153286;
    const MaternDerivatives one = Matern(1).derivatives(z);
    CHECK(one.dz / z == Approx(logarithm).epsilon(4e-15));
    CHECK(one.dzz == Approx(logarithm + 1).epsilon(4e-15));
    for (const double nu : {0.55, 0.8}) {
      const double m = std::tgamma(1 - nu) / std::tgamma(1 + nu) * std::pow(0.5 * z, 2 * nu - 1);
      const MaternDerivatives d = Matern(nu).derivatives(z);
      CAPTURE(nu, z, d.dz, d.dzz);
      CHECK(d.dz == Approx(-nu * m).epsilon(1e-12)); // std::pow and std::tgamma: some 1e-13
      CHECK(d.dzz == Approx(-nu * m / z * (2 * nu - 1)).epsilon(1e-12));
    }
    const MaternDerivatives half = Matern(0.5).derivatives(z);
    CHECK(half.dz == Approx(-1).epsilon(4e-15));
    CHECK(half.dzz == 1);
    CHECK(half.complement == Approx(z).epsilon(4e-15));
  }
}

TEST_CASE("Matérn correlations have the same bits alone, in batches and on every processor") {
  std::uint64_t hash = 14695981039346656037u; // FNV-1a
  const auto mix = [&hash](double x) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(x)) * 1099511628211u;
  };
  for (const double nu : {0.05, 0.5, 0.8125, 1.0, 1.5, 2.25, 7.0, 20.25, 30.5, 100.0, 1e4}) {
    const Matern m(nu);
    std::vector<double> z, together(500);
    for (int k = 0; k < 500; ++k) // exact in binary, whatever the compiler
      z.push_back(std::ldexp(1 + k % 61 / 64.0, k % 14 - 6) * std::sqrt(nu));
    std::vector<MaternDerivatives> slopes(z.size());
    m.values(z, together);
    m.derivatives(z, slopes);
    for (std::size_t i = 0; i < z.size(); ++i) {
      REQUIRE(std::bit_cast<std::uint64_t>(m.value(z[i])) ==
              std::bit_cast<std::uint64_t>(together[i]));
      REQUIRE(slopes[i].value == together[i]);
      REQUIRE(m.complement(z[i]) == slopes[i].complement);
      REQUIRE(m.log(z[i]) == slopes[i].log);
      for (const double x : {slopes[i].value, slopes[i].complement, slopes[i].log, slopes[i].dz,
                             slopes[i].dnu, slopes[i].dzz})
        mix(x);
    }
  }
  CHECK(hash == 0xa3df7f560ee732bdu); // g++ 12 and clang 14
}
