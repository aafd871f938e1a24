// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/block_operator.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/interruption.h"
#include "core/row_block.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe::sketching {
namespace {

bool real_scalars() {
  return std::is_same_v<PetscScalar, PetscReal>;
}

/// Scatter between a Vec in blocks of rows and one in another layout; null where they agree.
PetscErrorCode CreateScatter(Vec from, Vec to, VecScatter *scatter) {
  PetscInt here = 0;
  PetscInt there = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(from, &here));
  PetscCall(VecGetLocalSize(to, &there));
  int differs = here == there ? 0 : 1;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &differs, 1, MPI_INT, MPI_MAX,
                             PetscObjectComm(reinterpret_cast<PetscObject>(from))));
  *scatter = nullptr;
  if (differs == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscInt begin = 0;
  PetscCall(VecGetOwnershipRange(to, &begin, nullptr));
  IsHandle indices;
  PetscCall(ISCreateStride(PetscObjectComm(reinterpret_cast<PetscObject>(from)), there, begin, 1,
                           indices.out()));
  PetscCall(VecScatterCreate(from, indices, to, indices, scatter));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Move(VecScatter scatter, Vec from, Vec to) {
  PetscFunctionBegin;
  if (scatter) {
    PetscCall(VecScatterBegin(scatter, from, to, INSERT_VALUES, SCATTER_FORWARD));
    PetscCall(VecScatterEnd(scatter, from, to, INSERT_VALUES, SCATTER_FORWARD));
  } else {
    PetscCall(VecCopy(from, to));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Read(Vec x, double *values) {
  const PetscScalar *a = nullptr;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x, &n));
  PetscCall(VecGetArrayRead(x, &a));
  std::transform(a, a + n, values, [](PetscScalar v) { return PetscRealPart(v); });
  PetscCall(VecRestoreArrayRead(x, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Write(const double *values, Vec x) {
  PetscScalar *a = nullptr;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x, &n));
  PetscCall(VecGetArrayWrite(x, &a));
  std::copy_n(values, n, a);
  PetscCall(VecRestoreArrayWrite(x, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode ColumnLayout::Create(Mat A) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt m = 0;
  PetscInt n = 0;
  VecHandle x;
  PetscFunctionBegin;
  PetscCheck(real_scalars(), comm, PETSC_ERR_SUP,
             "Traces and low-rank preconditioners are for real scalars; use a real build of PETSc");
  PetscCall(MatGetLocalSize(A, &m, &n));
  LatheCheckAll(comm, m == n, PETSC_ERR_ARG_SIZ,
                "A rank owns %" PetscInt_FMT " rows and %" PetscInt_FMT
                " columns of the matrix; it must be square, with one layout of both",
                m, n);
  PetscCall(MatGetSize(A, &m, &n));
  PetscCheck(n >= 1, comm, PETSC_ERR_ARG_SIZ, "The matrix is empty");
  PetscCall(MatCreateVecs(A, x.out(), nullptr));
  PetscCall(Create(x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ColumnLayout::Create(Vec x) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(x));
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(VecGetSize(x, &n));
  rows_ = RowBlocks(comm, n);
  PetscCall(VecCreateMPI(comm, static_cast<PetscInt>(rows_.local()), n, blocks_.out()));
  PetscCall(CreateScatter(blocks_, x, to_vec_.out()));
  PetscCall(CreateScatter(x, blocks_, from_vec_.out()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ColumnLayout::FromVec(Vec x, double *column) {
  PetscFunctionBegin;
  PetscCall(Move(from_vec_, x, blocks_));
  PetscCall(Read(blocks_, column));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ColumnLayout::ToVec(const double *column, Vec x) {
  PetscFunctionBegin;
  PetscCall(Write(column, blocks_));
  PetscCall(Move(to_vec_, blocks_, x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ColumnLayout::FromDense(Mat X, TallView columns) {
  PetscFunctionBegin;
  for (std::size_t j = 0; j < columns.cols; ++j) {
    Vec column = nullptr;
    PetscCall(MatDenseGetColumnVecRead(X, static_cast<PetscInt>(j), &column));
    PetscCall(FromVec(column, columns.column(j)));
    PetscCall(MatDenseRestoreColumnVecRead(X, static_cast<PetscInt>(j), &column));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ColumnLayout::ToDense(TallView columns, Mat X) {
  PetscFunctionBegin;
  for (std::size_t j = 0; j < columns.cols; ++j) {
    Vec column = nullptr;
    PetscCall(MatDenseGetColumnVecWrite(X, static_cast<PetscInt>(j), &column));
    PetscCall(ToVec(columns.column(j), column));
    PetscCall(MatDenseRestoreColumnVecWrite(X, static_cast<PetscInt>(j), &column));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode BlockOperator::Create(Mat A) {
  PetscFunctionBegin;
  PetscCall(layout_.Create(A));
  A_ = A;
  PetscCall(MatCreateVecs(A, x_.out(), y_.out()));
  PetscBool stored = PETSC_FALSE;
  PetscBool dense = PETSC_FALSE;
  PetscBool shell = PETSC_FALSE;
  PetscCall(PetscObjectTypeCompare(reinterpret_cast<PetscObject>(A), MATSHELL, &shell));
  PetscCall(PetscObjectTypeCompareAny(reinterpret_cast<PetscObject>(A), &stored, MATSEQAIJ,
                                      MATMPIAIJ, MATSEQBAIJ, MATMPIBAIJ, ""));
  PetscCall(PetscObjectTypeCompareAny(reinterpret_cast<PetscObject>(A), &dense, MATSEQDENSE,
                                      MATMPIDENSE, ""));
  kind_ = stored ? Kind::rows : dense ? Kind::dense : shell ? Kind::shell : Kind::other;
  if (stored)
    PetscCall(CopyRows(A));
  if (dense)
    PetscCall(CopyDense(A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Rows and columns in blocks of this class, so that no product has to move a vector there and back.
PetscErrorCode BlockOperator::CopyRows(Mat A) {
  PetscFunctionBegin;
  PetscCall(entries_.Create(A));
  if (!layout_.moves())
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<PetscInt> wanted(rows().local());
  std::iota(wanted.begin(), wanted.end(), static_cast<PetscInt>(rows().range().begin));
  RowBlock there;
  PetscCall(there.Fetch(comm(), entries_, wanted));
  PetscLayout blocks = nullptr;
  PetscCall(PetscLayoutCreateFromSizes(comm(), static_cast<PetscInt>(rows().local()),
                                       static_cast<PetscInt>(order()), 1, &blocks));
  entries_ = RowMatrix();
  PetscCall(entries_.Create(blocks, blocks, there.view()));
  PetscCall(PetscLayoutDestroy(&blocks));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode BlockOperator::CopyDense(Mat A) {
  int size = 1;
  PetscInt lda = 0;
  const PetscScalar *a = nullptr;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(rows().comm(), &size));
  if (size == 1)
    PetscFunctionReturn(PETSC_SUCCESS);
  dense_.resize(rows().local() * static_cast<std::size_t>(order()));
  PetscInt n = 0;
  PetscCall(VecGetLocalSize(y_, &n));
  PetscCall(MatDenseGetArrayRead(A, &a));
  PetscCall(MatDenseGetLDA(A, &lda));
  for (std::int64_t j = 0; j < order(); ++j) {
    PetscScalar *column = nullptr;
    PetscCall(VecGetArrayWrite(y_, &column));
    std::copy_n(a + j * lda, n, column);
    PetscCall(VecRestoreArrayWrite(y_, &column));
    PetscCall(layout_.FromVec(y_, dense_.data() + static_cast<std::size_t>(j) * rows().local()));
  }
  PetscCall(MatDenseRestoreArrayRead(A, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode BlockOperator::ApplyColumn(const double *x, double *y) {
  PetscFunctionBegin;
  PetscCall(layout_.ToVec(x, x_));
  PetscCall(MatMult(A_, x_, y_));
  PetscCall(layout_.FromVec(y_, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode BlockOperator::ApplyRows(TallView X, TallView Y) {
  PetscFunctionBegin;
  // real scalars, as Create has seen
  PetscCall(entries_.MultiplyColumns(reinterpret_cast<const PetscScalar *>(X.data), rows().local(),
                                     X.cols, reinterpret_cast<PetscScalar *>(Y.data),
                                     rows().local()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode BlockOperator::ApplyShell(TallView X, TallView Y) {
  PetscInt local = 0;
  MatHandle x, y;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x_, &local));
  PetscCall(MatCreateDense(comm(), local, PETSC_DECIDE, static_cast<PetscInt>(order()),
                           static_cast<PetscInt>(X.cols), nullptr, x.out()));
  PetscCall(layout_.ToDense(X, x));
  PetscCall(MatMatMult(A_, x, MAT_INITIAL_MATRIX, PETSC_DEFAULT, y.out()));
  PetscCall(layout_.FromDense(y, Y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// All rows of X on every rank, column-major.
PetscErrorCode Gather(TallView X, std::vector<double> *whole) {
  int size = 1;
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(X.rows.comm(), &size));
  PetscCallMPI(MPI_Comm_rank(X.rows.comm(), &rank));
  const auto n = static_cast<std::size_t>(X.rows.rows());
  std::vector<int> counts;
  std::vector<int> offsets;
  for (int r = 0; r < size; ++r) {
    const auto cols = static_cast<std::int64_t>(X.cols);
    counts.push_back(static_cast<int>(X.rows.range(r).size() * cols));
    offsets.push_back(static_cast<int>(X.rows.range(r).begin * cols));
  }
  std::vector<double> received(n * X.cols);
  PetscCallMPI(MPI_Allgatherv(X.data, counts[static_cast<std::size_t>(rank)], MPI_DOUBLE,
                              received.data(), counts.data(), offsets.data(), MPI_DOUBLE,
                              X.rows.comm()));
  whole->resize(received.size());
  for (int r = 0; r < size; ++r) {
    const auto begin = static_cast<std::size_t>(X.rows.range(r).begin);
    const auto rows = static_cast<std::size_t>(X.rows.range(r).size());
    for (std::size_t j = 0; j < X.cols; ++j)
      std::copy_n(received.data() + begin * X.cols + j * rows, rows, whole->data() + begin + j * n);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

// Every rank multiplies its rows with all of X, `chunk` columns at a time.
PetscErrorCode BlockOperator::ApplyDense(TallView X, TallView Y) {
  constexpr std::size_t chunk = 64;
  constexpr auto height = static_cast<std::size_t>(RowBlocks::height);
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(rows().comm(), &size));
  const auto n = static_cast<std::size_t>(order());
  const PetscScalar *array = nullptr;
  PetscInt lda = static_cast<PetscInt>(rows().local());
  const double *a = dense_.data();
  if (size == 1) {
    PetscCall(MatDenseGetArrayRead(A_, &array));
    PetscCall(MatDenseGetLDA(A_, &lda));
    a = reinterpret_cast<const double *>(array); // real scalars, as Create has seen
  }
  std::vector<double> whole;
  for (std::size_t first = 0; first < X.cols; first += chunk) {
    const TallView part = X.columns(first, std::min(chunk, X.cols - first));
    if (size > 1)
      PetscCall(Gather(part, &whole));
    const double *x = size > 1 ? whole.data() : part.data;
    for (std::size_t begin = 0; begin < rows().local(); begin += height)
      dense::gemm('N', 'N', std::min(height, rows().local() - begin), part.cols, n, 1.0, a + begin,
                  static_cast<std::size_t>(lda), x, n, 0.0, Y.column(first) + begin,
                  rows().local());
  }
  if (size == 1)
    PetscCall(MatDenseRestoreArrayRead(A_, &array));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode BlockOperator::Apply(TallView X, TallView Y) {
  PetscFunctionBegin;
  PetscCall(StopTogether(comm()));
  if (kind_ == Kind::rows)
    PetscCall(ApplyRows(X, Y));
  else if (kind_ == Kind::dense)
    PetscCall(ApplyDense(X, Y));
  else if (kind_ == Kind::shell && X.cols > 0)
    PetscCall(ApplyShell(X, Y));
  else
    for (std::size_t j = 0; j < X.cols; ++j)
      PetscCall(ApplyColumn(X.column(j), Y.column(j)));
  matvecs_ += static_cast<long long>(X.cols);
  const double *end = Y.data + Y.cols * rows().local();
  const double *bad = std::find_if(Y.data, Y.data + Y.cols * rows().local(),
                                   [](double v) { return !std::isfinite(v); });
  const auto row = bad == end ? std::int64_t{0}
                              : rows().range().begin +
                                    (bad - Y.data) % static_cast<std::int64_t>(rows().local());
  LatheCheckAll(comm(), bad == end, PETSC_ERR_FP,
                "A product with the matrix is %g in row %lld; it must be finite", *bad,
                static_cast<long long>(row));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ScaledProduct::Apply(TallView X, TallView Y) {
  PetscFunctionBegin;
  PetscCall(product_(X, Y));
  const std::size_t count = Y.cols * Y.rows.local();
  if (!known_) {
    double largest = 0;
    for (std::size_t i = 0; i < count; ++i)
      largest = std::max(largest, std::abs(Y.data[i]));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, Y.rows.comm()));
    known_ = largest > 0;
    std::frexp(largest, &exponent_);
  }
  // 2⁻ᵉ itself may be out of range.
  const double half = std::ldexp(1.0, -exponent_ / 2);
  const double rest = std::ldexp(1.0, -exponent_ - -exponent_ / 2);
  if (exponent_ != 0)
    for (std::size_t i = 0; i < count; ++i)
      Y.data[i] = Y.data[i] * half * rest;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
