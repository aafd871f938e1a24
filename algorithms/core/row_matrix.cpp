// SPDX-License-Identifier: BSD-2-Clause
#include "core/row_matrix.h"
#include "core/error.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe {
namespace {

// Times 2^-exponent. A factor is exact and fast; ldexp is needed only where 2^-exponent itself
// leaves the range of doubles.
struct PowerOfTwo {
  explicit PowerOfTwo(int exponent)
      : first(std::ldexp(1.0, -exponent / 2)),
        second(std::ldexp(1.0, -exponent - (-exponent / 2))) {}
  PetscScalar operator()(PetscScalar a) const { return (a * first) * second; }
  double first, second;
};

[[maybe_unused]] PetscReal absolute_up(PetscScalar a) { // of complex entries alone
  return std::nextafter(PetscAbsScalar(a), std::numeric_limits<PetscReal>::infinity());
}

} // namespace

// The arrays of a sequential MATAIJ, without a call for each row.
PetscErrorCode RowMatrix::CopySequential(Mat A, bool *done) {
  PetscBool sequential = PETSC_FALSE;
  PetscFunctionBegin;
  *done = false;
  PetscCall(PetscObjectTypeCompare(reinterpret_cast<PetscObject>(A), MATSEQAIJ, &sequential));
  if (!sequential)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscInt n = 0;
  const PetscInt *start = nullptr;
  const PetscInt *columns = nullptr;
  const PetscScalar *values = nullptr;
  PetscBool available = PETSC_FALSE;
  PetscCall(MatGetRowIJ(A, 0, PETSC_FALSE, PETSC_FALSE, &n, &start, &columns, &available));
  PetscCheck(available, PETSC_COMM_SELF, PETSC_ERR_LIB, "MATSEQAIJ without row arrays");
  PetscCall(MatSeqAIJGetArrayRead(A, &values));
  const auto entries = static_cast<std::size_t>(start[n]);
  offset_.assign(start, start + n + 1);
  column_.assign(columns, columns + entries);
  value_.assign(values, values + entries);
  if (std::find(value_.begin(), value_.end(), PetscScalar(0)) != value_.end())
    drop_zeros();
  PetscCall(MatSeqAIJRestoreArrayRead(A, &values));
  PetscCall(MatRestoreRowIJ(A, 0, PETSC_FALSE, PETSC_FALSE, &n, &start, &columns, &available));
  *done = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void RowMatrix::drop_zeros() {
  std::size_t kept = 0, k = 0;
  for (std::size_t row = 0; row < rows(); ++row) {
    for (; k < offset_[row + 1]; ++k)
      if (value_[k] != PetscScalar(0)) {
        column_[kept] = column_[k];
        value_[kept++] = value_[k];
      }
    offset_[row + 1] = kept;
  }
  column_.resize(kept);
  value_.resize(kept);
}

PetscErrorCode RowMatrix::CopyRows(Mat A) {
  PetscInt begin = 0, end = 0;
  bool done = false;
  PetscFunctionBegin;
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  first_row_ = begin;
  PetscCall(CopySequential(A, &done));
  if (done)
    PetscFunctionReturn(PETSC_SUCCESS);
  offset_.assign(1, 0);
  offset_.reserve(static_cast<std::size_t>(end - begin) + 1);
  for (PetscInt row = begin; row < end; ++row) {
    PetscInt count = 0;
    const PetscInt *columns = nullptr;
    const PetscScalar *values = nullptr;
    PetscCall(MatGetRow(A, row, &count, &columns, &values));
    for (PetscInt k = 0; k < count; ++k)
      if (values[k] != PetscScalar(0)) {
        column_.push_back(columns[k]);
        value_.push_back(values[k]);
      }
    PetscCall(MatRestoreRow(A, row, &count, &columns, &values));
    offset_.push_back(value_.size());
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RowMatrix::ConnectColumns(PetscLayout columns) {
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(columns->comm, &size));
  local_ = size == 1;
  if (local_) {
    needed_.resize(static_cast<std::size_t>(columns->N));
    std::iota(needed_.begin(), needed_.end(), PetscInt(0));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  needed_ = column_;
  std::sort(needed_.begin(), needed_.end());
  needed_.erase(std::unique(needed_.begin(), needed_.end()), needed_.end());
  needed_.shrink_to_fit();
  for (PetscInt &c : column_)
    c = static_cast<PetscInt>(std::lower_bound(needed_.begin(), needed_.end(), c) -
                              needed_.begin());
  PetscCall(PetscSFCreate(columns->comm, gather_.out()));
  PetscCall(PetscSFSetGraphLayout(gather_, columns, static_cast<PetscInt>(needed_.size()), nullptr,
                                  PETSC_COPY_VALUES, needed_.data()));
  PetscCall(PetscSFSetUp(gather_));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void RowMatrix::fill_absolute() {
  if constexpr (!std::is_same_v<PetscScalar, PetscReal>) {
    absolute_.resize(value_.size());
    std::transform(value_.begin(), value_.end(), absolute_.begin(), absolute_up);
  }
}

void RowMatrix::scale(int exponent) {
  const PowerOfTwo scaled(exponent);
  std::transform(value_.begin(), value_.end(), value_.begin(), scaled);
  largest_part_ = std::ldexp(largest_part_, -exponent);
  fill_absolute();
}

// Counts, the largest entry, and the refusal of entries that are not finite.
PetscErrorCode RowMatrix::Survey(MPI_Comm comm) {
  PetscFunctionBegin;
  double largest[3] = {0, 0, 0}; // part, longest row, any negative
  double sums[2] = {static_cast<double>(entries()), 0};
  std::size_t bad_row = 0, bad = entries();
  for (std::size_t i = 0; i < rows(); ++i) {
    const auto length = static_cast<double>(offset_[i + 1] - offset_[i]);
    largest[1] = std::max(largest[1], length);
    sums[1] += length * length; // integers: exact below 2⁵³, so independent of the ranks
  }
  constexpr std::size_t parts = sizeof(PetscScalar) / sizeof(PetscReal);
  const auto *part = reinterpret_cast<const PetscReal *>(value_.data()); // complex<R> is R[2]
  PetscReal most = 0, least = 0, imaginary = 0, poison = 0;
  for (std::size_t k = 0; k < parts * entries(); k += parts) {
    most = std::max(most, part[k]);
    least = std::min(least, part[k]);
    imaginary = std::max(imaginary, std::abs(part[k + parts - 1]));
    poison += 0 * part[k] + 0 * part[k + parts - 1]; // NaN as soon as one is not finite
  }
  largest[0] = std::max({most, -least, imaginary});
  largest[2] = least < 0 || (parts == 2 && imaginary != 0) ? 1 : 0;
  if (poison != 0)
    for (bad = 0; std::isfinite(PetscRealPart(value_[bad])) &&
                  std::isfinite(PetscImaginaryPart(value_[bad]));)
      ++bad;
  while (bad < entries() && offset_[bad_row + 1] <= bad)
    ++bad_row;
  LatheCheckAll(comm, bad == entries(), PETSC_ERR_FP,
                "entry (row %lld, column %lld) of the matrix is %g: a norm needs finite entries",
                static_cast<long long>(first_row_) + static_cast<long long>(bad_row),
                static_cast<long long>(global_column(bad)),
                static_cast<double>(PetscRealPart(value_[bad])) +
                    static_cast<double>(PetscImaginaryPart(value_[bad])));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest, 3, MPI_DOUBLE, MPI_MAX, comm));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_DOUBLE, MPI_SUM, comm));
  largest_part_ = largest[0];
  longest_row_ = largest[1];
  nonnegative_ = largest[2] == 0;
  global_entries_ = sums[0];
  row_squares_ = sums[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RowMatrix::Create(Mat A) {
  PetscLayout columns = nullptr;
  PetscFunctionBegin;
  PetscCall(CopyRows(A));
  PetscCall(MatGetLayouts(A, nullptr, &columns));
  PetscCall(ConnectColumns(columns));
  PetscCall(Survey(PetscObjectComm(reinterpret_cast<PetscObject>(A))));
  fill_absolute();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RowMatrix::Create(PetscLayout rows, PetscLayout columns, RowView entries) {
  PetscFunctionBegin;
  first_row_ = rows->rstart;
  const std::size_t count = entries.offset[rows->n];
  offset_.assign(entries.offset, entries.offset + rows->n + 1);
  column_.assign(entries.column, entries.column + count);
  value_.assign(entries.value, entries.value + count);
  PetscCall(ConnectColumns(columns));
  PetscCall(Survey(rows->comm));
  fill_absolute();
  PetscFunctionReturn(PETSC_SUCCESS);
}

template <class T>
PetscErrorCode RowMatrix::Gather(MPI_Datatype type, const T *x, std::size_t width,
                                 std::vector<T> &buffer, const T **gathered) {
  PetscFunctionBegin;
  *gathered = x;
  if (!local_) {
    buffer.resize(needed_.size() * width);
    PetscCall(PetscSFBcastBegin(gather_, type, x, buffer.data(), MPI_REPLACE));
    PetscCall(PetscSFBcastEnd(gather_, type, x, buffer.data(), MPI_REPLACE));
    *gathered = buffer.data();
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RowMatrix::Multiply(const PetscScalar *x, PetscScalar *y) {
  const PetscScalar *v = nullptr;
  PetscFunctionBegin;
  PetscCall(Gather(MPIU_SCALAR, x, 1, scalar_buffer_, &v));
  for (std::size_t i = 0; i < rows(); ++i) {
    PetscScalar sum = 0;
    for (std::size_t k = offset_[i]; k < offset_[i + 1]; ++k)
      sum += times(value_[k], v[column_[k]]);
    y[i] = sum;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RowMatrix::MultiplyColumns(const PetscScalar *x, std::size_t ldx,
                                          std::size_t columns, PetscScalar *y, std::size_t ldy) {
  constexpr std::size_t chunk = 32;
  PetscInt local = 0;
  PetscFunctionBegin;
  if (local_)
    local = static_cast<PetscInt>(needed_.size());
  else
    PetscCall(PetscSFGetGraph(gather_, &local, nullptr, nullptr, nullptr));
  std::vector<PetscScalar> sent, received;
  for (std::size_t first = 0; first < columns; first += chunk) {
    const std::size_t width = std::min(chunk, columns - first);
    sent.resize(static_cast<std::size_t>(local) * width); // row-major: the columns travel together
    for (std::size_t j = 0; j < width; ++j)
      for (std::size_t i = 0; i < static_cast<std::size_t>(local); ++i)
        sent[i * width + j] = x[i + (first + j) * ldx];
    const PetscScalar *v = sent.data();
    if (!local_) {
      MPI_Datatype row = MPI_DATATYPE_NULL;
      PetscCallMPI(MPI_Type_contiguous(static_cast<int>(width), MPIU_SCALAR, &row));
      PetscCallMPI(MPI_Type_commit(&row));
      PetscCall(Gather(row, sent.data(), width, received, &v));
      PetscCallMPI(MPI_Type_free(&row));
    }
    PetscScalar sum[chunk];
    for (std::size_t i = 0; i < rows(); ++i) {
      std::fill_n(sum, width, PetscScalar(0));
      for (std::size_t k = offset_[i]; k < offset_[i + 1]; ++k) {
        const PetscScalar *at = v + static_cast<std::size_t>(column_[k]) * width;
        for (std::size_t j = 0; j < width; ++j)
          sum[j] += times(value_[k], at[j]);
      }
      for (std::size_t j = 0; j < width; ++j)
        y[i + (first + j) * ldy] = sum[j];
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RowMatrix::MultiplyAbsolute(const PetscReal *x, PetscReal *y) {
  const PetscReal *v = nullptr;
  PetscFunctionBegin;
  PetscCall(Gather(MPIU_REAL, x, 1, real_buffer_, &v));
  for (std::size_t i = 0; i < rows(); ++i) {
    PetscReal sum = 0;
    for (std::size_t k = offset_[i]; k < offset_[i + 1]; ++k)
      sum += absolute(k) * v[column_[k]];
    y[i] = sum;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

void RowMatrix::MultiplyAdjoint(const PetscScalar *x, PetscScalar *y) const {
  std::fill_n(y, needed_.size(), PetscScalar(0));
  for (std::size_t i = 0; i < rows(); ++i)
    for (std::size_t k = offset_[i]; k < offset_[i + 1]; ++k)
      y[column_[k]] += times(PetscConj(value_[k]), x[i]);
}

void RowMatrix::MultiplyAbsoluteAdjoint(const PetscReal *x, PetscReal *y) const {
  std::fill_n(y, needed_.size(), PetscReal(0));
  for (std::size_t i = 0; i < rows(); ++i)
    for (std::size_t k = offset_[i]; k < offset_[i + 1]; ++k)
      y[column_[k]] += absolute(k) * x[i];
}

double RowMatrix::longest_column() const {
  std::vector<PetscInt> count(needed_.size(), 0);
  for (const PetscInt c : column_)
    ++count[static_cast<std::size_t>(c)];
  return count.empty() ? 0 : static_cast<double>(*std::max_element(count.begin(), count.end()));
}

void RowMatrix::CreateAdjoint(const RowMatrix &A) {
  const std::size_t n = A.needed_.size();
  local_ = true;
  offset_.assign(n + 1, 0);
  column_.resize(A.entries());
  value_.resize(A.entries());
  needed_.resize(A.rows());
  std::iota(needed_.begin(), needed_.end(), PetscInt(0));
  for (const PetscInt c : A.column_)
    ++offset_[static_cast<std::size_t>(c) + 1];
  longest_row_ = row_squares_ = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const auto length = static_cast<double>(offset_[j + 1]);
    longest_row_ = std::max(longest_row_, length);
    row_squares_ += length * length;
    offset_[j + 1] += offset_[j];
  }
  std::vector<std::size_t> next(offset_.begin(), offset_.end() - 1);
  for (std::size_t i = 0; i < A.rows(); ++i)
    for (std::size_t k = A.offset_[i]; k < A.offset_[i + 1]; ++k) {
      const std::size_t to = next[static_cast<std::size_t>(A.column_[k])]++;
      column_[to] = static_cast<PetscInt>(i);
      value_[to] = PetscConj(A.value_[k]);
    }
  largest_part_ = A.largest_part_;
  nonnegative_ = A.nonnegative_;
  global_entries_ = A.global_entries_;
  fill_absolute();
}

// Row by row, the entries (i, j) of each row j come in the order of i: one cursor a row meets them.
bool RowMatrix::hermitian() const {
  if (rows() != needed_.size())
    return false;
  std::vector<std::size_t> cursor(offset_.begin(), offset_.end() - 1);
  for (std::size_t i = 0; i < rows(); ++i)
    for (std::size_t k = offset_[i]; k < offset_[i + 1]; ++k) {
      const auto j = static_cast<std::size_t>(column_[k]);
      const std::size_t mirror = cursor[j]++;
      if (mirror >= offset_[j + 1] || column_[mirror] != static_cast<PetscInt>(i) ||
          value_[mirror] != PetscConj(value_[k]))
        return false;
    }
  return true;
}

bool RowMatrix::identical(const RowMatrix &other) const {
  if (offset_ != other.offset_ || value_ != other.value_)
    return false;
  for (std::size_t k = 0; k < column_.size(); ++k)
    if (global_column(k) != other.global_column(k))
      return false;
  return true;
}

} // namespace lathe
