// SPDX-License-Identifier: BSD-2-Clause
// Samples: distribution of the cosine, of the direction across, pure functions of the index;
// entropy and estimators on samples.
#include "bessel/vmf_sampler.h"
#include "bessel/vmf.h"
#include "bessel/vmf_fit.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace {

using namespace lathe::bessel;

/// Kolmogorov-Smirnov distance times √n; above 2.0 with probability 7·10⁻⁴.
double kolmogorov(std::vector<double> x, const auto &cdf) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double distance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]);
    distance =
        std::max({distance, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return distance * std::sqrt(n);
}

/// Distribution function of t = 1 − cosine: density ∝ exp(−κt)(t(2−t))^((p−3)/2), by the
/// trapezoidal rule in t = 1 − cos θ, where the integrand is exp(−κ(1 − cos θ)) sin^(p−2) θ.
struct CosineDistribution {
  std::vector<double> sum;
  static constexpr std::size_t steps = 200000;
  CosineDistribution(double p, double kappa) : sum(steps + 1) {
    const auto log_density = [&](double theta) {
      return (p - 2) * std::log(std::sin(theta)) - kappa * (1 - std::cos(theta));
    };
    double top = -INFINITY;
    for (std::size_t i = 1; i < steps; ++i)
      top = std::max(top, log_density(angle(i)));
    double last = p == 2 ? std::exp(-top) : 0; // at θ = 0
    for (std::size_t i = 1; i <= steps; ++i) {
      const double now = i == steps ? (p == 2 ? std::exp(-2 * kappa - top) : 0)
                                    : std::exp(log_density(angle(i)) - top);
      sum[i] = sum[i - 1] + 0.5 * (last + now);
      last = now;
    }
  }
  static double angle(std::size_t i) { return M_PI * static_cast<double>(i) / steps; }
  double operator()(double t) const {
    const double theta = 2 * std::asin(std::sqrt(0.5 * t));
    const double at = theta / M_PI * steps;
    const auto i = std::min(steps - 1, static_cast<std::size_t>(at));
    return (sum[i] + (at - static_cast<double>(i)) * (sum[i + 1] - sum[i])) / sum.back();
  }
};

TEST_CASE("vmf samples: the cosine has its distribution", "[vmf]") {
  for (const std::size_t p : {2, 3, 4, 10, 500})
    for (const double kappa : {0.0, 0.5, 5.0, 300.0}) {
      std::vector<double> axis(p, 0.0);
      axis[0] = 1;
      const VmfSampler sampler(axis, kappa, 11, 3);
      std::vector<double> t(4000);
      for (std::size_t i = 0; i < t.size(); ++i)
        t[i] = sampler.one_minus_cosine(i);
      INFO("p " << p << " kappa " << kappa);
      CHECK(kolmogorov(t, CosineDistribution(static_cast<double>(p), kappa)) < 2.0);
    }
}

// Where κ ≫ p, κt has the gamma distribution of shape (p−1)/2: mean (p−1)/2, also when t ~ 10⁻¹².
TEST_CASE("vmf samples: concentrated samples keep their digits", "[vmf]") {
  const std::vector<double> axis{0.6, 0.0, -0.8};
  const VmfSampler sampler(axis, 1e12, 5, 0);
  std::vector<double> scaled(4000);
  for (std::size_t i = 0; i < scaled.size(); ++i)
    scaled[i] = 1e12 * sampler.one_minus_cosine(i);
  CHECK(kolmogorov(scaled, [](double x) { return 1 - std::exp(-x); }) < 2.0);
  double x[3];
  VmfSampler(axis, INFINITY, 5, 0).sample(7, x);
  CHECK(x[0] == Approx(0.6).epsilon(1e-15));
  CHECK(x[2] == Approx(-0.8).epsilon(1e-15));
}

TEST_CASE("vmf samples: unit vectors, uniform across the mean", "[vmf]") {
  for (const double sign : {1.0, -1.0})
    for (const std::size_t p : {2, 3, 8}) {
      std::vector<double> mean(p);
      for (std::size_t i = 0; i < p; ++i)
        mean[i] = sign * (1 + 0.3 * static_cast<double>(i));
      const VmfSampler sampler(mean, 4, 21, 1);
      std::vector<double> along;
      std::vector<double> x(p), other(p, 0.0);
      // A direction orthogonal to the mean.
      other[0] = sampler.mean()[1];
      other[1] = -sampler.mean()[0];
      const double norm = std::hypot(other[0], other[1]);
      double worst = 0, mismatch = 0;
      for (std::uint64_t i = 0; i < 4000; ++i) {
        sampler.sample(i, x.data());
        const double length = std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
        const double cosine = std::inner_product(x.begin(), x.end(), sampler.mean().begin(), 0.0);
        worst = std::max(worst, std::abs(length - 1));
        mismatch = std::max(mismatch, std::abs(1 - cosine - sampler.one_minus_cosine(i)));
        const double across = std::sqrt(std::max(0.0, 1 - cosine * cosine));
        along.push_back((x[0] * other[0] + x[1] * other[1]) / (norm * across));
      }
      CHECK(worst < 1e-14);
      CHECK(mismatch < 1e-14);
      // The component of a uniform direction in p − 1 dimensions: ½ ± atoms, arcsine, beta.
      const auto even = static_cast<double>(
          std::count_if(along.begin(), along.end(), [](double c) { return c > 0; }));
      CHECK(std::abs(even - 2000) < 4 * std::sqrt(1000.0));
      if (p == 3) // angle of the component uniform on [0, π]
        CHECK(kolmogorov(along, [](double c) {
                return 1 - std::acos(std::clamp(c, -1.0, 1.0)) / M_PI;
              }) < 2.0);
      double squares = 0;
      for (const double c : along)
        squares += c * c / static_cast<double>(along.size());
      CHECK(squares * (static_cast<double>(p) - 1) == Approx(1).epsilon(0.1));
    }
}

TEST_CASE("vmf samples: entropy is minus the mean log density", "[vmf]") {
  for (const std::int64_t p : {2, 5, 50, 3000})
    for (const double ratio : {0.1, 1.0, 10.0}) {
      const double kappa = ratio * static_cast<double>(p);
      const std::vector<double> mean = uniform_direction(static_cast<std::size_t>(p), 3, 0, 0);
      const VmfSampler sampler(mean, kappa, 4, 0);
      const int n = 4000;
      double sum = 0;
      for (int i = 0; i < n; ++i)
        sum -= vmf_log_peak(p, kappa) -
               kappa * sampler.one_minus_cosine(static_cast<std::uint64_t>(i));
      // The standard deviation of log f is κ √A'.
      const double error =
          kappa * std::sqrt(vmf_mean_resultant_derivative(p, kappa) / static_cast<double>(n));
      INFO("p " << p << " kappa " << kappa);
      CHECK(std::abs(sum / n - vmf_entropy(p, kappa)) < 4 * error);
    }
}

TEST_CASE("vmf samples: a row depends on seed, stream and number alone", "[vmf]") {
  const double mean[5] = {1, 2, 3, 4, 5};
  double whole[6 * 5], part[2 * 5], other[5];
  PETSC_OK(LatheVmfSample(5, mean, 3, 1, 2, 10, 6, whole));
  PETSC_OK(LatheVmfSample(5, mean, 3, 1, 2, 13, 2, part));
  CHECK(std::equal(part, part + 10, whole + 15));
  for (const auto &[seed, stream] : {std::pair{1ULL, 3ULL}, std::pair{2ULL, 2ULL}}) {
    PETSC_OK(LatheVmfSample(5, mean, 3, seed, stream, 10, 1, other));
    CHECK(!std::equal(other, other + 5, whole));
  }
  using lathe::test::catch_error;
  const auto refused = [&](PetscInt dim, double kappa, unsigned long long stream,
                           PetscInt64 first) {
    return catch_error([&] { return LatheVmfSample(dim, mean, kappa, 1, stream, first, 1, other); })
        .code;
  };
  CHECK(refused(1, 1, 0, 0) == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK(refused(5, -1, 0, 0) == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK(refused(5, 1, 1ULL << 32, 0) == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK(refused(5, 1, 0, -1) == PETSC_ERR_ARG_OUTOFRANGE);
  const double zero[2] = {0, 0};
  CHECK(catch_error([&] { return LatheVmfSample(2, zero, 1, 1, 0, 0, 1, other); }).code ==
        PETSC_ERR_ARG_OUTOFRANGE);
}

// Deviations of the corrected κ in units of its standard error over 400 samples of n rows: mean and
// variance of a standard normal, also in many dimensions and few rows, where the
// maximum-likelihood κ is many standard errors too large.
TEST_CASE("vmf estimates: the corrected kappa is unbiased and its standard error is true",
          "[vmf]") {
  struct Case {
    std::size_t p;
    double kappa;
    int n;
  };
  for (const Case &c :
       {Case{3, 2, 200}, Case{20, 10, 100}, Case{200, 100, 40}, Case{200, 2000, 10}}) {
    std::vector<double> axis(c.p, 0.0);
    axis[0] = 1;
    double sum = 0, squares = 0;
    const int samples = 400;
    for (int s = 0; s < samples; ++s) {
      const VmfSampler sampler(axis, c.kappa, 77, static_cast<std::uint64_t>(s));
      std::vector<double> x(c.p), total(c.p, 0.0);
      for (int i = 0; i < c.n; ++i) {
        sampler.sample(static_cast<std::uint64_t>(i), x.data());
        for (std::size_t j = 0; j < c.p; ++j)
          total[j] += x[j];
      }
      const double r =
          std::sqrt(std::inner_product(total.begin(), total.end(), total.begin(), 0.0)) / c.n;
      const LatheVmfEstimate e = vmf_estimate(static_cast<std::int64_t>(c.p), r, 1 - r, c.n);
      const double deviation = (e.kappa_corrected - c.kappa) / e.kappa_std_error;
      sum += deviation;
      squares += deviation * deviation;
    }
    INFO("p " << c.p << " kappa " << c.kappa << " n " << c.n << " mean " << sum / samples
              << " square " << squares / samples);
    CHECK(std::abs(sum / samples) < 0.25);
    CHECK(squares / samples == Approx(1).epsilon(0.25));
  }
}

} // namespace
