// SPDX-License-Identifier: BSD-2-Clause
// -ksp_type sgmres and rgsgmres (sketching/sketched_gmres.h), preconditioned from the right. Every
// cycle gives a direction z = M⁻¹B·y; the step along it and the last few before it is the one that
// makes the true residual smallest (flexible GMRES in the form of GCR, the cycle being its
// preconditioner; Güttel, Pearson, arXiv:2506.18408). Convergence is decided by b − A·x, computed
// anew after each step; where it increased (rounding errors of an A·x far larger than b) the step
// is taken back and half of the basis is tried. So residuals never increase, however bad the
// sketch.
#include "sketching/sketched_gmres.h"
#include "core/citation.h"
#include "core/error.h"
#include "solver_types.h"
#include <algorithm>
#include <cmath>
#include <new>
#include <petsc/private/kspimpl.h>

namespace {

using namespace lathe;
using sketching::SketchedArnoldi;
using sketching::SketchedGmresOptions;

constexpr std::size_t kept_directions = 4;

struct Direction {
  VecHandle z, az; // A·z = az, of length 1
};

struct Context {
  SketchedGmresOptions options;
  SketchedArnoldi arnoldi;
  std::vector<Direction> directions; // the oldest first
  Direction next;
  VecHandle residual, work, solution, trial, trial_residual;
  PetscInt cycles = 0;
  PetscReal ratio = 1.2; // of the true residual after a cycle to its sketched one
  bool in_cycle = false, solved = false;
};

PetscObject object(KSP ksp) {
  return reinterpret_cast<PetscObject>(ksp);
}
Context &self_of(KSP ksp) {
  return *static_cast<Context *>(ksp->data);
}

PetscErrorCode CheckOptions(KSP ksp, const SketchedGmresOptions &o) {
  const MPI_Comm comm = PetscObjectComm(object(ksp));
  const char *type = object(ksp)->type_name;
  PetscFunctionBegin;
  PetscCheck(o.restart >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-ksp_gmres_restart %" PetscInt_FMT "; must be >= 1", o.restart);
  PetscCheck(o.truncate >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-ksp_%s_truncate %" PetscInt_FMT "; must be >= 1", type, o.truncate);
  PetscCheck(o.factor >= 1.5 && o.factor <= 100, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-ksp_%s_factor %g; must be 1.5 to 100", type, static_cast<double>(o.factor));
  PetscCheck(o.nonzeros >= 1 && o.nonzeros <= sketching::max_nonzeros, comm,
             PETSC_ERR_ARG_OUTOFRANGE, "-ksp_%s_nnz %" PetscInt_FMT "; must be 1 to %d", type,
             o.nonzeros, sketching::max_nonzeros);
  PetscCheck(o.seed >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-ksp_%s_seed %" PetscInt_FMT "; must be >= 0", type, o.seed);
  PetscCheck(o.cond_max > 1, comm, PETSC_ERR_ARG_OUTOFRANGE, "-ksp_%s_cond_max %g; must be > 1",
             type, static_cast<double>(o.cond_max));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSetUp_SketchedGmres(KSP ksp) {
  Context &self = self_of(ksp);
  Vec *right = nullptr;
  VecHandle like;
  PetscFunctionBegin;
  PetscCall(CheckOptions(ksp, self.options));
  PetscCall(KSPCreateVecs(ksp, 1, &right, 0, nullptr));
  like = VecHandle(right[0]);
  PetscCall(PetscObjectReference(reinterpret_cast<PetscObject>(right[0])));
  PetscCall(VecDestroyVecs(1, &right));
  LatheGuard(PetscObjectComm(object(ksp)), {
    PetscCall(self.arnoldi.Create(like, self.options));
    self.directions.clear();
    self.directions.reserve(kept_directions);
  });
  for (VecHandle *v :
       {&self.residual, &self.work, &self.trial, &self.trial_residual, &self.next.z, &self.next.az})
    PetscCall(VecDuplicate(like, v->out()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// M⁻¹B·y for the first columns of the cycle.
PetscErrorCode Correction(KSP ksp, PetscInt columns, Vec z) {
  Context &self = self_of(ksp);
  PetscFunctionBegin;
  PetscCall(self.arnoldi.Correction(columns, self.work));
  PetscCall(KSP_PCApply(ksp, self.work, z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// r ← b − A·x, and its norm.
PetscErrorCode TrueResidual(KSP ksp, Vec x, Vec r, PetscReal *norm) {
  Mat A = nullptr;
  PetscFunctionBegin;
  PetscCall(PCGetOperators(ksp->pc, &A, nullptr));
  PetscCall(KSP_MatMult(ksp, A, x, r));
  PetscCall(VecAYPX(r, -1, ksp->vec_rhs));
  PetscCall(VecNorm(r, NORM_2, norm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Keep(Context &self) {
  PetscFunctionBegin;
  if (self.directions.size() == kept_directions) {
    std::rotate(self.directions.begin(), self.directions.begin() + 1, self.directions.end());
    std::swap(self.directions.back(), self.next);
  } else {
    self.directions.push_back(std::move(self.next));
    PetscCall(VecDuplicate(self.residual, self.next.z.out()));
    PetscCall(VecDuplicate(self.residual, self.next.az.out()));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// x ← x + α·z unless that increases the residual, z from the first columns of the cycle, made
// orthogonal to the directions kept in the sense of A·z, and kept in its turn.
PetscErrorCode Step(KSP ksp, PetscInt columns, PetscReal *norm, bool *moved) {
  Context &self = self_of(ksp);
  Mat A = nullptr;
  PetscReal length = 0, before = 0, reached = 0;
  PetscScalar alpha = 0;
  PetscFunctionBegin;
  *moved = false;
  PetscCall(PCGetOperators(ksp->pc, &A, nullptr));
  PetscCall(Correction(ksp, columns, self.next.z));
  PetscCall(KSP_MatMult(ksp, A, self.next.z, self.next.az));
  PetscCall(VecNorm(self.next.az, NORM_2, &before));
  for (int pass = 0; pass < 2; ++pass)
    for (const Direction &d : self.directions) {
      PetscScalar h = 0;
      PetscCall(VecDot(self.next.az, d.az, &h));
      PetscCall(VecAXPY(self.next.az, -h, d.az));
      PetscCall(VecAXPY(self.next.z, -h, d.z));
    }
  PetscCall(VecNorm(self.next.az, NORM_2, &length));
  if (!std::isfinite(length) || length <= 1e-14 * before)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(VecScale(self.next.az, 1 / length));
  PetscCall(VecScale(self.next.z, 1 / length));
  PetscCall(VecDot(self.residual, self.next.az, &alpha));
  PetscCall(VecWAXPY(self.trial, alpha, self.next.z, ksp->vec_sol));
  PetscCall(TrueResidual(ksp, self.trial, self.trial_residual, &reached));
  *moved = alpha != PetscScalar(0) && reached <= *norm;
  if (!*moved)
    PetscFunctionReturn(PETSC_SUCCESS);
  *norm = reached;
  PetscCall(VecCopy(self.trial, ksp->vec_sol));
  std::swap(self.residual, self.trial_residual);
  LatheGuard(PetscObjectComm(object(ksp)), PetscCall(Keep(self)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Cycle(KSP ksp, PetscReal norm) {
  Context &self = self_of(ksp);
  const PetscInt start = ksp->its;
  const auto apply = [&](Vec v, Vec w) -> PetscErrorCode {
    PetscFunctionBegin;
    PetscCall(KSP_PCApplyBAorAB(ksp, v, w, self.work));
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  // Inside a cycle residual norms are those of the sketch; a convergence that they show is a reason
  // to look at the true one, no more.
  const auto observe = [&](PetscInt columns, double residual, bool *stop) -> PetscErrorCode {
    KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
    PetscFunctionBegin;
    ksp->its = start + columns;
    ksp->rnorm = residual;
    PetscCall(KSPLogResidualHistory(ksp, ksp->rnorm));
    PetscCall(KSPMonitor(ksp, ksp->its, ksp->rnorm));
    PetscCall((*ksp->converged)(ksp, ksp->its, self.ratio * residual, &reason, ksp->cnvP));
    *stop = *stop || reason != KSP_CONVERGED_ITERATING;
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  PetscFunctionBegin;
  self.in_cycle = true;
  PetscCall(self.arnoldi.Cycle(self.residual, norm, std::max<PetscInt>(ksp->max_it - start, 1),
                               apply, observe));
  self.in_cycle = false;
  ksp->its = start + self.arnoldi.columns();
  ++self.cycles;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// No vector of the basis lowers the residual, or products with it are not finite.
PetscErrorCode NameFailure(KSP ksp) {
  Context &self = self_of(ksp);
  PetscReal length = 0;
  PetscFunctionBegin;
  PetscCall(KSP_PCApplyBAorAB(ksp, self.residual, self.next.z, self.work));
  PetscCall(VecNorm(self.next.z, NORM_2, &length));
  ksp->reason = std::isfinite(length) ? KSP_DIVERGED_BREAKDOWN : KSP_DIVERGED_NANORINF;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSolve_SketchedGmres(KSP ksp) {
  Context &self = self_of(ksp);
  PetscReal norm = 0;
  PetscFunctionBegin;
  PetscCall(self.options.randomized ? Cite("BalabanovGrigori2022")
                                    : Cite("NakatsukasaTropp2024 GuttelPearson2025"));
  ksp->its = 0;
  ksp->reason = KSP_CONVERGED_ITERATING;
  self.cycles = 0;
  self.directions.clear();
  self.ratio = 1.2;
  self.solved = true;
  if (ksp->guess_zero) {
    PetscCall(VecCopy(ksp->vec_rhs, self.residual));
    PetscCall(VecNorm(self.residual, NORM_2, &norm));
  } else {
    PetscCall(TrueResidual(ksp, ksp->vec_sol, self.residual, &norm));
  }
  KSPCheckNorm(ksp, norm);
  ksp->rnorm = norm;
  PetscCall(KSPLogResidualHistory(ksp, norm));
  PetscCall(KSPMonitor(ksp, 0, norm));
  PetscCall((*ksp->converged)(ksp, 0, norm, &ksp->reason, ksp->cnvP));
  while (ksp->reason == KSP_CONVERGED_ITERATING) {
    bool moved = false;
    if (norm == 0 || ksp->its >= ksp->max_it) {
      ksp->reason = norm == 0 ? KSP_CONVERGED_ATOL : KSP_DIVERGED_ITS;
      break;
    }
    LatheGuard(PetscObjectComm(object(ksp)), PetscCall(Cycle(ksp, norm)));
    for (PetscInt columns = self.arnoldi.columns(); columns > 0 && !moved; columns /= 2) {
      PetscCall(Step(ksp, columns, &norm, &moved));
      const double sketched = self.arnoldi.residual(columns);
      if (moved && sketched > 0)
        self.ratio = std::clamp<PetscReal>(1.05 * norm / sketched, 1, 100);
    }
    ksp->rnorm = norm;
    PetscCall((*ksp->converged)(ksp, ksp->its, norm, &ksp->reason, ksp->cnvP));
    if (!moved && ksp->reason == KSP_CONVERGED_ITERATING)
      PetscCall(NameFailure(ksp));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPBuildSolution_SketchedGmres(KSP ksp, Vec out, Vec *result) {
  Context &self = self_of(ksp);
  PetscFunctionBegin;
  if (!out) {
    if (!self.solution)
      PetscCall(VecDuplicate(ksp->vec_sol, self.solution.out()));
    out = self.solution;
  }
  if (self.in_cycle && self.arnoldi.columns() > 0) {
    PetscCall(Correction(ksp, self.arnoldi.columns(), out));
    PetscCall(VecAXPY(out, 1, ksp->vec_sol));
  } else {
    PetscCall(VecCopy(ksp->vec_sol, out));
  }
  if (result)
    *result = out;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SetRestart(KSP ksp, PetscInt restart) {
  PetscFunctionBegin;
  PetscCheck(restart >= 1, PetscObjectComm(object(ksp)), PETSC_ERR_ARG_OUTOFRANGE,
             "Restart after %" PetscInt_FMT " steps; must be >= 1 (-ksp_gmres_restart)", restart);
  if (restart != self_of(ksp).options.restart)
    ksp->setupstage = KSP_SETUP_NEW;
  self_of(ksp).options.restart = restart;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GetRestart(KSP ksp, PetscInt *restart) {
  *restart = self_of(ksp).options.restart;
  return PETSC_SUCCESS;
}

PetscErrorCode KSPSetFromOptions_SketchedGmres(KSP ksp, LatheOptionItems PetscOptionsObject) {
  SketchedGmresOptions &o = self_of(ksp).options;
  const SketchedGmresOptions before = o;
  const std::string prefix = std::string("-ksp_") + object(ksp)->type_name;
  const auto name = [&](const char *end) { return prefix + end; };
  PetscInt restart = o.restart;
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "KSP sketched GMRES options");
  PetscCall(PetscOptionsInt("-ksp_gmres_restart", "basis vectors of a cycle, >= 1",
                            "KSPGMRESSetRestart", restart, &restart, nullptr));
  if (!o.randomized) {
    PetscCall(PetscOptionsInt(name("_truncate").c_str(),
                              "vectors that a new one is made orthogonal to, >= 1", "", o.truncate,
                              &o.truncate, nullptr));
    PetscCall(PetscOptionsReal(name("_cond_max").c_str(),
                               "condition of the sketched basis that ends a cycle, > 1", "",
                               o.cond_max, &o.cond_max, nullptr));
  }
  PetscCall(PetscOptionsReal(name("_factor").c_str(),
                             "rows of the sketch for a basis vector, 1.5 to 100", "", o.factor,
                             &o.factor, nullptr));
  PetscCall(PetscOptionsInt(name("_nnz").c_str(), "entries of the sketch in a column, 1 to 64", "",
                            o.nonzeros, &o.nonzeros, nullptr));
  PetscCall(
      PetscOptionsInt(name("_seed").c_str(), "of the sketch, >= 0", "", o.seed, &o.seed, nullptr));
  PetscOptionsHeadEnd();
  PetscCall(SetRestart(ksp, restart));
  PetscCall(CheckOptions(ksp, o));
  if (o.factor != before.factor || o.nonzeros != before.nonzeros || o.seed != before.seed)
    ksp->setupstage = KSP_SETUP_NEW;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Print(KSP ksp, PetscViewer viewer) {
  const Context &self = self_of(ksp);
  PetscFunctionBegin;
  PetscCall(
      PetscViewerASCIIPrintf(viewer,
                             "  %s: true residual norm %.6e after %" PetscInt_FMT
                             " cycles, condition of the sketched least squares at most %.2g\n",
                             object(ksp)->type_name, static_cast<double>(ksp->rnorm), self.cycles,
                             self.arnoldi.condition()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPView_SketchedGmres(KSP ksp, PetscViewer viewer) {
  const Context &self = self_of(ksp);
  const SketchedGmresOptions &o = self.options;
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(
      PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (!ascii)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscViewerASCIIPrintf(
      viewer,
      "  restart %" PetscInt_FMT ", sketch of %lld rows with %" PetscInt_FMT " nonzeros a column\n",
      o.restart, static_cast<long long>(self.arnoldi.sketch_rows()), o.nonzeros));
  if (!o.randomized)
    PetscCall(PetscViewerASCIIPrintf(
        viewer, "  orthogonal to %" PetscInt_FMT " vectors, condition at most %g\n", o.truncate,
        static_cast<double>(o.cond_max)));
  if (self.solved)
    PetscCall(Print(ksp, viewer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// With -ksp_converged_reason, before PETSc's own line.
PetscErrorCode ViewReason(KSP ksp, void *) {
  const char *prefix = nullptr;
  PetscBool asked = PETSC_FALSE;
  PetscBool same = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompareAny(object(ksp), &same, "sgmres", "rgsgmres", ""));
  PetscCall(KSPGetOptionsPrefix(ksp, &prefix));
  PetscCall(PetscOptionsHasName(object(ksp)->options, prefix, "-ksp_converged_reason", &asked));
  if (asked && same && self_of(ksp).solved)
    PetscCall(Print(ksp, PETSC_VIEWER_STDOUT_(PetscObjectComm(object(ksp)))));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPReset_SketchedGmres(KSP ksp) {
  Context &self = self_of(ksp);
  const SketchedGmresOptions options = self.options;
  PetscFunctionBegin;
  self = Context{};
  self.options = options;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPDestroy_SketchedGmres(KSP ksp) {
  PetscFunctionBegin;
  delete static_cast<Context *>(ksp->data);
  ksp->data = nullptr;
  PetscCall(PetscObjectComposeFunction(object(ksp), "KSPGMRESSetRestart_C", nullptr));
  PetscCall(PetscObjectComposeFunction(object(ksp), "KSPGMRESGetRestart_C", nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Create(KSP ksp, bool randomized) {
  PetscFunctionBegin;
  auto *self = new (std::nothrow) Context;
  PetscCheck(self, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a KSP");
  ksp->data = self;
  self->options.randomized = randomized;
  if (randomized)
    self->options.factor = 4; // what it costs is small beside the pass over the basis
  PetscCall(KSPSetSupportedNorm(ksp, KSP_NORM_UNPRECONDITIONED, PC_RIGHT, 3));
  PetscCall(KSPSetSupportedNorm(ksp, KSP_NORM_NONE, PC_RIGHT, 1));
  PetscCall(KSPConvergedReasonViewSet(ksp, ViewReason, nullptr, nullptr));
  PetscCall(PetscObjectComposeFunction(object(ksp), "KSPGMRESSetRestart_C", SetRestart));
  PetscCall(PetscObjectComposeFunction(object(ksp), "KSPGMRESGetRestart_C", GetRestart));
  ksp->ops->setup = KSPSetUp_SketchedGmres;
  ksp->ops->solve = KSPSolve_SketchedGmres;
  ksp->ops->reset = KSPReset_SketchedGmres;
  ksp->ops->destroy = KSPDestroy_SketchedGmres;
  ksp->ops->setfromoptions = KSPSetFromOptions_SketchedGmres;
  ksp->ops->view = KSPView_SketchedGmres;
  ksp->ops->buildsolution = KSPBuildSolution_SketchedGmres;
  ksp->ops->buildresidual = KSPBuildResidualDefault;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode KSPCreate_Sgmres(KSP ksp) {
  PetscFunctionBegin;
  PetscCall(Create(ksp, false));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPCreate_Rgsgmres(KSP ksp) {
  PetscFunctionBegin;
  PetscCall(Create(ksp, true));
  PetscFunctionReturn(PETSC_SUCCESS);
}
