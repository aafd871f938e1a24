// SPDX-License-Identifier: BSD-2-Clause
#include "pc/low_rank.h"
#include "core/error.h"
#include <limits>

namespace lathe {
namespace {

LowRankPc &context(PC pc) {
  return *static_cast<LowRankPc *>(pc->data);
}

} // namespace

// Not positive semidefinite: KSPSolve ends with KSP_DIVERGED_PC_FAILED.
PetscErrorCode LowRankPc::SetUp(PC pc) {
  PetscFunctionBegin;
  LowRankPc &self = context(pc);
  self.ready_ = false;
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(pc)), {
    sketching::LowRank approximation;
    bool definite = false;
    const double mu = self.mu();
    PetscCall(self.Approximate(pc->pmat, &approximation, &definite));
    if (definite) {
      PetscCall(self.layout_.Create(pc->pmat));
      const double last = approximation.values.empty() ? 0 : approximation.values.back();
      const double top = self.vanishes_beyond() && mu > 0 ? mu : last + mu;
      self.inverse_ =
          sketching::LowRankPreconditioner(std::move(approximation), mu, top > 0 ? top : 1);
      self.work_ = sketching::MultiVector(self.layout_.rows(), 2);
      self.ready_ = true;
    } else {
      PetscCall(PetscInfo(pc, "The matrix minus %g I is not positive semidefinite\n", mu));
      pc->failedreason = PC_FACTOR_NUMERIC_ZEROPIVOT;
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// y ← P⁻¹x; infinite after a failed set-up, by which a KSP knows.
PetscErrorCode LowRankPc::Apply(PC pc, Vec x, Vec y) {
  PetscFunctionBegin;
  LowRankPc &self = context(pc);
  if (!self.ready_) {
    PetscCall(VecSet(y, std::numeric_limits<PetscReal>::infinity()));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(self.layout_.FromVec(x, self.work_.view().column(0)));
  PetscCall(self.inverse_.Apply(-1, self.work_.columns(0, 1), self.work_.columns(1, 1)));
  PetscCall(self.layout_.ToVec(self.work_.view().column(1), y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LowRankPc::View(PC pc, PetscViewer viewer) {
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  const LowRankPc &self = context(pc);
  PetscCall(
      PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (!ascii || !self.ready_)
    PetscFunctionReturn(PETSC_SUCCESS);
  const auto &values = self.inverse_.values();
  PetscCall(PetscViewerASCIIPrintf(viewer, "  rank %d, mu %g\n", static_cast<int>(values.size()),
                                   self.mu()));
  if (!values.empty())
    PetscCall(PetscViewerASCIIPrintf(viewer, "  approximated eigenvalues %g to %g\n",
                                     values.front() + self.mu(), values.back() + self.mu()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LowRankPc::Reset(PC pc) {
  PetscFunctionBegin;
  LowRankPc &self = context(pc);
  self.layout_ = {};
  self.inverse_ = {};
  self.work_ = {};
  self.ready_ = false;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LowRankPc::Create(PC pc, std::unique_ptr<LowRankPc> made) {
  PetscFunctionBegin;
  PetscCheck(made, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a PC");
  pc->data = made.release();
  pc->ops->setup = SetUp;
  pc->ops->apply = Apply;
  pc->ops->applytranspose = Apply;
  pc->ops->setfromoptions = [](PC p, LatheOptionItems items) {
    return context(p).SetFromOptions(p, items);
  };
  pc->ops->view = View;
  pc->ops->reset = Reset;
  pc->ops->destroy = [](PC p) -> PetscErrorCode {
    delete &context(p);
    p->data = nullptr;
    return PETSC_SUCCESS;
  };
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe
