// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/tall_matrix.h"
#include "core/error.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

PetscErrorCode TallMatrix::Create(Mat A) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt m = 0;
  PetscInt n = 0;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscBool has_rows = PETSC_FALSE;
  VecHandle x;
  PetscFunctionBegin;
  PetscCheck((std::is_same_v<PetscScalar, PetscReal>), comm, PETSC_ERR_SUP,
             "Row scores and regression are for real scalars; use a real build of PETSc");
  PetscCall(MatHasOperation(A, MATOP_GET_ROW, &has_rows));
  PetscCheck(has_rows, comm, PETSC_ERR_SUP,
             "The rows of the matrix are needed, and its type has none; convert it to MATAIJ or "
             "MATDENSE");
  PetscCall(MatGetSize(A, &m, &n));
  PetscCheck(m >= 1 && n >= 1, comm, PETSC_ERR_ARG_SIZ, "The matrix is empty");
  PetscCall(MatCreateVecs(A, nullptr, x.out()));
  PetscCall(layout_.Create(x));
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  cols_ = static_cast<std::size_t>(n);
  const auto local = static_cast<std::size_t>(end - begin);
  std::vector<double> own(local * cols_); // row-major
  PetscInt bad_row = -1;
  PetscInt bad_column = -1;
  for (PetscInt row = begin; row < end; ++row) {
    PetscInt count = 0;
    const PetscInt *columns = nullptr;
    const PetscScalar *entries = nullptr;
    PetscCall(MatGetRow(A, row, &count, &columns, &entries));
    for (PetscInt k = 0; k < count; ++k) {
      own[static_cast<std::size_t>(row - begin) * cols_ + static_cast<std::size_t>(columns[k])] =
          PetscRealPart(entries[k]);
      if (bad_row < 0 && !std::isfinite(PetscRealPart(entries[k]))) {
        bad_row = row;
        bad_column = columns[k];
      }
    }
    PetscCall(MatRestoreRow(A, row, &count, &columns, &entries));
  }
  LatheCheckAll(comm, bad_row < 0, PETSC_ERR_FP,
                "Entry (%" PetscInt_FMT ", %" PetscInt_FMT ") of the matrix is not finite", bad_row,
                bad_column);
  rows_ = MultiVector(layout_.rows(), cols_);
  for (std::size_t j = 0; j < cols_; ++j) {
    PetscScalar *a = nullptr;
    PetscCall(VecGetArrayWrite(x, &a));
    for (std::size_t i = 0; i < local; ++i)
      a[i] = own[i * cols_ + j];
    PetscCall(VecRestoreArrayWrite(x, &a));
    PetscCall(layout_.FromVec(x, rows_.view().column(j)));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GatherColumn(TallView x, std::vector<double> *whole) {
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(x.rows.comm(), &size));
  std::vector<int> counts;
  std::vector<int> offsets;
  for (int r = 0; r < size; ++r) {
    counts.push_back(static_cast<int>(x.rows.range(r).size()));
    offsets.push_back(static_cast<int>(x.rows.range(r).begin));
  }
  whole->resize(static_cast<std::size_t>(x.rows.rows()));
  PetscCallMPI(MPI_Allgatherv(x.data, static_cast<int>(x.rows.local()), MPI_DOUBLE, whole->data(),
                              counts.data(), offsets.data(), MPI_DOUBLE, x.rows.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
