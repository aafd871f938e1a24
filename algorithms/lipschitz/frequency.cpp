// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/frequency.h"
#include "lipschitz/gram_product.h"
#include "lipschitz/residual_bound.h"
#include "lipschitz/rounding.h"
#include "lipschitz/scaled_matrix.h"
#include "lipschitz/shifted_cholesky.h"
#include "lipschitz/vector_norm.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {
namespace {

// Absolute bound on everything that underflow can do to weights of order 1.
constexpr double underflow = 0x1p-800;
// A quick run must come close to the eigenvalue: a bound that stays below lets every later
// frequency between the two fail its factorisation.
constexpr int quick_steps = 60;

// Terms of the Gram matrix's sums that BLAS adds in any order: short, since this rounding is what
// below() has to allow for.
constexpr std::size_t inner_block = 32;

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
  evaluate_symbol(symbol_, phases, j, real_.data(), d_.data());
  gram_product<Complex>({d_.data(), m_, c_, m_}, g_.data(), factor_.data(), inner_block);
  symbol_error_ = symbol_error(symbol_, phases);
  symbol_slack_ = add_up(mul_up(symbol_error_, absolute_), underflow);
  // |fl(D̂ᴴD̂) − D̂ᴴD̂| ≤ γ·|D̂|ᵀ|D̂| (gram_product.h), and ‖|D̂|‖₂ ≤ ‖P‖₂ + slack.
  // Three roundings in a modulus; squares that underflow hide entries below 2⁻⁵³⁰.
  for (std::size_t e = 0; e < m_ * c_; ++e)
    real_[e] = std::sqrt(std::norm(d_[e]));
  const double modulus =
      add_up(mul_up(nonnegative_norm(real_.data(), m_, c_), 1 + 0x1p-50), 0x1p-450);
  const double gamma = gram_gamma<Complex>(m_, c_, inner_block);
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

LanczosResult FrequencyNorm::lanczos(const LanczosOptions &options) {
  if (!lanczos_)
    lanczos_ = std::make_unique<HermitianLanczos<Complex>>(c_, lanczos_capacity(c_));
  return lanczos_->run(gram(), options, x_.data(), false);
}

double FrequencyNorm::largest(bool quick, std::uint64_t stream) {
  LanczosOptions options;
  options.max_steps = quick ? std::min(quick_steps, lanczos_capacity(c_)) : lanczos_capacity(c_);
  options.max_restarts = quick ? 0 : 8;
  options.tolerance = quick ? 1e-7 : 1e-15;
  options.stream = stream;
  return lanczos(options).value;
}

double FrequencyNorm::coarse_upper(std::uint64_t stream) {
  LanczosOptions options;
  options.max_steps = std::min(quick_steps, lanczos_capacity(c_));
  options.max_restarts = 0;
  options.tolerance = 0x1p-10;
  options.stream = stream;
  int tries = 0;
  return upper(lanczos(options).value, UpperBound::coarse, tries);
}

double FrequencyNorm::upper(double estimate, UpperBound kind, int &tries) {
  // A factorisation fails only if the shift is within rounding of an eigenvalue, or the estimate
  // short of one; each failure doubles the distance. At last the trace: λ_max ≤ tr G for G ⪰ 0,
  // and an error of ‖·‖₂ ≤ e has a trace of at most c·e.
  double trace = 0;
  for (std::size_t q = 0; q < c_; ++q)
    trace = add_up(trace, std::fabs(g_[q + q * c_].real()));
  double square = add_up(trace, mul_up(static_cast<double>(c_), gram_error_));
  const bool coarse = kind == UpperBound::coarse;
  const double most = coarse ? 1 : 0x1p-10;
  double shift = coarse ? 0x1p-10 : 8 * std::sqrt(static_cast<double>(c_)) * unit_roundoff;
  for (tries = 1; shift < most && estimate > 0; ++tries, shift *= 2) {
    const double tau = estimate * (1 + shift);
    const ShiftedCholesky result =
        shifted_cholesky<Complex>(gram(), tau, factor_.data(), panel_.data(), nullptr);
    if (result.positive) {
      square = std::min(square, add_up(result.upper, gram_error_));
      if (kind == UpperBound::sharp)
        square = std::min(square, residual_bound<Complex>({d_.data(), m_, c_, m_}, tau,
                                                          {factor_.data(), c_, c_, c_}));
      break;
    }
  }
  return add_up(sqrt_up(square), symbol_slack_);
}

double FrequencyNorm::lower() {
  // ‖|D̂|‖ ≤ (1 + error)·‖P‖, and the error of D̂ itself.
  const double quotient = quotient_lower<Complex>({d_.data(), m_, c_, m_}, x_.data(),
                                                  mul_up(absolute_, up(1 + symbol_error_)));
  return std::max(0.0, sub_down(quotient, symbol_slack_));
}

} // namespace lathe::lipschitz
