// SPDX-License-Identifier: BSD-2-Clause
// Vectors as wide as the instruction set has them, Philox on them, and the transposition of tiles.
// Included by isa_kernels.cpp only, which is compiled once for each instruction set; a namespace of
// that name keeps the copies apart, and every function is forced inline.
#pragma once
#include <cstdint>
#include <cstring>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#ifdef __FAST_MATH__
#error "sketches need IEEE arithmetic: compile without -ffast-math"
#endif
#define LATHE_LANES_INLINE inline __attribute__((always_inline))

namespace lathe::sketching::LATHE_SKETCHING_LANES {

// Eight lanes without any of these too: so every processor tests the code of AVX-512.
#if defined(__AVX2__) && !defined(__AVX512F__)
inline constexpr int width = 4;
#else
inline constexpr int width = 8;
#endif
using Real = double __attribute__((vector_size(8 * width)));
using Word = std::uint64_t __attribute__((vector_size(8 * width)));

LATHE_LANES_INLINE Real load(const double *from) noexcept {
  Real x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
LATHE_LANES_INLINE void store(double *to, Real x) noexcept {
  std::memcpy(to, &x, sizeof x);
}
LATHE_LANES_INLINE Real broadcast(double x) noexcept {
  return Real{} + x;
}
LATHE_LANES_INLINE Word broadcast(std::uint64_t x) noexcept {
  return Word{} + x;
}
/// 0, 1, 2, …
LATHE_LANES_INLINE Word counting() noexcept {
  Word x{};
  for (int l = 0; l < width; ++l)
    x[l] = static_cast<std::uint64_t>(l);
  return x;
}
/// x where `code` is even, −x where it is odd.
LATHE_LANES_INLINE Real with_sign(Real x, std::uint64_t code) noexcept {
  return (Real)((Word)x ^ broadcast(code << 63));
}

/// a·b + c, rounded once. Processors without it get libm's: the same bits, ten times slower.
LATHE_LANES_INLINE Real fused(Real a, Real b, Real c) noexcept {
#if defined(__AVX512F__)
  return (Real)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__)
  return (Real)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  for (int l = 0; l < width; ++l)
    c[l] = __builtin_fma(a[l], b[l], c[l]);
  return c;
#endif
}
LATHE_LANES_INLINE Real fused(Real a, Real b, double c) noexcept {
  return fused(a, b, broadcast(c));
}

/// a·b + c for b = ±1, where a fused operation rounds as two do.
LATHE_LANES_INLINE Real add_signed(Real a, double sign, Real c) noexcept {
#if defined(__AVX2__)
  return fused(a, broadcast(sign), c);
#else
  return c + a * sign;
#endif
}

LATHE_LANES_INLINE Real square_root(Real x) noexcept {
#if defined(__AVX512F__)
  return (Real)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
  return (Real)_mm256_sqrt_pd((__m256d)x);
#else
  for (int l = 0; l < width; ++l)
    x[l] = __builtin_sqrt(x[l]);
  return x;
#endif
}

/// Products of the low halves of 64-bit lanes.
LATHE_LANES_INLINE Word multiply_low(Word a, Word b) noexcept {
#if defined(__AVX512F__)
  return (Word)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Word)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
  return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

/// Vectors of counters at a time: enough independent chains to hide the latency of a product.
inline constexpr int philox_vectors = 2;
inline constexpr int philox_lanes = philox_vectors * width;

/// Four 32-bit words a counter, each in a lane of 64 bits.
struct Words {
  Word at[4][philox_vectors];
};

/// The keys of a seed in every lane, made once for a whole block: a sixth of Philox otherwise.
struct RoundKeys {
  Word of[10][2];
  explicit RoundKeys(std::uint64_t seed) noexcept {
    auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (auto &key : of) {
      key[0] = broadcast(std::uint64_t{k0});
      key[1] = broadcast(std::uint64_t{k1});
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
  }
};

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011): lane l of vector v is
/// random::words(seed, stream, index + v·width + l).
LATHE_LANES_INLINE Words philox(const RoundKeys &keys, std::uint64_t stream,
                                std::uint64_t index) noexcept {
  constexpr std::uint64_t low = 0xffffffff;
  const Word m0 = broadcast(std::uint64_t{0xD2511F53}), m1 = broadcast(std::uint64_t{0xCD9E8D57});
  Words c;
  for (int v = 0; v < philox_vectors; ++v) {
    const Word counter = broadcast(index + static_cast<std::uint64_t>(v * width)) + counting();
    c.at[0][v] = counter;
    c.at[1][v] = counter >> 32;
    c.at[2][v] = broadcast(stream);
    c.at[3][v] = broadcast(stream >> 32);
  }
  // The high halves of the lanes hold anything until the end: products do not see them.
  for (const auto &key : keys.of)
    for (int v = 0; v < philox_vectors; ++v) {
      const Word p0 = multiply_low(m0, c.at[0][v]), p1 = multiply_low(m1, c.at[2][v]);
      c.at[0][v] = (p1 >> 32) ^ c.at[1][v] ^ key[0];
      c.at[2][v] = (p0 >> 32) ^ c.at[3][v] ^ key[1];
      c.at[1][v] = p1;
      c.at[3][v] = p0;
    }
  for (auto &word : c.at)
    for (Word &x : word)
      x &= broadcast(low);
  return c;
}

/// out[pitch·r + c] ← column[c][at + r] for r, c < width.
LATHE_LANES_INLINE void transpose(const double *const *column, std::int64_t at, double *out,
                                  std::int64_t pitch) noexcept {
#define LATHE_SHUFFLE __builtin_shufflevector
#if !defined(__AVX2__) || defined(__AVX512F__)
  Real r[8], t[8], s[8];
  for (int q = 0; q < 8; ++q)
    r[q] = load(column[q] + at);
  for (int q = 0; q < 8; q += 2) {
    t[q] = LATHE_SHUFFLE(r[q], r[q + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    t[q + 1] = LATHE_SHUFFLE(r[q], r[q + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int q = 0; q < 8; q += 4)
    for (int k = 0; k < 2; ++k) {
      s[q + k] = LATHE_SHUFFLE(t[q + k], t[q + k + 2], 0, 1, 4, 5, 8, 9, 12, 13);
      s[q + k + 2] = LATHE_SHUFFLE(t[q + k], t[q + k + 2], 2, 3, 6, 7, 10, 11, 14, 15);
    }
  for (int k = 0; k < 4; ++k) {
    store(out + k * pitch, LATHE_SHUFFLE(s[k], s[k + 4], 0, 1, 4, 5, 8, 9, 12, 13));
    store(out + (k + 4) * pitch, LATHE_SHUFFLE(s[k], s[k + 4], 2, 3, 6, 7, 10, 11, 14, 15));
  }
#else
  Real r[4], t[4];
  for (int q = 0; q < 4; ++q)
    r[q] = load(column[q] + at);
  for (int q = 0; q < 4; q += 2) {
    t[q] = LATHE_SHUFFLE(r[q], r[q + 1], 0, 4, 2, 6);
    t[q + 1] = LATHE_SHUFFLE(r[q], r[q + 1], 1, 5, 3, 7);
  }
  for (int k = 0; k < 2; ++k) {
    store(out + k * pitch, LATHE_SHUFFLE(t[k], t[k + 2], 0, 1, 4, 5));
    store(out + (k + 2) * pitch, LATHE_SHUFFLE(t[k], t[k + 2], 2, 3, 6, 7));
  }
#endif
#undef LATHE_SHUFFLE
}

} // namespace lathe::sketching::LATHE_SKETCHING_LANES
