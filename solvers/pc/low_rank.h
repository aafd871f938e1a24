// SPDX-License-Identifier: BSD-2-Clause
// What the preconditioners of type nystrom and rpcholesky share: P⁻¹ from a low-rank approximation.
#pragma once
#include "sketching/nystrom.h"
#include <petsc/private/pcimpl.h>
#include <limits>
#include <new>

namespace lathe {

struct LowRankPc {
  sketching::ColumnLayout layout;
  sketching::LowRankPreconditioner inverse;
  sketching::MultiVector work; // two columns
  bool ready = false;

  /// y ← P⁻¹x; infinite after a failed set-up, by which a KSP knows.
  PetscErrorCode Apply(Vec x, Vec y) {
    PetscFunctionBegin;
    if (!ready) {
      PetscCall(VecSet(y, std::numeric_limits<PetscReal>::infinity()));
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    PetscCall(layout.FromVec(x, work.view().column(0)));
    PetscCall(inverse.Apply(-1, work.columns(0, 1), work.columns(1, 1)));
    PetscCall(layout.ToVec(work.view().column(1), y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// Take the approximation K ≈ U·diag(λ)·Uᵀ of A = K + mu·I. top_is_mu: K is taken as zero beyond
  /// U.
  PetscErrorCode Set(Mat A, sketching::LowRank approximation, double mu, bool top_is_mu) {
    PetscFunctionBegin;
    PetscCall(layout.Create(A));
    const double last = approximation.values.empty() ? 0 : approximation.values.back();
    const double top = top_is_mu && mu > 0 ? mu : last + mu;
    inverse = sketching::LowRankPreconditioner(std::move(approximation), mu, top > 0 ? top : 1);
    work = sketching::MultiVector(layout.rows(), 2);
    ready = true;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode View(PetscViewer viewer, double mu) const {
    PetscBool ascii = PETSC_FALSE;
    PetscFunctionBegin;
    PetscCall(
        PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
    if (!ascii || !ready)
      PetscFunctionReturn(PETSC_SUCCESS);
    const auto &values = inverse.values();
    PetscCall(
        PetscViewerASCIIPrintf(viewer, "  rank %d, mu %g\n", static_cast<int>(values.size()), mu));
    if (!values.empty())
      PetscCall(PetscViewerASCIIPrintf(viewer, "  approximated eigenvalues %g to %g\n",
                                       values.front() + mu, values.back() + mu));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
};

/// KSPSolve then ends with KSP_DIVERGED_PC_FAILED.
inline PetscErrorCode SetZeroPivot(PC pc, double mu) {
  PetscFunctionBegin;
  PetscCall(PetscInfo(pc, "The matrix minus %g I is not positive semidefinite\n", mu));
  pc->failedreason = PC_FACTOR_NUMERIC_ZEROPIVOT;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe
