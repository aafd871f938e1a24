// SPDX-License-Identifier: BSD-2-Clause
// The approximate inverse of AᵀWA + λI (columns scaled by D) that refinement steps use:
// P·(CᵀC)⁻¹·Pᵀ with CᵀC = (A·D·P)ᵀW(A·D·P) + PᵀE²P, by blocks of rows, A·D·P never stored
// (Ipsen, arXiv:2507.18466: as good as Householder's QR of A, as long as A·D·P is well
// conditioned).
#pragma once
#include "sketching/sketched_factor.h"

namespace lathe::sketching {

class NormalFactor {
public:
  /// *definite: the Cholesky factorisation succeeded on rank 0; same on every rank. Collective; one
  /// reduction of r(r + 1)/2 numbers. Cost: m·n² + m·r² operations over all ranks.
  PetscErrorCode Create(const LocalRows &rows, const double *weight, const SketchedFactor &p,
                        bool *definite);

  /// v ← P·C⁻¹·C⁻ᵀ·Pᵀ·v, n numbers. On rank 0.
  void solve(const SketchedFactor &p, std::vector<double> *v) const;

  /// Upper triangular B, n × n, with BᵀB = D(AᵀWA + λI)D: C·R, on rank 0; R alone without C, up to
  /// the distortion of the sketch. P must be triangular.
  [[nodiscard]] std::vector<double> root(const SketchedFactor &p) const;

  /// C, on rank 0.
  [[nodiscard]] const std::vector<double> &triangle() const { return c_; }

private:
  std::size_t rank_ = 0;
  std::vector<double> c_; // rank 0: upper triangle, column-major
};

} // namespace lathe::sketching
