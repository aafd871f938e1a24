// SPDX-License-Identifier: BSD-2-Clause
// The norm of one symbol block, ‖D(ω)‖₂, certified from both sides; shared by the maximum over a
// torus and by the supremum over all frequencies.
#pragma once
#include "lipschitz/hermitian_lanczos.h"
#include "lipschitz/symbol.h"
#include <memory>

namespace lathe::lipschitz {

enum class UpperBound {
  coarse, ///< one factorisation, 2⁻¹⁰ above the estimate, which may be short of that
  quick,  ///< one factorisation and the a-priori bounds of its rounding
  sharp   ///< also its residual (residual_bound.h): four products of matrices more
};

/// Certified work on single frequencies of one group; holds the buffers for it.
class FrequencyNorm {
public:
  FrequencyNorm(const Symbol &symbol, double absolute);

  /// Form D(ω) and its Gram matrix from the taps. The Gram matrix is off by at most gram_error()
  /// in the 2-norm from D̂ᴴD̂, and D̂ from D(ω) by symbol_slack().
  void set(const Phases &phases, const Lattice &j);
  /// Use this packed lower triangle as the Gram matrix instead; `error` bounds its distance from
  /// D(ω)ᴴD(ω).
  void set_packed(const double *re, const double *im, double error);

  /// One shifted Cholesky factorisation: true certifies ‖D(ω)‖₂² ≤ target. On failure direction()
  /// holds a start for Lanczos.
  bool below(double target);
  /// Lanczos estimate of ‖D(ω)‖₂², a lower bound up to rounding. Few steps when `quick`; else to
  /// rounding, from a start that depends on `stream` only.
  double largest(bool quick, std::uint64_t stream);
  /// Rigorous upper bound of ‖D(ω)‖₂ near √estimate, after set(); `tries` counts the
  /// factorisations.
  double upper(double estimate, UpperBound kind, int &tries);
  /// Rigorous upper bound of ‖D(ω)‖₂ to about three digits, after set() or set_packed().
  double coarse_upper(std::uint64_t stream);
  /// Rigorous lower bound of ‖D(ω)‖₂ from the vector that `largest` left; after set().
  double lower();

  [[nodiscard]] const std::vector<Complex> &vector() const noexcept { return x_; }
  [[nodiscard]] dense::View<const Complex> gram() const noexcept;

private:
  LanczosResult lanczos(const LanczosOptions &options);
  const Symbol &symbol_;
  std::size_t c_, m_;
  double absolute_, symbol_error_ = 0, gram_error_ = 0, symbol_slack_ = 0;
  std::vector<Complex> d_, g_, factor_, panel_, x_;
  std::vector<double> real_;
  std::unique_ptr<HermitianLanczos<Complex>> lanczos_;
};

} // namespace lathe::lipschitz
