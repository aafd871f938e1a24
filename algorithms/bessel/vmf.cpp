// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf.h"
#include "bessel/bessel_ratio.h"
#include "bessel/kernels/debye.h"
#include "bessel/kernels/expansions.h"
#include "bessel/kernels/regions.h"
#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>

namespace lathe::bessel {
namespace {

using kernel::DoubleDouble;
using kernel::infinity;
using kernel::not_a_number;
constexpr DoubleDouble pi{3.141592653589793116, 1.2246467991473531772e-16};
constexpr DoubleDouble log_2pi{1.8378770664093456, -7.7565883161344831645e-17};

double order_of(std::int64_t p) noexcept {
  return 0.5 * static_cast<double>(p) - 1;
}

bool in_domain(std::int64_t p, double kappa) noexcept {
  return p >= 2 && kappa >= 0;
}

// --- outside the ellipse ---

struct Debye {
  double v, kappa;
  double w, s, q, p;           // q = (v/w)², p = (κ/w)² = 1 − q without cancellation
  DoubleDouble log_sum, log_w; // log(v + w), log w
  DoubleDouble bend;           // w − κ = v²/(w + κ)
  double d, f, g;              // ΣD_k(q) s^k and its derivatives

  Debye(double order, double x) noexcept : v(order), kappa(x) {
    const kernel::Scaled a = kernel::scaled(v, x);
    const DoubleDouble vv = kernel::two_product(a.v, a.v);
    const DoubleDouble ww = vv + kernel::two_product(a.x, a.x);
    const double root = std::sqrt(ww.hi);
    const DoubleDouble root2 =
        kernel::fast_two_sum(root, (std::fma(-root, root, ww.hi) + ww.lo) * (0.5 / root));
    log_sum = kernel::log_accurate(root2 + a.v, a.exponent);
    log_w = kernel::log_accurate(root2, a.exponent);
    bend = vv / (root2 + a.x) * a.unscale;
    w = root * a.unscale;
    s = a.scale / root;
    q = (a.v / root) * (a.v / root);
    p = (a.x / root) * (a.x / root);
    const double small = kernel::flushed<-100>(s);
    d = kernel::debye_sum<tables::DebyeD, kernel::most_debye_terms>(q, small).sum();
    f = kernel::debye_sum<tables::DebyeF, kernel::most_debye_terms>(q, small).sum();
    g = kernel::debye_sum<tables::DebyeG, kernel::most_debye_terms>(q, small).sum();
  }

  /// v log((v+w)/2π) + ½ log(w/2π).
  [[nodiscard]] DoubleDouble logarithms() const noexcept {
    return (log_sum - log_2pi) * v + (log_w - log_2pi) * 0.5;
  }
  [[nodiscard]] DoubleDouble log_peak() const noexcept { return logarithms() - bend + -d; }
  [[nodiscard]] DoubleDouble entropy() const noexcept {
    return -logarithms() + v + (d + p * (0.5 + f));
  }
  [[nodiscard]] double ratio_derivative() const noexcept {
    return v / (w + v) * s + s * s * ((1 - 2 * q) * (0.5 + f) + p * g);
  }
};

// --- inside the ellipse: p ≤ 36, κ < 30 ---

struct Series {
  double p, kappa;
  DoubleDouble f0, f1; // 0F1(; p/2 + j; κ²/4), j = 0, 1

  Series(std::int64_t dim, double x) noexcept : p(static_cast<double>(dim)), kappa(x) {
    f0 = hypergeometric(0.5 * p);
    f1 = hypergeometric(0.5 * p + 1);
  }

  [[nodiscard]] DoubleDouble hypergeometric(double b) const noexcept {
    const DoubleDouble y = kernel::two_product(0.5 * kappa, 0.5 * kappa);
    DoubleDouble term{1, 0}, sum{1, 0};
    for (double k = 1; term.hi > 0x1p-100 * sum.hi; ++k) { // at most 70 terms
      term = term * y / DoubleDouble{k * (b + k - 1), 0};
      sum = sum + term;
    }
    return sum;
  }
  /// Area of the sphere times f0, which is 1/C_p.
  [[nodiscard]] DoubleDouble integral() const noexcept {
    const auto m = static_cast<int>(p / 2);
    const bool odd = p > 2 * m;
    DoubleDouble area{2, 0}; // 2 π^(p/2)/Γ(p/2), half of the πs and factors at a time
    for (int j = 0; j < m; ++j) {
      const double factor = odd ? j + 0.5 : std::max(j, 1);
      area = area * pi / DoubleDouble{factor, 0};
    }
    return area * f0;
  }
  [[nodiscard]] DoubleDouble ratio_over_kappa() const noexcept { return f1 / (f0 * p); }
  [[nodiscard]] DoubleDouble log_peak() const noexcept {
    return -kernel::log_accurate(integral(), 0) + kappa;
  }
  [[nodiscard]] DoubleDouble entropy() const noexcept {
    return kernel::log_accurate(integral(), 0) -
           ratio_over_kappa() * kernel::two_product(kappa, kappa);
  }
  /// 1 − A² − (p−1)A/κ: what cancels here leaves more than 90 of 106 bits.
  [[nodiscard]] double ratio_derivative() const noexcept {
    const DoubleDouble a = ratio_over_kappa();
    const DoubleDouble resultant = a * kappa;
    return kernel::rounded(-(resultant * resultant) - a * (p - 1) + 1.0);
  }
};

// log f at the mean direction and entropy, p and κ finite.
DoubleDouble log_peak(std::int64_t p, double kappa) noexcept {
  const double v = order_of(p);
  return kernel::is_middle(v, kappa) ? Series(p, kappa).log_peak() : Debye(v, kappa).log_peak();
}

// Each derivative multiplies the terms of Debye's expansion by about their number, so the series is
// taken in a larger ellipse.
double ratio_derivative(std::int64_t p, double kappa) noexcept {
  const double v = order_of(p);
  return kernel::debye_length(v, kappa) == 2 ? Series(p, kappa).ratio_derivative()
                                             : Debye(v, kappa).ratio_derivative();
}

/// ∫ over u in [0, |κ₂ − κ₁|] of weight(u)·A'(min + u), weight(u) the distance to κ₂: ≥ 0.
double bregman(std::int64_t p, double kappa1, double kappa2) noexcept {
  using Gauss = boost::math::quadrature::gauss<double, 15>;
  const double low = std::min(kappa1, kappa2);
  const double length = std::max(kappa1, kappa2) - low; // exact when they are close
  const auto integrand = [&](double u) {
    return (kappa1 < kappa2 ? length - u : u) * ratio_derivative(p, low + u);
  };
  // The poles of A' are the zeros of I_v, all on the imaginary axis and beyond order + 1: panels of
  // that length near the origin, then doubling ones, leave at most 5·10⁻²⁰.
  double sum = 0;
  for (double from = 0; from < length;) {
    const double to = std::min(length, from + std::max(order_of(p) + 1, low + from));
    const double half = 0.5 * (to - from);
    const double middle = from + half;
    double panel = Gauss::weights()[0] * integrand(middle);
    for (std::size_t i = 1; i < Gauss::abscissa().size(); ++i) {
      const double step = half * Gauss::abscissa()[i];
      panel += Gauss::weights()[i] * (integrand(middle - step) + integrand(middle + step));
    }
    sum += half * panel;
    from = to;
  }
  return sum;
}

} // namespace

double vmf_log_normalizer(std::int64_t p, double kappa) noexcept {
  if (!in_domain(p, kappa))
    return not_a_number;
  return kappa == infinity ? -infinity : kernel::rounded(log_peak(p, kappa) + -kappa);
}

double vmf_log_peak(std::int64_t p, double kappa) noexcept {
  if (!in_domain(p, kappa))
    return not_a_number;
  return kappa == infinity ? infinity : kernel::rounded(log_peak(p, kappa));
}

double vmf_log_density(std::int64_t p, double kappa, double cosine) noexcept {
  if (!(std::abs(cosine) <= 1))
    return not_a_number;
  if (kappa == infinity && p >= 2)
    return cosine == 1 ? infinity : -infinity;
  return vmf_log_peak(p, kappa) - kappa * (1 - cosine);
}

double vmf_log_likelihood(std::int64_t p, double kappa, double one_minus_resultant,
                          double n) noexcept {
  return kappa == infinity && one_minus_resultant == 0
             ? infinity
             : n * (vmf_log_peak(p, kappa) - kappa * one_minus_resultant);
}

double vmf_entropy(std::int64_t p, double kappa) noexcept {
  if (!in_domain(p, kappa))
    return not_a_number;
  if (kappa == infinity)
    return -infinity;
  const double v = order_of(p);
  return kernel::rounded(kernel::is_middle(v, kappa) ? Series(p, kappa).entropy()
                                                     : Debye(v, kappa).entropy());
}

double vmf_mean_resultant(std::int64_t p, double kappa) noexcept {
  return in_domain(p, kappa) ? bessel_i_ratio(order_of(p), kappa) : not_a_number;
}

double vmf_mean_resultant_complement(std::int64_t p, double kappa) noexcept {
  return in_domain(p, kappa) ? bessel_i_ratio_complement(order_of(p), kappa) : not_a_number;
}

double vmf_mean_resultant_derivative(std::int64_t p, double kappa) noexcept {
  if (!in_domain(p, kappa))
    return not_a_number;
  return kappa == infinity ? 0 : ratio_derivative(p, kappa);
}

double vmf_kl(std::int64_t p, double kappa1, double kappa2, double cosine) noexcept {
  if (!in_domain(p, kappa1) || !in_domain(p, kappa2) || !(std::abs(cosine) <= 1))
    return not_a_number;
  if (kappa1 == infinity || kappa2 == infinity)
    return kappa1 == kappa2 && cosine == 1 ? 0 : infinity;
  const double turned = cosine == 1 ? 0 : kappa2 * vmf_mean_resultant(p, kappa1) * (1 - cosine);
  return bregman(p, kappa1, kappa2) + turned;
}

double vmf_kappa(std::int64_t p, double resultant) noexcept {
  if (p < 2 || !(resultant >= 0 && resultant <= 1))
    return not_a_number;
  return inverse_bessel_i_ratio(order_of(p), resultant);
}

double vmf_kappa_from_complement(std::int64_t p, double one_minus_resultant) noexcept {
  if (p < 2 || !(one_minus_resultant >= 0 && one_minus_resultant <= 1))
    return not_a_number;
  return inverse_bessel_i_ratio_complement(order_of(p), one_minus_resultant);
}

namespace {

/// κ from whichever of R and 1 − R has the digits.
double kappa_of(std::int64_t p, double resultant, double complement) noexcept {
  return resultant < 0.5 ? vmf_kappa(p, resultant) : vmf_kappa_from_complement(p, complement);
}

double condition_of(std::int64_t p, double resultant, double kappa) noexcept {
  if (!(kappa < infinity))
    return infinity;
  return kappa == 0 ? 1 : resultant / (kappa * vmf_mean_resultant_derivative(p, kappa));
}

double standard_error(std::int64_t p, double kappa, double n) noexcept {
  if (!(kappa < infinity) || !(n > 1))
    return infinity;
  const auto dim = static_cast<double>(p);
  const double slope = vmf_mean_resultant_derivative(p, kappa);
  const double rho = vmf_mean_resultant(p, kappa);
  const double across = kappa == 0 ? 1 / dim : rho / kappa;
  const double variance =
      4 * rho * rho * slope / n + 2 * (slope * slope + (dim - 1) * across * across) / (n * (n - 1));
  const double deviation = std::sqrt(variance);
  return deviation / (2 * slope * std::max(rho, 0.5 * std::sqrt(deviation)));
}

} // namespace

LatheVmfEstimate vmf_estimate(std::int64_t p, double resultant, double one_minus_resultant,
                              double n_eff) noexcept {
  LatheVmfEstimate e{};
  const bool pointlike = one_minus_resultant < 0x1p-50;
  e.resultant = pointlike ? 1 : resultant;
  e.resultant_complement = pointlike ? 0 : one_minus_resultant;
  e.n_eff = n_eff;
  e.kappa_mle = kappa_of(p, e.resultant, e.resultant_complement);
  e.condition = condition_of(p, e.resultant, e.kappa_mle);
  e.kappa_corrected = e.kappa_mle;
  if (n_eff > 1 + 0x1p-30 && !pointlike) {
    const double noise = n_eff / (n_eff - 1) * e.resultant_complement * (1 + e.resultant);
    const double squared = e.resultant < 0.5
                               ? (n_eff * e.resultant * e.resultant - 1) / (n_eff - 1)
                               : 1 - noise; // the same, each where it keeps its digits
    const double length = std::sqrt(std::max(0.0, squared));
    e.kappa_corrected = kappa_of(p, length, std::min(1.0, noise) / (1 + length));
  }
  e.kappa_std_error = standard_error(p, e.kappa_corrected, n_eff);
  const double pull = n_eff * e.kappa_corrected * vmf_mean_resultant(p, e.kappa_corrected);
  e.mean_std_error = pull > 0 ? std::sqrt((static_cast<double>(p) - 1) / pull) : infinity;
  return e;
}

} // namespace lathe::bessel
