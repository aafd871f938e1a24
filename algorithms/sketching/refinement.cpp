// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/refinement.h"
#include "core/interruption.h"
#include "sketching/length.h"
#include "sketching/replicate.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

// Between 2^±500 the three terms of a product with an entry of A stay clear of underflow and
// overflow without the scale; beyond it A is scaled as it is read.
constexpr int safe_exponent = 500;

// Unit roundoff of sums in so many terms.
double unit(int terms) {
  return std::scalbn(1.0, -52 * terms - 1);
}

// The right-hand side is orthogonal to the range of A as far as sums of m products can tell; in one
// double they cannot, since a small singular value makes the gradient as small.
bool is_noise(const RefinementProblem &p, const ExpansionVector &g, double residual) {
  double largest = 0;
  for (std::size_t j = 0; j < g.n; ++j)
    largest = std::max(largest, std::fabs(g.value[j]));
  const double roundings = 16 * std::sqrt(static_cast<double>(p.rows->global_rows()));
  return largest == 0 ||
         (p.b && g.terms > 1 && largest <= roundings * unit(g.terms) * p.range_norm * residual);
}

} // namespace

double Noise(const RefinementProblem &problem, int terms, double residual, double size) {
  const double k = problem.condition, norm = std::max(problem.norm, 1e-300);
  return unit(terms) * (k * k * (problem.range_norm / norm) * residual / norm + k * size);
}

PetscErrorCode NormalPass(const RefinementProblem &problem, const ExpansionVector &y,
                          ExpansionVector *g, double *norm2, double *residual) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCall(StopTogether(problem.rows->comm()));
  const std::vector<double> &d = problem.scale;
  const bool wild = std::any_of(d.begin(), d.end(),
                                [](double s) { return std::abs(std::ilogb(s)) > safe_exponent; });
  NormalTerms terms{.b = problem.b, .weight = problem.weight, .residual = residual};
  ExpansionVector x = y;
  if (wild)
    terms.scale = d.data();
  else
    for (std::size_t k = 0; k < x.value.size(); ++k)
      x.value[k] *= d[k % x.n];
  terms.x = &x;
  *g = ExpansionVector(y.terms, y.n);
  PetscCall(problem.rows->NormalResidual(terms, g, norm2));
  PetscCallMPI(MPI_Comm_rank(problem.rows->comm(), &rank));
  if (rank != 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  if (!wild)
    for (std::size_t k = 0; k < g->value.size(); ++k)
      g->value[k] *= d[k % g->n];
  for (std::size_t j = 0; j < g->n; ++j) {
    if (problem.target)
      g->add(j, problem.target[j]);
    if (!problem.ridge.empty())
      for (int k = y.terms; k-- > 0;) {
        const double a = -problem.ridge[j], term = y.value[static_cast<std::size_t>(k) * y.n + j];
        const double product = a * term;
        g->add(j, std::fma(a, term, -product));
        g->add(j, product);
      }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ZeroSolves(const RefinementProblem &problem, int terms, std::size_t n, bool *yes,
                          double *residual) {
  ExpansionVector g;
  int rank = 0;
  double facts[2] = {0, 0}; // ‖r‖², and the verdict
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(problem.rows->comm(), &rank));
  PetscCall(NormalPass(problem, ExpansionVector(terms, n), &g, facts));
  if (rank == 0)
    facts[1] = is_noise(problem, g, std::sqrt(facts[0])) ? 1 : 0;
  PetscCall(CopyFromFirst(problem.rows->comm(), facts, 2));
  *residual = std::sqrt(facts[0]);
  *yes = facts[1] > 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Refine(const RefinementProblem &problem, const ApproximateInverse &inverse,
                      int passes, ExpansionVector *y, RefinementOutcome *outcome) {
  // Of a component: an error that changes one rounding in 500.
  constexpr double invisible = 0x1p-62;
  const MPI_Comm comm = problem.rows->comm();
  int rank = 0;
  double before = 0, ratio_before = 0, largest_before = 0;
  int slow = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  *outcome = {};
  const std::size_t n = y->n;
  ExpansionVector g;
  std::vector<double> c(n);
  for (int pass = 0; pass < passes; ++pass) {
    double facts[2] = {0, 0}; // ‖r‖², and whether g is the rounding error of zero
    PetscCall(NormalPass(problem, *y, &g, facts));
    if (rank == 0 && pass == 0)
      facts[1] = is_noise(problem, g, std::sqrt(facts[0])) ? 1 : 0;
    PetscCall(CopyFromFirst(comm, facts, 2));
    outcome->residual = std::sqrt(facts[0]);
    if (facts[1] > 0) {
      outcome->converged = true;
      outcome->passes = 1;
      break;
    }
    c.assign(g.head(), g.head() + n);
    PetscCall(inverse(&c));
    for (std::size_t j = 0; j < n; ++j)
      y->add(j, c[j]);
    outcome->passes = pass + 1;
    const double step = length(c), size = length(y->head(), n);
    const double ratio = pass > 0 && before > 0 ? step / before : 1;
    outcome->error = size > 0 ? step / size : 0;
    if (step == 0) {
      outcome->converged = true;
      break;
    }
    double largest = 0;
    for (std::size_t j = 0; j < n; ++j)
      largest = std::max(largest, std::fabs(c[j]) / std::max(std::fabs(y->value[j]), 1e-300));
    if (pass > 0) {
      // Rounding errors of the factors leave κ·2⁻⁵³ of an error. A correction that is smaller yet
      // has met a number that rounding made zero: it says nothing.
      const double best = 0x1p-53 * problem.condition;
      const double seen = std::max(largest, best * largest_before);
      // A component may by chance be ahead of the others, and fall back.
      const double next = seen * std::min(1.0, 16 * std::max({ratio, ratio_before, best}));
      const double noise = Noise(problem, y->terms, outcome->residual, size);
      const bool foretold = next < invisible && noise < 4 * invisible * size;
      if (foretold || seen < invisible) {
        outcome->error *= std::min(ratio, 1.0);
        outcome->converged = true;
        break;
      }
      // From zero the first x is off by κ²·2⁻⁵³·‖r‖/‖A‖, which may exceed its size; above 10¹³ a
      // correction above the noise may be larger than one before it.
      slow = ratio < 0.5 ? 0 : slow + 1;
      if (pass > 1 && slow > 0 && (slow == 3 || !(step > 16 * noise))) { // true for a NaN
        outcome->stagnated = true;
        break;
      }
    }
    largest_before = largest;
    before = step;
    ratio_before = pass > 1 ? ratio : 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
