// SPDX-License-Identifier: BSD-2-Clause
// The linear part of a layer as a map with its adjoint: y = Ax and x = Aᵀy on plain arrays. It
// serves evaluation, Jacobian products, and the dense matrices of the chain bound.
#pragma once
#include "lipschitz/network.h"

namespace lathe::lipschitz {

constexpr std::size_t to_size(std::int64_t n) noexcept {
  return static_cast<std::size_t>(n);
}

/// Sliding windows of one layer: source[p·taps + a] is the input pixel that tap a of output pixel p
/// reads, −1 where it reads padding with zeros.
struct WindowMap {
  std::int64_t outputs = 0, inputs = 0, taps = 0;
  std::vector<std::int32_t> source;
};

/// throws std::invalid_argument when an extent exceeds 2³¹ pixels
WindowMap window_map(const Layer &layer, const Shape &in, const Shape &out);

/// A for conv, conv_transpose, linear, batchnorm (without its shift), avgpool, global_avgpool, and
/// the identity for flatten, dropout, identity. Borrows the layer.
class LayerMap {
public:
  LayerMap(const Layer &layer, const Shape &in, const Shape &out);
  [[nodiscard]] static bool exists(LayerType type) noexcept;

  void apply(const double *x, double *y) const;
  void adjoint(const double *y, double *x) const;
  /// y += bias (batchnorm: beta − mean·scale), so that apply and shift together are the layer.
  void shift(double *y) const;

  [[nodiscard]] std::int64_t rows() const noexcept { return out_.size(); }
  [[nodiscard]] std::int64_t cols() const noexcept { return in_.size(); }
  /// Roundings between the stored weights and an entry of A, relative to the entry: 0 when the
  /// entries are weights themselves. −1 when an entry may be a sum of weights.
  [[nodiscard]] int entry_roundings() const noexcept;

private:
  template <class Block> void for_each_block(Block block) const;
  void correlate(const double *x, double *y) const;
  void correlate_adjoint(const double *y, double *x) const;
  void average(const double *x, double *y) const;
  void average_adjoint(const double *y, double *x) const;

  const Layer &layer_;
  Shape in_, out_;
  WindowMap windows_; // of the convolution; of the one that conv_transpose is the adjoint of
  std::vector<double> scale_;
};

} // namespace lathe::lipschitz
