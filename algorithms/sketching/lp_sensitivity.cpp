// SPDX-License-Identifier: BSD-2-Clause
#include "core/citation.h"
#include "core/error.h"
#include "core/interruption.h"
#include "sketching/length.h"
#include "sketching/leverage.h"
#include "sketching/lp_basis.h"
#include "sketching/lp_minimize.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::sketching {
namespace {

/// Q·H without its first column, H the reflection that takes q/‖q‖ to ±e₁; and Q·H·e₁/±‖q‖ in
/// `fixed`: the x with qᵀx = 1 are the points fixed + (the others)·z. What is as small as rounding
/// errors becomes 0: a row along q, as q itself, then is the same whatever z is, and where q has
/// leverage 1 all rows but those of q vanish.
void split(TallView Q, const std::vector<double> &q, TallView others, TallView fixed) {
  const std::size_t r = Q.cols;
  const double norm = length(q);
  std::vector<double> v = q;
  for (double &x : v)
    x /= norm;
  const double sign = v[0] >= 0 ? -1 : 1; // H q/‖q‖ = sign·e₁
  v[0] -= sign;
  const double square = std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
  std::vector<double> H(r * r);
  for (std::size_t j = 0; j < r; ++j)
    for (std::size_t i = 0; i < r; ++i)
      H[i + j * r] = (i == j ? 1 : 0) - 2 * v[i] * v[j] / square;
  multiply(Q, H.data() + r, 0, others);
  std::vector<double> first(H.begin(), H.begin() + static_cast<std::ptrdiff_t>(r));
  for (double &x : first)
    x *= sign;
  multiply(Q, first.data(), 0, fixed);
  const double rounding = 0x1p-51 * static_cast<double>(r);
  for (std::size_t i = 0; i < Q.rows.local(); ++i) {
    double along = fixed.data[i] * fixed.data[i];
    double across = 0;
    for (std::size_t j = 0; j < others.cols; ++j)
      across += others.column(j)[i] * others.column(j)[i];
    const double small = rounding * rounding * (along + across);
    if (across <= small)
      for (std::size_t j = 0; j < others.cols; ++j)
        others.column(j)[i] = 0;
    if (along <= small)
      fixed.data[i] = 0;
    fixed.data[i] /= norm;
    if (across <= small && std::abs(std::abs(fixed.data[i]) - 1) <= rounding) // q itself
      fixed.data[i] = std::copysign(1.0, fixed.data[i]);
  }
}

/// 1/min ‖Qy‖_p^p over qᵀy = 1 for orthonormal columns Q.
class SensitivityProblem {
public:
  SensitivityProblem(TallView Q, double p)
      : Q_(Q), p_(p), others_(Q.rows, std::max<std::size_t>(Q.cols, 1) - 1), fixed_(Q.rows, 1) {}

  /// Collective on the rows of Q. error: relative, at most.
  PetscErrorCode Solve(const std::vector<double> &q, double *sensitivity, double *error) {
    PetscFunctionBegin;
    *sensitivity = 0;
    *error = 0;
    if (std::all_of(q.begin(), q.end(), [](double x) { return x == 0; }))
      PetscFunctionReturn(PETSC_SUCCESS);
    split(Q_, q, others_.view(), fixed_.view());
    std::vector<double> y;
    LpSolution solution;
    const LpOptions options{.tolerance = std::max(1e-14, 1e-13 / std::max(1.0, p_ / 10)),
                            .max_steps = 2000};
    LpOptimum optimum;
    PetscCall(LpMinimize(others_.view(), fixed_.view(), p_, options, &y, &solution, &optimum));
    *sensitivity = std::pow(solution.objective, -p_);
    *error = p_ * (1 - solution.lower_bound / solution.objective);
    PetscFunctionReturn(PETSC_SUCCESS);
  }

private:
  TallView Q_;
  double p_;
  MultiVector others_, fixed_;
};

PetscErrorCode CheckPower(MPI_Comm comm, double p) {
  PetscFunctionBegin;
  PetscCheck(p >= 1 && std::isfinite(p), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "p = %g of sensitivities must be >= 1 and finite (-p)", p);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Rows of X that are kept, times their factors, on every rank in the order of the rows.
PetscErrorCode GatherSample(TallView X, const std::vector<SampledRow> &kept, MultiVector *sample) {
  const MPI_Comm comm = X.rows.comm();
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  std::vector<double> mine; // row by row
  for (const SampledRow &row : kept)
    for (std::size_t j = 0; j < X.cols; ++j)
      mine.push_back(row.factor * X.column(j)[row.row - X.rows.range().begin]);
  double numbers = static_cast<double>(mine.size());
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &numbers, 1, MPI_DOUBLE, MPI_SUM, comm));
  PetscCheck(numbers < 0x1p31, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A sample of %g numbers for every rank; allowed: below 2^31. Use a larger epsilon",
             numbers);
  std::vector<int> count(static_cast<std::size_t>(size)), first(count);
  const int here = static_cast<int>(mine.size());
  PetscCallMPI(MPI_Allgather(&here, 1, MPI_INT, count.data(), 1, MPI_INT, comm));
  std::exclusive_scan(count.begin(), count.end(), first.begin(), 0);
  std::vector<double> all(static_cast<std::size_t>(first.back() + count.back()));
  PetscCallMPI(MPI_Allgatherv(mine.data(), here, MPI_DOUBLE, all.data(), count.data(), first.data(),
                              MPI_DOUBLE, comm));
  const std::size_t rows = all.size() / std::max<std::size_t>(X.cols, 1);
  *sample = MultiVector(RowBlocks(PETSC_COMM_SELF, static_cast<std::int64_t>(rows)), X.cols);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < X.cols; ++j)
      sample->view().column(j)[i] = all[i * X.cols + j];
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LpSensitivities(TallMatrix &A, double p, const std::vector<std::int64_t> &rows,
                               std::vector<double> *sensitivities) {
  const MPI_Comm comm = A.rows().comm();
  PetscFunctionBegin;
  PetscCall(CheckPower(comm, p));
  PetscCall(Cite("WoodruffYasuda2023"));
  std::vector<std::int64_t> wanted = rows;
  if (wanted.empty()) {
    wanted.resize(static_cast<std::size_t>(A.rows().rows()));
    std::iota(wanted.begin(), wanted.end(), std::int64_t{0});
  }
  LpBasis basis;
  PetscCall(basis.Create(A));
  const TallView Q = basis.Q();
  const double allowed = std::max(1e-11, 1e-13 * p);
  SensitivityProblem problem(Q, p);
  sensitivities->assign(wanted.size(), 0);
  for (std::size_t i = 0; i < wanted.size() && Q.cols > 0; ++i) {
    const std::int64_t row = wanted[i];
    PetscCheck(row >= 0 && row < A.rows().rows(), comm, PETSC_ERR_ARG_OUTOFRANGE,
               "Row %lld of %lld", static_cast<long long>(row),
               static_cast<long long>(A.rows().rows()));
    std::vector<double> q(Q.cols);
    if (A.rows().range().contains(row))
      for (std::size_t j = 0; j < Q.cols; ++j)
        q[j] = Q.column(j)[row - A.rows().range().begin];
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, q.data(), static_cast<int>(q.size()), MPI_DOUBLE,
                               MPI_SUM, comm));
    double error = 0;
    PetscCall(problem.Solve(q, &(*sensitivities)[i], &error));
    PetscCheck(error <= allowed, comm, PETSC_ERR_NOT_CONVERGED,
               "The sensitivity of row %lld for p = %g is known to a relative %.1e only, more than "
               "%.1e",
               static_cast<long long>(row), p, error, allowed);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ApproximateLpSensitivities(TallMatrix &A, double p, double epsilon,
                                          std::uint64_t seed, double *sensitivities) {
  const MPI_Comm comm = A.rows().comm();
  const std::size_t local = A.rows().local();
  PetscFunctionBegin;
  PetscCall(CheckPower(comm, p));
  PetscCheck(epsilon > 0 && epsilon < 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "epsilon = %g of approximate sensitivities must lie in (0, 1) (-epsilon)", epsilon);
  PetscCall(Cite("CohenPeng2015 WoodruffYasuda2023"));
  std::fill_n(sensitivities, local, 0.0);
  std::vector<double> weight(local);
  double residual = 0;
  PetscCall(LewisWeights(A, p, weight.data(), &residual));
  LpBasis basis;
  PetscCall(basis.Create(A));
  const TallView Q = basis.Q();
  if (Q.cols == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  // A sample that has lost directions is doubled: it keeps all rows that it had.
  MultiVector sample, kept_basis;
  std::vector<std::size_t> columns;
  for (double count = LewisSampleCount(std::max<std::size_t>(Q.cols, 2), p, epsilon);; count *= 2) {
    std::vector<SampledRow> kept;
    if (count >= static_cast<double>(A.rows().rows()))
      std::fill(weight.begin(), weight.end(), 1.0); // then every row is kept as it is
    PetscCall(SampleRows(A.rows(), weight.data(), count, p, seed, &kept));
    PetscCall(GatherSample(Q, kept, &sample));
    kept_basis = sample;
    PetscCall(Orthonormalize(kept_basis.view(), &columns));
    if (columns.size() == Q.cols)
      break;
    PetscCheck(count < 2.0 * static_cast<double>(A.rows().rows()), comm, PETSC_ERR_PLIB,
               "all rows of a matrix of rank %zu span %zu dimensions", Q.cols, columns.size());
  }
  // With B·T the sample, a row q of Q is qᵀ·T⁻¹ in the basis B; T is upper triangular in the order
  // of `columns`.
  const TallView B = kept_basis.view();
  const std::size_t r = Q.cols;
  std::vector<double> t(r * r);
  PetscCall(InnerProduct(B, sample.view(), t.data()));
  SensitivityProblem problem(B, p);
  const double allowed = std::max(1e-3 * epsilon, 1e-13 * p);
  double worst = 0;
  std::size_t worst_row = 0;
  LatheGuard(comm, {
    std::vector<double> triangular(r * r);
    for (std::size_t j = 0; j < r; ++j)
      for (std::size_t i = 0; i <= j; ++i)
        triangular[i + j * r] = t[i + columns[j] * r];
    MultiVector turned(A.rows(), r);
    for (std::size_t j = 0; j < r; ++j)
      std::copy_n(Q.column(columns[j]), local, turned.view().column(j));
    solve_right(turned.view(), triangular.data());
    std::vector<double> q(r);
    for (std::size_t i = 0; i < local && !stop_asked(); ++i) {
      for (std::size_t j = 0; j < r; ++j)
        q[j] = turned.view().column(j)[i];
      double error = 0;
      PetscCall(problem.Solve(q, &sensitivities[i], &error));
      if (error > worst)
        worst_row = i;
      worst = std::max(worst, error);
    }
  });
  PetscCall(StopTogether(comm));
  LatheCheckAll(comm, worst <= allowed, PETSC_ERR_NOT_CONVERGED,
                "The sensitivity of row %lld for p = %g and a sample is known to a relative %.1e "
                "only, more than %.1e",
                static_cast<long long>(A.rows().range().begin) + static_cast<long long>(worst_row),
                p, worst, allowed);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
