// SPDX-License-Identifier: BSD-2-Clause
// Rigorous upper bound of the largest eigenvalue of one symmetric matrix whose size has no scale.
#pragma once
#include "lipschitz/hermitian_lanczos.h"
#include "lipschitz/rounding.h"
#include "lipschitz/shifted_cholesky.h"
#include <algorithm>
#include <cmath>
#include <vector>

namespace lathe::lipschitz {

/// λ_max(B) ≤ result for symmetric B (n×n, column-major, lower triangle read), B ⪰ 0 up to
/// rounding. Usually within 1e-12 relative: Lanczos from below, then one shifted Cholesky; at worst
/// ‖B‖_F. Not finite entries: +∞. Cost n³/3 and the Lanczos steps; memory 2n².
inline double hermitian_upper(std::size_t n, const double *b) {
  double largest = 0;
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      const double x = std::abs(b[i + j * n]);
      if (!std::isfinite(x))
        return std::numeric_limits<double>::infinity();
      largest = std::max(largest, x);
    }
  if (largest == 0)
    return 0;
  const int exponent = std::ilogb(largest);
  std::vector<double> g(n * n), work(n * n), panel(n * cholesky_block), x(n), direction(n);
  double square = 0;
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      const double v = g[i + j * n] = std::ldexp(b[i + j * n], -exponent);
      square += (i == j ? 1 : 2) * v * v;
    }
  const auto count = static_cast<double>(n) * static_cast<double>(n);
  double best = sqrt_up(mul_up(square, add_up(1, 2 * gamma_up(count + 2))));
  const dense::View<const double> view{g.data(), n, n, n};
  HermitianLanczos<double> lanczos(n);
  bool warm = false;
  double margin = 4e-16 * static_cast<double>(n) + 1e-14;
  for (int attempt = 0; attempt < 6; ++attempt, warm = true, margin *= 4) {
    const LanczosResult r = lanczos.run(view, {}, x.data(), warm);
    const double tau = std::max(r.value, 0.0) * (1 + margin);
    if (!(tau > 0x1p-200))
      break;
    const ShiftedCholesky c =
        shifted_cholesky<double>(view, tau, work.data(), panel.data(), direction.data());
    if (c.positive) {
      best = std::min(best, c.upper);
      break;
    }
    x = direction;
  }
  return up(std::ldexp(best, exponent)); // scaling back may round a subnormal
}

} // namespace lathe::lipschitz
