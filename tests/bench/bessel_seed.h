// SPDX-License-Identifier: BSD-2-Clause
// The peer: log I_v(x), log K_v(x) by the branch table of Plesner, Sørensen, Hauberg, "Accurate
// Computation of the Logarithm of Modified Bessel Functions on GPUs", ICS 2024, written from the
// published formulas. Constants of the table are the paper's.
#pragma once
#include <array>
#include <cmath>
#include <numbers>

namespace lathe::bench::seed {

/// Hankel's expansion with 3 or 20 terms, Debye's with 4 to 13, or the fallback: a series for I,
/// Rothwell's integral for K.
enum class Branch { hankel_3, hankel_20, debye_4, debye_6, debye_9, debye_13, fallback };

inline Branch branch(double v, double x) noexcept {
  const double log_x = std::log(x);
  const double log_v = std::log(v);
  if ((x > 1400 && v < 3.05) || (0.6229 * log_x - 3.2318 > log_v && v > 3.1))
    return Branch::hankel_3;
  if ((x > 30 && v < 15.3919) || (0.5113 * log_x + 0.7939 > log_v && x > 59.6925))
    return Branch::hankel_20;
  if ((x > 274.2377 && v > 0.3) || v > 163.6993)
    return Branch::debye_4;
  if ((x > 84.4153 && v > 0.46) || v > 56.9971)
    return Branch::debye_6;
  if ((x > 35.9074 && v > 0.6) || v > 20.1534)
    return Branch::debye_9;
  if ((x > 19.6931 && v > 0.7) || v > 12.6964)
    return Branch::debye_13;
  return Branch::fallback;
}

/// u_k(t) = t^k Σ_j coefficient[k][j] t^2j (DLMF 10.41.9), k ≤ 13.
struct DebyePolynomials {
  std::array<std::array<double, 14>, 14> coefficient{};
  constexpr DebyePolynomials() {
    std::array<std::array<long double, 14>, 14> u{};
    u[0][0] = 1;
    // u' and the integral act on t^(k+2j): ½t²(1−t²)u' + ⅛∫(1−5s²)u
    for (std::size_t k = 0; k < 13; ++k)
      for (std::size_t j = 0; j <= k; ++j) {
        const auto power = static_cast<long double>(k + 2 * j);
        u[k + 1][j] += u[k][j] * (power / 2 + 1 / (8 * (power + 1)));
        u[k + 1][j + 1] -= u[k][j] * (power / 2 + 5 / (8 * (power + 3)));
      }
    for (std::size_t k = 0; k < 14; ++k)
      for (std::size_t j = 0; j < 14; ++j)
        coefficient[k][j] = static_cast<double>(u[k][j]);
  }
};
inline constexpr DebyePolynomials debye;

template <int terms> double hankel_sum(double v, double x, double sign) noexcept {
  double term = 1;
  double sum = 1;
  for (int k = 1; k <= terms; ++k) {
    const double odd = 2 * k - 1;
    term *= sign * (4 * v * v - odd * odd) / (8 * k * x);
    sum += term;
  }
  return std::log(std::fabs(sum));
}

template <int terms> double debye_sum(double v, double t, double sign) noexcept {
  double sum = 1;
  double factor = 1;
  for (std::size_t k = 1; k <= terms; ++k) {
    factor *= sign * t / v;
    double u = 0;
    for (std::size_t j = k + 1; j-- > 0;)
      u = u * t * t + debye.coefficient[k][j];
    sum += factor * u;
  }
  return std::log(std::fabs(sum));
}

/// Σ_{k ≤ 40} (x²/4)^k / (k! Γ(v+k+1)) by log-sum-exp.
inline double series_i(double v, double x) noexcept {
  std::array<double, 41> term{};
  double largest = -HUGE_VAL;
  for (std::size_t k = 0; k < term.size(); ++k) {
    const auto n = static_cast<double>(k);
    term[k] = 2 * n * std::log(x / 2) - std::lgamma(n + 1) - std::lgamma(v + n + 1);
    largest = std::fmax(largest, term[k]);
  }
  double sum = 0;
  for (const double t : term)
    sum += std::exp(t - largest);
  return v * std::log(x / 2) + largest + std::log(sum);
}

/// Rothwell (2006): two integrals on [0, 1] by Simpson's rule with 600 panels, log-sum-exp.
inline double integral_k(double v, double x) noexcept {
  constexpr int panels = 600;
  constexpr double n = 8;
  const double beta = 2 * n / (2 * v + 1);
  std::array<double, 2 * panels> term{};
  double largest = -HUGE_VAL;
  std::size_t count = 0;
  const auto add = [&](double t) {
    term[count++] = t;
    largest = std::fmax(largest, t);
  };
  for (int k = 1; k < panels; ++k) {
    const double u = static_cast<double>(k) / panels;
    const double log_weight = std::log(k % 2 == 1 ? 4.0 : 2.0);
    const double power = std::pow(u, beta);
    add(log_weight + std::log(beta) - power + (v - 0.5) * std::log(2 * x + power) +
        (n - 1) * std::log(u));
    add(log_weight - 1 / u - (2 * v + 1) * std::log(u) + (v - 0.5) * std::log(2 * x * u + 1));
  }
  add(std::log(beta) - 1 + (v - 0.5) * std::log(2 * x + 1));
  add(-1 + (v - 0.5) * std::log(2 * x + 1));
  double sum = 0;
  for (const double t : term)
    sum += std::exp(t - largest);
  return 0.5 * std::log(std::numbers::pi) - std::lgamma(v + 0.5) - v * std::log(2 * x) - x +
         largest + std::log(sum) - std::log(3.0 * panels);
}

inline double debye_by_branch(Branch b, double v, double t, double sign) noexcept {
  switch (b) {
  case Branch::debye_4:
    return debye_sum<4>(v, t, sign);
  case Branch::debye_6:
    return debye_sum<6>(v, t, sign);
  case Branch::debye_9:
    return debye_sum<9>(v, t, sign);
  default:
    return debye_sum<13>(v, t, sign);
  }
}

inline double log_i(double v, double x) noexcept {
  const Branch b = branch(v, x);
  if (b == Branch::fallback)
    return series_i(v, x);
  if (b == Branch::hankel_3 || b == Branch::hankel_20)
    return x - 0.5 * std::log(2 * std::numbers::pi * x) +
           (b == Branch::hankel_3 ? hankel_sum<3>(v, x, -1) : hankel_sum<20>(v, x, -1));
  const double z = x / v;
  const double root = std::sqrt(1 + z * z);
  const double eta = root + std::log(z / (1 + root));
  return -0.5 * std::log(2 * std::numbers::pi * v) + v * eta - 0.25 * std::log1p(z * z) +
         debye_by_branch(b, v, 1 / root, 1);
}

inline double log_k(double v, double x) noexcept {
  const Branch b = branch(v, x);
  if (b == Branch::fallback)
    return integral_k(v, x);
  if (b == Branch::hankel_3 || b == Branch::hankel_20)
    return 0.5 * std::log(std::numbers::pi / (2 * x)) - x +
           (b == Branch::hankel_3 ? hankel_sum<3>(v, x, 1) : hankel_sum<20>(v, x, 1));
  const double z = x / v;
  const double root = std::sqrt(1 + z * z);
  const double eta = root + std::log(z / (1 + root));
  return 0.5 * std::log(std::numbers::pi / (2 * v)) - v * eta - 0.25 * std::log1p(z * z) +
         debye_by_branch(b, v, 1 / root, -1);
}

/// κ with I_{p/2}(κ)/I_{p/2−1}(κ) = R: Banerjee's start and two Newton steps (Sra 2012), the ratio
/// as the exponential of a difference of logarithms.
inline double kappa(double p, double r) noexcept {
  double k = r * (p - r * r) / (1 - r * r);
  for (int step = 0; step < 2; ++step) {
    const double a = std::exp(log_i(p / 2, k) - log_i(p / 2 - 1, k));
    k -= (a - r) / (1 - a * a - (p - 1) * a / k);
  }
  return k;
}

} // namespace lathe::bench::seed
