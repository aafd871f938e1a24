// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sparse_rows.h"
#include <algorithm>

namespace lathe::sketching {

PetscErrorCode SparsePart::Open() {
  PetscBool done = PETSC_FALSE;
  PetscFunctionBegin;
  if (!matrix)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(MatGetLocalSize(matrix, nullptr, &columns));
  PetscCall(MatGetRowIJ(matrix, 0, PETSC_FALSE, PETSC_FALSE, &rows, &offset, &column, &done));
  PetscCheck(done, PETSC_COMM_SELF, PETSC_ERR_SUP, "A matrix without access to its rows");
  PetscCall(MatSeqAIJGetArrayRead(matrix, &value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SparsePart::Close() {
  PetscBool done = PETSC_FALSE;
  PetscFunctionBegin;
  if (!matrix)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(MatSeqAIJRestoreArrayRead(matrix, &value));
  PetscCall(MatRestoreRowIJ(matrix, 0, PETSC_FALSE, PETSC_FALSE, &rows, &offset, &column, &done));
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::int64_t SparsePart::own_column(std::int64_t j) const {
  if (!global)
    return j >= first && j < first + columns ? j - first : -1;
  const PetscInt *found = std::lower_bound(global, global + columns, static_cast<PetscInt>(j));
  return found != global + columns && *found == j ? found - global : -1;
}

PetscErrorCode SparseRows::Open(Mat a) {
  PetscBool sequential = PETSC_FALSE;
  PetscInt begin = 0;
  PetscFunctionBegin;
  PetscCall(PetscObjectBaseTypeCompare(reinterpret_cast<PetscObject>(a), MATSEQAIJ, &sequential));
  PetscCall(MatGetOwnershipRange(a, &begin, nullptr));
  first_ = begin;
  PetscCall(MatGetOwnershipRangeColumn(a, &part_[0].first, nullptr));
  if (sequential)
    part_[0].matrix = a;
  else
    PetscCall(MatMPIAIJGetSeqAIJ(a, &part_[0].matrix, &part_[1].matrix, &part_[1].global));
  for (SparsePart &p : part_)
    PetscCall(p.Open());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SparseRows::Close() {
  PetscFunctionBegin;
  for (SparsePart &p : part_)
    PetscCall(p.Close());
  PetscFunctionReturn(PETSC_SUCCESS);
}

double SparseRows::entries() const {
  double sum = 0;
  for (const SparsePart &p : part_)
    sum += p.matrix ? static_cast<double>(p.offset[p.rows]) : 0;
  return sum;
}

void ColumnsOfBlock::sort(const SparsePart &a, std::int64_t begin, std::int64_t end) {
  const PetscInt from = a.offset[begin], to = a.offset[end];
  start_.assign(static_cast<std::size_t>(a.columns) + 1, 0);
  for (PetscInt k = from; k < to; ++k)
    ++start_[static_cast<std::size_t>(a.column[k]) + 1];
  for (std::size_t j = 1; j < start_.size(); ++j)
    start_[j] += start_[j - 1];
  row_.resize(static_cast<std::size_t>(to - from));
  value_.resize(row_.size());
  place_.assign(start_.begin(), start_.end() - 1);
  for (std::int64_t i = begin; i < end; ++i)
    for (PetscInt k = a.offset[i]; k < a.offset[i + 1]; ++k) {
      const std::size_t place = place_[static_cast<std::size_t>(a.column[k])]++;
      row_[place] = static_cast<std::uint32_t>(i - begin);
      value_[place] = a.value[k];
    }
}

} // namespace lathe::sketching
