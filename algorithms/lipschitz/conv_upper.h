// SPDX-License-Identifier: BSD-2-Clause
// Upper bound of ‖A‖₂ for a zero-padded layer that knows how few points the layer has; the
// circulant that the layer is a part of (axis_embedding) does not.
//
// Restrict A to its inputs or to its outputs, whichever are fewer, and call P the projection on
// these m = m₁·m₂·m₃ points of a torus that is large enough not to wrap. With any
// φ_j ≥ ‖D(2πj/N)‖₂²
//
//   AᴴA ⪯ P·CᴴC·P ⪯ (P·F·diag(φ)·Fᴴ·P) ⊗ I:
//
// the matrices of the layer become numbers. The axes then go one by one: for each frequency of the
// others, the first axis leaves a Hermitian Toeplitz matrix of order m₁,
//
//   T(j₂, j₃)_pq = 1/N₁·Σ_j φ(j, j₂, j₃)·e^{2πi·j(p−q)/N₁} ⪯ λ_max(T(j₂, j₃))·I,
//
// and λ_max(T) takes the place of φ on the torus of the axes that remain. Both steps are equalities
// for K[o, i, a] = B[o, i]·f(a₁)·g(a₂)·h(a₃), up to the ends of the restriction. Measured distance
// from the norm, the embedding's in brackets: box of 3×3×3 taps on 8³ points 1.1 % (13 %), normal
// weights there 2 to 5 % (up to 14 %).
#pragma once
#include "lipschitz/convolution.h"

namespace lathe::lipschitz {

/// Rigorous bound of ‖A‖₂ for padding by zeros, in units of 2^exponent, no better than `least` (a
/// bound that somebody has already: groups of channels that stay below are not looked at closely).
/// +∞ where it cannot gain on the circulant: no axis to restrict, or a torus of more than 2²⁴
/// points.
///
/// Collective; class R0. Cost: one Gram matrix, a short Lanczos run and one Cholesky factorisation
/// of order min(cin, cout) for each frequency of half the torus, dealt to the ranks; then an
/// eigenvalue of order m₁ for each frequency of the other axes, and so on. Equal groups count once.
/// An axis of m points whose eigenvalues would take lines·m³ > 2·10¹⁰ (m > 2714 in one
/// dimension, 446 in two, 131 in three) keeps the largest φ: a box of k ≪ m taps loses
/// 0.41·(k² − 1)/m² of its norm by that. Memory: one double a frequency, two matrices of order m.
PetscErrorCode OperatorUpper(MPI_Comm comm, const ConvolutionGeometry &geometry,
                             const double *weight, int exponent, double least, double *upper);

} // namespace lathe::lipschitz
