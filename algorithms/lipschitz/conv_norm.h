// SPDX-License-Identifier: BSD-2-Clause
// Certified norm of a convolution layer: how LatheConvolutionNormBracket chooses.
//
//  - zero padding: the interleaved layers of a dilation at stride 1 one by one, without inputs,
//    outputs and taps that only meet padding (conv_sections.h). What follows is about each of them.
//  - no weights, or all zero: [0, 0].
//  - circular padding that covers the input once (stride | n): max_j ‖D(2πj/N)‖₂, both sides.
//  - other paddings: upper from the circulant that the layer is a part of (axis_embedding), times
//    √multiplicity where the padding repeats points; lower from the operator itself, with its own
//    padding, at a windowed plane wave of the largest frequency improved by a few Lanczos steps.
//    Where that leaves zero padding wider than 5 %, or than 1 % from 32 points on, the spectrum
//    restricted to the extent is used too (conv_upper.h). Then upper/lower ≤ 1.10 for 3 taps an
//    axis and n ≥ 8, ≤ 1.01 for n ≥ 32, in 1 to 3 dimensions, also dilated twofold (tests);
//    typically 1.003 at n = 32 and 1.02 at n = 8.
//  - operators with min(rows, columns) ≤ dense_limit: a dense Gram matrix as well, and the tighter
//    of both on each side; up to 8·dense_limit and 10¹¹ operations where the bracket is still that
//    wide.
//  - no input extent: the supremum over all frequencies.
//
// Certificate RIGOROUS: every rounding error is inside the bracket, given a conventional BLAS
// (core/dense.h). Width for a circulant layer: below 10⁻¹² relative for c = min(cin, cout) up to
// 256, about 4·10⁻¹⁵·c. Cost: T²c²m/2 for T taps of m×c, then c²·(2k−1)^d + 4c³/3 a frequency of
// half the spectrum, nearly all of it in single precision (gram_batch.h).
// Memory: independent of the number of frequencies, but for conv_upper.h; explicit operators have
// at most 2²⁵ entries, stored twice (0.5 GB). Class R0.
#pragma once
#include "lipschitz/lipschitz.h"
#include "lipschitz/symbol.h"
#include <vector>

namespace lathe::lipschitz {

/// min(rows, columns) of one group up to which the explicit operator is bracketed too.
inline constexpr std::int64_t dense_limit = 512;

/// Bracket of sup_ω‖D(ω)‖₂ over all groups in units of 2^exponent, to `tolerance` relative or to
/// rounding; `met`: the tolerance was reached within the budget of cells. Collective; class R0.
PetscErrorCode SymbolSupremum(MPI_Comm comm, const ConvolutionGeometry &geometry,
                              const double *weight, int exponent, double tolerance, double *lower,
                              double *upper, bool *met);

/// Torus on which the layer is bounded by factor·max_j‖D(2πj/extent)‖₂: its embedding, or without
/// an input extent a grid of eight points for each tap, with 1/cos(π/16) for each axis.
struct ConvolutionTorus {
  Lattice extent{1, 1, 1};
  double factor = 1; ///< rounded up
};
ConvolutionTorus convolution_torus(const ConvolutionGeometry &geometry) noexcept;

/// value·2^exponent rounded up or down (overflow: +∞ or the largest double).
double scale_up(double value, int exponent) noexcept;
double scale_down(double value, int exponent) noexcept;

/// ‖D(ω)‖₂ for every half-spectrum frequency.
struct FrequencyNorms {
  std::array<std::int64_t, 3> extent{1, 1, 1}; ///< torus in lattice points
  std::vector<Lattice> frequency;              ///< j of ω = 2πj/extent
  std::vector<double> norm;                    ///< largest over the groups, in the layer's unit
};

/// Fill the norm of every half-spectrum frequency (for figures; LAPACK singular values, accurate to
/// rounding, no certificate). Torus: the embedding of the layer, or `points` along each axis that
/// has more than one tap when the layer has no extent. Collective; every rank gets everything;
/// memory: one double and three integers a frequency. Class R0.
PetscErrorCode ConvolutionFrequencyNorms(MPI_Comm comm, const LatheConvolution *layer,
                                         std::int64_t points, FrequencyNorms *result);

} // namespace lathe::lipschitz
