// SPDX-License-Identifier: BSD-2-Clause
// Least squares over sizes and seeds: backward errors of every method, also of badly scaled
// problems, digits of the refinements, and the bits of one rank on many.
#include "harness/mpi_test.h"
#include "sketching/least_squares.h"
#include "unit/sketching/least_squares_problems.h"
#include <algorithm>
#include <cstdio>
#include <functional>

#ifndef PETSC_USE_COMPLEX // refused, see least_squares_inputs.cpp

namespace {

using namespace lathe;
using namespace lathe::test;

// Many seeds are for one rank; that several ranks change nothing, one shows. Three show what two
// and four would.
bool even_ranks() {
  return mpi_size() % 2 == 0;
}
std::vector<std::uint64_t> seeds(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t k = 0; k < (mpi_size() == 1 ? count : 1); ++k)
    all.push_back(first + k);
  return all;
}

constexpr LatheLeastSquaresMethod stable_methods[] = {LATHE_LS_PNE, LATHE_LS_SPIR,
                                                      LATHE_LS_FOSSILS};

struct Run {
  const char *type = MATDENSE;
  MPI_Comm comm = PETSC_COMM_WORLD;
  std::vector<double> x = {};
  LatheLeastSquaresResult result = {};

  void operator()(const LeastSquares &p, LatheLeastSquaresMethod method, LatheRefine refine,
                  double factor = 0) {
    Distributed d;
    VecHandle weights;
    LatheLeastSquaresOptions o;
    PETSC_OK(LatheLeastSquaresOptionsSetDefaults(&o));
    o.method = method;
    o.refine = refine;
    o.factor = static_cast<PetscReal>(factor);
    o.ridge = static_cast<PetscReal>(p.ridge);
    PETSC_OK(Distribute(p, type, &d, comm));
    PETSC_OK(DistributeWeights(p, d.b, weights.out()));
    PETSC_OK(LatheLeastSquares(d.a, d.b, weights, d.x, &o, &result));
    x = everywhere(d.x);
  }
};

// Rows times the roots of their weights, columns over powers of two near their largest entries:
// nothing is rounded where the weights are powers of four.
double scaled_backward_error(const LeastSquares &p, std::vector<double> x) {
  LeastSquares q = p;
  for (std::size_t i = 0; i < q.m && !p.weight.empty(); ++i) {
    const double root = std::sqrt(p.weight[i]);
    q.b[i] *= root;
    for (std::size_t j = 0; j < q.n; ++j)
      q.at(i, j) *= root;
  }
  for (std::size_t j = 0; j < q.n; ++j) {
    double largest = 0;
    for (std::size_t i = 0; i < q.m; ++i)
      largest = std::max(largest, std::fabs(q.at(i, j)));
    const int shift = std::ilogb(largest);
    for (std::size_t i = 0; i < q.m; ++i)
      q.at(i, j) = std::scalbn(q.at(i, j), -shift);
    x[j] = std::scalbn(x[j], shift);
  }
  return backward_error(q, x);
}

TEST_CASE("spir and fossils: backward error over sizes and seeds", "[sketching]") {
  if (even_ranks())
    return;
  struct Size {
    std::size_t m, n;
    double factor; // 0: as the library chooses
  };
  for (const Size &size : {Size{2000, 50, 0}, Size{600, 100, 0}, Size{600, 100, 4},
                           Size{1200, 30, 0}, Size{1200, 30, 6}})
    for (const LatheLeastSquaresMethod method : {LATHE_LS_SPIR, LATHE_LS_FOSSILS}) {
      double worst = 0;
      for (const double condition : {1e1, 1e5, 1e9, 1e12, 1e14})
        for (const std::uint64_t seed : seeds(171, 3)) {
          const LeastSquares p = problem_of(size.m, size.n, condition, 1e-3, seed);
          Run run;
          run(p, method, LATHE_REFINE_DOUBLE, size.factor);
          const double error = backward_error(p, run.x);
          CAPTURE(LatheLeastSquaresMethodName(method), size.m, size.n, size.factor, condition, seed,
                  error, run.result.iterations);
          CHECK_ALL(error <= 2e-15);
          CHECK_ALL(run.result.reason > 0);
          CHECK_ALL(run.result.rank == static_cast<PetscInt>(size.n));
          worst = std::max(worst, error);
        }
      if (mpi_rank() == 0)
        std::printf("%s, %zu x %zu, factor %g: backward error %.1e\n",
                    LatheLeastSquaresMethodName(method), size.m, size.n, size.factor, worst);
    }
}

TEST_CASE("backward error of wild columns, rows and weights, and of coherent rows", "[sketching]") {
  if (even_ranks())
    return;
  struct Kind {
    const char *name;
    std::function<void(LeastSquares &)> change;
  };
  const auto wild = [](std::uint64_t i, double decades) {
    return std::pow(10.0, decades * (2 * random::uniform(9, 19, i) - 1));
  };
  const Kind kinds[] = {{"columns of 1e-140 to 1e140",
                         [&](LeastSquares &p) {
                           for (std::size_t j = 0; j < p.n; ++j)
                             for (std::size_t i = 0; i < p.m; ++i)
                               p.at(i, j) *=
                                   j < 2 ? std::pow(10.0, j == 0 ? -140 : 140) : wild(j, 140);
                         }},
                        {"rows of 1e-8 to 1e8",
                         [&](LeastSquares &p) {
                           for (std::size_t i = 0; i < p.m; ++i) {
                             const double s = wild(i, 8);
                             p.b[i] *= s;
                             for (std::size_t j = 0; j < p.n; ++j)
                               p.at(i, j) *= s;
                           }
                         }},
                        {"weights of 1e-12 to 1e12", // 4^-20 to 4^20
                         [&](LeastSquares &p) {
                           for (std::size_t i = 0; i < p.m; ++i)
                             p.weight.push_back(std::scalbn(
                                 1.0, 2 * static_cast<int>(41 * random::uniform(9, 20, i)) - 40));
                         }},
                        {"a range in few rows", [](LeastSquares &p) {
                           for (std::size_t i = 60; i < p.m; ++i)
                             for (std::size_t j = 0; j < p.n; ++j)
                               p.at(i, j) = i % 97 == 0 ? 1e-9 * p.at(i, j) : 0;
                         }}};
  for (const Kind &kind : kinds)
    for (const LatheLeastSquaresMethod method : stable_methods) {
      double worst = 0;
      for (const double condition : {1e2, 1e6, 1e12})
        for (const std::uint64_t seed : seeds(181, 2))
          for (const char *type : {MATDENSE, MATAIJ}) {
            LeastSquares p = problem_of(1200, 30, condition, 1e-3, seed);
            kind.change(p);
            Run run{.type = type};
            run(p, method, LATHE_REFINE_DOUBLE);
            const double error = scaled_backward_error(p, run.x);
            CAPTURE(kind.name, LatheLeastSquaresMethodName(method), condition, seed, type, error);
            CHECK_ALL(error <= (method == LATHE_LS_PNE ? 2e-16 : 2e-15));
            CHECK_ALL(run.result.reason > 0);
            worst = std::max(worst, error);
          }
      if (mpi_rank() == 0)
        std::printf("%s, %s: backward error %.1e\n", kind.name, LatheLeastSquaresMethodName(method),
                    worst);
    }
}

TEST_CASE("double-double and triple-double: more problems from condition 1e9 to 1e14",
          "[sketching]") {
  double worst[3] = {};
  PetscInt steps = 0;
  for (const double condition : {1e9, 1e10, 1e11, 1e12, 1e13, 1e14})
    for (const std::uint64_t seed : seeds(131, 3)) {
      const LeastSquares p = problem_of(1000, 50, condition, 1e-3, seed);
      const std::vector<Big> exact = exact_solution(p);
      Run dd, quad;
      dd(p, LATHE_LS_PNE, LATHE_REFINE_DD);
      quad(p, LATHE_LS_PNE, LATHE_REFINE_QUAD);
      const ForwardError e2 = forward_error(dd.x, exact), e3 = forward_error(quad.x, exact);
      CAPTURE(condition, seed, e2.norm, e3.norm, e3.ulps, e3.exact, quad.result.refinements);
      CHECK_ALL(e2.norm <= (condition <= 1e9 ? 1.2e-16 : 1e-14));
      CHECK_ALL(e3.norm <= 2e-16);
      CHECK_ALL(e3.ulps <= 1);
      CHECK_ALL(e3.exact >= 49);
      CHECK_ALL(quad.result.refinements <= 12);
      CHECK_ALL(quad.result.reason == LATHE_LS_CONVERGED);
      worst[0] = std::max(worst[0], e2.norm);
      worst[1] = std::max(worst[1], e3.norm);
      worst[2] = condition <= 1e9 ? std::max(worst[2], e2.norm) : worst[2];
      steps = std::max(steps, quad.result.refinements);
    }
  if (mpi_rank() == 0)
    std::printf("more problems: forward error dd %.1e (condition 1e9: %.1e), quad %.1e, %d "
                "steps\n",
                worst[0], worst[2], worst[1], static_cast<int>(steps));
}

// What a rank finds alone, all ranks find together; spir and fossils as well as pne, weighted too.
TEST_CASE("double-double on many ranks has the bits of one, whatever the method", "[sketching]") {
  const auto same = [](const std::vector<double> &x, const std::vector<double> &y) {
    std::size_t count = 0;
    for (std::size_t j = 0; j < x.size(); ++j)
      count += x[j] == y[j] ? 1U : 0U;
    return 100.0 * static_cast<double>(count) / static_cast<double>(x.size());
  };
  double least = 100;
  for (const bool weighted : {false, true})
    for (const std::uint64_t seed : {141, 142}) {
      LeastSquares p = problem_of(2000, 50, 1e8, 1e-3, seed);
      for (std::size_t i = 0; i < p.m && weighted; ++i)
        p.weight.push_back(std::exp(2 * random::normal(seed, 21, i)));
      Run alone{.comm = PETSC_COMM_SELF};
      alone(p, LATHE_LS_PNE, LATHE_REFINE_DD);
      for (const LatheLeastSquaresMethod method : stable_methods)
        for (const char *type : {MATDENSE, MATAIJ}) {
          if (method != LATHE_LS_PNE && (!weighted || type != std::string(MATDENSE)))
            continue;
          Run together{.type = type};
          together(p, method, LATHE_REFINE_DD);
          const double percent = same(alone.x, together.x);
          CAPTURE(weighted, seed, LatheLeastSquaresMethodName(method), type, percent);
          CHECK_ALL(percent >= 98);
          CHECK_ALL(together.result.reason == LATHE_LS_CONVERGED);
          least = std::min(least, percent);
        }
    }
  if (mpi_rank() == 0)
    std::printf("condition 1e8 on %d ranks: at least %.0f %% of the bits of pne on one\n",
                mpi_size(), least);
}

TEST_CASE("numerically rank deficient problems in one double", "[sketching]") {
  // Polynomials and Hilbert matrices, condition 1e16 and beyond, with b = A·x: some of the
  // directions that are dropped have singular values of 1e-15, and an x that is long there has a
  // small backward error and a residual far above what can be reached.
  double worst = 0, stable = 0;
  for (const bool powers : {true, false})
    for (const std::size_t n : {20U, 25U, 30U, 40U})
      for (const std::uint64_t seed : seeds(1, 5)) {
        LeastSquares p{
            .m = 100, .n = n, .a = std::vector<double>(100 * n), .b = std::vector<double>(100)};
        double size = 0;
        for (std::size_t i = 0; i < p.m; ++i) {
          for (std::size_t j = 0; j < n; ++j) {
            const double t = static_cast<double>(i), k = static_cast<double>(j);
            p.at(i, j) = powers ? std::pow(t / 99, k) : 1 / (t + k + 1);
            p.b[i] += p.at(i, j) * random::normal(seed, 71, j);
          }
          size += p.b[i] * p.b[i];
        }
        for (const auto method : stable_methods) {
          Run run;
          run(p, method, LATHE_REFINE_DOUBLE);
          CHECK_ALL(run.result.reason > 0);
          worst = std::max(worst, static_cast<double>(run.result.residual_norm) / std::sqrt(size));
          stable = std::max(stable, backward_error(p, run.x));
        }
      }
  if (mpi_rank() == 0)
    std::printf("rank deficient, one double: worst residual %.1e of b, backward error %.1e\n",
                worst, stable);
  CHECK_ALL(worst <= 1e-14);
  CHECK_ALL(stable <= 4e-16);
}

} // namespace

#endif
