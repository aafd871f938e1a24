// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/lp_regression.h"
#include "unit/sketching/row_scores.h"
#include <numeric>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::sketching;
using namespace lathe::test;

namespace {

/// Largest |‖SAx‖_p/‖Ax‖_p − 1| over 20 Gaussian x of `stream`; the same on every rank.
double norm_error(const std::vector<SampledRow> &kept, const Entry &entry, PetscInt m, PetscInt n,
                  double p, std::uint64_t stream) {
  constexpr std::size_t trials = 20;
  const auto power = [&](std::size_t trial, std::int64_t row, double factor) {
    double product = 0;
    for (PetscInt j = 0; j < n; ++j)
      product += entry(static_cast<PetscInt>(row), j) *
                 random::normal(stream, trial, static_cast<std::uint64_t>(j));
    return std::pow(std::abs(product) * factor, p);
  };
  double sampled[trials] = {}, worst = 0;
  for (std::size_t trial = 0; trial < trials; ++trial)
    for (const SampledRow &row : kept)
      sampled[trial] += power(trial, row.row, row.factor);
  MPI_Allreduce(MPI_IN_PLACE, sampled, trials, MPI_DOUBLE, MPI_SUM, PETSC_COMM_WORLD);
  for (std::size_t trial = 0; trial < trials; ++trial) {
    double truth = 0;
    for (PetscInt i = 0; i < m; ++i)
      truth += power(trial, i, 1);
    worst = std::max(worst, std::abs(std::pow(sampled[trial] / truth, 1 / p) - 1));
  }
  return worst;
}

} // namespace

TEST_CASE("leverage scores and Lewis weights of four points on a line", "[sketching]") {
  Tall A(PETSC_COMM_WORLD, 4, 2, line);
  std::size_t rank = 0;
  const std::vector<double> tau = A.leverage(0, &rank);
  CHECK_ALL(rank == 2);
  CHECK_ALL(worst(tau, {15.0 / 28, 9.0 / 28, 0.25, 25.0 / 28}) <= 1e-14);
  // AᵀA + I = [5 8; 8 31] and its inverse [31 −8; −8 5]/91.
  std::vector<double> ridge;
  for (const double x : {0.0, 1.0, 2.0, 5.0})
    ridge.push_back((31 - 16 * x + 5 * x * x) / 91);
  CHECK_ALL(worst(A.leverage(1, &rank), ridge) <= 1e-13);
  double residual = 1;
  const std::vector<double> one = {.49206537780271932, .36363676926972680, .34256183709797047,
                                   .80173601582958341};
  const std::vector<double> four = {.64856640818659576, .26195620494955022, .14567403279719769,
                                    .94380335406665634};
  const double error_one = worst(A.lewis(1, &residual), one);
  CHECK_ALL(residual <= 1e-13);
  const double error_four = worst(A.lewis(4, &residual), four);
  CHECK_ALL(residual <= 1e-13);
  WARN("worst relative error of Lewis weights: p = 1 " << error_one << ", p = 4 " << error_four);
  CHECK_ALL(error_one <= 1e-13);
  CHECK_ALL(error_four <= 1e-13);
  CHECK_ALL(worst(A.lewis(2, &residual), tau) <= 1e-13);
}

TEST_CASE("scores of larger matrices sum to the rank, on any number of ranks", "[sketching]") {
  const PetscInt m = 1200;
  const PetscInt n = 9;
  const auto entry = random_rows(3);
  Tall A(PETSC_COMM_WORLD, m, n, entry, true, true);
  Tall serial(PETSC_COMM_SELF, m, n, entry);
  std::size_t rank = 0;
  const std::vector<double> tau = A.leverage(0, &rank);
  CHECK_ALL(tau == serial.leverage(0, &rank));
  CHECK_ALL(std::abs(std::accumulate(tau.begin(), tau.end(), 0.0) - n) <= 1e-12);
  CHECK_ALL(*std::max_element(tau.begin(), tau.end()) <= 1);
  for (const double p : {1.0, 1.5, 3.0, 6.0}) {
    double residual = 1;
    const std::vector<double> w = A.lewis(p, &residual);
    INFO("p = " << p << ", residual " << residual);
    CHECK_ALL(residual <= 1e-13);
    CHECK_ALL(std::abs(std::accumulate(w.begin(), w.end(), 0.0) - n) <= 1e-11);
  }
  // Columns 3, 4 and 5 depend on the others; row 7 is zero.
  const auto deficient = [&](PetscInt i, PetscInt j) {
    return i == 7 ? 0.0 : j >= 3 && j < 6 ? 1e5 * entry(i, j - 3) : entry(i, j);
  };
  Tall B(PETSC_COMM_WORLD, m, n, deficient, false, false);
  const std::vector<double> few = B.leverage(0, &rank);
  CHECK_ALL(rank == 6);
  CHECK_ALL(few[7] == 0);
  CHECK_ALL(std::abs(std::accumulate(few.begin(), few.end(), 0.0) - 6) <= 1e-12);
  double residual = 1;
  const std::vector<double> w = B.lewis(1, &residual);
  CHECK_ALL((residual <= 1e-13 && w[7] == 0));
  CHECK_ALL(std::abs(std::accumulate(w.begin(), w.end(), 0.0) - 6) <= 1e-11);
  // Ridge leverage falls from leverage to a_iᵀa_i/lambda.
  const std::vector<double> large = A.leverage(1e12, &rank);
  for (const std::size_t i : {std::size_t{0}, std::size_t{555}}) {
    double square = 0;
    for (PetscInt j = 0; j < n; ++j)
      square += std::pow(entry(static_cast<PetscInt>(i), j), 2);
    CHECK_ALL(std::abs(large[i] - square / 1e12) <= 1e-6 * large[i]);
  }
  CHECK_ALL(worst(A.leverage(1e-20, &rank), tau) <= 1e-12);
}

TEST_CASE("approximate leverage scores are within epsilon for 99 % of the rows", "[sketching]") {
  const PetscInt m = 2000;
  const PetscInt n = 160;
  for (const bool dense : {true, false}) {
    Tall A(PETSC_COMM_WORLD, m, n, random_rows(4), dense, !dense);
    std::size_t rank = 0;
    const std::vector<double> tau = A.leverage(0, &rank);
    for (const double epsilon : {0.5, 0.6, 0.3}) { // the last one needs as many columns as A has
      const std::vector<double> about = A.approximate(epsilon);
      PetscInt outside = 0;
      for (std::size_t i = 0; i < tau.size(); ++i)
        outside += std::abs(about[i] / tau[i] - 1) > epsilon ? 1 : 0;
      INFO(outside << " of " << m << " rows are outside 1 ± " << epsilon);
      CHECK_ALL(outside <= m / 100);
      CHECK_ALL(epsilon > 0.3 || worst(about, tau) <= 1e-12);
    }
  }
}

TEST_CASE("approximate ridge leverage and Lewis weights", "[sketching]") {
  const PetscInt m = 500;
  const PetscInt n = 130;
  const double epsilon = 0.5; // 127 directions
  const auto share_outside = [](const std::vector<double> &about, const std::vector<double> &exact,
                                double bound) {
    double outside = 0;
    for (std::size_t i = 0; i < exact.size(); ++i)
      outside += std::abs(about[i] / exact[i] - 1) > bound ? 1 : 0;
    return outside / static_cast<double>(exact.size());
  };
  Tall serial(PETSC_COMM_SELF, m, n, random_rows(21));
  std::size_t rank = 0;
  double residual = 0;
  const std::vector<double> one = serial.lewis(1, &residual), four = serial.lewis(4, &residual);
  for (const bool dense : {true, false}) {
    Tall A(PETSC_COMM_WORLD, m, n, random_rows(21), dense, !dense);
    for (const double lambda : {1.0, 1e4}) {
      CHECK_ALL(share_outside(A.approximate(epsilon, lambda), serial.leverage(lambda, &rank),
                              epsilon) <= 0.01);
      Tall few(PETSC_COMM_WORLD, 200, 6, random_rows(22), dense); // as few columns as are exact
      CHECK_ALL(worst(few.approximate(epsilon, lambda), few.leverage(lambda, &rank)) <= 1e-12);
    }
    for (const double p : {1.0, 4.0}) {
      const double outside = share_outside(A.approximate_lewis(p, epsilon), p < 2 ? one : four,
                                           epsilon * std::max(1.0, p / 2));
      INFO("p = " << p << ": " << outside);
      CHECK_ALL(outside <= 0.01);
    }
  }
}

TEST_CASE("sensitivity plus leverage needs few rows", "[sketching]") {
  const PetscInt m = 400, n = 3;
  const double p = 1, epsilon = 0.4;
  const auto entry = random_rows(9);
  Tall A(PETSC_COMM_WORLD, m, n, entry);
  std::size_t rank = 0;
  std::vector<double> sigma, scores = A.leverage(0, &rank);
  PETSC_OK(LpSensitivities(A.tall, p, {}, &sigma));
  const double total = std::accumulate(sigma.begin(), sigma.end(), 0.0);
  std::transform(scores.begin(), scores.end(), sigma.begin(), scores.begin(), std::plus<>());
  const double count = AugmentedSampleCount(n, p, epsilon, total);
  CHECK_ALL(count < SensitivitySampleCount(n, 1, epsilon, n));
  std::vector<SampledRow> kept;
  PETSC_OK(
      SampleRows(A.tall.rows(), scores.data() + A.tall.rows().range().begin, count, p, 3, &kept));
  CHECK_ALL(norm_error(kept, entry, m, n, p, 8) <= epsilon);
}

TEST_CASE("approximate leverage scores of a rank deficient matrix", "[sketching]") {
  const auto entry = random_rows(14);
  const auto twice = [&](PetscInt i, PetscInt j) { return j == 5 ? 0.0 : entry(i, j % 4); };
  for (const bool dense : {true, false}) { // columns 0 to 3, 0 again, and zeros
    Tall A(PETSC_COMM_WORLD, 500, 6, twice, dense);
    std::size_t rank = 0;
    const std::vector<double> tau = A.leverage(0, &rank);
    const std::vector<double> about = A.approximate(0.5);
    CAPTURE(worst(about, tau));
    CHECK_ALL((rank == 4 && worst(about, tau) <= 1e-11));
  }
}

TEST_CASE("sampled rows keep norms, and more rows keep all that fewer keep", "[sketching]") {
  const PetscInt m = 6000;
  const PetscInt n = 4;
  const auto entry = random_rows(5);
  Tall A(PETSC_COMM_WORLD, m, n, entry);
  for (const double p : {1.0, 2.0, 3.0}) {
    std::vector<double> w(A.tall.rows().local());
    double residual = 0;
    PETSC_OK(LewisWeights(A.tall, p, w.data(), &residual));
    const double epsilon = 0.2;
    const double count = LewisSampleCount(n, p, epsilon);
    std::vector<SampledRow> few, many;
    PETSC_OK(SampleRows(A.tall.rows(), w.data(), count, p, 6, &few));
    PETSC_OK(SampleRows(A.tall.rows(), w.data(), 2 * count, p, 6, &many));
    CHECK_ALL(std::all_of(few.begin(), few.end(), [&](const SampledRow &row) {
      return std::any_of(many.begin(), many.end(),
                         [&](const SampledRow &r) { return r.row == row.row; });
    }));
    double size[] = {static_cast<double>(few.size()), 0}; // and what is to be expected, Σw = n
    for (const double x : w)
      size[1] += std::min(1.0, count * x / n);
    MPI_Allreduce(MPI_IN_PLACE, size, 2, MPI_DOUBLE, MPI_SUM, PETSC_COMM_WORLD);
    CHECK_ALL(std::abs(size[0] - size[1]) <= 5 * std::sqrt(size[1]));
    CHECK_ALL(norm_error(few, entry, m, n, p, 7) <= epsilon);
  }
}

TEST_CASE("sensitivities agree with what is known of them", "[sketching]") {
  // p = 2: leverage.
  Tall A(PETSC_COMM_WORLD, 4, 2, line);
  std::vector<double> s;
  PETSC_OK(LpSensitivities(A.tall, 2, {}, &s));
  CHECK_ALL(worst(s, {15.0 / 28, 9.0 / 28, 0.25, 25.0 / 28}) <= 1e-13);
  // p = 1 by hand: row i = 1/min Σ|a + b·x_k| with a + b·x_i = 1, attained where one term vanishes.
  const double x[] = {0, 1, 2, 5};
  std::vector<double> expected;
  for (int i = 0; i < 4; ++i) {
    double least = 1e300;
    for (int k = 0; k < 4; ++k) {
      if (k == i)
        continue;
      const double b = 1 / (x[i] - x[k]); // vanishes at x_k, 1 at x_i
      double sum = 0;
      for (const double t : x)
        sum += std::abs(b * (t - x[k]));
      least = std::min(least, sum);
    }
    expected.push_back(1 / least);
  }
  PETSC_OK(LpSensitivities(A.tall, 1, {}, &s));
  CHECK_ALL(worst(s, expected) <= 1e-11);
  CHECK_ALL(std::accumulate(s.begin(), s.end(), 0.0) <= 2 * (1 + 1e-12)); // Σσ ≤ n for p ≤ 2
  // One column: |a_i|^p/Σ|a_k|^p.
  const auto column = [](PetscInt i, PetscInt) { return 1.0 + static_cast<double>(i); };
  Tall B(PETSC_COMM_WORLD, 5, 1, column);
  for (const double p : {1.0, 1.3, 4.0}) {
    double total = 0;
    for (int k = 1; k <= 5; ++k)
      total += std::pow(k, p);
    PETSC_OK(LpSensitivities(B.tall, p, {2, 4}, &s));
    CHECK_ALL(worst(s, {std::pow(3, p) / total, std::pow(5, p) / total}) <= 1e-13);
  }
  // Lewis weights bound them for p ≤ 2; a direction that reaches σ is a lower bound.
  Tall C(PETSC_COMM_WORLD, 60, 3, random_rows(8));
  double residual = 0;
  for (const double p : {1.0, 1.5}) {
    const std::vector<double> w = C.lewis(p, &residual);
    PETSC_OK(LpSensitivities(C.tall, p, {0, 1, 2, 30, 59}, &s));
    const std::size_t rows[] = {0, 1, 2, 30, 59};
    for (std::size_t i = 0; i < 5; ++i)
      CHECK_ALL(s[i] <= w[rows[i]] * (1 + 1e-12));
  }
}

TEST_CASE("approximate sensitivities: 99 % of the rows within (1 + epsilon)^p", "[sketching]") {
  const PetscInt m = 400, n = 3;
  const double epsilon = 0.4;
  for (const double p : {1.0, 3.0}) {
    Tall A(PETSC_COMM_WORLD, m, n, random_rows(21));
    std::vector<double> exact, near(A.tall.rows().local());
    PETSC_OK(LpSensitivities(A.tall, p, {}, &exact));
    int outside = 0;
    double most = 1, least = 1;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      PETSC_OK(ApproximateLpSensitivities(A.tall, p, epsilon, seed, near.data()));
      const std::vector<double> all = A.all(near);
      for (std::size_t i = 0; i < all.size(); ++i) {
        const double ratio = all[i] / exact[i];
        most = std::max(most, ratio);
        least = std::min(least, ratio);
        outside += ratio > std::pow(1 - epsilon, -p) || ratio < std::pow(1 + epsilon, -p);
      }
    }
    WARN("p " << p << ": ratios from " << least << " to " << most << ", outside "
              << outside / (4.0 * m));
    CHECK_ALL(outside <= 0.01 * 4 * m);
  }
}

TEST_CASE("approximate sensitivities on every number of ranks alike", "[sketching]") {
  const PetscInt m = 700, n = 3;
  for (const bool deficient : {false, true}) { // with rows of zeros
    const auto entry = [&, rows = random_rows(21)](PetscInt i, PetscInt j) {
      return i % 50 == 7 ? 0.0 : deficient && j == 2 ? rows(i, 0) - rows(i, 1) : rows(i, j);
    };
    Tall A(PETSC_COMM_WORLD, m, n, entry, true, true), alone(PETSC_COMM_SELF, m, n, entry);
    std::vector<double> near(A.tall.rows().local()), here(alone.tall.rows().local());
    PETSC_OK(ApproximateLpSensitivities(A.tall, 1, 0.5, 4, near.data()));
    PETSC_OK(ApproximateLpSensitivities(alone.tall, 1, 0.5, 4, here.data()));
    CHECK_ALL(A.all(near) == here);
    CHECK_ALL((here[7] == 0 && here[8] > 0));
  }
  // A sample not smaller than the matrix is the matrix.
  Tall all(PETSC_COMM_WORLD, m, n, random_rows(21));
  std::vector<double> scores(all.tall.rows().local()), some;
  PETSC_OK(ApproximateLpSensitivities(all.tall, 1, 0.1, 1, scores.data()));
  const std::vector<std::int64_t> rows{0, 8, 357, 699};
  PETSC_OK(LpSensitivities(all.tall, 1, rows, &some));
  const std::vector<double> whole = all.all(scores);
  for (std::size_t i = 0; i < rows.size(); ++i)
    CHECK_ALL(whole[static_cast<std::size_t>(rows[i])] == Approx(some[i]).epsilon(1e-11));
  Tall few(PETSC_COMM_WORLD, 4, 2, line);
  std::vector<double> near(few.tall.rows().local()), exact;
  PETSC_OK(ApproximateLpSensitivities(few.tall, 1, 0.1, 1, near.data()));
  PETSC_OK(LpSensitivities(few.tall, 1, {}, &exact));
  CHECK_ALL(worst(few.all(near), exact) <= 1e-11);
}

TEST_CASE("scores refuse what they cannot do", "[sketching]") {
  Tall A(PETSC_COMM_WORLD, 4, 2, line);
  std::vector<double> scores(4);
  std::size_t rank = 0;
  double residual = 0;
  std::vector<double> s;
  std::vector<SampledRow> rows;
  const auto refused = [](auto call, const char *said) {
    const auto caught = test::catch_error(call);
    INFO(caught.message);
    CHECK_ALL(caught.message.find(said) != std::string::npos);
  };
  refused([&] { return LeverageScores(A.tall, -1, scores.data(), &rank); }, "(-lambda)");
  refused([&] { return LewisWeights(A.tall, 0.5, scores.data(), &residual); }, "(-p)");
  refused([&] { return LewisWeights(A.tall, INFINITY, scores.data(), &residual); }, "(-p)");
  VecHandle all;
  PETSC_OK(MatCreateVecs(A.matrix, nullptr, all.out()));
  refused([&] { return ApproximateLeverageScores(A.matrix, 0, 1, 1, all); }, "(-epsilon)");
  refused([&] { return ApproximateLeverageScores(A.matrix, -1, 0.5, 1, all); }, "(-lambda)");
  refused([&] { return ApproximateLewisWeights(A.matrix, 0.5, 0.5, 1, all); }, "(-p)");
  refused([&] { return LpSensitivities(A.tall, 0.9, {}, &s); }, "(-p)");
  refused([&] { return LpSensitivities(A.tall, 1, {4}, &s); }, "Row 4 of 4");
  refused([&] { return ApproximateLpSensitivities(A.tall, 0.5, 0.5, 1, scores.data()); }, "(-p)");
  refused([&] { return ApproximateLpSensitivities(A.tall, 1, 1, 1, scores.data()); }, "(-epsilon)");
  refused([&] { return SampleRows(A.tall.rows(), scores.data(), 0, 1, 1, &rows); }, "(-rows)");
  MatHandle poisoned;
  TallMatrix tall;
  PETSC_OK(CreateMatrix(
      PETSC_COMM_WORLD, 6, 2,
      [](PetscInt i, PetscInt j) { return i == 5 && j == 1 ? std::nan("") : 1.0; }, true, false,
      poisoned.out()));
  refused([&] { return tall.Create(poisoned); }, "Entry (5, 1) of the matrix is not finite");
}

#endif
