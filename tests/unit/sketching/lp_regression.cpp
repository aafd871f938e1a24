// SPDX-License-Identifier: BSD-2-Clause
#include "unit/sketching/lp_problem.h"

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::sketching;
using Entry = test::LpEntry;
using Problem = test::LpProblem;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

constexpr auto noise = test::lp_noise;

} // namespace

TEST_CASE("l_p regression: the objective is within 1e-12 of a certified bound", "[sketching]") {
  const PetscInt m = 700;
  const PetscInt n = 7;
  struct Case {
    const char *name;
    Entry entry;
    std::function<double(PetscInt)> b;
  };
  const auto plain = [](PetscInt i, PetscInt j) { return noise(i, j, 1); };
  const Case cases[] = {
      {"noise", plain, [](PetscInt i) { return noise(i, 50, 2); }},
      {"outliers", plain,
       [](PetscInt i) { return noise(i, 50, 2) * (i % 31 == 0 ? 1e3 : 1.0) + noise(i, 0, 1); }},
      {"graded columns",
       [](PetscInt i, PetscInt j) { return noise(i, j, 1) * std::pow(10, 3 * j); },
       [](PetscInt i) { return 1e-6 * noise(i, 50, 2); }},
      {"coherent rows", [](PetscInt i, PetscInt j) { return i == j ? 1e4 : noise(i, j, 1); },
       [](PetscInt i) { return noise(i, 50, 2); }},
      {"polynomial",
       [](PetscInt i, PetscInt j) { return std::pow(static_cast<double>(i) / 699, j); },
       [](PetscInt i) { return std::exp(static_cast<double>(i) / 699); }}};
  double worst = 0;
  for (const Case &c : cases) {
    Problem problem(PETSC_COMM_WORLD, m, n, c.entry, c.b, true);
    Problem serial(PETSC_COMM_SELF, m, n, c.entry, c.b);
    for (const double p : {1.0, 1.2, 1.5, 2.0, 3.0, 8.0, 20.0, inf}) {
      std::vector<double> x, one;
      const LpSolution s = problem.solve(p, &x);
      INFO(c.name << ", p = " << p << ": " << s.objective << ", bound " << s.lower_bound << ", "
                  << s.steps << " steps");
      const double gap = (s.objective - s.lower_bound - s.rounding) / s.objective;
      worst = std::max(worst, gap);
      CHECK_ALL(s.converged);
      CHECK_ALL(gap <= 1e-12);
      CHECK_ALL(s.rank == static_cast<std::size_t>(n));
      serial.solve(p, &one);
      CHECK_ALL(x == one); // R0
    }
  }
  WARN("worst relative gap between objective and lower bound, beside the rounding of x, " << worst);
}

TEST_CASE("l_p regression finds known solutions", "[sketching]") {
  // A constant through points: the median, the mean and the middle of the range.
  const double values[] = {3, 9, 1, 4, 20};
  const auto b = [&](PetscInt i) { return values[i]; };
  const auto ones = [](PetscInt, PetscInt) { return 1.0; };
  Problem constant(PETSC_COMM_WORLD, 5, 1, ones, b);
  std::vector<double> x;
  CHECK_ALL((constant.solve(1, &x).converged && std::abs(x[0] - 4) <= 1e-14));
  CHECK_ALL((constant.solve(2, &x).converged && std::abs(x[0] - 7.4) <= 1e-14));
  CHECK_ALL((constant.solve(inf, &x).converged && std::abs(x[0] - 10.5) <= 1e-14));
  CHECK_ALL(std::abs(constant.solve(1, &x).objective - 25) <= 1e-13);
  // A line through four fifths of the points exactly: p = 1 finds it whatever the others are.
  const auto line = [](PetscInt i, PetscInt j) { return j == 0 ? 1.0 : static_cast<double>(i); };
  const auto contaminated = [](PetscInt i) {
    return 2 - 0.5 * static_cast<double>(i) + (i % 5 == 2 ? 100 + noise(i, 0, 4) : 0.0);
  };
  Problem robust(PETSC_COMM_WORLD, 100, 2, line, contaminated);
  CHECK_ALL(robust.solve(1, &x).converged);
  CHECK_ALL((std::abs(x[0] - 2) <= 1e-12 && std::abs(x[1] + 0.5) <= 1e-13));
  // Chebyshev: the best line to x² at i/20, i = 0 … 20, is x − 1/8 with error 1/8.
  const auto grid = [](PetscInt i, PetscInt j) {
    return j == 0 ? 1.0 : static_cast<double>(i) / 20;
  };
  const auto parabola = [](PetscInt i) { return std::pow(static_cast<double>(i) / 20, 2); };
  Problem minimax(PETSC_COMM_WORLD, 21, 2, grid, parabola);
  CHECK_ALL(std::abs(minimax.solve(inf, &x).objective - 0.125) <= 1e-14);
  CHECK_ALL((std::abs(x[0] + 0.125) <= 1e-14 && std::abs(x[1] - 1) <= 1e-13));
}

TEST_CASE("l_p regression where many rows meet in a vertex", "[sketching]") {
  const auto ones = [](PetscInt, PetscInt) { return 1.0; };
  const double values[] = {-1, 2, 0, 0, -1, 2, 0, 0};
  std::vector<double> x;
  Problem median(PETSC_COMM_WORLD, 8, 1, ones, [&](PetscInt i) { return values[i]; });
  CHECK_ALL((median.solve(1, &x).converged && x[0] == 0));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto n = static_cast<PetscInt>(1 + seed % 5);
    INFO("seed " << seed << ", n " << n);
    // Each row twice, entries small integers for half of the problems.
    const auto round = [&](double value) { return seed % 2 == 0 ? value : std::round(2 * value); };
    const auto twice = [&](PetscInt i, PetscInt j) { return round(noise(i / 2, j, 10 + seed)); };
    const auto target = [&](PetscInt i) { return round(noise(i / 2, 50, 10 + seed)); };
    Problem pairs(PETSC_COMM_WORLD, 24, n, twice, target);
    const LpSolution one = pairs.solve(1, &x), largest = pairs.solve(inf, &x);
    CHECK_ALL(one.converged);
    CHECK_ALL(one.objective - one.lower_bound <= 1e-12 * one.objective);
    CHECK_ALL(largest.converged);
    CHECK_ALL(largest.objective - largest.lower_bound <= 1e-12 * largest.objective);
  }
}

TEST_CASE("l_p regression of any scale", "[sketching]") { // x must be a double
  for (const double p : {1.0, 1.5, 2.0, 3.0, 20.0, inf})
    for (const double of_a : {1.0, 0x1p-600, 0x1p600})
      for (const double of_b : {1.0, 0x1p-700, 0x1p700}) {
        if (std::abs(std::ilogb(of_b) - std::ilogb(of_a)) > 1000)
          continue;
        const auto entry = [](PetscInt i, PetscInt j) { return noise(i, j, 1); };
        const auto target = [](PetscInt i) { return noise(i, 50, 2); };
        std::vector<double> x, y;
        Problem plain(PETSC_COMM_WORLD, 40, 3, entry, target);
        const double objective = plain.solve(p, &x).objective;
        Problem scaled(
            PETSC_COMM_WORLD, 40, 3, [&](PetscInt i, PetscInt j) { return of_a * entry(i, j); },
            [&](PetscInt i) { return of_b * target(i); });
        const LpSolution s = scaled.solve(p, &y);
        INFO("p " << p << ", scales " << of_a << " " << of_b);
        CHECK_ALL(s.converged);
        CHECK_ALL(s.objective == of_b * objective);
      }
}

TEST_CASE("l_p regression of consistent, rank-deficient, square and zero problems", "[sketching]") {
  const auto plain = [](PetscInt i, PetscInt j) { return noise(i, j, 1); };
  const auto exact = [&](PetscInt i) { return plain(i, 0) - 2 * plain(i, 2); };
  const auto deficient = [&](PetscInt i, PetscInt j) {
    return j == 3 ? 2 * plain(i, 1) : plain(i, j);
  };
  for (const double p : {1.0, 1.2, 3.0, 20.0, inf}) {
    INFO("p = " << p);
    std::vector<double> x;
    Problem consistent(PETSC_COMM_WORLD, 40, 4, plain, exact);
    LpSolution s = consistent.solve(p, &x);
    CHECK_ALL((s.converged && s.objective <= 1e-12));
    CHECK_ALL((std::abs(x[0] - 1) <= 1e-12 && std::abs(x[2] + 2) <= 1e-12));
    Problem low(PETSC_COMM_WORLD, 40, 4, deficient, [](PetscInt i) { return noise(i, 50, 2); });
    s = low.solve(p, &x);
    CHECK_ALL((s.converged && s.rank == 3 && (x[1] == 0 || x[3] == 0)));
    Problem square(PETSC_COMM_WORLD, 4, 4, plain, [](PetscInt i) { return noise(i, 50, 2); });
    s = square.solve(p, &x);
    CHECK_ALL((s.converged && s.objective <= 1e-13));
    Problem zero(PETSC_COMM_WORLD, 40, 4, plain, [](PetscInt) { return 0.0; });
    s = zero.solve(p, &x);
    CHECK_ALL((s.converged && s.objective == 0 && x == std::vector<double>(4, 0.0)));
    Problem nothing(
        PETSC_COMM_WORLD, 40, 4, [](PetscInt, PetscInt) { return 0.0; },
        [](PetscInt i) { return i == 7 ? -3.0 : 0.0; });
    s = nothing.solve(p, &x);
    CHECK_ALL((s.rank == 0 && std::abs(s.objective - 3) <= 1e-14));
  }
}

TEST_CASE("l_p regression refuses what it cannot do", "[sketching]") {
  const auto plain = [](PetscInt i, PetscInt j) { return noise(i, j, 1); };
  Problem good(PETSC_COMM_WORLD, 10, 2, plain, [](PetscInt) { return 1.0; });
  Problem wide(PETSC_COMM_WORLD, 2, 3, plain, [](PetscInt) { return 1.0; });
  Problem poisoned(PETSC_COMM_WORLD, 10, 2, plain,
                   [](PetscInt i) { return i == 9 ? std::nan("") : 1.0; });
  const auto refused = [](Problem &problem, double p, LpOptions options, const char *said) {
    std::vector<double> x;
    LpSolution s;
    const auto caught = test::catch_error(
        [&] { return LpRegression(problem.A, problem.b.data(), p, options, &x, &s); });
    INFO(caught.message);
    CHECK_ALL(caught.message.find(said) != std::string::npos);
  };
  refused(good, 0.99, {}, "must be >= 1");
  refused(good, std::nan(""), {}, "must be >= 1");
  refused(good, 2, {.tolerance = 0}, "-tolerance");
  refused(good, 2, {.max_steps = 0}, "-max_steps");
  refused(wide, 2, {}, "at least as many rows as columns");
  refused(poisoned, 2, {}, "Entry 9 of the right-hand side is not finite");
  Problem beyond(
      PETSC_COMM_WORLD, 10, 2,
      [&](PetscInt i, PetscInt j) { return std::ldexp(plain(i, j), j == 1 ? -600 : 0); },
      [](PetscInt i) { return std::ldexp(1.0 + static_cast<double>(i), 600); });
  refused(beyond, 2, {}, "x_1 exceeds the largest double");
}

#endif
