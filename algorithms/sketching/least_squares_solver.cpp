// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/least_squares_solver.h"
#include "core/citation.h"
#include "core/error.h"
#include "sketching/backward_error.h"
#include "sketching/least_squares_options.h"
#include "sketching/length.h"
#include "sketching/replicate.h"
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

// All entries of v on every rank, in their order.
PetscErrorCode Replicate(Vec v, std::vector<double> *all) {
  ScatterHandle scatter;
  VecHandle copy;
  PetscFunctionBegin;
  PetscCall(VecScatterCreateToAll(v, scatter.out(), copy.out()));
  PetscCall(VecScatterBegin(scatter, v, copy, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecScatterEnd(scatter, v, copy, INSERT_VALUES, SCATTER_FORWARD));
  const VecRead read(copy);
  PetscInt n = 0;
  PetscCall(VecGetSize(v, &n));
  all->assign(read.data(), read.data() + n);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int LeastSquaresSolver::terms() const {
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
  PetscCall(MatGetSize(A, &m, &n));
  wide_ = m < n;
  A_ = A;
  if (wide_) {
    PetscCall(MatTranspose(A, MAT_INITIAL_MATRIX, adjoint_.out()));
    A = adjoint_;
  }
  PetscCall(rows_.Create(A));
  PetscCall(TakeWeights(weights));
  PetscCall(p_.Create(A, rows_, weight_.empty() ? nullptr : weight_.data(),
                      static_cast<double>(options.ridge),
                      {.factor = static_cast<double>(options.factor),
                       .nonzeros = static_cast<int>(options.nonzeros),
                       .seed = options.seed}));
  if (!(p_.condition() < 1 / rank_cut(p_.cols())))
    PetscCall(p_.Truncate(rank_cut(p_.cols())));
  PetscCall(Factor());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::Factor() {
  bool definite = false;
  int me = 0;
  PetscFunctionBegin;
  const double *weight = weight_.empty() ? nullptr : weight_.data();
  PetscCall(factor_.Create(rows_, weight, p_, &definite));
  for (double cut = 1e-13; !definite && cut < 1; cut *= 100) {
    PetscCall(p_.Truncate(cut));
    PetscCall(factor_.Create(rows_, weight, p_, &definite));
  }
  PetscCheck(definite, rows_.comm(), PETSC_ERR_LIB,
             "The Gram matrix of the sketched basis is not positive definite; take a larger sketch "
             "(-lathe_ls_factor, now %g)",
             static_cast<double>(options_.factor));
  PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
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
                            .condition = p_.condition()};
  if (options_.ridge > 0)
    for (double d : p_.scale())
      problem.ridge.push_back(static_cast<double>(options_.ridge) * d * d);
  return problem;
}

PetscErrorCode LeastSquaresSolver::Iterate(const RefinementProblem &problem, ExpansionVector *y,
                                           RefinementOutcome *outcome) {
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
  const auto inverse = [&](std::vector<double> *v) -> PetscErrorCode {
    PetscFunctionBegin;
    if (me == 0)
      factor_.solve(p_, v);
    PetscCall(CopyFromFirst(rows_.comm(), v->data(), v->size()));
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  const int passes = options_.refine == LATHE_REFINE_NONE ? 1
                     : options_.refine == LATHE_REFINE_DOUBLE
                         ? 3
                         : 1 + static_cast<int>(options_.max_refinements);
  *y = ExpansionVector(terms(), p_.cols());
  PetscCall(Refine(problem, inverse, passes, y, outcome));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::Solve(Vec b, Vec x, LatheLeastSquaresResult *result) {
  RightHandSide rhs;
  ExpansionVector y;
  RefinementOutcome outcome;
  PetscFunctionBegin;
  PetscCall(TakeRightHandSide(b, &rhs));
  RefinementProblem problem = Problem(rhs);
  PetscCall(Iterate(problem, &y, &outcome));
  // The same number on every rank: from corrections and y, which all hold.
  if (p_.triangular() && terms() > 1 && outcome.ratio > hopeless_ratio &&
      p_.condition() > suspicious_condition) {
    PetscCall(p_.Truncate(16 * rank_cut(p_.cols())));
    PetscCall(Factor());
    problem = Problem(rhs);
    PetscCall(Iterate(problem, &y, &outcome));
  }
  *result = {};
  result->rank = static_cast<PetscInt>(p_.rank() - p_.zeros());
  result->refinements = outcome.passes - 1;
  result->cond_estimate = static_cast<PetscReal>(p_.condition());
  // Without a second correction to compare, the condition says what may be wrong.
  const double error =
      terms() > 1 || outcome.converged
          ? outcome.error
          : std::max(outcome.error * (outcome.passes > 1 ? 1 : 0), 0x1p-53 * p_.condition());
  result->digits =
      static_cast<PetscReal>(std::clamp(-std::log10(std::max(error, 1e-17)), 0.0, 16.0));
  if (wide_)
    PetscCall(FinishWide(problem, rhs, y, x, result));
  else
    PetscCall(Finish(problem, rhs, y, x, result));
  const bool stable = result->backward_error <= 1e-15;
  result->reason = outcome.converged || error <= 0x1p-53 || (terms() == 1 && stable)
                       ? LATHE_LS_CONVERGED
                   : outcome.stagnated || terms() == 1 ? LATHE_LS_STAGNATED
                                                       : LATHE_LS_STEPS_SPENT;
  if (result->reason > 0 && p_.rank() - p_.zeros() < p_.cols())
    result->reason = LATHE_LS_RANK_DEFICIENT;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::Finish(const RefinementProblem &problem,
                                          const RightHandSide &rhs, const ExpansionVector &y, Vec x,
                                          LatheLeastSquaresResult *result) {
  int me = 0;
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  const MPI_Comm comm = rows_.comm();
  PetscCallMPI(MPI_Comm_rank(comm, &me));
  const std::size_t n = p_.cols();
  PetscScalar *out = nullptr;
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  PetscCall(VecGetArrayWrite(x, &out));
  for (PetscInt j = begin; j < end; ++j) {
    const auto k = static_cast<std::size_t>(j);
    out[j - begin] = std::scalbn(y.value[k] * p_.scale()[k], rhs.exponent);
  }
  PetscCall(VecRestoreArrayWrite(x, &out));
  // Residual and gradient of the rounded x.
  ExpansionVector rounded(2, n), g;
  std::copy_n(y.head(), n, rounded.value.begin());
  double facts[2] = {0, 0};
  PetscCall(NormalPass(problem, rounded, &g, facts));
  if (me == 0) {
    facts[0] = std::sqrt(facts[0]);
    facts[1] = rhs.norm > 0 ? karlson_walden({.n = n,
                                              .root = root_.data(),
                                              .gradient = g.head(),
                                              .residual_norm = facts[0],
                                              .solution_norm = length(y.head(), n),
                                              .rhs_norm = rhs.norm})
                            : 0;
  }
  PetscCall(CopyFromFirst(comm, facts, 2));
  result->residual_norm = static_cast<PetscReal>(std::scalbn(facts[0], rhs.exponent));
  result->backward_error = static_cast<PetscReal>(facts[1]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::FinishWide(const RefinementProblem &problem,
                                              const RightHandSide &rhs, const ExpansionVector &y,
                                              Vec x, LatheLeastSquaresResult *result) {
  int me = 0;
  PetscInt local = 0;
  PetscFunctionBegin;
  const MPI_Comm comm = rows_.comm();
  PetscCallMPI(MPI_Comm_rank(comm, &me));
  const std::size_t n = p_.cols();
  PetscCall(VecGetLocalSize(x, &local));
  LatheCheckAll(comm, static_cast<std::size_t>(local) == rows_.rows(), PETSC_ERR_ARG_SIZ,
                "The solution has %" PetscInt_FMT " entries on this rank, the matrix %lld columns",
                local, static_cast<long long>(rows_.rows()));
  // x = Aᵀ·y, the negative residual without b.
  std::vector<double> solution(rows_.rows());
  ExpansionVector g;
  double norm2 = 0;
  RefinementProblem pass = problem;
  pass.target = nullptr;
  pass.ridge.clear();
  PetscCall(NormalPass(pass, y, &g, &norm2, solution.data()));
  for (double &s : solution)
    s = s == 0 ? 0 : -s;
  PetscScalar *out = nullptr;
  PetscCall(VecGetArrayWrite(x, &out));
  for (std::size_t i = 0; i < solution.size(); ++i)
    out[i] = std::scalbn(solution[i], rhs.exponent);
  PetscCall(VecRestoreArrayWrite(x, &out));
  // b − A·x of the rounded x.
  pass.b = solution.data();
  PetscCall(NormalPass(pass, ExpansionVector(2, n), &g, &norm2));
  double facts[2] = {0, 0};
  if (me == 0) {
    double square = 0, frobenius2 = 0;
    for (std::size_t j = 0; j < n; ++j) {
      Expansion r = g.get(j);
      r.add(-rhs.target[j], 2);
      if (!problem.ridge.empty())
        r.add(problem.ridge[j] * y.value[j], 2);
      r.normalize(2);
      square += std::pow(r.term[0] / p_.scale()[j], 2);
    }
    for (double e : root_)
      frobenius2 += e * e;
    facts[0] = std::sqrt(square);
    const double size = std::sqrt(frobenius2) * std::sqrt(norm2) + rhs.norm;
    facts[1] = size > 0 ? facts[0] / size : 0;
  }
  PetscCall(CopyFromFirst(comm, facts, 2));
  result->residual_norm = static_cast<PetscReal>(std::scalbn(facts[0], rhs.exponent));
  result->backward_error = static_cast<PetscReal>(facts[1]);
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
  PetscCall(lathe::Cite("Ipsen2025 Bjorck1967 OgitaRumpOishi2005 KarlsonWalden1997"));
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
