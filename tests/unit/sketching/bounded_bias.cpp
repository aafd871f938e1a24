// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/bounded_bias.h"
#include "core/dense.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "unit/sketching/matrices.h"
#include <cmath>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::sketching;

namespace {

constexpr PetscInt rows = 11, columns = 4;

double entry(PetscInt i, PetscInt j) {
  return random::normal(41, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i)) /
         std::pow(3.0, j);
}
double noise(std::uint64_t k, std::uint64_t i) {
  return random::normal(42, k, i);
}

struct Problem {
  MatHandle matrix;
  TallMatrix tall;
  BoundedBias estimators;

  /// The matrix times 2^scale, one row left out where skip is not negative.
  explicit Problem(PetscInt m = rows, PetscInt skip = -1, int scale = 0) {
    PETSC_OK(test::CreateMatrix(
        PETSC_COMM_WORLD, m, columns,
        [=](PetscInt i, PetscInt j) {
          return std::ldexp(entry(i + (skip >= 0 && i >= skip ? 1 : 0), j), scale);
        },
        true, false, matrix.out()));
    PETSC_OK(tall.Create(matrix));
    PETSC_OK(estimators.Create(tall));
  }
  BiasedEstimate estimate(const std::vector<double> &y, BiasBound bound, double parameter) {
    const auto first = static_cast<std::size_t>(tall.rows().range().begin);
    std::vector<double> local;
    for (std::size_t i = 0; i < tall.rows().local(); ++i)
      local.push_back(y[first + i]);
    BiasedEstimate e;
    PETSC_OK(estimators.Estimate(local.data(), bound, parameter, &e));
    return e;
  }
};

/// L, columns × rows, column-major: column i is the estimate for y = e_i.
std::vector<double> matrix_of(Problem &p, BiasBound bound, double parameter) {
  std::vector<double> l;
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<double> y(rows, 0.0);
    y[i] = 1;
    const BiasedEstimate e = p.estimate(y, bound, parameter);
    l.insert(l.end(), e.beta.begin(), e.beta.end());
  }
  return l;
}

/// Singular values of L·X − I.
std::vector<double> bias_of(const std::vector<double> &l) {
  std::vector<double> b(columns * columns), s(columns);
  for (std::size_t j = 0; j < columns; ++j)
    for (std::size_t k = 0; k < columns; ++k) {
      b[j + k * columns] = j == k ? -1 : 0;
      for (std::size_t i = 0; i < rows; ++i)
        b[j + k * columns] +=
            l[j + i * columns] * entry(static_cast<PetscInt>(i), static_cast<PetscInt>(k));
    }
  dense::singular_values<double>(columns, columns, b.data(), columns, s.data());
  return s;
}
double norm_of(BiasBound bound, const std::vector<double> &s) {
  double sum = 0, square = 0;
  for (double x : s) {
    sum += x;
    square += x * x;
  }
  return bound == BiasBound::nuclear    ? sum
         : bound == BiasBound::spectral ? s[0]
                                        : std::sqrt(square);
}
double length(const std::vector<double> &x) {
  double square = 0;
  for (double v : x)
    square += v * v;
  return std::sqrt(square);
}

} // namespace

TEST_CASE("no estimator of the same bias has less variance", "[sketching]") {
  Problem p;
  const std::vector<double> unbiased = matrix_of(p, BiasBound::unbiased, 0);
  const double largest = p.estimators.singular_values()[0];
  CHECK(p.estimators.singular_values().size() == columns);
  CHECK(norm_of(BiasBound::spectral, bias_of(unbiased)) < 1e-13);
  for (const auto &[bound, parameter] : {std::pair{BiasBound::ridge, 0.3},
                                         {BiasBound::nuclear, 0.04 * largest * largest},
                                         {BiasBound::nuclear, 2 * largest * largest},
                                         {BiasBound::spectral, 0.4}}) {
    const std::vector<double> l = matrix_of(p, bound, parameter);
    const BiasedEstimate e = p.estimate(std::vector<double>(rows, 1.0), bound, parameter);
    const double allowed = norm_of(bound, bias_of(l)), size = length(l);
    CAPTURE(static_cast<int>(bound), parameter, allowed, size);
    CHECK(std::fabs(e.bias - allowed) <= 1e-13 * allowed);
    CHECK(std::fabs(std::sqrt(e.variance) - size) <= 1e-13 * size);
    // Any other, mixed with the unbiased one until its bias is allowed.
    double least = HUGE_VAL;
    for (std::uint64_t trial = 0; trial < 3000; ++trial) {
      std::vector<double> other = l;
      const double step = std::pow(10.0, -1 - static_cast<double>(trial % 4));
      for (std::size_t k = 0; k < other.size(); ++k)
        other[k] += step * noise(7 + trial, k) * size;
      const double mix = std::max(0.0, 1 - allowed / norm_of(bound, bias_of(other)));
      for (std::size_t k = 0; k < other.size(); ++k)
        other[k] = (1 - mix) * other[k] + mix * unbiased[k];
      least = std::min(least, length(other));
    }
    CHECK(least >= size * (1 - 1e-12));
  }
}

TEST_CASE("residuals of rows left out are those of fits without them", "[sketching]") {
  std::vector<double> y;
  for (std::size_t i = 0; i < rows; ++i)
    y.push_back(noise(1, i) + entry(static_cast<PetscInt>(i), 0));
  for (const auto &[bound, parameter] :
       {std::pair{BiasBound::unbiased, 0.0}, {BiasBound::ridge, 0.2}}) {
    Problem p;
    const BiasedEstimate e = p.estimate(y, bound, parameter);
    double sum = 0;
    for (PetscInt out = 0; out < rows; ++out) {
      Problem without(rows - 1, out);
      std::vector<double> rest = y;
      rest.erase(rest.begin() + out);
      const BiasedEstimate other = without.estimate(rest, bound, parameter);
      double r = y[static_cast<std::size_t>(out)];
      for (PetscInt j = 0; j < columns; ++j)
        r -= entry(out, j) * other.beta[static_cast<std::size_t>(j)];
      sum += r * r / rows;
    }
    CAPTURE(static_cast<int>(bound), sum, e.leave_one_out);
    CHECK(std::fabs(e.leave_one_out - sum) <= 1e-12 * sum);
    CHECK(std::fabs(e.gcv - rows * e.residual_square / std::pow(rows - e.degrees, 2)) <=
          1e-13 * e.gcv);
  }
}

TEST_CASE("risk is what repeated noise shows", "[sketching]") {
  Problem p;
  const std::vector<double> truth = {1, -2, 0.5, 3};
  const double sigma = 0.3;
  for (const auto &[bound, parameter] : {std::pair{BiasBound::unbiased, 0.0},
                                         {BiasBound::ridge, 0.2},
                                         {BiasBound::nuclear, 0.5},
                                         {BiasBound::spectral, 0.25}}) {
    double mean = 0;
    constexpr int trials = 1000;
    for (std::uint64_t trial = 0; trial < trials; ++trial) {
      std::vector<double> y(rows, 0.0);
      for (std::size_t i = 0; i < rows; ++i) {
        y[i] = sigma * noise(100 + trial, i);
        for (std::size_t j = 0; j < columns; ++j)
          y[i] += entry(static_cast<PetscInt>(i), static_cast<PetscInt>(j)) * truth[j];
      }
      const BiasedEstimate e = p.estimate(y, bound, parameter);
      for (std::size_t j = 0; j < columns; ++j)
        mean += std::pow(e.beta[j] - truth[j], 2) / trials;
    }
    const double risk = p.estimators.risk(bound, parameter, sigma, truth);
    CAPTURE(static_cast<int>(bound), mean, risk);
    CHECK(std::fabs(mean - risk) < 0.1 * risk);
  }
}

TEST_CASE("estimates of a matrix times a power of two scale with it, to the bit", "[sketching]") {
  std::vector<double> y;
  for (std::size_t i = 0; i < rows; ++i)
    y.push_back(noise(2, i));
  Problem one;
  const auto scaled = [](std::vector<double> x, int k) {
    for (double &v : x)
      v = std::ldexp(v, k);
    return x;
  };
  for (const int k : {-950, -400, 350, 1000}) {
    Problem p(rows, -1, k);
    CHECK(p.estimators.singular_values() == scaled(one.estimators.singular_values(), k));
    for (const auto bound :
         {BiasBound::unbiased, BiasBound::ridge, BiasBound::nuclear, BiasBound::spectral}) {
      const bool squared = bound == BiasBound::ridge || bound == BiasBound::nuclear;
      if (squared && std::abs(k) > 500)
        continue; // the parameter would leave the range of a double
      const BiasedEstimate e = one.estimate(y, bound, 0.3);
      const BiasedEstimate s = p.estimate(y, bound, squared ? std::ldexp(0.3, 2 * k) : 0.3);
      CAPTURE(k, static_cast<int>(bound));
      CHECK(s.beta == scaled(e.beta, -k));
      CHECK(s.bias == e.bias);
      CHECK(s.degrees == e.degrees);
      CHECK(s.residual_square == e.residual_square);
      CHECK((s.gcv == e.gcv && s.leave_one_out == e.leave_one_out));
      if (std::abs(k) < 500)
        CHECK(s.variance == std::ldexp(e.variance, -2 * k));
    }
    const BiasedEstimate least = p.estimate(y, BiasBound::ridge, 0.0); // least squares
    CHECK(least.beta == p.estimate(y, BiasBound::unbiased, 0).beta);
  }
}

TEST_CASE("estimators refuse parameters out of range", "[sketching]") {
  Problem p;
  const auto refused = [&](BiasBound bound, double parameter, const char *said) {
    BiasedEstimate e;
    const std::vector<double> y(p.tall.rows().local(), 1.0);
    const auto caught =
        test::catch_error([&] { return p.estimators.Estimate(y.data(), bound, parameter, &e); });
    INFO(caught.message);
    CHECK_ALL(caught.code == PETSC_ERR_ARG_OUTOFRANGE);
    CHECK_ALL(caught.message.find(said) != std::string::npos);
  };
  refused(BiasBound::ridge, -1, "-1. of the ridge estimator must lie in [0, infinity)");
  refused(BiasBound::nuclear, NAN, "nuclear");
  refused(BiasBound::spectral, 1.5, "1.5 of the spectral estimator must lie in [0, 1]");
}

#endif
