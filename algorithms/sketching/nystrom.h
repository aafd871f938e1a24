// SPDX-License-Identifier: BSD-2-Clause
// Nyström approximation of a symmetric positive semidefinite matrix,
//   A⟨Ω⟩ = AΩ (ΩᵀAΩ)⁺ (AΩ)ᵀ ≤ A,
// in the stable form of Tropp, Yurtsever, Udell, Cevher (NeurIPS 2017): A + νI is approximated,
// with ν = 2⁻⁵²‖AΩ‖_F/√n, and ν is subtracted from the eigenvalues.
#pragma once
#include "sketching/block_operator.h"
#include <vector>

namespace lathe::sketching {

/// Y = AΩ ← AΩ + νΩ and c ← chol(ΩᵀY), upper triangular, ΩᵀY = cᵀc. ν is enlarged up to a
/// hundredfold where rounding wants it. *definite: false, and c is of no use, when ΩᵀAΩ is not
/// positive semidefinite even so; Y = 0 gives ν = 0 and *definite = false. err  ARG_WRONG when ΩᵀAΩ
/// is not symmetric to 1e-8, so A is not
PetscErrorCode NystromCore(TallView Omega, TallView Y, std::vector<double> *c, double *nu,
                           bool *definite);

} // namespace lathe::sketching
