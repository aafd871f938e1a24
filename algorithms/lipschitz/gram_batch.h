// SPDX-License-Identifier: BSD-2-Clause
// Rigorous upper bounds of ‖D(ω)‖₂² at eight frequencies at a time, in single precision: what
// settles nearly all frequencies of a torus. Slack of a certificate: about 2·10⁻⁴ of the target at
// c = 64 and 3·10⁻³ at c = 512; what lies closer to it needs double precision (frequency.h).
#pragma once
#include "lipschitz/lane_kernels.h"
#include "lipschitz/symbol_gram.h"
#include <array>
#include <vector>

namespace lathe::lipschitz {

class GramBatch {
public:
  /// `gram`: complete coefficients; `distance`: the Gram matrices that these give in double
  /// precision are off by at most this in the 2-norm; `absolute`: absolute_norm(symbol).
  GramBatch(const SymbolGram &gram, double distance, double absolute);

  /// Form the Gram matrices at `count` ≤ 8 frequencies. Cost: c²·(number of offsets).
  void evaluate(const Phases &phases, const Lattice *j, std::size_t count);

  /// Of each lane, after evaluate(): ‖D‖₂² ≤ mean + √((c−1)/c·(s₂ − s₁²/c)) with s₁ = tr G,
  /// s₂ = ‖G‖_F² (Wolkowicz, Styan 1980), rigorous; and the estimate s₂/s₁ from below.
  [[nodiscard]] const std::array<double, lanes> &upper() const noexcept { return upper_; }
  [[nodiscard]] const std::array<double, lanes> &estimate() const noexcept { return estimate_; }

  /// One Cholesky factorisation in each lane: bit l of the result certifies ‖D(ω_l)‖₂² ≤ target.
  /// Destroys the Gram matrices. Cost: 4c³/3 a lane.
  unsigned certify(double target) noexcept;

private:
  void screen() noexcept;
  std::size_t c_, offsets_;
  double distance_ = 0;
  const std::vector<std::array<std::size_t, 3>> &component_;
  const std::array<std::vector<std::int64_t>, 3> &distinct_;
  std::vector<float> table_; // of −G, so that the shift of τI − G is all that is left to add
  std::array<std::vector<Lanes>, 3> factor_;
  std::vector<Lanes> phase_, b_;
  std::array<double, lanes> least_trace_{}, upper_{}, estimate_{};
};

} // namespace lathe::lipschitz
