// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/bounded_bias.h"
#include "core/citation.h"
#include "core/dense.h"
#include "core/error.h"
#include "sketching/column_scale.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

double filter(BiasBound bound, double parameter, double s) {
  switch (bound) {
  case BiasBound::unbiased:
    return 1 / s;
  case BiasBound::ridge:
    return 1 / (s + parameter / s); // s² may be no number
  case BiasBound::nuclear:
    return s * s >= parameter ? 1 / s : s / parameter;
  case BiasBound::spectral:
    return (1 - parameter) / s;
  }
  return NAN;
}

PetscErrorCode CheckParameter(MPI_Comm comm, BiasBound bound, double parameter) {
  PetscFunctionBegin;
  const double most = bound == BiasBound::spectral ? 1 : std::numeric_limits<double>::max();
  PetscCheck(bound == BiasBound::unbiased || (parameter >= 0 && parameter <= most), comm,
             PETSC_ERR_ARG_OUTOFRANGE, "Parameter %g of the %s estimator must lie in [0, %s]",
             parameter,
             bound == BiasBound::ridge     ? "ridge"
             : bound == BiasBound::nuclear ? "nuclear"
                                           : "spectral",
             bound == BiasBound::spectral ? "1" : "infinity)");
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The Schatten norm that `bound` names, of the numbers 1 − l·s.
double schatten(BiasBound bound, const std::vector<double> &bias) {
  double sum = 0, square = 0, largest = 0;
  for (double b : bias) {
    sum += std::fabs(b);
    square += b * b;
    largest = std::max(largest, std::fabs(b));
  }
  return bound == BiasBound::nuclear ? sum
         : bound == BiasBound::ridge ? std::sqrt(square)
                                     : largest;
}

} // namespace

PetscErrorCode BoundedBias::Create(TallMatrix &X) {
  const MPI_Comm comm = X.rows().comm();
  PetscFunctionBegin;
  PetscCall(Cite("Segert2023"));
  n_ = X.cols();
  PetscCheck(X.rows().rows() >= static_cast<std::int64_t>(n_), comm, PETSC_ERR_ARG_SIZ,
             "The matrix is %lld x %lld; these estimators want at least as many rows as columns",
             static_cast<long long>(X.rows().rows()), static_cast<long long>(n_));
  MultiVector basis(X.rows(), n_);
  std::copy_n(X.view().data, X.rows().local() * n_, basis.view().data);
  std::vector<std::size_t> columns;
  PetscCall(Orthonormalize(basis.view(), &columns));
  const std::size_t q = columns.size();
  const TallView Q = basis.columns(0, q);
  // R with zeros below, so that LAPACK gives all right singular vectors: R = W·S·Vᵀ.
  std::vector<double> R(q * n_), square(n_ * n_, 0.0), s(n_), vt(n_ * n_);
  ColumnScale scale; // one power of two for all of X
  PetscCall(scale.Create(X.view()));
  scale.raise(scale.largest());
  u_ = MultiVector(X.rows(), n_);
  scale.load(X.view(), u_.view());
  PetscCall(InnerProduct(Q, u_.view(), R.data(), Entries::at_most_one));
  for (std::size_t j = 0; j < n_; ++j)
    std::copy_n(R.data() + j * q, q, square.data() + j * n_);
  const int info = dense::right_singular_vectors(n_, square.data(), n_, s.data(), vt.data());
  PetscCheck(info == 0, comm, PETSC_ERR_LIB, "LAPACK gesdd failed with info %d", info);
  const double cut = static_cast<double>(n_) * 0x1p-52 * s[0];
  std::size_t r = 0;
  while (r < q && s[r] > cut)
    ++r;
  s_.assign(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(r));
  v_.resize(n_ * r);
  for (std::size_t k = 0; k < r; ++k)
    for (std::size_t j = 0; j < n_; ++j)
      v_[j + k * n_] = vt[k + j * n_];
  std::vector<double> w(q * r);
  if (q > 0 && r > 0)
    dense::gemm('N', 'N', q, r, n_, 1.0, R.data(), q, v_.data(), n_, 0.0, w.data(), q);
  for (std::size_t k = 0; k < r; ++k)
    for (std::size_t i = 0; i < q; ++i)
      w[i + k * q] /= s_[k];
  for (double &x : s_)
    x = std::scalbn(x, scale.exponent(0));
  u_ = MultiVector(X.rows(), r);
  multiply(Q, w.data(), 0, u_.view());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode BoundedBias::Estimate(const double *y, BiasBound bound, double parameter,
                                     BiasedEstimate *estimate) {
  const RowBlocks rows = u_.view().rows;
  PetscFunctionBegin;
  PetscCall(CheckParameter(rows.comm(), bound, parameter));
  const std::size_t r = s_.size(), local = rows.local();
  MultiVector target(rows, 1), fit(rows, 1), left(rows, 2);
  std::copy_n(y, local, target.view().data);
  std::vector<double> c(r), l, bias, h(local, 0.0);
  PetscCall(InnerProduct(u_.view(), target.view(), c.data(), Entries::at_most_one));
  *estimate = {};
  estimate->beta.assign(n_, 0.0);
  for (std::size_t k = 0; k < r; ++k) {
    l.push_back(filter(bound, parameter, s_[k]));
    bias.push_back(bound == BiasBound::unbiased ? 0 : 1 - l[k] * s_[k]);
    estimate->variance += l[k] * l[k];
    estimate->degrees += l[k] * s_[k];
    for (std::size_t j = 0; j < n_; ++j)
      estimate->beta[j] += v_[j + k * n_] * (l[k] * c[k]);
    c[k] *= l[k] * s_[k];
    for (std::size_t i = 0; i < local; ++i)
      h[i] += u_.view().column(k)[i] * u_.view().column(k)[i] * (l[k] * s_[k]);
  }
  estimate->bias = schatten(bound, bias);
  multiply(u_.view(), c.data(), 0, fit.view());
  for (std::size_t i = 0; i < local; ++i) {
    left.view().column(0)[i] = target.view().data[i] - fit.view().data[i];
    left.view().column(1)[i] = left.view().column(0)[i] / std::max(1 - h[i], 0x1p-52);
  }
  double squares[2] = {0, 0};
  PetscCall(ColumnDots(left.view(), left.view(), squares));
  const auto m = static_cast<double>(rows.rows());
  estimate->residual_square = squares[0];
  if (m - estimate->degrees > 1e-9 * m) {
    estimate->gcv = m * squares[0] / std::pow(m - estimate->degrees, 2);
    estimate->leave_one_out = squares[1] / m;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

double BoundedBias::risk(BiasBound bound, double parameter, double sigma,
                         const std::vector<double> &truth) const {
  double variance = 0, square = 0, outside = 0;
  std::vector<double> left = truth;
  for (std::size_t k = 0; k < s_.size(); ++k) {
    const double l = filter(bound, parameter, s_[k]);
    double part = 0;
    for (std::size_t j = 0; j < n_; ++j)
      part += v_[j + k * n_] * truth[j];
    for (std::size_t j = 0; j < n_; ++j)
      left[j] -= v_[j + k * n_] * part;
    variance += l * l;
    square += std::pow((1 - l * s_[k]) * part, 2);
  }
  for (double x : left)
    outside += x * x;
  return sigma * sigma * variance + square + outside;
}

} // namespace lathe::sketching
