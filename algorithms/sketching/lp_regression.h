// SPDX-License-Identifier: BSD-2-Clause
// ℓ_p regression, min_x ‖Ax − b‖_p for 1 ≤ p ≤ ∞, with a certificate: for every u with Aᵀu = 0,
//   ‖Ax − b‖_p ≥ bᵀu/‖u‖_q,   1/p + 1/q = 1,
// so the gap between the objective and such a bound says how far the minimum can be away.
#pragma once
#include "sketching/tall_matrix.h"
#include <cstdint>
#include <limits>
#include <vector>

namespace lathe::sketching {

struct LpOptions {
  double tolerance = 1e-13; ///< relative gap at which to stop; > 0
  int max_steps = 500;      ///< Newton steps at most, and exchanges of vertices; ≥ 1
};

struct LpSolution {
  /// ‖Ax − b‖_p, before x is rounded to doubles: what rounding adds is of the order 2⁻⁵²‖b‖_p.
  double objective = std::numeric_limits<double>::quiet_NaN();
  double lower_bound = 0; ///< of the minimum, up to a relative 1e-14 of rounding
  int steps = 0;
  bool converged = false; ///< objective − lower_bound ≤ 10·tolerance·objective, or Ax = b
  std::size_t rank = 0;   ///< of A
};

/// Minimise ‖Ax − b‖_p. Collective; class R0. Where A is rank deficient x is a basic solution: zero
/// for the columns that depend on others.
///
/// In an orthonormal basis of the range of A: Newton's method with line search, with p raised from
/// 2 in steps for p > 2, and on Σ(e² + μ²)^(p/2) with falling μ for p < 2; for p = 1 and ∞
/// exchanges of vertices (Barrodale and Roberts 1973; Stiefel 1959) from there until the vertex is
/// optimal. Objective within a relative 1e-12 of the minimum whenever converged. Cost: 20 to 100
/// products of A by n×n. Memory: 4 times A.
///   in   A  m × n with m ≥ n (TallMatrix); b  m entries in its blocks; p ≥ 1, infinite allowed
///   out  x  n entries, on every rank
/// err  ARG_OUTOFRANGE p < 1 or an option; FP b is not finite; ARG_SIZ m < n
PetscErrorCode LpRegression(TallMatrix &A, const double *b, double p, const LpOptions &options,
                            std::vector<double> *x, LpSolution *solution);

/// The same for orthonormal columns Q: y minimises ‖Qy − b‖_p. In: y to start from if r entries,
/// else empty. Out: the minimiser.
PetscErrorCode LpMinimize(TallView Q, TallView b, double p, const LpOptions &options,
                          std::vector<double> *y, LpSolution *solution);

/// σ_i = max_x |a_iᵀx|^p/‖Ax‖_p^p, the ℓ_p sensitivities, one regression with n − 1 unknowns a row:
/// relative accuracy 1e-11. Class R0. For 1 ≤ p < ∞. rows: which (all when empty).
PetscErrorCode LpSensitivities(TallMatrix &A, double p, const std::vector<std::int64_t> &rows,
                               std::vector<double> *sensitivities);

/// The same of every row, 99 % of them within a factor (1 ± ε)^p (measured): with ‖SAx‖_p for
/// ‖Ax‖_p, S the rows that Lewis weights sample, LewisSampleCount of them (leverage.h; more
/// where they lose a direction). A sample not smaller than A is A, and the scores exact. Class R0.
/// Cost: the weights, and for each row a regression with the rows of the sample on the rank that
/// has it. Memory on every rank: 6 times the sample.
///   out  sensitivities  in the blocks of A's rows
/// err  ARG_OUTOFRANGE p < 1 or not finite, epsilon not in (0, 1), sample of 2³¹ numbers
PetscErrorCode ApproximateLpSensitivities(TallMatrix &A, double p, double epsilon,
                                          std::uint64_t seed, double *sensitivities);

} // namespace lathe::sketching
