// SPDX-License-Identifier: BSD-2-Clause
// The solver behind least_squares.h: one set-up for a matrix, any number of right-hand sides.
#pragma once
#include "core/handle.h"
#include "sketching/least_squares.h"
#include "sketching/normal_factor.h"
#include "sketching/refinement.h"

namespace lathe::sketching {

class LeastSquaresSolver {
public:
  /// Sketch and factor. `weights` may be null. Collective on A, which must outlive *this unchanged.
  /// Errors as LatheLeastSquares.
  PetscErrorCode SetUp(Mat A, Vec weights, const LatheLeastSquaresOptions &options);

  /// x for one b. Collective.
  PetscErrorCode Solve(Vec b, Vec x, LatheLeastSquaresResult *result);

  /// Residual norm and backward error of any x, as in LatheLeastSquaresResult. Collective.
  PetscErrorCode Evaluate(Vec b, Vec x, PetscReal *residual_norm, PetscReal *backward_error) const;

  /// Of A, after SetUp.
  [[nodiscard]] PetscInt rank() const { return static_cast<PetscInt>(p_.rank() - p_.zeros()); }

private:
  struct RightHandSide {
    std::vector<double> b;      // local rows over 2^exponent; empty when wide
    std::vector<double> target; // wide: D·b over 2^exponent, on every rank
    std::vector<double> all;    // wide: b over 2^exponent, on every rank
    int exponent = 0;
    double norm = 0;
  };

  PetscErrorCode Factor();
  PetscErrorCode TakeWeights(Vec weights);
  PetscErrorCode TakeRightHandSide(Vec b, RightHandSide *rhs) const;
  PetscErrorCode Iterate(const RefinementProblem &problem, ExpansionVector *y,
                         RefinementOutcome *outcome, int *steps);
  [[nodiscard]] ApproximateInverse Inverse(const RefinementProblem &problem,
                                           const ExpansionVector *y,
                                           const RefinementOutcome *outcome, int *steps) const;
  PetscErrorCode PutSolution(const RefinementProblem &problem, const RightHandSide &rhs,
                             const ExpansionVector &y, Vec x) const;
  PetscErrorCode Judge(const RefinementProblem &problem, const RightHandSide &rhs,
                       std::vector<double> y, double *facts) const;
  PetscErrorCode JudgeWide(const RefinementProblem &problem, const RightHandSide &rhs, Vec x,
                           double *facts) const;
  [[nodiscard]] RefinementProblem Problem(const RightHandSide &rhs) const;
  [[nodiscard]] int terms() const;

  LatheLeastSquaresOptions options_{};
  bool wide_ = false; // m < n: A·Aᵀ·y = b, x = Aᵀ·y, with Aᵀ in the place of A
  Mat A_ = nullptr;
  MatHandle adjoint_;
  LocalRows rows_;
  std::vector<double> weight_;
  SketchedFactor p_;
  NormalFactor factor_;
  std::vector<double> root_; // rank 0, see NormalFactor::root
};

} // namespace lathe::sketching
