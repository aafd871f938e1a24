// SPDX-License-Identifier: BSD-2-Clause
// How good a solution is: residual norm and backward error of any x.
#include "sketching/backward_error.h"
#include "sketching/least_squares_solver.h"
#include "sketching/length.h"
#include "sketching/replicate.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

// facts ← residual norm over 2^exponent and backward error of D·y.
PetscErrorCode LeastSquaresSolver::Judge(const RefinementProblem &problem, const RightHandSide &rhs,
                                         std::vector<double> y, double *facts) const {
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
  const std::size_t n = p_.cols();
  const double size = length(y);
  ExpansionVector rounded(judge_terms(), n), g;
  std::copy(y.begin(), y.end(), rounded.value.begin());
  facts[0] = facts[1] = 0;
  PetscCall(NormalPass(problem, rounded, &g, facts));
  if (me == 0 && normal_) { // of the system AᵀA·x = b
    std::vector<double> left(g.head(), g.head() + n);
    const double frobenius = length(root_);
    const double whole = frobenius * frobenius * size + length(rhs.target);
    facts[1] = whole > 0 ? length(left) / whole : 0;
    for (std::size_t j = 0; j < n; ++j)
      left[j] /= p_.scale()[j];
    facts[0] = std::hypot(length(left), rhs.outside);
  } else if (me == 0) {
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

// ‖b − A·x‖ over 2^exponent and over ‖A‖_F·‖x‖ + ‖b‖, or with a ridge λ what Aᵀ(b − A·x) = λx
// leaves open, over ‖A‖_F·‖b − A·x‖ + λ‖x‖.
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
  PetscCall(NormalPass(pass, ExpansionVector(judge_terms(), p_.cols()), &g, &norm2)); // D·A·x
  facts[0] = facts[1] = 0;
  const std::size_t n = p_.cols();
  ExpansionVector open(judge_terms(), n); // D(b − A·x)
  if (me == 0) {
    // Of the rows scaled to equal norms, as root_ and the target are.
    for (std::size_t j = 0; j < n; ++j) {
      open.add(j, rhs.target[j]);
      for (int k = 0; k < g.terms; ++k)
        open.add(j, -g.value[static_cast<std::size_t>(k) * n + j]);
    }
    std::vector<double> r(open.head(), open.head() + n);
    const double size = length(root_) * std::sqrt(norm2) + length(rhs.target);
    facts[1] = size > 0 ? length(r) / size : 0;
    for (std::size_t j = 0; j < n; ++j)
      r[j] /= p_.scale()[j];
    facts[0] = std::hypot(length(r), rhs.outside);
  }
  PetscCall(CopyFromFirst(rows_.comm(), facts, 2));
  if (!(ridge_ > 0))
    PetscFunctionReturn(PETSC_SUCCESS);
  // λx = Aᵀ(b − A·x) instead: with y = D⁻²·D(b − A·x), the pass leaves λx − AᵀD·D·y.
  PetscCall(CopyFromFirst(rows_.comm(), open.value.data(), open.value.size()));
  for (std::size_t k = 0; k < open.value.size(); ++k)
    open.value[k] /= p_.scale()[k % n] * p_.scale()[k % n];
  double multiple2 = 0;
  for (double &e : scaled) {
    e *= ridge_;
    multiple2 += e * e;
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &multiple2, 1, MPI_DOUBLE, MPI_SUM, rows_.comm()));
  PetscCall(NormalPass(pass, open, &g, &norm2));
  if (me == 0) {
    const double size = p_.range_norm() * length(open.head(), n) + std::sqrt(multiple2);
    facts[1] = size > 0 ? std::sqrt(norm2) / size : 0;
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
  *residual_norm = static_cast<PetscReal>(std::scalbn(facts[0], rhs.exponent + weight_exponent_));
  *backward_error = static_cast<PetscReal>(facts[1]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
