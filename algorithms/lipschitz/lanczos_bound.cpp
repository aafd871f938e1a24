// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/lanczos_bound.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/exact_sum.h"
#include "core/random.h"
#include "core/unit_dot.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <numbers>

namespace lathe::lipschitz {
namespace {

// ‖x‖ rounded to nearest of the exact sum of squares; NaN or Inf when an entry is.
PetscErrorCode Norm(MPI_Comm comm, const PetscScalar *x, std::size_t n, double *norm) {
  ExactSum sum;
  PetscFunctionBegin;
  for (std::size_t i = 0; i < n; ++i) {
    sum.add_product(PetscRealPart(x[i]), PetscRealPart(x[i]));
    if constexpr (complex_scalars)
      sum.add_product(PetscImaginaryPart(x[i]), PetscImaginaryPart(x[i]));
  }
  PetscCall(ExactSum::AllReduce(comm, &sum, 1));
  *norm = std::sqrt(sum.value());
  PetscFunctionReturn(PETSC_SUCCESS);
}

void scale(std::vector<PetscScalar> &x, double factor) {
  for (PetscScalar &z : x)
    z *= factor;
}

// Eigenvalues θ² (increasing) of BᴴB, B upper bidiagonal; z: eigenvectors or null.
void gram_eigen(const std::vector<double> &alpha, const std::vector<double> &beta,
                std::vector<double> &theta2, std::vector<double> &z) {
  const std::size_t k = alpha.size();
  theta2.resize(k);
  z.resize(k * k);
  std::vector<double> off(k);
  for (std::size_t j = 0; j < k; ++j) {
    theta2[j] = alpha[j] * alpha[j] + (j > 0 ? beta[j - 1] * beta[j - 1] : 0.0);
    off[j] = alpha[j] * beta[j];
  }
  if (dense::tridiagonal_eigen<double>(k, theta2.data(), off.data(), z.data()) != 0)
    throw std::runtime_error("LAPACK dstev did not converge on a bidiagonal Gram matrix");
}

} // namespace

double smallest_component(double n, double failure_probability, bool complex_vector) {
  if (n <= 1)
    return 1;
  if (complex_vector) // P(|γ|² < x) = 1 − (1 − x)^(n−1)
    return std::sqrt(-std::expm1(std::log1p(-failure_probability) / (n - 1)));
  if (n == 2)
    return std::sin(std::numbers::pi / 2 * failure_probability);
  // Inverse of x ↦ I_x(½, b). From (1 − t)^(b−1) ≤ 1 follows I_x ≤ 2√x/B(½, b): a start that is
  // never too large, and exact for small ε. Boost's ibeta_inv does not converge for ε ≲ 1e-6 and
  // small n, the forward function does.
  const double b = (n - 1) / 2;
  double low = failure_probability * boost::math::beta(0.5, b) / 2, high = 1; // of √x
  for (int i = 0; i < 100 && high > low * (1 + 1e-15); ++i) {
    const double middle = std::sqrt(low) * std::sqrt(high);
    (boost::math::ibeta(0.5, b, middle * middle) < failure_probability ? low : high) = middle;
  }
  return low;
}

double failure_probability_floor(double n, bool complex_vector) {
  const double delta = 1e3 * unit_roundoff;
  return complex_vector ? n * delta * delta : delta * std::sqrt(2 * n / std::numbers::pi);
}

double probabilistic_upper(const std::vector<double> &alpha, const std::vector<double> &beta,
                           double delta) {
  const auto k = static_cast<double>(alpha.size());
  std::vector<double> theta2, z;
  gram_eigen(alpha, beta, theta2, z);
  const double top = theta2.back();
  if (!(top > 0))
    return 0;
  // A computed coefficient may be too small by rounding, and the root grows with each.
  const double noise = 8 * unit_roundoff * std::sqrt(top);
  double log_coefficients = 0;
  for (std::size_t j = 0; j < alpha.size(); ++j)
    log_coefficients += std::log((alpha[j] + noise) * (beta[j] + noise));
  const double target = log_coefficients - std::log(delta);
  const auto excess = [&](double gap) { // of ln p_k at x = θ₁² + gap over ln 1/δ
    double sum = 0;
    for (const double t : theta2)
      sum += std::log((top - t) + gap);
    return sum - target;
  };
  double low = top * unit_roundoff, high = top;
  while (excess(high) < 0)
    high *= 4;
  if (excess(low) >= 0)
    high = low;
  for (int i = 0; i < 200 && high > low * (1 + 4 * unit_roundoff); ++i) {
    const double middle = std::sqrt(low) * std::sqrt(high);
    (excess(middle) < 0 ? low : high) = middle;
  }
  return up(std::sqrt(top + high) * (1 + 4 * k * unit_roundoff));
}

GolubKahan::GolubKahan(LinearOperator &A, std::uint64_t seed, std::uint64_t stream)
    : A_(A), adjoint_(A.global_rows() < A.global_columns()), seed_(seed), stream_(stream),
      inner_(A.domain(adjoint_)), outer_(A.domain(!adjoint_)) {}

// w ← w minus its projection on the first `count` basis vectors, then to norm 1; *norm is what was
// left before that. A second pass only when the first one cancelled (Kahan: "twice is enough").
PetscErrorCode GolubKahan::Orthonormalise(const std::vector<PetscScalar> &basis, std::size_t count,
                                          std::vector<PetscScalar> &w, double *norm) {
  double before = 0, after = 0;
  PetscFunctionBegin;
  PetscCall(Norm(A_.comm(), w.data(), w.size(), &before));
  PetscCheck(std::isfinite(before), A_.comm(), PETSC_ERR_FP,
             "the operator returned NaN or Inf in product %lld: a norm needs finite products",
             A_.products());
  *norm = before;
  if (before == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  scale(w, 1 / before);
  std::vector<PetscScalar> h(count);
  for (int pass = 0; pass < 2 && count > 0; ++pass) {
    PetscCall(UnitDots(A_.comm(), basis.data(), count, w.data(), w.size(), h.data()));
    for (std::size_t j = 0; j < count; ++j) {
      const PetscScalar *v = basis.data() + j * w.size();
      const PetscScalar c = h[j];
      for (std::size_t i = 0; i < w.size(); ++i)
        w[i] -= c * v[i];
    }
    PetscCall(Norm(A_.comm(), w.data(), w.size(), &after));
    *norm *= after;
    if (after == 0)
      PetscFunctionReturn(PETSC_SUCCESS);
    scale(w, 1 / after);
    if (after > 0.7)
      break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GolubKahan::Start() {
  double norm = 0;
  PetscFunctionBegin;
  const auto begin = static_cast<std::uint64_t>(A_.domain_begin(adjoint_));
  work_.resize(inner_);
  for (std::size_t i = 0; i < inner_; ++i) {
    work_[i] = random::normal(seed_, 2 * stream_, begin + i);
#ifdef PETSC_USE_COMPLEX
    work_[i] += PETSC_i * random::normal(seed_, 2 * stream_ + 1, begin + i);
#endif
  }
  PetscCall(Orthonormalise(right_, 0, work_, &norm));
  right_.insert(right_.end(), work_.begin(), work_.end());
  started_ = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GolubKahan::Advance(int steps) {
  PetscFunctionBegin;
  if (!started_)
    PetscCall(Start());
  const auto longest = static_cast<std::size_t>(std::min(A_.global_rows(), A_.global_columns()));
  while (this->steps() < steps && !exhausted_) {
    const std::size_t k = alpha_.size();
    double scale_of_b = 0;
    for (std::size_t j = 0; j < k; ++j)
      scale_of_b = std::max({scale_of_b, alpha_[j], beta_[j]});
    double alpha = 0, beta = 0;
    work_.resize(outer_);
    PetscCall(A_.Apply(adjoint_, right_.data() + k * inner_, work_.data()));
    PetscCall(Orthonormalise(left_, k, work_, &alpha));
    const double negligible = 8 * unit_roundoff * static_cast<double>(k + 1);
    if (alpha <= negligible * scale_of_b) { // also when A v₁ = 0
      alpha_.push_back(alpha);
      beta_.push_back(0);
      left_.resize(left_.size() + outer_); // a zero vector: it is never used
      exhausted_ = true;
      break;
    }
    left_.insert(left_.end(), work_.begin(), work_.end());
    work_.resize(inner_);
    PetscCall(A_.Apply(!adjoint_, left_.data() + k * outer_, work_.data()));
    PetscCall(Orthonormalise(right_, k + 1, work_, &beta));
    exhausted_ = k + 1 >= longest || beta <= negligible * std::max(scale_of_b, alpha);
    alpha_.push_back(alpha);
    beta_.push_back(exhausted_ ? 0 : beta);
    right_.insert(right_.end(), work_.begin(), work_.end());
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GolubKahan::Evaluate() {
  PetscFunctionBegin;
  std::vector<double> theta2, z;
  LatheGuard(A_.comm(), gram_eigen(alpha_, beta_, theta2, z));
  const std::size_t k = alpha_.size();
  largest_ = std::sqrt(std::max(0.0, theta2.back()));
  ritz_.assign(z.end() - static_cast<std::ptrdiff_t>(k), z.end());
  // Last component of the left vector: (B z)_k / θ = α_k z_k / θ.
  residual_ = largest_ > 0 ? beta_.back() * alpha_.back() * std::abs(ritz_.back()) / largest_ : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

double GolubKahan::upper(double failure_probability) const {
  const auto n = static_cast<double>(A_.global_domain(adjoint_));
  return probabilistic_upper(alpha_, beta_,
                             smallest_component(n, failure_probability, complex_scalars));
}

PetscErrorCode GolubKahan::RightVector(std::vector<PetscScalar> &x) {
  PetscFunctionBegin;
  x.assign(inner_, PetscScalar(0));
  for (std::size_t j = 0; j < ritz_.size(); ++j)
    for (std::size_t i = 0; i < inner_; ++i)
      x[i] += ritz_[j] * right_[j * inner_ + i];
  if (!adjoint_)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<PetscScalar> y(outer_);
  PetscCall(A_.Apply(true, x.data(), y.data()));
  x.swap(y);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
