// SPDX-License-Identifier: BSD-2-Clause
// A factor P with (A·D·P)ᵀ(A·D·P) ≈ I from a sketch of A: S·A·D = Q·R, P = R⁻¹, D the powers of two
// that give the columns of S·A, or √λ where that is larger, norms in [1, 2). Where R is numerically
// singular, R = UΣVᵀ and P = V_r·Σ_r⁻¹ with the r singular values above the cut.
//
// Below S·A stand rows of their own: √λ·D for a ridge λ, and a unit row for each column of A that
// is zero, which then stays apart from the others.
#pragma once
#include "sketching/normal_residual.h"
#include "sketching/sketch.h"
#include <algorithm>
#include <cstdint>

namespace lathe::sketching {

struct SketchSize {
  double factor = 2; // rows of S over columns of A
  int nonzeros = 8;
  std::uint64_t seed = 1;
  SketchKind kind = SketchKind::SparseStack;
  bool keep = false; // Q too, for Start
};

/// Rows of S for n columns; where A has no more, A itself is factored.
inline double rows_wanted(double factor, std::size_t n) {
  return std::max(factor * static_cast<double>(n), static_cast<double>(n) + 8);
}

class SketchedFactor {
public:
  /// From A (its local rows, and their weights or null) and the ridge λ. With factor·n ≥ m, A
  /// itself, whose entries must be known, goes to rank 0 in the place of S·A. Collective. err  FP
  /// an entry is not finite
  PetscErrorCode Create(Mat A, const LocalRows &rows, const double *weight, double ridge,
                        const SketchSize &size);

  /// y ← argmin ‖S·W^(1/2)·(b − A·D·y)‖ (with the ridge), and *fitted ← ‖S·W^(1/2)·A·D·y‖, on every
  /// rank; b are the local rows. After Create with `keep`. Collective.
  PetscErrorCode Start(const LocalRows &rows, const double *weight, const double *b,
                       std::vector<double> *y, double *fitted) const;

  /// P from the singular values above `cut` times the largest. Collective.
  PetscErrorCode Truncate(double cut);
  /// x ← its part orthogonal to the null space of A, as far as Truncate found one; n numbers. D
  /// bends the null space, so of all x of the same A·x that part is the shortest, and D·y is not.
  void remove_null(double *x) const;

  [[nodiscard]] std::size_t cols() const { return n_; }
  /// Columns of A over rows of S; 0 when A itself was factored.
  [[nodiscard]] double ratio() const { return ratio_; }
  [[nodiscard]] std::size_t rank() const { return rank_; }   // columns of P
  [[nodiscard]] std::size_t zeros() const { return zeros_; } // zero columns of A, if no ridge
  [[nodiscard]] bool triangular() const { return triangular_; }
  [[nodiscard]] const std::vector<double> &scale() const { return scale_; } // D
  /// e with EᵀE, E = diag(e), added to the Gram matrix of A·D.
  [[nodiscard]] const std::vector<double> &appended() const { return appended_; }
  /// R, upper triangle, column-major.
  [[nodiscard]] const std::vector<double> &r() const { return r_; }
  /// Largest singular value of R and condition number, by a few steps of the power method: at most
  /// what they are, usually within 10 %. On rank 0.
  [[nodiscard]] double norm() const { return norm_; }
  /// ‖S·A·D‖_F, without the ridge, if that is less. On every rank.
  [[nodiscard]] double range_norm() const { return std::min(norm_, range_norm_); }
  [[nodiscard]] double condition() const { return condition_; }

  /// tile (count × n, leading dimension ld) ← tile·P in the first rank() columns of *product, which
  /// may be the tile itself when P is triangular.
  void multiply_rows(std::size_t count, double *tile, std::size_t ld, double *product) const;
  /// v ← P·v, Pᵀ·v; rank() and n numbers.
  void multiply(std::vector<double> *v) const;
  void multiply_transposed(std::vector<double> *v) const;

private:
  PetscErrorCode Collect(Mat A, const LocalRows &rows, const double *weight, const SketchSize &size,
                         std::vector<double> *sa, std::size_t *height);
  PetscErrorCode FindZeros(const LocalRows &rows, std::vector<double> *sa, std::size_t height,
                           double ridge);
  void estimate();

  MPI_Comm comm_ = MPI_COMM_NULL;
  int me_ = 0;
  std::size_t n_ = 0, rank_ = 0, zeros_ = 0;
  bool triangular_ = true;
  std::vector<std::size_t> zero_columns_;
  std::vector<double> scale_, appended_, r_, p_;
  std::vector<double> null_; // orthonormal, n numbers each
  double norm_ = 0, condition_ = 0, ratio_ = 0, range_norm_ = 0;
  Sketch sketch_; // rows 0: A itself
  // Rank 0, when kept: Householder vectors of the QR factorisation.
  std::vector<double> q_, tau_;
};

} // namespace lathe::sketching
