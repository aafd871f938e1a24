// SPDX-License-Identifier: BSD-2-Clause
// Matérn likelihood, its gradient and information, and the fit.
#include "bessel/matern_likelihood.h"
#include "core/dense.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>
#include <numbers>

namespace {

using namespace lathe::bessel;

struct Field {
  std::vector<double> x, y;
  std::size_t dimension;
  Field(std::size_t n, std::size_t d, const MaternParameters &p, std::uint64_t seed,
        std::uint64_t noise = 2)
      : dimension(d) {
    for (std::size_t k = 0; k < n * d; ++k)
      x.push_back(lathe::random::uniform(seed, 1, k));
    std::vector<double> factor(n * n);
    const MaternCovariance c(p);
    for (std::size_t j = 0; j < n; ++j)
      c.row({x.data(), n, d}, MaternComponent::value, j, j, n - j, factor.data() + j + j * n);
    REQUIRE(lathe::dense::potrf('L', n, factor.data(), n) == 0);
    y.assign(n, 0);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = j; i < n; ++i)
        y[i] += factor[i + j * n] * lathe::random::normal(seed, noise, j);
  }
  [[nodiscard]] MaternData data() const { return {{x.data(), y.size(), dimension}, y.data()}; }
};

constexpr MaternParameters truth{.variance = 1.3, .range = 0.2, .smoothness = 0.9, .nugget = 0.02};
constexpr double MaternParameters::*members[] = {
    &MaternParameters::variance, &MaternParameters::range, &MaternParameters::smoothness,
    &MaternParameters::nugget};

} // namespace

TEST_CASE("Matérn likelihood of two sites is the formula") {
  const double x[] = {0.1, 0.4}, y[] = {0.7, -0.2};
  const MaternParameters p{.variance = 2, .range = 0.5, .smoothness = 0.5, .nugget = 0.1};
  const double c = 2 * std::exp(-(0.4 - 0.1) / 0.5), a = 2.1; // √(2ν) = 1
  const double det = a * a - c * c;
  const double quadratic = (a * (y[0] * y[0] + y[1] * y[1]) - 2 * c * y[0] * y[1]) / det;
  MaternLikelihood l;
  PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_WORLD, {{x, 2, 1}, y}, p, false, &l));
  CHECK(l.quadratic == Approx(quadratic).epsilon(1e-14));
  CHECK(l.log_determinant == Approx(std::log(det)).epsilon(1e-14));
  CHECK(l.value ==
        Approx(-0.5 * (quadratic + std::log(det)) - std::log(2 * std::numbers::pi)).epsilon(1e-14));
}

TEST_CASE("Matérn gradient is that of the likelihood") {
  for (const std::size_t dimension : {1, 2, 3}) {
    const Field field(150, dimension, truth, 3);
    const MaternParameters p{.variance = 1.1, .range = 0.3, .smoothness = 1.4, .nugget = 0.05};
    MaternLikelihood l;
    PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_WORLD, field.data(), p, true, &l));
    REQUIRE(l.definite);
    for (std::size_t k = 0; k < 4; ++k) {
      double quotient = 0;
      const double step = 4e-3 * (p.*members[k]), weights[] = {0.75, -0.15, 1.0 / 60};
      for (int j = 1; j <= 3; ++j)
        for (const int sign : {-1, 1}) {
          MaternParameters q = p;
          q.*members[k] += sign * j * step;
          MaternLikelihood moved;
          PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_WORLD, field.data(), q, false, &moved));
          quotient += sign * weights[j - 1] * moved.value / step;
        }
      CAPTURE(dimension, k, l.gradient[k], quotient);
      CHECK(std::abs(l.gradient[k] - quotient) <= 1e-8 * std::abs(quotient) + 1e-9 / step);
    }
  }
}

TEST_CASE("Matérn likelihood has the same bits on every number of ranks") {
  const Field field(200, 2, truth, 4);
  MaternLikelihood together, alone;
  std::array<double, 16> shared{}, own{};
  double condition = 0, own_condition = 0;
  PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_WORLD, field.data(), truth, true, &together));
  PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_SELF, field.data(), truth, true, &alone));
  CHECK_ALL(together.value == alone.value);
  CHECK_ALL(together.gradient == alone.gradient);
  PETSC_OK(
      LatheMaternFisherInformation(PETSC_COMM_WORLD, field.data(), truth, &shared, &condition));
  PETSC_OK(
      LatheMaternFisherInformation(PETSC_COMM_SELF, field.data(), truth, &own, &own_condition));
  CHECK_ALL(shared == own);
  CHECK_ALL(condition == own_condition);
  CHECK(condition > 10);
  CHECK(condition < 1.3 * 200 / 0.02 + 1);
}

TEST_CASE("Fisher information is the covariance of the gradient") {
  // F = E[g gᵀ] at the truth: averages over many draws, and the trace of the identity by hand for
  // the variance alone: without a nugget F_00 = n/(2 σ⁴).
  MaternParameters p = truth;
  p.nugget = 0;
  const Field field(60, 2, p, 5);
  std::array<double, 16> f{};
  double condition = 0;
  PETSC_OK(LatheMaternFisherInformation(PETSC_COMM_WORLD, field.data(), p, &f, &condition));
  CHECK(f[0] == Approx(60 / (2 * p.variance * p.variance)).epsilon(1e-11));
  constexpr int draws = 200;
  std::array<double, 16> mean{};
  for (int t = 0; t < draws; ++t) {
    const Field draw(60, 2, truth, 5, 100 + static_cast<std::uint64_t>(t)); // same sites
    MaternLikelihood l;
    PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_SELF, draw.data(), truth, true, &l));
    for (std::size_t k = 0; k < 4; ++k)
      for (std::size_t m = 0; m < 4; ++m)
        mean[4 * k + m] += l.gradient[k] * l.gradient[m] / draws;
  }
  PETSC_OK(LatheMaternFisherInformation(PETSC_COMM_WORLD, field.data(), truth, &f, &condition));
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t m = 0; m < 4; ++m) {
      const double scale = std::sqrt(f[5 * k] * f[5 * m]);
      CAPTURE(k, m, f[4 * k + m], mean[4 * k + m]);
      CHECK(std::abs(f[4 * k + m] - mean[4 * k + m]) <
            0.4 * scale); // 4 standard errors of 200 draws
      CHECK(f[4 * k + m] == f[4 * m + k]);
    }
}

#if !defined(PETSC_USE_COMPLEX)
TEST_CASE("Matérn fit recovers the truth within its standard errors") {
  for (const std::uint64_t seed : {11, 12}) {
    const Field field(150, 2, truth, seed);
    MaternFitOptions options;
    options.start = {.variance = 0.5, .range = 0.05, .smoothness = 0.5, .nugget = truth.nugget};
    int steps = 0;
    double last = -1e300;
    bool rises = true;
    options.monitor = [&](const MaternStep &step) -> PetscErrorCode {
      ++steps;
      rises = rises && step.log_likelihood >= last;
      last = step.log_likelihood;
      return PETSC_SUCCESS;
    };
    MaternFit fit;
    PETSC_OK(LatheMaternFit(PETSC_COMM_WORLD, field.data(), options, &fit));
    CAPTURE(seed, fit.reason, fit.iterations, fit.estimate.variance, fit.standard_error.variance,
            fit.estimate.range, fit.standard_error.range, fit.estimate.smoothness,
            fit.standard_error.smoothness, fit.gradient_norm);
    CHECK(fit.converged);
    CHECK(fit.gradient_norm < 1e-7);
    CHECK(steps > 1);
    CHECK(rises);
    MaternLikelihood of_truth;
    PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_WORLD, field.data(), truth, false, &of_truth));
    CHECK(fit.log_likelihood >= of_truth.value);
    for (int k = 0; k < 3; ++k) {
      // In the logarithm, where the estimates are nearer to normal; 3 standard errors.
      const double error = fit.standard_error.*members[k] / (fit.estimate.*members[k]);
      CHECK(std::abs(std::log((fit.estimate.*members[k]) / (truth.*members[k]))) < 3 * error);
    }
    CHECK(std::isnan(fit.standard_error.nugget));
    CHECK(fit.estimate.nugget == truth.nugget);
    // The same answer from elsewhere, with the nugget free or not, and by another method.
    MaternFit again;
    options.start = {.variance = 3, .range = 0.6, .smoothness = 2, .nugget = truth.nugget};
    options.monitor = nullptr;
    PETSC_OK(LatheMaternFit(PETSC_COMM_WORLD, field.data(), options, &again));
    CHECK(again.converged);
    CHECK(again.estimate.range == Approx(fit.estimate.range).epsilon(1e-4));
    CHECK(again.estimate.smoothness == Approx(fit.estimate.smoothness).epsilon(1e-4));
    CHECK(again.log_likelihood == Approx(fit.log_likelihood).epsilon(1e-12));
  }
}

TEST_CASE("Matérn fit stays within its bounds and fits a nugget") {
  const Field field(200, 2, truth, 21);
  MaternFitOptions options;
  options.start = {.variance = 1, .range = 0.1, .smoothness = 0.4, .nugget = 0.1};
  options.upper.smoothness = 0.5;
  options.fit_nugget = true;
  MaternFit fit;
  PETSC_OK(LatheMaternFit(PETSC_COMM_WORLD, field.data(), options, &fit));
  CAPTURE(fit.reason, fit.estimate.smoothness, fit.estimate.nugget, fit.standard_error.nugget);
  CHECK(fit.converged);
  CHECK(fit.estimate.smoothness <= 0.5 * (1 + 1e-14));
  CHECK(fit.estimate.nugget > 0);
  CHECK(fit.standard_error.range > 0);
  CHECK(std::isnan(fit.standard_error.smoothness) == (fit.estimate.smoothness > 0.5 * (1 - 1e-10)));
}

TEST_CASE("Matérn fit refuses") {
  using lathe::test::catch_error;
  const Field field(20, 2, truth, 22);
  MaternFit fit;
  MaternFitOptions options;
  options.start = {.variance = 1, .range = 0.1, .smoothness = 30, .nugget = 0.1};
  const auto outside =
      catch_error([&] { return LatheMaternFit(PETSC_COMM_WORLD, field.data(), options, &fit); });
  CHECK_ALL(outside.code == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(outside.message.find("Start 30 of the smoothness") != std::string::npos);
  options.start.smoothness = 1;
  options.start.nugget = 0;
  options.fit_nugget = true;
  CHECK_ALL(catch_error([&] {
              return LatheMaternFit(PETSC_COMM_WORLD, field.data(), options, &fit);
            }).code == PETSC_ERR_ARG_OUTOFRANGE);
  // Where TAO could not begin: two sites at one place, or a field too smooth for doubles.
  options.fit_nugget = false;
  Field twice(20, 2, truth, 22);
  twice.x[2 * 11] = twice.x[2 * 4];
  twice.x[2 * 11 + 1] = twice.x[2 * 4 + 1];
  const auto said = [&](const Field &f) {
    return catch_error([&] { return LatheMaternFit(PETSC_COMM_WORLD, f.data(), options, &fit); })
        .message;
  };
  CHECK_ALL(said(twice).find("Sites 4 and 11 are at one place") != std::string::npos);
  options.start = {.variance = 1, .range = 100, .smoothness = 19, .nugget = 0};
  CHECK_ALL(said(field).find("not positive definite in double precision at the start") !=
            std::string::npos);
}
#endif

TEST_CASE("Matérn likelihood refuses and survives what is not definite") {
  using lathe::test::catch_error;
  Field field(30, 2, truth, 23);
  MaternLikelihood l;
  const auto code = [&](const MaternParameters &p) {
    return catch_error([&] {
             return LatheMaternLogLikelihood(PETSC_COMM_WORLD, field.data(), p, true, &l);
           })
        .code;
  };
  CHECK_ALL(code({0, 1, 1, 0}) == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(code({1, 1, -1, 0}) == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(code({1, 1, 1, -1}) == PETSC_ERR_ARG_OUTOFRANGE);
  field.x[2] = field.x[0];
  field.x[3] = field.x[1]; // two sites in one place, no nugget: singular
  PETSC_OK(LatheMaternLogLikelihood(PETSC_COMM_WORLD, field.data(), {1, 0.1, 0.5, 0}, true, &l));
  CHECK(!l.definite);
  CHECK(std::isinf(l.value));
  CHECK(std::isnan(l.gradient[0]));
  if (lathe::test::mpi_rank() == lathe::test::mpi_size() - 1)
    field.y[7] = std::nan("");
  CHECK_ALL(code(truth) == PETSC_ERR_FP);
}
