// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/backward_error.h"
#include "core/dense.h"
#include <algorithm>
#include <cmath>
#include <vector>

namespace lathe::sketching {

double karlson_walden(const BackwardErrorTerms &t) {
  const std::size_t n = t.n;
  double frobenius2 = 0, largest = 0;
  for (std::size_t j = 0; j < n; ++j) {
    largest = std::max(largest, std::fabs(t.gradient[j]));
    for (std::size_t i = 0; i <= j; ++i)
      frobenius2 += t.root[i + j * n] * t.root[i + j * n];
  }
  if (largest == 0)
    return 0;
  const double frobenius = std::sqrt(frobenius2), theta = frobenius / t.rhs_norm;
  const double damping = 1 / std::sqrt(1 + std::pow(theta * t.solution_norm, 2));
  const double omega = theta * t.residual_norm * damping;
  // (BᵀB + ω²I)^(−1/2) up to a rotation: the inverse transpose of R from [B; ωI] = QR.
  std::vector<double> stacked(2 * n * n, 0.0), tau(n), v(t.gradient, t.gradient + n);
  for (std::size_t j = 0; j < n; ++j) {
    std::copy_n(t.root + j * n, j + 1, stacked.data() + 2 * j * n);
    stacked[n + j + 2 * j * n] = omega;
  }
  dense::qr(2 * n, n, stacked.data(), 2 * n, tau.data());
  for (double &x : v)
    x /= largest; // the squares of a tiny gradient underflow
  dense::trsm('L', 'U', 'T', n, 1, stacked.data(), 2 * n, v.data(), n);
  double sum = 0;
  for (double x : v)
    sum += x * x;
  return damping / t.rhs_norm * std::sqrt(sum) * largest;
}

} // namespace lathe::sketching
