// SPDX-License-Identifier: BSD-2-Clause
// Options with valid values do what their names say, and reasons say what has happened.
#include "harness/entry_matrix.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "solvers/kernel_system.h"
#include "unit/sketching/least_squares_problems.h"
#include <array>
#include <cstdio>
#include <petscksp.h>
#include <string>

#ifndef PETSC_USE_COMPLEX

namespace {

using namespace lathe;
using namespace lathe::test;
using Solver = Handle<KSP, KSPDestroy>;

struct Ended {
  std::vector<double> x;
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PetscInt iterations = 0;
};

PetscErrorCode SolveWith(Mat A, Vec b, Vec x, const std::string &options, Ended *ended,
                         Solver *kept = nullptr) {
  Solver ksp;
  PetscFunctionBegin;
  PetscCall(PetscOptionsInsertString(nullptr, options.c_str()));
  PetscCall(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
  PetscCall(KSPSetOperators(ksp, A, A));
  PetscCall(KSPSetFromOptions(ksp));
  PetscCall(PetscOptionsClear(nullptr));
  PetscCall(KSPSolve(ksp, b, x));
  PetscCall(KSPGetConvergedReason(ksp, &ended->reason));
  PetscCall(KSPGetIterationNumber(ksp, &ended->iterations));
  ended->x = everywhere(x);
  if (kept)
    *kept = std::move(ksp);
  PetscFunctionReturn(PETSC_SUCCESS);
}

Ended fit(const LeastSquares &p, const std::string &options,
          LatheLeastSquaresResult *result = nullptr) {
  Distributed d;
  Ended ended;
  Solver ksp;
  PETSC_OK(LatheInitializePackage());
  PETSC_OK(Distribute(p, MATDENSE, &d));
  PETSC_OK(SolveWith(d.a, d.b, d.x, options, &ended, &ksp));
  if (result)
    PETSC_OK(LatheKSPGetLeastSquaresResult(ksp, result));
  return ended;
}

/// What f writes to the standard error of this rank.
template <class F> std::string warning_of(F &&f) {
  FILE *kept = PETSC_STDERR, *file = std::tmpfile();
  REQUIRE_ALL(file != nullptr);
  PETSC_STDERR = file;
  f();
  PETSC_STDERR = kept;
  std::rewind(file);
  std::string text(1000, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  (void)std::fclose(file);
  return text;
}

TEST_CASE("-ksp_ls_ridge, -ksp_ls_seed and -ksp_ls_factor have their effects", "[solvers]") {
  for (const std::string method : {"pne", "spir", "fossils"}) {
    LeastSquares p = problem_of(300, 8, 1e3, 1e-2, 41);
    const std::string type = "-ksp_type " + method;
    const std::vector<double> plain = fit(p, type).x;
    const std::vector<double> ridge = fit(p, type + " -ksp_ls_ridge 1e-2").x;
    p.ridge = 1e-2;
    const ForwardError e = forward_error(ridge, exact_solution(p));
    CAPTURE(method, e.ulps);
    CHECK_ALL(e.ulps <= 1);
    CHECK_ALL(length(ridge) < length(plain));
    // Another seed: another sketch, seen in the rounding of a solution in double.
    p.ridge = 0;
    const std::string rough = type + " -ksp_ls_refine double -ksp_ls_seed ";
    const std::vector<double> seed = fit(p, rough + "1").x;
    CHECK_ALL(seed == fit(p, rough + "1").x);
    CHECK_ALL(seed != fit(p, rough + "2").x);
    CHECK_ALL(plain == fit(p, type + " -ksp_ls_seed 2").x); // dd: every bit
    // Fewer rows than columns: said so once, and more of them are taken.
    const std::string few = warning_of([&] {
      CHECK_ALL(forward_error(fit(p, type + " -ksp_ls_factor 0.1").x, exact_solution(p)).ulps <= 1);
    });
    CAPTURE(few);
    CHECK_ALL(
        (mpi_rank() != 0 ||
         few.find("warning: factor 0.1 asks for a sketch of 1 rows for 8 columns; it gets 16") !=
             std::string::npos));
    CHECK_ALL(warning_of([&] { fit(p, type + " -ksp_ls_factor 4"); }).empty());
  }
}

TEST_CASE("a least-squares KSP that has not got there says that it diverged", "[solvers]") {
  for (const std::string method : {"pne", "spir", "fossils"}) {
    const std::string type = "-ksp_type " + method;
    LatheLeastSquaresResult r;
    // No step after the first: too few, and said so.
    Ended ended = fit(problem_of(300, 8, 1e6, 1e-2, 42),
                      type + " -ksp_ls_refine dd -ksp_ls_max_refinements 0", &r);
    CAPTURE(method, ended.reason, r.backward_error, r.reason);
    CHECK_ALL(ended.reason == KSP_DIVERGED_ITS);
    CHECK_ALL(r.reason == LATHE_LS_STEPS_SPENT);
    // Without refinement a reason is converged only where the backward error is that of one.
    double worst = 0;
    for (const double condition : {1e2, 1e6, 1e10, 1e14}) {
      const LeastSquares p = problem_of(300, 8, condition, 1e-2, 43);
      ended = fit(p, type + " -ksp_ls_refine none", &r);
      const double error = backward_error(p, ended.x);
      CAPTURE(condition, ended.reason, error, r.backward_error);
      CHECK_ALL((ended.reason < 0 || error <= 2e-14));
      CHECK_ALL((ended.reason > 0 || error >= 5e-15));
      worst = std::max(worst, error);
    }
    if (mpi_rank() == 0)
      std::printf("%s without refinement: backward error %.1e\n", method.c_str(), worst);
  }
}

struct KernelSystem {
  MatHandle A;
  VecHandle b, x;
  KernelSystem(PetscInt n, double width, double mu) {
    PETSC_OK(LatheInitializePackage());
    PETSC_OK(Kernel(n, width, mu, A.out()));
    PETSC_OK(MatCreateVecs(A, x.out(), b.out()));
    PetscInt begin = 0, end = 0;
    PETSC_OK(VecGetOwnershipRange(b, &begin, &end));
    for (PetscInt i = begin; i < end; ++i)
      PetscCallAbort(
          PETSC_COMM_WORLD,
          VecSetValue(b, i, random::normal(12, 6, static_cast<std::uint64_t>(i)), INSERT_VALUES));
    PETSC_OK(VecAssemblyBegin(b));
    PETSC_OK(VecAssemblyEnd(b));
  }
  Ended solve(const std::string &options, Solver *kept = nullptr) {
    Ended ended;
    PETSC_OK(
        SolveWith(A, b, x, "-ksp_type cg -ksp_rtol 1e-8 -ksp_max_it 900 " + options, &ended, kept));
    return ended;
  }
};

// The rank in PCView.
int rank_of(KSP ksp) {
  PC pc = nullptr;
  PetscViewer viewer = nullptr;
  std::array<char, 4000> text{};
  int rank = -1;
  PETSC_OK(KSPGetPC(ksp, &pc));
  PETSC_OK(PetscViewerCreate(PETSC_COMM_WORLD, &viewer));
  FILE *file = std::tmpfile();
  REQUIRE_ALL(file != nullptr);
  PETSC_OK(PetscViewerSetType(viewer, PETSCVIEWERASCII));
  PETSC_OK(PetscViewerFileSetMode(viewer, FILE_MODE_WRITE));
  PETSC_OK(PetscViewerASCIISetFILE(viewer, file));
  PETSC_OK(PCView(pc, viewer));
  PETSC_OK(PetscViewerDestroy(&viewer));
  std::rewind(file);
  while (std::fgets(text.data(), text.size(), file))
    if (std::sscanf(text.data(), " rank %d", &rank) == 1)
      break;
  (void)std::fclose(file);
  MPI_Bcast(&rank, 1, MPI_INT, 0, PETSC_COMM_WORLD);
  return rank;
}

TEST_CASE("options of low-rank preconditioners have their effects", "[solvers]") {
  KernelSystem s(300, 3, 1e-3);
  Solver ksp;
  // Pivots one at a time and in blocks: other pivots, the same law.
  const std::string pivots = "-pc_type rpcholesky -pc_rpcholesky_mu 1e-3 -pc_rpcholesky_rank 60 ";
  const Ended one = s.solve(pivots + "-pc_rpcholesky_block 1", &ksp);
  CHECK_ALL(rank_of(ksp) == 60);
  const Ended block = s.solve(pivots + "-pc_rpcholesky_block 20", &ksp);
  CHECK_ALL(rank_of(ksp) == 60);
  CAPTURE(one.iterations, block.iterations);
  CHECK_ALL((one.reason > 0 && block.reason > 0));
  CHECK_ALL(one.x != block.x);
  CHECK_ALL(std::abs(one.iterations - block.iterations) <= 10);
  // Doubling ends at the rank that is allowed.
  const std::string doubling = "-pc_type nystrom -pc_nystrom_mu 1e-3 -pc_nystrom_tol 1e-14 "
                               "-pc_nystrom_rank 10 ";
  const Ended narrow = s.solve(doubling + "-pc_nystrom_max_rank 30", &ksp);
  const int limited = rank_of(ksp);
  const Ended wide = s.solve(doubling + "-pc_nystrom_max_rank 300", &ksp);
  const int free = rank_of(ksp);
  CAPTURE(limited, free, narrow.iterations, wide.iterations);
  CHECK_ALL((limited > 10 && limited <= 30));
  CHECK_ALL(free > 60);
  CHECK_ALL(wide.iterations < narrow.iterations);
}

TEST_CASE("what is not positive definite is a zero pivot to PETSc", "[solvers]") {
  KernelSystem s(60, 3, 1e-3);
  for (const char *type : {"nystrom", "rpcholesky"}) {
    const std::string pc = std::string("-pc_type ") + type + " -pc_" + type;
    Solver ksp;
    PC made = nullptr;
    PCFailedReason reason = PC_NOERROR;
    // mu is larger than the smallest eigenvalue.
    CHECK_ALL(s.solve(pc + "_mu 0.9 -pc_" + type + "_rank 60", &ksp).reason ==
              KSP_DIVERGED_PC_FAILED);
    PETSC_OK(KSPGetPC(ksp, &made));
    PETSC_OK(PCGetFailedReason(made, &reason));
    CAPTURE(type, reason);
    CHECK_ALL(reason == PC_FACTOR_NUMERIC_ZEROPIVOT);
    CHECK_ALL(s.solve(pc + "_mu 1e-4 -pc_" + type + "_rank 30", &ksp).reason > 0);
    PETSC_OK(KSPGetPC(ksp, &made));
    PETSC_OK(PCGetFailedReason(made, &reason));
    CHECK_ALL(reason == PC_NOERROR);
  }
}

TEST_CASE("-ksp_sgmres_truncate: more vectors, fewer steps where few do not span", "[solvers]") {
  // Eigenvalues 1 to 100, a rotation in each pair: the bases of Arnoldi without orthogonalisation
  // lose their rank, those with all of it do not.
  const PetscInt n = 200;
  MatHandle A;
  VecHandle b, x;
  PETSC_OK(LatheInitializePackage());
  PETSC_OK(CreateMatrix(
      PETSC_COMM_WORLD, n, n,
      [](PetscInt i, PetscInt j) {
        const double pair = 1 + static_cast<double>(i / 2);
        return i == j ? pair : i / 2 == j / 2 ? (i < j ? 0.5 : -0.5) * pair : 0.0;
      },
      false, false, A.out()));
  PETSC_OK(MatCreateVecs(A, x.out(), b.out()));
  PETSC_OK(VecSet(b, 1));
  const auto steps = [&](const std::string &truncate) {
    Ended ended;
    PETSC_OK(SolveWith(A, b, x,
                       "-ksp_type sgmres -pc_type none -ksp_rtol 1e-8 -ksp_gmres_restart 200 "
                       "-ksp_max_it 3000 -ksp_sgmres_truncate " +
                           truncate,
                       &ended));
    CHECK_ALL(ended.reason == KSP_CONVERGED_RTOL);
    return ended.iterations;
  };
  const PetscInt few = steps("1"), full = steps("200");
  Ended gmres;
  PETSC_OK(SolveWith(A, b, x,
                     "-ksp_type gmres -ksp_pc_side right -pc_type none -ksp_rtol 1e-8 "
                     "-ksp_gmres_restart 200",
                     &gmres));
  CAPTURE(few, full, gmres.iterations);
  CHECK_ALL(static_cast<double>(full) <= 1.1 * static_cast<double>(gmres.iterations));
  CHECK_ALL(few > full);
}

} // namespace

#endif
