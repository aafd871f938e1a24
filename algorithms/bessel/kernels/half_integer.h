// SPDX-License-Identifier: BSD-2-Clause
// Matérn correlations of smoothness ν = n + ½ in closed form (DLMF 10.49.12): M = e^-z P(z) with
// P = Σ c_k z^k, c_0 = 1, c_k/c_{k-1} = 2 (n-k+1)/(k (2n-k+1)), all positive.
#pragma once
#include "bessel/kernels/elementary.h"

namespace lathe::bessel::kernel {

inline constexpr int most_half_integer_degree = 8;

/// Fills c with the coefficients for ν and returns n; -1 where ν is not ½, 3/2, … 17/2.
inline int half_integer_polynomial(double nu, double *c) noexcept {
  int degree = -1;
  for (int n = 0; n <= most_half_integer_degree; ++n)
    if (nu == n + 0.5)
      degree = n;
  double numerator = 1.0, denominator = 1.0; // integers below 2^53
  for (int k = 0; k <= degree; ++k) {
    if (k > 0) {
      numerator *= 2.0 * (degree - k + 1);
      denominator *= static_cast<double>(k * (2 * degree - k + 1));
    }
    c[k] = numerator / denominator;
  }
  return degree;
}

/// M for z ≥ 0: relative error 4 eps. From z = 690 on e^-z is the square of e^(-z/2), since it
/// becomes subnormal before P e^-z does.
LATHE_BESSEL_INLINE double half_integer_matern(const double *c, int degree, double z) noexcept {
  if (z > 850.0)
    return 0.0;
  double p = c[degree];
  for (int k = degree - 1; k >= 0; --k)
    p = fma(p, z, c[k]);
  const bool far = z > 690.0;
  const double e = rounded(exp({far ? -0.5 * z : -z, 0.0}));
  return far ? (p * e) * e : p * e;
}

} // namespace lathe::bessel::kernel
