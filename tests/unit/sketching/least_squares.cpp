// SPDX-License-Identifier: BSD-2-Clause
// Least squares against solutions with 60 digits: forward error, correctly rounded components and
// backward error up to condition 1e14, on any number of ranks and for any seed.
#include "sketching/least_squares.h"
#include "harness/mpi_test.h"
#include "unit/sketching/least_squares_problems.h"
#include <algorithm>
#include <cstdio>
#include <functional>

#ifndef PETSC_USE_COMPLEX // refused, see least_squares_inputs.cpp

namespace {

using namespace lathe;
using namespace lathe::test;

LatheLeastSquaresOptions options_with(LatheRefine refine) {
  LatheLeastSquaresOptions o;
  PetscCallAbort(PETSC_COMM_WORLD, LatheLeastSquaresOptionsSetDefaults(&o));
  o.refine = refine;
  return o;
}

struct Solved {
  std::vector<double> x;
  LatheLeastSquaresResult result{};
};

Solved solve(const LeastSquares &p, const LatheLeastSquaresOptions &o,
             const char *type = MATDENSE) {
  Distributed d;
  Solved s;
  PETSC_OK(Distribute(p, type, &d));
  VecHandle weights;
  if (!p.weight.empty()) {
    PETSC_OK(VecDuplicate(d.b, weights.out()));
    PetscInt begin = 0, end = 0;
    PETSC_OK(VecGetOwnershipRange(weights, &begin, &end));
    for (PetscInt i = begin; i < end; ++i)
      PetscCallAbort(PETSC_COMM_WORLD,
                     VecSetValue(weights, i, p.weight[static_cast<std::size_t>(i)], INSERT_VALUES));
    PETSC_OK(VecAssemblyBegin(weights));
    PETSC_OK(VecAssemblyEnd(weights));
  }
  PETSC_OK(LatheLeastSquares(d.a, d.b, weights, d.x, &o, &s.result));
  s.x = everywhere(d.x);
  return s;
}

// Number of equal components in 100.
double same_percent(const std::vector<double> &x, const std::vector<double> &y) {
  std::size_t same = 0;
  for (std::size_t j = 0; j < x.size(); ++j)
    same += x[j] == y[j] ? 1U : 0U;
  return 100.0 * static_cast<double>(same) / static_cast<double>(x.size());
}

TEST_CASE("backward error up to condition 1e14", "[sketching]") {
  double worst = 0, worst_ratio = 1;
  for (const double condition : {1e1, 1e4, 1e7, 1e9, 1e11, 1e12, 1e13, 1e14}) {
    const LeastSquares p = problem_of(2000, 50, condition, 1e-3, 11);
    for (const LatheRefine refine : {LATHE_REFINE_DOUBLE, LATHE_REFINE_DD}) {
      const Solved s = solve(p, options_with(refine));
      const double error = backward_error(p, s.x);
      CAPTURE(condition, LatheRefineName(refine), error);
      CHECK(error <= 2e-16);
      CHECK(s.result.reason > 0);
      CHECK(s.result.rank == 50);
      worst = std::max(worst, error);
      const double ratio = static_cast<double>(s.result.backward_error) / error;
      worst_ratio = std::max({worst_ratio, ratio, 1 / ratio});
    }
  }
  CHECK(worst_ratio < 2); // the estimate, on columns of other norms, against the true one
  if (mpi_rank() == 0)
    std::printf("backward error: worst %.1e; estimate within a factor of %.2f\n", worst,
                worst_ratio);
}

TEST_CASE("double-double: the last bit up to condition 1e9", "[sketching]") {
  double worst = 0, worst_ulps = 0, least = 100;
  PetscInt steps = 0;
  for (const double condition : {1e1, 1e3, 1e6, 1e8})
    for (const std::uint64_t seed : {21, 22}) {
      const LeastSquares p = problem_of(2000, 50, condition, 1e-3, seed);
      const std::vector<Big> exact = exact_solution(p);
      const Solved s = solve(p, options_with(LATHE_REFINE_DD), seed == 21 ? MATDENSE : MATAIJ);
      const ForwardError e = forward_error(s.x, exact);
      CAPTURE(condition, seed, e.norm, e.ulps, e.exact);
      CHECK(e.norm <= 1.2e-16);
      CHECK(e.ulps <= 1);
      CHECK(e.exact >= 49);
      CHECK(s.result.refinements <= 5);
      CHECK(s.result.reason == LATHE_LS_CONVERGED);
      CHECK(s.result.digits > 15.9);
      worst = std::max(worst, e.norm);
      worst_ulps = std::max(worst_ulps, e.ulps);
      least = std::min(least, 2.0 * static_cast<double>(e.exact));
      steps = std::max(steps, s.result.refinements);
    }
  if (mpi_rank() == 0)
    std::printf("dd to condition 1e8: forward error %.1e, %.2f ulp, %.0f %% correctly rounded, "
                "%d steps\n",
                worst, worst_ulps, least, static_cast<int>(steps));
  const LeastSquares p = problem_of(2000, 50, 1e9, 1e-3, 23);
  const Solved s = solve(p, options_with(LATHE_REFINE_DD));
  CHECK(forward_error(s.x, exact_solution(p)).norm <= 1.2e-16);
}

TEST_CASE("double-double and triple-double up to condition 1e14", "[sketching]") {
  double worst_dd = 0, worst_quad = 0, least = 100;
  PetscInt steps = 0;
  for (const double condition : {1e10, 1e11, 1e12, 1e13, 1e14}) {
    const LeastSquares p = problem_of(2000, 50, condition, 1e-3, 31);
    const std::vector<Big> exact = exact_solution(p);
    const Solved dd = solve(p, options_with(LATHE_REFINE_DD));
    const Solved quad = solve(p, options_with(LATHE_REFINE_QUAD));
    const ForwardError e2 = forward_error(dd.x, exact), e3 = forward_error(quad.x, exact);
    CAPTURE(condition, e2.norm, e3.norm, e3.ulps, e3.exact, dd.result.digits);
    CHECK(e2.norm <= 1e-14);
    CHECK(e3.norm <= 2e-16);
    CHECK(e3.ulps <= 1);
    CHECK(e3.exact >= 49);
    CHECK(quad.result.refinements <= 12);
    CHECK(quad.result.reason == LATHE_LS_CONVERGED);
    // What is said to be right is right.
    CHECK(static_cast<double>(dd.result.digits) <= -std::log10(e2.norm) + 1);
    worst_dd = std::max(worst_dd, e2.norm);
    worst_quad = std::max(worst_quad, e3.norm);
    least = std::min(least, 2.0 * static_cast<double>(e3.exact));
    steps = std::max(steps, quad.result.refinements);
  }
  if (mpi_rank() == 0)
    std::printf("to condition 1e14: forward error dd %.1e, quad %.1e with %.0f %% correctly "
                "rounded, %d steps\n",
                worst_dd, worst_quad, least, static_cast<int>(steps));
}

TEST_CASE("the same bits for every seed, sketch and type of matrix", "[sketching]") {
  double least = 100;
  for (const auto &[condition, refine] :
       {std::pair{1e8, LATHE_REFINE_DD}, std::pair{1e14, LATHE_REFINE_QUAD}}) {
    const LeastSquares p = problem_of(1000, 50, condition, 1e-3, 41);
    LatheLeastSquaresOptions o = options_with(refine);
    const std::vector<double> first = solve(p, o).x;
    for (unsigned long long seed = 2; seed <= 11; ++seed) {
      o.seed = seed;
      o.factor = seed % 2 == 0 ? 2 : 4;
      const double same = same_percent(solve(p, o, seed % 3 == 0 ? MATAIJ : MATDENSE).x, first);
      CAPTURE(condition, seed);
      CHECK(same >= 98);
      least = std::min(least, same);
    }
  }
  if (mpi_rank() == 0)
    std::printf("10 seeds: at least %.0f %% of the components have the same bits\n", least);
}

TEST_CASE("a Hilbert-like matrix whose solution is known", "[sketching]") {
  LeastSquares p{.m = 9, .n = 6, .a = std::vector<double>(54), .b = std::vector<double>(9)};
  for (std::size_t i = 0; i < 9; ++i) {
    for (std::size_t j = 0; j < 6; ++j)
      p.at(i, j) = 1.0 / static_cast<double>(i + j + 1);
    p.b[i] = (i % 2 == 0 ? 1.0 : -1.0) / static_cast<double>(i + 1);
  }
  const std::vector<double> expected = {878.61635035483257, -20491.084760522354,
                                        121286.90230274875, -286120.49967033144,
                                        292918.60749822832, -108687.82908063525};
  for (const LatheRefine refine : {LATHE_REFINE_DD, LATHE_REFINE_QUAD}) {
    const Solved s = solve(p, options_with(refine));
    CHECK(s.x == expected);
    CHECK(static_cast<double>(s.result.residual_norm) ==
          Approx(0.45840700509481332).epsilon(1e-15));
  }
}

// Columns, rows and weights of wildly different sizes: components, not norms, must be right.
TEST_CASE("wild columns, rows and weights, and coherent rows", "[sketching]") {
  struct Kind {
    const char *name;
    std::function<void(LeastSquares &)> change;
    bool by_component;
  };
  const auto wild = [](std::uint64_t i, double decades) {
    return std::pow(10.0, decades * (2 * random::uniform(9, 9, i) - 1));
  };
  const Kind kinds[] = {
      {"columns of 1e-140 to 1e140",
       [&](LeastSquares &p) {
         for (std::size_t j = 0; j < p.n; ++j)
           for (std::size_t i = 0; i < p.m; ++i)
             p.at(i, j) *= wild(j, 140);
       },
       true},
      {"columns of 2^-1000 to 2^900",
       [&](LeastSquares &p) {
         for (std::size_t j = 0; j < p.n; ++j)
           for (std::size_t i = 0; i < p.m; ++i)
             p.at(i, j) = std::scalbn(p.at(i, j), static_cast<int>(j % 20) * 95 - 950);
       },
       true},
      {"right-hand side of 1e-200",
       [&](LeastSquares &p) {
         for (double &b : p.b)
           b *= 1e-200;
       },
       true},
      {"rows of 1e-8 to 1e8",
       [&](LeastSquares &p) {
         for (std::size_t i = 0; i < p.m; ++i) {
           const double s = wild(i, 8);
           p.b[i] *= s;
           for (std::size_t j = 0; j < p.n; ++j)
             p.at(i, j) *= s;
         }
       },
       false},
      {"weights of 1e-12 to 1e12",
       [&](LeastSquares &p) {
         for (std::size_t i = 0; i < p.m; ++i)
           p.weight.push_back(wild(i, 12));
       },
       false},
      {"a range in few rows",
       [&](LeastSquares &p) {
         for (std::size_t i = 60; i < p.m; ++i)
           for (std::size_t j = 0; j < p.n; ++j)
             p.at(i, j) = i % 97 == 0 ? 1e-9 * p.at(i, j) : 0;
       },
       false},
      {"one row that outweighs all",
       [&](LeastSquares &p) {
         for (std::size_t j = 0; j < p.n; ++j)
           p.at(500, j) *= 1e7;
       },
       false},
      {"a ridge", [&](LeastSquares &p) { p.ridge = 1e-7; }, false},
  };
  for (const Kind &kind : kinds)
    for (const char *type : {MATDENSE, MATAIJ}) {
      LeastSquares p = problem_of(1200, 30, 1e6, 1e-3, 51);
      kind.change(p);
      LatheLeastSquaresOptions o = options_with(LATHE_REFINE_QUAD);
      o.ridge = static_cast<PetscReal>(p.ridge);
      const std::vector<Big> exact = exact_solution(p);
      const Solved s = solve(p, o, type);
      const ForwardError e = forward_error(s.x, exact);
      CAPTURE(kind.name, type, e.norm, e.ulps, e.exact);
      CHECK(e.ulps <= 1);
      CHECK(e.exact >= 29);
      CHECK(s.result.reason == LATHE_LS_CONVERGED);
      o.refine = LATHE_REFINE_DD;
      const ForwardError dd = forward_error(solve(p, o, type).x, exact);
      CAPTURE(dd.norm, dd.ulps);
      CHECK((kind.by_component ? dd.ulps * 1e-16 : dd.norm) <= 1.2e-16);
    }
}

TEST_CASE("spir and fossils: backward stable, and the last bit in double-double", "[sketching]") {
  for (const LatheLeastSquaresMethod method : {LATHE_LS_SPIR, LATHE_LS_FOSSILS}) {
    double worst = 0;
    for (const double condition : {1e1, 1e5, 1e9, 1e12, 1e14}) {
      const LeastSquares p = problem_of(2000, 50, condition, 1e-3, 71);
      LatheLeastSquaresOptions o = options_with(LATHE_REFINE_DOUBLE);
      o.method = method;
      const Solved s = solve(p, o);
      const double error = backward_error(p, s.x);
      INFO("backward error " << error);
      CAPTURE(LatheLeastSquaresMethodName(method), condition, s.result.iterations);
      CHECK(error <= 2e-15);
      CHECK(s.result.iterations <= 100);
      CHECK(s.result.rank == 50);
      worst = std::max(worst, error);
    }
    for (const double condition : {1e1, 1e8, 1e14}) {
      LeastSquares p = problem_of(2000, 50, condition, 1e-3, 72);
      LatheLeastSquaresOptions o =
          options_with(condition > 1e9 ? LATHE_REFINE_QUAD : LATHE_REFINE_DD);
      o.method = method;
      if (condition == 1e8) {
        p.ridge = 1e-10;
        o.ridge = static_cast<PetscReal>(p.ridge);
      }
      const Solved s = solve(p, o, condition == 1e1 ? MATAIJ : MATDENSE);
      const ForwardError e = forward_error(s.x, exact_solution(p));
      CAPTURE(LatheLeastSquaresMethodName(method), condition, e.norm, e.ulps, e.exact);
      CHECK(e.ulps <= 1);
      CHECK(e.exact >= 49);
      CHECK(s.result.reason == LATHE_LS_CONVERGED);
    }
    if (mpi_rank() == 0)
      std::printf("%s: backward error %.1e\n", LatheLeastSquaresMethodName(method), worst);
  }
}

TEST_CASE("iterative sketching and sketch-and-solve hold what they promise", "[sketching]") {
  for (const double condition : {1e1, 1e5}) {
    const LeastSquares p = problem_of(2000, 50, condition, 1e-3, 81);
    LatheLeastSquaresOptions o = options_with(LATHE_REFINE_DOUBLE);
    o.method = LATHE_LS_ITERATIVE_SKETCHING;
    Solved s = solve(p, o);
    const std::vector<Big> exact = exact_solution(p);
    CAPTURE(condition, s.result.iterations, s.result.backward_error);
    // Forward stable: as good as a backward stable method may be.
    CHECK(forward_error(s.x, exact).norm <= 1e-15 * condition * (1 + condition * 1e-3));
    o.method = LATHE_LS_SKETCH_AND_SOLVE;
    s = solve(p, o);
    CHECK(static_cast<double>(s.result.residual_norm) < 1.2e-3);
    CHECK(static_cast<double>(s.result.residual_norm) > 1e-3);
  }
}

// A = [I; 0] and b a unit vector outside of its range, so x = 0: Song, Ye, Yin, Zhang, ICML 2023.
TEST_CASE("sketch-and-solve spares every coordinate with dense sketches, not with CountSketch",
          "[sketching]") {
  LeastSquares p;
  p.m = 2048;
  p.n = 50;
  p.a.assign(p.m * p.n, 0.0);
  p.b.assign(p.m, 0.0);
  for (std::size_t j = 0; j < p.n; ++j)
    p.at(j, j) = 1;
  p.b[p.n + 7] = 1;
  const auto p99 = [&](const char *type, const char *sketch, int trials) {
    LatheLeastSquaresOptions o = options_with(LATHE_REFINE_NONE);
    o.method = LATHE_LS_SKETCH_AND_SOLVE;
    o.factor = 16;
    o.nonzeros = 8;
    o.sketch = sketch;
    Distributed d;
    PETSC_OK(Distribute(p, type, &d));
    std::vector<double> most;
    for (int seed = 0; seed < trials; ++seed) {
      PetscReal largest = 0;
      o.seed = static_cast<unsigned long long>(seed);
      PETSC_OK(LatheLeastSquares(d.a, d.b, nullptr, d.x, &o, nullptr));
      PETSC_OK(VecNorm(d.x, NORM_INFINITY, &largest));
      most.push_back(std::sqrt(16.0 * static_cast<double>(p.n)) * static_cast<double>(largest));
    }
    std::sort(most.begin(), most.end());
    return most[most.size() * 99 / 100];
  };
  CHECK_ALL(p99(MATDENSE, nullptr, 100) <= 4.5); // srht
  CHECK_ALL(p99(MATAIJ, nullptr, 100) <= 4.5);   // gaussian
  CHECK_ALL(p99(MATAIJ, "sparse_stack", 100) <= 8);
  CHECK_ALL(p99(MATAIJ, "count_sketch", 300) > 20);
}

} // namespace

#endif
