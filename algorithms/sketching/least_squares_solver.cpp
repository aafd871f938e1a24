// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/least_squares_solver.h"
#include "core/citation.h"
#include "core/error.h"
#include "sketching/backward_error.h"
#include "sketching/least_squares_options.h"
#include "sketching/length.h"
#include "sketching/replicate.h"
#include "sketching/sketched_iteration.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

// Singular values of R below this times the largest are rounding errors of the QR factorisation.
double rank_cut(std::size_t n) {
  return 0x1p-52 * std::max(8.0, std::sqrt(static_cast<double>(n)));
}
// Above this condition, corrections that do not shrink mean dependent columns.
constexpr double suspicious_condition = 1e12;
constexpr double hopeless_ratio = 0.25;

} // namespace

int LeastSquaresSolver::terms() const {
  if (options_.method > LATHE_LS_FOSSILS)
    return 1;
  return options_.refine == LATHE_REFINE_DD ? 2 : options_.refine == LATHE_REFINE_QUAD ? 3 : 1;
}

PetscErrorCode LeastSquaresSolver::TakeWeights(Vec weights) {
  PetscFunctionBegin;
  weight_.clear();
  if (!weights)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCheck(!wide_, rows_.comm(), PETSC_ERR_SUP,
             "Weights need at least as many rows as columns: fewer equations are all satisfied, "
             "whatever their weights");
  PetscInt local = 0;
  PetscCall(VecGetLocalSize(weights, &local));
  LatheCheckAll(rows_.comm(), static_cast<std::size_t>(local) == rows_.rows(), PETSC_ERR_ARG_SIZ,
                "%" PetscInt_FMT " weights on this rank for %lld rows of the matrix", local,
                static_cast<long long>(rows_.rows()));
  const VecRead read(weights);
  weight_.assign(read.data(), read.data() + local);
  const auto bad = std::find_if(weight_.begin(), weight_.end(),
                                [](double w) { return !(w >= 0 && std::isfinite(w)); });
  LatheCheckAll(rows_.comm(), bad == weight_.end(), PETSC_ERR_FP,
                "Weight %lld is %g: weights must be >= 0 and finite",
                static_cast<long long>(rows_.first_row() + (bad - weight_.begin())),
                bad == weight_.end() ? 0.0 : *bad);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::SetUp(Mat A, Vec weights,
                                         const LatheLeastSquaresOptions &options) {
  PetscInt m = 0, n = 0;
  PetscFunctionBegin;
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscCall(CheckLeastSquaresOptions(comm, "-lathe_ls_", options));
  options_ = options;
  PetscCall(Cite("Bjorck1967 OgitaRumpOishi2005 KarlsonWalden1997"));
  if (options.method == LATHE_LS_PNE)
    PetscCall(Cite("Ipsen2025"));
  else if (options.method == LATHE_LS_ITERATIVE_SKETCHING)
    PetscCall(Cite("Epperly2024"));
  else if (options.method != LATHE_LS_SKETCH_AND_SOLVE)
    PetscCall(Cite("EpperlyMeierNakatsukasa2024"));
  PetscCall(MatGetSize(A, &m, &n));
  wide_ = m < n;
  A_ = A;
  if (wide_) {
    PetscCall(MatTranspose(A, MAT_INITIAL_MATRIX, adjoint_.out()));
    A = adjoint_;
  }
  PetscCall(rows_.Create(A));
  PetscCall(TakeWeights(weights));
  const bool pne = options.method == LATHE_LS_PNE;
  const double factor = options.factor > 0 ? static_cast<double>(options.factor)
                        : pne              ? 2
                        : rows_.dense()    ? 12
                                           : 4;
  PetscCall(p_.Create(A, rows_, weight_.empty() ? nullptr : weight_.data(),
                      static_cast<double>(options.ridge),
                      {.factor = factor,
                       .nonzeros = static_cast<int>(options.nonzeros),
                       .seed = options.seed,
                       .keep = !pne && !wide_}));
  if (!(p_.condition() < 1 / rank_cut(p_.cols())))
    PetscCall(p_.Truncate(rank_cut(p_.cols())));
  PetscCall(Factor());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// C, for pne only; and the triangular factor that backward errors need.
PetscErrorCode LeastSquaresSolver::Factor() {
  bool definite = false;
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
  if (options_.method != LATHE_LS_PNE) {
    if (me == 0)
      root_ = p_.r();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const double *weight = weight_.empty() ? nullptr : weight_.data();
  PetscCall(factor_.Create(rows_, weight, p_, &definite));
  for (double cut = 1e-13; !definite && cut < 1; cut *= 100) {
    PetscCall(p_.Truncate(cut));
    PetscCall(factor_.Create(rows_, weight, p_, &definite));
  }
  PetscCheck(definite, rows_.comm(), PETSC_ERR_LIB,
             "The Gram matrix of the sketched basis is not positive definite; take a larger sketch "
             "(-lathe_ls_factor, now %g)",
             1 / std::max(p_.ratio(), 1e-300));
  if (me == 0)
    root_ = p_.triangular() ? factor_.root(p_) : p_.r();
  PetscFunctionReturn(PETSC_SUCCESS);
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
    if (!wide_)
      rhs->b.assign(read.data(), read.data() + local);
  }
  LatheCheckAll(comm, bad < 0, PETSC_ERR_FP,
                "Entry %" PetscInt_FMT " of the right-hand side is infinite or NaN", begin + bad);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, comm));
  rhs->exponent = largest > 0 ? std::ilogb(largest) : 0;
  double square = 0;
  if (wide_) {
    PetscCall(Replicate(b, &rhs->all));
    rhs->target.resize(rhs->all.size());
    for (std::size_t j = 0; j < rhs->all.size(); ++j) {
      rhs->all[j] = std::scalbn(rhs->all[j], -rhs->exponent);
      rhs->target[j] = rhs->all[j] * p_.scale()[j];
    }
    rhs->norm = length(rhs->all.data(), rhs->all.size());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (std::size_t i = 0; i < rhs->b.size(); ++i) {
    rhs->b[i] = std::scalbn(rhs->b[i], -rhs->exponent);
    square += rhs->b[i] * rhs->b[i] * (weight_.empty() ? 1 : weight_[i]);
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &square, 1, MPI_DOUBLE, MPI_SUM, comm));
  rhs->norm = std::sqrt(square);
  PetscFunctionReturn(PETSC_SUCCESS);
}

RefinementProblem LeastSquaresSolver::Problem(const RightHandSide &rhs) const {
  RefinementProblem problem{.rows = &rows_,
                            .b = wide_ ? nullptr : rhs.b.data(),
                            .weight = weight_.empty() ? nullptr : weight_.data(),
                            .target = wide_ ? rhs.target.data() : nullptr,
                            .scale = p_.scale(),
                            .norm = p_.norm(),
                            .condition = p_.condition(),
                            .rhs_norm = wide_ ? 0 : rhs.norm};
  if (options_.ridge > 0)
    for (double d : p_.scale())
      problem.ridge.push_back(static_cast<double>(options_.ridge) * d * d);
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
    const double floor = !single || wide_ ? 0 : first ? std::max(stable, rounding) : stable;
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
  if (!pne && !wide_) { // from zero these would not be stable (Epperly, SIMAX 45 (2024))
    std::vector<double> start;
    PetscCall(p_.Start(rows_, problem.weight, problem.b, &start));
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

PetscErrorCode LeastSquaresSolver::Solve(Vec b, Vec x, LatheLeastSquaresResult *result) {
  RightHandSide rhs;
  ExpansionVector y;
  RefinementOutcome outcome;
  int steps = 0;
  double facts[2] = {0, 0};
  PetscFunctionBegin;
  PetscCall(TakeRightHandSide(b, &rhs));
  RefinementProblem problem = Problem(rhs);
  PetscCall(Iterate(problem, &y, &outcome, &steps));
  // The same number on every rank: from corrections and y, which all hold.
  if (p_.triangular() && terms() > 1 && outcome.ratio > hopeless_ratio &&
      p_.condition() > suspicious_condition) {
    PetscCall(p_.Truncate(16 * rank_cut(p_.cols())));
    PetscCall(Factor());
    problem = Problem(rhs);
    PetscCall(Iterate(problem, &y, &outcome, &steps));
  }
  *result = {};
  result->rank = static_cast<PetscInt>(p_.rank() - p_.zeros());
  result->refinements = std::max(outcome.passes - 1, 0);
  result->iterations = steps;
  result->cond_estimate = static_cast<PetscReal>(p_.condition());
  PetscCall(PutSolution(problem, rhs, y, x));
  if (wide_)
    PetscCall(JudgeWide(problem, rhs, x, facts));
  else
    PetscCall(Judge(problem, rhs, {y.head(), y.head() + y.n}, facts));
  result->residual_norm = static_cast<PetscReal>(std::scalbn(facts[0], rhs.exponent));
  result->backward_error = static_cast<PetscReal>(facts[1]);
  // One double leaves more open than the last correction shows.
  const double size = length(y.head(), y.n);
  double error = outcome.error;
  if (options_.method == LATHE_LS_SKETCH_AND_SOLVE)
    error = 1;
  else if (terms() == 1 && size > 0)
    error = std::max(error, Noise(problem, 1, wide_ ? 0 : facts[0], size) / size);
  result->digits =
      static_cast<PetscReal>(std::clamp(-std::log10(std::max(error, 1e-17)), 0.0, 16.0));
  const bool stable = result->backward_error <= 1e-15;
  result->reason = outcome.converged || error <= 0x1p-53 || (terms() == 1 && stable)
                       ? LATHE_LS_CONVERGED
                   : outcome.stagnated || terms() == 1 ? LATHE_LS_STAGNATED
                                                       : LATHE_LS_STEPS_SPENT;
  if (result->reason > 0 && p_.rank() - p_.zeros() < p_.cols())
    result->reason = LATHE_LS_RANK_DEFICIENT;
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

// facts ← residual norm over 2^exponent and backward error of D·y.
PetscErrorCode LeastSquaresSolver::Judge(const RefinementProblem &problem, const RightHandSide &rhs,
                                         std::vector<double> y, double *facts) const {
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
  const std::size_t n = p_.cols();
  const double size = length(y);
  ExpansionVector rounded(2, n), g;
  std::copy(y.begin(), y.end(), rounded.value.begin());
  facts[0] = facts[1] = 0;
  PetscCall(NormalPass(problem, rounded, &g, facts));
  if (me == 0) {
    facts[0] = std::sqrt(facts[0]);
    facts[1] = rhs.norm > 0 ? karlson_walden({.n = n,
                                              .root = root_.data(),
                                              .gradient = g.head(),
                                              .residual_norm = facts[0],
                                              .solution_norm = size,
                                              .rhs_norm = rhs.norm})
                            : 0;
  }
  PetscCall(CopyFromFirst(rows_.comm(), facts, 2));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// ‖b − A·x‖ over 2^exponent and over ‖A‖_F·‖x‖ + ‖b‖, or with a ridge what x = Aᵀ·y leaves open.
PetscErrorCode LeastSquaresSolver::JudgeWide(const RefinementProblem &problem,
                                             const RightHandSide &rhs, Vec x, double *facts) const {
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
  std::vector<double> scaled;
  {
    const VecRead read(x);
    for (std::size_t i = 0; i < rows_.rows(); ++i)
      scaled.push_back(std::scalbn(read.data()[i], -rhs.exponent));
  }
  ExpansionVector g;
  double norm2 = 0;
  RefinementProblem pass = problem;
  pass.target = nullptr;
  pass.ridge.clear();
  pass.b = scaled.data();
  PetscCall(NormalPass(pass, ExpansionVector(2, p_.cols()), &g, &norm2)); // D·A·x
  facts[0] = facts[1] = 0;
  if (me == 0) {
    std::vector<double> r(p_.cols());
    for (std::size_t j = 0; j < p_.cols(); ++j) {
      Expansion e = g.get(j);
      e.add(-rhs.target[j], 2);
      r[j] = (e.term[0] + e.term[1]) / p_.scale()[j];
    }
    facts[0] = length(r);
    const double size = length(root_) * std::sqrt(norm2) + rhs.norm;
    facts[1] = size > 0 && !(options_.ridge > 0) ? facts[0] / size : 0;
  }
  PetscCall(CopyFromFirst(rows_.comm(), facts, 2));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::Evaluate(Vec b, Vec x, PetscReal *residual_norm,
                                            PetscReal *backward_error) const {
  RightHandSide rhs;
  double facts[2] = {0, 0};
  PetscFunctionBegin;
  PetscCall(TakeRightHandSide(b, &rhs));
  const RefinementProblem problem = Problem(rhs);
  if (wide_) {
    PetscCall(JudgeWide(problem, rhs, x, facts));
  } else {
    std::vector<double> y;
    PetscCall(Replicate(x, &y));
    for (std::size_t j = 0; j < y.size(); ++j)
      y[j] = std::scalbn(y[j] / p_.scale()[j], -rhs.exponent);
    PetscCall(Judge(problem, rhs, std::move(y), facts));
  }
  *residual_norm = static_cast<PetscReal>(std::scalbn(facts[0], rhs.exponent));
  *backward_error = static_cast<PetscReal>(facts[1]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching

PetscErrorCode LatheLeastSquares(Mat A, Vec b, Vec weights, Vec x,
                                 const LatheLeastSquaresOptions *options,
                                 LatheLeastSquaresResult *result) {
  LatheLeastSquaresOptions chosen;
  LatheLeastSquaresResult found;
  PetscFunctionBegin;
  PetscCheck(A && b && x, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "A, b or x is NULL");
  if (options)
    chosen = *options;
  else
    PetscCall(LatheLeastSquaresOptionsSetDefaults(&chosen));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(A)),
             lathe::sketching::LeastSquaresSolver solver;
             PetscCall(solver.SetUp(A, weights, chosen)); PetscCall(solver.Solve(b, x, &found)));
  if (result)
    *result = found;
  PetscFunctionReturn(PETSC_SUCCESS);
}
