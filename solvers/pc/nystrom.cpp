// SPDX-License-Identifier: BSD-2-Clause
// -pc_type nystrom: preconditioner for symmetric positive definite A = K + mu·I from a Nyström
// approximation of K (sketching/nystrom.h). Any Mat with MatMult.
#include "core/citation.h"
#include "core/error.h"
#include "pc/low_rank.h"
#include "solver_types.h"

namespace {

using namespace lathe;

struct Context : LowRankPc {
  sketching::NystromOptions options;
  bool rank_given = false;
};

Context &context(PC pc) {
  return *static_cast<Context *>(pc->data);
}

PetscErrorCode PCSetUp_Nystrom(PC pc) {
  PetscFunctionBegin;
  Context &self = context(pc);
  self.ready = false;
  PetscCall(Cite("FrangellaTroppUdell2023"));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(pc)), {
    sketching::BlockOperator A;
    sketching::LowRank approximation;
    bool definite = false;
    PetscCall(A.Create(pc->pmat));
    sketching::NystromOptions options = self.options;
    if (!self.rank_given) // the default suits any order, a rank that is asked for must exist
      options.rank = static_cast<PetscInt>(std::min<std::int64_t>(options.rank, A.order()));
    PetscCall(sketching::Nystrom(A, options, &approximation, &definite));
    if (definite)
      PetscCall(self.Set(pc->pmat, std::move(approximation), options.mu, false));
    else
      PetscCall(SetZeroPivot(pc, options.mu));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCApply_Nystrom(PC pc, Vec x, Vec y) {
  PetscFunctionBegin;
  PetscCall(context(pc).Apply(x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCSetFromOptions_Nystrom(PC pc, LatheOptionItems PetscOptionsObject) {
  Context &self = context(pc);
  sketching::NystromOptions &o = self.options;
  PetscInt seed = static_cast<PetscInt>(o.seed);
  PetscReal mu = static_cast<PetscReal>(o.mu);
  PetscReal tolerance = static_cast<PetscReal>(o.tolerance);
  PetscBool given = PETSC_FALSE;
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "PC nystrom options");
  PetscCall(PetscOptionsInt("-pc_nystrom_rank", "products with the matrix; 1 to its order", "",
                            o.rank, &o.rank, &given));
  self.rank_given = self.rank_given || given;
  PetscCall(PetscOptionsReal(
      "-pc_nystrom_mu", "multiple of the identity in the matrix, which is not approximated; >= 0",
      "", mu, &mu, nullptr));
  PetscCall(PetscOptionsReal("-pc_nystrom_tol",
                             "double the rank until its last eigenvalue is below mu or this "
                             "multiple of the first; 0: keep the rank",
                             "", tolerance, &tolerance, nullptr));
  PetscCall(PetscOptionsInt("-pc_nystrom_max_rank", "of doubling; >= 1", "", o.max_rank,
                            &o.max_rank, nullptr));
  PetscCall(
      PetscOptionsInt("-pc_nystrom_seed", "of the random vectors; >= 0", "", seed, &seed, nullptr));
  PetscOptionsHeadEnd();
  PetscCheck(seed >= 0, PetscObjectComm(reinterpret_cast<PetscObject>(pc)),
             PETSC_ERR_ARG_OUTOFRANGE, "-pc_nystrom_seed %" PetscInt_FMT " must be >= 0", seed);
  o.seed = static_cast<std::uint64_t>(seed);
  o.mu = static_cast<double>(mu);
  o.tolerance = static_cast<double>(tolerance);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCView_Nystrom(PC pc, PetscViewer viewer) {
  PetscFunctionBegin;
  PetscCall(context(pc).View(viewer, context(pc).options.mu));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCReset_Nystrom(PC pc) {
  Context &self = context(pc);
  PetscFunctionBegin;
  static_cast<LowRankPc &>(self) = LowRankPc();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCDestroy_Nystrom(PC pc) {
  PetscFunctionBegin;
  delete static_cast<Context *>(pc->data);
  pc->data = nullptr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode PCCreate_Nystrom(PC pc) {
  PetscFunctionBegin;
  pc->data = new (std::nothrow) Context;
  PetscCheck(pc->data, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a PC");
  pc->ops->setup = PCSetUp_Nystrom;
  pc->ops->apply = PCApply_Nystrom;
  pc->ops->applytranspose = PCApply_Nystrom;
  pc->ops->setfromoptions = PCSetFromOptions_Nystrom;
  pc->ops->view = PCView_Nystrom;
  pc->ops->reset = PCReset_Nystrom;
  pc->ops->destroy = PCDestroy_Nystrom;
  PetscFunctionReturn(PETSC_SUCCESS);
}
