// SPDX-License-Identifier: BSD-2-Clause
// Counter-based random numbers: a value is a pure function of (seed, stream, index), so a start
// vector, a sample or a sketch is the same on every number of ranks and threads (class R0).
// Generator: Philox4x32-10 of Random123 (Salmon et al., SC 2011); key = seed, counter =
// (index low, index high, stream low, stream high).
#pragma once
#include <Random123/philox.h>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace lathe::random {

/// Four independent 32-bit words of the draw `index`.
inline std::array<std::uint32_t, 4> words(std::uint64_t seed, std::uint64_t stream,
                                          std::uint64_t index) noexcept {
  const auto lo = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto hi = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  const r123::Philox4x32::ctr_type counter = {{lo(index), hi(index), lo(stream), hi(stream)}};
  const r123::Philox4x32::key_type key = {{lo(seed), hi(seed)}};
  const auto r = r123::Philox4x32{}(counter, key);
  return {r[0], r[1], r[2], r[3]};
}

/// Uniform on the open interval (0, 1): (k + ½)·2⁻⁵² with k < 2⁵², exact in double. One bit more
/// would make the largest value round to 1.
inline double open_unit(std::uint32_t high, std::uint32_t low) noexcept {
  const std::uint64_t k = (static_cast<std::uint64_t>(high) << 20) | (low >> 12);
  return (static_cast<double>(k) + 0.5) * 0x1p-52;
}

inline double uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) noexcept {
  const auto w = words(seed, stream, index);
  return open_unit(w[0], w[1]);
}

/// Standard normal (Box-Muller, cosine branch).
inline double normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) noexcept {
  const auto w = words(seed, stream, index);
  return std::sqrt(-2 * std::log(open_unit(w[0], w[1]))) *
         std::cos(2 * std::numbers::pi * open_unit(w[2], w[3]));
}

/// Two independent standard normals (Box-Muller, both branches); the first is normal(…).
inline std::array<double, 2> normal_pair(std::uint64_t seed, std::uint64_t stream,
                                         std::uint64_t index) noexcept {
  const auto w = words(seed, stream, index);
  const double radius = std::sqrt(-2 * std::log(open_unit(w[0], w[1])));
  const double angle = 2 * std::numbers::pi * open_unit(w[2], w[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// ±1 with probability ½ each.
inline double sign(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) noexcept {
  return (words(seed, stream, index)[0] >> 31) != 0 ? -1.0 : 1.0;
}

/// Uniform integer in [0, n), n ≥ 1; bias below n·2⁻⁶⁴ (multiply-shift of a 64-bit word).
inline std::uint64_t below(std::uint64_t n, std::uint64_t seed, std::uint64_t stream,
                           std::uint64_t index) noexcept {
  const auto w = words(seed, stream, index);
  const std::uint64_t x = (static_cast<std::uint64_t>(w[0]) << 32) | w[1];
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(x) * n) >> 64);
}

} // namespace lathe::random
