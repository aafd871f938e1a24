// SPDX-License-Identifier: BSD-2-Clause
// -ksp_type sgmres and rgsgmres: iterations beside GMRES, true residuals, reductions from the log,
// hard sketches, odd inputs, refusals.
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include <cmath>
#include <cstdio>
#include <petscksp.h>
#include <string>
#include <vector>

namespace {

using lathe::Handle;
using lathe::MatHandle;
using lathe::VecHandle;
using KspHandle = Handle<KSP, KSPDestroy>;

constexpr const char *types[] = {"sgmres", "rgsgmres"};

// Convection and diffusion on an n × n grid, central differences; complex builds: with a shift.
PetscErrorCode ConvectionDiffusion(PetscInt n, double wind, Mat *A) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateAIJ(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, n * n, n * n, 5, nullptr, 4,
                         nullptr, A));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  for (PetscInt row = begin; row < end; ++row) {
    const PetscInt i = row % n, j = row / n;
    PetscScalar diagonal = 4;
#if defined(PETSC_USE_COMPLEX)
    diagonal += PetscScalar(0, 0.3);
#endif
    PetscCall(MatSetValue(*A, row, row, diagonal, INSERT_VALUES));
    if (i > 0)
      PetscCall(MatSetValue(*A, row, row - 1, -(1 + wind), INSERT_VALUES));
    if (i < n - 1)
      PetscCall(MatSetValue(*A, row, row + 1, -(1 - wind), INSERT_VALUES));
    if (j > 0)
      PetscCall(MatSetValue(*A, row, row - n, -(1 + wind / 2), INSERT_VALUES));
    if (j < n - 1)
      PetscCall(MatSetValue(*A, row, row + n, -(1 - wind / 2), INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Fill(Vec b) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(VecGetOwnershipRange(b, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    PetscCall(VecSetValue(b, i, lathe::random::normal(2, 1, static_cast<std::uint64_t>(i)),
                          INSERT_VALUES));
  PetscCall(VecAssemblyBegin(b));
  PetscCall(VecAssemblyEnd(b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct Outcome {
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PetscInt iterations = 0;
  PetscReal reported = 0, residual = 0, rhs = 0; // norms; residual: computed here
  double reductions = 0;                         // of the solve, from PETSc's log
};

PetscErrorCode TrueNorm(Mat A, Vec b, Vec x, PetscReal *norm) {
  VecHandle r;
  PetscFunctionBegin;
  PetscCall(VecDuplicate(b, r.out()));
  PetscCall(MatMult(A, x, r));
  PetscCall(VecAYPX(r, -1, b));
  PetscCall(VecNorm(r, NORM_2, norm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Solve with the options alone; the KSP afterwards in *kept.
PetscErrorCode Solve(Mat A, Vec b, Vec x, const std::string &options, Outcome *out,
                     KspHandle *kept = nullptr) {
  KspHandle ksp;
  PetscFunctionBegin;
  PetscCall(PetscOptionsInsertString(nullptr, options.c_str()));
  PetscCall(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
  PetscCall(KSPSetOperators(ksp, A, A));
  PetscCall(KSPSetFromOptions(ksp));
  PetscCall(PetscOptionsClear(nullptr));
  PetscCall(KSPSetUp(ksp));
  const double before = petsc_allreduce_ct;
  PetscCall(KSPSolve(ksp, b, x));
  out->reductions = petsc_allreduce_ct - before;
  PetscCall(KSPGetConvergedReason(ksp, &out->reason));
  PetscCall(KSPGetIterationNumber(ksp, &out->iterations));
  PetscCall(KSPGetResidualNorm(ksp, &out->reported));
  PetscCall(VecNorm(b, NORM_2, &out->rhs));
  PetscCall(TrueNorm(A, b, x, &out->residual));
  if (kept)
    *kept = std::move(ksp);
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct System {
  MatHandle A;
  VecHandle b, x;
  PetscErrorCode Create(PetscInt n, double wind) {
    PetscFunctionBegin;
    PetscCall(LatheInitializePackage());
    PetscCall(ConvectionDiffusion(n, wind, A.out()));
    PetscCall(MatCreateVecs(A, x.out(), b.out()));
    PetscCall(Fill(b));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  Outcome solve(const std::string &options, KspHandle *kept = nullptr) {
    Outcome out;
    PETSC_OK(Solve(A, b, x, options, &out, kept));
    return out;
  }
};

TEST_CASE("sketched GMRES needs the iterations of GMRES, and its residual is the true one",
          "[solvers]") {
  System s;
  PETSC_OK(s.Create(40, 0.4));
  for (const char *pc : {"none", "bjacobi"})
    for (const int restart : {20, 200}) {
      const std::string common =
          std::string("-ksp_rtol 1e-6 -ksp_max_it 4000 -ksp_gmres_restart ") +
          std::to_string(restart) + " -pc_type " + pc;
      const Outcome peer = s.solve("-ksp_type gmres -ksp_pc_side right " + common);
      for (const char *type : types) {
        const Outcome o = s.solve("-ksp_type " + (type + (" " + common)));
        if (lathe::test::mpi_rank() == 0)
          std::printf("%-8s %-7s restart %3d: %4d iterations, GMRES %4d\n", type, pc, restart,
                      static_cast<int>(o.iterations), static_cast<int>(peer.iterations));
        CAPTURE(type, pc, restart, o.iterations, peer.iterations, o.residual / o.rhs);
        CHECK_ALL(o.reason == KSP_CONVERGED_RTOL);
        CHECK_ALL(o.residual <= 1e-6 * o.rhs * (1 + 1e-5));
        CHECK_ALL(std::abs(o.reported - o.residual) <= 1e-6 * o.residual);
        CHECK_ALL(static_cast<double>(o.iterations) <=
                  1.3 * static_cast<double>(peer.iterations) + 10);
      }
    }
}

// I + 2·superdiagonal: solutions grow as 2ⁿ, and A·x cannot be computed to the size of b.
PetscErrorCode FarFromNormal(PetscInt n, Mat *A) {
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  PetscCall(
      MatCreateAIJ(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, n, n, 2, nullptr, 1, nullptr, A));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i) {
    PetscCall(MatSetValue(*A, i, i, 1, INSERT_VALUES));
    if (i + 1 < n)
      PetscCall(MatSetValue(*A, i, i + 1, 2, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

TEST_CASE("residuals never increase from cycle to cycle, whatever the sketch", "[solvers]") {
  System system, far;
  PETSC_OK(system.Create(20, 0.9));
  PETSC_OK(FarFromNormal(60, far.A.out()));
  PETSC_OK(MatCreateVecs(far.A, far.x.out(), far.b.out()));
  PETSC_OK(Fill(far.b));
  for (System *s : {&system, &far})
    for (const int restart : {6, 60})
      for (const char *type : types)
        for (const char *sketch : {"", "_factor 1.5", "_nnz 1"}) {
          const std::string option =
              sketch[0] != 0 ? std::string(" -ksp_") + type + sketch : std::string();
          // Each solve goes on from the x of the last one.
          PETSC_OK(VecSet(s->x, 0));
          PetscReal before = HUGE_VAL;
          bool monotone = true;
          for (int solve = 0; solve < 5; ++solve) {
            const Outcome o = s->solve(std::string("-ksp_type ") + type + " -ksp_gmres_restart " +
                                       std::to_string(restart) + " -ksp_max_it " +
                                       std::to_string(restart * (1 + solve % 2)) + option +
                                       " -ksp_rtol 1e-14 -pc_type none -ksp_initial_guess_nonzero");
            monotone = monotone && o.residual <= o.rhs && o.residual <= before;
            before = o.residual;
          }
          CAPTURE(type, sketch, restart, s == &far);
          CHECK_ALL(monotone);
        }
}

TEST_CASE("a basis that loses its rank ends a cycle, not the solve", "[solvers]") {
  System s;
  PETSC_OK(s.Create(24, 0.1));
  for (const char *limit : {"10", "1e12", "1e300"}) {
    const Outcome o =
        s.solve(std::string("-ksp_type sgmres -ksp_sgmres_truncate 1 -ksp_max_it 5000 "
                            "-ksp_gmres_restart 150 -ksp_rtol 1e-9 -pc_type none "
                            "-ksp_sgmres_cond_max ") +
                limit);
    CAPTURE(limit, o.iterations, o.residual / o.rhs);
    CHECK_ALL(o.reason == KSP_CONVERGED_RTOL);
    CHECK_ALL(o.residual <= 1e-9 * o.rhs * (1 + 1e-5));
  }
}

TEST_CASE("reductions of a cycle, as PETSc's log counts them", "[solvers]") {
  System s;
  PETSC_OK(s.Create(50, 0.4));
  const int steps = 120;
  const std::string common =
      "-ksp_gmres_restart 120 -ksp_rtol 1e-300 -ksp_max_it 120 -pc_type none ";
  const double cgs1 = s.solve(common + "-ksp_type gmres -ksp_pc_side right").reductions;
  const double cgs2 = s.solve(common + "-ksp_type gmres -ksp_pc_side right "
                                       "-ksp_gmres_cgs_refinement_type refine_always")
                          .reductions;
  const double truncated = s.solve(common + "-ksp_type sgmres").reductions;
  const double randomized = s.solve(common + "-ksp_type rgsgmres").reductions;
  if (lathe::test::mpi_rank() == 0)
    std::printf("reductions of %d steps: gmres %g, with refinement %g, sgmres %g, rgsgmres %g\n",
                steps, cgs1, cgs2, truncated, randomized);
  if (lathe::test::mpi_size() == 1) { // PETSc counts none
    CHECK(truncated == 0);
    return;
  }
  CHECK_ALL(truncated <= steps + 30);
  CHECK_ALL(randomized <= 2 * steps + 12);
  CHECK_ALL(cgs1 >= 2 * steps);
  CHECK_ALL(cgs2 >= 3 * steps);
}

PetscErrorCode Record(KSP ksp, PetscInt its, PetscReal sketched, void *context) {
  auto *norms = static_cast<std::vector<double> *>(context);
  Vec r = nullptr;
  PetscReal norm = 0;
  PetscFunctionBegin;
  (void)its;
  (void)sketched;
  PetscCall(KSPBuildResidual(ksp, nullptr, nullptr, &r));
  PetscCall(VecNorm(r, NORM_2, &norm));
  PetscCall(VecDestroy(&r));
  norms->push_back(norm);
  PetscFunctionReturn(PETSC_SUCCESS);
}

TEST_CASE("monitors see the residual of every step", "[solvers]") {
  System s;
  PETSC_OK(s.Create(20, 0.4));
  for (const char *type : types) {
    KspHandle ksp;
    std::vector<double> norms;
    std::vector<PetscReal> history(500);
    const PetscReal *seen = nullptr;
    PetscInt count = 0;
    PETSC_OK(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
    PETSC_OK(KSPSetOperators(ksp, s.A, s.A));
    PETSC_OK(KSPSetType(ksp, type));
    PETSC_OK(KSPGMRESSetRestart(ksp, 25));
    PETSC_OK(KSPSetTolerances(ksp, 1e-6, 0, 1e10, 400));
    PETSC_OK(KSPMonitorSet(ksp, Record, &norms, nullptr));
    PETSC_OK(KSPSetResidualHistory(ksp, history.data(), 500, PETSC_TRUE));
    PETSC_OK(KSPSolve(ksp, s.b, s.x));
    PETSC_OK(KSPGetResidualHistory(ksp, &seen, &count));
    PetscInt its = 0, restart = 0;
    PETSC_OK(KSPGetIterationNumber(ksp, &its));
    PETSC_OK(KSPGMRESGetRestart(ksp, &restart));
    REQUIRE_ALL(restart == 25);
    REQUIRE_ALL(count == static_cast<PetscInt>(norms.size()));
    REQUIRE_ALL(count >= its + 1);
    double worst = 1; // sketched against true
    for (std::size_t k = 0; k < norms.size(); ++k)
      worst = std::max({worst, norms[k] / seen[k], seen[k] / norms[k]});
    CAPTURE(type, worst);
    CHECK_ALL(worst < 3);
  }
}

TEST_CASE("odd systems end with the right reason", "[solvers]") {
  System s;
  PETSC_OK(s.Create(12, 0.4));
  for (const char *type : types) {
    const std::string base = std::string("-pc_type none -ksp_type ") + type;
    CAPTURE(type);
    { // The solution as start: nothing to do.
      VecHandle b;
      PETSC_OK(VecDuplicate(s.b, b.out()));
      PETSC_OK(VecCopy(s.b, b));
      PETSC_OK(MatMult(s.A, s.b, s.x));
      PETSC_OK(VecCopy(s.x, s.b)); // b = A·(old b)
      PETSC_OK(VecCopy(b, s.x));
      CHECK_ALL(s.solve(base + " -ksp_initial_guess_nonzero").iterations == 0);
      PETSC_OK(VecCopy(b, s.b));
    }
    { // A start that is not zero.
      PETSC_OK(VecSet(s.x, 7));
      const Outcome o = s.solve(base + " -ksp_initial_guess_nonzero -ksp_rtol 1e-9");
      CHECK_ALL((o.reason > 0 && o.residual <= 1e-9 * o.rhs * (1 + 1e-6)));
    }
    { // No norms wanted: so many steps.
      const Outcome o = s.solve(base + " -ksp_norm_type none -ksp_max_it 7");
      CHECK_ALL(((o.reason == KSP_CONVERGED_ITS || o.reason == KSP_DIVERGED_ITS) &&
                 o.iterations == 7)); // as KSPGMRES
      CHECK_ALL(o.residual < o.rhs);
    }
    { // Beyond what can be reached.
      const Outcome o = s.solve(base + " -ksp_rtol 1e-30 -ksp_max_it 300");
      CHECK_ALL(o.reason < 0);
      CHECK_ALL(o.residual < 1e-13 * o.rhs);
    }
    VecHandle kept;
    PETSC_OK(VecDuplicate(s.b, kept.out()));
    PETSC_OK(VecCopy(s.b, kept));
    PETSC_OK(VecSet(s.b, 0));
    const Outcome zero = s.solve(base);
    CHECK_ALL((zero.reason > 0 && zero.iterations == 0 && zero.residual == 0));
    PETSC_OK(VecCopy(kept, s.b));
    PETSC_OK(VecSetValue(s.b, 3, std::nan(""), INSERT_VALUES));
    PETSC_OK(VecAssemblyBegin(s.b));
    PETSC_OK(VecAssemblyEnd(s.b));
    CHECK_ALL(s.solve(base).reason == KSP_DIVERGED_NANORINF);
    PETSC_OK(VecCopy(kept, s.b));
    { // An entry of A that is not finite.
      System bad;
      PETSC_OK(bad.Create(12, 0.4));
      PETSC_OK(MatSetValue(bad.A, 5, 5, std::nan(""), INSERT_VALUES));
      PETSC_OK(MatAssemblyBegin(bad.A, MAT_FINAL_ASSEMBLY));
      PETSC_OK(MatAssemblyEnd(bad.A, MAT_FINAL_ASSEMBLY));
      CHECK_ALL(bad.solve(base).reason == KSP_DIVERGED_NANORINF);
    }
    // A = 0, and A = I: no basis beyond b.
    MatHandle other;
    PETSC_OK(MatDuplicate(s.A, MAT_DO_NOT_COPY_VALUES, other.out()));
    PETSC_OK(MatZeroEntries(other));
    Outcome o;
    PETSC_OK(Solve(other, s.b, s.x, base, &o));
    CHECK_ALL(o.reason == KSP_DIVERGED_BREAKDOWN);
    PETSC_OK(MatShift(other, 2));
    PETSC_OK(Solve(other, s.b, s.x, base + " -ksp_rtol 1e-13", &o));
    CHECK_ALL((o.reason > 0 && o.iterations == 1));
  }
}

TEST_CASE("a small system is solved with a basis as large as it is", "[solvers]") {
  System s;
  PETSC_OK(s.Create(3, 0.4)); // 9 unknowns, restart 100
  for (const char *type : types) {
    const Outcome o = s.solve(std::string("-pc_type none -ksp_rtol 1e-12 -ksp_type ") + type);
    CAPTURE(type, o.iterations, o.residual / o.rhs);
    CHECK_ALL((o.reason > 0 && o.residual <= 1e-12 * o.rhs * 1.01));
    CHECK_ALL(o.iterations <= 12);
  }
}

TEST_CASE("options of sketched GMRES are checked", "[solvers]") {
  using lathe::test::catch_error;
  System s;
  PETSC_OK(s.Create(6, 0.4));
  const auto says = [&](const std::string &options, const char *part) {
    const auto caught = catch_error([&] {
      Outcome o;
      const PetscErrorCode code = Solve(s.A, s.b, s.x, options, &o);
      (void)PetscOptionsClear(nullptr);
      return code;
    });
    return caught.code != PETSC_SUCCESS && caught.message.find(part) != std::string::npos;
  };
  CHECK_ALL(says("-ksp_type sgmres -ksp_gmres_restart 0", "(-ksp_gmres_restart)"));
  CHECK_ALL(
      says("-ksp_type sgmres -ksp_sgmres_truncate 0", "-ksp_sgmres_truncate 0; must be >= 1"));
  CHECK_ALL(says("-ksp_type sgmres -ksp_sgmres_factor 1", "must be 1.5 to 100"));
  CHECK_ALL(
      says("-ksp_type rgsgmres -ksp_rgsgmres_nnz 65", "-ksp_rgsgmres_nnz 65; must be 1 to 64"));
  CHECK_ALL(
      says("-ksp_type rgsgmres -ksp_rgsgmres_seed -1", "-ksp_rgsgmres_seed -1; must be >= 0"));
  CHECK_ALL(says("-ksp_type sgmres -ksp_sgmres_cond_max 1", "-ksp_sgmres_cond_max 1"));
  CHECK_ALL(
      says("-ksp_type sgmres -ksp_gmres_restart 20000", "at most 32767 (-ksp_gmres_restart)"));
  CHECK_ALL(catch_error([&] {
              Outcome o;
              const PetscErrorCode code =
                  Solve(s.A, s.b, s.x, "-ksp_type sgmres -ksp_pc_side left", &o);
              (void)PetscOptionsClear(nullptr);
              return code;
            }).code != PETSC_SUCCESS);
}

} // namespace
