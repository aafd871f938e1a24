// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/nystrom.h"
#include "core/dense.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe::sketching {

PetscErrorCode NystromCore(TallView Omega, TallView Y, std::vector<double> *c, double *nu,
                           bool *definite) {
  const std::size_t k = Omega.cols;
  PetscFunctionBegin;
  *nu = 0;
  *definite = false;
  std::vector<double> squares(k);
  PetscCall(ColumnDots(Y, Y, squares.data()));
  const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  if (norm == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> core(k * k);
  std::vector<double> gram(k * k);
  PetscCall(InnerProduct(Omega, Y, core.data()));
  PetscCall(GramMatrix(Omega, gram.data()));
  double asymmetry = 0;
  double largest = 0;
  for (std::size_t j = 0; j < k; ++j)
    for (std::size_t i = 0; i < k; ++i) {
      asymmetry = std::max(asymmetry, std::abs(core[i + j * k] - core[j + i * k]));
      largest = std::max(largest, std::abs(core[i + j * k]));
    }
  PetscCheck(asymmetry <= 1e-5 * largest, Y.rows.comm(), PETSC_ERR_ARG_WRONG,
             "The matrix is not symmetric: x'Ay and y'Ax differ by %g of their size",
             asymmetry / largest);
  const double unit =
      std::numeric_limits<double>::epsilon() * norm / std::sqrt(static_cast<double>(Y.rows.rows()));
  for (double factor = 1; factor <= 100 && !*definite; factor *= 10) {
    *nu = factor * unit;
    c->resize(k * k);
    for (std::size_t j = 0; j < k; ++j)
      for (std::size_t i = 0; i < k; ++i)
        (*c)[i + j * k] =
            i > j ? 0 : 0.5 * (core[i + j * k] + core[j + i * k]) + *nu * gram[i + j * k];
    *definite = dense::potrf('U', k, c->data(), k) == 0;
  }
  for (std::size_t i = 0; i < Y.rows.local() * k; ++i)
    Y.data[i] += *nu * Omega.data[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Eigendecompose(TallView Y, const std::vector<double> &c, double nu,
                              LowRank *result) {
  const std::size_t k = Y.cols;
  PetscFunctionBegin;
  MultiVector basis(Y.rows, k);
  std::copy_n(Y.data, Y.rows.local() * k, basis.view().data);
  std::vector<std::size_t> columns;
  PetscCall(Orthonormalize(basis.view(), &columns));
  const std::size_t r = columns.size();
  const TallView Q = basis.columns(0, r);
  std::vector<double> B(r * k); // F = Q·B
  PetscCall(InnerProduct(Q, Y, B.data(), Entries::at_most_one));
  if (!c.empty())
    dense::trsm('R', 'U', 'N', r, k, c.data(), k, B.data(), r);
  std::vector<double> core(r * r);
  std::vector<double> values(r);
  dense::herk('L', 'N', r, k, 1.0, B.data(), r, 0.0, core.data(), r);
  PetscCheck(dense::symmetric_eigen(r, core.data(), values.data()) == 0, Y.rows.comm(),
             PETSC_ERR_LIB, "LAPACK found no eigenvalues of a symmetric matrix of order %d",
             static_cast<int>(r));
  std::size_t kept = 0;
  while (kept < r && values[r - 1 - kept] - nu > 0)
    ++kept;
  std::vector<double> decreasing(r * kept);
  result->values.clear();
  for (std::size_t j = 0; j < kept; ++j) {
    std::copy_n(core.data() + (r - 1 - j) * r, r, decreasing.data() + j * r);
    result->values.push_back(values[r - 1 - j] - nu);
  }
  result->vectors = MultiVector(Y.rows, kept);
  multiply(Q, decreasing.data(), 0, result->vectors.view());
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

PetscErrorCode Check(const BlockOperator &A, const NystromOptions &o) {
  PetscFunctionBegin;
  PetscCheck(o.rank >= 1 && o.rank <= A.order(), A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_nystrom_rank %" PetscInt_FMT
             " must lie between 1 and the order %lld of the matrix",
             o.rank, static_cast<long long>(A.order()));
  PetscCheck(o.mu >= 0 && std::isfinite(o.mu), A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_nystrom_mu %g must be >= 0 and finite", o.mu);
  PetscCheck(o.tolerance >= 0 && std::isfinite(o.tolerance), A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_nystrom_tol %g must be >= 0 and finite", o.tolerance);
  PetscCheck(o.max_rank >= 1, A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_nystrom_max_rank %" PetscInt_FMT " must be >= 1", o.max_rank);
  PetscCheck(o.tolerance == 0 || o.max_rank >= o.rank, A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "-pc_nystrom_max_rank %" PetscInt_FMT " must be >= -pc_nystrom_rank %" PetscInt_FMT
             ", from which doubling starts (-pc_nystrom_tol)",
             o.max_rank, o.rank);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode Nystrom(BlockOperator &A, const NystromOptions &o, LowRank *result, bool *definite) {
  PetscFunctionBegin;
  PetscCall(Check(A, o));
  const auto most =
      static_cast<std::size_t>(std::min<std::int64_t>(std::max(o.max_rank, o.rank), A.order()));
  MultiVector Omega(A.rows(), 0);
  MultiVector product(A.rows(), 0); // 2⁻ᵉ(A − mu·I)·Omega
  ScaledProduct operation([&](TallView X, TallView Y) -> PetscErrorCode {
    PetscFunctionBegin;
    PetscCall(A.Apply(X, Y));
    for (std::size_t i = 0; i < X.cols * A.rows().local(); ++i)
      Y.data[i] -= o.mu * X.data[i];
    PetscFunctionReturn(PETSC_SUCCESS);
  });
  for (auto rank = static_cast<std::size_t>(o.rank);; rank = std::min(2 * rank, most)) {
    const std::size_t before = product.view().cols;
    Omega.resize(rank);
    product.resize(rank);
    const TallView fresh = Omega.columns(before, rank - before);
    const TallView Y = product.columns(before, rank - before);
    PetscCall(FillTestVectors(TestVectors::gaussian, o.seed, before, fresh));
    PetscCall(operation.Apply(fresh, Y));

    MultiVector shifted = product;
    std::vector<double> c;
    double nu = 0;
    PetscCall(NystromCore(Omega.view(), shifted.view(), &c, &nu, definite));
    if (nu == 0) { // A = mu·I
      *result = {MultiVector(A.rows(), 0), {}};
      *definite = true;
      break;
    }
    if (!*definite)
      break;
    PetscCall(Eigendecompose(shifted.view(), c, nu, result));
    for (double &value : result->values)
      value = std::ldexp(value, operation.exponent());
    const bool small_enough =
        result->values.size() < rank ||
        result->values.back() <= std::max(o.mu, o.tolerance * result->values.front());
    if (o.tolerance == 0 || small_enough || rank >= most)
      break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

LowRankPreconditioner::LowRankPreconditioner(LowRank approximation, double mu, double top)
    : k_(std::move(approximation)), mu_(mu), top_(top) {}

PetscErrorCode LowRankPreconditioner::Apply(double power, TallView x, TallView y) {
  PetscFunctionBegin;
  const TallView U = k_.vectors.view();
  std::vector<double> c(U.cols * x.cols);
  PetscCall(InnerProduct(U, x, c.data(), Entries::at_most_one));
  for (std::size_t i = 0; i < U.cols; ++i) {
    const double share = top_ / (k_.values[i] + mu_);
    for (std::size_t j = 0; j < x.cols; ++j)
      c[i + j * U.cols] *= (power == -1 ? share : std::sqrt(share)) - 1;
  }
  std::copy_n(x.data, x.rows.local() * x.cols, y.data);
  multiply(U, c.data(), 1, y);
  PetscFunctionReturn(PETSC_SUCCESS);
}

double LowRankPreconditioner::log_determinant() const {
  double sum = 0;
  for (const double value : k_.values)
    sum += std::log((value + mu_) / top_);
  return sum;
}

} // namespace lathe::sketching
