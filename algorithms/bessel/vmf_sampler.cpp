// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf_sampler.h"
#include "bessel/vmf_rows.h"
#include "core/random.h"
#include <cmath>
#include <numbers>
#include <numeric>

namespace lathe::bessel {
namespace {

// Draws of one sample: normals count up from 0, proposals of the cosine from here.
constexpr std::uint64_t first_proposal = std::uint64_t{1} << 31;

/// Beta(a, a) with a = (p − 1)/2, p ≥ 2: ½(1 + cos φ·√(1 − u^{2/(p−2)})) with φ and u uniform
/// (Ulrich 1984; for p = 2 the root is 1). Small values keep their relative accuracy.
double symmetric_beta(double p, double angle, double u) noexcept {
  const double cosine = std::cos(angle);
  const double power = std::exp(2 * std::log(u) / (p - 2)); // u^∞ = 0 for p = 2
  const double root = std::sqrt(-std::expm1(2 * std::log(u) / (p - 2)));
  const double deficit = power / (1 + root); // 1 − root
  if (cosine >= 0)
    return 0.5 * (1 + cosine * root);
  const double half = std::cos(0.5 * angle); // 1 + cos φ = 2·half²
  return half * half - 0.5 * cosine * deficit;
}

/// x ← (reflection of x that takes the first axis to `mean`).
void reflect(std::span<const double> mean, double *x) noexcept {
  // Householder vector e₁ + σ·mean with the sign that does not cancel.
  const double sign = mean[0] > 0 ? 1 : -1;
  const double along = x[0] + sign * std::inner_product(mean.begin(), mean.end(), x, 0.0); // vᵀx
  const double factor = along / (1 + sign * mean[0]); // 2·vᵀx / vᵀv
  x[0] = -sign * (x[0] - factor * (1 + sign * mean[0]));
  for (std::size_t i = 1; i < mean.size(); ++i)
    x[i] = -sign * (x[i] - factor * sign * mean[i]);
}

} // namespace

VmfSampler::VmfSampler(std::span<const double> mean, double kappa, std::uint64_t seed,
                       std::uint64_t stream)
    : mean_(mean.begin(), mean.end()), kappa_(kappa), seed_(seed), stream_(stream) {
  const double norm = row_norm(mean.data(), mean.size());
  for (double &m : mean_)
    m /= norm;
  const double p1 = static_cast<double>(mean_.size()) - 1;
  b_ = p1 / (2 * kappa + std::hypot(2 * kappa, p1));
}

double VmfSampler::one_minus_cosine(std::uint64_t index) const noexcept {
  const auto p = static_cast<double>(mean_.size());
  if (b_ == 0)
    return 0;
  const double mode = 2 * b_ / (1 + b_);   // 1 − x₀
  const double x0 = (1 - b_) / (1 + b_);   // cosine where the envelope touches
  const double spread = mode * (2 - mode); // 1 − x₀²
  for (std::uint64_t attempt = first_proposal;; attempt += 2) {
    const auto beta = random::words(seed_, draw(attempt), index);
    const double u = random::uniform(seed_, draw(attempt + 1), index);
    const double z = symmetric_beta(p, 2 * std::numbers::pi * random::open_unit(beta[0], beta[1]),
                                    random::open_unit(beta[2], beta[3]));
    const double t = 2 * b_ * z / (1 - (1 - b_) * z);
    const double excess = t - mode; // x₀ − cosine
    if ((p - 1) * std::log1p(x0 * excess / spread) - kappa_ * excess >= std::log(u))
      return t;
  }
}

void VmfSampler::sample(std::uint64_t index, double *x) const noexcept {
  const std::size_t p = mean_.size();
  const double t = one_minus_cosine(index);
  for (std::size_t i = 1; i < p; i += 2) {
    const auto pair = random::normal_pair(seed_, draw(i / 2), index);
    x[i] = pair[0];
    if (i + 1 < p)
      x[i + 1] = pair[1];
  }
  const double scale = std::sqrt(t * (2 - t)) / row_norm(x + 1, p - 1);
  x[0] = 1 - t;
  for (std::size_t i = 1; i < p; ++i)
    x[i] *= scale;
  reflect(mean_, x);
}

std::vector<double> uniform_direction(std::size_t dim, std::uint64_t seed, std::uint64_t stream,
                                      std::uint64_t index) {
  std::vector<double> axis(dim, 0.0);
  axis[0] = 1;
  std::vector<double> x(dim);
  VmfSampler(axis, 0, seed, stream).sample(index, x.data());
  return x;
}

} // namespace lathe::bessel
