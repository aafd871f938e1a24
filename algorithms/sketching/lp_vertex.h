// SPDX-License-Identifier: BSD-2-Clause
// The last steps of ℓ₁ and ℓ_∞ regression: from a vertex near the optimum to the optimal one.
#pragma once
#include "sketching/lp_regression.h"

namespace lathe::sketching {

/// ℓ₁: r residuals are zero at a vertex. One of them is let go whose dual value exceeds 1, the rest
/// of the line is searched to its lowest point, and the residual that vanishes there takes the
/// place (Barrodale and Roberts, SINUM 10 (1973)).
PetscErrorCode LpVertexOne(TallView Q, TallView b, const LpOptions &options, std::vector<double> *y,
                           LpSolution *solution);

/// ℓ_∞: r + 1 residuals are equal in size at a vertex, h, which is a lower bound of the minimum.
/// The largest residual enters until none is above h (Stiefel, Numerische Mathematik 1 (1959)).
PetscErrorCode LpVertexInfinity(TallView Q, TallView b, const LpOptions &options,
                                std::vector<double> *y, LpSolution *solution);

} // namespace lathe::sketching
