// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/matern.h"
#include "bessel/kernels/debye.h"
#include "bessel/kernels/half_integer.h"
#include "bessel/kernels/node_sums.h"
#include "bessel/kernels/regions.h"
#include "bessel/tables/matern.h"
#include <algorithm>
#include <cmath>
#include <numbers>

#if defined(__x86_64__) && defined(__gnu_linux__)
#define LATHE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LATHE_CLONES
#endif

namespace lathe::bessel {
namespace {

using kernel::DoubleDouble;
using kernel::fma;
using kernel::infinity;
using kernel::not_a_number;

LATHE_BESSEL_INLINE double exponential(DoubleDouble t) noexcept {
  if (t.hi >= -690)
    return kernel::rounded(kernel::exp(t));
  // Into the subnormal numbers in two steps; below e^-760 nothing is left.
  return t.hi < -760 ? 0
                     : kernel::rounded(kernel::exp({t.hi + 100, t.lo})) * 0x1.a8c1f14e2af5dp-145;
}

// e^x - 1 with a relative error of an ulp.
LATHE_BESSEL_INLINE double expm1(double x) noexcept {
  if (std::abs(x) > 0.3)
    return exponential({x, 0}) - 1;
  double p = 1.0 / 6227020800.0;
  for (const double c : {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0,
                         120.0, 24.0, 6.0, 2.0})
    p = fma(p, x, 1 / c);
  return fma(x * x, p, x);
}

// log(1 + u), u ≥ -½, with a relative error of an ulp.
LATHE_BESSEL_INLINE double log1p(double u) noexcept {
  if (std::abs(u) > 0x1p-4)
    return kernel::rounded(kernel::log(kernel::two_sum(u, 1)));
  const double s = u / (2 + u), ss = s * s; // 2 atanh s
  double p = 1.0 / 15;
  for (const double c : {13.0, 11.0, 9.0, 7.0, 5.0, 3.0})
    p = fma(p, ss, 1 / c);
  return fma(2 * s * ss, p, 2 * s);
}

LATHE_BESSEL_INLINE double logarithm(double x) noexcept {
  const kernel::Split m = kernel::split(x);
  return kernel::rounded(kernel::log(m.mantissa, m.exponent));
}

// (e^x - 1)/x and its derivative, |x| < 1.
struct Quotient {
  double value, slope;
};
LATHE_BESSEL_INLINE Quotient exp_quotient(double x) noexcept {
  Quotient q{0, 0};
  double factorial = 51090942171709440000.0; // 21!
  for (int k = 20; k >= 0; --k) {
    q.slope = fma(q.slope, x, q.value);
    q.value = fma(q.value, x, 1 / factorial);
    factorial /= k + 1;
  }
  return q;
}

// A number with its derivative by ν.
struct Dual {
  double value, slope = 0;
};
Dual operator+(Dual a, Dual b) noexcept {
  return {a.value + b.value, a.slope + b.slope};
}
Dual operator-(Dual a, Dual b) noexcept {
  return {a.value - b.value, a.slope - b.slope};
}
Dual operator*(Dual a, Dual b) noexcept {
  return {a.value * b.value, fma(a.value, b.slope, a.slope * b.value)};
}
Dual operator/(Dual a, Dual b) noexcept {
  const double q = a.value / b.value;
  return {q, fma(-q, b.slope, a.slope) / b.value};
}

// Σ c_k x^k over k = first, first + 2, …
Dual every_other(int first, Dual xx) noexcept {
  Dual sum{0};
  for (int k = first + 26; k >= 0; k -= 2)
    sum = sum * xx + Dual{matern_table::reciprocal_gamma[k]};
  return sum;
}

// 1/Γ(1 + a) = even ± a odd, |a| ≤ ½.
struct ReciprocalGamma {
  Dual even, odd, plus, minus;
  explicit ReciprocalGamma(Dual a) noexcept
      : even(every_other(0, a * a)), odd(every_other(1, a * a)), plus(even + a * odd),
        minus(even - a * odd) {}
};

constexpr double series_z = 0.75;    // the sums cancel by e^(2z) where ν is small
constexpr double series_limit = 0.4; // of y/(ν-1): where 1-M reaches about ⅓
constexpr double no_tail = 20.5;     // from this ν on y^ν/Γ(1+ν)² is nothing

} // namespace

/// What an expansion gives; `log` where it comes before M, `dz_z` = ∂M/∂z / z where dz/z is worse.
struct Matern::Parts {
  double value, complement, log;
  double dz = not_a_number, dnu = not_a_number, dzz = not_a_number, dz_z = not_a_number;
};

/// w = √(ν²+z²) and δ = w-ν = z²/(w+ν), a sum: an ulp of δ can be 1.6 of log M.
struct Matern::Radius {
  double w;
  DoubleDouble delta;

  LATHE_BESSEL_INLINE Radius(double nu, double z) noexcept {
    const kernel::Scaled a = kernel::scaled(nu, z);
    const DoubleDouble ww = kernel::two_product(a.v, a.v) + kernel::two_product(a.x, a.x);
    const double root = std::sqrt(ww.hi),
                 root_lo = (fma(-root, root, ww.hi) + ww.lo) * (0.5 / root);
    const DoubleDouble sum = kernel::fast_two_sum(root, a.v);
    w = root * a.unscale;
    delta = DoubleDouble{z * a.scale, 0} / DoubleDouble{sum.hi, sum.lo + root_lo} * z;
  }

  /// -δ + ν log1p(δ/(2ν)): log M but for a factor that changes slowly. Its slope by δ is -w/(w+ν).
  [[nodiscard]] LATHE_BESSEL_INLINE DoubleDouble leading(double nu) const noexcept {
    const double u = delta.hi / (2 * nu), lo = -delta.lo * (w / (w + nu));
    return {u < infinity ? fma(nu, log1p(u), -delta.hi) : -delta.hi, w < 1e300 ? lo : 0};
  }
};

Matern::Matern(double nu) noexcept : nu_(nu > 0 ? nu : not_a_number) {
  if (!(nu > 0 && nu < infinity))
    return;
  static_assert(sizeof polynomial_ == (kernel::most_half_integer_degree + 1) * sizeof(double));
  degree_ = kernel::half_integer_polynomial(nu, polynomial_);
  prepare_series();
  prepare_gamma();
}

void Matern::prepare_series() noexcept {
  const Dual nu{nu_, 1};
  const bool tail = nu_ < no_tail;
  n_ = tail ? static_cast<int>(std::floor(nu_ + 0.5)) : powers;
  // Powers of y and ν overflow apart, not together: y is taken in units of a power of two near ν.
  if (!tail)
    y_unit_ = kernel::from_bits(kernel::bits(nu_) & 0x7ff0000000000000);
  const Dual unit{y_unit_};
  Dual product{1}; // k! (1-ν)_k
  for (int k = 1; k < n_; ++k) {
    product = product * Dual{static_cast<double>(k)} * ((Dual{static_cast<double>(k)} - nu) / unit);
    const Dual a = Dual{-1} / product;
    a_[k] = a.value;
    a_slope_[k] = a.slope;
  }
  if (!tail)
    return;
  const Dual eps = nu - Dual{static_cast<double>(n_)};
  eps_ = eps.value;
  const ReciprocalGamma gamma(eps);
  if (n_ == 0) {
    const Dual branch = gamma.plus / gamma.minus;
    branch_ = branch.value;
    branch_slope_ = branch.slope;
  }
  // (-1)^(n+1) Γ(1-ε)/Π_{j<n} (ν-j), without the product's sign for n = 0: there -ε Γ(1-ε).
  Dual factor = Dual{n_ % 2 == 0 ? -1.0 : 1.0} / gamma.minus;
  if (n_ == 0)
    factor = factor * eps;
  for (int j = 1; j < n_; ++j)
    factor = factor / ((nu - Dual{static_cast<double>(j)}) * Dual{static_cast<double>(j)});
  if (n_ > 1)
    factor = factor / Dual{static_cast<double>(n_)};
  // p_m = m!/(1-ε)_m = 1 + ε p', q_k = k!/(1+ε)_k = 1 - ε q'.
  Dual p{0}, q{0};
  for (int k = 1; k <= n_; ++k)
    q = (q * Dual{static_cast<double>(k)} + Dual{1}) / (eps + Dual{static_cast<double>(k)});
  for (int m = 0; m < tail_terms; ++m) {
    const Dual order{static_cast<double>(m)}, next{static_cast<double>(n_ + m)};
    if (m > 0) {
      p = (p * order + Dual{1}) / (order - eps);
      q = (q * next + Dual{1}) / (eps + next);
      factor = factor / (order * next);
    }
    const Dual alpha = factor * (Dual{-2} * gamma.odd + gamma.minus * p + gamma.plus * q);
    const Dual beta = factor * gamma.plus * (Dual{1} - eps * q);
    alpha_[m] = alpha.value;
    alpha_slope_[m] = alpha.slope;
    beta_[m] = beta.value;
    beta_slope_[m] = beta.slope;
  }
}

void Matern::prepare_gamma() noexcept {
  if (nu_ < 1) {
    const Dual nu{nu_, 1};
    const bool upper = nu_ > 0.5;
    const Dual g = ReciprocalGamma(upper ? nu - Dual{1} : nu).plus; // 1/Γ(ν) or 1/Γ(1+ν)
    const double log_nu = logarithm(nu_);
    scale_ = exponential({nu_ * (log_nu - 1), 0}) * (upper ? g.value : nu_ * g.value);
    // log ν - ψ(ν) = 1/(2ν) - slope
    const double minus_digamma = g.slope / g.value + (upper ? 0 : 1 / nu_);
    stirling_slope_ = 0.5 / nu_ - (log_nu + minus_digamma);
    return;
  }
  // S(ν) = S(ν+1) + (ν+½) log(1 + 1/ν) - 1 until Stirling's series holds; the differences are sums
  // of positive terms 1/((2k+1) (2ν+1)^(2k)).
  double v = nu_;
  for (; v < 16; v += 1) {
    const double u = 1 / (2 * v + 1), uu = u * u;
    double sum = 0, slope = 0;
    for (int k = 17; k >= 1; --k) {
      sum = fma(sum, uu, 1.0 / (2 * k + 1));
      slope = fma(slope, uu, -4.0 * k / (2 * k + 1));
    }
    stirling_ += sum * uu;
    stirling_slope_ += slope * uu * u;
  }
  const double t = 1 / v, tt = t * t;
  double sum = 0, slope = 0;
  double order = 13;
  for (const double c :
       {1.0 / 156, -691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12}) {
    sum = fma(sum, tt, c);
    slope = fma(slope, tt, -order * c);
    order -= 2;
  }
  stirling_ += sum * t;
  stirling_slope_ += slope * tt;
  scale_ = std::sqrt(nu_ * (0.5 / std::numbers::pi)) * exponential({-stirling_, 0});
}

template <Matern::Want want>
LATHE_BESSEL_INLINE Matern::Parts Matern::series(double z) const noexcept {
  constexpr bool slopes = want == Want::derivatives;
  const double y = 0.5 * z * (0.5 * z / y_unit_);
  // Σ a_k y^k and its derivatives, for n ≥ 1 over z: so ∂M/∂z and ∂²M/∂z² are right where 1-M is
  // none (z < 1e-150), and times `lift`, where y/z has few bits. y_slope is y times that by y.
  const double lift = z < 0x1p-800 ? 0x1p200 : 1, y_z = 0.25 * (z * lift) / y_unit_;
  double sum = 0, slope = 0, y_slope = 0;
  for (int k = std::min(n_, powers) - 1; k >= 1; --k) {
    sum = fma(sum, y, a_[k]);
    if constexpr (slopes) {
      slope = fma(slope, y, a_slope_[k]);
      y_slope = fma(y_slope, y, k * a_[k]);
    }
  }
  sum *= y_z;
  slope *= y_z;
  y_slope *= y_z;
  if (n_ < powers) {
    const kernel::Split m = kernel::split(z);
    DoubleDouble l = kernel::log(m.mantissa, m.exponent - 1); // log(z/2)
    l = {2 * l.hi, 2 * l.lo};                                 // log y, also where y underflows
    // y^ν; over z y^(ν-½)/2, where ν - ½ is exact.
    const double to_nu = n_ == 0 ? exponential(l * nu_) : 0.5 * lift * exponential(l * (nu_ - 0.5));
    double to_n = n_ == 0 ? 1 : y_z;
    for (int k = 1; k < n_; ++k)
      to_n *= y;
    // Q = y^n ψ, ψ = (y^ε - 1)/ε, and dψ/dε = (y^ε log y - ψ)/ε.
    const double x = eps_ * l.hi;
    double q = 0, q_slope = 0;
    if (std::abs(x) < 1) {
      const Quotient e = exp_quotient(x);
      q = to_n * (l.hi * e.value);
      q_slope = to_n * (l.hi * l.hi * e.slope);
    } else {
      q = (to_nu - to_n) / eps_;
      q_slope = (to_nu * l.hi - q) / eps_;
    }
    double a = 0, b = 0, a_slope = 0, b_slope = 0, a_order = 0, b_order = 0;
    for (int k = tail_terms - 1; k >= (n_ == 0 ? 1 : 0); --k) {
      a = fma(a, y, alpha_[k]);
      b = fma(b, y, beta_[k]);
      if constexpr (slopes) {
        a_slope = fma(a_slope, y, alpha_slope_[k]);
        b_slope = fma(b_slope, y, beta_slope_[k]);
        a_order = fma(a_order, y, (n_ + k) * alpha_[k]);
        b_order = fma(b_order, y, (n_ + k) * beta_[k]);
      }
    }
    if (n_ == 0) {
      // The terms m = 0 are Γ(1-ν)/Γ(1+ν) y^ν, or 1 - ε Γ(1-ε)(α_0 - ψ β_0) where that is near 1.
      a *= y, b *= y, a_slope *= y, b_slope *= y, a_order *= y, b_order *= y;
      const double rest = fma(-q, b, a);
      const double near = fma(branch_, to_nu, rest);
      const double value = -((alpha_[0] - q * beta_[0]) + rest);
      Parts r{value, value, 0};
      r.complement = near < 0.5 ? near : 1 - value;
      r.value = near < 0.5 ? 1 - near : value;
      if constexpr (slopes) {
        const double rest_slope = fma(-q, b_slope, a_slope) - q_slope * b;
        const double first = near < 0.5
                                 ? fma(branch_, l.hi, branch_slope_) * to_nu
                                 : fma(-q, beta_slope_[0], alpha_slope_[0]) - q_slope * beta_[0];
        r.dnu = -(first + rest_slope);
        const double to_nu_z = // y^ν/z; y^ν has few bits where z has
            z < 0x1p-1000 ? 0.5 * exponential(l * (nu_ - 0.5)) : to_nu / z;
        r.dz = -2 * (fma(-q, b_order, a_order) / z - to_nu_z * (b + beta_[0]));
        r.dz_z = r.dz / z;
      }
      return r;
    }
    sum += fma(-q, b, to_n * a);
    if constexpr (slopes) {
      slope += fma(-q, b_slope, to_n * a_slope) - q_slope * b;
      y_slope += fma(-q, b_order, to_n * a_order) - to_nu * b;
    }
  }
  const double complement = sum * z / lift, dz = -2 * y_slope;
  return {1 - complement, complement,     0, dz / lift, -slope * z / lift,
          not_a_number,   dz / (z * lift)};
}

template <Matern::Want want>
LATHE_BESSEL_INLINE Matern::Parts Matern::integral(double z, const Radius &polar) const noexcept {
  const matern_table::Level *level = matern_table::levels;
  while (polar.w >= level->limit)
    ++level;
  const kernel::NodeSums sums =
      kernel::sum_nodes<want == Want::derivatives>(polar.delta.hi, nu_, *level);
  const DoubleDouble lead = polar.leading(nu_);
  const double slow = scale_ * sums.total;
  Parts r{slow * exponential(lead), 0, 0};
  if constexpr (want != Want::value) {
    r.log = lead.hi + (lead.lo + logarithm(slow));
    r.complement = -expm1(r.log);
  }
  if constexpr (want == Want::derivatives) {
    // K_{ν-1} carries e^-t = z/(ν+w) e^-s in the integral, d/dν of e^νt carries t.
    r.dz = -r.value * (z / (nu_ + polar.w)) * (sums.decay / sums.total);
    r.dz_z = r.dz / z;
    const double u = polar.delta.hi / (2 * nu_);
    const double growth = u < infinity ? log1p(u) : logarithm(0.5 * polar.w) - logarithm(nu_);
    r.dnu = r.value * ((growth + (0.5 / nu_ - stirling_slope_)) + sums.s / sums.total);
  }
  return r;
}

template <Matern::Want want>
LATHE_BESSEL_INLINE Matern::Parts Matern::debye(double z, const Radius &polar) const noexcept {
  const double delta = polar.delta.hi, s = 1 / polar.w, sine = nu_ * s, q = sine * sine;
  const double small = kernel::flushed<-100>(s);
  const double sum = kernel::debye_sum<tables::DebyeD, 8>(q, small).alternating();
  const double slow = nu_ < 1 ? logarithm(scale_ * std::sqrt(2 * std::numbers::pi * s))
                              : -0.5 * log1p(delta / nu_) - stirling_;
  const DoubleDouble lead = polar.leading(nu_);
  const DoubleDouble log = kernel::two_sum(lead.hi, lead.lo + (slow + sum));
  Parts r{exponential(log), 0, log.hi};
  if constexpr (want != Want::value)
    r.complement = -expm1(r.log);
  if constexpr (want == Want::derivatives) {
    const double f = kernel::debye_sum<tables::DebyeF, 8>(q, small).alternating();
    const double h = kernel::debye_sum<tables::DebyeH, 8>(q, small).alternating();
    const double cosine = z * s;
    r.dz = -r.value * (delta / z + cosine * s * (0.5 + f));
    r.dz_z = r.dz / z;
    // log((ν+w)/(2ν)) + log ν - ψ(ν) - ν/w² (½ - h), with 1/(2ν) - ν/(2w²) joined.
    const double u = log1p(delta / (2 * nu_));
    r.dnu = r.value * (u + ((0.5 * cosine * (cosine / nu_) - stirling_slope_) + sine * s * h));
  }
  return r;
}

template <Matern::Want want>
LATHE_BESSEL_INLINE Matern::Parts Matern::parts(double z) const noexcept {
  if (!(z >= 0) || std::isnan(nu_) || (nu_ == infinity && z == infinity))
    return {not_a_number, not_a_number, not_a_number};
  if (z == 0 || nu_ == infinity)
    return {1, 0,
            0, nu_ > 0.5 ? 0.0 : nu_ == 0.5 ? -1.0 : -infinity,
            0, nu_ > 1 ? -0.5 / (nu_ - 1) : nu_ == 0.5 ? 1.0 : not_a_number};
  if (z == infinity)
    return {0, 1, -infinity, 0, 0, 0};
  const bool closed = degree_ >= 0;
  if (want == Want::value && closed)
    return {kernel::half_integer_matern(polynomial_, degree_, z), not_a_number, not_a_number};
  Parts r{};
  if (z < series_z || 0.25 * z * z < series_limit * (nu_ - 1)) {
    r = series<want>(z);
    if constexpr (want != Want::value)
      r.log = r.complement < 0.5 ? log1p(-r.complement) : logarithm(r.value);
  } else {
    const Radius polar(nu_, z);
    r = polar.w < matern_table::levels[4].limit ? integral<want>(z, polar) : debye<want>(z, polar);
  }
  if (closed)
    r.value = kernel::half_integer_matern(polynomial_, degree_, z);
  if constexpr (want == Want::derivatives)
    r.dzz = nu_ == 0.5 ? r.value : fma(2 * nu_ - 1, r.dz_z, r.value); // zM'' + (1-2ν)M' - zM = 0
  return r;
}

// One body for scalars and batches, compiled for each instruction set and chosen at load time.
LATHE_CLONES void Matern::values(std::span<const double> z, std::span<double> out) const noexcept {
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = parts<Want::value>(z[i]).value;
}

LATHE_CLONES void Matern::derivatives(std::span<const double> z,
                                      std::span<MaternDerivatives> out) const noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Parts r = parts<Want::derivatives>(z[i]);
    out[i] = {r.value, r.complement, r.log, r.dz, r.dnu, r.dzz};
  }
}

LATHE_CLONES double Matern::complement(double z) const noexcept {
  return parts<Want::logs>(z).complement;
}

LATHE_CLONES double Matern::log(double z) const noexcept {
  return parts<Want::logs>(z).log;
}

double Matern::value(double z) const noexcept {
  double m = not_a_number;
  values({&z, 1}, {&m, 1});
  return m;
}

MaternDerivatives Matern::derivatives(double z) const noexcept {
  MaternDerivatives d{};
  derivatives({&z, 1}, {&d, 1});
  return d;
}

} // namespace lathe::bessel
