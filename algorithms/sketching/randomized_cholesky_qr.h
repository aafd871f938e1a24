// SPDX-License-Identifier: BSD-2-Clause
// QR factorisation of a tall distributed matrix by two triangular factors: R₁ from a sketch, so
// that A·R₁⁻¹ is well conditioned, and R₂ from its Gram matrix; Q = A·R₁⁻¹·R₂⁻¹, R = R₂·R₁. Two
// reductions, no matter how many ranks, and orthogonal to rounding for every A of full numerical
// rank, where CholeskyQR and its repetition break down (Higgins, Szyld, Boman, Yamazaki,
// arXiv:2309.05868).
#pragma once
#include "sketching/sketched_factor.h"

namespace lathe::sketching {

/// RandomizedCholeskyQr - A = Q·R. Collective on A.
///   in   A  m × n, m ≥ n, MATDENSE or any type with MatGetRow that SketchApply takes; real scalars
///   out  Q  m × n, MATDENSE, rows as those of A; the caller destroys it
///        R  n × n upper triangular, column-major, the same on every rank; its diagonal is positive
///           or negative as the QR factorisation of the sketch left it
/// Accuracy: ‖I − QᵀQ‖₂ and ‖A − QR‖₂/‖A‖₂ ≤ 5·10⁻¹⁵ up to condition 10¹⁵. Class R2.
/// Cost: the sketch, 3mn² + 2dn² operations.
/// err  ARG_SIZ m < n; ARG_WRONG columns that are numerically dependent; FP, SUP as SketchedFactor
PetscErrorCode RandomizedCholeskyQr(Mat A, const SketchSize &size, Mat *Q, std::vector<double> *R);

} // namespace lathe::sketching
