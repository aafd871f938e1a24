// SPDX-License-Identifier: BSD-2-Clause
// What the preconditioners of type nystrom and rpcholesky share: everything but the low-rank
// approximation K ≈ U·diag(λ)·Uᵀ of A = K + mu·I, from which they make P⁻¹.
#pragma once
#include "core/petsc_compat.h"
#include "sketching/nystrom.h"
#include <petsc/private/pcimpl.h>
#include <memory>
#include <new>

namespace lathe {

/// Context of such a PC. A type derives from it, says how K is approximated and with what options.
class LowRankPc {
public:
  virtual ~LowRankPc() = default;

  /// Approximates K = A − mu·I; definite: whether K is positive semidefinite. May throw.
  /// Collective.
  virtual PetscErrorCode Approximate(Mat A, sketching::LowRank *approximation, bool *definite) = 0;
  virtual PetscErrorCode SetFromOptions(PC pc, LatheOptionItems PetscOptionsObject) = 0;
  [[nodiscard]] virtual double mu() const noexcept = 0;
  /// The eigenvalue of A beyond U: the last of the approximation, or mu where K is zero there.
  [[nodiscard]] virtual bool vanishes_beyond() const noexcept = 0;

  /// Gives pc this context and every operation. pc->data is null on failure.
  static PetscErrorCode Create(PC pc, std::unique_ptr<LowRankPc> context);

private:
  sketching::ColumnLayout layout_;
  sketching::LowRankPreconditioner inverse_;
  sketching::MultiVector work_; // two columns
  bool ready_ = false;

  static PetscErrorCode SetUp(PC pc);
  static PetscErrorCode Apply(PC pc, Vec x, Vec y);
  static PetscErrorCode View(PC pc, PetscViewer viewer);
  static PetscErrorCode Reset(PC pc);
};

} // namespace lathe
