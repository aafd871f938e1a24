// SPDX-License-Identifier: BSD-2-Clause
// -pc_type sketchnormal: LSQR and CG on the normal equations in some 50 steps at every condition.
#include "core/handle.h"
#include "core/random.h"
#include "harness/entry_matrix.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include <cmath>
#include <cstdio>
#include <petscksp.h>
#include <string>
#include <string_view>

#if !defined(PETSC_USE_COMPLEX)

namespace {

using namespace lathe;
using KspHandle = Handle<KSP, KSPDestroy>;

// Columns 10^(−j·digits/n) times Gaussian ones, each partly the one before.
PetscErrorCode Graded(PetscInt m, PetscInt n, double digits, const char *type, Mat *A) {
  const auto normal = [](PetscInt i, PetscInt j) {
    return random::normal(3, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i));
  };
  const auto entry = [=](PetscInt i, PetscInt j) {
    const double small = std::pow(10.0, -digits * static_cast<double>(j) / static_cast<double>(n));
    return normal(i, 0) + small * normal(i, j);
  };
  const bool dense = std::string_view(type) == MATDENSE;
  PetscFunctionBegin;
  PetscCall(lathe::test::CreateMatrix(PETSC_COMM_WORLD, m, n, entry, dense, false, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Iterations with the options; ‖Aᵀr‖/(‖A‖‖r‖) of the result.
PetscErrorCode Solve(Mat A, bool lsqr, const std::string &options, PetscInt *its,
                     KSPConvergedReason *reason, PetscReal *gradient) {
  KspHandle ksp;
  MatHandle normal;
  VecHandle b, x, g, r;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscReal size = 0, length = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateNormal(A, normal.out()));
  PetscCall(MatCreateVecs(A, x.out(), b.out()));
  PetscCall(VecDuplicate(x, g.out()));
  PetscCall(VecDuplicate(b, r.out()));
  PetscCall(VecGetOwnershipRange(b, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    PetscCall(
        VecSetValue(b, i, random::normal(4, 0, static_cast<std::uint64_t>(i)), INSERT_VALUES));
  PetscCall(VecAssemblyBegin(b));
  PetscCall(VecAssemblyEnd(b));
  PetscCall(PetscOptionsInsertString(nullptr, options.c_str()));
  PetscCall(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
  PetscCall(KSPSetOperators(ksp, lsqr ? A : normal.get(), normal));
  PetscCall(KSPSetType(ksp, lsqr ? KSPLSQR : KSPCG));
  PetscCall(KSPSetTolerances(ksp, 1e-12, 0, 1e20, 400));
  PetscCall(KSPSetFromOptions(ksp));
  PetscCall(PetscOptionsClear(nullptr));
  PetscCall(MatMultTranspose(A, b, g));
  PetscCall(KSPSolve(ksp, lsqr ? b : g.get(), x));
  PetscCall(KSPGetIterationNumber(ksp, its));
  PetscCall(KSPGetConvergedReason(ksp, reason));
  PetscCall(MatMult(A, x, r));
  PetscCall(VecAYPX(r, -1, b));
  PetscCall(MatMultTranspose(A, r, g));
  PetscCall(VecNorm(g, NORM_2, gradient));
  PetscCall(MatNorm(A, NORM_FROBENIUS, &size));
  PetscCall(VecNorm(r, NORM_2, &length));
  *gradient /= size * length;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

TEST_CASE("sketchnormal makes LSQR and CG independent of the condition", "[solvers]") {
  PETSC_OK(LatheInitializePackage());
  for (const char *type : {MATAIJ, MATDENSE})
    for (const bool lsqr : {true, false})
      for (const double digits : {1.0, 4.0, 6.0}) {
        MatHandle A;
        PetscInt plain = 0, its = 0;
        KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
        PetscReal gradient = 0;
        PETSC_OK(Graded(700, 40, digits, type, A.out()));
        PETSC_OK(Solve(A, lsqr, "-pc_type none", &plain, &reason, &gradient));
        PETSC_OK(Solve(A, lsqr, "-pc_type sketchnormal", &its, &reason, &gradient));
        if (lathe::test::mpi_rank() == 0)
          std::printf(
              "%-5s %-4s columns from 1 to 1e-%g: %3d iterations (none: %3d), gradient %.1e\n",
              type, lsqr ? "lsqr" : "cg", digits, static_cast<int>(its), static_cast<int>(plain),
              static_cast<double>(gradient));
        CAPTURE(type, lsqr, digits, its, gradient);
        CHECK_ALL(reason > 0);
        CHECK_ALL(its <= 60);
        CHECK_ALL(gradient < 1e-9);
      }
}

TEST_CASE("sketchnormal is the same on every number of ranks and refuses what it cannot use",
          "[solvers]") {
  PETSC_OK(LatheInitializePackage());
  const auto says = [&](Mat A, const std::string &options, const char *part) {
    PetscInt its = 0;
    KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
    PetscReal gradient = 0;
    const auto caught = lathe::test::catch_error([&] {
      const PetscErrorCode code = Solve(A, true, options, &its, &reason, &gradient);
      (void)PetscOptionsClear(nullptr);
      return code;
    });
    return caught.code != PETSC_SUCCESS && caught.message.find(part) != std::string::npos;
  };
  MatHandle A, wide;
  PETSC_OK(Graded(90, 12, 2, MATAIJ, A.out()));
  PETSC_OK(Graded(12, 90, 2, MATAIJ, wide.out()));
  const std::string pc = "-pc_type sketchnormal ";
  CHECK_ALL(says(A, pc + "-pc_sketchnormal_factor 1", "must be > 1 and <= 1000"));
  CHECK_ALL(says(A, pc + "-pc_sketchnormal_nnz 0", "-pc_sketchnormal_nnz 0; must be 1 to 64"));
  CHECK_ALL(says(A, pc + "-pc_sketchnormal_seed -2", "-pc_sketchnormal_seed -2; must be >= 0"));
  CHECK_ALL(says(wide, pc, "at least as many rows as columns, not 12 x 90"));
  // A square Pmat of another type.
  KspHandle ksp;
  MatHandle square;
  PETSC_OK(Graded(12, 12, 1, MATAIJ, square.out()));
  PETSC_OK(PetscOptionsInsertString(nullptr, "-pc_type sketchnormal"));
  PETSC_OK(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
  PETSC_OK(KSPSetOperators(ksp, square, square));
  PETSC_OK(KSPSetFromOptions(ksp));
  PETSC_OK(PetscOptionsClear(nullptr));
  CHECK_ALL(lathe::test::catch_error([&] {
              return KSPSetUp(ksp);
            }).message.find("needs a Pmat of type normal or normalh") != std::string::npos);
}

#endif
