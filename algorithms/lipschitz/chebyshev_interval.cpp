// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/chebyshev_interval.h"
#include "core/handle.h"
#include "core/random.h"
#include <petscksp.h>

namespace lathe::lipschitz {

namespace {

PetscErrorCode RandomRightHandSide(Mat S, unsigned long long seed, Vec b) {
  constexpr std::uint64_t stream = 0x43484542; // apart from the streams of the norm search
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscScalar *values = nullptr;
  MatNullSpace null_space = nullptr;
  PetscFunctionBegin;
  PetscCall(VecGetOwnershipRange(b, &begin, &end));
  PetscCall(VecGetArrayWrite(b, &values));
  for (PetscInt i = begin; i < end; ++i)
    values[i - begin] = random::normal(seed, stream, static_cast<std::uint64_t>(i));
  PetscCall(VecRestoreArrayWrite(b, &values));
  PetscCall(MatGetNullSpace(S, &null_space));
  if (null_space)
    PetscCall(MatNullSpaceRemove(null_space, b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SmallestEigenvalue(Mat S, const SmallestEigenvalueOptions &options, double *value) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(S));
  Handle<KSP, KSPDestroy> cg;
  VecHandle x, b;
  PC pc = nullptr;
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PetscReal largest = 0;
  PetscReal smallest = 0;

  PetscFunctionBegin;
  PetscCall(MatCreateVecs(S, x.out(), b.out()));
  PetscCall(RandomRightHandSide(S, options.seed, b));
  // No KSPSetFromOptions: this is a Lanczos process, not a solver for the user to choose.
  PetscCall(KSPCreate(comm, cg.out()));
  PetscCall(KSPSetOperators(cg, S, S));
  PetscCall(KSPSetType(cg, KSPCG));
  PetscCall(KSPGetPC(cg, &pc));
  PetscCall(PCSetType(pc, PCNONE));
  PetscCall(KSPSetComputeSingularValues(cg, PETSC_TRUE));
  PetscCall(KSPSetTolerances(cg, options.tolerance, 0, PETSC_INFINITY, options.steps));
  PetscCall(KSPSolve(cg, b, x));
  PetscCall(KSPGetConvergedReason(cg, &reason));
  PetscCall(KSPComputeExtremeSingularValues(cg, &largest, &smallest));
  PetscCheck(reason != KSP_DIVERGED_INDEFINITE_MAT && smallest > 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "The (symmetrised) operator is not positive definite: smallest Ritz value %g of "
             "conjugate gradients. Chebyshev iteration needs positive eigenvalues; use -ksp_type "
             "minres or gmres, or attach the null space with MatSetNullSpace",
             static_cast<double>(smallest));
  *value = static_cast<double>(smallest);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
