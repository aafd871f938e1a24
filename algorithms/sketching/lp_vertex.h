// SPDX-License-Identifier: BSD-2-Clause
// The last steps of ℓ₁ and ℓ_∞ regression: from a vertex near the optimum to the optimal one.
#pragma once
#include "sketching/lp_regression.h"

namespace lathe::sketching {

/// What a minimiser knows of the optimum beside y.
struct LpOptimum {
  TallView dual = {}; ///< where it has a column: u of the best bound bᵀu/‖u‖_q
  std::vector<std::size_t> rows = {}; ///< of the vertex that y is, if it is one
  std::vector<double> sign = {};      ///< ℓ_∞: of the residuals there
};

/// ℓ₁: r residuals are zero at a vertex. One of them is let go whose dual value exceeds 1, the rest
/// of the line is searched to its lowest point, and the residual that vanishes there takes the
/// place (Barrodale and Roberts, SINUM 10 (1973)).
PetscErrorCode LpVertexOne(TallView Q, TallView b, const LpOptions &options, std::vector<double> *y,
                           LpSolution *solution, LpOptimum *optimum);

/// ℓ_∞: r + 1 residuals are equal in size at a vertex, h, which is a lower bound of the minimum.
/// The largest residual enters until none is above h (Stiefel, Numerische Mathematik 1 (1959)).
PetscErrorCode LpVertexInfinity(TallView Q, TallView b, const LpOptions &options,
                                std::vector<double> *y, LpSolution *solution, LpOptimum *optimum);

/// The step d of y that brings the residuals e + rest of a vertex, which rounding errors have
/// moved, to what they are there: 0, or all of one size. Nothing where y is no vertex.
PetscErrorCode LpVertexCorrection(TallView Q, TallView e, TallView rest, const LpOptimum &optimum,
                                  std::vector<double> *d);

} // namespace lathe::sketching
