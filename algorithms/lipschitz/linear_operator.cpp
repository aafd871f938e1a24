// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/linear_operator.h"
#include "core/error.h"
#include "core/interruption.h"
#include "core/random.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {
namespace {

PetscObject object(Mat A) {
  return reinterpret_cast<PetscObject>(A);
}

// Largest |real| or |imaginary| part over all ranks; NaN when any is NaN.
PetscErrorCode LargestPart(MPI_Comm comm, const std::vector<PetscScalar> &x, double *largest) {
  double found[2] = {0, 0}; // value, NaN seen
  PetscFunctionBegin;
  for (const PetscScalar z : x) {
    const double part = std::fmax(std::abs(PetscRealPart(z)), std::abs(PetscImaginaryPart(z)));
    if (!std::isfinite(PetscRealPart(z)) || !std::isfinite(PetscImaginaryPart(z)))
      found[1] = 1;
    found[0] = std::fmax(found[0], part);
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, found, 2, MPI_DOUBLE, MPI_MAX, comm));
  *largest = found[1] != 0 ? NAN : found[0];
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LinearOperator::CopyEntries(Mat A) {
  PetscBool rows = PETSC_FALSE, convertible = PETSC_FALSE;
  MatHandle converted, transposed;
  PetscFunctionBegin;
  PetscCall(PetscObjectBaseTypeCompareAny(object(A), &rows, MATSEQAIJ, MATMPIAIJ, ""));
  if (!rows) {
    PetscCall(PetscObjectTypeCompareAny(object(A), &convertible, MATSEQBAIJ, MATMPIBAIJ,
                                        MATSEQSBAIJ, MATMPISBAIJ, MATNEST, MATSEQDENSE, MATMPIDENSE,
                                        ""));
    if (!convertible)
      PetscFunctionReturn(PETSC_SUCCESS);
    PetscCall(MatConvert(A, MATAIJ, MAT_INITIAL_MATRIX, converted.out()));
    A = converted;
  }
  assembled_ = true;
  PetscCall(forward_.Create(A));
  zero_ = forward_.largest_part() == 0;
  if (zero_)
    PetscFunctionReturn(PETSC_SUCCESS);
  exponent_ = std::ilogb(forward_.largest_part()) + 1;
  forward_.scale(exponent_);
  longest_row_[0] = longest_row_[1] = forward_.longest_row();
  if (forward_.local()) {
    hermitian_ = forward_.hermitian();
    if (!hermitian_)
      longest_row_[1] = forward_.longest_column();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(MatHermitianTranspose(A, MAT_INITIAL_MATRIX, transposed.out()));
  PetscCall(adjoint_.Create(transposed));
  adjoint_.scale(exponent_);
  const int same = global_rows_ == global_columns_ && forward_.identical(adjoint_) ? 1 : 0;
  int everywhere = 0;
  PetscCallMPI(MPI_Allreduce(&same, &everywhere, 1, MPI_INT, MPI_MIN, comm_));
  hermitian_ = everywhere == 1;
  longest_row_[1] = adjoint_.longest_row();
  if (hermitian_)
    adjoint_ = RowMatrix();
  PetscFunctionReturn(PETSC_SUCCESS);
}

// A power of two near |A·x| for a random x: products then neither over- nor underflow.
PetscErrorCode LinearOperator::FindScale() {
  PetscFunctionBegin;
  std::vector<PetscScalar> x(columns_), y(rows_);
  for (std::size_t i = 0; i < columns_; ++i)
    x[i] = random::sign(0, 0x5ca1e, static_cast<std::uint64_t>(first_column_) + i);
  double largest = 0;
  PetscCall(Apply(false, x.data(), y.data()));
  PetscCall(LargestPart(comm_, y, &largest));
  PetscCheck(
      std::isfinite(largest), comm_, PETSC_ERR_FP,
      "MatMult of this operator returned NaN or Inf for a vector of entries ±1: a norm needs "
      "finite products");
  if (largest > 0)
    exponent_ = std::ilogb(largest) + 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LinearOperator::Create(Mat A) {
  PetscBool flag = PETSC_FALSE, known = PETSC_FALSE;
  PetscFunctionBegin;
  comm_ = PetscObjectComm(object(A));
  PetscCall(MatAssembled(A, &flag));
  PetscCheck(flag, comm_, PETSC_ERR_ARG_WRONGSTATE,
             "the matrix is not assembled; call MatAssemblyBegin/End before asking for its norm");
  PetscInt m = 0, n = 0;
  PetscCall(MatGetSize(A, &global_rows_, &global_columns_));
  PetscCall(MatGetLocalSize(A, &m, &n));
  PetscCall(MatGetOwnershipRange(A, &first_row_, nullptr));
  PetscCall(MatGetOwnershipRangeColumn(A, &first_column_, nullptr));
  rows_ = static_cast<std::size_t>(m);
  columns_ = static_cast<std::size_t>(n);
  zero_ = global_rows_ == 0 || global_columns_ == 0;
  assembled_ = zero_;
  if (zero_)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(CopyEntries(A));
  if (assembled_)
    PetscFunctionReturn(PETSC_SUCCESS);
  shell_ = A;
  PetscCall(MatIsHermitianKnown(A, &known, &flag));
  hermitian_ = known && flag;
  PetscBool adjoint = PETSC_FALSE, transpose = PETSC_FALSE;
  PetscCall(MatHasOperation(A, MATOP_MULT_HERMITIAN_TRANSPOSE, &adjoint));
  PetscCall(MatHasOperation(A, MATOP_MULT_TRANSPOSE, &transpose));
  PetscCheck(hermitian_ || adjoint || transpose, comm_, PETSC_ERR_SUP,
             "a spectral norm needs products with the adjoint: give this operator "
             "MATOP_MULT_HERMITIAN_TRANSPOSE or MATOP_MULT_TRANSPOSE, or declare it Hermitian with "
             "MatSetOption(A, MAT_HERMITIAN, PETSC_TRUE)");
  PetscCall(MatCreateVecs(A, right_.out(), left_.out()));
  PetscCall(FindScale());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LinearOperator::Apply(bool adjoint, const PetscScalar *x, PetscScalar *y) {
  PetscFunctionBegin;
  PetscCall(StopTogether(comm_));
  ++products_;
  if (assembled_) {
    if (!adjoint || hermitian_)
      PetscCall(forward_.Multiply(x, y));
    else if (forward_.local())
      forward_.MultiplyAdjoint(x, y);
    else
      PetscCall(adjoint_.Multiply(x, y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const Vec in = adjoint ? left_ : right_;
  const Vec out = adjoint ? right_ : left_;
  PetscScalar *data = nullptr;
  PetscCall(VecGetArrayWrite(in, &data));
  std::copy_n(x, domain(adjoint), data);
  PetscCall(VecRestoreArrayWrite(in, &data));
  if (adjoint && hermitian_) { // square, with equal layouts
    PetscCall(VecCopy(in, right_));
    PetscCall(MatMult(shell_, right_, left_));
  } else {
    PetscCall(adjoint ? MatMultHermitianTranspose(shell_, in, out) : MatMult(shell_, in, out));
  }
  const Vec result = adjoint && !hermitian_ ? right_ : left_;
  const PetscScalar *computed = nullptr;
  PetscCall(VecGetArrayRead(result, &computed));
  const double first = std::ldexp(1.0, -exponent_ / 2);
  const double second = std::ldexp(1.0, -exponent_ - (-exponent_ / 2));
  for (std::size_t i = 0; i < domain(!adjoint); ++i)
    y[i] = (computed[i] * first) * second;
  PetscCall(VecRestoreArrayRead(result, &computed));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LinearOperator::ApplyAbsolute(bool adjoint, const PetscReal *x, PetscReal *y) {
  PetscFunctionBegin;
  PetscCall(StopTogether(comm_));
  ++products_;
  if (!adjoint || hermitian_)
    PetscCall(forward_.MultiplyAbsolute(x, y));
  else if (forward_.local())
    forward_.MultiplyAbsoluteAdjoint(x, y);
  else
    PetscCall(adjoint_.MultiplyAbsolute(x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
