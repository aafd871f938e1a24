// SPDX-License-Identifier: BSD-2-Clause
// The operator of one group itself, with its true padding: what a bound from the frequencies has to
// be compared with. Vectors are (channel, point) row-major, as in the layer.
#pragma once
#include "core/layout.h"
#include "lipschitz/convolution.h"
#include <vector>

namespace lathe::lipschitz {

/// Real: float or double. Products come in parts that know nothing of each other, so that they can
/// be dealt to ranks and have the same bits on any number of them: A by blocks of output points, Aᵀ
/// by blocks of input channels.
template <class Real> class ConvolutionOperator {
public:
  /// Group `group` of a layer with a given input extent, weights times 2^−exponent.
  ConvolutionOperator(const ConvolutionGeometry &geometry, const double *weight, std::int64_t group,
                      int exponent);

  [[nodiscard]] std::size_t rows() const noexcept { return out_channels_ * out_points_; }
  [[nodiscard]] std::size_t cols() const noexcept { return in_channels_ * in_points_; }
  /// Rigorous bound of ‖|A|‖₂ ≤ √(‖A‖₁·‖A‖_∞); |A| has the absolute values of the single weights.
  [[nodiscard]] double absolute_norm() const noexcept { return absolute_; }
  /// Terms in each sum of A·x.
  [[nodiscard]] std::size_t terms() const noexcept { return in_channels_ * taps_; }

  [[nodiscard]] std::int64_t point_blocks() const noexcept;
  [[nodiscard]] std::int64_t channel_blocks() const noexcept;
  [[nodiscard]] Range points(Range blocks) const noexcept;   ///< output points of these blocks
  [[nodiscard]] Range channels(Range blocks) const noexcept; ///< input channels of these blocks

  /// Blocks of y ← A·x; gather of patches and one matrix product for each block. y is one
  /// (out channel, point) array after another, one for each block: output point p starts at
  /// y[out_channels·p] when it is the first of its block.
  void apply(const Real *x, Range blocks, Real *y);
  /// Channels of x ← Aᵀ·y, from all of y; they lie in all of x.
  void apply_transpose(const Real *y, Range blocks, Real *x);

  /// A as a dense matrix, rows() × cols(), column-major, both sides (channel, point). Entries where
  /// taps coincide are sums rounded once, however much they cancel: the matrix is off by at most
  /// `error` in the 2-norm.
  [[nodiscard]] std::vector<double> dense(double *error) const;

private:
  // Points of the input under the taps of output point p, −1 for zeros.
  void sources(std::size_t p, std::int64_t *source) const noexcept;
  ConvolutionGeometry geometry_;
  std::size_t out_channels_, in_channels_, out_points_, in_points_, taps_;
  std::vector<Real> weight_;                             // (in·taps)×out, column-major
  std::array<std::vector<std::int64_t>, 3> axis_source_; // [output·kernel] of each axis
  std::vector<Real> patch_;
  double absolute_ = 0;
};

} // namespace lathe::lipschitz
