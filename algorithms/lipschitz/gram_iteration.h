// SPDX-License-Identifier: BSD-2-Clause
// Gram iteration: Schatten norms as smooth upper bounds of the spectral norm.
//
// M₀ = A, M_{j+1} = M_jᴴM_j. After t products
//   B_t = ‖M_t‖_F^(1/2^t) = (Σ σ_i^p)^(1/p),  p = 2^(t+1),
// the Schatten-p norm: B_0 = ‖A‖_F ≥ B_1 ≥ … ≥ ‖A‖₂, B_t/‖A‖₂ − 1 ≤ ln(c)/p with
// c = min(m, n), quadratic convergence where the largest singular value is separated (Delattre,
// Barthélemy, Araujo, Allauzen, ICML 2023). Differentiable:
//   ∂B_t/∂A = A(AᴴA)^(p/2−1)/B_t^(p−1) = U·diag((σ_i/B_t)^(p−1))·Vᴴ.
//
// Each iterate is divided by a power of two, which is exact; the integer exponents re-enter one
// square root at a time, so no logarithm amplifies rounding by 2^t and entries of any size work.
#pragma once
#include "core/dense.h"
#include "lipschitz/scaled_matrix.h"
#include <vector>

namespace lathe::lipschitz {

/// Most products that gram routines accept; B_t equals ‖A‖₂ to rounding long before.
inline constexpr int max_gram_steps = 60;

/// The iteration on one matrix; W: double or complex<double>. `a` must outlive the object, have
/// finite entries and its largest one in [2⁻¹⁰⁰, 2¹⁰⁰] (ScaledMatrix), or be zero.
template <class W> class GramIteration {
public:
  /// keep: store every iterate (c² entries each), which gradient() needs.
  explicit GramIteration(dense::View<const W> a, bool keep = false);
  /// One Gram product: m·n·c multiplications the first time, then c³.
  void step();
  [[nodiscard]] int steps() const noexcept { return static_cast<int>(levels_.size()); }
  /// M_t up to a power of two; for t ≥ 1 Hermitian c×c with both triangles.
  [[nodiscard]] dense::View<const W> iterate() const noexcept;

  /// B_t. Relative error at most 4e-15·(t+1). With `infinity` the minimum of B_t and the same root
  /// of ‖M_t‖_∞ (t ≥ 1) or √(‖A‖₁‖A‖_∞) (t = 0), still an upper bound of ‖A‖₂ but not smooth.
  [[nodiscard]] double bound(bool infinity = false) const;
  /// As bound(), with every rounding error inside: ≥ ‖A‖₂ for the stored A. Excess over B_t some
  /// γ_c·c (7e-14 for c = 60).
  [[nodiscard]] double upper(bool infinity = false) const;
  /// Minimum of upper(true) and the moment bound of M_{t−1} (for t ≥ 2), with every rounding error
  /// inside: ≥ ‖A‖₂ for the stored A, and never above upper(true). For at most two distinct
  /// singular values besides rounding, within 1e-6 of ‖A‖₂ for t ≥ 3 and c ≤ 64, however close they
  /// are. Some 30c² operations more than upper. See moment_bound.h.
  [[nodiscard]] double moment() const;
  /// ∂B_t/∂A (conjugate convention: dB = Re tr(gradientᴴ dA)) of the shape of A, column-major with
  /// leading dimension `ld`. Needs `keep`. Cost: t − 1 products c×c×c, one m×n×c. Returns B_t.
  double gradient(W *out, std::size_t ld) const;

private:
  struct Level {
    int shift = 0;    ///< M_{j+1} = 2^-shift · fl(M_jᴴM_j)
    double error = 0; ///< bound of ‖fl(M_jᴴM_j) − M_jᴴM_j‖₂·2^-shift
  };
  [[nodiscard]] double last_norm(bool infinity, bool round_up) const;
  dense::View<const W> a_;
  std::size_t c_;
  bool keep_;
  std::vector<std::vector<W>> iterates_; // the last two, or all
  std::vector<W> scratch_;
  std::vector<Level> levels_;
};

/// B_t of a matrix of any scale, in double whatever T is (float entries are promoted).
///  in  steps     t, 0 … max_gram_steps; else NaN, as for an entry that is not finite
///  in  infinity  see GramIteration::bound
/// Class R0 for one BLAS library.
template <class T> double gram_bound(dense::View<const T> a, int steps, bool infinity = false);

/// As gram_bound, rounded up: ≥ ‖A‖₂ of the stored matrix whatever rounding did. See
/// GramIteration::upper.
template <class T>
double gram_upper_bound(dense::View<const T> a, int steps, bool infinity = false);

/// The bound and its gradient (m×n, leading dimension ld); for A = 0 the gradient is 0 (a
/// subgradient). The gradient has norm 1 in the dual Schatten norm, also for multiple σ.
template <class T>
double gram_gradient(dense::View<const T> a, int steps, Wide<T> *gradient, std::size_t ld);

/// Moment bound after `steps` products, ≥ ‖A‖₂ whatever rounding did; see GramIteration::moment.
template <class T> double gram_moment_bound(dense::View<const T> a, int steps);

} // namespace lathe::lipschitz
