// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/trace_lanczos.h"
#include "core/dense.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::sketching {

const char *SpectralFunction::name() const {
  switch (kind) {
  case LATHE_SPECTRAL_LOG:
    return "log-determinant";
  case LATHE_SPECTRAL_INVERSE:
    return "trace of the inverse";
  case LATHE_SPECTRAL_POWER:
    return "Schatten norm";
  case LATHE_SPECTRAL_EXP:
    return "trace of the exponential";
  }
  return "";
}

double SpectralFunction::operator()(double x) const {
  switch (kind) {
  case LATHE_SPECTRAL_LOG:
    return std::log(x);
  case LATHE_SPECTRAL_INVERSE:
    return 1 / x;
  case LATHE_SPECTRAL_POWER:
    return std::pow(std::abs(x), power);
  case LATHE_SPECTRAL_EXP:
    return std::exp(x);
  }
  return x;
}

// One step: column j+1 of the basis from column j.
PetscErrorCode LanczosFunction::Step(bool *exhausted) {
  const std::size_t j = alpha_.size();
  PetscFunctionBegin;
  basis_.resize(j + 2);
  const TallView V = basis_.columns(0, j + 1);
  const TallView w = basis_.columns(j + 1, 1);
  PetscCall(product_(basis_.columns(j, 1), w));
  std::vector<double> h(j + 1);
  double alpha = 0;
  for (int twice = 0; twice < 2; ++twice) {
    PetscCall(InnerProduct(V, w, h.data(), Entries::at_most_one));
    subtract(V, h.data(), w);
    alpha += h[j];
  }
  double square = 0;
  PetscCall(ColumnDots(w, w, &square));
  const double beta = std::sqrt(square);
  alpha_.push_back(alpha);
  double size = 0; // of T so far
  for (std::size_t i = 0; i <= j; ++i)
    size = std::max(size, std::abs(alpha_[i]) + (i > 0 ? beta_[i - 1] : 0));
  const double noise = std::numeric_limits<double>::epsilon() * static_cast<double>(j + 2) * size;
  *exhausted = beta <= 4 * noise || static_cast<std::int64_t>(j) + 1 >= rows_.rows();
  if (!*exhausted) {
    beta_.push_back(beta);
    for (std::size_t i = 0; i < rows_.local(); ++i)
      w.data[i] /= beta;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LanczosFunction::Look(bool whole) {
  const std::size_t m = alpha_.size();
  PetscFunctionBegin;
  std::vector<double> theta = alpha_;
  std::vector<double> off(
      beta_.begin(), beta_.begin() + static_cast<std::ptrdiff_t>(std::min(m - 1, beta_.size())));
  off.resize(m); // LAPACK wants room
  std::vector<double> z(m * m);
  PetscCheck(dense::tridiagonal_eigen(m, theta.data(), off.data(), z.data()) == 0, rows_.comm(),
             PETSC_ERR_LIB, "LAPACK found no eigenvalues of a tridiagonal matrix of order %d",
             static_cast<int>(m));
  PetscCheck(!f_.positive_only() || theta[0] > 0, rows_.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "The %s needs a positive definite matrix; this one has an eigenvalue <= %g after %d "
             "Lanczos steps",
             f_.name(), theta[0], static_cast<int>(m));
  std::vector<double> next(whole ? m : 1);
  double size = 0;
  for (std::size_t i = 0; i < m; ++i) {
    const double *column = z.data() + i * m;
    const double f = f_(theta[i]);
    for (std::size_t l = 0; l < next.size(); ++l)
      next[l] += column[0] * f * column[l];
    size += column[0] * column[0] * std::abs(f);
  }
  double change = 0;
  for (std::size_t l = 0; l < next.size(); ++l)
    change = std::hypot(change, next[l] - (l < coefficients_.size() ? coefficients_[l] : 0.0));
  converged_ = !coefficients_.empty() && change <= settings_.tolerance * size;
  change_ = coefficients_.empty() ? std::numeric_limits<double>::infinity()
                                  : norm_ * norm_ * std::abs(next[0] - coefficients_[0]);
  coefficients_ = next;
  quadrature_ = norm_ * norm_ * next[0];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LanczosFunction::Run(const double *z, bool whole) {
  PetscFunctionBegin;
  basis_ = MultiVector(rows_, 1);
  alpha_.clear();
  beta_.clear();
  coefficients_.clear();
  converged_ = false;
  const TallView v = basis_.view();
  std::copy_n(z, rows_.local(), v.data);
  double square = 0;
  PetscCall(ColumnDots(v, v, &square));
  norm_ = std::sqrt(square);
  if (norm_ == 0) {
    quadrature_ = change_ = 0;
    converged_ = true;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (std::size_t i = 0; i < rows_.local(); ++i)
    v.data[i] /= norm_;
  bool exhausted = false;
  std::size_t next_look = 1;
  const auto last = static_cast<std::size_t>(settings_.max_steps);
  while (!exhausted && !converged_ && alpha_.size() < last) {
    PetscCall(Step(&exhausted));
    if (alpha_.size() < next_look && !exhausted && alpha_.size() < last)
      continue;
    PetscCall(Look(whole));
    next_look = alpha_.size() + 1 + alpha_.size() / 10;
  }
  if (exhausted) { // exact but for rounding
    converged_ = true;
    change_ = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LanczosFunction::result(double *y) {
  const TallView to{rows_, y, 1};
  if (norm_ == 0) {
    std::fill_n(y, rows_.local(), 0.0);
    return;
  }
  multiply(basis_.columns(0, alpha_.size()), coefficients_.data(), 0, to);
  for (std::size_t i = 0; i < rows_.local(); ++i)
    y[i] *= norm_;
}

} // namespace lathe::sketching
