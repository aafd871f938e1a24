// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/backward_error.h"
#include "core/dense.h"
#include <algorithm>
#include <cmath>
#include <vector>

namespace lathe::sketching {
namespace {

// v ← R⁻ᵀ·v with RᵀR = BᵀB + ω²I, which is (BᵀB + ω²I)^(−1/2)·v up to a rotation. By Cholesky where
// ω keeps the condition of the sum below 1e8, a sixth of the time; else from [B; ωI] = QR.
void divide_by_root(const double *b, double omega, double frobenius, std::vector<double> *v) {
  const std::size_t n = v->size();
  if (omega > 1e-4 * frobenius) {
    std::vector<double> gram(n * n, 0.0), full(n * n, 0.0);
    for (std::size_t j = 0; j < n; ++j) {
      std::copy_n(b + j * n, j + 1, full.data() + j * n);
      gram[j + j * n] = omega * omega;
    }
    dense::herk('U', 'C', n, n, 1.0, full.data(), n, 1.0, gram.data(), n);
    if (dense::potrf('U', n, gram.data(), n) == 0) {
      dense::trsm('L', 'U', 'T', n, 1, gram.data(), n, v->data(), n);
      return;
    }
  }
  std::vector<double> stacked(2 * n * n, 0.0), tau(n);
  for (std::size_t j = 0; j < n; ++j) {
    std::copy_n(b + j * n, j + 1, stacked.data() + 2 * j * n);
    stacked[n + j + 2 * j * n] = omega;
  }
  dense::qr(2 * n, n, stacked.data(), 2 * n, tau.data());
  dense::trsm('L', 'U', 'T', n, 1, stacked.data(), 2 * n, v->data(), n);
}

} // namespace

double karlson_walden(const BackwardErrorTerms &t) {
  const std::size_t n = t.n;
  double frobenius2 = 0, largest = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (!std::isfinite(t.gradient[j]))
      return INFINITY; // x is, too
    largest = std::max(largest, std::fabs(t.gradient[j]));
    for (std::size_t i = 0; i <= j; ++i)
      frobenius2 += t.root[i + j * n] * t.root[i + j * n];
  }
  if (largest == 0)
    return 0;
  const double frobenius = std::sqrt(frobenius2), theta = frobenius / t.rhs_norm;
  const double damping = 1 / std::sqrt(1 + std::pow(theta * t.solution_norm, 2));
  const double omega = theta * t.residual_norm * damping;
  std::vector<double> v(t.gradient, t.gradient + n);
  for (double &x : v)
    x /= largest; // the squares of a tiny gradient underflow
  divide_by_root(t.root, omega, frobenius, &v);
  double sum = 0;
  for (double x : v)
    sum += x * x;
  return damping / t.rhs_norm * std::sqrt(sum) * largest;
}

} // namespace lathe::sketching
