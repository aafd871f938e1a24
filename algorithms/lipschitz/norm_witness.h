// SPDX-License-Identifier: BSD-2-Clause
// Lower bounds of ‖A‖₂ from an explicit vector: ‖A‖₂ ≥ ‖Ax‖/‖x‖.
#pragma once
#include "lipschitz/linear_operator.h"

namespace lathe::lipschitz {

/// Lower bound of ‖2^-e·A‖₂ by the vector x ≠ 0 (local part in the domain of A).
/// When A.assembled() it is rigorous: with ŷ = fl(Ax) and rows of at most r entries,
///   ‖Ax‖ ≥ ‖ŷ‖ − γ_{r+2}·‖|A||x|‖   (complex: √2·γ_{2r+4}),
/// and all three norms are sums without rounding error, so the loss is about r·2⁻⁵³ relative.
/// Else it is the quotient to rounding. 0 for x = 0. Collective; class R0 when assembled().
PetscErrorCode LowerBound(LinearOperator &A, const std::vector<PetscScalar> &x, double *lower);

/// v = x/‖x‖ with its largest component (the first one of several) real and positive, u = Av/‖Av‖;
/// either may be null. x = 0 gives zero vectors. Collective.
PetscErrorCode StoreWitness(LinearOperator &A, const std::vector<PetscScalar> &x, Vec u, Vec v);

} // namespace lathe::lipschitz
