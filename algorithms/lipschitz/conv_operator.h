// SPDX-License-Identifier: BSD-2-Clause
// The operator of one group itself, with its true padding: what a bound from the frequencies has to
// be compared with. Vectors are (channel, point) row-major, as in the layer.
#pragma once
#include "lipschitz/convolution.h"
#include <vector>

namespace lathe::lipschitz {

class ConvolutionOperator {
public:
  /// Group `group` of a layer with a given input extent, weights times 2^−exponent.
  ConvolutionOperator(const ConvolutionGeometry &geometry, const double *weight, std::int64_t group,
                      int exponent);

  [[nodiscard]] std::size_t rows() const noexcept { return out_channels_ * out_points_; }
  [[nodiscard]] std::size_t cols() const noexcept { return in_channels_ * in_points_; }

  /// y ← A·x and x ← Aᵀ·y; gather of patches and one matrix product for each block of points.
  void apply(const double *x, double *y);
  void apply_transpose(const double *y, double *x);

  /// Rigorous bound of ‖|A|‖₂ ≤ √(‖A‖₁·‖A‖_∞); |A| has the absolute values of the single weights.
  [[nodiscard]] double absolute_norm() const noexcept { return absolute_; }
  /// Rigorous lower bound of ‖A‖₂: ‖fl(Ax)‖ less its rounding, over ‖x‖. One product.
  double rayleigh_lower(const double *x);
  /// Improve x by `steps` steps of Lanczos on AᵀA (every vector reorthogonalised); memory: steps
  /// vectors of cols() entries. Returns the products used.
  long long improve(std::vector<double> &x, int steps);
  /// A as a dense matrix, rows() × cols(), column-major. Entries where taps coincide are sums
  /// rounded once, however much they cancel: the matrix is off by at most `error` in the 2-norm.
  [[nodiscard]] std::vector<double> dense(double *error) const;

private:
  // Points of the input under the taps of output point p, −1 for zeros.
  void sources(std::size_t p, std::int64_t *source) const noexcept;
  ConvolutionGeometry geometry_;
  std::size_t out_channels_, in_channels_, out_points_, in_points_, taps_;
  std::vector<double> weight_;                           // (in·taps)×out, column-major
  std::array<std::vector<std::int64_t>, 3> axis_source_; // [output·kernel] of each axis
  std::vector<double> patch_;
  double absolute_ = 0;
};

} // namespace lathe::lipschitz
