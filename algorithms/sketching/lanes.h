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

#ifdef __AVX512F__
inline constexpr int width = 8;
#else
inline constexpr int width = 4;
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

/// Four 32-bit words a lane, each in a lane of 64 bits.
struct Words {
  Word at[4];
};

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), as random::words(seed, stream, index) with
/// an index for each lane.
LATHE_LANES_INLINE Words philox(std::uint64_t seed, Word stream, Word index) noexcept {
  Word c0 = index & 0xffffffff, c1 = index >> 32, c2 = stream & 0xffffffff, c3 = stream >> 32;
  const Word m0 = broadcast(std::uint64_t{0xD2511F53}), m1 = broadcast(std::uint64_t{0xCD9E8D57});
  auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const Word p0 = multiply_low(m0, c0), p1 = multiply_low(m1, c2);
    c0 = (p1 >> 32) ^ c1 ^ broadcast(std::uint64_t{k0});
    c2 = (p0 >> 32) ^ c3 ^ broadcast(std::uint64_t{k1});
    c1 = p1 & 0xffffffff;
    c3 = p0 & 0xffffffff;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

/// out[pitch·r + c] ← column[c][at + r] for r, c < width.
LATHE_LANES_INLINE void transpose(const double *const *column, std::int64_t at, double *out,
                                  std::int64_t pitch) noexcept {
#define LATHE_SHUFFLE __builtin_shufflevector
#ifdef __AVX512F__
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
