// SPDX-License-Identifier: BSD-2-Clause
// The kernels of von Mises-Fisher against 22-digit values, limits, identities and refusals.
#include "bessel/vmf.h"
#include "reference.h"
#include <limits>

namespace {

using namespace lathe::bessel;
using namespace lathe::test;

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST_CASE("vmf: normaliser, resultant, entropy and divergence against the reference", "[vmf]") {
  Errors normalizer("log C_p(kappa)"), peak("log C_p(kappa) + kappa"), entropy("entropy");
  Errors resultant("A_p(kappa)"), derivative("A_p'(kappa)"), kl("divergence");
  for (const auto &row : ReferenceTable("vmf.csv").value) {
    const auto p = static_cast<std::int64_t>(row[0]);
    const auto v = static_cast<double>(p), kappa = static_cast<double>(row[1]);
    normalizer.add(relative_eps(vmf_log_normalizer(p, kappa), row[2]), v, kappa);
    peak.add(mixed_eps(vmf_log_peak(p, kappa), row[2] + row[1]), v, kappa);
    resultant.add(relative_eps(vmf_mean_resultant(p, kappa), row[4]), v, kappa);
    entropy.add(relative_eps(vmf_entropy(p, kappa), row[5]), v, kappa);
    // In long double this keeps 2⁻⁵² where it is not small.
    const long double slope = 1 - row[4] * row[4] - (row[0] - 1) * row[4] / row[1];
    if (slope > 1e-3L)
      derivative.add(relative_eps(vmf_mean_resultant_derivative(p, kappa), slope), v, kappa);
  }
  for (const auto &row : ReferenceTable("kl.csv").value) {
    const auto p = static_cast<std::int64_t>(row[0]);
    const auto kappa1 = static_cast<double>(row[1]);
    kl.add(relative_eps(vmf_kl(p, kappa1, static_cast<double>(row[2]), static_cast<double>(row[3])),
                        row[4]),
           static_cast<double>(p), kappa1);
  }
  normalizer.check(3);
  peak.check(3);
  resultant.check(3);
  entropy.check(3);
  derivative.check(4);
  kl.check(9);
}

// Against the one-sided derivative −A = (log C)' and −κA' = entropy', by central differences of
// functions that share no code with A and A'.
TEST_CASE("vmf: derivatives of the normaliser and the entropy", "[vmf]") {
  for (const std::int64_t p : {2, 3, 7, 31, 32, 36, 100, 5000, 32768})
    for (const double ratio : {0.02, 0.5, 1.0, 3.0, 50.0}) {
      const double kappa = ratio * static_cast<double>(p);
      const double h = 1e-4 * kappa;
      const auto slope = [&](auto &&f) { return (f(p, kappa + h) - f(p, kappa - h)) / (2 * h); };
      const double a = vmf_mean_resultant(p, kappa);
      INFO("p " << p << " kappa " << kappa);
      CHECK(slope(vmf_log_normalizer) == Approx(-a).epsilon(1e-7));
      CHECK(slope(vmf_mean_resultant) ==
            Approx(vmf_mean_resultant_derivative(p, kappa)).epsilon(1e-6));
      CHECK(slope(vmf_entropy) ==
            Approx(-kappa * vmf_mean_resultant_derivative(p, kappa)).epsilon(1e-6));
    }
}

// Closed forms for p = 3: C = κ/(4π sinh κ), A = coth κ − 1/κ.
TEST_CASE("vmf: closed forms in three dimensions", "[vmf]") {
  for (const double kappa : {0.1, 1.0, 10.0, 24.0, 25.0, 100.0, 600.0}) {
    const long double k = kappa;
    const long double log_c = std::log(k / (4 * 3.14159265358979323846264338327950288L)) -
                              (k + std::log1p(-std::exp(-2 * k)) - std::log(2.0L));
    const long double a = 1 / std::tanh(k) - 1 / k;
    const long double slope = 1 / (k * k) - 1 / (std::sinh(k) * std::sinh(k));
    CHECK(mixed_eps(vmf_log_normalizer(3, kappa), log_c) <= 1);
    CHECK(relative_eps(vmf_mean_resultant(3, kappa), a) <= 3);
    CHECK(relative_eps(vmf_mean_resultant_derivative(3, kappa), slope) <= 4);
    CHECK(mixed_eps(vmf_entropy(3, kappa), -log_c - k * a) <= 2);
  }
}

TEST_CASE("vmf: seams of the expansions cannot be seen", "[vmf]") {
  Errors seam("seams: log C, entropy");
  for (std::int64_t p = 2; p <= 37; ++p)
    for (const auto &[half_v, half_x] : {std::pair{14.8, 24.6}, std::pair{17.5, 30.0}}) {
      const double v = 0.5 * static_cast<double>(p) - 1;
      const double a = v / half_v;
      if (a >= 1)
        continue;
      const double x = half_x * std::sqrt(1 - a * a);
      const double below = x * (1 - 1e-13), above = x * (1 + 1e-13);
      const double step = above - below;
      const double slope = vmf_mean_resultant_derivative(p, x);
      seam.add(mixed_eps(vmf_log_normalizer(p, above) - vmf_log_normalizer(p, below),
                         -step * vmf_mean_resultant(p, x)),
               v, x);
      seam.add(mixed_eps(vmf_entropy(p, above) - vmf_entropy(p, below), -step * x * slope), v, x);
      // |x A''/A'| < 4 here.
      const double jump =
          vmf_mean_resultant_derivative(p, above) - vmf_mean_resultant_derivative(p, below);
      INFO("p " << p << " kappa " << x);
      CHECK(std::abs(jump) <= slope * (4 * step / x + 8 * 0x1p-52));
    }
  seam.check(16); // an ulp of numbers up to 30 is 16 units
}

TEST_CASE("vmf: limits", "[vmf]") {
  const double pi = 3.14159265358979323846;
  CHECK(vmf_log_normalizer(2, 0) == Approx(-std::log(2 * pi)).epsilon(1e-15));
  CHECK(vmf_log_normalizer(3, 0) == Approx(-std::log(4 * pi)).epsilon(1e-15));
  CHECK(vmf_entropy(3, 0) == Approx(std::log(4 * pi)).epsilon(1e-15));
  CHECK(vmf_log_density(3, 0, -0.3) == Approx(-std::log(4 * pi)).epsilon(1e-15));
  for (const std::int64_t p : {std::int64_t{2}, std::int64_t{31}, std::int64_t{40},
                               std::int64_t{1000000}, std::int64_t{1} << 50}) {
    CHECK(vmf_mean_resultant(p, 0) == 0);
    CHECK(vmf_mean_resultant_derivative(p, 0) * static_cast<double>(p) == Approx(1).epsilon(1e-15));
    CHECK(vmf_mean_resultant(p, infinity) == 1);
    CHECK(vmf_mean_resultant_complement(p, infinity) == 0);
    CHECK(vmf_mean_resultant_derivative(p, infinity) == 0);
    CHECK(vmf_log_normalizer(p, infinity) == -infinity);
    CHECK(vmf_log_peak(p, infinity) == infinity);
    CHECK(vmf_entropy(p, infinity) == -infinity);
    CHECK(vmf_kl(p, infinity, 1, 1) == infinity);
    CHECK(vmf_kl(p, 1, infinity, 1) == infinity);
    CHECK(vmf_kl(p, infinity, infinity, 1) == 0);
    CHECK(vmf_kappa(p, 0) == 0);
    CHECK(vmf_kappa(p, 1) == infinity);
    CHECK(vmf_kappa_from_complement(p, 0) == infinity);
    CHECK(vmf_kappa_from_complement(p, 1) == 0);
    for (const double kappa : {1e-300, 1e300}) {
      CHECK(std::isfinite(vmf_log_normalizer(p, kappa)));
      CHECK(std::isfinite(vmf_entropy(p, kappa)));
      CHECK(std::isfinite(vmf_log_peak(p, kappa)));
      CHECK(std::isfinite(vmf_kl(p, kappa, 1, 0.5)));
    }
  }
}

TEST_CASE("vmf: refusals are NaN", "[vmf]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](double x) { return std::isnan(x); };
  for (const auto &f : {vmf_log_normalizer, vmf_log_peak, vmf_entropy, vmf_mean_resultant,
                        vmf_mean_resultant_complement, vmf_mean_resultant_derivative}) {
    CHECK(refused(f(1, 1)));
    CHECK(refused(f(0, 1)));
    CHECK(refused(f(-4, 1)));
    CHECK(refused(f(3, -1e-300)));
    CHECK(refused(f(3, nan)));
  }
  for (const auto &f : {vmf_kappa, vmf_kappa_from_complement}) {
    CHECK(refused(f(1, 0.5)));
    CHECK(refused(f(3, -1e-300)));
    CHECK(refused(f(3, 1.0000000000000002)));
    CHECK(refused(f(3, nan)));
  }
  CHECK(refused(vmf_log_density(3, 1, 1.0000000000000002)));
  CHECK(refused(vmf_log_density(3, 1, nan)));
  CHECK(refused(vmf_kl(3, 1, -1, 1)));
  CHECK(refused(vmf_kl(3, 1, 1, 1.1)));
  CHECK(refused(vmf_kl(1, 1, 1, 1)));
}

TEST_CASE("vmf: the divergence is never negative, zero for equals, and keeps its digits", "[vmf]") {
  for (const std::int64_t p : {2, 3, 30, 64, 2048, 32768})
    for (const double k1 : {0.0, 0.01, 1.0, 20.0, 500.0, 1e5}) {
      CHECK(vmf_kl(p, k1, k1, 1) == 0);
      CHECK(vmf_kl(p, k1, k1, 0.5) >= 0);
      for (const double k2 : {0.0, 0.3, 25.0, 3e4, 1e9})
        CHECK(vmf_kl(p, k1, k2, 1) >= 0);
      if (k1 == 0)
        continue;
      // ½ A' (κ₂ − κ₁)² to leading order
      const double k2 = k1 * (1 + 1e-9);
      const double quadratic = 0.5 * vmf_mean_resultant_derivative(p, k1) * (k2 - k1) * (k2 - k1);
      CHECK(vmf_kl(p, k1, k2, 1) == Approx(quadratic).epsilon(1e-8));
      CHECK(vmf_kl(p, k2, k1, 1) == Approx(quadratic).epsilon(1e-8));
    }
  // From its definition where nothing cancels.
  const double direct = 5 * vmf_mean_resultant(10, 5) - 80 * vmf_mean_resultant(10, 5) * -0.25 +
                        vmf_log_normalizer(10, 5) - vmf_log_normalizer(10, 80);
  CHECK(vmf_kl(10, 5, 80, -0.25) == Approx(direct).epsilon(1e-14));
}

TEST_CASE("vmf: estimates from the resultant", "[vmf]") {
  for (const auto &row : ReferenceTable("inverse.csv").value) {
    const auto p = static_cast<std::int64_t>(row[0]);
    const auto r = static_cast<double>(row[1]);
    const LatheVmfEstimate e = vmf_estimate(p, r, 1 - r, 1e9);
    INFO("p " << p << " R " << r);
    CHECK(relative_eps(e.kappa_mle, row[2]) <= 4 * (1 + static_cast<double>(row[3])));
    CHECK(e.condition == Approx(static_cast<double>(row[3])).epsilon(1e-6));
    CHECK(e.kappa_corrected <= e.kappa_mle);
  }
  // Nothing but noise: R² below 1/n.
  const LatheVmfEstimate noise = vmf_estimate(1000, 0.05, 0.95, 300);
  CHECK(noise.kappa_mle > 50);
  CHECK(noise.kappa_corrected == 0);
  CHECK(noise.kappa_std_error > 0);
  CHECK(std::isfinite(noise.kappa_std_error));
  const LatheVmfEstimate point = vmf_estimate(5, 1, 0, 10);
  CHECK(point.condition == std::numeric_limits<double>::infinity());
  CHECK(point.kappa_mle == infinity);
  CHECK(point.kappa_corrected == infinity);
  CHECK(point.kappa_std_error == infinity);
  const LatheVmfEstimate one = vmf_estimate(5, 0.9, 0.1, 1);
  CHECK(one.kappa_corrected == one.kappa_mle);
  CHECK(one.kappa_std_error == infinity);
  // Many rows: the standard error is Fisher's 1/√(n A').
  const double kappa = 40;
  const double a = vmf_mean_resultant(16, kappa);
  const LatheVmfEstimate many = vmf_estimate(16, a, vmf_mean_resultant_complement(16, kappa), 1e6);
  CHECK(many.kappa_std_error * std::sqrt(1e6 * vmf_mean_resultant_derivative(16, kappa)) ==
        Approx(1).epsilon(1e-4));
}

} // namespace
