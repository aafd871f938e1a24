// SPDX-License-Identifier: BSD-2-Clause
// ℓ_p regression in an orthonormal basis, and what it shares with the certificate.
#pragma once
#include "sketching/lp_vertex.h"

namespace lathe::sketching {

/// q with 1/p + 1/q = 1.
double LpConjugate(double p);

/// ‖e‖_p of one column, powers relative to the largest entry: relative error 2⁻⁵⁰ for every p.
/// Collective; class R0.
PetscErrorCode LpNorm(TallView e, double p, double *norm);

/// For orthonormal columns Q: y minimises ‖b − Qy‖_p, 1 ≤ p ≤ ∞. Collective; class R0. Objective
/// and bound are those of doubles, each right to some 2⁻⁵⁰ of ‖b‖_p. Where the minimum is 0 to
/// rounding optimum->dual is not set, and lower_bound 0.
PetscErrorCode LpMinimize(TallView Q, TallView b, double p, const LpOptions &options,
                          std::vector<double> *y, LpSolution *solution, LpOptimum *optimum);

} // namespace lathe::sketching
