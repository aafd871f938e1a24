// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/symmetrized.h"
#include "core/error.h"
#include "core/handle.h"
#include "core/random.h"
#include <petsc/private/pcimpl.h>
#include <memory>

namespace {

using lathe::MatHandle;
using lathe::VecHandle;

constexpr std::uint64_t probe_seed = 0x53594d4d; // any fixed value: the checks are reproducible

// L⁻¹ and L⁻ᴴ, as a diagonal or as the halves of a preconditioner, around A.
struct Symmetrized {
  MatHandle A;
  lathe::Handle<PC, PCDestroy> pc; // null: diagonal
  VecHandle diagonal;              // of M^(-1/2)
  VecHandle before, after;

  PetscErrorCode Apply(Vec x, Vec y) {
    PetscFunctionBegin;
    if (pc) {
      PetscCall(PCApplySymmetricRight(pc, x, before));
      PetscCall(MatMult(A, before, after));
      PetscCall(PCApplySymmetricLeft(pc, after, y));
    } else {
      PetscCall(VecPointwiseMult(before, diagonal, x));
      PetscCall(MatMult(A, before, after));
      PetscCall(VecPointwiseMult(y, diagonal, after));
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
};

PetscErrorCode MatMult_Symmetrized(Mat S, Vec x, Vec y) {
  Symmetrized *self = nullptr;
  PetscFunctionBegin;
  PetscCall(MatShellGetContext(S, &self));
  PetscCall(self->Apply(x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatDestroy_Symmetrized(Mat S) {
  Symmetrized *self = nullptr;
  PetscFunctionBegin;
  PetscCall(MatShellGetContext(S, &self));
  delete self;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FillRandom(Vec x, std::uint64_t stream) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscScalar *values = nullptr;
  PetscFunctionBegin;
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  PetscCall(VecGetArrayWrite(x, &values));
  for (PetscInt i = begin; i < end; ++i)
    values[i - begin] = lathe::random::normal(probe_seed, stream, static_cast<std::uint64_t>(i));
  PetscCall(VecRestoreArrayWrite(x, &values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// ⟨Sx, y⟩ = ⟨x, Sy⟩ for one random pair: fails with probability 1 unless S is Hermitian. Real
// random vectors suffice: an operator with S − Sᴴ ≠ 0 has yᵀ(S − Sᴴ)x ≠ 0 for almost all real x, y.
PetscErrorCode CheckHermitian(Mat S, const char *what) {
  VecHandle x, y, Sx, Sy;
  PetscScalar left = 0, right = 0;
  PetscReal scale_x = 0, scale_y = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(S, x.out(), Sx.out()));
  PetscCall(VecDuplicate(x, y.out()));
  PetscCall(VecDuplicate(Sx, Sy.out()));
  PetscCall(FillRandom(x, 0));
  PetscCall(FillRandom(y, 1));
  PetscCall(MatMult(S, x, Sx));
  PetscCall(MatMult(S, y, Sy));
  PetscCall(VecDot(Sx, y, &left));  // yᴴSx
  PetscCall(VecDot(x, Sy, &right)); // (Sy)ᴴx
  PetscCall(VecNorm(Sx, NORM_2, &scale_x));
  PetscCall(VecNorm(y, NORM_2, &scale_y));
  // Well above the rounding of the products and of Galerkin coarse operators.
  PetscCheck(PetscAbsScalar(left - right) <= 1e-10 * scale_x * scale_y,
             PetscObjectComm(reinterpret_cast<PetscObject>(S)), PETSC_ERR_ARG_INCOMP,
             "The %s is not Hermitian: |<Sx,y> - <x,Sy>| = %g of |Sx||y| for random x, y (allowed "
             "1e-10). A bound on its eigenvalues needs a Hermitian one; choose another method, for "
             "example -ksp_type gmres",
             what, static_cast<double>(PetscAbsScalar(left - right) / (scale_x * scale_y)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// M^(-1/2) of a diagonal preconditioner, read off its action on the vector of ones: whatever
// PCJACOBI made of the diagonal (row sums, absolute values, fixed zeros) is what will be applied.
PetscErrorCode InverseRoot(PC pc, Vec root) {
  VecHandle ones;
  PetscScalar *values = nullptr;
  PetscInt begin = 0;
  PetscInt size = 0;
  PetscFunctionBegin;
  PetscCall(VecDuplicate(root, ones.out()));
  PetscCall(VecSet(ones, 1));
  PetscCall(PCApply(pc, ones, root));
  PetscCall(VecGetOwnershipRange(root, &begin, nullptr));
  PetscCall(VecGetLocalSize(root, &size));
  PetscCall(VecGetArray(root, &values));
  PetscInt bad = -1;
  PetscReal value = 0;
  for (PetscInt i = 0; i < size; ++i) {
    const PetscReal d = PetscRealPart(values[i]);
    if (bad < 0 && !(d > 0 && PetscImaginaryPart(values[i]) == 0 && !PetscIsInfReal(d))) {
      bad = begin + i;
      value = d;
    }
    values[i] = d > 0 ? PetscSqrtReal(d) : 0;
  }
  PetscCall(VecRestoreArray(root, &values));
  LatheCheckAll(PetscObjectComm(reinterpret_cast<PetscObject>(pc)), bad < 0,
                PETSC_ERR_ARG_OUTOFRANGE,
                "The preconditioner jacobi scales row %lld by %g; a positive definite operator "
                "needs positive finite scalings. Use -pc_type none, or -pc_jacobi_abs if the sign "
                "of the diagonal does not matter",
                static_cast<long long>(bad), static_cast<double>(value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode IsKnownHermitian(Mat A, bool *known) {
  PetscBool set = PETSC_FALSE;
  PetscBool flag = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(MatIsHermitianKnown(A, &set, &flag));
  *known = set && flag;
  if (!PetscDefined(USE_COMPLEX)) {
    PetscCall(MatIsSymmetricKnown(A, &set, &flag));
    *known = *known || (set && flag);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CreateShell(std::unique_ptr<Symmetrized> self, Mat *S) {
  MPI_Comm comm = MPI_COMM_NULL;
  PetscInt rows = 0;
  PetscInt local = 0;
  PetscFunctionBegin;
  PetscCall(PetscObjectGetComm(reinterpret_cast<PetscObject>(self->A.get()), &comm));
  PetscCall(MatGetSize(self->A, &rows, nullptr));
  PetscCall(MatGetLocalSize(self->A, &local, nullptr));
  PetscCall(MatCreateVecs(self->A, self->before.out(), self->after.out()));
  const VecType type = nullptr;
  PetscCall(VecGetType(self->before, const_cast<VecType *>(&type)));
  MatHandle shell;
  PetscCall(MatCreateShell(comm, local, local, rows, rows, self.get(), shell.out()));
  PetscCall(MatSetVecType(shell, type));
  const auto product = reinterpret_cast<void (*)(void)>(MatMult_Symmetrized);
  PetscCall(MatShellSetOperation(shell, MATOP_MULT, product));
  PetscCall(MatShellSetOperation(shell, MATOP_MULT_HERMITIAN_TRANSPOSE, product));
  if (!PetscDefined(USE_COMPLEX))
    PetscCall(MatShellSetOperation(shell, MATOP_MULT_TRANSPOSE, product));
  PetscCall(MatShellSetOperation(shell, MATOP_DESTROY,
                                 reinterpret_cast<void (*)(void)>(MatDestroy_Symmetrized)));
  (void)self.release(); // the shell owns it from here
  *S = shell.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

// L⁻ᴴ·L⁻¹ must be the preconditioner itself; PETSc does not promise it for every PC.
PetscErrorCode CheckHalves(PC pc, Mat A) {
  VecHandle x, half, whole, direct;
  PetscReal error = 0, scale = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(A, x.out(), half.out()));
  PetscCall(VecDuplicate(x, whole.out()));
  PetscCall(VecDuplicate(x, direct.out()));
  PetscCall(FillRandom(x, 2));
  PetscCall(PCApplySymmetricLeft(pc, x, half));
  PetscCall(PCApplySymmetricRight(pc, half, whole));
  PetscCall(PCApply(pc, x, direct));
  PetscCall(VecNorm(direct, NORM_2, &scale));
  PetscCall(VecAXPY(whole, -1, direct));
  PetscCall(VecNorm(whole, NORM_2, &error));
  PetscCheck(error <= 1e-8 * scale, PetscObjectComm(reinterpret_cast<PetscObject>(pc)),
             PETSC_ERR_SUP,
             "The symmetric halves of preconditioner %s do not multiply to it (relative difference "
             "%g); use -pc_type jacobi, none, or icc on one rank",
             reinterpret_cast<PetscObject>(pc)->type_name, static_cast<double>(error / scale));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SymmetrizeDiagonal(Mat A, PC pc, Mat *S) {
  PetscBool rows = PETSC_FALSE;
  PetscBool scale = PETSC_FALSE;
  auto self = std::make_unique<Symmetrized>();
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(A, self->diagonal.out(), nullptr));
  PetscCall(InverseRoot(pc, self->diagonal));
  PetscCall(MatHasOperation(A, MATOP_GET_ROW, &rows));
  PetscCall(MatHasOperation(A, MATOP_DIAGONAL_SCALE, &scale));
  if (rows && scale) {
    MatHandle copy;
    PetscCall(MatDuplicate(A, MAT_COPY_VALUES, copy.out()));
    PetscCall(MatDiagonalScale(copy, self->diagonal, self->diagonal));
    *S = copy.release();
  } else {
    PetscCall(PetscObjectReference(reinterpret_cast<PetscObject>(A)));
    self->A = MatHandle(A);
    PetscCall(CreateShell(std::move(self), S));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LatheMatCreateSymmetrized(Mat A, PC pc, Mat *S) {
  PetscBool none = PETSC_FALSE;
  PetscBool diagonal = PETSC_FALSE;
  bool known = false;
  MatHandle result;

  PetscFunctionBegin;
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt rows = 0;
  PetscInt cols = 0;
  PetscCall(MatGetSize(A, &rows, &cols));
  PetscCheck(rows == cols, comm, PETSC_ERR_ARG_SIZ,
             "Operator of size %" PetscInt_FMT " x %" PetscInt_FMT " is not square", rows, cols);
  PetscCall(PCSetUp(pc));
  PetscCall(PetscObjectTypeCompare(reinterpret_cast<PetscObject>(pc), PCNONE, &none));
  PetscCall(PetscObjectTypeCompare(reinterpret_cast<PetscObject>(pc), PCJACOBI, &diagonal));
  PetscCheck(
      none || diagonal || (pc->ops->applysymmetricleft && pc->ops->applysymmetricright), comm,
      PETSC_ERR_SUP,
      "Preconditioner %s gives no symmetric halves (PCApplySymmetricLeft), so the spectrum of "
      "M^-1 A cannot be certified; use -pc_type jacobi, none, or icc on one rank, or "
      "-ksp_type chebyshev with its estimate",
      reinterpret_cast<PetscObject>(pc)->type_name);
  PetscCall(IsKnownHermitian(A, &known));
  if (none) {
    PetscCall(PetscObjectReference(reinterpret_cast<PetscObject>(A)));
    result = MatHandle(A);
  } else if (diagonal) {
    LatheGuard(comm, PetscCall(SymmetrizeDiagonal(A, pc, result.out())));
  } else {
    known = false; // Hermitian halves are not known
    PetscCall(CheckHalves(pc, A));
    auto self = std::make_unique<Symmetrized>();
    PetscCall(PetscObjectReference(reinterpret_cast<PetscObject>(A)));
    self->A = MatHandle(A);
    PetscCall(PetscObjectReference(reinterpret_cast<PetscObject>(pc)));
    self->pc = lathe::Handle<PC, PCDestroy>(pc);
    PetscCall(CreateShell(std::move(self), result.out()));
  }
  if (!known)
    PetscCall(CheckHermitian(result, none ? "operator" : "symmetrised operator"));
  if (!none) {
    PetscCall(MatSetOption(result, MAT_HERMITIAN, PETSC_TRUE));
    if (!PetscDefined(USE_COMPLEX))
      PetscCall(MatSetOption(result, MAT_SYMMETRIC, PETSC_TRUE));
  }
  *S = result.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}
