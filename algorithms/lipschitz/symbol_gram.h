// SPDX-License-Identifier: BSD-2-Clause
// Gram matrices G(ω) = D(ω)ᴴD(ω) at many frequencies from one set of real coefficients:
//
//   G(ω) = Σ_δ R_δ e^{iω·δ},  R_δ = Σ_{x_a − x_b = δ} W_aᵀW_b = R_{−δ}ᵀ,
//   Re G(ω) = R_0 + Σ_{δ>0} (R_δ + R_δᵀ) cos ω·δ,   Im G(ω) = Σ_{δ>0} (R_δ − R_δᵀ) sin ω·δ.
//
// The products W_aᵀW_b are formed once, T²c²m multiplications for T taps of size m×c, instead of
// 4c²m at each frequency; the two real sums cost c²/2·(number of δ) each, half of what a complex
// evaluation does. Memory: c²/2·(number of δ ≤ (2k−1)^d) doubles and one panel m-independent of
// c²·T; never a multiple of the number of frequencies.
#pragma once
#include "lipschitz/symbol.h"

namespace lathe::lipschitz {

class SymbolGram {
public:
  /// Offsets of `symbol` on a torus of `extent`; coefficients zero.
  SymbolGram(const Symbol &symbol, const Lattice &extent);

  /// Add the products of the taps of one of `parts` shares of about equal work; the coefficients
  /// are complete when all shares are added, on one rank or by a sum over ranks.
  void accumulate(const Symbol &symbol, int part, int parts);
  /// packed() of each cosine, then of each sine of offsets 1, 2, …
  [[nodiscard]] std::vector<double> &coefficients() noexcept { return coefficient_; }
  [[nodiscard]] const std::vector<double> &coefficients() const noexcept { return coefficient_; }

  [[nodiscard]] std::size_t order() const noexcept { return cols_; }
  /// Values that the components of the offsets take along axis i, and for each offset which.
  [[nodiscard]] const std::array<std::vector<std::int64_t>, 3> &distinct() const noexcept {
    return distinct_;
  }
  [[nodiscard]] const std::vector<std::array<std::size_t, 3>> &component() const noexcept {
    return component_;
  }
  /// Entries of a packed lower triangle, column by column.
  [[nodiscard]] std::size_t packed() const noexcept { return packed_; }
  [[nodiscard]] std::size_t cosines() const noexcept { return offset_.size(); }

  /// Real and imaginary parts of G at `count` frequencies, packed()×count each, column-major.
  void evaluate(const Phases &phases, const Lattice *j, std::size_t count, double *re, double *im);

  /// Factor e with ‖Ĝ(ω) − G(ω)‖₂ ≤ e·absolute_norm². `extra`: additions of the sum over ranks.
  [[nodiscard]] double error(const Symbol &symbol, const Phases &phases, int extra) const noexcept;

private:
  [[nodiscard]] std::size_t find(const Lattice &x, const Lattice &y, double &sign) const;
  Lattice n_;
  std::size_t cols_ = 0, packed_ = 0;
  std::vector<Lattice> offset_; // δ = 0 first, one of each pair {δ, −δ}, sorted
  std::array<std::vector<std::int64_t>, 3> distinct_; // components of the offsets …
  std::vector<std::array<std::size_t, 3>> component_; // … and where each offset has its own
  std::vector<double> coefficient_;                   // packed_ × (cosines, then sines of δ > 0)
  std::vector<double> panel_, cos_, sin_;
};

/// Multiplications of the coefficients: when they exceed those of forming each D(ω)ᴴD(ω), use that.
bool prefer_direct(const Symbol &symbol, std::int64_t frequencies) noexcept;

} // namespace lathe::lipschitz
