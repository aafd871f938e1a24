// SPDX-License-Identifier: BSD-2-Clause
// Row scores of matrices, columns and rows of any size.
#include "sketching/lp_regression.h"
#include "unit/sketching/row_scores.h"
#include <numeric>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::test;

namespace {

struct Score {
  std::string name;
  std::vector<double> values;
};

/// Every kind of row score, on every rank. ridge: lambda, 0 for none.
std::vector<Score> scores_of(PetscInt m, PetscInt n, const Entry &entry, bool dense, double ridge) {
  Tall A(PETSC_COMM_WORLD, m, n, entry, dense, true);
  std::vector<Score> all;
  std::vector<double> local(A.tall.rows().local());
  std::size_t rank = 0;
  double residual = 0, total = 0;
  all.push_back({"leverage", A.leverage(0, &rank)});
  all.push_back({"rank", {static_cast<double>(rank)}});
  all.push_back({"approximate leverage", A.approximate(0.5)});
  if (ridge > 0) {
    all.push_back({"ridge leverage", A.leverage(ridge, &rank)});
    all.push_back({"approximate ridge leverage", A.approximate(0.5, ridge)});
  }
  PETSC_OK(RootLeverageScores(A.tall, 1.5, local.data(), &total));
  all.push_back({"root leverage", A.all(local)});
  for (const double p : {1.0, 3.0}) {
    all.push_back({"Lewis", A.lewis(p, &residual)});
    all.push_back({"approximate Lewis", A.approximate_lewis(p, 0.5)});
  }
  if (n > 8)
    return all; // sensitivities take long
  for (const double p : {1.0, 3.0}) {
    std::vector<double> some;
    PETSC_OK(LpSensitivities(A.tall, p, {0, 1, m - 1}, &some));
    all.push_back({"sensitivities", some});
  }
  PETSC_OK(ApproximateLpSensitivities(A.tall, 1, 0.6, 3, local.data()));
  all.push_back({"approximate sensitivities", A.all(local)});
  return all;
}

void same_bits(const std::vector<Score> &a, const std::vector<Score> &b) {
  CHECK_ALL(a.size() == b.size());
  for (std::size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
    INFO(b[k].name);
    CHECK_ALL(a[k].values == b[k].values);
  }
}

/// Columns that are the same but for one part in 1e5 of each: the rows are solved for twice.
Entry nearly_dependent(std::uint64_t seed) {
  return [rows = random_rows(seed)](PetscInt i, PetscInt j) {
    return rows(i, 0) + (j > 0 ? 1e-5 * rows(i, j) : 0);
  };
}

} // namespace

TEST_CASE("row scores keep their bits when the matrix is multiplied by a power of two",
          "[sketching]") {
  for (const bool dense : {true, false})
    for (const Entry &entry : {random_rows(23), nearly_dependent(23)}) {
      const std::vector<Score> one = scores_of(60, 4, entry, dense, 0.5);
      for (const int k : {-950, -400, 350, 1000}) {
        INFO("2^" << k << ", dense " << dense);
        const double ridge = std::abs(k) < 500 ? std::ldexp(0.5, 2 * k) : 0;
        std::vector<Score> expected = one;
        if (ridge == 0)
          std::erase_if(expected,
                        [](const Score &s) { return s.name.find("ridge") != std::string::npos; });
        same_bits(scores_of(
                      60, 4, [&](PetscInt i, PetscInt j) { return std::ldexp(entry(i, j), k); },
                      dense, ridge),
                  expected);
      }
    }
}

TEST_CASE("row scores of many columns keep their bits at any scale", "[sketching]") {
  const auto entry = random_rows(24); // 127 random directions
  const std::vector<Score> one = scores_of(300, 130, entry, false, 0);
  for (const int k : {-950, 1000}) {
    INFO("2^" << k);
    same_bits(
        scores_of(
            300, 130, [&](PetscInt i, PetscInt j) { return std::ldexp(entry(i, j), k); }, false, 0),
        one);
  }
}

TEST_CASE("row scores keep their bits when columns are multiplied by powers of two",
          "[sketching]") {
  for (const bool dense : {true, false}) {
    const Entry entry = nearly_dependent(25);
    const auto scaled = [&](PetscInt i, PetscInt j) {
      return std::ldexp(entry(i, j), j % 2 == 0 ? 450 : -450);
    };
    same_bits(scores_of(60, 4, scaled, dense, 0), scores_of(60, 4, entry, dense, 0));
  }
}

TEST_CASE("row scores of subnormal numbers and beside any ridge", "[sketching]") {
  const PetscInt m = 60, n = 4;
  const auto entry = random_rows(26);
  std::size_t rank = 0;
  const std::vector<double> tau = Tall(PETSC_COMM_WORLD, m, n, entry).leverage(0, &rank);
  for (const bool dense : {true, false}) {
    Tall small(
        PETSC_COMM_WORLD, m, n, [&](PetscInt i, PetscInt j) { return 1e-310 * entry(i, j); },
        dense);
    CHECK_ALL(worst(small.leverage(0, &rank), tau) <= 1e-10);
    CHECK_ALL(worst(small.approximate(0.5), tau) <= 1e-10);
    CHECK_ALL(small.leverage(1, &rank) == std::vector<double>(m, 0.0));
    Tall large(
        PETSC_COMM_WORLD, m, n, [&](PetscInt i, PetscInt j) { return 1e300 * entry(i, j); }, dense);
    CHECK_ALL(worst(large.leverage(1e-300, &rank), tau) <= 1e-13);
    CHECK_ALL(worst(large.approximate(0.5, 1e-300), tau) <= 1e-12);
  }
}

TEST_CASE("no row has a leverage above 1", "[sketching]") {
  std::size_t rank = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Tall square(PETSC_COMM_WORLD, 7, 7, random_rows(seed));
    const std::vector<double> tau = square.leverage(0, &rank),
                              ridge = square.leverage(1e-30, &rank), near = square.approximate(0.5);
    for (const auto *scores : {&tau, &ridge, &near}) {
      const auto [least, most] = std::minmax_element(scores->begin(), scores->end());
      CAPTURE(seed, *most - 1);
      CHECK_ALL((*least >= 1 - 1e-13 && *most <= 1));
    }
  }
}

TEST_CASE("approximate Lewis weights of very unequal rows", "[sketching]") {
  const PetscInt m = 300, n = 5;
  double most = 0;
  for (const double p : {1.0, 1.5, 2.1, 3.0, 4.0, 6.0, 8.0, 16.0})
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const auto entry = [seed](PetscInt i, PetscInt j) {
        const auto row = static_cast<std::uint64_t>(i);
        return std::pow(10, -8 + 16 * random::uniform(seed, 99, row)) *
               random::normal(seed, static_cast<std::uint64_t>(j), row);
      };
      Tall A(PETSC_COMM_WORLD, m, n, entry, seed % 2 == 0);
      double residual = 0;
      const std::vector<double> exact = A.lewis(p, &residual);
      for (const double epsilon : {0.5, 0.1}) {
        const double error = worst(A.approximate_lewis(p, epsilon), exact);
        INFO("p = " << p << ", seed " << seed << ", epsilon " << epsilon << ": " << error);
        CHECK_ALL((residual <= 1e-13 && error <= epsilon)); // of every row, not of 99 % only
        most = std::max(most, error / epsilon);
      }
    }
  WARN("worst error of an approximate Lewis weight over epsilon: " << most);
}

TEST_CASE("approximate Lewis weights from random directions, rows very unequal", "[sketching]") {
  const PetscInt m = 900, n = 200; // 127 directions a step; the last: 194 for p = 2.5, then exact
  const auto entry = [rows = random_rows(27)](PetscInt i, PetscInt j) {
    return std::pow(10, 8 * std::sin(static_cast<double>(i))) * rows(i, j);
  };
  Tall A(PETSC_COMM_WORLD, m, n, entry, false, true);
  for (const double p : {1.0, 2.5, 8.0}) {
    double residual = 0;
    const std::vector<double> exact = A.lewis(p, &residual), about = A.approximate_lewis(p, 0.5);
    double outside = 0;
    for (std::size_t i = 0; i < exact.size(); ++i)
      outside += std::abs(about[i] / exact[i] - 1) > 0.5 ? 1 : 0;
    INFO("p = " << p << ": " << outside << " of " << m << " rows");
    CHECK_ALL(outside <= 0.01 * m);
  }
}

#endif
