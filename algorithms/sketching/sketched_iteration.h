// SPDX-License-Identifier: BSD-2-Clause
// Iterations for H·z = v, H = Pᵀ(AᵀWA + λI)P of condition (1 + √(n/d))²/(1 − √(n/d))² with P from a
// sketch of d rows: what SPIR and FOSSILS (Epperly, Meier, Nakatsukasa, arXiv:2406.03468) do
// between two residuals. A is touched by products only.
#pragma once
#include "sketching/refinement.h"
#include "sketching/sketched_factor.h"

namespace lathe::sketching {

struct InnerIteration {
  bool momentum = false; // heavy ball (FOSSILS) in the place of conjugate gradients (SPIR)
  double ratio = 0.25;   // n/d, for the heavy ball
  double tolerance = 1e-14;
  double floor = 0; // an update or residual of this norm is small enough
  int most = 100;
};

/// v ← P·H⁻¹·Pᵀ·v, v on rank 0, the result on every rank. *steps += products with AᵀA. Collective;
/// a broadcast and a reduction of n numbers a step.
/// Ends when residual (conjugate gradients) or update (heavy ball) is below tolerance times what it
/// began with, when conjugate gradients stop gaining, or after `most` steps.
PetscErrorCode SolvePreconditioned(const RefinementProblem &problem, const SketchedFactor &p,
                                   const InnerIteration &how, std::vector<double> *v, int *steps);

/// Iterative sketching with momentum (Epperly, SIMAX 45 (2024)): y ← y + (1 − ρ)²·P·Pᵀ·Aᵀ(b − A·y)
/// + ρ·(y − y_before), ρ = n/d, from the y given until updates are rounding errors. Forward stable
/// only. Collective.
PetscErrorCode IterativeSketching(const RefinementProblem &problem, const SketchedFactor &p,
                                  double ratio, int most, ExpansionVector *y, int *steps);

} // namespace lathe::sketching
