// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/rpcholesky.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/interruption.h"
#include "core/random.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe::sketching {
namespace {

constexpr std::uint64_t pivot_stream = 0x727063686f6c0000;  // of pivot draws …
constexpr std::uint64_t reject_stream = 0x727063686f6c0001; // … and of rejections

PetscErrorCode Check(Mat A, PetscInt n, const RpCholeskyOptions &o) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscFunctionBegin;
  PetscCheck((std::is_same_v<PetscScalar, PetscReal>), comm, PETSC_ERR_SUP,
             "rpcholesky is for real scalars; use a real build of PETSc");
  PetscBool rows = PETSC_FALSE;
  PetscCall(MatHasOperation(A, MATOP_GET_ROW, &rows));
  PetscCheck(
      rows, comm, PETSC_ERR_SUP,
      "rpcholesky needs the rows of the matrix, and its type has none; use -pc_type nystrom");
  PetscCheck(o.rank >= 1 && o.rank <= n, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_rpcholesky_rank %" PetscInt_FMT " must lie between 1 and the order %" PetscInt_FMT
             " of the matrix",
             o.rank, n);
  PetscCheck(o.block >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_rpcholesky_block %" PetscInt_FMT " must be >= 1", o.block);
  PetscCheck(o.mu >= 0 && std::isfinite(o.mu), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_rpcholesky_mu %g must be >= 0 and finite", o.mu);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// K = A − mu·I by rows, and the part of it that F does not hold.
class Residual {
public:
  Residual(Mat A, const RowBlocks &rows, double mu) : A_(A), rows_(rows), mu_(mu) {}

  /// Rows `pivots` of K, one after another, on every rank.
  PetscErrorCode Rows(const std::vector<std::int64_t> &pivots, std::vector<double> *values) const;
  PetscErrorCode Diagonal();
  /// Subtract the squares of new columns of F from the diagonal.
  PetscErrorCode Update(TallView fresh, double *smallest);
  [[nodiscard]] const std::vector<double> &diagonal() const { return diagonal_; } // of all rows

private:
  Mat A_;
  RowBlocks rows_;
  double mu_;
  std::vector<double> diagonal_;
};

PetscErrorCode Residual::Rows(const std::vector<std::int64_t> &pivots,
                              std::vector<double> *values) const {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  const auto n = static_cast<std::size_t>(rows_.rows());
  values->assign(pivots.size() * n, 0);
  PetscCall(MatGetOwnershipRange(A_, &begin, &end));
  for (std::size_t i = 0; i < pivots.size(); ++i) {
    const auto row = static_cast<PetscInt>(pivots[i]);
    if (row < begin || row >= end)
      continue;
    PetscInt count = 0;
    const PetscInt *columns = nullptr;
    const PetscScalar *entries = nullptr;
    double *to = values->data() + i * n;
    PetscCall(MatGetRow(A_, row, &count, &columns, &entries));
    for (PetscInt k = 0; k < count; ++k)
      to[columns[k]] = PetscRealPart(entries[k]);
    PetscCall(MatRestoreRow(A_, row, &count, &columns, &entries));
    to[row] -= mu_;
  }
  // Zero but on the owner, so the sum is exact.
  for (std::size_t i = 0; i < pivots.size(); ++i)
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, values->data() + i * n, static_cast<int>(n),
                               MPI_DOUBLE, MPI_SUM, rows_.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Residual::Diagonal() {
  VecHandle d;
  PetscInt begin = 0;
  PetscInt count = 0;
  const PetscScalar *a = nullptr;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(A_, nullptr, d.out()));
  PetscCall(MatGetDiagonal(A_, d));
  PetscCall(VecGetOwnershipRange(d, &begin, nullptr));
  PetscCall(VecGetLocalSize(d, &count));
  diagonal_.assign(static_cast<std::size_t>(rows_.rows()), 0);
  PetscCall(VecGetArrayRead(d, &a));
  for (PetscInt i = 0; i < count; ++i)
    diagonal_[static_cast<std::size_t>(begin + i)] = PetscRealPart(a[i]) - mu_;
  PetscCall(VecRestoreArrayRead(d, &a));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, diagonal_.data(), static_cast<int>(diagonal_.size()),
                             MPI_DOUBLE, MPI_SUM, rows_.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Residual::Update(TallView fresh, double *smallest) {
  PetscFunctionBegin;
  std::vector<double> now(diagonal_.size());
  const auto begin = static_cast<std::size_t>(rows_.range().begin);
  for (std::size_t i = 0; i < rows_.local(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < fresh.cols; ++j)
      sum += fresh.column(j)[i] * fresh.column(j)[i];
    now[begin + i] = diagonal_[begin + i] - sum;
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, now.data(), static_cast<int>(now.size()), MPI_DOUBLE,
                             MPI_SUM, rows_.comm()));
  *smallest = *std::min_element(now.begin(), now.end());
  for (std::size_t i = 0; i < now.size(); ++i)
    diagonal_[i] = std::max(now[i], 0.0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Draw `count` rows with the probabilities d_i/Σd.
std::vector<std::int64_t> draw(const std::vector<double> &d, std::size_t count, std::uint64_t seed,
                               std::uint64_t *drawn) {
  std::vector<double> cumulative(d.size());
  std::partial_sum(d.begin(), d.end(), cumulative.begin());
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const double u = random::uniform(seed, pivot_stream, (*drawn)++) * cumulative.back();
    const auto at = std::upper_bound(cumulative.begin(), cumulative.end(), u);
    rows.push_back(std::min(at - cumulative.begin(), std::ssize(d) - 1));
  }
  return rows;
}

/// Which of the drawn pivots single draws would have kept: the residual block h (m×m, both
/// triangles) is eliminated pivot by pivot, and pivot i kept with probability h_ii/proposal_i. Of
/// what is kept, `factor` is the Cholesky factor, upper, of the order of their number.
std::vector<std::size_t> reject(std::vector<double> h, const std::vector<double> &proposal,
                                std::uint64_t seed, std::uint64_t drawn,
                                std::vector<double> *factor) {
  const std::size_t m = proposal.size();
  std::vector<std::size_t> kept;
  std::vector<std::vector<double>> columns;
  for (std::size_t i = 0; i < m; ++i) {
    const double u = random::uniform(seed, reject_stream, drawn + i);
    const double pivot = h[i + i * m];
    if (!(pivot > 1e-13 * proposal[i]) || u * proposal[i] >= pivot)
      continue;
    std::vector<double> column(m);
    for (std::size_t r = 0; r < m; ++r)
      column[r] = h[r + i * m] / std::sqrt(pivot);
    for (std::size_t c = 0; c < m; ++c)
      for (std::size_t r = 0; r < m; ++r)
        h[r + c * m] -= column[r] * column[c];
    kept.push_back(i);
    columns.push_back(std::move(column));
  }
  const std::size_t k = kept.size();
  factor->assign(k * k, 0);
  for (std::size_t j = 0; j < k; ++j)
    for (std::size_t i = 0; i <= j; ++i)
      (*factor)[i + j * k] = columns[i][kept[j]];
  return kept;
}

/// F(pivots, :) on every rank, row after row.
PetscErrorCode RowsOf(TallView F, const std::vector<std::int64_t> &pivots,
                      std::vector<double> *values) {
  PetscFunctionBegin;
  values->assign(pivots.size() * F.cols, 0);
  const Range mine = F.rows.range();
  for (std::size_t i = 0; i < pivots.size(); ++i)
    if (mine.contains(pivots[i]))
      for (std::size_t j = 0; j < F.cols; ++j)
        (*values)[j + i * F.cols] = F.column(j)[pivots[i] - mine.begin];
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, values->data(), static_cast<int>(values->size()),
                             MPI_DOUBLE, MPI_SUM, F.rows.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Append up to `block` columns to F; *stuck when rounding has eaten the residual.
PetscErrorCode Extend(Residual &residual, std::size_t block, std::uint64_t seed,
                      std::uint64_t *drawn, MultiVector *F, bool *stuck) {
  PetscFunctionBegin;
  const RowBlocks rows = F->view().rows;
  const auto n = static_cast<std::size_t>(rows.rows());
  const std::size_t before = F->view().cols;
  const std::vector<std::int64_t> pivots = draw(residual.diagonal(), block, seed, drawn);
  std::vector<double> whole;
  std::vector<double> held;
  PetscCall(residual.Rows(pivots, &whole));
  PetscCall(RowsOf(F->view(), pivots, &held));
  std::vector<double> h(block * block); // the residual in the rows and columns of the pivots
  std::vector<double> proposal(block);
  dense::gemm('T', 'N', block, block, before, -1.0, held.data(), before, held.data(), before, 0.0,
              h.data(), block);
  for (std::size_t c = 0; c < block; ++c) {
    for (std::size_t r = 0; r < block; ++r)
      h[r + c * block] += whole[static_cast<std::size_t>(pivots[r]) + c * n];
    proposal[c] = residual.diagonal()[static_cast<std::size_t>(pivots[c])];
  }
  std::vector<double> factor;
  const std::vector<std::size_t> kept = reject(std::move(h), proposal, seed, *drawn, &factor);
  *stuck = kept.empty(); // but for rounding the first pivot is always kept
  F->resize(before + kept.size());
  const TallView fresh = F->columns(before, kept.size());
  std::vector<double> coefficients(before * kept.size());
  for (std::size_t j = 0; j < kept.size(); ++j) {
    const double *row = whole.data() + kept[j] * n;
    PetscCheck(std::all_of(row, row + n, [](double v) { return std::isfinite(v); }), rows.comm(),
               PETSC_ERR_FP, "Row %lld of the matrix holds NaN or an infinity",
               static_cast<long long>(pivots[kept[j]]));
    std::copy_n(row + rows.range().begin, rows.local(), fresh.column(j));
    std::copy_n(held.data() + kept[j] * before, before, coefficients.data() + j * before);
  }
  subtract(F->columns(0, before), coefficients.data(), fresh);
  solve_right(fresh, factor.data());
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode RpCholesky(Mat A, const RpCholeskyOptions &o, MultiVector *F, bool *definite) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  const double eps = std::numeric_limits<double>::epsilon();
  PetscInt n = 0;
  PetscInt columns = 0;
  PetscFunctionBegin;
  PetscCall(MatGetSize(A, &n, &columns));
  PetscCheck(n == columns, comm, PETSC_ERR_ARG_SIZ,
             "The matrix is %" PetscInt_FMT " x %" PetscInt_FMT "; it must be square", n, columns);
  PetscCall(Check(A, n, o));
  const RowBlocks rows(comm, n);
  Residual residual(A, rows, o.mu);
  PetscCall(residual.Diagonal());
  const std::vector<double> &d = residual.diagonal();
  const auto [low, high] = std::minmax_element(d.begin(), d.end());
  const double largest = *high;
  const auto trace = [&d] { return std::accumulate(d.begin(), d.end(), 0.0); };
  const double whole = trace();
  PetscCheck(std::isfinite(whole), comm, PETSC_ERR_FP,
             "The diagonal of the matrix holds NaN or an infinity");
  *definite = *low >= 0;
  *F = MultiVector(rows, 0);
  std::uint64_t drawn = 0;
  const auto rank = static_cast<std::size_t>(o.rank);
  while (*definite && F->view().cols < rank && trace() > static_cast<double>(n) * eps * whole) {
    const std::size_t before = F->view().cols;
    bool stuck = false;
    PetscCall(StopTogether(comm));
    PetscCall(Extend(residual, std::min(static_cast<std::size_t>(o.block), rank - before), o.seed,
                     &drawn, F, &stuck));
    if (stuck)
      break;
    double smallest = 0;
    PetscCall(residual.Update(F->columns(before, F->view().cols - before), &smallest));
    *definite = smallest >= -1e3 * eps * static_cast<double>(rank) * largest;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
