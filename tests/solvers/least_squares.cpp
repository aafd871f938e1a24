// SPDX-License-Identifier: BSD-2-Clause
// -ksp_type pne, spir and fossils, by options alone.
#include "core/petsc_compat.h"
#include "harness/mpi_test.h"
#include "harness/product_shell.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "unit/sketching/least_squares_problems.h"
#include <petscksp.h>

#ifndef PETSC_USE_COMPLEX

namespace {

using namespace lathe;
using namespace lathe::test;
using KspHandle = Handle<KSP, KSPDestroy>;

PetscErrorCode CreateKsp(Mat A, const std::string &options, KSP *ksp) {
  PetscFunctionBegin;
  PetscCall(LatheInitializePackage());
  PetscCall(PetscOptionsInsertString(nullptr, options.c_str()));
  PetscCall(KSPCreate(PETSC_COMM_WORLD, ksp));
  PetscCall(KSPSetOperators(*ksp, A, A));
  PetscCall(KSPSetFromOptions(*ksp));
  PetscCall(PetscOptionsClear(nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct Solved {
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  LatheLeastSquaresResult result{};
};
PetscErrorCode Solve(Mat A, Vec b, Vec x, const std::string &options, Solved *s) {
  KspHandle ksp;
  PetscFunctionBegin;
  PetscCall(CreateKsp(A, options, ksp.out()));
  PetscCall(KSPSolve(ksp, b, x));
  PetscCall(KSPGetConvergedReason(ksp, &s->reason));
  if (s->reason != KSP_DIVERGED_NANORINF)
    PetscCall(LatheKSPGetLeastSquaresResult(ksp, &s->result));
  PetscFunctionReturn(PETSC_SUCCESS);
}

TEST_CASE("least-squares solvers of dense, sparse and matrix-free operators", "[solvers]") {
  const LeastSquares p = problem_of(400, 10, 1e6, 1e-2, 31);
  const std::vector<Big> exact = exact_solution(p);
  for (const char *type : {MATDENSE, MATAIJ, MATSHELL})
    for (const std::string method : {"pne", "spir", "fossils"}) {
      const bool shell = std::string(type) == MATSHELL;
      if (shell && method == "pne")
        continue;
      Distributed d;
      MatHandle products;
      Solved s;
      PETSC_OK(Distribute(p, shell ? MATAIJ : type, &d));
      PETSC_OK(CreateProductShell(d.a, products.out()));
      PETSC_OK(Solve(shell ? products : d.a, d.b, d.x, "-ksp_type " + method, &s));
      const ForwardError e = forward_error(everywhere(d.x), exact);
      CAPTURE(type, method, e.ulps, e.norm);
      CHECK(s.reason == KSP_CONVERGED_RTOL_NORMAL_EQUATIONS);
      CHECK(s.result.backward_error <= 2e-15);
      if (shell)
        CHECK(e.norm < 1e-6); // 2⁻⁵³·κ²·‖r‖
      else
        CHECK(e.ulps <= 1);
    }
}

TEST_CASE("MATNORMAL and many right-hand sides through KSP", "[solvers]") {
  const LeastSquares p = problem_of(300, 8, 1e3, 1e-2, 32);
  Distributed d;
  MatHandle normal, B, X;
  VecHandle c, x;
  Solved s;
  PetscInt rows = 0, columns = 0;
  PETSC_OK(Distribute(p, MATAIJ, &d));
  PETSC_OK(MatCreateNormal(d.a, normal.out()));
  PETSC_OK(MatCreateVecs(normal, x.out(), c.out()));
  PETSC_OK(MatMultTranspose(d.a, d.b, c));
  for (const char *method : {"pne", "spir", "fossils"}) {
    PETSC_OK(Solve(normal, c, x, std::string("-ksp_type ") + method, &s));
    CHECK(s.reason == KSP_CONVERGED_RTOL_NORMAL_EQUATIONS);
    CHECK(forward_error(everywhere(x), exact_solution(p)).norm < 1e-9); // AᵀB is rounded
  }

  KspHandle ksp;
  PETSC_OK(MatGetLocalSize(d.a, &rows, &columns));
  PETSC_OK(MatCreateDense(PETSC_COMM_WORLD, rows, PETSC_DECIDE, 300, 3, nullptr, B.out()));
  PETSC_OK(MatCreateDense(PETSC_COMM_WORLD, columns, PETSC_DECIDE, 8, 3, nullptr, X.out()));
  for (PetscInt k = 0; k < 3; ++k) {
    Vec b = nullptr;
    PETSC_OK(MatDenseGetColumnVecWrite(B, k, &b));
    PETSC_OK(VecCopy(d.b, b));
    PETSC_OK(VecScale(b, static_cast<PetscReal>(1 << k)));
    PETSC_OK(MatDenseRestoreColumnVecWrite(B, k, &b));
  }
  PETSC_OK(CreateKsp(d.a, "-ksp_type pne", ksp.out()));
  PETSC_OK(KSPMatSolve(ksp, B, X));
  PETSC_OK(KSPSolve(ksp, d.b, d.x));
  for (PetscInt k = 0; k < 3; ++k) {
    Vec y = nullptr;
    PETSC_OK(MatDenseGetColumnVecRead(X, k, &y));
    std::vector<double> found = everywhere(y), expected = everywhere(d.x);
    for (double &e : expected)
      e *= 1 << k;
    CHECK(found == expected);
    PETSC_OK(MatDenseRestoreColumnVecRead(X, k, &y));
  }
}

TEST_CASE("a solver sees changes of the matrix inside MATNORMAL", "[solvers]") {
  const LeastSquares p = problem_of(300, 8, 1e3, 1e-2, 34);
  const std::vector<Big> exact = exact_solution(p);
  for (const char *type : {MATDENSE, MATAIJ})
    for (const char *method : {"pne", "spir", "fossils"}) {
      Distributed d;
      MatHandle normal;
      VecHandle c, x;
      KspHandle ksp;
      PETSC_OK(Distribute(p, type, &d));
      PETSC_OK(MatCreateNormal(d.a, normal.out()));
      PETSC_OK(MatCreateVecs(normal, x.out(), c.out()));
      PETSC_OK(MatMultTranspose(d.a, d.b, c));
      PETSC_OK(CreateKsp(normal, std::string("-ksp_type ") + method, ksp.out()));
      CAPTURE(type, method);
      for (const double factor : {1.0, 2.0, 1.0}) {
        VecHandle scaled;
        PETSC_OK(MatScale(d.a, factor == 2.0 ? 2.0 : 1.0));
        PETSC_OK(KSPSolve(ksp, c, x));
        PETSC_OK(VecDuplicate(x, scaled.out()));
        PETSC_OK(VecCopy(x, scaled));
        PETSC_OK(VecScale(scaled, factor * factor)); // (4·AᵀA)⁻¹
        CAPTURE(factor);
        CHECK_ALL(forward_error(everywhere(scaled), exact).norm < 1e-9);
        PETSC_OK(MatScale(d.a, 1 / factor));
      }
      PETSC_OK(MatScale(normal, 3));
      const Caught refused = catch_error([&] { return KSPSolve(ksp, c, x); });
      CAPTURE(refused.message);
      CHECK_ALL(refused.message.find("scaled") != std::string::npos);
    }
}

TEST_CASE("least-squares solvers say what is wrong with their input", "[solvers]") {
  LeastSquares p = problem_of(60, 5, 10, 1e-2, 33);
  Distributed d;
  MatHandle products;
  Solved s;
  PETSC_OK(Distribute(p, MATAIJ, &d));
  PETSC_OK(CreateProductShell(d.a, products.out()));
  const auto refused = [&](Mat A, const std::string &options, const char *said) {
    const Caught c = catch_error([&] { return Solve(A, d.b, d.x, options, &s); });
    PETSC_OK(PetscOptionsClear(nullptr));
    CAPTURE(options, c.message);
    CHECK_ALL(c.code != PETSC_SUCCESS);
    CHECK_ALL(c.message.find(said) != std::string::npos);
  };
  refused(d.a, "-ksp_type pne -ksp_ls_nnz 0", "-ksp_ls_nnz is 0");
  refused(d.a, "-ksp_type spir -ksp_ls_nnz 65", "-ksp_ls_nnz is 65");
  refused(d.a, "-ksp_type pne -ksp_ls_factor -2", "-ksp_ls_factor is -2");
  refused(d.a, "-ksp_type pne -ksp_ls_ridge -1e-3", "-ksp_ls_ridge is -0.001");
  refused(d.a, "-ksp_type fossils -ksp_ls_seed -1", "-ksp_ls_seed is -1");
  refused(d.a, "-ksp_type pne -ksp_ls_max_refinements -1", "-ksp_ls_max_refinements is -1");

  PETSC_OK(VecSetValue(d.b, 7, NAN, INSERT_VALUES));
  PETSC_OK(VecAssemblyBegin(d.b));
  PETSC_OK(VecAssemblyEnd(d.b));
  for (const char *method : {"pne", "spir", "fossils"}) {
    PETSC_OK(Solve(d.a, d.b, d.x, std::string("-ksp_type ") + method, &s));
    CHECK(s.reason == KSP_DIVERGED_NANORINF);
    CHECK(everywhere(d.x) == std::vector<double>(5));
  }
  p.at(41, 3) = INFINITY;
  for (const char *type : {MATDENSE, MATAIJ}) {
    Distributed bad;
    PETSC_OK(Distribute(p, type, &bad));
    refused(bad.a, "-ksp_type pne", "41");
  }
}

} // namespace

#endif
