// SPDX-License-Identifier: BSD-2-Clause
// The interval [lower, upper] that a Chebyshev iteration for M⁻¹A needs. Its polynomial is small on
// the interval, decreases monotonically below it down to 1 at 0, and explodes above it: an upper
// end that is too small diverges, a lower end that is wrong only costs iterations. So the upper end
// is certified and the lower one may be an estimate.
#pragma once
#include "lipschitz/lipschitz.h"

namespace lathe::lipschitz {

struct ChebyshevInterval {
  double lower = 0;           // an estimate, see SmallestEigenvalue
  LatheNormBracket largest{}; // of the largest eigenvalue; the upper end is largest.upper
};

struct SmallestEigenvalueOptions {
  PetscReal tolerance = 1e-3;  // of the residual of the conjugate gradient iteration
  PetscInt steps = 1000;       // at most
  unsigned long long seed = 0; // of the right-hand side
};

/// SmallestEigenvalue - smallest Ritz value of the Hermitian positive definite S, by conjugate
/// gradients on a normal random right-hand side (one Krylov space, so the same numbers as Lanczos).
/// It lies above the smallest eigenvalue; once the residual has dropped to 10⁻³ every component of
/// the right-hand side has dropped far, and the value is near it, though nothing bounds the
/// distance. The null space attached to S is left out. Collective on S. cost: one product a step, 4
/// vectors. Class R2. err  ARG_OUTOFRANGE S is not positive definite on the Krylov space
PetscErrorCode SmallestEigenvalue(Mat S, const SmallestEigenvalueOptions &options, double *value);

} // namespace lathe::lipschitz
