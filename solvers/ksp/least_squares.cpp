// SPDX-License-Identifier: BSD-2-Clause
// -ksp_type pne, spir, fossils: least squares to the last bit (sketching/least_squares.h) for a
// rectangular operator, dense, sparse or (spir, fossils) matrix-free, or for MATNORMAL of one, in a
// program that knows KSPLSQR only. The preconditioner
// is inside, so the PC is set to none: PETSc's default would be an incomplete factorisation of a
// rectangular matrix. Tolerances of the KSP are not read; a solve ends where corrections end.
#include "core/error.h"
#include "lathe_solvers.h"
#include "sketching/least_squares_options.h"
#include "sketching/least_squares_solver.h"
#include "solver_types.h"
#include <new>
#include <petsc/private/kspimpl.h>
#include <utility>
#include <vector>

namespace {

// A solution with a larger backward error is not one; the methods promise 2e-16 and 3e-15.
constexpr PetscReal stable = 1e-14;

struct Context {
  LatheLeastSquaresOptions options{};
  LatheLeastSquaresResult result{};
  lathe::sketching::LeastSquaresSolver solver;
  bool ready = false, solved = false;
  // What the solver was set up for: the operator, and what it holds.
  std::vector<std::pair<PetscObjectId, PetscObjectState>> matrix;
};

PetscObject object(KSP ksp) {
  return reinterpret_cast<PetscObject>(ksp);
}

// What MATNORMAL and the like hold changes without them.
PetscErrorCode Inside(Mat A, Mat *inner) {
  PetscBool normal = PETSC_FALSE, hermitian = PETSC_FALSE, transposed = PETSC_FALSE;
  const auto obj = reinterpret_cast<PetscObject>(A);
  PetscFunctionBegin;
  *inner = nullptr;
  PetscCall(PetscObjectTypeCompare(obj, MATNORMAL, &normal));
  PetscCall(PetscObjectTypeCompare(obj, MATNORMALHERMITIAN, &hermitian));
  PetscCall(PetscObjectTypeCompareAny(obj, &transposed, "transpose", "hermitiantranspose", ""));
  if (normal)
    PetscCall(MatNormalGetMat(A, inner));
  else if (hermitian)
    PetscCall(MatNormalHermitianGetMat(A, inner));
  else if (transposed)
    PetscCall(MatTransposeGetMat(A, inner));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Once for each state of the operator: in-place changes of a matrix are seen at the next solve.
PetscErrorCode EnsureSetUp(KSP ksp, Context &self) {
  const MPI_Comm comm = PetscObjectComm(object(ksp));
  Mat A = nullptr;
  std::vector<std::pair<PetscObjectId, PetscObjectState>> matrix;
  PetscFunctionBegin;
  PetscCall(KSPGetOperators(ksp, &A, nullptr));
  for (Mat part = A; part;) {
    auto &[id, state] = matrix.emplace_back();
    PetscCall(PetscObjectGetId(reinterpret_cast<PetscObject>(part), &id));
    PetscCall(PetscObjectStateGet(reinterpret_cast<PetscObject>(part), &state));
    Mat inner = nullptr;
    PetscCall(Inside(part, &inner));
    part = inner;
  }
  if (self.ready && matrix == self.matrix)
    PetscFunctionReturn(PETSC_SUCCESS);
  self.ready = false;
  LatheGuard(comm, PetscCall(self.solver.SetUp(A, nullptr, self.options)));
  self.matrix = std::move(matrix);
  self.ready = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSetUp_LeastSquares(KSP ksp) {
  PC pc = nullptr;
  PetscFunctionBegin;
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCSetType(pc, PCNONE));
  PetscCall(EnsureSetUp(ksp, *static_cast<Context *>(ksp->data)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSolve_LeastSquares(KSP ksp) {
  auto &self = *static_cast<Context *>(ksp->data);
  const MPI_Comm comm = PetscObjectComm(object(ksp));
  PetscReal largest = 0;
  PetscFunctionBegin;
  PetscCheck(!ksp->transpose_solve, comm, PETSC_ERR_SUP,
             "ksp_type %s has no transposed solve; give the transposed matrix as operator",
             object(ksp)->type_name);
  PetscCheck(!ksp->dscale, comm, PETSC_ERR_SUP,
             "-ksp_diagonal_scale needs a square matrix; ksp_type %s scales columns itself",
             object(ksp)->type_name);
  PetscCall(EnsureSetUp(ksp, self));
  ksp->its = 0;
  PetscCall(VecNorm(ksp->vec_rhs, NORM_INFINITY, &largest));
  if (PetscIsInfOrNanReal(largest)) {
    PetscCall(VecSet(ksp->vec_sol, 0));
    ksp->reason = KSP_DIVERGED_NANORINF;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const LatheLeastSquaresResult &r = self.result;
  LatheGuard(comm, PetscCall(self.solver.Solve(ksp->vec_rhs, ksp->vec_sol, &self.result)));
  self.solved = true;
  ksp->its = self.options.method == LATHE_LS_PNE ? r.refinements : r.iterations;
  ksp->rnorm = r.residual_norm;
  PetscCall(KSPLogResidualHistory(ksp, ksp->rnorm));
  PetscCall(KSPMonitor(ksp, ksp->its, ksp->rnorm));
  if (r.reason == LATHE_LS_STEPS_SPENT)
    ksp->reason = KSP_DIVERGED_ITS;
  else
    ksp->reason =
        r.backward_error <= stable ? KSP_CONVERGED_RTOL_NORMAL_EQUATIONS : KSP_DIVERGED_BREAKDOWN;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSetFromOptions_LeastSquares(KSP ksp, LatheOptionItems PetscOptionsObject) {
  auto &self = *static_cast<Context *>(ksp->data);
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "KSP least-squares options");
  PetscCall(lathe::sketching::ReadLeastSquaresOptions(PetscOptionsObject, "-ksp_ls_", false,
                                                      &self.options));
  PetscOptionsHeadEnd();
  PetscCall(lathe::sketching::CheckLeastSquaresOptions(PetscObjectComm(object(ksp)), "-ksp_ls_",
                                                       self.options));
  self.ready = false;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Print(const Context &self, PetscViewer viewer) {
  const LatheLeastSquaresResult &r = self.result;
  PetscFunctionBegin;
  PetscCall(PetscViewerASCIIPrintf(
      viewer,
      "  least squares by %s, refine %s: %s, backward error %.2g, %.1f digits, rank %" PetscInt_FMT
      ", condition %.2g, residual norm %.17g\n",
      LatheLeastSquaresMethodName(self.options.method), LatheRefineName(self.solver.refine()),
      LatheLeastSquaresReasonName(r.reason), static_cast<double>(r.backward_error),
      static_cast<double>(r.digits), r.rank, static_cast<double>(r.cond_estimate),
      static_cast<double>(r.residual_norm)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPView_LeastSquares(KSP ksp, PetscViewer viewer) {
  const auto &self = *static_cast<Context *>(ksp->data);
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(
      PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (ascii && self.solved)
    PetscCall(Print(self, viewer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode IsLeastSquares(KSP ksp, PetscBool *same) {
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompareAny(object(ksp), same, "pne", "spir", "fossils", ""));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// With -ksp_converged_reason, before PETSc's own line.
PetscErrorCode ViewReason(KSP ksp, void *) {
  const char *prefix = nullptr;
  PetscBool asked = PETSC_FALSE, same = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(IsLeastSquares(ksp, &same)); // the type may have been changed since
  PetscCall(KSPGetOptionsPrefix(ksp, &prefix));
  PetscCall(PetscOptionsHasName(object(ksp)->options, prefix, "-ksp_converged_reason", &asked));
  if (asked && same && static_cast<Context *>(ksp->data)->solved)
    PetscCall(Print(*static_cast<Context *>(ksp->data),
                    PETSC_VIEWER_STDOUT_(PetscObjectComm(object(ksp)))));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPReset_LeastSquares(KSP ksp) {
  auto &self = *static_cast<Context *>(ksp->data);
  PetscFunctionBegin;
  self.solver = {};
  self.ready = self.solved = false;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPDestroy_LeastSquares(KSP ksp) {
  PetscFunctionBegin;
  delete static_cast<Context *>(ksp->data);
  ksp->data = nullptr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Create(KSP ksp, LatheLeastSquaresMethod method) {
  PetscFunctionBegin;
  auto *self = new (std::nothrow) Context;
  PetscCheck(self, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a KSP");
  ksp->data = self;
  PetscCall(LatheLeastSquaresOptionsSetDefaults(&self->options));
  self->options.method = method;
  PetscCall(KSPSetSupportedNorm(ksp, KSP_NORM_UNPRECONDITIONED, PC_LEFT, 3));
  PetscCall(KSPSetSupportedNorm(ksp, KSP_NORM_NONE, PC_LEFT, 1));
  PetscCall(KSPConvergedReasonViewSet(ksp, ViewReason, nullptr, nullptr));
  ksp->setupnewmatrix = PETSC_TRUE;
  ksp->ops->setup = KSPSetUp_LeastSquares;
  ksp->ops->solve = KSPSolve_LeastSquares;
  ksp->ops->reset = KSPReset_LeastSquares;
  ksp->ops->destroy = KSPDestroy_LeastSquares;
  ksp->ops->setfromoptions = KSPSetFromOptions_LeastSquares;
  ksp->ops->view = KSPView_LeastSquares;
  ksp->ops->buildsolution = KSPBuildSolutionDefault;
  ksp->ops->buildresidual = KSPBuildResidualDefault;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode KSPCreate_Pne(KSP ksp) {
  PetscFunctionBegin;
  PetscCall(Create(ksp, LATHE_LS_PNE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPCreate_Spir(KSP ksp) {
  PetscFunctionBegin;
  PetscCall(Create(ksp, LATHE_LS_SPIR));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPCreate_Fossils(KSP ksp) {
  PetscFunctionBegin;
  PetscCall(Create(ksp, LATHE_LS_FOSSILS));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheKSPGetLeastSquaresResult(KSP ksp, LatheLeastSquaresResult *result) {
  PetscBool same = PETSC_FALSE;
  PetscFunctionBegin;
  PetscValidHeaderSpecific(ksp, KSP_CLASSID, 1);
  PetscCall(IsLeastSquares(ksp, &same));
  PetscCheck(same, PetscObjectComm(object(ksp)), PETSC_ERR_ARG_WRONG,
             "KSP of another type; choose it with -ksp_type pne, spir or fossils");
  const auto &self = *static_cast<Context *>(ksp->data);
  PetscCheck(self.solved, PetscObjectComm(object(ksp)), PETSC_ERR_ARG_WRONGSTATE,
             "No result yet; call KSPSolve first");
  *result = self.result;
  PetscFunctionReturn(PETSC_SUCCESS);
}
