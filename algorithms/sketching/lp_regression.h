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
  /// ‖Ax − b‖_p of the x that is returned, residual in double-double: right to 2⁻⁵⁰ of itself.
  double objective = std::numeric_limits<double>::quiet_NaN();
  /// Of min ‖Ax − b‖_p, the A given: from a dual vector with Aᵀu = 0 to double-double, less what
  /// rounding can do (2⁻⁴⁹ of the objective); 0 where Ax = b to 2⁻⁹⁰ (|A||x| + |b|). Of columns
  /// that were found to depend on others (rank) it knows nothing.
  double lower_bound = 0;
  /// ‖A(x − x̃)‖_p, x̃ the x before it was rounded to doubles: what no x in doubles can be expected
  /// to reach. Above 1e-13 of the objective where ‖x‖ is large, as for dependent columns.
  double rounding = 0;
  int steps = 0;
  /// objective − lower_bound ≤ 10·tolerance·objective + rounding, or Ax = b.
  bool converged = false;
  std::size_t rank = 0; ///< of A: columns that depend on others to n·2⁻⁵² are left out
};

/// Minimise ‖Ax − b‖_p. Collective; class R0. Where A is rank deficient x is a basic solution: zero
/// for the columns that depend on others.
///
/// Columns and b are scaled by powers of two, so that any scale of each will do. From the residual
/// of the least squares (double-double), in an orthonormal basis of the range of A (lp_basis.h):
/// Newton's method with line search, with p raised from 2 in steps for p > 2, and on
/// Σ(e² + μ²)^(p/2) with falling μ for p < 2; for p = 1 and ∞ exchanges of vertices (Barrodale and
/// Roberts 1973; Stiefel 1959) from there until the vertex is optimal. x̃ is what R⁻¹ makes of it
/// in double-double, x its rounding. Objective within a relative 1e-12 of the minimum, and
/// `rounding`, whenever converged. Cost: 30 to 120 products of A by n×n. Memory: 4 times A.
///   in   A  m × n with m ≥ n (TallMatrix); b  m entries in its blocks; p ≥ 1, infinite allowed
///   out  x         n entries, on every rank
///        residual  b − Ax in the blocks of b, each entry rounded from double-double; may be null
/// err  ARG_OUTOFRANGE p < 1 or an option; FP b is not finite (which entry), x overflows; ARG_SIZ
///      m < n
PetscErrorCode LpRegression(TallMatrix &A, const double *b, double p, const LpOptions &options,
                            std::vector<double> *x, LpSolution *solution,
                            double *residual = nullptr);

/// σ_i = max_x |a_iᵀx|^p/‖Ax‖_p^p, the ℓ_p sensitivities, one regression with n − 1 unknowns a row:
/// relative accuracy 1e-11, beyond p = 100 p·1e-13, certified. A row that alone has a column, or
/// of a square matrix, has exactly 1. Columns of any scale: as in leverage.h. Class R0. For
/// 1 ≤ p < ∞. rows: which (all when empty).
/// err  ARG_OUTOFRANGE p < 1 or not finite, a row that is none; NOT_CONVERGED with the row
PetscErrorCode LpSensitivities(TallMatrix &A, double p, const std::vector<std::int64_t> &rows,
                               std::vector<double> *sensitivities);

/// The same of every row, 99 % of them within a factor (1 ± ε)^p (measured): with ‖SAx‖_p for
/// ‖Ax‖_p, S the rows that Lewis weights sample, LewisSampleCount of them (leverage.h; more
/// where they lose a direction). A sample not smaller than A is A, and the scores exact. Class R0.
/// Cost: the weights, and for each row a regression with the rows of the sample on the rank that
/// has it. Memory on every rank: 6 times the sample.
///   out  sensitivities  in the blocks of A's rows
/// err  ARG_OUTOFRANGE p < 1 or not finite, epsilon not in (0, 1), sample of 2³¹ numbers;
///      NOT_CONVERGED a row whose regression is not certified to a relative 1e-3·ε
PetscErrorCode ApproximateLpSensitivities(TallMatrix &A, double p, double epsilon,
                                          std::uint64_t seed, double *sensitivities);

} // namespace lathe::sketching
