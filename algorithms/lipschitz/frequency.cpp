// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/frequency.h"
#include "lipschitz/rounding.h"
#include "lipschitz/shifted_cholesky.h"
#include <algorithm>
#include <cmath>
#include <numbers>

namespace lathe::lipschitz {
namespace {

// Absolute bound on everything that underflow can do to weights of order 1.
constexpr double underflow = 0x1p-800;
// A quick run must come close to the eigenvalue: a bound that stays below lets every later
// frequency between the two fail its factorisation.
constexpr int quick_steps = 60;

int lanczos_capacity(std::size_t order) {
  return static_cast<int>(std::min<std::size_t>(order, 200));
}

} // namespace

FrequencyNorm::FrequencyNorm(const Symbol &symbol, double absolute)
    : symbol_(symbol), c_(symbol.cols), m_(symbol.rows), absolute_(absolute), g_(c_ * c_),
      factor_(c_ * c_), panel_(c_ > cholesky_block ? c_ * cholesky_block : 0), x_(c_) {}

dense::View<const Complex> FrequencyNorm::gram() const noexcept {
  return {g_.data(), c_, c_, c_};
}

void FrequencyNorm::set(const Phases &phases, const Lattice &j) {
  d_.resize(m_ * c_);
  real_.resize(2 * m_ * c_);
  work_.resize(std::max(m_, c_));
  evaluate_symbol(symbol_, phases, j, real_.data(), d_.data());
  dense::herk('L', 'C', c_, m_, 1.0, d_.data(), m_, 0.0, g_.data(), c_);
  symbol_error_ = symbol_error(symbol_, phases);
  symbol_slack_ = add_up(mul_up(symbol_error_, absolute_), underflow);
  // |fl(D̂ᴴD̂) − D̂ᴴD̂| ≤ √2·γ_{2m+4}·|D̂|ᵀ|D̂| (Higham, §3.6), and ‖|D̂|‖₂ ≤ ‖P‖₂ + slack.
  // Three roundings in a modulus; squares that underflow hide entries below 2⁻⁵³⁰.
  for (std::size_t e = 0; e < m_ * c_; ++e)
    real_[e] = std::sqrt(std::norm(d_[e]));
  const double modulus =
      add_up(mul_up(nonnegative_norm(real_.data(), m_, c_), 1 + 0x1p-50), 0x1p-450);
  const double gamma = mul_up(up(std::numbers::sqrt2), gamma_up(2.0 * static_cast<double>(m_) + 4));
  gram_error_ = add_up(mul_up(gamma, mul_up(modulus, modulus)), underflow);
}

void FrequencyNorm::set_packed(const double *re, const double *im, double error) {
  for (std::size_t q = 0, e = 0; q < c_; ++q)
    for (std::size_t p = q; p < c_; ++p, ++e)
      g_[p + q * c_] = {re[e], im[e]};
  symbol_slack_ = 0;
  gram_error_ = error;
}

bool FrequencyNorm::below(double target) {
  double trace = 0;
  for (std::size_t q = 0; q < c_; ++q)
    trace += g_[q + q * c_].real();
  // ‖D‖ ≤ ‖D̂‖ + symbol_slack; the slack of the factorisation grows with its trace, so the one for
  // the whole target covers the smaller shift.
  const double root = std::sqrt(target) - symbol_slack_;
  const double goal = root > 0 ? root * root * (1 - 0x1p-51) : 0;
  const double slack = cholesky_slack<Complex>(
      c_, std::max(0.0, static_cast<double>(c_) * goal - trace * (1 - 1e-13)), goal);
  // Room for the outward roundings of the check below: about ten units in the last place.
  const double tau = (goal - slack - gram_error_) * (1 - 0x1p-48);
  if (!(tau > 0))
    return false;
  const ShiftedCholesky result =
      shifted_cholesky<Complex>(gram(), tau, factor_.data(), panel_.data(), x_.data());
  return result.positive && add_up(result.upper, gram_error_) <= goal;
}

bool FrequencyNorm::below_single(const double *re, const double *im, double frobenius, double error,
                                 double target) {
  using Single = std::complex<float>;
  if (!(target > 0x1p-30 && target < 0x1p30))
    return false;
  const auto c = static_cast<double>(c_);
  g_single_.resize(c_ * c_);
  factor_single_.resize(c_ * c_);
  panel_single_.resize(panel_.size());
  double trace = 0;
  for (std::size_t q = 0, e = 0; q < c_; ++q) {
    trace += re[e];
    for (std::size_t p = q; p < c_; ++p, ++e)
      g_single_[p + q * c_] = {static_cast<float>(re[e]), static_cast<float>(im[e])};
  }
  // Rounding an entry to single precision moves it by 2⁻²⁴ relative, or 2⁻¹⁵⁰ where it underflows.
  const double conversion = add_up(mul_up(0x1.001p-24, frobenius), c * 0x1p-140);
  const double distance = add_up(conversion, error);
  const double slack =
      cholesky_slack<Single>(c_, std::max(0.0, c * target - trace * (1 - 1e-6)), target);
  const double tau = (target - slack - distance) * (1 - 0x1p-20);
  if (!(tau > 0))
    return false;
  const dense::View<const Single> g{g_single_.data(), c_, c_, c_};
  const ShiftedCholesky result =
      shifted_cholesky<Single>(g, tau, factor_single_.data(), panel_single_.data(), nullptr);
  return result.positive && add_up(result.upper, distance) <= target;
}

double FrequencyNorm::largest(bool quick, std::uint64_t stream) {
  if (!lanczos_)
    lanczos_ = std::make_unique<HermitianLanczos<Complex>>(c_, lanczos_capacity(c_));
  LanczosOptions options;
  options.max_steps = quick ? std::min(quick_steps, lanczos_capacity(c_)) : lanczos_capacity(c_);
  options.max_restarts = quick ? 0 : 8;
  options.tolerance = quick ? 1e-7 : 1e-15;
  options.stream = stream;
  return lanczos_->run(gram(), options, x_.data(), false).value;
}

double FrequencyNorm::shift() const noexcept {
  return 4 * static_cast<double>(c_) * unit_roundoff;
}

double FrequencyNorm::upper(double estimate, int &tries) {
  // A factorisation fails only if the shift is within rounding of an eigenvalue; each failure
  // doubles the distance. Beyond 2⁻¹⁰ the trace is used: λ_max ≤ tr G for a semidefinite G.
  double trace = 0;
  for (std::size_t q = 0; q < c_; ++q)
    trace = add_up(trace, std::fabs(g_[q + q * c_].real()));
  double square = trace;
  double shift_now = shift();
  for (tries = 1; shift_now < 0x1p-10 && estimate > 0; ++tries, shift_now *= 2) {
    const ShiftedCholesky result = shifted_cholesky<Complex>(
        gram(), estimate * (1 + shift_now), factor_.data(), panel_.data(), nullptr);
    if (result.positive) {
      square = std::min(square, result.upper);
      break;
    }
  }
  return add_up(sqrt_up(add_up(square, gram_error_)), symbol_slack_);
}

double FrequencyNorm::lower() {
  std::vector<Complex> &y = work_;
  dense::gemv('N', m_, c_, Complex(1), d_.data(), m_, x_.data(), Complex(0), y.data());
  double xx = 0;
  double yy = 0;
  for (std::size_t q = 0; q < c_; ++q)
    xx += std::norm(x_[q]);
  for (std::size_t p = 0; p < m_; ++p)
    yy += std::norm(y[p]);
  if (!(xx > 0) || !std::isfinite(xx))
    return 0;
  // ‖fl(D̂x)‖ − √2·γ_{2c+2}·‖|D̂|‖·‖x‖ with ‖|D̂|‖ ≤ (1 + error)·‖P‖, and the error of D̂ itself;
  // the norms of x and y carry γ_{2c+2} and γ_{2m+2}.
  const auto c = static_cast<double>(c_), m = static_cast<double>(m_);
  const double norm_x = mul_up(sqrt_up(xx), up(1 + gamma_up(2 * c + 2)));
  const double norm_y = mul_down(sqrt_down(yy), down(1 - gamma_up(2 * m + 2)));
  const double per_x = add_up(mul_up(mul_up(up(std::numbers::sqrt2), gamma_up(2 * c + 2)),
                                     mul_up(absolute_, up(1 + symbol_error_))),
                              symbol_slack_);
  return std::max(0.0, down(sub_down(norm_y / norm_x, per_x) * (1 - 0x1p-51)));
}

} // namespace lathe::lipschitz
