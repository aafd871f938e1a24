// SPDX-License-Identifier: BSD-2-Clause
// Maximisation of the likelihood by TAO, over logarithms.
#include "bessel/matern_likelihood.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/handle.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>
#if !defined(PETSC_USE_COMPLEX)
#include <petsctao.h>
#endif

namespace lathe::bessel {
namespace {

constexpr std::array<double MaternParameters::*, matern_parameters> members{
    &MaternParameters::variance, &MaternParameters::range, &MaternParameters::smoothness,
    &MaternParameters::nugget};
constexpr std::array<const char *, matern_parameters> names{"variance", "range", "smoothness",
                                                            "nugget"};

PetscErrorCode CheckOptions(MPI_Comm comm, const MaternFitOptions &o, int fitted) {
  PetscFunctionBegin;
  for (int k = 0; k < fitted; ++k) {
    const double low = o.lower.*members[k], high = o.upper.*members[k], start = o.start.*members[k];
    LatheCheckAll(comm, low <= start && start <= high && start > 0 && std::isfinite(high),
                  PETSC_ERR_ARG_OUTOFRANGE, "Start %g of the %s; it must be > 0 and in [%g, %g]",
                  start, names[k], low, high);
  }
  LatheCheckAll(comm, o.tolerance > 0, PETSC_ERR_ARG_OUTOFRANGE,
                "Tolerance %g of the gradient; it must be > 0", o.tolerance);
  PetscFunctionReturn(PETSC_SUCCESS);
}

#if !defined(PETSC_USE_COMPLEX)

using TaoHandle = Handle<Tao, TaoDestroy>;

struct Problem {
  MPI_Comm comm;
  const MaternData *data;
  const MaternFitOptions *options;
  MaternFit *fit;
  int fitted;
};

// All unknowns live on rank 0, so that TAO's sums do not depend on the ranks.
PetscErrorCode CreateUnknowns(MPI_Comm comm, int fitted, Vec *x) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(VecCreate(comm, x));
  PetscCall(VecSetSizes(*x, rank == 0 ? fitted : 0, fitted));
  PetscCall(VecSetType(*x, VECSTANDARD));
  PetscFunctionReturn(PETSC_SUCCESS);
}

template <class F> PetscErrorCode SetUnknowns(Vec x, F &&value) {
  PetscScalar *a = nullptr;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x, &n));
  PetscCall(VecGetArrayWrite(x, &a));
  for (PetscInt k = 0; k < n; ++k)
    a[k] = value(k);
  PetscCall(VecRestoreArrayWrite(x, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GetParameters(const Problem &problem, Vec x, MaternParameters *p) {
  std::array<double, matern_parameters> logs{};
  const PetscScalar *a = nullptr;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x, &n));
  PetscCall(VecGetArrayRead(x, &a));
  for (PetscInt k = 0; k < n; ++k)
    logs[static_cast<std::size_t>(k)] = a[k];
  PetscCall(VecRestoreArrayRead(x, &a));
  PetscCallMPI(MPI_Bcast(logs.data(), matern_parameters, MPI_DOUBLE, 0, problem.comm));
  *p = problem.options->start;
  for (int k = 0; k < problem.fitted; ++k)
    p->*members[k] = std::exp(logs[k]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// f = -ℓ/n and its gradient by the logarithms; +∞ where Σ is not definite, which sends the line
// search back.
PetscErrorCode Objective(Tao, Vec x, PetscReal *f, Vec gradient, void *context) {
  auto &problem = *static_cast<Problem *>(context);
  MaternParameters p;
  MaternLikelihood likelihood;
  PetscFunctionBegin;
  PetscCall(GetParameters(problem, x, &p));
  PetscCall(LatheMaternLogLikelihood(problem.comm, *problem.data, p, true, &likelihood));
  ++problem.fit->evaluations;
  const double n = static_cast<double>(problem.data->sites.count);
  *f = -likelihood.value / n;
  PetscCall(SetUnknowns(gradient, [&](PetscInt k) {
    return likelihood.definite ? -likelihood.gradient[k] * (p.*members[k]) / n : 0.0;
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Monitor(Tao tao, void *context) {
  const auto &problem = *static_cast<Problem *>(context);
  Vec x = nullptr;
  PetscInt iteration = 0;
  PetscReal f = 0;
  PetscReal norm = 0;
  MaternStep step;
  PetscFunctionBegin;
  if (!problem.options->monitor)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TaoGetSolution(tao, &x));
  PetscCall(TaoGetSolutionStatus(tao, &iteration, &f, &norm, nullptr, nullptr, nullptr));
  PetscCall(GetParameters(problem, x, &step.parameters));
  step.log_likelihood = -f * static_cast<double>(problem.data->sites.count);
  step.gradient_norm = norm;
  PetscCall(problem.options->monitor(step));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Maximise(Problem *problem) {
  const MaternFitOptions &o = *problem->options;
  MaternFit &fit = *problem->fit;
  VecHandle x, low, high;
  TaoHandle tao;
  TaoLineSearch search = nullptr;
  PetscFunctionBegin;
  PetscCall(CreateUnknowns(problem->comm, problem->fitted, x.out()));
  PetscCall(VecDuplicate(x, low.out()));
  PetscCall(VecDuplicate(x, high.out()));
  // Nothing below e^-700: bounds of 0 stand for no bound.
  const auto logarithm = [](double v) { return v > 1e-300 ? std::log(v) : -700.0; };
  PetscCall(SetUnknowns(x, [&](PetscInt k) { return logarithm(o.start.*members[k]); }));
  PetscCall(SetUnknowns(low, [&](PetscInt k) { return logarithm(o.lower.*members[k]); }));
  PetscCall(SetUnknowns(high, [&](PetscInt k) { return logarithm(o.upper.*members[k]); }));
  PetscCall(TaoCreate(problem->comm, tao.out()));
  PetscCall(TaoSetOptionsPrefix(tao, o.prefix.c_str()));
  PetscCall(TaoSetType(tao, TAOBQNLS));
  PetscCall(TaoSetSolution(tao, x));
  PetscCall(TaoSetVariableBounds(tao, low, high));
  PetscCall(TaoSetObjectiveAndGradient(tao, nullptr, Objective, problem));
  PetscCall(TaoSetTolerances(tao, o.tolerance, 0, 0));
  PetscCall(TaoSetMaximumIterations(tao, 200));
  PetscCall(TaoMonitorSet(tao, Monitor, problem, nullptr));
  // Armijo's rule steps back from an infinite value; the default, Moré and Thuente's, gives up.
  PetscCall(TaoGetLineSearch(tao, &search));
  if (search)
    PetscCall(TaoLineSearchSetType(search, TAOLINESEARCHARMIJO));
  PetscCall(TaoSetFromOptions(tao));
  PetscCall(TaoSolve(tao));
  TaoConvergedReason reason = TAO_CONTINUE_ITERATING;
  PetscReal f = 0;
  PetscReal norm = 0;
  PetscInt iterations = 0;
  PetscCall(TaoGetSolutionStatus(tao, &iterations, &f, &norm, nullptr, nullptr, &reason));
  fit.iterations = static_cast<int>(iterations);
  fit.converged = reason > 0;
  fit.reason = TaoConvergedReasons[reason];
  fit.gradient_norm = norm;
  fit.log_likelihood = -f * static_cast<double>(problem->data->sites.count);
  PetscCall(GetParameters(*problem, x, &fit.estimate));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Fitted, and not held by a bound.
std::vector<std::size_t> free_parameters(const Problem &problem) {
  const MaternFitOptions &o = *problem.options;
  std::vector<std::size_t> found;
  for (std::size_t k = 0; k < static_cast<std::size_t>(problem.fitted); ++k) {
    const double value = problem.fit->estimate.*members[k];
    if (value > o.lower.*members[k] * (1 + 1e-10) && value < o.upper.*members[k] * (1 - 1e-10))
      found.push_back(k);
  }
  return found;
}

// √diag(F⁻¹) over the free parameters, F scaled by the parameters so that units do not matter.
PetscErrorCode StandardErrors(const Problem &problem) {
  MaternFit &fit = *problem.fit;
  std::array<double, matern_parameters * matern_parameters> information{};
  const std::vector<std::size_t> free = free_parameters(problem);
  const std::size_t m = free.size();
  PetscFunctionBegin;
  PetscCall(LatheMaternFisherInformation(problem.comm, *problem.data, fit.estimate, &information,
                                         &fit.condition));
  const double missing = std::numeric_limits<double>::quiet_NaN();
  fit.standard_error = {missing, missing, missing, missing};
  std::vector<double> scaled(m * m), inverse(m * m, 0);
  for (std::size_t k = 0; k < m; ++k) {
    for (std::size_t l = 0; l < m; ++l)
      scaled[k + l * m] = information[free[k] * matern_parameters + free[l]] *
                          (fit.estimate.*members[free[k]]) * (fit.estimate.*members[free[l]]);
    inverse[k + k * m] = 1;
  }
  if (dense::potrf('L', m, scaled.data(), m) != 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  dense::trsm('L', 'L', 'N', m, m, scaled.data(), m, inverse.data(), m);
  for (std::size_t k = 0; k < m; ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < m; ++i)
      sum += inverse[i + k * m] * inverse[i + k * m];
    fit.standard_error.*members[free[k]] = (fit.estimate.*members[free[k]]) * std::sqrt(sum);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// A step along the gradient g of ℓ/n raises that by about ‖g‖², which its rounding,
// cond(Σ)·2⁻⁵², may hide.
bool within_rounding(const MaternFit &fit, const MaternData &data) {
  const double mean = std::abs(fit.log_likelihood) / static_cast<double>(data.sites.count);
  return fit.gradient_norm * fit.gradient_norm <=
         fit.condition * std::numeric_limits<double>::epsilon() * (1 + mean);
}

// Two sites at one place, the first in the order of coordinates; equal numbers when there are none.
std::pair<std::size_t, std::size_t> coincident(const Sites &sites) {
  std::vector<std::size_t> order(sites.count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto end = [&](std::size_t i) { return sites.site(i) + sites.dimension; };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(sites.site(a), end(a), sites.site(b), end(b));
  });
  for (std::size_t k = 1; k < order.size(); ++k)
    if (std::equal(sites.site(order[k - 1]), end(order[k - 1]), sites.site(order[k])))
      return std::minmax(order[k - 1], order[k]);
  return {0, 0};
}

// TAO cannot begin where the likelihood is not defined.
PetscErrorCode CheckStart(const Problem &problem) {
  const MaternParameters &start = problem.options->start;
  PetscFunctionBegin;
  if (start.nugget == 0) {
    std::pair<std::size_t, std::size_t> pair;
    LatheGuard(problem.comm, pair = coincident(problem.data->sites));
    PetscCheck(pair.first == pair.second, problem.comm, PETSC_ERR_ARG_OUTOFRANGE,
               "Sites %zu and %zu are at one place, so that without a nugget their covariance is "
               "singular; allowed: nugget > 0 (-nugget)",
               pair.first, pair.second);
  }
  MaternLikelihood likelihood;
  PetscCall(LatheMaternLogLikelihood(problem.comm, *problem.data, start, false, &likelihood));
  PetscCheck(likelihood.definite, problem.comm, PETSC_ERR_ARG_OUTOFRANGE,
             "The covariance is not positive definite in double precision at the start, range %g, "
             "smoothness %g, nugget %g; begin with a smaller range or smoothness (-start), or with "
             "a larger nugget (-nugget)",
             start.range, start.smoothness, start.nugget);
  PetscFunctionReturn(PETSC_SUCCESS);
}

#endif

} // namespace

PetscErrorCode LatheMaternFit(MPI_Comm comm, const MaternData &data,
                              const MaternFitOptions &options, MaternFit *fit) {
  const int fitted = options.fit_nugget ? 4 : 3;
  PetscFunctionBegin;
  *fit = {};
  PetscCall(CheckOptions(comm, options, fitted));
#if defined(PETSC_USE_COMPLEX)
  (void)data;
  SETERRQ(comm, PETSC_ERR_SUP,
          "Matern maximum likelihood needs TAO, which PETSc has in real "
          "builds alone");
#else
  Problem problem{comm, &data, &options, fit, fitted};
  PetscCall(CheckStart(problem));
  PetscCall(Maximise(&problem));
  if (std::isfinite(fit->log_likelihood))
    PetscCall(StandardErrors(problem));
  if (fit->reason == TaoConvergedReasons[TAO_DIVERGED_LS_FAILURE] && within_rounding(*fit, data)) {
    fit->converged = true;
    fit->reason = "CONVERGED_ROUNDING";
  }
  PetscFunctionReturn(PETSC_SUCCESS);
#endif
}

} // namespace lathe::bessel
