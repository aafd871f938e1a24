// SPDX-License-Identifier: BSD-2-Clause
// Krylov bases whose least-squares problems are solved in the space of a sketch S, d × n with d a
// few times the number of basis vectors:
//
//   truncated   b_{j+1} ∝ A·b_j − Σ h_ij·b_i over the last k vectors only, y = argmin ‖S(r −
//   A·B·y)‖
//               (sketched GMRES: Nakatsukasa, Tropp, SIAM J. Matrix Anal. Appl. 2024). The basis
//               may become ill conditioned; a cycle ends when cond(S·A·B) passes a limit.
//   randomized  h = argmin ‖S·(A·q_j − Q·h)‖, q_{j+1} ∝ A·q_j − Q·h: S·Q is orthonormal, so Q is
//               well conditioned, at the cost of one pass of Gram-Schmidt (Balabanov, Grigori, SIAM
//               J. Sci. Comput. 2022)
//
// Reductions, m steps: truncated m + 1 of k + 1 numbers and about m/16 + 8 of up to 16·d (S·B comes
// by panels, and S·A·B = S·B·H needs none); randomized 2m + 1 of d. Class R2, as dot products of
// PETSc are. Real and complex scalars; S is real.
#pragma once
#include "core/handle.h"
#include "sketching/appended_qr.h"
#include "sketching/krylov_sketch.h"
#include <cstdint>
#include <functional>
#include <vector>

namespace lathe::sketching {

struct SketchedGmresOptions {
  bool randomized = false; ///< else truncated
  PetscInt restart = 100;  ///< basis vectors of a cycle
  PetscInt truncate = 4;   ///< k
  PetscReal factor = 2;    ///< d over restart + 1
  PetscInt nonzeros = 8;   ///< ζ
  PetscInt seed = 1;
  PetscReal cond_max = 1e12; ///< of S·A·B, truncated only
};

class SketchedArnoldi {
public:
  using Apply = std::function<PetscErrorCode(Vec v, Vec w)>; ///< w ← A·v
  /// After column `columns` of a cycle, with the sketched residual norm; *stop ends the cycle,
  /// which then uses what else it has.
  using Observe = std::function<PetscErrorCode(PetscInt columns, double residual, bool *stop)>;

  /// Collective. err  ARG_OUTOFRANGE d above KrylovSketch::max_rows
  PetscErrorCode Create(Vec like, const SketchedGmresOptions &options);
  /// A basis of at most `most` (and restart) vectors for A·z ≈ r, ‖r‖ = norm. Collective.
  PetscErrorCode Cycle(Vec r, double norm, PetscInt most, const Apply &apply,
                       const Observe &observe);
  /// z ← B·y for the first `count` of the columns so far, also within a cycle. Collective.
  PetscErrorCode Correction(PetscInt count, Vec z);

  [[nodiscard]] PetscInt columns() const { return static_cast<PetscInt>(shown_); }
  /// Sketched residual norm with the first `count` columns.
  [[nodiscard]] double residual(PetscInt count) const {
    return least_squares_.residual(static_cast<std::size_t>(count));
  }
  /// Largest condition number of S·A·B (truncated) or of the Hessenberg matrix at the end of
  /// cycles.
  [[nodiscard]] double condition() const { return condition_; }
  [[nodiscard]] std::int64_t sketch_rows() const { return static_cast<std::int64_t>(d_); }

private:
  PetscErrorCode Grow(std::size_t count);
  PetscErrorCode TruncatedStep(std::size_t j, const Apply &apply, bool *broke);
  PetscErrorCode TruncatedCycle(std::size_t most, const Apply &apply, const Observe &observe);
  PetscErrorCode RandomizedStep(std::size_t j, const Apply &apply, bool *broke);
  PetscErrorCode RandomizedCycle(std::size_t most, const Apply &apply, const Observe &observe);
  PetscErrorCode Sketch(std::size_t first, std::size_t count);

  SketchedGmresOptions options_;
  KrylovSketch sketch_;
  VecHandle like_;
  std::vector<VecHandle> owned_;
  std::vector<Vec> basis_;
  std::size_t d_ = 0;
  std::vector<PetscScalar> sketched_; // S·B, d × …
  std::vector<PetscScalar> h_;        // H, (restart + 1) × restart
  AppendedQr least_squares_;
  std::size_t shown_ = 0; // columns that have been observed
  double condition_ = 0;
};

} // namespace lathe::sketching
