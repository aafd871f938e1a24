// SPDX-License-Identifier: BSD-2-Clause
// What trace_estimate needs of matrices that may not be symmetric.
#pragma once
#include "core/handle.h"

namespace trace {

/// Square, and A − Aᵀ is zero but for roundings (row sums below 10⁻¹² of the largest of A). Any
/// type with MatTranspose. Collective.
PetscErrorCode IsSymmetric(Mat A, bool *symmetric);

/// A symmetric matrix whose eigenvalues give the singular values σ of A.
struct SingularValues {
  lathe::MatHandle gram; // σ²·4⁻ᵉ: AᵀA or AAᵀ, the smaller one; null: A is symmetric and scaled
  int exponent = 0; // e; σ·2⁻ᵉ ≤ 1, so that no power of it overflows
};

/// A symmetric matrix is multiplied by 2⁻ᵉ in place. The Gram matrix is of type shell; its products
/// sum row by row and have the same bits on every number of ranks (class R0). Memory: 24 bytes for
/// each entry of A. Collective.
PetscErrorCode CreateSingularValues(Mat A, SingularValues *values);

} // namespace trace
