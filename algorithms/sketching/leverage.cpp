// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/leverage.h"
#include "core/citation.h"
#include "core/dense.h"
#include "core/interruption.h"
#include "core/random.h"
#include "sketching/row_basis.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::sketching {
namespace {

/// Squares of the lengths of the rows of an orthonormal basis, but for rounding at most 1.
void square_rows(TallView X, double *squares) {
  std::fill_n(squares, X.rows.local(), 0.0);
  for (std::size_t j = 0; j < X.cols; ++j)
    for (std::size_t i = 0; i < X.rows.local(); ++i)
      squares[i] += X.column(j)[i] * X.column(j)[i];
  for (std::size_t i = 0; i < X.rows.local(); ++i)
    squares[i] = std::min(squares[i], 1.0);
}

} // namespace

PetscErrorCode LeverageScores(TallMatrix &A, double lambda, double *scores, std::size_t *rank) {
  PetscFunctionBegin;
  PetscCheck(lambda >= 0 && std::isfinite(lambda), A.rows().comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "ridge lambda %g must be >= 0 and finite (-lambda)", lambda);
  MultiVector rows;
  if (lambda > 0) {
    PetscCall(RidgeRows(A.view(), lambda, &rows, rank));
  } else {
    std::vector<std::size_t> columns;
    PetscCall(RowBasis(A.view(), &rows, &columns));
    *rank = columns.size();
  }
  if (scores)
    square_rows(rows.view(), scores);
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// B ← D·B with orthonormal columns again; *done false where it is not well conditioned enough.
PetscErrorCode Rescale(TallView B, const std::vector<double> &d, bool *done) {
  PetscFunctionBegin;
  for (std::size_t j = 0; j < B.cols; ++j)
    for (std::size_t i = 0; i < B.rows.local(); ++i)
      B.column(j)[i] *= d[i];
  std::vector<double> g(B.cols * B.cols);
  PetscCall(GramMatrix(B, g.data()));
  *done = dense::potrf('U', B.cols, g.data(), B.cols) == 0;
  for (std::size_t j = 0; *done && j < B.cols; ++j) // condition of the scaling
    *done = g[j + j * B.cols] > 1e-3 && g[j + j * B.cols] < 1e3;
  if (*done)
    solve_right(B, g.data());
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Orthonormal basis of W^(½−1/p)·Q in *basis.
PetscErrorCode Fresh(TallView Q, double p, const std::vector<double> &w, MultiVector *basis) {
  PetscFunctionBegin;
  *basis = MultiVector(Q.rows, Q.cols);
  const TallView B = basis->view();
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double d = w[i] > 0 ? std::pow(w[i], 0.5 - 1 / p) : 0;
    for (std::size_t j = 0; j < B.cols; ++j)
      B.column(j)[i] = d * Q.column(j)[i];
  }
  std::vector<std::size_t> columns;
  PetscCall(Orthonormalize(B, &columns));
  basis->resize(columns.size());
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LewisWeights(TallMatrix &A, double p, double *weights, double *residual) {
  constexpr int max_steps = 500;
  constexpr double wanted = 1e-13;
  PetscFunctionBegin;
  PetscCheck(p >= 1 && std::isfinite(p), A.rows().comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "p = %g of Lewis weights must be >= 1 and finite (-p)", p);
  PetscCall(Cite("CohenPeng2015"));
  const std::size_t local = A.rows().local();
  std::vector<double> w(local);
  std::vector<double> tau(local);
  std::vector<double> ratio(local);
  // The weights depend on the range of A alone: from here on on a basis of it whose rows are
  // accurate, and which is well conditioned.
  std::vector<std::size_t> columns;
  MultiVector range, basis;
  PetscCall(RowBasis(A.view(), &range, &columns));
  square_rows(range.view(), w.data());
  bool fresh = true; // the basis was computed from `range` itself
  PetscCall(Fresh(range.view(), p, w, &basis));
  *residual = 1;
  for (int step = 0; step < max_steps; ++step) {
    PetscCall(StopTogether(A.rows().comm()));
    square_rows(basis.view(), tau.data());
    double worst = 0;
    for (std::size_t i = 0; i < local; ++i)
      if (w[i] > 0)
        worst = std::max(worst, std::abs(tau[i] / w[i] - 1));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_DOUBLE, MPI_MAX, A.rows().comm()));
    *residual = worst;
    if (worst <= wanted && fresh)
      break;
    for (std::size_t i = 0; i < local; ++i) {
      const double next = w[i] <= 0 ? 0
                          : p >= 2  ? tau[i]
                                    : std::pow(w[i], 1 - p / 2) * std::pow(tau[i], p / 2);
      ratio[i] = next > 0 ? std::pow(next / w[i], 0.5 - 1 / p) : 0;
      w[i] = next;
    }
    fresh = worst <= wanted || step % 50 == 49; // rounding errors of the updates are left behind
    bool done = false;
    if (!fresh)
      PetscCall(Rescale(basis.view(), ratio, &done));
    if (!done) {
      PetscCall(Fresh(range.view(), p, w, &basis));
      fresh = true;
    }
  }
  std::copy_n(w.data(), local, weights);
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// Σ of a number a row, class R0: the inner product with ones.
PetscErrorCode SumOfRows(const RowBlocks &rows, const double *x, double *sum) {
  PetscFunctionBegin;
  MultiVector both(rows, 2);
  std::copy_n(x, rows.local(), both.view().column(0));
  std::fill_n(both.view().column(1), rows.local(), 1.0);
  PetscCall(ColumnDots(both.columns(0, 1), both.columns(1, 1), sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SampleRows(const RowBlocks &rows, const double *scores, double count, double p,
                          std::uint64_t seed, std::vector<SampledRow> *kept) {
  constexpr std::uint64_t stream = 0x726f777300000000;
  PetscFunctionBegin;
  PetscCheck(count > 0 && std::isfinite(count), rows.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "%g rows to be sampled; it must be > 0 (-rows)", count);
  PetscCheck(p >= 1 && std::isfinite(p), rows.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "p = %g must be >= 1 and finite (-p)", p);
  double sum = 0;
  PetscCall(SumOfRows(rows, scores, &sum));
  kept->clear();
  for (std::size_t i = 0; i < rows.local(); ++i) {
    const double q = std::min(1.0, count * scores[i] / sum);
    const std::int64_t row = rows.range().begin + static_cast<std::int64_t>(i);
    if (random::uniform(seed, stream, static_cast<std::uint64_t>(row)) < q)
      kept->push_back({row, std::pow(q, -1 / p)});
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// What all these counts have in common: log n, and 5 more for the failures of few columns,
/// measured with the worst x (tests/unit/sketching/scores_sampling.cpp).
double over_square(std::size_t n, double epsilon) {
  return (std::log(static_cast<double>(std::max<std::size_t>(n, 1))) + 5) / (epsilon * epsilon);
}

} // namespace

double LewisSampleCount(std::size_t n, double p, double epsilon) {
  return std::pow(static_cast<double>(n), std::max(1.0, p / 2)) * over_square(n, epsilon);
}

double SensitivitySampleCount(std::size_t n, double p, double epsilon, double total) {
  return std::pow(total, p < 2 ? 2 / p : 2 - 2 / p) * over_square(n, epsilon);
}

double AugmentedSampleCount(std::size_t n, double p, double epsilon, double total) {
  if (!(p >= 1))
    return std::numeric_limits<double>::quiet_NaN();
  const double cols = static_cast<double>(n);
  const double rows = p <= 2 ? total + cols : std::pow(cols, 2 / p) * std::pow(total, 2 - 4 / p);
  return rows * over_square(n, epsilon);
}

PetscErrorCode RootLeverageScores(TallMatrix &A, double p, double *scores, double *total) {
  PetscFunctionBegin;
  PetscCheck(p >= 1 && p < 2, A.rows().comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "p = %g of root leverage scores must lie in [1, 2) (-p)", p);
  PetscCall(Cite("WoodruffYasuda2023"));
  std::size_t rank = 0;
  std::vector<double> tau(A.rows().local());
  PetscCall(LeverageScores(A, 0, tau.data(), &rank));
  for (double &t : tau)
    t = std::pow(t, p / 2);
  PetscCall(SumOfRows(A.rows(), tau.data(), total));
  if (scores)
    std::copy(tau.begin(), tau.end(), scores);
  PetscFunctionReturn(PETSC_SUCCESS);
}

double RootLeverageSampleCount(std::size_t n, double epsilon, double total) {
  return total * over_square(n, epsilon);
}

} // namespace lathe::sketching
