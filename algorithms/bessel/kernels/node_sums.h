// SPDX-License-Identifier: BSD-2-Clause
// ∫ exp(-δ (cosh s - 1) - ν (e^s - 1 - s)) ds by the trapezoidal rule, with s and e^-s as further
// weights: K_ν and its derivatives but for factors (../matern.h). Eight nodes at a time; a side
// ends where its terms no longer count.
#pragma once
#include "bessel/kernels/elementary.h"
#include "bessel/tables/matern.h"

namespace lathe::bessel::kernel {

struct NodeSums {
  double total = 0, s = 0, decay = 0; // Σ p, Σ p s, Σ p e^-s with the step as factor
};

// e^x for -745 < x ≤ 0 with a relative error of an ulp; e^-708 below -708.
LATHE_BESSEL_INLINE double exp_of_node(double x) noexcept {
  const double bounded = x < -708.0 ? -708.0 : x;
  const double shifted = fma(bounded, 0x1.71547652b82fep0, 0x1.8p52); // 1/log 2
  const double k = shifted - 0x1.8p52;
  const double r = fma(k, -ln2_mid, fma(k, -ln2_hi, bounded));
  // In pairs, for the length of the dependence chain.
  const double rr = r * r, r4 = rr * rr;
  const double low = fma(rr, fma(r, 1.0 / 6, 0.5), r);
  const double middle = fma(rr, fma(r, 1.0 / 5040, 1.0 / 720), fma(r, 1.0 / 120, 1.0 / 24));
  const double high =
      fma(rr, fma(r, 1.0 / 39916800, 1.0 / 3628800), fma(r, 1.0 / 362880, 1.0 / 40320));
  const double p = fma(r4, fma(r4, fma(r4, 1.0 / 479001600, high), middle), low);
  const double power = from_bits((bits(shifted) + 1023) << 52);
  return fma(p, power, power);
}

// Terms of eight nodes: p = exp(-(δ (cosh s - 1) + ν (e^s - 1 - s))).
LATHE_BESSEL_INLINE void exponentials(double delta, double nu, const double *cosh_minus_1,
                                      const double *growth, double *p) noexcept {
  for (int lane = 0; lane < 8; ++lane)
    p[lane] = exp_of_node(fma(-delta, cosh_minus_1[lane], -nu * growth[lane]));
}

template <bool derivatives>
LATHE_BESSEL_INLINE NodeSums sum_nodes(double delta, double nu,
                                       const matern_table::Level &level) noexcept {
  using namespace matern_table;
  double total[8] = {}, weighted[8] = {}, decayed[8] = {};
  const auto side = [&](int first, int count, double index, double sign)
      __attribute__((always_inline)) {
    for (int j = 0; j < count; j += 8) {
      double p[8];
      exponentials(delta, nu, cosh_minus_1 + first + j, growth + first + j, p);
      for (int lane = 0; lane < 8; ++lane) {
        total[lane] += p[lane];
        if constexpr (derivatives) {
          weighted[lane] = fma(p[lane], sign * (index + j + lane), weighted[lane]);
          decayed[lane] = fma(p[lane], decay[first + j + lane], decayed[lane]);
        }
      }
      if (p[7] * (derivatives ? decay[first + j + 7] : 1) < 0x1p-62)
        break;
    }
  };
  side(level.first, level.right, 0, 1);
  side(level.first + level.right, level.left, 1, -1);
  const auto fold = [](const double *x) __attribute__((always_inline)) {
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
  };
  NodeSums sums{fold(total) * level.step};
  if constexpr (derivatives) {
    sums.s = fold(weighted) * level.step * level.step;
    sums.decay = fold(decayed) * level.step;
  }
  return sums;
}

} // namespace lathe::bessel::kernel
