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

  /// Columns of X for those of B, both MATDENSE; results may be null, else as many. Collective.
  /// err  ARG_WRONG, ARG_SIZ
  PetscErrorCode SolveAll(Mat B, Mat X, LatheLeastSquaresResult *results);

  /// Residual norm and backward error of any x, as in LatheLeastSquaresResult. Collective.
  PetscErrorCode Evaluate(Vec b, Vec x, PetscReal *residual_norm, PetscReal *backward_error) const;

  /// Of A, after SetUp.
  [[nodiscard]] PetscInt rank() const { return static_cast<PetscInt>(p_.rank() - p_.zeros()); }

  /// Never auto, after SetUp.
  [[nodiscard]] LatheRefine refine() const { return options_.refine; }

private:
  struct RightHandSide {
    std::vector<double> b;      // local rows over 2^exponent; or, with target_given(),
    std::vector<double> target; // D·b over 2^exponent, on every rank, and
    std::vector<double> all;    // b over 2^exponent, on every rank
    int exponent = 0;
    double norm = 0;
    double outside = 0; // with target_given(): what of b no x reaches, taken out of all and target
  };

  PetscErrorCode TakeMatrix(Mat A, Mat *tall);
  PetscErrorCode TakeProducts(double factor, Mat *tall);
  PetscErrorCode Factor();
  PetscErrorCode TakeWeights(Vec weights);
  PetscErrorCode TakeRightHandSide(Vec b, RightHandSide *rhs) const;
  void shorten(ExpansionVector *y) const;
  PetscErrorCode Iterate(const RefinementProblem &problem, ExpansionVector *y,
                         RefinementOutcome *outcome, int *steps);
  [[nodiscard]] ApproximateInverse Inverse(const RefinementProblem &problem,
                                           const ExpansionVector *y,
                                           const RefinementOutcome *outcome, int *steps) const;
  PetscErrorCode Polish(const RefinementProblem &problem, const RightHandSide &rhs,
                        ExpansionVector *y, RefinementOutcome *outcome, int *steps,
                        double *facts) const;
  PetscErrorCode PutSolution(const RefinementProblem &problem, const RightHandSide &rhs,
                             const ExpansionVector &y, Vec x) const;
  PetscErrorCode Judge(const RefinementProblem &problem, const RightHandSide &rhs,
                       std::vector<double> y, double *facts) const;
  PetscErrorCode JudgeWide(const RefinementProblem &problem, const RightHandSide &rhs, Vec x,
                           double *facts) const;
  [[nodiscard]] RefinementProblem Problem(const RightHandSide &rhs) const;
  [[nodiscard]] int terms() const;
  /// Singular values of R below this times the largest are rounding errors of its factorisation.
  [[nodiscard]] double rank_cut() const;
  [[nodiscard]] int judge_terms() const { return rows_.has_entries() ? 2 : 1; }
  [[nodiscard]] bool target_given() const { return wide_ || normal_; }

  LatheLeastSquaresOptions options_{};
  bool wide_ = false;   // m < n: A·Aᵀ·y = b, x = Aᵀ·y, with Aᵀ in the place of A
  bool normal_ = false; // AᵀA·x = b
  Mat A_ = nullptr;
  MatHandle adjoint_, entries_;
  LocalRows rows_;
  std::vector<double> weight_; // over 4^weight_exponent_: the largest in [1, 4)
  int weight_exponent_ = 0;
  double ridge_ = 0; // over 4^weight_exponent_
  SketchedFactor p_;
  NormalFactor factor_;
  std::vector<double> root_; // rank 0, see NormalFactor::root
};

} // namespace lathe::sketching
