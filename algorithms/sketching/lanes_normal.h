// SPDX-License-Identifier: BSD-2-Clause
// Standard normals on vectors: logarithm, sine and cosine without libm or branch.
#pragma once
#include "sketching/lanes.h"

namespace lathe::sketching::LATHE_SKETCHING_LANES {

/// An integer x < 2⁵² times the unit in the last place of 2^exponent: a double
/// whose exponent is put before them, less 2^exponent.
template <int exponent> LATHE_LANES_INLINE Real scaled(Word x) noexcept {
  constexpr std::uint64_t bias = 1023;
  const Word power = broadcast((bias + std::uint64_t(exponent)) << 52);
  return (Real)(x | power) - (Real)power;
}

/// log x for normal x in (0, 1]. x = 2^k (1 + f), 1 + f in [√½, √2), and with s = f/(2 + f):
/// log(1 + f) = f − (f²/2 − s·(f²/2 + R(s²))), R the minimax polynomial of fdlibm (e_log.c, below
/// 2⁻⁵⁸).
LATHE_LANES_INLINE Real log(Real x) noexcept {
  constexpr std::uint64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
  const Word bits = (Word)x + (one - root_half); // exponent steps at √½
  const Real k = scaled<52>(bits >> 52) - 1023.0;
  const Real f = (Real)((bits & 0x000fffffffffffff) + root_half) - 1.0;
  const Real s = f / (2.0 + f), z = s * s, w = z * z;
  const Real even =
      fused(w, fused(w, broadcast(1.531383769920937332e-01), 2.222219843214978396e-01),
            3.999999999940941908e-01);
  const Real odd =
      fused(w,
            fused(w, fused(w, broadcast(1.479819860510658591e-01), 1.818357216161805012e-01),
                  2.857142874366239149e-01),
            6.666666666666735130e-01);
  const Real half_square = 0.5 * f * f;
  const Real rest = fused(w, even, fused(z, odd, half_square));
  constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  return fused(k, broadcast(ln2_high), f - (half_square - fused(s, rest, k * ln2_low)));
}

struct SineCosine {
  Real sine, cosine;
};

/// Of π/2·turns, 0 ≤ turns < 4. turns = q + r·2/π, |r| ≤ π/4; Taylor-like polynomials of fdlibm
/// (k_sin.c, k_cos.c, below 2⁻⁵⁸).
LATHE_LANES_INLINE SineCosine sine_cosine(Real turns) noexcept {
  constexpr double magic = 0x1.8p52; // last bit 1: rounds to the nearest integer
  const Real shifted = turns + magic;
  const Word quarter = (Word)shifted; // its low bits are q
  const Real r = (turns - (shifted - magic)) * 1.5707963267948966;
  const Real z = r * r, w = z * z;
  Real s = fused(z, broadcast(1.58969099521155010221e-10), -2.50507602534068634195e-08);
  s = fused(z, s, 2.75573137070700676789e-06);
  s = fused(z, s, -1.98412698298579493134e-04);
  s = fused(z, s, 8.33333333332248946124e-03);
  s = fused(z, s, -1.66666666666666324348e-01);
  Real c = fused(z, broadcast(-1.13596475577881948265e-11), 2.08757232129817482790e-09);
  c = fused(z, c, -2.75573143513906633035e-07);
  c = fused(z, c, 2.48015872894767294178e-05);
  c = fused(z, c, -1.38888888888741095749e-03);
  c = fused(z, c, 4.16666666666666019037e-02);
  const Word sine = (Word)fused(r * z, s, r);
  const Word cosine = (Word)fused(w, c, fused(broadcast(-0.5), z, 1.0));
  const Word swap = -(quarter & 1); // all ones in odd quarters
  const Word sine_sign = (quarter & 2) << 62, cosine_sign = ((quarter + 1) & 2) << 62;
  return {(Real)(((sine & ~swap) | (cosine & swap)) ^ sine_sign),
          (Real)(((cosine & ~swap) | (sine & swap)) ^ cosine_sign)};
}

/// Two standard normals a lane from the words of some counters, those of vector v in pair[v]. Stage
/// by stage for all vectors, whose chains of operations so overlap (13 % less time with AVX2).
LATHE_LANES_INLINE void normals(const Words &words, SineCosine *pair) noexcept {
  Real radius[philox_vectors];
  for (int v = 0; v < philox_vectors; ++v) // (53 bits + ½)·2⁻⁵³
    radius[v] = scaled<20>(words.at[0][v]) + (scaled<-1>(words.at[1][v] >> 11) + 0x1p-54);
  for (Real &r : radius)
    r = -2.0 * log(r);
  for (Real &r : radius)
    r = square_root(r);
  for (int v = 0; v < philox_vectors; ++v) {
    const SineCosine angle =
        sine_cosine(scaled<22>(words.at[2][v]) + scaled<1>(words.at[3][v] >> 11));
    pair[v] = {radius[v] * angle.sine, radius[v] * angle.cosine};
  }
}

} // namespace lathe::sketching::LATHE_SKETCHING_LANES
