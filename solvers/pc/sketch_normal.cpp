// SPDX-License-Identifier: BSD-2-Clause
// -pc_type sketchnormal: preconditioner for AᵀA from a sketch of A (sketching/sketched_factor.h),
// for KSPLSQR, KSPCG and others with a Pmat of type MATNORMAL or MATNORMALHERMITIAN, which PETSc's
// programs for least squares hand over. With S·A·D = Q·R it is (AᵀA)⁻¹ ≈ D·R⁻¹·R⁻ᵀ·D: the condition
// number of the preconditioned matrix is ((1 + ε)/(1 − ε))², ε about √(n/d), whatever that of A is.
#include "core/error.h"
#include "sketching/sketched_factor.h"
#include "sketching/sparse_stack.h"
#include "core/citation.h"
#include "core/handle.h"
#include "solver_types.h"
#include <limits>
#include <memory>
#include <new>
#include <petsc/private/pcimpl.h>

namespace {

using namespace lathe;
using namespace lathe::sketching;

struct Context {
  PetscReal factor = 4;
  PetscInt nonzeros = 8, seed = 1;
  SketchedFactor p;
  ScatterHandle gather;
  VecHandle all;
};

Context &context(PC pc) {
  return *static_cast<Context *>(pc->data);
}

PetscErrorCode CheckOptions(PC pc) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(pc));
  const Context &self = context(pc);
  PetscFunctionBegin;
  PetscCheck(self.factor > 1 && self.factor <= 1000, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_sketchnormal_factor %g; must be > 1 and <= 1000",
             static_cast<double>(self.factor));
  PetscCheck(self.nonzeros >= 1 && self.nonzeros <= max_nonzeros, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_sketchnormal_nnz %" PetscInt_FMT "; must be 1 to %d", self.nonzeros,
             max_nonzeros);
  PetscCheck(self.seed >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_sketchnormal_seed %" PetscInt_FMT "; must be >= 0", self.seed);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// A of the normal matrix AᵀA.
PetscErrorCode FactorOf(PC pc, Mat *A) {
  const auto pmat = reinterpret_cast<PetscObject>(pc->pmat);
  PetscBool normal = PETSC_FALSE;
  PetscBool hermitian = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompare(pmat, MATNORMAL, &normal));
  PetscCall(PetscObjectTypeCompare(pmat, MATNORMALHERMITIAN, &hermitian));
  PetscCheck(normal || hermitian, PetscObjectComm(pmat), PETSC_ERR_SUP,
             "pc_type sketchnormal needs a Pmat of type normal or normalh (MatCreateNormal of the "
             "rectangular matrix), not %s",
             pmat->type_name);
  if (normal)
    PetscCall(MatNormalGetMat(pc->pmat, A));
  else
    PetscCall(MatNormalHermitianGetMat(pc->pmat, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCSetUp_SketchNormal(PC pc) {
  Context &self = context(pc);
  Mat A = nullptr;
  PetscInt m = 0;
  PetscInt n = 0;
  PetscFunctionBegin;
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(pc));
  PetscCall(CheckOptions(pc));
  PetscCall(FactorOf(pc, &A));
  PetscCall(MatGetSize(A, &m, &n));
  PetscCheck(m >= n, comm, PETSC_ERR_ARG_SIZ,
             "pc_type sketchnormal needs a matrix with at least as many rows as columns, not "
             "%" PetscInt_FMT " x %" PetscInt_FMT,
             m, n);
  PetscCall(Cite("MartinssonTropp2020"));
  LatheGuard(comm, {
    LocalRows rows;
    VecHandle x;
    PetscCall(rows.Create(A));
    PetscCall(self.p.Create(A, rows, nullptr, 0,
                            {.factor = static_cast<double>(self.factor),
                             .nonzeros = static_cast<int>(self.nonzeros),
                             .seed = static_cast<std::uint64_t>(self.seed)}));
    const double cut = 30 * std::numeric_limits<double>::epsilon();
    if (!(self.p.condition() < 1 / cut))
      PetscCall(self.p.Truncate(cut));
    PetscCall(MatCreateVecs(A, x.out(), nullptr));
    PetscCall(VecScatterCreateToAll(x, self.gather.out(), self.all.out()));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// y ← D·P·Pᵀ·D·x, on every rank alike.
PetscErrorCode PCApply_SketchNormal(PC pc, Vec x, Vec y) {
  Context &self = context(pc);
  const PetscScalar *in = nullptr;
  PetscScalar *out = nullptr;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(VecScatterBegin(self.gather, x, self.all, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecScatterEnd(self.gather, x, self.all, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecGetOwnershipRange(y, &begin, &end));
  PetscCall(VecGetArrayRead(self.all, &in));
  PetscCall(VecGetArrayWrite(y, &out));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(pc)), {
    const std::vector<double> &d = self.p.scale();
    std::vector<double> v(d.size());
    for (std::size_t j = 0; j < v.size(); ++j)
      v[j] = d[j] * PetscRealPart(in[j]);
    self.p.multiply_transposed(&v);
    self.p.multiply(&v);
    for (PetscInt j = begin; j < end; ++j)
      out[j - begin] = d[static_cast<std::size_t>(j)] * v[static_cast<std::size_t>(j)];
  });
  PetscCall(VecRestoreArrayWrite(y, &out));
  PetscCall(VecRestoreArrayRead(self.all, &in));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCSetFromOptions_SketchNormal(PC pc, LatheOptionItems PetscOptionsObject) {
  Context &self = context(pc);
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "PC sketchnormal options");
  PetscCall(PetscOptionsReal("-pc_sketchnormal_factor",
                             "rows of the sketch over columns of the matrix; > 1", "", self.factor,
                             &self.factor, nullptr));
  PetscCall(PetscOptionsInt("-pc_sketchnormal_nnz", "entries of the sketch in a column, 1 to 64",
                            "", self.nonzeros, &self.nonzeros, nullptr));
  PetscCall(PetscOptionsInt("-pc_sketchnormal_seed", "of the sketch, >= 0", "", self.seed,
                            &self.seed, nullptr));
  PetscOptionsHeadEnd();
  PetscCall(CheckOptions(pc));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCView_SketchNormal(PC pc, PetscViewer viewer) {
  const Context &self = context(pc);
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(
      PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (!ascii)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscViewerASCIIPrintf(
      viewer, "  sketch of %g rows a column, %" PetscInt_FMT " nonzeros, seed %" PetscInt_FMT "\n",
      static_cast<double>(self.factor), self.nonzeros, self.seed));
  if (self.all)
    PetscCall(PetscViewerASCIIPrintf(viewer, "  rank %zu of %zu\n", self.p.rank(), self.p.cols()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCReset_SketchNormal(PC pc) {
  Context &self = context(pc);
  PetscFunctionBegin;
  self.p = {};
  self.gather.reset();
  self.all.reset();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode PCDestroy_SketchNormal(PC pc) {
  PetscFunctionBegin;
  delete &context(pc);
  pc->data = nullptr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode PCCreate_SketchNormal(PC pc) {
  PetscFunctionBegin;
  auto *self = new (std::nothrow) Context;
  PetscCheck(self, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a PC");
  pc->data = self;
  pc->ops->setup = PCSetUp_SketchNormal;
  pc->ops->apply = PCApply_SketchNormal;
  pc->ops->applytranspose = PCApply_SketchNormal;
  pc->ops->setfromoptions = PCSetFromOptions_SketchNormal;
  pc->ops->view = PCView_SketchNormal;
  pc->ops->reset = PCReset_SketchNormal;
  pc->ops->destroy = PCDestroy_SketchNormal;
  PetscFunctionReturn(PETSC_SUCCESS);
}
