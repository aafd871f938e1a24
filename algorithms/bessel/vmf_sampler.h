// SPDX-License-Identifier: BSD-2-Clause
// Samples of the von Mises-Fisher distribution: sample i is a pure function of (seed, stream, i),
// so a data set is the same on every number of ranks (class R0).
//
// The cosine to the mean direction is drawn by Wood's rejection (Comm. Statist. Simula. 23, 1994)
// from Ulrich's envelope (Appl. Statist. 33, 1984), whose symmetric beta variate needs no rejection
// of its own; at least 0.66 of the proposals are accepted for every p and κ. The direction across
// is a normal vector; a Householder reflection takes the first axis to the mean direction.
// Everything is written in 1 − cosine, so that samples stay right as κ → ∞.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace lathe::bessel {

class VmfSampler {
public:
  /// mean: p ≥ 2 numbers, not all zero (scaled to length 1 here); 0 ≤ kappa ≤ ∞; stream < 2³².
  /// kappa = 0 is the uniform distribution, kappa = ∞ the mean itself.
  VmfSampler(std::span<const double> mean, double kappa, std::uint64_t seed, std::uint64_t stream);

  [[nodiscard]] std::size_t dim() const noexcept { return mean_.size(); }
  [[nodiscard]] std::span<const double> mean() const noexcept { return mean_; }
  /// 1 − cosine between sample `index` and the mean, without making the sample.
  [[nodiscard]] double one_minus_cosine(std::uint64_t index) const noexcept;
  /// x: p numbers. Cost: p normals, 15 ns each.
  void sample(std::uint64_t index, double *x) const noexcept;

private:
  [[nodiscard]] std::uint64_t draw(std::uint64_t number) const noexcept {
    return (stream_ << 32) | number;
  }

  std::vector<double> mean_;
  double kappa_, b_; // b: Wood's parameter of the envelope, 0 at κ = ∞ and 1 at κ = 0
  std::uint64_t seed_, stream_;
};

/// Mean directions for generated data: direction `index`, uniform on the sphere in dim dimensions.
std::vector<double> uniform_direction(std::size_t dim, std::uint64_t seed, std::uint64_t stream,
                                      std::uint64_t index);

} // namespace lathe::bessel
