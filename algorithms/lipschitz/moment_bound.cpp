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

/// A number known up to an error: |true − mid| ≤ rad.
struct Ball {
  double mid = 0, rad = 0;
};
Ball rounded(double mid, double rad) noexcept {
  return {mid, add_up(rad, add_up(unit_roundoff * std::fabs(mid), smallest_subnormal))};
}
Ball operator+(Ball x, Ball y) noexcept {
  return rounded(x.mid + y.mid, add_up(x.rad, y.rad));
}
Ball operator-(Ball x, Ball y) noexcept {
  return rounded(x.mid - y.mid, add_up(x.rad, y.rad));
}
Ball operator*(Ball x, Ball y) noexcept {
  const double left = mul_up(add_up(std::fabs(x.mid), x.rad), y.rad);
  return rounded(x.mid * y.mid, add_up(left, mul_up(x.rad, std::fabs(y.mid))));
}

using BallPolynomial = std::array<Ball, max_degree + 1>;

/// f − δ with δ so large that, for x in [0, 1], f(x) ≤ 0 for any f in the balls implies that
/// largest_nonpositive does not skip x. The radii change f by at most their sum. Horner's rule
/// errs by at most 2·4·u·S_0, and an l-th derivative, whose signs cut [0, 1] into pieces, by as
/// much of S_l = Σ i!/(i−l)!·|f_i|: an undetected turn of f is at most the sum over l = 1 … 3 high.
Polynomial relaxed(const BallPolynomial &f) noexcept {
  Polynomial g{};
  double radii = 0, sizes = 0;
  for (int i = 0; i <= max_degree; ++i) {
    g[i] = f[i].mid;
    radii = add_up(radii, f[i].rad);
    const int derivatives = 1 + i + i * (i - 1) + i * (i - 1) * (i - 2);
    sizes = add_up(sizes, mul_up(derivatives, std::fabs(f[i].mid)));
  }
  g[0] = down(g[0] - add_up(radii, mul_up(20 * unit_roundoff, sizes)));
  return g;
}

/// vᵀ adj(H) v − det H for H = [[m, p, q], [p, q, r], [q, r, s]].
BallPolynomial hankel(Ball m, Ball p, Ball q, Ball r, Ball s) noexcept {
  const Ball two = {2, 0};
  const Ball a11 = q * s - r * r, a12 = q * r - p * s, a13 = p * r - q * q;
  const Ball a22 = m * s - q * q, a23 = p * q - m * r, a33 = m * q - p * p;
  const Ball determinant = m * a11 + p * a12 + q * a13;
  return {a11 - determinant, two * a12, a22 + two * a13, two * a23, a33};
}

} // namespace

MomentBound moment_bound(std::size_t n, const double p[4], const double error[4]) noexcept {
  // Eigenvalues in units of p₄^¼ ≥ λ_max.
  const double unit = sqrt_up(sqrt_up(add_up(p[3], error[3])));
  if (!(p[3] > error[3]) || !std::isfinite(unit))
    return {0, unit};
  std::array<Ball, 4> q;
  double power = 1;
  for (int k = 0; k < 4; ++k) {
    power *= unit; // k roundings, and one in each quotient
    const double mid = p[k] / power;
    const double rad = mul_up(div_up(error[k], power), 1 + 16 * unit_roundoff);
    q[k] = {mid, add_up(rad, mul_up(8 * unit_roundoff, mid))};
  }
  const double least =
      std::max(0.0, down(sub_down(q[3].mid, q[3].rad) / add_up(q[2].mid, q[2].rad)));
  const double low = std::min(least, 1.0);
  const Ball zero = {}, minus_two = {-2, 0};
  const BallPolynomial first = {q[1] * q[1] - q[0] * q[2], q[2], minus_two * q[1], q[0], zero};
  const BallPolynomial second = {q[2] * q[2] - q[1] * q[3], zero, q[3], minus_two * q[2], q[1]};
  const BallPolynomial third = hankel({static_cast<double>(n), 0}, q[0], q[1], q[2], q[3]);
  double upper = 1;
  for (const BallPolynomial &f : {first, second, third})
    upper = std::min(upper, largest_nonpositive(relaxed(f), low, upper));
  return {std::max(0.0, mul_down(low, down(unit))), mul_up(std::max(upper, low), unit)};
}

} // namespace lathe::lipschitz
