// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/row_basis.h"
#include "core/dense.h"
#include "sketching/column_scale.h"
#include "sketching/normal_residual_isa.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace lathe::sketching {
namespace {

// Rows with errors of 2⁻⁵³ times this are left as they are. Errors of scores, 64×6 to 5000×100: up
// to 5e-14; with 200 they would be up to 1e-13, and few matrices lie between.
constexpr double accurate_enough = 100;

/// g ← its Cholesky factor; false where g is not the Gram matrix of a well conditioned basis.
bool factor_gram(std::vector<double> &g, std::size_t n) {
  bool good = dense::potrf('U', n, g.data(), n) == 0;
  for (std::size_t j = 0; good && j < n; ++j)
    good = g[j + j * n] > 0.1 && g[j + j * n] < 10;
  return good;
}

} // namespace

PetscErrorCode Triangle(TallView Q, TallView X, std::vector<double> *r) {
  PetscFunctionBegin;
  r->resize(X.cols * X.cols);
  PetscCall(InnerProduct(Q, X, r->data(), Entries::at_most_one));
  for (std::size_t j = 0; j < X.cols; ++j)
    std::fill(r->begin() + static_cast<std::ptrdiff_t>(j * X.cols + j + 1),
              r->begin() + static_cast<std::ptrdiff_t>((j + 1) * X.cols), 0.0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

void solve_rows(TallView X, const std::vector<double> &r) {
  std::vector<double> work(2 * substitution_rows * X.cols);
  normal_isa().substitute({.rows = X.rows.local(),
                           .cols = X.cols,
                           .w = X.data,
                           .ld = X.rows.local(),
                           .r = r.data(),
                           .work = work.data()});
}

PetscErrorCode RowBasis(TallView A, MultiVector *basis, std::vector<std::size_t> *columns) {
  PetscFunctionBegin;
  double row_error = 0;
  *basis = MultiVector(A.rows, A.cols);
  std::copy_n(A.data, A.rows.local() * A.cols, basis->view().data);
  PetscCall(Orthonormalize(basis->view(), columns, &row_error));
  const std::size_t r = columns->size();
  basis->resize(r);
  if (row_error <= accurate_enough)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> triangle, g(r * r);
  MultiVector rows(A.rows, r);
  ColumnScale scale;
  PetscCall(scale.Create(A));
  scale.load(A, *columns, rows.view());
  PetscCall(Triangle(basis->view(), rows.view(), &triangle));
  solve_rows(rows.view(), triangle);
  PetscCall(GramMatrix(rows.view(), g.data()));
  if (!factor_gram(g, r)) // the numerical rank is not so clear
    PetscFunctionReturn(PETSC_SUCCESS);
  solve_right(rows.view(), g.data());
  *basis = std::move(rows);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RidgeRows(TallView A, double lambda, MultiVector *rows, std::size_t *rank) {
  PetscFunctionBegin;
  const std::size_t n = A.cols;
  std::vector<std::size_t> columns, order;
  MultiVector basis(A.rows, n);
  std::copy_n(A.data, A.rows.local() * n, basis.view().data);
  PetscCall(Orthonormalize(basis.view(), &columns));
  const std::size_t r = *rank = columns.size();
  basis.resize(r);
  // With D powers of two, [R·D; √lambda·D] for A = Q·R, the same on every rank.
  const double root = std::sqrt(lambda);
  ColumnScale scale;
  PetscCall(scale.Create(A));
  scale.raise(std::ilogb(root));
  *rows = MultiVector(A.rows, n);
  scale.load(A, rows->view());
  std::vector<double> R(r * n);
  PetscCall(InnerProduct(basis.view(), rows->view(), R.data(), Entries::at_most_one));
  MultiVector stacked(RowBlocks(PETSC_COMM_SELF, static_cast<std::int64_t>(r + n)), n);
  for (std::size_t j = 0; j < n; ++j) {
    std::copy_n(R.data() + j * r, r, stacked.view().column(j));
    stacked.view().column(j)[r + j] = root * scale.factor(j);
  }
  MultiVector both = stacked;
  PetscCall(Orthonormalize(both.view(), &order));
  const std::size_t k = order.size();
  both.resize(k);
  std::vector<double> triangle;
  MultiVector kept(stacked.view().rows, k);
  for (std::size_t j = 0; j < k; ++j)
    std::copy_n(stacked.view().column(order[j]), r + n, kept.view().column(j));
  PetscCall(Triangle(both.view(), kept.view(), &triangle));
  if (k == n && triangle_condition(triangle.data(), k) > accurate_enough) {
    MultiVector ridge(RowBlocks(PETSC_COMM_SELF, static_cast<std::int64_t>(n)), n);
    for (std::size_t j = 0; j < n; ++j)
      ridge.view().column(j)[order[j]] = root * scale.factor(order[j]);
    scale.load(A, order, rows->view());
    solve_rows(rows->view(), triangle);
    solve_rows(ridge.view(), triangle);
    std::vector<double> g(n * n), of_ridge(n * n);
    PetscCall(GramMatrix(rows->view(), g.data()));
    PetscCall(GramMatrix(ridge.view(), of_ridge.data()));
    std::transform(g.begin(), g.end(), of_ridge.begin(), g.begin(), std::plus<>());
    if (factor_gram(g, n)) {
      solve_right(rows->view(), g.data());
      PetscFunctionReturn(PETSC_SUCCESS);
    }
  }
  std::vector<double> top(r * k);
  for (std::size_t j = 0; j < k; ++j)
    std::copy_n(both.view().column(j), r, top.data() + j * r);
  rows->resize(k);
  multiply(basis.view(), top.data(), 0, rows->view());
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
