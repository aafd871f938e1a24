// SPDX-License-Identifier: BSD-2-Clause
// Least squares with matrices that are known by their products only, with MATNORMAL, and with many
// right-hand sides.
#include "harness/mpi_test.h"
#include "harness/product_shell.h"
#include "sketching/least_squares.h"
#include "unit/sketching/least_squares_problems.h"
#include <algorithm>
#include <cstdio>

#ifndef PETSC_USE_COMPLEX

namespace {

using namespace lathe;
using namespace lathe::test;

LatheLeastSquaresOptions by(LatheLeastSquaresMethod method,
                            LatheRefine refine = LATHE_REFINE_AUTO) {
  LatheLeastSquaresOptions o;
  PetscCallAbort(PETSC_COMM_WORLD, LatheLeastSquaresOptionsSetDefaults(&o));
  o.method = method;
  o.refine = refine;
  return o;
}

struct Shell : Distributed {
  MatHandle products;
};
PetscErrorCode Create(const LeastSquares &p, Shell *s) {
  PetscFunctionBegin;
  PetscCall(Distribute(p, MATDENSE, s));
  PetscCall(CreateProductShell(s->a, s->products.out()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

double distance(const std::vector<double> &x, const std::vector<double> &y) {
  double square = 0;
  for (std::size_t j = 0; j < x.size(); ++j)
    square += (x[j] - y[j]) * (x[j] - y[j]);
  return std::sqrt(square) / length(y);
}

TEST_CASE("products only: backward stable", "[sketching]") {
  double worst = 0;
  for (const LatheLeastSquaresMethod method : {LATHE_LS_SPIR, LATHE_LS_FOSSILS})
    for (const double condition : {1e1, 1e6, 1e10, 1e14}) {
      const LeastSquares p = problem_of(1500, 40, condition, 1e-3, 91);
      Shell s;
      LatheLeastSquaresResult r;
      const LatheLeastSquaresOptions o = by(method);
      PETSC_OK(Create(p, &s));
      PETSC_OK(LatheLeastSquares(s.products, s.b, nullptr, s.x, &o, &r));
      const double error = backward_error(p, everywhere(s.x));
      CAPTURE(LatheLeastSquaresMethodName(method), condition, error, r.iterations);
      CHECK(error <= 2e-15);
      CHECK(r.backward_error <= 2e-15);
      CHECK(r.rank == 40);
      CHECK(r.iterations <= 200);
      worst = std::max(worst, error);
    }
  if (mpi_rank() == 0)
    std::printf("products only: backward error %.1e\n", worst);
}

TEST_CASE("products only: weights, ridge, zero and dependent columns, more columns than rows",
          "[sketching]") {
  LeastSquares p = problem_of(600, 12, 1e2, 1e-2, 92);
  p.ridge = 1e-3;
  Shell s;
  VecHandle weights;
  PETSC_OK(Create(p, &s));
  PETSC_OK(VecDuplicate(s.b, weights.out()));
  PetscInt begin = 0, end = 0;
  PETSC_OK(VecGetOwnershipRange(weights, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    PetscCallAbort(PETSC_COMM_WORLD,
                   VecSetValue(weights, i, std::pow(10.0, i % 7 - 3), INSERT_VALUES));
  PETSC_OK(VecAssemblyBegin(weights));
  PETSC_OK(VecAssemblyEnd(weights));
  for (const LatheLeastSquaresMethod method : {LATHE_LS_SPIR, LATHE_LS_FOSSILS}) {
    LatheLeastSquaresOptions o = by(method);
    o.ridge = static_cast<PetscReal>(p.ridge);
    PETSC_OK(LatheLeastSquares(s.a, s.b, weights, s.x, &o, nullptr));
    const std::vector<double> exact = everywhere(s.x);
    PETSC_OK(LatheLeastSquares(s.products, s.b, weights, s.x, &o, nullptr));
    CHECK(distance(everywhere(s.x), exact) < 1e-13);
  }

  LeastSquares q = problem_of(600, 12, 1e2, 1e-2, 93);
  for (std::size_t i = 0; i < q.m; ++i) {
    q.at(i, 3) = 0;
    q.at(i, 11) = q.at(i, 0);
  }
  Shell t;
  LatheLeastSquaresResult r;
  PETSC_OK(Create(q, &t));
  LatheLeastSquaresOptions o = by(LATHE_LS_SPIR);
  PETSC_OK(LatheLeastSquares(t.products, t.b, nullptr, t.x, &o, &r));
  const std::vector<double> x = everywhere(t.x);
  CHECK(r.rank == 10);
  CHECK(r.reason == LATHE_LS_RANK_DEFICIENT);
  CHECK(x[3] == 0);
  CHECK(std::fabs(x[0] - x[11]) < 1e-12 * std::fabs(x[0]));
  const LatheLeastSquaresOptions direct = by(LATHE_LS_PNE);
  PETSC_OK(LatheLeastSquares(t.a, t.b, nullptr, t.x, &direct, nullptr));
  CHECK(distance(x, everywhere(t.x)) < 1e-11);

  for (const std::size_t n : {std::size_t{15}, std::size_t{400}}) { // entries by products; a sketch
    const LeastSquares tall = problem_of(n, 10, 1e2, 1e-2, 94);
    LeastSquares wide{
        .m = 10, .n = n, .a = std::vector<double>(10 * n), .b = std::vector<double>(10)};
    for (std::size_t i = 0; i < wide.m; ++i) {
      wide.b[i] = random::normal(94, 9, i);
      for (std::size_t j = 0; j < n; ++j)
        wide.at(i, j) = tall.at(j, i);
    }
    Shell w;
    PETSC_OK(Create(wide, &w));
    PETSC_OK(LatheLeastSquares(w.a, w.b, nullptr, w.x, &direct, nullptr));
    const std::vector<double> exact = everywhere(w.x);
    PETSC_OK(LatheLeastSquares(w.products, w.b, nullptr, w.x, &o, &r));
    CAPTURE(n);
    CHECK(distance(everywhere(w.x), exact) < 1e-12);
    CHECK(r.rank == 10);
  }
}

TEST_CASE("products only: what needs entries is refused", "[sketching]") {
  const LeastSquares p = problem_of(400, 8, 1e2, 1e-2, 95);
  Shell s;
  PETSC_OK(Create(p, &s));
  const auto refused = [&](const LatheLeastSquaresOptions &o, const char *word) {
    const Caught c =
        catch_error([&] { return LatheLeastSquares(s.products, s.b, nullptr, s.x, &o, nullptr); });
    CAPTURE(word, c.message);
    CHECK_ALL(c.code == PETSC_ERR_SUP);
    CHECK_ALL(c.message.find(word) != std::string::npos);
  };
  refused(by(LATHE_LS_PNE), "use spir or fossils");
  refused(by(LATHE_LS_SPIR, LATHE_REFINE_DD), "use double");
  refused(by(LATHE_LS_FOSSILS, LATHE_REFINE_QUAD), "use double");
  MatHandle half; // no products with the transpose
  PetscInt m = 0, n = 0;
  PETSC_OK(MatGetLocalSize(s.a, &m, &n));
  PETSC_OK(MatCreateShell(PETSC_COMM_WORLD, m, n, 400, 8, nullptr, half.out()));
  const auto mult = [](Mat, Vec, Vec) -> PetscErrorCode { return PETSC_SUCCESS; };
  PETSC_OK(MatShellSetOperation(half, MATOP_MULT, reinterpret_cast<void (*)()>(+mult)));
  const LatheLeastSquaresOptions o = by(LATHE_LS_SPIR);
  const Caught c =
      catch_error([&] { return LatheLeastSquares(half, s.b, nullptr, s.x, &o, nullptr); });
  CHECK_ALL(c.message.find("lacks MatMultTranspose") != std::string::npos);
}

TEST_CASE("MATNORMAL: the solution of the normal equations", "[sketching]") {
  for (const double condition : {1e1, 1e4, 1e7}) {
    const LeastSquares p = problem_of(500, 15, condition, 1e-2, 96);
    std::vector<Big> g(15 * 15), exact;
    for (std::size_t j = 0; j < p.n; ++j) {
      exact.emplace_back(random::normal(96, 9, j));
      for (std::size_t k = 0; k < p.n; ++k)
        for (std::size_t i = 0; i < p.m; ++i)
          g[j + k * p.n] += Big(p.at(i, j)) * p.at(i, k);
    }
    for (std::size_t k = 0; k < p.n; ++k)
      for (std::size_t i = k + 1; i < p.n; ++i) {
        const Big f = g[i + k * p.n] / g[k + k * p.n];
        for (std::size_t j = k; j < p.n; ++j)
          g[i + j * p.n] -= f * g[k + j * p.n];
        exact[i] -= f * exact[k];
      }
    for (std::size_t i = p.n; i-- > 0;) {
      for (std::size_t j = i + 1; j < p.n; ++j)
        exact[i] -= g[i + j * p.n] * exact[j];
      exact[i] /= g[i + i * p.n];
    }
    for (const char *type : {MATDENSE, MATAIJ})
      for (const LatheLeastSquaresMethod method : {LATHE_LS_PNE, LATHE_LS_SPIR, LATHE_LS_FOSSILS}) {
        Distributed d;
        MatHandle normal;
        VecHandle c, x;
        LatheLeastSquaresResult r;
        const LatheLeastSquaresOptions o = by(method);
        PETSC_OK(Distribute(p, type, &d));
        PETSC_OK(MatCreateNormal(d.a, normal.out()));
        PETSC_OK(MatCreateVecs(normal, x.out(), c.out()));
        for (std::size_t j = 0; j < p.n && mpi_rank() == 0; ++j)
          PetscCallAbort(PETSC_COMM_WORLD, VecSetValue(c, static_cast<PetscInt>(j),
                                                       random::normal(96, 9, j), INSERT_VALUES));
        PETSC_OK(VecAssemblyBegin(c));
        PETSC_OK(VecAssemblyEnd(c));
        PETSC_OK(LatheLeastSquares(normal, c, nullptr, x, &o, &r));
        const ForwardError e = forward_error(everywhere(x), exact);
        CAPTURE(condition, type, LatheLeastSquaresMethodName(method), e.ulps, e.norm);
        CHECK(e.ulps <= 1);
        CHECK(r.reason == LATHE_LS_CONVERGED);
        CHECK(r.backward_error < 2e-16);
      }
  }
}

TEST_CASE("many right-hand sides share one factorisation", "[sketching]") {
  LeastSquares p = problem_of(500, 12, 1e5, 1e-2, 97);
  const PetscInt count = 5;
  for (const bool dependent : {false, true}) {
    // Beyond what the sketch alone can tell from dependent: some right-hand side shows it.
    for (std::size_t i = 0; i < p.m && dependent; ++i)
      p.at(i, 11) = p.at(i, 10) * (1 + 4e-16 * static_cast<double>(i % 2));
    Distributed d;
    MatHandle B, X;
    PetscInt rows = 0, columns = 0;
    PETSC_OK(Distribute(p, MATDENSE, &d));
    PETSC_OK(MatGetLocalSize(d.a, &rows, &columns));
    PETSC_OK(MatCreateDense(PETSC_COMM_WORLD, rows, PETSC_DECIDE, 500, count, nullptr, B.out()));
    PETSC_OK(MatCreateDense(PETSC_COMM_WORLD, columns, PETSC_DECIDE, 12, count, nullptr, X.out()));
    const auto fill = [&](PetscInt k, Vec b) {
      PetscScalar *to = nullptr;
      PetscInt begin = 0;
      PetscCallAbort(PETSC_COMM_WORLD, VecGetOwnershipRange(b, &begin, nullptr));
      PetscCallAbort(PETSC_COMM_WORLD, VecGetArrayWrite(b, &to));
      for (PetscInt i = 0; i < rows; ++i) {
        const auto row = static_cast<std::size_t>(begin + i);
        to[i] = k == 0   ? p.b[row]
                : k == 3 ? 0
                         : random::normal(97, static_cast<std::uint64_t>(k), row);
      }
      PetscCallAbort(PETSC_COMM_WORLD, VecRestoreArrayWrite(b, &to));
    };
    for (PetscInt k = 0; k < count; ++k) {
      Vec b = nullptr;
      PETSC_OK(MatDenseGetColumnVecWrite(B, k, &b));
      fill(k, b);
      PETSC_OK(MatDenseRestoreColumnVecWrite(B, k, &b));
    }
    for (const LatheLeastSquaresMethod method : {LATHE_LS_PNE, LATHE_LS_SPIR}) {
      std::vector<LatheLeastSquaresResult> results(count);
      const LatheLeastSquaresOptions o = by(method);
      PETSC_OK(LatheMatLeastSquares(d.a, B, nullptr, X, &o, results.data()));
      for (PetscInt k = 0; k < count; ++k) {
        Vec x = nullptr;
        LatheLeastSquaresResult single;
        fill(k, d.b);
        PETSC_OK(LatheLeastSquares(d.a, d.b, nullptr, d.x, &o, &single));
        PETSC_OK(MatDenseGetColumnVecRead(X, k, &x));
        CAPTURE(dependent, k, LatheLeastSquaresMethodName(method));
        if (dependent)
          CHECK(results[static_cast<std::size_t>(k)].rank == 11);
        else
          CHECK(everywhere(x) == everywhere(d.x));
        CHECK((dependent ||
               results[static_cast<std::size_t>(k)].residual_norm == single.residual_norm));
        PETSC_OK(MatDenseRestoreColumnVecRead(X, k, &x));
      }
    }
    const Caught c =
        catch_error([&] { return LatheMatLeastSquares(d.a, X, nullptr, B, nullptr, nullptr); });
    CHECK_ALL(c.code == PETSC_ERR_ARG_SIZ);
  }
}

} // namespace

#endif
