// SPDX-License-Identifier: BSD-2-Clause
// -ksp_type certifiedchebyshev: PETSc's KSPCHEBYSHEV with an interval whose upper end is a
// certified bound of the largest eigenvalue of M⁻¹A, where PETSc takes 1.1 times an estimate from
// below. The type is KSPCHEBYSHEV itself with another set-up, options and view: monitors, norms,
// convergence tests and the use as a multigrid smoother are PETSc's.
#include "core/handle.h"
#include "lathe_solvers.h"
#include "lipschitz/chebyshev_interval.h"
#include "lipschitz/norm_options.h"
#include "lipschitz/symmetrized.h"
#include "solver_types.h"
#include <new>
#include <petsc/private/kspimpl.h>

namespace {

constexpr const char *context_key = "lathe_certifiedchebyshev";
constexpr const char *options_prefix = "-ksp_certifiedchebyshev_";

struct Context {
  struct _KSPOps parent {}; // of KSPCHEBYSHEV, which keeps ksp->data
  LatheNormOptions norm{};
  lathe::lipschitz::SmallestEigenvalueOptions smallest;
  PetscReal emin = 0;      // of the user; 0: estimated
  PetscReal safety = 0.95; // lower end over its estimate, which lies above the eigenvalue
  PetscReal fraction = 10; // upper over lower end of a smoother's interval
  int smoother = -1;       // 0, 1; −1: a KSP that computes no residual norm is a smoother
  bool ready = false;
  lathe::lipschitz::ChebyshevInterval interval;
  PetscObjectId matrix = 0; // what the interval belongs to
  PetscObjectState matrix_state = 0, preconditioner_state = 0;
};

template <class T> PetscObject object(T x) {
  return reinterpret_cast<PetscObject>(x);
}

PetscErrorCode DestroyContext(void *argument) {
  delete static_cast<Context *>(LATHE_CONTAINER_POINTER(argument));
  return PETSC_SUCCESS;
}

PetscErrorCode GetContext(KSP ksp, Context **context) {
  PetscContainer container = nullptr;
  void *pointer = nullptr;
  PetscFunctionBegin;
  PetscCall(
      PetscObjectQuery(object(ksp), context_key, reinterpret_cast<PetscObject *>(&container)));
  PetscCheck(container, PetscObjectComm(object(ksp)), PETSC_ERR_ARG_WRONG,
             "KSP of another type; choose it with -ksp_type certifiedchebyshev");
  PetscCall(PetscContainerGetPointer(container, &pointer));
  *context = static_cast<Context *>(pointer);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LowerEnd(KSP ksp, const Context &self, Mat A, Mat S, double upper, double *lower) {
  MatNullSpace null_space = nullptr;
  PetscFunctionBegin;
  if (self.emin > 0) {
    *lower = static_cast<double>(self.emin);
    PetscCheck(*lower < upper, PetscObjectComm(object(ksp)), PETSC_ERR_ARG_OUTOFRANGE,
               "-ksp_certifiedchebyshev_emin %g must lie below the largest eigenvalue, at most %g",
               *lower, upper);
  } else if (self.smoother < 0 ? ksp->normtype == KSP_NORM_NONE : self.smoother == 1) {
    *lower = upper / static_cast<double>(self.fraction);
  } else {
    // The null space of D^(-1/2) A D^(-1/2) is D^(1/2) times that of A; the copy carries none.
    PetscCall(MatGetNullSpace(A, &null_space));
    PetscCheck(!null_space || A == S, PetscObjectComm(object(ksp)), PETSC_ERR_SUP,
               "With a null space and a preconditioner the smallest nonzero eigenvalue is not "
               "estimated; give it with -ksp_certifiedchebyshev_emin, or use -pc_type none");
    PetscCall(lathe::lipschitz::SmallestEigenvalue(S, self.smallest, lower));
    *lower *= static_cast<double>(self.safety);
  }
  // A multiple of the identity has one eigenvalue; PETSc wants an interval.
  *lower = *lower < 0.999 * upper ? *lower : 0.999 * upper;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ComputeInterval(KSP ksp, Context &self) {
  const MPI_Comm comm = PetscObjectComm(object(ksp));
  Mat A = nullptr;
  PC pc = nullptr;
  lathe::MatHandle S;
  LatheNormBracket &largest = self.interval.largest;
  PetscFunctionBegin;
  PetscCheck(
      !ksp->dscale, comm, PETSC_ERR_SUP,
      "-ksp_diagonal_scale changes the operator after its spectrum was bounded; use -pc_type "
      "jacobi, which has the same effect");
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCGetOperators(pc, &A, nullptr));
  PetscCall(LatheMatCreateSymmetrized(A, pc, S.out()));
  PetscCall(LatheMatNormBracket(S, &self.norm, &largest));
  PetscCheck(largest.certificate <= self.norm.certificate, comm, PETSC_ERR_SUP,
             "No %s bound of the largest eigenvalue is within reach for this operator (best: %s); "
             "accept a weaker one with -ksp_certifiedchebyshev_certificate",
             lathe::lipschitz::name(self.norm.certificate),
             lathe::lipschitz::name(largest.certificate));
  PetscCheck(largest.upper > 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "The operator is zero: Chebyshev iteration needs positive eigenvalues");
  PetscCall(LowerEnd(ksp, self, A, S, largest.upper, &self.interval.lower));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Once for each state of the operator: in-place changes of a matrix are seen at the next solve.
PetscErrorCode EnsureInterval(KSP ksp, Context **context) {
  Mat A = nullptr;
  Mat P = nullptr;
  PetscObjectId id = 0;
  PetscObjectState state = 0;
  PetscObjectState pstate = 0;
  PetscFunctionBegin;
  PetscCall(GetContext(ksp, context));
  Context &self = **context;
  PetscCall(KSPGetOperators(ksp, &A, &P));
  PetscCall(PetscObjectGetId(object(A), &id));
  PetscCall(PetscObjectStateGet(object(A), &state));
  PetscCall(PetscObjectStateGet(object(P), &pstate));
  if (self.ready && id == self.matrix && state == self.matrix_state &&
      pstate == self.preconditioner_state)
    PetscFunctionReturn(PETSC_SUCCESS);
  self.ready = false;
  PetscCall(ComputeInterval(ksp, self));
  PetscCall(KSPChebyshevSetEigenvalues(ksp, static_cast<PetscReal>(self.interval.largest.upper),
                                       static_cast<PetscReal>(self.interval.lower)));
  self.matrix = id;
  self.matrix_state = state;
  self.preconditioner_state = pstate;
  self.ready = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSetUp_CertifiedChebyshev(KSP ksp) {
  Context *self = nullptr;
  PetscFunctionBegin;
  PetscCall(EnsureInterval(ksp, &self));
  PetscCall(self->parent.setup(ksp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSolve_CertifiedChebyshev(KSP ksp) {
  Context *self = nullptr;
  PetscFunctionBegin;
  PetscCall(EnsureInterval(ksp, &self));
  PetscCall(self->parent.solve(ksp));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CheckOptions(KSP ksp, const Context &self) {
  const MPI_Comm comm = PetscObjectComm(object(ksp));
  PetscFunctionBegin;
  PetscCall(lathe::lipschitz::CheckNormOptions(comm, self.norm, options_prefix));
  PetscCheck(self.smallest.steps >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-ksp_certifiedchebyshev_emin_steps must be at least 1");
  PetscCheck(self.fraction > 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-ksp_certifiedchebyshev_fraction %g must exceed 1",
             static_cast<double>(self.fraction));
  PetscCheck(self.emin >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-ksp_certifiedchebyshev_emin %g must be positive, or 0 to estimate it",
             static_cast<double>(self.emin));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPSetFromOptions_CertifiedChebyshev(KSP ksp, LatheOptionItems PetscOptionsObject) {
  Context *self = nullptr;
  PetscBool set = PETSC_FALSE;
  PetscBool smoother = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(GetContext(ksp, &self));
  // The options of KSPCHEBYSHEV are not offered: they would set the interval as well.
  PetscOptionsHeadBegin(PetscOptionsObject, "KSP certifiedchebyshev options");
  PetscCall(
      lathe::lipschitz::ReadNormOptions(PetscOptionsObject, options_prefix, &self->norm, nullptr));
  PetscCall(PetscOptionsBool("-ksp_certifiedchebyshev_smoother",
                             "cover the upper part of the spectrum only (default: when the KSP "
                             "computes no residual norm, as in multigrid)",
                             "", self->smoother == 1 ? PETSC_TRUE : PETSC_FALSE, &smoother, &set));
  if (set)
    self->smoother = smoother ? 1 : 0;
  PetscCall(PetscOptionsReal("-ksp_certifiedchebyshev_fraction",
                             "upper over lower end of a smoother's interval, > 1", "",
                             self->fraction, &self->fraction, nullptr));
  PetscCall(PetscOptionsReal("-ksp_certifiedchebyshev_emin", "lower end, > 0 (0: estimate it)", "",
                             self->emin, &self->emin, nullptr));
  PetscCall(PetscOptionsInt("-ksp_certifiedchebyshev_emin_steps",
                            "products to estimate the lower end, at most; >= 1", "",
                            self->smallest.steps, &self->smallest.steps, nullptr));
  PetscOptionsHeadEnd();
  self->ready = false;
  PetscCall(CheckOptions(ksp, *self));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPView_CertifiedChebyshev(KSP ksp, PetscViewer viewer) {
  Context *self = nullptr;
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(GetContext(ksp, &self));
  PetscCall(PetscObjectTypeCompare(object(viewer), PETSCVIEWERASCII, &ascii));
  if (ascii && self->ready) {
    const LatheNormBracket &b = self->interval.largest;
    PetscCall(PetscViewerASCIIPrintf(
        viewer, "  interval [%g, %g]; largest eigenvalue in [%g, %g], %s (%s, %lld products)\n",
        self->interval.lower, b.upper, b.lower, b.upper, lathe::lipschitz::name(b.certificate),
        b.method, b.products));
    if (b.certificate == LATHE_CERTIFICATE_PROBABILISTIC)
      PetscCall(
          PetscViewerASCIIPrintf(viewer, "  failure probability %g\n", b.failure_probability));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KSPDestroy_CertifiedChebyshev(KSP ksp) {
  Context *self = nullptr;
  PetscFunctionBegin;
  PetscCall(GetContext(ksp, &self));
  PetscCall(self->parent.destroy(ksp));
  PetscCall(PetscObjectCompose(object(ksp), context_key, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode KSPCreate_CertifiedChebyshev(KSP ksp) {
  PetscErrorCode (*create)(KSP) = nullptr;
  lathe::Handle<PetscContainer, PetscContainerDestroy> container;

  PetscFunctionBegin;
  PetscCall(PetscFunctionListFind(KSPList, KSPCHEBYSHEV, &create));
  PetscCheck(create, PetscObjectComm(object(ksp)), PETSC_ERR_LIB, "PETSc has no KSPCHEBYSHEV");
  PetscCall(PetscContainerCreate(PetscObjectComm(object(ksp)), container.out()));
  PetscCall(LatheContainerSetDestroy(container, DestroyContext));
  auto *self = new (std::nothrow) Context;
  PetscCheck(self, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a KSP");
  PetscCall(PetscContainerSetPointer(container, self));
  PetscCall(PetscObjectCompose(object(ksp), context_key, object(container.get())));
  PetscCall(LatheNormOptionsSetDefaults(&self->norm));
  // A bracket of 2 % costs 1 % of the iterations; the default kind is one that always exists.
  self->norm.tolerance = 0.02;
  self->norm.certificate = LATHE_CERTIFICATE_PROBABILISTIC;
  self->norm.warn = PETSC_FALSE; // a weaker kind is an error here

  PetscCall(create(ksp));
  self->parent = *ksp->ops;
  ksp->ops->setup = KSPSetUp_CertifiedChebyshev;
  ksp->ops->solve = KSPSolve_CertifiedChebyshev;
  ksp->ops->setfromoptions = KSPSetFromOptions_CertifiedChebyshev;
  ksp->ops->view = KSPView_CertifiedChebyshev;
  ksp->ops->destroy = KSPDestroy_CertifiedChebyshev;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheKSPGetEigenvalueBracket(KSP ksp, LatheNormBracket *bracket) {
  Context *self = nullptr;
  PetscFunctionBegin;
  PetscValidHeaderSpecific(ksp, KSP_CLASSID, 1);
  PetscCall(GetContext(ksp, &self));
  PetscCheck(self->ready, PetscObjectComm(object(ksp)), PETSC_ERR_ARG_WRONGSTATE,
             "No interval yet; call KSPSetUp first");
  *bracket = self->interval.largest;
  PetscFunctionReturn(PETSC_SUCCESS);
}
