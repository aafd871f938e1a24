// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/trace_estimators.h"
#include "core/citation.h"
#include "core/dense.h"
#include "sketching/nystrom.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe::sketching {
namespace {

/// value = 2ᵉ(offset + mean of the samples); its standard error from their spread.
void summarise(const std::vector<double> &samples, double offset, int exponent,
               LatheTraceEstimate *estimate) {
  const auto k = static_cast<double>(samples.size());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / k;
  double squares = 0;
  for (const double x : samples)
    squares += (x - mean) * (x - mean);
  estimate->value = std::ldexp(offset + mean, exponent);
  estimate->standard_error = std::ldexp(std::sqrt(squares / (k - 1) / k), exponent);
}

ScaledProduct scaled(BlockOperator &A) {
  return ScaledProduct([&A](TallView X, TallView Y) { return A.Apply(X, Y); });
}

double dot(const double *x, const double *y, std::size_t n) {
  return std::inner_product(x, x + n, y, 0.0);
}

double trace(const std::vector<double> &h, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    sum += h[i + i * n];
  return sum;
}

} // namespace

PetscErrorCode GirardHutchinson(BlockOperator &A, TallView Omega, LatheTraceEstimate *estimate) {
  constexpr std::size_t chunk = 32;
  PetscFunctionBegin;
  const long long before = A.matvecs();
  ScaledProduct operation = scaled(A);
  std::vector<double> samples(Omega.cols);
  MultiVector product(A.rows(), std::min(chunk, Omega.cols));
  for (std::size_t first = 0; first < Omega.cols; first += chunk) {
    const TallView part = Omega.columns(first, std::min(chunk, Omega.cols - first));
    const TallView Y = product.columns(0, part.cols);
    PetscCall(operation.Apply(part, Y));
    PetscCall(ColumnDots(part, Y, samples.data() + first));
  }
  summarise(samples, 0, operation.exponent(), estimate);
  estimate->matvecs = A.matvecs() - before;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode HutchPlusPlus(BlockOperator &A, TallView S, TallView G,
                             LatheTraceEstimate *estimate) {
  PetscFunctionBegin;
  const long long before = A.matvecs();
  ScaledProduct operation = scaled(A);
  MultiVector basis(A.rows(), S.cols);
  PetscCall(operation.Apply(S, basis.view()));
  std::vector<std::size_t> columns;
  PetscCall(Orthonormalize(basis.view(), &columns));
  const TallView Q = basis.columns(0, columns.size());
  MultiVector product(A.rows(), std::max(Q.cols, G.cols));
  PetscCall(operation.Apply(Q, product.columns(0, Q.cols)));
  std::vector<double> inside(Q.cols);
  PetscCall(ColumnDots(Q, product.columns(0, Q.cols), inside.data()));
  std::vector<double> c(Q.cols * G.cols);
  for (int twice = 0; twice < 2; ++twice) {
    PetscCall(InnerProduct(Q, G, c.data(), Entries::at_most_one));
    subtract(Q, c.data(), G);
  }
  const TallView Y = product.columns(0, G.cols);
  PetscCall(operation.Apply(G, Y));
  std::vector<double> samples(G.cols);
  PetscCall(ColumnDots(G, Y, samples.data()));
  summarise(samples, std::accumulate(inside.begin(), inside.end(), 0.0), operation.exponent(),
            estimate);
  estimate->matvecs = A.matvecs() - before;
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// s_j, the unit vector of span(Y) orthogonal to all columns of Y but y_j, in the basis Q; 0 when
/// y_j depends on the others. R = QᵀY is r×k, its columns `order` upper triangular.
std::vector<double> left_out_directions(const std::vector<double> &R, std::size_t k,
                                        const std::vector<std::size_t> &order) {
  const std::size_t r = order.size();
  std::vector<double> triangle(r * r);
  std::vector<double> inverse(r * r); // R₁⁻ᵀ
  for (std::size_t j = 0; j < r; ++j) {
    std::copy_n(R.data() + order[j] * r, j + 1, triangle.data() + j * r);
    inverse[j + j * r] = 1;
  }
  dense::trsm('L', 'U', 'T', r, r, triangle.data(), r, inverse.data(), r);
  // Columns left out of the basis are R₁·C: y_j depends on the others where row j of C is not zero.
  std::vector<bool> needed(k, true);
  for (const std::size_t j : order)
    needed[j] = false;
  std::vector<bool> dependent(r, false);
  for (std::size_t d = 0; d < k; ++d) {
    if (!needed[d])
      continue;
    std::vector<double> c(R.begin() + static_cast<std::ptrdiff_t>(d * r),
                          R.begin() + static_cast<std::ptrdiff_t>((d + 1) * r));
    const double length = std::sqrt(dot(c.data(), c.data(), r));
    dense::trsm('L', 'U', 'N', r, 1, triangle.data(), r, c.data(), r);
    for (std::size_t j = 0; j < r; ++j) {
      const double *y = triangle.data() + j * r;
      if (std::abs(c[j]) * std::sqrt(dot(y, y, r)) > 1e-8 * length)
        dependent[j] = true;
    }
  }
  std::vector<double> s(r * k);
  for (std::size_t j = 0; j < r; ++j) {
    const double *column = inverse.data() + j * r;
    const double norm = std::sqrt(dot(column, column, r));
    if (!dependent[j] && std::isfinite(norm))
      for (std::size_t i = 0; i < r; ++i)
        s[i + order[j] * r] = column[i] / norm;
  }
  return s;
}

} // namespace

PetscErrorCode XTrace(BlockOperator &A, TallView Omega, LatheTraceEstimate *estimate) {
  const std::size_t k = Omega.cols;
  PetscFunctionBegin;
  const long long before = A.matvecs();
  ScaledProduct operation = scaled(A);
  MultiVector product(A.rows(), k);
  PetscCall(operation.Apply(Omega, product.view()));
  MultiVector basis(A.rows(), k);
  std::copy_n(product.view().data, k * A.rows().local(), basis.view().data);
  std::vector<std::size_t> order;
  PetscCall(Orthonormalize(basis.view(), &order));
  const std::size_t r = order.size();
  const TallView Q = basis.columns(0, r);
  std::vector<double> R(r * k);
  PetscCall(InnerProduct(Q, product.view(), R.data(), Entries::at_most_one));
  const TallView Z = product.columns(0, r); // the columns of A·Omega are needed no more
  PetscCall(operation.Apply(Q, Z));
  std::vector<double> H(r * r);
  std::vector<double> W(r * k);
  std::vector<double> T(r * k);
  std::vector<double> squares(k);
  PetscCall(InnerProduct(Q, Z, H.data(), Entries::at_most_one));
  PetscCall(InnerProduct(Q, Omega, W.data(), Entries::at_most_one));
  PetscCall(InnerProduct(Z, Omega, T.data()));
  PetscCall(ColumnDots(Omega, Omega, squares.data()));

  const std::vector<double> S = left_out_directions(R, k, order);
  std::vector<double> V = W; // Q_jᵀω_j in the basis Q
  std::vector<double> along(k);
  for (std::size_t j = 0; j < k; ++j) {
    along[j] = dot(S.data() + j * r, W.data() + j * r, r);
    for (std::size_t i = 0; i < r; ++i)
      V[i + j * r] -= along[j] * S[i + j * r];
  }
  std::vector<double> HS(r * k);
  std::vector<double> HV(r * k);
  dense::gemm('N', 'N', r, k, r, 1.0, H.data(), r, S.data(), r, 0.0, HS.data(), r);
  dense::gemm('N', 'N', r, k, r, 1.0, H.data(), r, V.data(), r, 0.0, HV.data(), r);
  std::vector<double> samples(k);
  const double whole = trace(H, r);
  for (std::size_t j = 0; j < k; ++j) {
    const double *s = S.data() + j * r;
    const double *v = V.data() + j * r;
    const double rest = along[j] * dot(s, R.data() + j * r, r) - dot(T.data() + j * r, v, r) +
                        dot(v, HV.data() + j * r, r); // μᵀAμ
    const double mu = squares[j] - dot(v, v, r);      // ‖μ‖²
    samples[j] = whole - dot(s, HS.data() + j * r, r);
    // Where the other columns span the whole space, nothing is left to sample.
    if (mu > 1e-12 * squares[j])
      samples[j] += (static_cast<double>(A.order()) - static_cast<double>(k) + 1) / mu * rest;
  }
  summarise(samples, 0, operation.exponent(), estimate);
  estimate->matvecs = A.matvecs() - before;
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// Cholesky factor in place; false for dependent columns.
bool factor_gram(std::vector<double> &gram, std::size_t k) {
  std::vector<double> squares(k);
  for (std::size_t j = 0; j < k; ++j)
    squares[j] = gram[j + j * k];
  if (dense::potrf('U', k, gram.data(), k) != 0)
    return false;
  for (std::size_t j = 0; j < k; ++j)
    if (gram[j + j * k] * gram[j + j * k] <= 1e-13 * squares[j])
      return false;
  return true;
}

} // namespace

PetscErrorCode XNysTrace(BlockOperator &A, TallView Omega, LatheTraceEstimate *estimate) {
  const std::size_t k = Omega.cols;
  const auto n = static_cast<double>(A.order());
  PetscFunctionBegin;
  std::vector<double> gram(k * k);
  PetscCall(GramMatrix(Omega, gram.data()));
  PetscCheck(factor_gram(gram, k), A.comm(), PETSC_ERR_ARG_WRONG,
             "The test vectors are linearly dependent; XNysTrace needs independent ones");
  const long long before = A.matvecs();
  ScaledProduct operation = scaled(A);
  MultiVector product(A.rows(), k);
  const TallView F = product.view();
  PetscCall(operation.Apply(Omega, F));
  estimate->matvecs = A.matvecs() - before;
  std::vector<double> c;
  double nu = 0;
  bool definite = false;
  PetscCall(NystromCore(Omega, F, &c, &nu, &definite));
  if (nu == 0) { // A·Omega = 0
    estimate->value = estimate->standard_error = 0;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCheck(definite, A.comm(), PETSC_ERR_ARG_WRONG,
             "XNysTrace needs a positive semidefinite matrix, and this one has a negative "
             "eigenvalue; use xtrace");
  solve_right(F, c.data()); // F·Fᵀ is the Nyström approximation
  std::vector<double> M(k * k);
  PetscCall(GramMatrix(F, M.data()));
  const auto inverse_transposed = [k](const std::vector<double> &triangle) {
    std::vector<double> x(k * k);
    for (std::size_t j = 0; j < k; ++j)
      x[j + j * k] = 1;
    dense::trsm('L', 'U', 'T', k, k, triangle.data(), k, x.data(), k);
    return x;
  };
  const std::vector<double> B = inverse_transposed(c);    // (H⁻¹)_jj = ‖b_j‖²
  const std::vector<double> D = inverse_transposed(gram); // ((ΩᵀΩ)⁻¹)_jj = ‖d_j‖²
  std::vector<double> MB(k * k);
  dense::gemm('N', 'N', k, k, k, 1.0, M.data(), k, B.data(), k, 0.0, MB.data(), k);
  std::vector<double> samples(k);
  const double whole = trace(M, k) - nu * n;
  for (std::size_t j = 0; j < k; ++j) {
    const double *b = B.data() + j * k;
    const double *d = D.data() + j * k;
    const double square = dot(b, b, k);
    const double kappa = (n - static_cast<double>(k) + 1) * dot(d, d, k);
    samples[j] = whole + (kappa - dot(b, MB.data() + j * k, k)) / square;
  }
  summarise(samples, 0, operation.exponent(), estimate);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
