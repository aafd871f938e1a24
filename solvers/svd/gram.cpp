// SPDX-License-Identifier: BSD-2-Clause
// -svd_type gram: the largest singular triplet with a certified bracket of its value. The triplet
// is the witness of the lower bound; LatheSVDGetNormBracket gives both ends.
#include "core/handle.h"
#include "lathe_solvers.h"
#include "lipschitz/norm_options.h"
#include "solver_types.h"
#include <new>
#include <slepc/private/svdimpl.h>

namespace {

constexpr const char *options_prefix = "-svd_gram_";

struct Gram {
  LatheNormOptions norm{};
  bool tolerance_set = false; // else SVDSetTolerances decides
  bool ready = false;
  LatheNormBracket bracket{};
};

PetscObject object(SVD svd) {
  return reinterpret_cast<PetscObject>(svd);
}

PetscErrorCode FirstUnitVector(Vec v) {
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  PetscCall(VecSet(v, 0));
  PetscCall(VecGetOwnershipRange(v, &begin, &end));
  if (begin == 0 && end > 0)
    PetscCall(VecSetValue(v, 0, 1, INSERT_VALUES));
  PetscCall(VecAssemblyBegin(v));
  PetscCall(VecAssemblyEnd(v));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SVDSetUp_Gram(SVD svd) {
  const MPI_Comm comm = PetscObjectComm(object(svd));
  PetscFunctionBegin;
  PetscCheck(!svd->isgeneralized && !svd->ishyperbolic, comm, PETSC_ERR_SUP,
             "svd_type gram solves the standard problem only; use -svd_type trlanczos");
  PetscCheck(svd->which == SVD_LARGEST, comm, PETSC_ERR_SUP,
             "svd_type gram brackets the largest singular value only; drop -svd_smallest or use "
             "-svd_type trlanczos");
  PetscCheck(svd->nsv == 1, comm, PETSC_ERR_SUP,
             "svd_type gram computes one singular triplet, %" PetscInt_FMT " were asked for; set "
             "-svd_nsv 1 or use -svd_type trlanczos",
             svd->nsv);
  PetscCheck(svd->stop == SVD_STOP_BASIC && svd->conv != SVD_CONV_USER, comm, PETSC_ERR_SUP,
             "svd_type gram stops by the width of its bracket; a user-defined convergence or "
             "stopping test is not supported, use -svd_gram_tolerance");
  svd->ncv = 1;
  svd->mpd = 1;
  if (svd->max_it == LATHE_DETERMINE)
    svd->max_it = 1;
  svd->leftbasis = PETSC_TRUE;
  PetscCall(SVDAllocateSolution(svd, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// SVD works with the taller of A and Aᴴ (svd->A) and swaps the bases afterwards; the norm and the
// witness are taken of svd->A alike.
PetscErrorCode SVDSolve_Gram(SVD svd) {
  auto &self = *static_cast<Gram *>(svd->data);
  Vec u = nullptr;
  Vec v = nullptr;
  PetscFunctionBegin;
  self.ready = false;
  LatheNormOptions options = self.norm;
  if (!self.tolerance_set && svd->tol != LATHE_DETERMINE)
    options.tolerance = static_cast<double>(svd->tol);
  PetscCall(BVGetColumn(svd->U, 0, &u));
  PetscCall(BVGetColumn(svd->V, 0, &v));
  PetscCall(LatheMatNormBracketWithVectors(svd->A, &options, &self.bracket, u, v));
  if (self.bracket.upper == 0) { // any two unit vectors are a triplet of a zero matrix
    PetscCall(FirstUnitVector(u));
    PetscCall(FirstUnitVector(v));
  }
  PetscCall(BVRestoreColumn(svd->V, 0, &v));
  PetscCall(BVRestoreColumn(svd->U, 0, &u));
  const LatheNormBracket &b = self.bracket;
  const double width = lathe::lipschitz::relative_width(b);
  svd->sigma[0] = static_cast<PetscReal>(b.lower);
  svd->errest[0] = static_cast<PetscReal>(width);
  svd->perm[0] = 0;
  svd->its = 1;
  const bool converged = width <= options.tolerance && b.certificate <= options.certificate;
  svd->nconv = converged ? 1 : 0;
  svd->reason = converged ? SVD_CONVERGED_TOL : SVD_DIVERGED_ITS;
  self.ready = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SVDSetFromOptions_Gram(SVD svd, LatheOptionItems PetscOptionsObject) {
  auto &self = *static_cast<Gram *>(svd->data);
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "SVD gram options"); // tolerance: else -svd_tol
  PetscCall(lathe::lipschitz::ReadNormOptions(PetscOptionsObject, options_prefix, &self.norm,
                                              &self.tolerance_set));
  PetscOptionsHeadEnd();
  PetscCall(
      lathe::lipschitz::CheckNormOptions(PetscObjectComm(object(svd)), self.norm, options_prefix));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SVDView_Gram(SVD svd, PetscViewer viewer) {
  const auto &self = *static_cast<Gram *>(svd->data);
  const LatheNormBracket &b = self.bracket;
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(
      PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (ascii && self.ready) {
    PetscCall(PetscViewerASCIIPrintf(
        viewer, "  largest singular value in [%.17g, %.17g], %s (%s, %lld products)\n", b.lower,
        b.upper, lathe::lipschitz::name(b.certificate), b.method, b.products));
    if (b.certificate == LATHE_CERTIFICATE_PROBABILISTIC)
      PetscCall(
          PetscViewerASCIIPrintf(viewer, "  failure probability %g\n", b.failure_probability));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SVDDestroy_Gram(SVD svd) {
  PetscFunctionBegin;
  delete static_cast<Gram *>(svd->data);
  svd->data = nullptr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SVDCreate_Gram(SVD svd) {
  PetscFunctionBegin;
  auto *self = new (std::nothrow) Gram;
  PetscCheck(self, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of an SVD");
  svd->data = self;
  PetscCall(LatheNormOptionsSetDefaults(&self->norm));
  svd->ops->setup = SVDSetUp_Gram;
  svd->ops->solve = SVDSolve_Gram;
  svd->ops->setfromoptions = SVDSetFromOptions_Gram;
  svd->ops->view = SVDView_Gram;
  svd->ops->destroy = SVDDestroy_Gram;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheSVDGetNormBracket(SVD svd, LatheNormBracket *bracket) {
  PetscBool same = PETSC_FALSE;
  PetscFunctionBegin;
  PetscValidHeaderSpecific(svd, SVD_CLASSID, 1);
  PetscCall(PetscObjectTypeCompare(object(svd), "gram", &same));
  PetscCheck(same, PetscObjectComm(object(svd)), PETSC_ERR_ARG_WRONG,
             "SVD of another type; choose it with -svd_type gram");
  const auto &self = *static_cast<Gram *>(svd->data);
  PetscCheck(self.ready, PetscObjectComm(object(svd)), PETSC_ERR_ARG_WRONGSTATE,
             "No bracket yet; call SVDSolve first");
  *bracket = self.bracket;
  PetscFunctionReturn(PETSC_SUCCESS);
}
