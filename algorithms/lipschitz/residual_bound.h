// SPDX-License-Identifier: BSD-2-Clause
// Rigorous upper bound of a spectral norm from an approximate Cholesky factor and its residual.
//
// Whatever L is, R = τI − AᴴA − LLᴴ gives AᴴA = τI − LLᴴ − R, so ‖A‖₂² ≤ τ + ‖R‖₂: no bound on
// the rounding of AᴴA and of the factorisation is needed, only R itself. Its entries cancel to
// rounding errors, so products are taken without any: A and L are split into a leading part of so
// few bits that BLAS sums its products exactly, in any order, and a remainder (Ozaki, Ogita, Oishi,
// Rump, Numerical Algorithms 59 (2012)). A-priori bounds of both roundings, γ_2k·‖|A|‖₂² and
// γ_2c·‖|L|‖₂², are ten times larger at 64 columns and a hundred times at 512.
#pragma once
#include "core/dense.h"

namespace lathe::lipschitz {

/// x ≥ ‖A‖₂² for A (m×n, entries of order 1) and a lower triangular `factor` (n×n, its upper
/// triangle is not read) of τI − AᴴA; about x − τ = ‖R‖_F. Not finite: +∞.
/// W: double or complex<double>. Cost: 3/2·n²m + n³/2 multiplications. Memory: 2mn + 4n² entries.
template <class W>
double residual_bound(dense::View<const W> a, double tau, dense::View<const W> factor);

} // namespace lathe::lipschitz
