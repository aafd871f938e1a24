// SPDX-License-Identifier: BSD-2-Clause
#include "core/citation.h"
#include "sketching/lp_regression.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::sketching {
namespace {

/// Q·H without its first column, H the reflection that takes q/‖q‖ to ±e₁; and Q·H·e₁/±‖q‖ in
/// `fixed`: the x with qᵀx = 1 are the points fixed + (the others)·z.
void split(TallView Q, const std::vector<double> &q, TallView others, TallView fixed) {
  const std::size_t r = Q.cols;
  const double norm = std::sqrt(std::inner_product(q.begin(), q.end(), q.begin(), 0.0));
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
    x *= sign / norm;
  multiply(Q, first.data(), 0, fixed);
}

} // namespace

PetscErrorCode LpSensitivities(TallMatrix &A, double p, const std::vector<std::int64_t> &rows,
                               std::vector<double> *sensitivities) {
  const MPI_Comm comm = A.rows().comm();
  PetscFunctionBegin;
  PetscCheck(p >= 1 && std::isfinite(p), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "p = %g of sensitivities must be >= 1 and finite (-p)", p);
  PetscCall(Cite("WoodruffYasuda2023"));
  std::vector<std::int64_t> wanted = rows;
  if (wanted.empty()) {
    wanted.resize(static_cast<std::size_t>(A.rows().rows()));
    std::iota(wanted.begin(), wanted.end(), std::int64_t{0});
  }
  MultiVector basis(A.rows(), A.cols());
  std::copy_n(A.view().data, A.rows().local() * A.cols(), basis.view().data);
  std::vector<std::size_t> columns;
  PetscCall(Orthonormalize(basis.view(), &columns));
  const TallView Q = basis.columns(0, columns.size());
  MultiVector others(A.rows(), std::max<std::size_t>(Q.cols, 1) - 1);
  MultiVector fixed(A.rows(), 1);
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
    if (std::all_of(q.begin(), q.end(), [](double x) { return x == 0; }))
      continue;
    split(Q, q, others.view(), fixed.view());
    std::vector<double> y;
    LpSolution solution;
    PetscCall(LpMinimize(others.view(), fixed.view(), p, {}, &y, &solution));
    (*sensitivities)[i] = std::pow(solution.objective, -p);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
