// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/gram_batch.h"
#include "lipschitz/rounding.h"
#include "lipschitz/shifted_cholesky.h"
#include <algorithm>
#include <cmath>
#include <complex>

namespace lathe::lipschitz {
namespace {

constexpr double single_roundoff = 0x1p-24;

// Coefficients and products of entries of order 1 that underflow, at 2⁻¹⁴⁹ each.
double lost_to_underflow(std::size_t c, std::size_t offsets) noexcept {
  return static_cast<double>(c) * static_cast<double>(offsets + 8) * 0x1p-140;
}

} // namespace

GramBatch::GramBatch(const SymbolGram &gram, double distance, double absolute)
    : c_(gram.order()), offsets_(gram.cosines()), component_(gram.component()),
      distinct_(gram.distinct()), phase_(2 * offsets_), b_(c_ * (c_ + 1)) {
  // A coefficient is rounded once. A phase has three factors, each off by 2⁻²⁴ and more by each of
  // two products (√5·2⁻²⁴: Brent, Percival, Zimmermann, Math. Comp. 76 (2007)): 8·2⁻²⁴ with room
  // for terms of second order. The sum over offsets adds γ of their number. All of it is relative
  // to Σ_δ|R_δ|, whose 2-norm is at most ‖Σ|W_a|‖₂².
  const double relative =
      add_up(9 * single_roundoff, gamma_up(static_cast<double>(offsets_) + 2, single_roundoff));
  distance_ = add_up(add_up(mul_up(relative * (1 + 0x1p-10), mul_up(absolute, absolute)), distance),
                     lost_to_underflow(c_, offsets_));
  const std::size_t length = 2 * offsets_ - 1, packed = gram.packed();
  table_.resize(packed * length);
  const double *coefficient = gram.coefficients().data();
  for (std::size_t d = 0; d < length; ++d) {
    const double sign = d < offsets_ ? -1 : 1; // Im G = −Σ sin coefficient·Im e^{−iω·δ}
    for (std::size_t q = 0; q < c_; ++q)
      for (std::size_t p = q; p < c_; ++p)
        table_[(p * (p + 1) / 2 + q) * length + d] = static_cast<float>(sign * *coefficient++);
  }
  for (int i = 0; i < 3; ++i)
    factor_[i].resize(2 * distinct_[i].size());
}

void GramBatch::evaluate(const Phases &phases, const Lattice *j, std::size_t count) {
  // Lanes beyond `count` repeat the last frequency.
  for (int i = 0; i < 3; ++i)
    for (std::size_t x = 0; x < distinct_[i].size(); ++x)
      for (std::size_t l = 0; l < lanes; ++l) {
        const Complex z = phases.axis(i, j[std::min(l, count - 1)][i], distinct_[i][x]);
        factor_[i][2 * x].at[l] = static_cast<float>(z.real());
        factor_[i][2 * x + 1].at[l] = static_cast<float>(z.imag());
      }
  const Lanes *const factor[3] = {factor_[0].data(), factor_[1].data(), factor_[2].data()};
  lane_phases(offsets_, component_.data(), factor, phase_.data());
  lane_combine(b_.size() / 2, offsets_, table_.data(), phase_.data(), b_.data());
  screen();
}

void GramBatch::screen() noexcept {
  Lanes minus_trace{}, square{};
  lane_moments(c_, b_.data(), &minus_trace, &square);
  const auto n = static_cast<double>(c_);
  const double gamma = gamma_up(2 * n + 8, single_roundoff), rounding = 4 * gamma;
  for (std::size_t l = 0; l < lanes; ++l) {
    const double trace = -static_cast<double>(minus_trace.at[l]);
    const double s2 = static_cast<double>(square.at[l]), mean = trace / n, mean_square = s2 / n;
    // Both sums are off by γ relative to √(s₂/n) and s₂/n, since Σ|g_ii|/n ≤ √(s₂/n).
    const double variance = std::max(0.0, mean_square - mean * mean) + rounding * mean_square;
    const double bound =
        std::fabs(mean) + rounding * std::sqrt(mean_square) + std::sqrt((n - 1) * variance);
    upper_[l] = add_up(bound * (1 + 0x1p-40), distance_);
    estimate_[l] = trace > 0 ? s2 / trace : 0;
    // The diagonal of G is positive, so Σ|ĝ_ii| ≤ Σĝ_ii + 2n·distance.
    least_trace_[l] = trace * (1 - 2 * gamma) - 4 * gamma * n * distance_;
  }
}

unsigned GramBatch::certify(double target) noexcept {
  if (!(target > 0x1p-30 && target < 0x1p30))
    return 0;
  const auto n = static_cast<double>(c_);
  const auto slack = [&](double tau, double trace) {
    const double shifted = n * tau * (1 + 0x1p-22) - trace;
    return cholesky_slack<std::complex<float>>(c_, std::max(0.0, shifted), tau,
                                               lane_cholesky_terms(c_));
  };
  // A diagonal entry of the shifted matrix rounds once; where the factorisation succeeds it lies
  // between 0 and τ + distance.
  const auto upper = [&](double tau, double trace) {
    return add_up(add_up(tau, slack(tau, trace)),
                  add_up(distance_, mul_up(2 * single_roundoff, add_up(tau, distance_))));
  };
  const double least = *std::min_element(least_trace_.begin(), least_trace_.end());
  const double room = upper(target, least) - target;
  const auto shift = static_cast<float>((target - room) * (1 - 0x1p-20));
  if (!(shift > 0))
    return 0;
  unsigned certified = lane_cholesky(c_, shift, b_.data());
  for (std::size_t l = 0; l < lanes; ++l)
    if (!(upper(static_cast<double>(shift), least_trace_[l]) <= target))
      certified &= ~(1U << l);
  return certified;
}

} // namespace lathe::lipschitz
