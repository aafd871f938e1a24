// SPDX-License-Identifier: BSD-2-Clause
// Least squares on inputs that break careless solvers: no rows on a rank, zero and dependent
// columns, more columns than rows, right-hand sides without solution or without size, entries that
// are not finite, values out of range.
#include "harness/mpi_test.h"
#include "sketching/least_squares.h"
#include "unit/sketching/least_squares_problems.h"
#include <algorithm>
#include <cstdio>

#ifdef PETSC_USE_COMPLEX

TEST_CASE("complex scalars are refused", "[sketching]") {
  lathe::test::Distributed d;
  PETSC_OK(lathe::test::Distribute(lathe::test::problem_of(40, 4, 10, 1e-2), MATDENSE, &d));
  const lathe::test::Caught c = lathe::test::catch_error(
      [&] { return LatheLeastSquares(d.a, d.b, nullptr, d.x, nullptr, nullptr); });
  CHECK_ALL(c.code == PETSC_ERR_SUP);
  CHECK_ALL(c.message.find("real scalars") != std::string::npos);
}

#else

namespace {

using namespace lathe;
using namespace lathe::test;

struct Solved {
  std::vector<double> x;
  LatheLeastSquaresResult result{};
};

LatheLeastSquaresOptions defaults() {
  LatheLeastSquaresOptions o;
  PetscCallAbort(PETSC_COMM_WORLD, LatheLeastSquaresOptionsSetDefaults(&o));
  return o;
}

Solved solve(const LeastSquares &p, const char *type = MATDENSE,
             const LatheLeastSquaresOptions &o = defaults()) {
  Distributed d;
  Solved s;
  PETSC_OK(Distribute(p, type, &d));
  PETSC_OK(LatheLeastSquares(d.a, d.b, nullptr, d.x, &o, &s.result));
  s.x = everywhere(d.x);
  return s;
}

double distance(const std::vector<double> &x, const std::vector<double> &y) {
  double square = 0;
  for (std::size_t j = 0; j < x.size(); ++j)
    square += (x[j] - y[j]) * (x[j] - y[j]);
  return std::sqrt(square) / length(y);
}

TEST_CASE("zero columns, a zero matrix, no right-hand side", "[sketching]") {
  for (const char *type : {MATDENSE, MATAIJ})
    for (const std::size_t m : {std::size_t{12}, std::size_t{400}}) { // A itself, and its sketch
      LeastSquares p = problem_of(m, 8, 1e4, 1e-2, 61), without = p;
      for (std::size_t i = 0; i < m; ++i)
        p.at(i, 3) = 0;
      without.n = 7;
      without.a.erase(without.a.begin() + static_cast<std::ptrdiff_t>(3 * m),
                      without.a.begin() + static_cast<std::ptrdiff_t>(4 * m));
      Solved s = solve(p, type);
      std::vector<Big> exact = exact_solution(without);
      exact.insert(exact.begin() + 3, Big(0));
      CHECK(forward_error(s.x, exact).exact == 8);
      CHECK(s.x[3] == 0);
      CHECK(s.result.rank == 7);
      CHECK(s.result.reason == LATHE_LS_RANK_DEFICIENT);

      std::fill(p.a.begin(), p.a.end(), 0.0);
      s = solve(p, type);
      CHECK(s.x == std::vector<double>(8));
      CHECK(s.result.rank == 0);
      CHECK(s.result.refinements == 0);
      CHECK(s.result.reason > 0);

      p = problem_of(m, 8, 1e4, 1e-2, 61);
      std::fill(p.b.begin(), p.b.end(), 0.0);
      s = solve(p, type);
      CHECK(s.x == std::vector<double>(8));
      CHECK(s.result.residual_norm == 0);
      CHECK(s.result.backward_error == 0);
      CHECK(s.result.refinements == 0);
      CHECK(s.result.reason == LATHE_LS_CONVERGED);
    }
}

TEST_CASE("a right-hand side orthogonal to the range", "[sketching]") {
  LeastSquares p = problem_of(500, 10, 1e3, 1e-2, 62);
  for (std::size_t i = 0; i < 250; ++i) { // rows in equal pairs, opposite right-hand sides
    for (std::size_t j = 0; j < p.n; ++j)
      p.at(i + 250, j) = p.at(i, j);
    p.b[i + 250] = -p.b[i];
  }
  const Solved s = solve(p);
  CHECK(s.x == std::vector<double>(10));
  CHECK(s.result.refinements == 0);
  CHECK(s.result.reason == LATHE_LS_CONVERGED);
  CHECK(static_cast<double>(s.result.residual_norm) == Approx(length(p.b)));
}

TEST_CASE("dependent columns and rows of other scales: least norm, least residual", "[sketching]") {
  for (const LatheLeastSquaresMethod method : {LATHE_LS_PNE, LATHE_LS_SPIR, LATHE_LS_FOSSILS})
    for (const double factor : {2.0, 3.0, 1e3}) {
      LatheLeastSquaresOptions o = defaults();
      o.method = method;
      LeastSquares p = problem_of(300, 8, 1e2, 1e-2, 93);
      for (std::size_t i = 0; i < p.m; ++i)
        p.at(i, 5) = factor * p.at(i, 2);
      Solved s = solve(p, MATDENSE, o);
      CAPTURE(method, factor, s.x[2], s.x[5], s.result.reason);
      CHECK_ALL(s.result.reason == LATHE_LS_RANK_DEFICIENT);
      CHECK_ALL(s.result.rank == 7);
      const double null = std::fabs(factor * s.x[2] - s.x[5]) / std::hypot(factor, 1.0);
      CHECK_ALL(null < 1e-13 * length(s.x)); // A is 0 along (factor, −1) in columns 2 and 5
      CHECK_ALL(s.result.backward_error < 3e-15);
      if (method == LATHE_LS_FOSSILS)
        continue;
      // Wide: row 5 is a multiple of row 2, and b does not know it.
      LeastSquares w{.m = 8, .n = 300, .a = std::vector<double>(2400), .b = std::vector<double>(8)};
      for (std::size_t i = 0; i < w.m; ++i) {
        w.b[i] = random::normal(93, 1, i);
        for (std::size_t j = 0; j < w.n; ++j)
          w.at(i, j) = p.at(j, i);
      }
      s = solve(w, MATDENSE, o);
      const double left = std::fabs(factor * w.b[2] - w.b[5]) / std::hypot(factor, 1.0);
      CAPTURE(s.result.residual_norm, left, s.result.backward_error);
      CHECK_ALL(s.result.reason == LATHE_LS_RANK_DEFICIENT);
      CHECK_ALL(std::fabs(s.result.residual_norm - left) < 1e-12 * left);
    }
}

TEST_CASE("columns of subnormals have finite solutions", "[sketching]") {
  for (const double size : {1e-309, 1e-312}) {
    LeastSquares p = problem_of(50, 4, 10, 1e-2, 91);
    for (std::size_t i = 0; i < p.m; ++i)
      p.at(i, 2) *= size;
    const Solved s = solve(p);
    for (std::size_t j = 0; j < p.n; ++j)
      CHECK_ALL((std::isfinite(s.x[j]) || j == 2));
    CHECK_ALL(!std::isnan(s.x[2]));
    const bool finite = std::isfinite(s.x[2]); // else no solution is claimed
    CHECK_ALL(s.result.reason == (finite ? LATHE_LS_CONVERGED : LATHE_LS_STAGNATED));
    CHECK_ALL((finite || (s.result.digits == 0 && !std::isfinite(s.result.backward_error))));
  }
}

TEST_CASE("ridges and weights of any size", "[sketching]") {
  const LeastSquares p = problem_of(60, 8, 10, 1e-1, 92);
  for (const LatheLeastSquaresMethod method : {LATHE_LS_PNE, LATHE_LS_SPIR})
    for (const LatheRefine refine : {LATHE_REFINE_DOUBLE, LATHE_REFINE_DD})
      for (const double ridge : {1e28, 1e60, 1e150, 1e300}) { // x = A'b/lambda but for 1/lambda
        LatheLeastSquaresOptions o = defaults();
        o.refine = refine;
        o.method = method;
        o.ridge = ridge;
        const Solved s = solve(p, MATDENSE, o);
        for (std::size_t j = 0; j < p.n; ++j) {
          long double sum = 0, size = 0;
          for (std::size_t i = 0; i < p.m; ++i) {
            const long double term = static_cast<long double>(p.at(i, j)) * p.b[i];
            sum += term;
            size += std::abs(term);
          }
          INFO(ridge << " " << s.x[j] << " for " << sum / ridge);
          CHECK_ALL(std::abs(s.x[j] * ridge - static_cast<double>(sum)) <=
                    2e-15 * static_cast<double>(size));
        }
        CHECK_ALL((s.result.reason == LATHE_LS_CONVERGED && s.result.digits > 14));
      }
  const Solved plain = solve(p);
  for (const double weight : {0x1p-1070, 0x1p-1000, 0x1p1000, 0x1p1023}) {
    Distributed d;
    PETSC_OK(Distribute(p, MATDENSE, &d));
    VecHandle w;
    PETSC_OK(VecDuplicate(d.b, w.out()));
    PETSC_OK(VecSet(w, weight));
    LatheLeastSquaresResult r;
    PETSC_OK(LatheLeastSquares(d.a, d.b, w, d.x, nullptr, &r));
    CHECK_ALL(everywhere(d.x) == plain.x);
    CHECK_ALL(r.reason == LATHE_LS_CONVERGED);
    CHECK_ALL(std::abs(r.residual_norm / std::sqrt(weight) - plain.result.residual_norm) <=
              1e-14 * plain.result.residual_norm);
  }
}

TEST_CASE("the backward error of a wide problem does not see the scale of its rows",
          "[sketching]") {
  for (const double spread : {0.0, 2.0, 10.0}) {
    LeastSquares p{.m = 20, .n = 60, .a = std::vector<double>(1200), .b = std::vector<double>(20)};
    for (std::size_t i = 0; i < p.m; ++i) {
      const double row = std::pow(10.0, spread * (static_cast<double>(i) / 10 - 1));
      p.b[i] = row * random::normal(92, 1, i);
      for (std::size_t j = 0; j < p.n; ++j)
        p.at(i, j) = row * random::normal(92, 2, i * p.n + j);
    }
    for (const LatheRefine refine : {LATHE_REFINE_DOUBLE, LATHE_REFINE_DD}) {
      LatheLeastSquaresOptions o = defaults();
      o.refine = refine;
      const Solved s = solve(p, MATDENSE, o);
      CAPTURE(spread, refine, s.result.backward_error);
      CHECK_ALL(s.result.reason == LATHE_LS_CONVERGED);
      CHECK_ALL(s.result.backward_error < 1e-15);
    }
  }
}

TEST_CASE("dependent columns: the solution of minimum norm", "[sketching]") {
  for (const char *type : {MATDENSE, MATAIJ})
    for (const std::size_t m : {std::size_t{30}, std::size_t{600}}) {
      const std::size_t n = 12;
      LeastSquares p = problem_of(m, n, 1e3, 1e-2, 63), half = p;
      // Columns 8 … 11 repeat 0 … 3: the pair shares what the first alone would have, x/2 each.
      for (std::size_t j = 8; j < n; ++j)
        for (std::size_t i = 0; i < m; ++i)
          p.at(i, j) = p.at(i, j - 8);
      half.n = 8;
      half.a.resize(m * 8);
      std::vector<Big> once = exact_solution(half);
      std::vector<double> expected(n);
      for (std::size_t j = 0; j < n; ++j)
        expected[j] = static_cast<double>(once[j % 8]) / (j % 8 < 4 ? 2 : 1);
      const Solved s = solve(p, type);
      CAPTURE(type, m, distance(s.x, expected));
      CHECK(distance(s.x, expected) < 1e-12);
      CHECK(s.result.rank == 8);
      CHECK(s.result.reason == LATHE_LS_RANK_DEFICIENT);
    }
  // Beyond what double entries can tell apart from dependent: the truncated solution, and a word.
  LeastSquares p = problem_of(600, 10, 1e3, 1e-2, 64);
  for (std::size_t i = 0; i < p.m; ++i)
    p.at(i, 9) = p.at(i, 8) * (1 + 4e-16 * static_cast<double>(i % 2));
  const Solved s = solve(p);
  CHECK(s.result.rank == 9);
  CHECK(s.result.reason == LATHE_LS_RANK_DEFICIENT);
  CHECK(std::isfinite(length(s.x)));
}

TEST_CASE("more columns than rows: minimum norm, to the last bit", "[sketching]") {
  for (const char *type : {MATDENSE, MATAIJ})
    for (const std::size_t n : {std::size_t{15}, std::size_t{500}}) {
      const std::size_t m = 12;
      const LeastSquares tall = problem_of(n, m, 1e5, 1e-2, 65);
      LeastSquares p{.m = m, .n = n, .a = std::vector<double>(m * n), .b = std::vector<double>(m)};
      for (std::size_t i = 0; i < m; ++i) {
        p.b[i] = random::normal(65, 9, i);
        for (std::size_t j = 0; j < n; ++j)
          p.at(i, j) = tall.at(j, i);
      }
      // x = Aᵀy with A·Aᵀ·y = b, in 110 digits.
      std::vector<Big> g(m * m), y(p.b.begin(), p.b.end()), exact(n, Big(0));
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t k = 0; k < m; ++k)
          for (std::size_t j = 0; j < n; ++j)
            g[i + k * m] += Big(p.at(i, j)) * p.at(k, j);
      for (std::size_t k = 0; k < m; ++k)
        for (std::size_t i = k + 1; i < m; ++i) {
          const Big f = g[i + k * m] / g[k + k * m];
          for (std::size_t j = k; j < m; ++j)
            g[i + j * m] -= f * g[k + j * m];
          y[i] -= f * y[k];
        }
      for (std::size_t i = m; i-- > 0;) {
        for (std::size_t j = i + 1; j < m; ++j)
          y[i] -= g[i + j * m] * y[j];
        y[i] /= g[i + i * m];
      }
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t i = 0; i < m; ++i)
          exact[j] += y[i] * p.at(i, j);
      const Solved s = solve(p, type);
      const ForwardError e = forward_error(s.x, exact);
      CAPTURE(type, n, e.norm, e.ulps);
      CHECK(e.ulps <= 1);
      CHECK(e.exact * 100 >= 98 * n);
      CHECK(s.result.reason == LATHE_LS_CONVERGED);
      CHECK(s.result.backward_error < 2e-16);
      CHECK(s.result.rank == 12);
    }
}

TEST_CASE("ranks without rows, and rows in any distribution", "[sketching]") {
  const LeastSquares p = problem_of(301, 20, 1e6, 1e-3, 66);
  const std::vector<Big> exact = exact_solution(p);
  const PetscInt last = mpi_rank() == mpi_size() - 1 ? 301 : 0;
  Distributed d;
  PETSC_OK(MatCreateDense(PETSC_COMM_WORLD, last, PETSC_DECIDE, 301, 20, nullptr, d.a.out()));
  PETSC_OK(MatCreateVecs(d.a, d.x.out(), d.b.out()));
  for (PetscInt i = 0; i < last; ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (std::size_t j = 0; j < 20; ++j)
      PetscCallAbort(PETSC_COMM_WORLD,
                     MatSetValue(d.a, i, static_cast<PetscInt>(j), p.at(row, j), INSERT_VALUES));
    PetscCallAbort(PETSC_COMM_WORLD, VecSetValue(d.b, i, p.b[row], INSERT_VALUES));
  }
  PETSC_OK(MatAssemblyBegin(d.a, MAT_FINAL_ASSEMBLY));
  PETSC_OK(MatAssemblyEnd(d.a, MAT_FINAL_ASSEMBLY));
  PETSC_OK(VecAssemblyBegin(d.b));
  PETSC_OK(VecAssemblyEnd(d.b));
  PETSC_OK(LatheLeastSquares(d.a, d.b, nullptr, d.x, nullptr, nullptr));
  CHECK(forward_error(everywhere(d.x), exact).exact == 20);
  VecHandle weights;
  PETSC_OK(VecDuplicate(d.b, weights.out()));
  PETSC_OK(VecSet(weights, 4)); // the same solution
  PETSC_OK(LatheLeastSquares(d.a, d.b, weights, d.x, nullptr, nullptr));
  CHECK(forward_error(everywhere(d.x), exact).exact == 20);
}

TEST_CASE("a sketch of too few rows is made larger", "[sketching]") {
  const LeastSquares p = problem_of(300, 10, 1e4, 1e-2, 69);
  for (const PetscReal factor : {0.1, 0.5, 1.0, 40.0}) { // 40: A itself
    LatheLeastSquaresOptions o = defaults();
    o.factor = factor;
    CAPTURE(factor);
    CHECK(forward_error(solve(p, MATDENSE, o).x, exact_solution(p)).exact == 10);
  }
}

TEST_CASE("refusals name what is wrong, on every rank", "[sketching]") {
  const auto refused = [](const LeastSquares &p, const char *type,
                          const LatheLeastSquaresOptions &o = defaults()) {
    Distributed d;
    PETSC_OK(Distribute(p, type, &d));
    return catch_error([&] { return LatheLeastSquares(d.a, d.b, nullptr, d.x, &o, nullptr); });
  };
  for (const char *type : {MATDENSE, MATAIJ})
    for (const std::size_t m : {std::size_t{12}, std::size_t{200}})
      for (const double bad : {double{NAN}, double{INFINITY}}) {
        LeastSquares p = problem_of(m, 6, 10, 1e-2, 67);
        p.at(m - 2, 4) = bad;
        Caught c = refused(p, type);
        CAPTURE(type, m, bad, c.message);
        CHECK_ALL(c.code == PETSC_ERR_FP);
        CHECK_ALL(c.message.find(std::to_string(m - 2)) != std::string::npos);
        CHECK_ALL(c.message.find('4') != std::string::npos);
        p = problem_of(m, 6, 10, 1e-2, 67);
        p.b[5] = bad;
        c = refused(p, type);
        CHECK_ALL(c.code == PETSC_ERR_FP);
        CHECK_ALL(c.message.find("Entry 5 of the right-hand side") != std::string::npos);
      }
  const LeastSquares p = problem_of(40, 4, 10, 1e-2, 68);
  const auto with = [&](auto change, const char *name) {
    LatheLeastSquaresOptions o = defaults();
    change(o);
    const Caught c = refused(p, MATDENSE, o);
    CAPTURE(name, c.message);
    CHECK_ALL(c.code == PETSC_ERR_ARG_OUTOFRANGE);
    CHECK_ALL(c.message.find(name) != std::string::npos);
  };
  with([](auto &o) { o.factor = -0.5; }, "-lathe_ls_factor is -0.5");
  with([](auto &o) { o.nonzeros = -1; }, "-lathe_ls_nnz is -1");
  with([](auto &o) { o.nonzeros = 65; }, "-lathe_ls_nnz is 65");
  with([](auto &o) { o.ridge = -1; }, "-lathe_ls_ridge is -1");
  with([](auto &o) { o.max_refinements = -1; }, "-lathe_ls_max_refinements is -1");

  Distributed d;
  PETSC_OK(Distribute(p, MATDENSE, &d));
  const auto weighted = [&](double w) {
    VecHandle weights;
    PETSC_OK(VecDuplicate(d.b, weights.out()));
    PETSC_OK(VecSet(weights, w));
    return catch_error([&] { return LatheLeastSquares(d.a, d.b, weights, d.x, nullptr, nullptr); });
  };
  CHECK_ALL(weighted(-1).message.find("Weight 0 is -1") != std::string::npos);
  CHECK_ALL(weighted(NAN).code == PETSC_ERR_FP);
}

} // namespace

#endif
