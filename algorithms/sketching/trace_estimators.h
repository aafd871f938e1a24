// SPDX-License-Identifier: BSD-2-Clause
// The estimators behind LatheMatTrace (trace.h), for given test vectors.
#pragma once
#include "sketching/block_operator.h"
#include "sketching/trace.h"

namespace lathe::sketching {

/// Mean of ω_jᵀAω_j over the columns of Omega, `chunk` columns of products in memory at a time.
/// With each entry ±1 the variance of a sample is 2‖A_sym − diag A‖_F².
PetscErrorCode GirardHutchinson(BlockOperator &A, TallView Omega, LatheTraceEstimate *estimate);

/// tr(QᵀAQ) + mean of g_jᵀ(I − QQᵀ)A(I − QQᵀ)g_j, Q = orth(A·S). G is overwritten.
PetscErrorCode HutchPlusPlus(BlockOperator &A, TallView S, TallView G,
                             LatheTraceEstimate *estimate);

/// Mean over j of the estimate that the other columns of Omega give with ω_j as their only sample
/// of the rest (k products for the range, rank more for its trace):
///   tr(Q_jᵀAQ_j) + κ_j μ_jᵀAμ_j,  Q_j = orth(A·Omega without column j),  μ_j = (I − Q_jQ_jᵀ)ω_j,
///   κ_j = (n − k + 1)/‖μ_j‖²      (Epperly, Tropp, Webber 2024, §2.2 and the rescaling of §2.3)
/// evaluated with one QR factorisation. A·Omega may be rank deficient: a column that depends on the
/// others takes nothing away with it.
PetscErrorCode XTrace(BlockOperator &A, TallView Omega, LatheTraceEstimate *estimate);

/// The same with Nyström approximations of A ≥ 0 in the place of projections, k products:
///   tr A⟨Omega without column j⟩ + κ_j ω_jᵀ(A − A⟨…⟩)ω_j,  κ_j = (n − k + 1)((OmegaᵀOmega)⁻¹)_jj
/// of A + νI with ν = 2⁻⁵²‖A·Omega‖_F/√n, which is subtracted at the end.
PetscErrorCode XNysTrace(BlockOperator &A, TallView Omega, LatheTraceEstimate *estimate);

} // namespace lathe::sketching
