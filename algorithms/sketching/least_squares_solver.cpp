// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/least_squares_solver.h"
#include "core/error.h"
#include "sketching/length.h"
#include "sketching/replicate.h"
#include "sketching/sketched_iteration.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

// Above this condition, corrections that stay as large as the solution mean dependent columns.
constexpr double suspicious_condition = 1e12;
constexpr double hopeless_error = 1e-3;

} // namespace

int LeastSquaresSolver::terms() const {
  if (options_.method > LATHE_LS_FOSSILS)
    return 1;
  return options_.refine == LATHE_REFINE_DD ? 2 : options_.refine == LATHE_REFINE_QUAD ? 3 : 1;
}

PetscErrorCode LeastSquaresSolver::TakeRightHandSide(Vec b, RightHandSide *rhs) const {
  PetscInt local = 0, begin = 0, wanted = 0;
  PetscFunctionBegin;
  const MPI_Comm comm = rows_.comm();
  PetscCall(VecGetLocalSize(b, &local));
  PetscCall(VecGetOwnershipRange(b, &begin, nullptr));
  PetscCall(MatGetLocalSize(A_, &wanted, nullptr));
  LatheCheckAll(comm, local == wanted, PETSC_ERR_ARG_SIZ,
                "The right-hand side has %" PetscInt_FMT
                " entries on this rank, the matrix %" PetscInt_FMT " rows",
                local, wanted);
  double largest = 0;
  PetscInt bad = -1;
  {
    const VecRead read(b);
    for (PetscInt i = 0; i < local; ++i) {
      if (!std::isfinite(read.data()[i]) && bad < 0)
        bad = i;
      largest = std::max(largest, std::fabs(read.data()[i]));
    }
    if (!target_given())
      rhs->b.assign(read.data(), read.data() + local);
  }
  LatheCheckAll(comm, bad < 0, PETSC_ERR_FP,
                "Entry %" PetscInt_FMT " of the right-hand side is infinite or NaN", begin + bad);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, comm));
  rhs->exponent = largest > 0 ? std::max(std::ilogb(largest), -1000) : 0; // 2^1000 is finite
  double square = 0;
  if (target_given()) {
    PetscCall(Replicate(b, &rhs->all));
    for (double &e : rhs->all)
      e = std::scalbn(e, -rhs->exponent);
    std::vector<double> outside = rhs->all;
    p_.remove_null(rhs->all.data());
    rhs->target.resize(rhs->all.size());
    for (std::size_t j = 0; j < rhs->all.size(); ++j) {
      outside[j] -= rhs->all[j];
      rhs->target[j] = rhs->all[j] * p_.scale()[j];
    }
    rhs->outside = length(outside);
    rhs->norm = length(rhs->all.data(), rhs->all.size());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const double unit = std::scalbn(1.0, -rhs->exponent);
  for (std::size_t i = 0; i < rhs->b.size(); ++i) {
    rhs->b[i] *= unit;
    square += rhs->b[i] * rhs->b[i] * (weight_.empty() ? 1 : weight_[i]);
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &square, 1, MPI_DOUBLE, MPI_SUM, comm));
  rhs->norm = std::sqrt(square);
  PetscFunctionReturn(PETSC_SUCCESS);
}

RefinementProblem LeastSquaresSolver::Problem(const RightHandSide &rhs) const {
  RefinementProblem problem{.rows = &rows_,
                            .b = target_given() ? nullptr : rhs.b.data(),
                            .weight = weight_.empty() ? nullptr : weight_.data(),
                            .target = target_given() ? rhs.target.data() : nullptr,
                            .scale = p_.scale(),
                            .norm = p_.norm(),
                            .condition = p_.condition(),
                            .range_norm = p_.range_norm(),
                            .rhs_norm = target_given() ? 0 : rhs.norm};
  if (ridge_ > 0)
    for (double d : p_.scale())
      problem.ridge.push_back(ridge_ * d * d);
  return problem;
}

ApproximateInverse LeastSquaresSolver::Inverse(const RefinementProblem &problem,
                                               const ExpansionVector *y,
                                               const RefinementOutcome *outcome, int *steps) const {
  if (options_.method == LATHE_LS_PNE)
    return [this](std::vector<double> *v) -> PetscErrorCode {
      int me = 0;
      PetscFunctionBegin;
      PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
      if (me == 0)
        factor_.solve(p_, v);
      PetscCall(CopyFromFirst(rows_.comm(), v->data(), v->size()));
      PetscFunctionReturn(PETSC_SUCCESS);
    };
  return [this, &problem, y, outcome, steps](std::vector<double> *v) -> PetscErrorCode {
    PetscFunctionBegin;
    // In one double the first round need not go below the rounding errors of the residual, and no
    // round below a backward error of an eighth of a unit roundoff: η ≤ ‖Pᵀg‖/√(‖b‖² + ‖A‖_F²‖y‖²).
    const double size = length(y->head(), y->n);
    const bool single = terms() == 1, first = single && outcome->passes == 0;
    const double stable = 0x1p-56 * std::hypot(problem.rhs_norm, length(p_.r()) * size);
    const double rounding =
        0x1.4p-49 * (p_.norm() * size + 0.04 * p_.condition() * outcome->residual);
    // With a ridge the root holds that, too, and could hide all of A.
    const double floor = !single || target_given() || ridge_ > 0 ? 0
                         : first                                 ? std::max(stable, rounding)
                                                                 : stable;
    PetscCall(SolvePreconditioned(problem, p_,
                                  {.momentum = options_.method == LATHE_LS_FOSSILS,
                                   .ratio = p_.ratio(),
                                   .tolerance = first ? 1e-14 : 1e-9,
                                   .floor = floor},
                                  v, steps));
    PetscFunctionReturn(PETSC_SUCCESS);
  };
}

PetscErrorCode LeastSquaresSolver::Iterate(const RefinementProblem &problem, ExpansionVector *y,
                                           RefinementOutcome *outcome, int *steps) {
  PetscFunctionBegin;
  *y = ExpansionVector(terms(), p_.cols());
  *steps = 0;
  *outcome = {};
  const bool pne = options_.method == LATHE_LS_PNE;
  if (!pne && !target_given()) { // from zero these would not be stable (Epperly, SIMAX 45 (2024))
    std::vector<double> start;
    double fitted = 0;
    bool zero = false;
    PetscCall(p_.Start(rows_, problem.weight, problem.b, &start, &fitted));
    // The sketch sees √(n/d) of what is orthogonal to the range: a pass from zero can tell.
    if (terms() > 1 && fitted <= 3 * std::sqrt(std::max(p_.ratio(), 0x1p-80)) * problem.rhs_norm)
      PetscCall(ZeroSolves(problem, terms(), p_.cols(), &zero, &outcome->residual));
    if (zero) {
      outcome->converged = true;
      outcome->passes = 1;
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    std::copy(start.begin(), start.end(), y->value.begin());
  }
  if (options_.method == LATHE_LS_SKETCH_AND_SOLVE)
    PetscFunctionReturn(PETSC_SUCCESS);
  if (options_.method == LATHE_LS_ITERATIVE_SKETCHING) {
    PetscCall(IterativeSketching(problem, p_, p_.ratio(), 150, y, steps));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const int passes = options_.refine == LATHE_REFINE_NONE ? 1
                     : options_.refine == LATHE_REFINE_DOUBLE
                         ? (pne ? 3 : 2)
                         : 1 + static_cast<int>(options_.max_refinements);
  PetscCall(Refine(problem, Inverse(problem, y, outcome, steps), passes, y, outcome));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// y ← that of the shortest D·y with the same A·D·y.
void LeastSquaresSolver::shorten(ExpansionVector *y) const {
  std::vector<double> x(y->n);
  for (std::size_t j = 0; j < y->n; ++j)
    x[j] = y->value[j] * p_.scale()[j];
  p_.remove_null(x.data());
  for (std::size_t j = 0; j < y->n; ++j)
    y->add(j, x[j] / p_.scale()[j] - y->value[j]);
}

PetscErrorCode LeastSquaresSolver::Solve(Vec b, Vec x, LatheLeastSquaresResult *result) {
  RightHandSide rhs;
  ExpansionVector y;
  RefinementOutcome outcome;
  int steps = 0;
  double facts[2] = {0, 0};
  PetscInt local = 0, wanted = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x, &local));
  PetscCall(MatGetLocalSize(A_, nullptr, &wanted));
  LatheCheckAll(rows_.comm(), local == wanted, PETSC_ERR_ARG_SIZ,
                "The solution has %" PetscInt_FMT " entries on this rank, the matrix %" PetscInt_FMT
                " columns",
                local, wanted);
  PetscCall(TakeRightHandSide(b, &rhs));
  RefinementProblem problem = Problem(rhs);
  PetscCall(Iterate(problem, &y, &outcome, &steps));
  // The same number on every rank: from corrections and y, which all hold.
  if (p_.triangular() && terms() > 1 && !outcome.converged && outcome.error > hopeless_error &&
      p_.condition() > suspicious_condition) {
    PetscCall(p_.Truncate(16 * rank_cut()));
    PetscCall(Factor());
    PetscCall(TakeRightHandSide(b, &rhs));
    problem = Problem(rhs);
    PetscCall(Iterate(problem, &y, &outcome, &steps));
  }
  if (!wide_ && !p_.triangular())
    shorten(&y);
  *result = {};
  result->rank = static_cast<PetscInt>(p_.rank() - p_.zeros());
  result->cond_estimate = static_cast<PetscReal>(p_.condition());
  if (wide_) {
    PetscCall(PutSolution(problem, rhs, y, x));
    PetscCall(JudgeWide(problem, rhs, x, facts));
  } else {
    PetscCall(Judge(problem, rhs, {y.head(), y.head() + y.n}, facts));
    PetscCall(Polish(problem, rhs, &y, &outcome, &steps, facts));
    PetscCall(PutSolution(problem, rhs, y, x));
  }
  PetscReal largest = 0;
  PetscCall(VecNorm(x, NORM_INFINITY, &largest));
  if (!std::isfinite(largest)) { // components too large for a double: no solution
    facts[1] = INFINITY;
    outcome.error = 1;
    outcome.converged = false;
    outcome.stagnated = true;
  }
  result->refinements = std::max(outcome.passes - 1, 0);
  result->iterations = steps;
  result->residual_norm =
      static_cast<PetscReal>(std::scalbn(facts[0], rhs.exponent + weight_exponent_));
  result->backward_error = static_cast<PetscReal>(facts[1]);
  // One double leaves more open than the last correction shows.
  const double size = length(y.head(), y.n);
  double error = outcome.error;
  if (options_.method == LATHE_LS_SKETCH_AND_SOLVE)
    error = 1;
  else if (terms() == 1 && size > 0)
    error = std::max(error, Noise(problem, 1, target_given() ? 0 : facts[0], size) / size);
  result->digits =
      static_cast<PetscReal>(std::clamp(0 - std::log10(std::max(error, 1e-17)), 0.0, 16.0));
  const bool stable = result->backward_error <= 1e-15;
  result->reason = outcome.converged || error <= 0x1p-53 || (terms() == 1 && stable)
                       ? LATHE_LS_CONVERGED
                   : outcome.stagnated || terms() == 1 ? LATHE_LS_STAGNATED
                                                       : LATHE_LS_STEPS_SPENT;
  if (result->reason > 0 && p_.rank() - p_.zeros() < p_.cols())
    result->reason = LATHE_LS_RANK_DEFICIENT;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// More rounds in one double, while the backward error is above a rounding (two for spir and
// fossils, whose rounds cost more) and it or the residual falls; the best y is kept. One problem in
// 20 of condition 1e13 wants a round. Numerically rank deficient ones may begin with a y so much
// too long that a residual of 1e-4·‖b‖ is a small backward error: theirs go on while the residual
// falls.
PetscErrorCode LeastSquaresSolver::Polish(const RefinementProblem &problem,
                                          const RightHandSide &rhs, ExpansionVector *y,
                                          RefinementOutcome *outcome, int *steps,
                                          double *facts) const {
  PetscFunctionBegin;
  if (options_.method > LATHE_LS_FOSSILS || terms() > 1 || target_given() ||
      options_.refine == LATHE_REFINE_NONE)
    PetscFunctionReturn(PETSC_SUCCESS);
  const double enough = options_.method == LATHE_LS_PNE ? 0x1p-53 : 0x1p-52;
  ExpansionVector now = *y;
  double residual = facts[0];
  for (int round = 0; round < 12 && (facts[1] > enough || !p_.triangular()); ++round) {
    RefinementOutcome more;
    double judged[2] = {0, 0};
    PetscCall(Refine(problem, Inverse(problem, &now, outcome, steps), 1, &now, &more));
    if (!p_.triangular())
      shorten(&now);
    PetscCall(Judge(problem, rhs, {now.head(), now.head() + now.n}, judged));
    ++outcome->passes;
    const bool shorter = judged[0] < 0.5 * facts[0] && judged[1] <= std::max(enough, 2 * facts[1]);
    if (judged[1] < facts[1] || shorter) {
      *y = now;
      std::copy_n(judged, 2, facts);
    } else if (!(judged[0] < 0.5 * residual)) {
      break;
    }
    residual = judged[0];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// x = D·y, or Aᵀ·y where A is wide: the negative residual without b.
PetscErrorCode LeastSquaresSolver::PutSolution(const RefinementProblem &problem,
                                               const RightHandSide &rhs, const ExpansionVector &y,
                                               Vec x) const {
  PetscInt begin = 0, end = 0;
  PetscScalar *out = nullptr;
  PetscFunctionBegin;
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  const auto local = static_cast<std::size_t>(end - begin);
  if (!wide_) {
    PetscCall(VecGetArrayWrite(x, &out));
    for (std::size_t i = 0; i < local; ++i) {
      const std::size_t j = static_cast<std::size_t>(begin) + i;
      out[i] = std::scalbn(y.value[j] * p_.scale()[j], rhs.exponent);
    }
    PetscCall(VecRestoreArrayWrite(x, &out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  std::vector<double> solution(rows_.rows());
  ExpansionVector g;
  double norm2 = 0;
  RefinementProblem pass = problem;
  pass.target = nullptr;
  pass.ridge.clear();
  PetscCall(NormalPass(pass, y, &g, &norm2, solution.data()));
  PetscCall(VecGetArrayWrite(x, &out));
  for (std::size_t i = 0; i < local; ++i)
    out[i] = solution[i] == 0 ? 0 : std::scalbn(-solution[i], rhs.exponent);
  PetscCall(VecRestoreArrayWrite(x, &out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::SolveAll(Mat B, Mat X, LatheLeastSquaresResult *results) {
  PetscBool dense[2] = {PETSC_FALSE, PETSC_FALSE};
  MatType types[2] = {nullptr, nullptr};
  PetscInt columns = 0, solutions = 0;
  PetscFunctionBegin;
  for (int k = 0; k < 2; ++k) {
    const Mat M = k == 0 ? B : X;
    PetscCall(MatGetType(M, &types[k]));
    PetscCall(PetscObjectTypeCompareAny(reinterpret_cast<PetscObject>(M), &dense[k], MATSEQDENSE,
                                        MATMPIDENSE, ""));
  }
  PetscCheck(dense[0] && dense[1], rows_.comm(), PETSC_ERR_ARG_WRONG,
             "Right-hand sides and solutions must be MATDENSE; they are %s and %s", types[0],
             types[1]);
  PetscCall(MatGetSize(B, nullptr, &columns));
  PetscCall(MatGetSize(X, nullptr, &solutions));
  PetscCheck(columns == solutions, rows_.comm(), PETSC_ERR_ARG_SIZ,
             "%" PetscInt_FMT " right-hand sides, and room for %" PetscInt_FMT " solutions",
             columns, solutions);
  PetscInt local[2] = {0, 0}, wanted[2] = {0, 0};
  PetscCall(MatGetLocalSize(B, &local[0], nullptr));
  PetscCall(MatGetLocalSize(X, &local[1], nullptr));
  PetscCall(MatGetLocalSize(A_, &wanted[0], &wanted[1]));
  LatheCheckAll(rows_.comm(), local[0] == wanted[0] && local[1] == wanted[1], PETSC_ERR_ARG_SIZ,
                "Right-hand sides and solutions have %" PetscInt_FMT " and %" PetscInt_FMT
                " rows on this rank, the matrix %" PetscInt_FMT " rows and %" PetscInt_FMT
                " columns",
                local[0], local[1], wanted[0], wanted[1]);
  for (PetscInt j = 0; j < columns; ++j) {
    Vec b = nullptr, x = nullptr;
    LatheLeastSquaresResult result;
    const std::size_t rank = p_.rank();
    PetscCall(MatDenseGetColumnVecRead(B, j, &b));
    PetscCall(MatDenseGetColumnVecWrite(X, j, &x));
    PetscCall(Solve(b, x, &result));
    PetscCall(MatDenseRestoreColumnVecWrite(X, j, &x));
    PetscCall(MatDenseRestoreColumnVecRead(B, j, &b));
    if (results)
      results[j] = result;
    if (p_.rank() != rank) // this one has shown dependent columns, which are so for all
      j = -1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching

static PetscErrorCode SolveOneOrAll(Mat A, Vec b, Mat B, Vec weights, Vec x, Mat X,
                                    const LatheLeastSquaresOptions *options,
                                    LatheLeastSquaresResult *results) {
  LatheLeastSquaresOptions chosen;
  LatheLeastSquaresResult found;
  PetscFunctionBegin;
  PetscCheck(A && (b || B) && (x || X), PETSC_COMM_SELF, PETSC_ERR_ARG_NULL,
             "Matrix, right-hand side or solution is NULL");
  if (options)
    chosen = *options;
  else
    PetscCall(LatheLeastSquaresOptionsSetDefaults(&chosen));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(A)), {
    lathe::sketching::LeastSquaresSolver solver;
    PetscCall(solver.SetUp(A, weights, chosen));
    if (B)
      PetscCall(solver.SolveAll(B, X, results));
    else
      PetscCall(solver.Solve(b, x, results ? results : &found));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheLeastSquares(Mat A, Vec b, Vec weights, Vec x,
                                 const LatheLeastSquaresOptions *options,
                                 LatheLeastSquaresResult *result) {
  PetscFunctionBegin;
  PetscCall(SolveOneOrAll(A, b, nullptr, weights, x, nullptr, options, result));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatLeastSquares(Mat A, Mat B, Vec weights, Mat X,
                                    const LatheLeastSquaresOptions *options,
                                    LatheLeastSquaresResult results[]) {
  PetscFunctionBegin;
  PetscCall(SolveOneOrAll(A, nullptr, B, weights, nullptr, X, options, results));
  PetscFunctionReturn(PETSC_SUCCESS);
}
