// SPDX-License-Identifier: BSD-2-Clause
// Sketched GMRES and GMRES with randomized Gram-Schmidt against PETSc's GMRES with one and with two
// passes of classical Gram-Schmidt, and FGMRES: m steps without restart on a convection-diffusion
// problem. One thread. Gate: residual at most 1.6 times (sgmres) or 1.4 times (rgsgmres) the
// peer's.
//   bench_krylov [grid points a side, default 400] [steps, default 200]
#include "core/handle.h"
#include "core/random.h"
#include "lathe.h"
#include "timing.h"
#include <cmath>
#include <cstdlib>
#include <petscksp.h>
#include <string>

using namespace lathe;

namespace {

constexpr int repeats = 7;
int failures = 0;

struct Problem {
  MatHandle A;
  VecHandle b, x;
  PetscInt side = 0, steps = 0;
};

PetscErrorCode Create(PetscInt n, Problem *p) {
  const double wind = 0.4;
  PetscFunctionBegin;
  p->side = n;
  PetscCall(MatCreateSeqAIJ(PETSC_COMM_SELF, n * n, n * n, 5, nullptr, p->A.out()));
  for (PetscInt row = 0; row < n * n; ++row) {
    const PetscInt i = row % n, j = row / n;
    if (j > 0)
      PetscCall(MatSetValue(p->A, row, row - n, -(1 + wind / 2) / 4, INSERT_VALUES));
    if (i > 0)
      PetscCall(MatSetValue(p->A, row, row - 1, -(1 + wind) / 4, INSERT_VALUES));
    PetscCall(MatSetValue(p->A, row, row, 1, INSERT_VALUES));
    if (i < n - 1)
      PetscCall(MatSetValue(p->A, row, row + 1, -(1 - wind) / 4, INSERT_VALUES));
    if (j < n - 1)
      PetscCall(MatSetValue(p->A, row, row + n, -(1 - wind / 2) / 4, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(p->A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(p->A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatCreateVecs(p->A, p->x.out(), p->b.out()));
  for (PetscInt i = 0; i < n * n; ++i)
    PetscCall(VecSetValue(p->b, i, 2 * random::uniform(9, 9, static_cast<std::uint64_t>(i)) - 1,
                          INSERT_VALUES));
  PetscCall(VecAssemblyBegin(p->b));
  PetscCall(VecAssemblyEnd(p->b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// One KSP, set up, with its basis allocated by a first solve.
class Solver {
public:
  Solver(Problem &p, const std::string &options) : problem_(p) {
    if (SetUp(options) != PETSC_SUCCESS)
      std::abort();
  }
  void solve() {
    if (KSPSolve(ksp_, problem_.b, problem_.x) != PETSC_SUCCESS)
      std::abort();
  }
  [[nodiscard]] double residual() {
    VecHandle r;
    PetscReal norm = 0, rhs = 0;
    solve();
    (void)VecDuplicate(problem_.b, r.out());
    (void)MatMult(problem_.A, problem_.x, r);
    (void)VecAYPX(r, -1, problem_.b);
    (void)VecNorm(r, NORM_2, &norm);
    (void)VecNorm(problem_.b, NORM_2, &rhs);
    return norm / rhs;
  }

private:
  PetscErrorCode SetUp(const std::string &options) {
    const std::string m = std::to_string(problem_.steps);
    PetscFunctionBegin;
    PetscCall(PetscOptionsInsertString(nullptr, (options + " -ksp_gmres_restart " + m).c_str()));
    PetscCall(KSPCreate(PETSC_COMM_SELF, ksp_.out()));
    PetscCall(KSPSetOperators(ksp_, problem_.A, problem_.A));
    PetscCall(KSPSetTolerances(ksp_, 1e-300, 0, 1e10, problem_.steps));
    PetscCall(KSPSetFromOptions(ksp_));
    PetscCall(PetscOptionsClear(nullptr));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  Problem &problem_;
  Handle<KSP, KSPDestroy> ksp_;
};

void compare(Problem &p, const char *name, const char *ours, const char *peer_name,
             const char *peer, double bar, double most) {
  Solver mine(p, std::string("-pc_type none ") + ours),
      theirs(p, std::string("-pc_type none ") + peer);
  const auto c = bench::alternate(
      repeats, [&] { mine.solve(); }, [&] { theirs.solve(); });
  const double a = mine.residual(), b = theirs.residual();
  const bool good = a <= most * b;
  failures += good ? 0 : 1;
  const std::string size = std::to_string(p.side * p.side) + " m=" + std::to_string(p.steps);
  std::printf("%-16s %-16s %8.4f s  %-22s %8.4f s  ratio %6.2f [%.2f, %.2f] bar %g, residuals %.3e "
              "%.3e%s\n",
              name, size.c_str(), c.ours.median, peer_name, c.peer.median, c.ratio.median,
              c.ratio.min, c.ratio.max, bar, a, b, good ? "" : "  GATE FAILED");
  bench::bench_line(name, size, c, peer_name, bar);
}

} // namespace

int main(int argc, char **argv) {
  if (PetscInitialize(&argc, &argv, nullptr, nullptr) != PETSC_SUCCESS ||
      LatheInitializePackage() != PETSC_SUCCESS)
    return 2;
  {
    Problem p;
    p.steps = static_cast<PetscInt>(argc > 2 ? std::atoi(argv[2]) : 200);
    if (Create(static_cast<PetscInt>(argc > 1 ? std::atoi(argv[1]) : 400), &p) != PETSC_SUCCESS)
      return 2;
    compare(p, "sgmres", "-ksp_type sgmres", "gmres, CGS", "-ksp_type gmres -ksp_pc_side right", 4,
            1.6);
    compare(p, "sgmres", "-ksp_type sgmres", "fgmres", "-ksp_type fgmres", 0, 1.6);
    compare(p, "rgsgmres", "-ksp_type rgsgmres", "gmres, CGS twice",
            "-ksp_type gmres -ksp_pc_side right -ksp_gmres_cgs_refinement_type refine_always",
            1 / 0.55, 1.4);
  }
  (void)PetscFinalize();
  return failures == 0 ? 0 : 1;
}
