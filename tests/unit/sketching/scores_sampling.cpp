// SPDX-License-Identifier: BSD-2-Clause
// Samples of rows keep ‖Ax‖_p for all x: the worst x is looked for.
#include "sketching/lp_regression.h"
#include "unit/sketching/row_scores.h"
#include <numeric>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::test;

namespace {

using Point = std::vector<double>;

/// ‖SAx‖_p/‖Ax‖_p for the factors^p of the rows kept.
struct Ratio {
  const std::vector<Point> &rows;
  std::vector<double> weight; // of a distinct row: Σ factor^p over the copies kept, over copies
  double p;

  double operator()(const Point &x) const {
    double sampled = 0, whole = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double v = std::abs(std::inner_product(x.begin(), x.end(), rows[i].begin(), 0.0));
      const double power = p == 1 ? v : p == 3 ? v * v * v : std::pow(v, p);
      sampled += weight[i] * power;
      whole += power;
    }
    return std::pow(sampled / whole, 1 / p);
  }
};

Point unit(Point x) {
  const double norm = std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  for (double &v : x)
    v /= norm;
  return x;
}

/// Largest |ratio − 1| that is found: from random x and from rows in an orthonormal basis, uphill
/// and downhill by random steps that shrink where they fail. For p = 1 and three columns it is the
/// supremum: a quotient of sums that are linear on every cone of constant signs has its extremes
/// where two rows vanish.
double worst_ratio(const Ratio &ratio) {
  const std::size_t n = ratio.rows.front().size();
  double worst = 0;
  if (ratio.p == 1 && n == 3) {
    for (const Point &a : ratio.rows)
      for (const Point &b : ratio.rows) {
        const Point x{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                      a[0] * b[1] - a[1] * b[0]};
        if (x[0] != 0 || x[1] != 0 || x[2] != 0)
          worst = std::max(worst, std::abs(ratio(x) - 1));
      }
    return worst;
  }
  std::uint64_t draw = 0;
  const auto normal = [&] { return random::normal(17, 3, draw++); };
  std::vector<Point> starts;
  for (std::size_t k = 0; k < 6; ++k) {
    Point x(n);
    std::generate(x.begin(), x.end(), normal);
    starts.push_back(unit(x));
    starts.push_back(unit(ratio.rows[k * (ratio.rows.size() / 6)]));
  }
  for (const double sign : {1.0, -1.0})
    for (Point x : starts) {
      double value = sign * ratio(x);
      for (double step = 0.5; step > 1e-3;) {
        Point y = x;
        for (double &v : y)
          v += step * normal();
        y = unit(y);
        const double there = sign * ratio(y);
        if (there > value) {
          value = there;
          x = y;
          step *= 1.5;
        } else {
          step *= 0.9;
        }
      }
      worst = std::max(worst, std::abs(sign * value - 1));
    }
  return worst;
}

/// A matrix with `copies` of each row of `distinct`: scores of the copies are those of the distinct
/// rows over `copies`, and sums over all rows take a few terms.
struct Repeated {
  static constexpr PetscInt rows = 90;
  static constexpr std::size_t copies = 200;
  Tall distinct;
  std::vector<Point> basis; // rows of an orthonormal basis: random steps find no direction hard

  Repeated(PetscInt n, std::uint64_t seed)
      : distinct(PETSC_COMM_SELF, rows, n, [seed](PetscInt i, PetscInt j) {
          const auto row = static_cast<std::uint64_t>(i);
          return std::exp(2 * random::normal(seed, 40, row)) *
                 random::normal(seed, static_cast<std::uint64_t>(j), row);
        }) {
    MultiVector q(distinct.tall.rows(), static_cast<std::size_t>(n));
    std::vector<std::size_t> columns;
    std::copy_n(distinct.tall.view().data, rows * n, q.view().data);
    PETSC_OK(Orthonormalize(q.view(), &columns));
    for (std::size_t i = 0; i < rows; ++i) {
      basis.emplace_back();
      for (std::size_t j = 0; j < columns.size(); ++j)
        basis.back().push_back(q.view().column(j)[i]);
    }
  }

  /// Worst error over ε of a sample of all rows, for scores of the distinct ones that sum to what
  /// those of all rows do, on the first rank; *kept: share of the rows.
  double error(std::vector<double> scores, double count, double p, double epsilon,
               std::uint64_t seed, double *kept) const {
    std::vector<double> all;
    for (const double x : scores)
      all.insert(all.end(), copies, x / static_cast<double>(copies));
    std::vector<SampledRow> sample;
    const RowBlocks blocks(PETSC_COMM_SELF, static_cast<std::int64_t>(all.size()));
    PETSC_OK(SampleRows(blocks, all.data(), count, p, seed, &sample));
    Ratio ratio{basis, std::vector<double>(rows), p};
    for (const SampledRow &row : sample)
      ratio.weight[static_cast<std::size_t>(row.row) / copies] +=
          std::pow(row.factor, p) / static_cast<double>(copies);
    *kept = static_cast<double>(sample.size()) / static_cast<double>(all.size());
    int me = 0;
    MPI_Comm_rank(PETSC_COMM_WORLD, &me);
    return me == 0 ? worst_ratio(ratio) / epsilon : 0;
  }
};

struct Scheme {
  const char *name;
  std::vector<double> scores;
  double count;
};

/// All schemes for one power; scores for the distinct rows.
std::vector<Scheme> schemes(Repeated &A, double p, double epsilon) {
  const std::size_t n = A.distinct.tall.cols();
  std::size_t rank = 0;
  double residual = 0;
  std::vector<double> tau = A.distinct.leverage(0, &rank), lewis = A.distinct.lewis(p, &residual);
  std::vector<double> sigma, both = tau;
  PETSC_OK(LpSensitivities(A.distinct.tall, p, {}, &sigma));
  std::transform(tau.begin(), tau.end(), sigma.begin(), both.begin(), std::plus<>());
  const double total = std::accumulate(sigma.begin(), sigma.end(), 0.0);
  std::vector<Scheme> all{{"Lewis", lewis, LewisSampleCount(n, p, epsilon)},
                          {"sensitivity", sigma, SensitivitySampleCount(n, p, epsilon, total)},
                          {"augmented", both, AugmentedSampleCount(n, p, epsilon, total)}};
  if (p < 2) {
    std::vector<double> root(tau.size());
    double sum = 0;
    PETSC_OK(RootLeverageScores(A.distinct.tall, p, root.data(), &sum));
    const double larger = std::pow(static_cast<double>(Repeated::copies), 1 - p / 2);
    all.push_back({"root leverage", root, RootLeverageSampleCount(n, epsilon, larger * sum)});
  }
  return all;
}

} // namespace

// Samples of the size that the counts give are within ε for 99 % of the draws: of n = 2 and 3 and p
// = 1 the worst of 60 reached 1.3 ε, and one in a hundred was above; of all others 0.7 ε.
TEST_CASE("samples keep the norms of the worst x", "[sketching]") {
  constexpr std::uint64_t seeds = 8;
  const double epsilon = 0.4;
  double worst = 0, draws = 0, above = 0, most_kept = 0;
  for (const PetscInt n : {3, 8})
    for (const double p : {1.0, 1.5, 3.0}) {
      Repeated A(n, 3);
      for (const Scheme &scheme : schemes(A, p, epsilon)) {
        double here = 0, kept = 0;
        for (std::uint64_t seed = 0; seed < seeds; ++seed) {
          const double error = A.error(scheme.scores, scheme.count, p, epsilon, seed, &kept);
          here = std::max(here, error);
          above += error > 1 ? 1 : 0;
          most_kept = std::max(most_kept, kept);
        }
        draws += seeds;
        worst = std::max(worst, here);
        INFO(scheme.name << ", n = " << n << ", p = " << p << ": " << here << " epsilon");
        CHECK(here <= 1.5);
      }
    }
  double all[] = {worst, above, draws, most_kept};
  MPI_Bcast(all, 4, MPI_DOUBLE, 0, PETSC_COMM_WORLD);
  WARN("worst error " << all[0] << " epsilon, above epsilon " << all[1] << " of " << all[2]);
  CHECK_ALL(all[0] <= 1.5);
  CHECK_ALL(all[1] <= 0.02 * all[2]);
  CHECK_ALL(all[3] <= 0.5); // something is left out
}

TEST_CASE("root leverage scores bound Lewis weights", "[sketching]") {
  const PetscInt m = 700, n = 5;
  Tall A(PETSC_COMM_WORLD, m, n, random_rows(12), true, true);
  for (const double p : {1.0, 1.6}) {
    double residual = 0, total = 0;
    std::size_t rank = 0;
    std::vector<double> root(A.tall.rows().local());
    PETSC_OK(RootLeverageScores(A.tall, p, root.data(), &total));
    const std::vector<double> all = A.all(root), w = A.lewis(p, &residual),
                              tau = A.leverage(0, &rank);
    double sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      sum += all[i];
      CHECK_ALL((all[i] == std::pow(tau[i], p / 2) && w[i] <= all[i] * (1 + 1e-12)));
    }
    CHECK_ALL(total == Approx(sum).epsilon(1e-13));
    CHECK_ALL(sum <= std::pow(m, 1 - p / 2) * std::pow(n, p / 2) * (1 + 1e-12));
  }
  double total = 0;
  for (const double p : {0.9, 2.0}) {
    const auto caught =
        test::catch_error([&] { return RootLeverageScores(A.tall, p, nullptr, &total); });
    CHECK_ALL(caught.message.find("(-p)") != std::string::npos);
  }
}

TEST_CASE("sizes of samples are those of the formulas", "[sketching]") {
  const double l = (std::log(8) + 5) * 4; // n = 8, epsilon = ½
  CHECK(LewisSampleCount(8, 1, 0.5) == Approx(8 * l));
  CHECK(LewisSampleCount(8, 4, 0.5) == Approx(64 * l));
  CHECK(SensitivitySampleCount(8, 1, 0.5, 3) == Approx(9 * l));
  CHECK(SensitivitySampleCount(8, 4, 0.5, 9) == Approx(27 * l));
  CHECK(AugmentedSampleCount(8, 1, 0.5, 3) == Approx(11 * l));
  CHECK(AugmentedSampleCount(8, 4, 0.5, 9) == Approx(std::sqrt(8) * 9 * l));
  CHECK(std::isnan(AugmentedSampleCount(8, 0.5, 0.5, 3)));
  CHECK(RootLeverageSampleCount(8, 0.5, 10) == Approx(10 * l));
}

#endif
