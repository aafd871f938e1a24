// SPDX-License-Identifier: BSD-2-Clause
// Iterative refinement of min ‖b − A·x‖²_W + λ‖x‖² or of (AᵀA + λI)·y = t with an approximate
// inverse: x ← x + M·(Aᵀ·W·(b − A·x) − λx + t), all sums and x in expansions. It ends when the next
// correction is foretold to be too small to change the rounded x, or when corrections no longer
// shrink to half: what is left is then the noise of the sums, or M is no inverse.
#pragma once
#include "sketching/normal_residual.h"
#include <functional>

namespace lathe::sketching {

/// Everything in the variables y = D⁻¹x of the scaled matrix A·D.
struct RefinementProblem {
  const LocalRows *rows = nullptr;
  const double *b = nullptr;      // local rows; null: 0
  const double *weight = nullptr; // local rows; null: 1
  const double *target = nullptr; // D·t, n numbers; null: 0
  std::vector<double> scale = {}; // D
  std::vector<double> ridge = {}; // λD², empty: none
  double norm = 1, condition = 1; // of A·D, with the ridge
  double range_norm = 1;          // of A·D alone, at most what it is with the ridge
  double rhs_norm = 0;            // ‖b‖_W
};

struct RefinementOutcome {
  int passes = 0;         // over A
  bool converged = false; // else stagnated, or the passes are spent
  bool stagnated = false;
  double error = 0;    // relative, normwise, of y: from the last correction
  double residual = 0; // ‖b − A·x‖_W before the last correction
};

/// v ← M·v: v on rank 0, the result on every rank. Collective.
using ApproximateInverse = std::function<PetscErrorCode(std::vector<double> *v)>;

/// Is the gradient at y = 0 but the rounding errors of one that vanishes? One pass over A, in
/// `terms` doubles a number; false in one. Collective.
PetscErrorCode ZeroSolves(const RefinementProblem &problem, int terms, std::size_t n, bool *yes,
                          double *residual);

/// Noise of y of norm `size` from sums in so many terms: what g loses, amplified twice by the
/// condition, and what r of norm `residual` loses, once.
double Noise(const RefinementProblem &problem, int terms, double residual, double size);

/// One pass: g = Dᵀ(Aᵀ·W·(b − A·D·y) + t) − λD²y on rank 0. Collective.
PetscErrorCode NormalPass(const RefinementProblem &problem, const ExpansionVector &y,
                          ExpansionVector *g, double *norm2, double *residual = nullptr);

/// y refined from what it is; `passes` at most. Collective; the same y on every rank.
PetscErrorCode Refine(const RefinementProblem &problem, const ApproximateInverse &inverse,
                      int passes, ExpansionVector *y, RefinementOutcome *outcome);

} // namespace lathe::sketching
