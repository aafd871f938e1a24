// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/moment_bound.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <array>
#include <cmath>

namespace lathe::lipschitz {
namespace {

constexpr int max_degree = 4;
using Polynomial = std::array<double, max_degree + 1>; // coefficients, constant first

double evaluate(const Polynomial &f, double x) noexcept {
  double y = 0;
  for (int i = max_degree; i >= 0; --i)
    y = y * x + f[i];
  return y;
}

/// Points of [low, high] that split it into pieces on which f is monotone, increasing, ends
/// included; found from the derivative's own sign changes. Returns how many.
int monotone_pieces(const Polynomial &f, int degree, double low, double high,
                    std::array<double, max_degree + 2> &points) noexcept {
  if (degree <= 1) {
    points = {low, high};
    return 2;
  }
  Polynomial derivative{};
  for (int i = 1; i <= degree; ++i)
    derivative[i - 1] = i * f[i];
  std::array<double, max_degree + 2> inner{};
  const int pieces = monotone_pieces(derivative, degree - 1, low, high, inner);
  int count = 0;
  points[count++] = low;
  for (int i = 0; i + 1 < pieces; ++i) {
    double a = inner[i];
    double b = inner[i + 1];
    const bool rising = evaluate(derivative, a) <= 0;
    if (rising == (evaluate(derivative, b) <= 0))
      continue;
    for (int k = 0; k < 60; ++k) {
      const double middle = 0.5 * (a + b);
      ((evaluate(derivative, middle) <= 0) == rising ? a : b) = middle;
    }
    points[count++] = 0.5 * (a + b);
  }
  points[count++] = high;
  return count;
}

/// Largest x in [low, high] with f(x) ≤ 0, from above; low when there is none. Scans the monotone
/// pieces from the right: "drop the complex roots" loses close pairs that rounding made complex.
double largest_nonpositive(const Polynomial &f, double low, double high) noexcept {
  std::array<double, max_degree + 2> points{};
  const int count = monotone_pieces(f, max_degree, low, high, points);
  if (evaluate(f, high) <= 0)
    return high;
  for (int i = count - 1; i > 0; --i) {
    double a = points[i - 1];
    double b = points[i];
    if (evaluate(f, a) > 0)
      continue;
    for (int k = 0; k < 60; ++k) {
      const double middle = 0.5 * (a + b);
      (evaluate(f, middle) <= 0 ? a : b) = middle;
    }
    return b;
  }
  return low;
}

/// vᵀ adj(H) v − det H for H = [[m, p, q], [p, q, r], [q, r, s]], relaxed by `slack` relative to
/// the products that are subtracted.
Polynomial hankel(double m, double p, double q, double r, double s, double slack) noexcept {
  const double a11 = q * s - r * r, a12 = q * r - p * s, a13 = p * r - q * q;
  const double a22 = m * s - q * q, a23 = p * q - m * r, a33 = m * q - p * p;
  const double determinant = m * a11 + p * a12 + q * a13;
  // x ≤ 1 here, so the coefficients' errors add up to at most slack times this sum.
  const double products = (q * s + r * r) * (1 + m) + 2 * (q * r + p * s) * (1 + p) +
                          (p * r + q * q) * (2 + q) + (m * s + q * q) + 2 * (p * q + m * r) +
                          (m * q + p * p);
  return {a11 - determinant - slack * products, 2 * a12, a22 + 2 * a13, 2 * a23, a33};
}

} // namespace

MomentBound moment_bound(std::size_t n, const double p[4], double error) noexcept {
  if (!(p[3] > 0))
    return {0, 0};
  // Eigenvalues in units of p₄^¼ ≥ λ_max.
  const double unit = std::sqrt(std::sqrt(p[3]));
  const double p1 = p[0] / unit, p2 = p[1] / unit / unit, p3 = p[2] / unit / unit / unit;
  const double p4 = 1;
  const double slack = std::max(1e-14, 8 * error);
  const double low = std::min(p4 / p3, 1.0);
  const Polynomial first = {-(p1 * p3 - p2 * p2) - slack * (p1 * p3 + p2 * p2), p3, -2 * p2, p1, 0};
  const Polynomial second = {-(p2 * p4 - p3 * p3) - slack * (p2 * p4 + p3 * p3), 0, p4, -2 * p3,
                             p2};
  const Polynomial third = hankel(static_cast<double>(n), p1, p2, p3, p4, slack);
  double upper = 1;
  for (const Polynomial &f : {first, second, third})
    upper = std::min(upper, largest_nonpositive(f, low, upper));
  const double growth = 1 + 4 * std::max(error, 8 * unit_roundoff);
  return {low * unit / growth, std::max(upper, low) * unit * growth};
}

} // namespace lathe::lipschitz
