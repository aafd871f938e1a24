// SPDX-License-Identifier: BSD-2-Clause
// Linear estimators β = L·y of the coefficients of y = X·β + noise with the least variance,
// σ²‖L‖_F², among those whose bias is bounded: min ‖L‖_F² subject to ‖L·X − I‖ ≤ C in a Schatten
// norm (Segert, arXiv:2311.11093, "extended Gauss-Markov"). With X = U·S·Vᵀ the optimum is L =
// V·diag(l)·Uᵀ in closed form; each bound C belongs to one value of the parameter.
#pragma once
#include "sketching/tall_matrix.h"
#include <limits>
#include <vector>

namespace lathe::sketching {

/// Norm of the bias L·X − I that is bounded, and l_i for the singular value s.
enum class BiasBound {
  unbiased, ///< 1/s: ordinary least squares; the parameter is not used
  ridge,    ///< Frobenius norm: s/(s² + λ), λ ≥ 0
  nuclear,  ///< min(1/s, s/α), α ≥ 0: least squares where s² ≥ α, a gradient step below
  spectral  ///< (1 − c)/s, 0 ≤ c ≤ 1, the bound itself: least squares shrunk
};

struct BiasedEstimate {
  std::vector<double> beta;   ///< n, on every rank
  double bias = 0;            ///< the norm of L·X − I that is bounded: C
  double variance = 0;        ///< ‖L‖_F²: the total variance of β over σ²
  double degrees = 0;         ///< of freedom, tr(X·L)
  double residual_square = 0; ///< ‖y − X·β‖²
  /// m·‖y − Xβ‖²/(m − degrees)² (Golub, Heath, Wahba 1979), and the mean square of the residuals of
  /// rows left out one at a time, (y_i − x_iᵀβ)/(1 − h_ii). NaN where no degree is left.
  double gcv = std::numeric_limits<double>::quiet_NaN();
  double leave_one_out = std::numeric_limits<double>::quiet_NaN();
};

/// One singular value decomposition, any number of estimates.
class BoundedBias {
public:
  /// X: m × n with m ≥ n. Directions with s ≤ n·2⁻⁵²·s_1 take no part (β of minimum norm); bias is
  /// counted on the others. Singular values to a relative 1e-15·s_1/s; of X times a power of two
  /// they are those times it, to the bit, and estimates scale likewise. Class R0. Memory: twice X.
  /// Cost: 6 to 14 products of X by n×n. Collective. err  ARG_SIZ m < n
  PetscErrorCode Create(TallMatrix &X);

  /// y: m entries in X's blocks. Class R0. Cost: two passes over U. Collective.
  /// err  ARG_OUTOFRANGE the parameter; FP y is not finite
  PetscErrorCode Estimate(const double *y, BiasBound bound, double parameter,
                          BiasedEstimate *estimate);

  /// Decreasing, above the cut.
  [[nodiscard]] const std::vector<double> &singular_values() const { return s_; }

  /// E‖β − truth‖² for noise of variance σ²: σ²·Σl² + Σ(1 − l·s)²(v_iᵀ·truth)², plus what of the
  /// truth lies outside the directions that take part.
  [[nodiscard]] double risk(BiasBound bound, double parameter, double sigma,
                            const std::vector<double> &truth) const;

private:
  MultiVector u_;
  std::size_t n_ = 0;
  std::vector<double> s_, v_; // v_: n × r, column-major
};

} // namespace lathe::sketching
