// SPDX-License-Identifier: BSD-2-Clause
#include "driver/matrix_entries.h"
#include "core/error.h"
#include "core/layout.h"
#include <algorithm>
#include <climits>
#include <cmath>
#include <numeric>

namespace lathe::driver {

PetscErrorCode CheckShape(MPI_Comm comm, const std::string &what, std::int64_t rows,
                          std::int64_t cols, std::int64_t bytes) {
  const std::int64_t largest = std::max(rows, cols);
  const std::int64_t plausible = std::max<std::int64_t>(1000000, 1000 * bytes);
  PetscFunctionBegin;
  PetscCheck(rows >= 0 && cols >= 0, comm, PETSC_ERR_FILE_UNEXPECTED,
             "%s: shape %lld x %lld has a negative size", what.c_str(),
             static_cast<long long>(rows), static_cast<long long>(cols));
  PetscCheck(largest <= plausible, comm, PETSC_ERR_FILE_UNEXPECTED,
             "%s: shape %lld x %lld cannot belong to a file of %lld bytes (at most 1000 rows or "
             "columns a byte): corrupted header?",
             what.c_str(), static_cast<long long>(rows), static_cast<long long>(cols),
             static_cast<long long>(bytes));
  PetscCheck(largest <= PETSC_MAX_INT, comm, PETSC_ERR_SUP,
             "%s: shape %lld x %lld needs indices above %" PetscInt_FMT
             "; use a build of PETSc with 64-bit indices (preset int64)",
             what.c_str(), static_cast<long long>(rows), static_cast<long long>(cols),
             static_cast<PetscInt>(PETSC_MAX_INT));
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::string sort_rows(LocalCsr &csr, std::int64_t first_row) {
  std::vector<std::pair<PetscInt, PetscScalar>> row;
  std::size_t out = 0;
  PetscInt next_begin = csr.row_start.empty() ? 0 : csr.row_start[0];
  for (std::size_t i = 0; i + 1 < csr.row_start.size(); ++i) {
    const auto begin = static_cast<std::size_t>(next_begin);
    const auto end = static_cast<std::size_t>(csr.row_start[i + 1]);
    next_begin = csr.row_start[i + 1];
    csr.row_start[i] = static_cast<PetscInt>(out);
    const auto strictly = [&] {
      for (std::size_t k = begin + 1; k < end; ++k)
        if (csr.col[k - 1] >= csr.col[k])
          return false;
      return true;
    };
    if (strictly()) {
      for (std::size_t k = begin; k < end && out != begin; ++k) {
        csr.col[out + k - begin] = csr.col[k];
        csr.value[out + k - begin] = csr.value[k];
      }
      out += end - begin;
      continue;
    }
    row.clear();
    for (std::size_t k = begin; k < end; ++k)
      row.emplace_back(csr.col[k], csr.value[k]);
    std::stable_sort(row.begin(), row.end(),
                     [](const auto &a, const auto &b) { return a.first < b.first; });
    for (std::size_t k = 0; k < row.size(); ++out) {
      const PetscInt col = row[k].first;
      PetscScalar sum = row[k].second;
      for (++k; k < row.size() && row[k].first == col; ++k)
        sum += row[k].second;
      if (!std::isfinite(PetscRealPart(sum)) || !std::isfinite(PetscImaginaryPart(sum)))
        return Format("duplicates of entry (row %lld, column %lld), counted from 1, sum to a value "
                      "outside the range of double",
                      static_cast<long long>(first_row) + static_cast<long long>(i) + 1,
                      static_cast<long long>(col) + 1);
      csr.col[out] = col;
      csr.value[out] = sum;
    }
  }
  if (!csr.row_start.empty())
    csr.row_start.back() = static_cast<PetscInt>(out);
  csr.col.resize(out);
  csr.value.resize(out);
  return {};
}

PetscErrorCode MatrixFromCsr(MPI_Comm comm, std::int64_t rows, std::int64_t cols,
                             const LocalCsr &csr, Mat *A) {
  MatHandle matrix;
  PetscFunctionBegin;
  PetscCall(MatCreate(comm, matrix.out()));
  PetscCall(MatSetSizes(matrix, static_cast<PetscInt>(csr.row_start.size()) - 1, PETSC_DECIDE,
                        static_cast<PetscInt>(rows), static_cast<PetscInt>(cols)));
  PetscCall(MatSetType(matrix, MATAIJ));
  PetscCall(
      MatSeqAIJSetPreallocationCSR(matrix, csr.row_start.data(), csr.col.data(), csr.value.data()));
  PetscCall(
      MatMPIAIJSetPreallocationCSR(matrix, csr.row_start.data(), csr.col.data(), csr.value.data()));
  *A = matrix.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CreateDense(MPI_Comm comm, std::int64_t rows, std::int64_t cols, Mat *A) {
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const std::int64_t local_rows = block_range(rows, size, 0).size(); // the largest
  PetscCheck(local_rows == 0 || cols <= PETSC_MAX_INT / local_rows, comm, PETSC_ERR_SUP,
             "a dense matrix of %lld x %lld on %d ranks needs more than %" PetscInt_FMT
             " entries on one rank; use more ranks or a build of PETSc with 64-bit indices",
             static_cast<long long>(rows), static_cast<long long>(cols), size,
             static_cast<PetscInt>(PETSC_MAX_INT));
  PetscCall(MatCreateDense(comm, PETSC_DECIDE, PETSC_DECIDE, static_cast<PetscInt>(rows),
                           static_cast<PetscInt>(cols), nullptr, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FillDense(MPI_Comm comm, std::int64_t rows, std::int64_t cols,
                         const std::function<void(PetscScalar *, PetscInt)> &fill, Mat *A) {
  MatHandle matrix;
  PetscScalar *a = nullptr;
  PetscInt ld = 0;
  PetscFunctionBegin;
  PetscCall(CreateDense(comm, rows, cols, matrix.out()));
  PetscCall(MatDenseGetLDA(matrix, &ld));
  PetscCall(MatDenseGetArray(matrix, &a));
  const std::string problem = attempt([&] { fill(a, ld); });
  PetscCall(MatDenseRestoreArray(matrix, &a));
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCall(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
  *A = matrix.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

EntryRouter::EntryRouter(MPI_Comm comm, std::int64_t rows, std::int64_t cols, bool dense)
    : comm_(comm), rows_(rows), cols_(cols), dense_(dense) {}

PetscErrorCode EntryRouter::Begin() {
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm_, &rank_));
  PetscCallMPI(MPI_Comm_size(comm_, &size_));
  const Range range = block_range(rows_, size_, rank_);
  begin_ = range.begin;
  end_ = range.end;
  if (dense_)
    PetscCall(CreateDense(comm_, rows_, cols_, matrix_.out()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Sort the batch by owner (stable) and swap pieces; the batch then holds what this rank owns.
PetscErrorCode EntryRouter::Exchange(std::vector<Entry> &batch) {
  const auto ranks = static_cast<std::size_t>(size_);
  std::vector<int> send(ranks), receive(ranks), send_at(ranks + 1), receive_at(ranks + 1);
  std::vector<Entry> sorted, arrived;
  std::int64_t total = 0;
  PetscFunctionBegin;
  std::string problem = attempt([&] { sorted.resize(batch.size()); });
  if (batch.size() > INT_MAX)
    problem = "more than 2147483647 entries at once; use more ranks";
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_MEM, "%s", problem.c_str());
  for (const Entry &e : batch)
    ++send[static_cast<std::size_t>(block_owner(rows_, size_, e.row))];
  std::partial_sum(send.begin(), send.end(), send_at.begin() + 1);
  std::vector<int> next(send_at.begin(), send_at.end() - 1);
  for (const Entry &e : batch)
    sorted[static_cast<std::size_t>(
        next[static_cast<std::size_t>(block_owner(rows_, size_, e.row))]++)] = e;
  PetscCallMPI(MPI_Alltoall(send.data(), 1, MPI_INT, receive.data(), 1, MPI_INT, comm_));
  for (std::size_t r = 0; r < ranks; ++r) {
    receive_at[r] = static_cast<int>(std::min<std::int64_t>(total, INT_MAX));
    total += receive[r];
  }
  problem = attempt([&] { arrived.resize(static_cast<std::size_t>(total)); });
  if (total > INT_MAX)
    problem = "one rank owns more than 2147483647 entries of a batch; use more ranks";
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_MEM, "%s", problem.c_str());
  MPI_Datatype type = MPI_DATATYPE_NULL;
  PetscCallMPI(MPI_Type_contiguous(sizeof(Entry), MPI_BYTE, &type));
  PetscCallMPI(MPI_Type_commit(&type));
  PetscCallMPI(MPI_Alltoallv(sorted.data(), send.data(), send_at.data(), type, arrived.data(),
                             receive.data(), receive_at.data(), type, comm_));
  PetscCallMPI(MPI_Type_free(&type));
  batch.swap(arrived);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode EntryRouter::Route(std::vector<Entry> &batch) {
  PetscFunctionBegin;
  if (size_ > 1)
    PetscCall(Exchange(batch));
  if (dense_) {
    PetscScalar *a = nullptr;
    PetscInt ld = 0;
    PetscCall(MatDenseGetArray(matrix_, &a));
    PetscCall(MatDenseGetLDA(matrix_, &ld));
    for (const Entry &e : batch)
      a[(e.row - begin_) + static_cast<std::int64_t>(e.col) * ld] = e.value;
    PetscCall(MatDenseRestoreArray(matrix_, &a));
  } else {
    const std::string problem =
        attempt([&] { mine_.insert(mine_.end(), batch.begin(), batch.end()); });
    LatheCheckAll(comm_, problem.empty(), PETSC_ERR_MEM, "%s", problem.c_str());
  }
  batch.clear();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode EntryRouter::FinishSparse(Mat *A) {
  const auto local = static_cast<std::size_t>(end_ - begin_);
  LocalCsr csr;
  PetscFunctionBegin;
  std::string problem;
  if (mine_.size() > static_cast<std::size_t>(PETSC_MAX_INT))
    problem = Format("one rank owns %zu entries, more than %" PetscInt_FMT
                     "; use more ranks or 64-bit indices",
                     mine_.size(), static_cast<PetscInt>(PETSC_MAX_INT));
  else
    problem = attempt([&] {
      csr.row_start.assign(local + 1, 0);
      csr.col.resize(mine_.size());
      csr.value.resize(mine_.size());
      std::vector<PetscInt> next(local + 1, 0);
      for (const Entry &e : mine_)
        ++next[static_cast<std::size_t>(e.row - begin_) + 1];
      std::partial_sum(next.begin(), next.end(), next.begin());
      csr.row_start = next;
      for (const Entry &e : mine_) {
        const auto k = static_cast<std::size_t>(next[static_cast<std::size_t>(e.row - begin_)]++);
        csr.col[k] = e.col;
        csr.value[k] = e.value;
      }
      std::vector<Entry>().swap(mine_);
    });
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_MEM, "%s", problem.c_str());
  std::string overflow;
  problem = attempt([&] { overflow = sort_rows(csr, begin_); });
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_MEM, "%s", problem.c_str());
  LatheCheckAll(comm_, overflow.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", overflow.c_str());
  PetscCall(MatrixFromCsr(comm_, rows_, cols_, csr, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode EntryRouter::Finish(Mat *A) {
  PetscFunctionBegin;
  if (dense_) {
    PetscCall(MatAssemblyBegin(matrix_, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(matrix_, MAT_FINAL_ASSEMBLY));
    *A = matrix_.release();
  } else {
    PetscCall(FinishSparse(A));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
