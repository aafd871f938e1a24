// SPDX-License-Identifier: BSD-2-Clause
// -pc_type rpcholesky: preconditioner for symmetric positive definite A = K + mu·I from a randomly
// pivoted partial Cholesky factorisation of K (sketching/rpcholesky.h). A Mat with rows.
#include "core/citation.h"
#include "core/error.h"
#include "pc/low_rank.h"
#include "sketching/rpcholesky.h"
#include "solver_types.h"

namespace {

using namespace lathe;

struct Context : LowRankPc {
  sketching::RpCholeskyOptions options;
  bool rank_given = false;
};

Context &context(PC pc) {
  return *static_cast<Context *>(pc->data);
}

PetscErrorCode PCSetUp_RpCholesky(PC pc) {
  PetscFunctionBegin;
  Context &self = context(pc);
  self.ready = false;
  PetscCall(Cite("ChenEpperlyTroppWebber2025"));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(pc)), {
    sketching::MultiVector factor;
    sketching::LowRank approximation;
    bool definite = false;
    PetscInt order = 0;
    PetscCall(MatGetSize(pc->pmat, &order, nullptr));
    sketching::RpCholeskyOptions options = self.options;
    if (!self.rank_given) // the default suits any order, a rank that is asked for must exist
      options.rank = std::min(options.rank, order);
    PetscCall(sketching::RpCholesky(pc->pmat, options, &factor, &definite));
    if (definite) {
      PetscCall(sketching::Eigendecompose(factor.view(), {}, 0, &approximation));
      PetscCall(self.Set(pc->pmat, std::move(approximation), options.mu, true));
    } else {
      PetscCall(SetZeroPivot(pc, options.mu));
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCApply_RpCholesky(PC pc, Vec x, Vec y) {
  PetscFunctionBegin;
  PetscCall(context(pc).Apply(x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCSetFromOptions_RpCholesky(PC pc, LatheOptionItems PetscOptionsObject) {
  Context &self = context(pc);
  sketching::RpCholeskyOptions &o = self.options;
  PetscInt seed = static_cast<PetscInt>(o.seed);
  PetscReal mu = static_cast<PetscReal>(o.mu);
  PetscBool given = PETSC_FALSE;
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "PC rpcholesky options");
  PetscCall(PetscOptionsInt("-pc_rpcholesky_rank",
                            "rows of the matrix that are used; 1 to its order", "", o.rank, &o.rank,
                            &given));
  self.rank_given = self.rank_given || given;
  PetscCall(
      PetscOptionsReal("-pc_rpcholesky_mu",
                       "multiple of the identity in the matrix, which is not approximated; >= 0",
                       "", mu, &mu, nullptr));
  PetscCall(PetscOptionsInt("-pc_rpcholesky_block", "pivots drawn at a time; >= 1", "", o.block,
                            &o.block, nullptr));
  PetscCall(PetscOptionsInt("-pc_rpcholesky_seed", "of the random vectors; >= 0", "", seed, &seed,
                            nullptr));
  PetscOptionsHeadEnd();
  PetscCheck(seed >= 0, PetscObjectComm(reinterpret_cast<PetscObject>(pc)),
             PETSC_ERR_ARG_OUTOFRANGE, "-pc_rpcholesky_seed %" PetscInt_FMT " must be >= 0", seed);
  o.seed = static_cast<std::uint64_t>(seed);
  o.mu = static_cast<double>(mu);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCView_RpCholesky(PC pc, PetscViewer viewer) {
  PetscFunctionBegin;
  PetscCall(context(pc).View(viewer, context(pc).options.mu));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCReset_RpCholesky(PC pc) {
  Context &self = context(pc);
  PetscFunctionBegin;
  static_cast<LowRankPc &>(self) = LowRankPc();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCDestroy_RpCholesky(PC pc) {
  PetscFunctionBegin;
  delete static_cast<Context *>(pc->data);
  pc->data = nullptr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode PCCreate_RpCholesky(PC pc) {
  PetscFunctionBegin;
  pc->data = new (std::nothrow) Context;
  PetscCheck(pc->data, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a PC");
  pc->ops->setup = PCSetUp_RpCholesky;
  pc->ops->apply = PCApply_RpCholesky;
  pc->ops->applytranspose = PCApply_RpCholesky;
  pc->ops->setfromoptions = PCSetFromOptions_RpCholesky;
  pc->ops->view = PCView_RpCholesky;
  pc->ops->reset = PCReset_RpCholesky;
  pc->ops->destroy = PCDestroy_RpCholesky;
  PetscFunctionReturn(PETSC_SUCCESS);
}
