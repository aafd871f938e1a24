// SPDX-License-Identifier: BSD-2-Clause
// Eight Hermitian matrices at a time in single precision, one in each lane of a vector register.
//
// A small Cholesky factorisation spends its time between the calls of a BLAS; eight of them side by
// side are plain vector code with no shuffles, at the rate of a large matrix product from order 32
// on. Fused multiply-adds on processors that have AVX2 and FMA (asked at run time), separate
// products and sums elsewhere: the error bounds hold for both, the bits differ.
//
// A triangle has its rows one after the other: entry (i, j ≤ i) is at 2·(i(i+1)/2 + j), real part
// first, imaginary part next.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>

namespace lathe::lipschitz {

inline constexpr std::size_t lanes = 8;
struct alignas(32) Lanes {
  float at[lanes];
};

/// phase[2d], phase[2d + 1] ← product of the factors of offset d, one of each axis:
/// factor[i][2x], factor[i][2x + 1] with x = component[d][i].
void lane_phases(std::size_t offsets, const std::array<std::size_t, 3> *component,
                 const Lanes *const factor[3], Lanes *phase) noexcept;

/// For each of `entries` rows of `table` (offsets cosine coefficients, then offsets − 1 sine
/// coefficients of offsets 1, 2, …): out[2e] ← Σ cos·Re phase, out[2e + 1] ← Σ sin·Im phase.
void lane_combine(std::size_t entries, std::size_t offsets, const float *table, const Lanes *phase,
                  Lanes *out) noexcept;

/// Trace and squared Frobenius norm of a triangle of order n; no term meets more than 2n + 4
/// roundings.
void lane_moments(std::size_t n, const Lanes *b, Lanes *trace, Lanes *square) noexcept;

/// Add `shift` to the diagonals and factor B = LLᴴ in place. Bit l of the result: every pivot of
/// lane l was a positive number. Cost: 4n³/3 operations a lane.
unsigned lane_cholesky(std::size_t n, float shift, Lanes *b) noexcept;

/// Inner products are cut into pieces of 32 terms, each summed before it is subtracted, whatever
/// the instruction set …
inline constexpr std::size_t lane_cholesky_block = 32;
/// … so a term meets at most this many roundings (cholesky_slack): those of its piece, one for each
/// piece and the panel, and the reciprocal of the pivot.
inline constexpr std::size_t lane_cholesky_terms(std::size_t n) noexcept {
  return std::min(n, lane_cholesky_block) + n / lane_cholesky_block + 7;
}

} // namespace lathe::lipschitz
