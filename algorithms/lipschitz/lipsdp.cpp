// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/lipsdp.h"
#include "core/dense.h"
#include "core/interruption.h"
#include "lipschitz/hermitian_upper.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::lipschitz {
namespace {

constexpr double no_bound = std::numeric_limits<double>::infinity();

// M_l: order, stored entries, and a rigorous lower bound of its least eigenvalue.
struct Metric {
  std::size_t n = 0;
  std::vector<double> m;
  double floor = 1;
};

// B = W·M⁻¹·Wᵀ enclosed: ‖B − center‖₂ ≤ radius, ‖B‖₂ ≤ norm.
struct Enclosure {
  std::size_t n = 0;
  std::vector<double> center;
  double radius = no_bound, norm = no_bound;
};

std::vector<double> transposed(const ChainMatrix &w) {
  std::vector<double> t(w.a.size());
  for (std::size_t j = 0; j < w.cols; ++j)
    for (std::size_t i = 0; i < w.rows; ++i)
      t[j + i * w.cols] = w.a[i + j * w.rows];
  return t;
}

// X ≈ M⁻¹Wᵀ (cols×rows); false when M is not positive definite in floating point.
bool solve(const Metric &metric, std::vector<double> &x, std::size_t columns) {
  std::vector<double> factor = metric.m;
  if (dense::potrf<double>('L', metric.n, factor.data(), metric.n) != 0)
    return false;
  dense::trsm<double>('L', 'L', 'N', metric.n, columns, factor.data(), metric.n, x.data(),
                      metric.n);
  dense::trsm<double>('L', 'L', 'T', metric.n, columns, factor.data(), metric.n, x.data(),
                      metric.n);
  return true;
}

Enclosure enclose(const ChainMatrix &w, const Metric &metric) {
  const std::size_t n = w.cols, m = w.rows;
  const auto nd = static_cast<double>(n);
  Enclosure b;
  b.n = m;
  std::vector<double> residual = transposed(w), x = residual;
  if (!solve(metric, x, m))
    return b;
  const double w_norm = frobenius_up(w.a), x_norm = frobenius_up(x);
  dense::gemm<double>('N', 'N', n, m, n, -1, metric.m.data(), n, x.data(), n, 1, residual.data(),
                      n);
  std::vector<double> product(m * m);
  dense::gemm<double>('N', 'N', m, m, n, 1, w.a.data(), m, x.data(), n, 0, product.data(), m);
  // The residual's own rounding: n products and one addition an entry.
  const double r =
      add_up(frobenius_up(residual),
             mul_up(gamma_up(nd + 1), add_up(w_norm, mul_up(frobenius_up(metric.m), x_norm))));
  double radius = mul_up(gamma_up(nd + 2), mul_up(w_norm, x_norm)); // product, symmetrisation
  radius = add_up(radius, mul_up(r, x_norm));
  radius = add_up(radius, div_up(mul_up(r, r), metric.floor));
  // W itself is known up to e: 2e‖M⁻¹Wᵀ‖ + e²‖M⁻¹‖.
  const double solution = add_up(x_norm, div_up(r, metric.floor));
  radius = add_up(radius, mul_up(2 * w.error, solution));
  radius = add_up(radius, div_up(mul_up(w.error, w.error), metric.floor));
  b.center.resize(m * m);
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t i = 0; i < m; ++i)
      b.center[i + j * m] = 0.5 * (product[i + j * m] + product[j + i * m]);
  b.radius = add_up(radius, static_cast<double>(n + m) * 0x1p-1000); // underflow of any of these
  b.norm = add_up(hermitian_upper(m, b.center.data()), b.radius);
  return b;
}

// M_l = λI − ¼λ²B lowered by the radius and by the rounding of its entries.
Metric next_metric(const Enclosure &b) {
  Metric next;
  next.n = b.n;
  const double lambda = 2 / b.norm, q = 0.25 * lambda * lambda;
  const double entries =
      add_up(mul_up(lambda, sqrt_up(static_cast<double>(b.n))), mul_up(q, frobenius_up(b.center)));
  // γ₈: q itself (2), each product and difference (2), lowering the diagonal (1), with a margin.
  const double lowering =
      add_up(mul_up(mul_up(q, 1 + 0x1p-50), b.radius), mul_up(gamma_up(8), entries));
  next.m.resize(b.n * b.n);
  for (std::size_t j = 0; j < b.n; ++j)
    for (std::size_t i = 0; i < b.n; ++i) {
      const double qb = q * b.center[i + j * b.n];
      next.m[i + j * b.n] = i == j ? (lambda - qb) - lowering : -qb;
    }
  const double spread = add_up(mul_up(mul_up(q, 1 + 0x1p-50), b.norm), 3 * lowering);
  next.floor = sub_down(lambda, spread);
  return next;
}

void scale(ChainMatrix &w, double factor) {
  if (factor == 1)
    return;
  for (double &x : w.a)
    x *= factor;
  w.error = add_up(mul_up(w.error, factor), mul_up(gamma_up(1), frobenius_up(w.a)));
}

// Divide by a power of two so that the largest entry has magnitude 1 to 2; returns the exponent.
// Entries more than 2¹⁰²² below the largest lose bits; the error takes them in.
int normalise(ChainMatrix &w) {
  double largest = 0;
  for (const double x : w.a)
    largest = std::max(largest, std::abs(x));
  if (largest == 0 || !std::isfinite(largest))
    return 0;
  const int exponent = std::ilogb(largest);
  if (exponent == 0)
    return 0;
  for (double &x : w.a)
    x = std::ldexp(x, -exponent);
  w.error = add_up(up(std::ldexp(w.error, -exponent)),
                   static_cast<double>(w.a.size()) * smallest_subnormal);
  return exponent;
}

} // namespace

double frobenius_up(const std::vector<double> &a) {
  double largest = 0;
  for (const double x : a)
    largest = std::max(largest, std::abs(x));
  if (largest == 0 || !std::isfinite(largest))
    return largest;
  const int exponent = std::ilogb(largest);
  double sum = 0;
  for (const double x : a) {
    const double scaled = std::ldexp(x, -exponent);
    sum += scaled * scaled;
  }
  const double roundings = static_cast<double>(a.size()) + 2;
  const double square = mul_up(sum, add_up(1, 2 * gamma_up(roundings)));
  return up(std::ldexp(sqrt_up(square), exponent));
}

ChainMatrix multiply(const ChainMatrix &second, const ChainMatrix &first) {
  ChainMatrix c{second.rows, first.cols, std::vector<double>(second.rows * first.cols), 0};
  const std::size_t k = second.cols;
  dense::gemm<double>('N', 'N', c.rows, c.cols, k, 1, second.a.data(), second.rows, first.a.data(),
                      first.rows, 0, c.a.data(), c.rows);
  const double s = frobenius_up(second.a), f = frobenius_up(first.a);
  c.error = mul_up(gamma_up(static_cast<double>(k)), mul_up(s, f));
  c.error = add_up(c.error, mul_up(second.error, add_up(f, first.error)));
  c.error = add_up(c.error, mul_up(s, first.error));
  c.error = add_up(c.error, static_cast<double>(c.a.size() * k) * smallest_subnormal);
  return c;
}

double chain_bound(const std::vector<ChainMatrix> &chain, const std::vector<double> &slopes) {
  Metric metric;
  metric.n = chain.front().cols;
  metric.m.assign(metric.n * metric.n, 0.0);
  for (std::size_t i = 0; i < metric.n; ++i)
    metric.m[i * (metric.n + 1)] = 1;
  int exponent = 0;
  for (std::size_t l = 0; l < chain.size() && !stop_asked(); ++l) {
    ChainMatrix w = chain[l];
    if (l > 0)
      scale(w, slopes[l - 1]);
    exponent += normalise(w);
    if (w.error == 0 && frobenius_up(w.a) == 0)
      return 0;
    const Enclosure b = enclose(w, metric);
    if (!std::isfinite(b.norm))
      return no_bound;
    if (l + 1 == chain.size())
      return up(std::ldexp(sqrt_up(b.norm), exponent));
    metric = next_metric(b);
    if (!(metric.floor > 0) || !std::isfinite(metric.floor))
      return no_bound;
  }
  return no_bound; // an empty chain bounds nothing, nor does one that was broken off
}

} // namespace lathe::lipschitz
