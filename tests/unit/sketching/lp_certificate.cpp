// SPDX-License-Identifier: BSD-2-Clause
// ℓ_p regression where doubles are short of digits: dependent columns, columns and rows of any
// scale, small residuals. The bound must be below ‖Ax − b‖_p of every x, which long double and
// exact products find for the x returned.
#include "unit/sketching/lp_problem.h"

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::sketching;
using test::lp_noise;
using test::LpProblem;

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

__extension__ typedef __float128 Extended; // 113 bits: products of doubles are exact

/// ‖e‖_p in long double.
long double norm_of(const std::vector<long double> &e, double p) {
  long double largest = 0, sum = 0;
  for (const long double v : e)
    largest = std::max(largest, std::abs(v));
  if (std::isinf(p) || largest == 0)
    return largest;
  for (const long double v : e)
    sum += std::pow(std::abs(v) / largest, static_cast<long double>(p));
  return largest * std::pow(sum, 1 / static_cast<long double>(p));
}

struct Attained {
  long double norm;     // ‖Ax − b‖_p
  long double rounding; // 2⁻⁵³‖|A||x|‖_p: what half an ulp of each x_j can do
};

Attained attained(PetscInt m, PetscInt n, const test::LpEntry &entry,
                  const std::function<double(PetscInt)> &target, const std::vector<double> &x,
                  double p) {
  std::vector<long double> e, size;
  for (PetscInt i = 0; i < m; ++i) {
    Extended sum = -static_cast<Extended>(target(i));
    long double absolute = 0;
    for (PetscInt j = 0; j < n; ++j) {
      const auto value = x[static_cast<std::size_t>(j)];
      sum += static_cast<Extended>(entry(i, j)) * value;
      absolute += std::abs(static_cast<long double>(entry(i, j)) * value);
    }
    e.push_back(static_cast<long double>(sum));
    size.push_back(std::ldexp(absolute, -53));
  }
  return {norm_of(e, p), norm_of(size, p)};
}

const double powers[] = {1.0, 1.2, 1.5, 2.0, 3.0, 8.0, 20.0, infinite};

/// Every promise of LpSolution; returns the gap that rounding of x does not explain.
double check(PetscInt m, PetscInt n, const test::LpEntry &entry,
             const std::function<double(PetscInt)> &target, double p, std::size_t rank,
             std::vector<double> *x) {
  LpProblem problem(PETSC_COMM_WORLD, m, n, entry, target, true);
  LpProblem serial(PETSC_COMM_SELF, m, n, entry, target);
  const LpSolution s = problem.solve(p, x);
  std::vector<double> one;
  const LpSolution alone = serial.solve(p, &one);
  const Attained truth = attained(m, n, entry, target, *x, p);
  const auto norm = static_cast<double>(truth.norm);
  const double gap = s.objective > 0 ? (s.objective - s.lower_bound - s.rounding) / s.objective : 0;
  INFO("p = " << p << ": objective " << s.objective << ", attained " << norm << ", bound "
              << s.lower_bound << ", rounding " << s.rounding << ", steps " << s.steps);
  CHECK_ALL(s.converged);
  CHECK_ALL(s.rank == rank);
  CHECK_ALL(s.lower_bound <= truth.norm);
  CHECK_ALL(std::abs(s.objective - norm) <= 4e-16 * norm);
  CHECK_ALL(gap <= 1e-12);
  CHECK_ALL(s.rounding <= truth.rounding * (1 + 1e-12L));
  CHECK_ALL((*x == one && s.objective == alone.objective && s.lower_bound == alone.lower_bound));
  return gap;
}

} // namespace

TEST_CASE("l_p regression: the bound holds for columns that nearly depend on others",
          "[sketching]") {
  double worst = 0;
  std::vector<double> x;
  for (const double epsilon : {1e-6, 1e-10, 1e-12, 1e-13})
    for (const double p : powers) {
      INFO("epsilon " << epsilon);
      const auto entry = [&](PetscInt i, PetscInt j) {
        return j == 4 ? lp_noise(i, 0, 7) + epsilon * lp_noise(i, 4, 7) : lp_noise(i, j, 7);
      };
      const auto target = [](PetscInt i) { return lp_noise(i, 50, 8); };
      worst = std::max(worst, check(100, 5, entry, target, p, 5, &x));
    }
  WARN("worst relative gap beside the rounding of x " << worst);
}

TEST_CASE("l_p regression: columns of any scale", "[sketching]") {
  const std::vector<std::vector<int>> exponents = {{-548, 0, 0, 0, 0},
                                                   {-996, 0, 0, 0, 0},
                                                   {664, 0, 0, 0, 0},
                                                   {-398, -17, 0, 23, 398},
                                                   {-50, 0, 50, 0, 0}};
  const auto target = [](PetscInt i) { return lp_noise(i, 50, 8); };
  const auto plain = [](PetscInt i, PetscInt j) { return lp_noise(i, j, 7); };
  for (const double p : {1.0, 1.5, 3.0, infinite}) {
    std::vector<double> x, scaled;
    LpProblem(PETSC_COMM_WORLD, 100, 5, plain, target).solve(p, &x);
    for (const std::vector<int> &k : exponents) {
      const auto entry = [&](PetscInt i, PetscInt j) {
        return std::ldexp(plain(i, j), k[static_cast<std::size_t>(j)]);
      };
      check(100, 5, entry, target, p, 5, &scaled);
      for (std::size_t j = 0; j < 5; ++j)
        CHECK_ALL(std::ldexp(scaled[j], k[j]) == x[j]);
    }
  }
  // By no power of two, and with dependent columns.
  const double factor[] = {1e-120, 1e-5, 1, 1e7, 1e120};
  for (const double p : powers) {
    std::vector<double> x;
    check(
        100, 5,
        [&](PetscInt i, PetscInt j) {
          return factor[j] *
                 (j == 4 ? lp_noise(i, 0, 7) + 1e-10 * lp_noise(i, 4, 7) : lp_noise(i, j, 7));
        },
        target, p, 5, &x);
  }
}

TEST_CASE("l_p regression: a row of another scale, and p beyond 20", "[sketching]") {
  std::vector<double> x;
  const auto target = [](PetscInt i) { return lp_noise(i, 50, 8); };
  for (const double p : powers)
    check(
        60, 4, [](PetscInt i, PetscInt j) { return (i == 11 ? 1e10 : 1.0) * lp_noise(i, j, 9); },
        target, p, 4, &x);
  const auto plain = [](PetscInt i, PetscInt j) { return lp_noise(i, j, 7); };
  for (const double p : {1 + 1e-9, 1.01, 50.0, 200.0, 1000.0, 1e17})
    check(100, 5, plain, target, p, 5, &x);
  // 1000 is next to infinity: within m^(1/1000).
  LpProblem problem(PETSC_COMM_WORLD, 100, 5, plain, target);
  const double largest = problem.solve(infinite, &x).objective;
  const double high = problem.solve(1000, &x).objective;
  CHECK_ALL((high >= largest && high <= largest * std::pow(100, 1e-3)));
}

TEST_CASE("l_p regression: small residuals have all their digits", "[sketching]") {
  const auto plain = [](PetscInt i, PetscInt j) { return lp_noise(i, j, 7); };
  const auto integers = [](PetscInt i, PetscInt j) { return std::round(9 * lp_noise(i, j, 7)); };
  std::vector<double> x;
  for (const double p : powers) {
    for (const double size : {1e-6, 1e-9, 1e-14}) {
      const auto target = [&](PetscInt i) {
        double sum = size * lp_noise(i, 50, 8);
        for (PetscInt j = 0; j < 5; ++j)
          sum += static_cast<double>(j + 1) * plain(i, j);
        return sum;
      };
      check(100, 5, plain, target, p, 5, &x);
    }
    LpProblem consistent(PETSC_COMM_WORLD, 60, 4, integers, [&](PetscInt i) {
      return integers(i, 0) - 3 * integers(i, 2) + integers(i, 3) / 2;
    });
    const LpSolution s = consistent.solve(p, &x);
    CHECK_ALL((s.converged && s.objective == 0 && s.lower_bound == 0));
    CHECK_ALL(x == std::vector<double>({1, 0, -3, 0.5}));
    LpProblem square(PETSC_COMM_WORLD, 8, 8, plain, [](PetscInt i) { return lp_noise(i, 50, 8); });
    LpProblem alone(PETSC_COMM_SELF, 8, 8, plain, [](PetscInt i) { return lp_noise(i, 50, 8); });
    std::vector<double> one;
    const LpSolution of_square = square.solve(p, &x);
    CHECK_ALL((of_square.converged && of_square.lower_bound == 0 && of_square.objective <= 1e-13));
    CHECK_ALL((of_square.objective == alone.solve(p, &one).objective && x == one));
  }
}

TEST_CASE("l_p regression finds the vertex of integer problems exactly", "[sketching]") {
  // Rows that meet in a vertex with integers: all its digits.
  std::vector<double> x;
  const auto entry = [](PetscInt i, PetscInt j) {
    return j == 0 ? 1.0 : static_cast<double>((i * (j + 3) + i * i * j) % 17) - 8;
  };
  const auto through = [&](PetscInt i) {
    const double outlier = i % 4 == 3 ? 100.0 + static_cast<double>(i % 7) : 0.0;
    return 2 * entry(i, 0) - 3 * entry(i, 1) + 0 * entry(i, 2) + outlier;
  };
  LpProblem robust(PETSC_COMM_WORLD, 60, 3, entry, through);
  CHECK_ALL((robust.solve(1, &x).converged && x == std::vector<double>({2, -3, 0})));
  // Middle of the range: −7 and 12.
  LpProblem middle(
      PETSC_COMM_WORLD, 40, 1, [](PetscInt, PetscInt) { return 1.0; },
      [](PetscInt i) { return i == 3    ? -7.0
                              : i == 30 ? 12.0
                                        : static_cast<double>(i % 10); });
  const LpSolution s = middle.solve(infinite, &x);
  CHECK_ALL((s.converged && x[0] == 2.5 && s.objective == 9.5));
}

#endif
