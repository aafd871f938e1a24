// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketched_iteration.h"
#include "sketching/length.h"
#include "sketching/replicate.h"
#include <cmath>

namespace lathe::sketching {
namespace {

double dot(const std::vector<double> &a, const std::vector<double> &b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

// a ← a + s·b.
void add(std::vector<double> &a, double s, const std::vector<double> &b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    a[i] += s * b[i];
}

// Rounding errors are all that is left once a norm has had no new minimum for some steps.
class Stagnation {
public:
  bool met(double size) {
    since_ = size < 0.9 * best_ ? 0 : since_ + 1;
    best_ = std::min(best_, size);
    return since_ >= 6;
  }

private:
  double best_ = INFINITY;
  int since_ = 0;
};

// Applies H on rank 0; the other ranks follow.
class Operator {
public:
  Operator(const RefinementProblem &problem, const SketchedFactor &p, int rank)
      : problem_(problem), p_(&p), rank_(rank) {
    problem_.b = nullptr;
    problem_.target = nullptr;
  }
  // *out ← H·z; goes_on is rank 0's word, and false ends the loop of every rank.
  PetscErrorCode Apply(const std::vector<double> &z, std::vector<double> *out, bool *goes_on) {
    const std::size_t n = p_->cols();
    PetscFunctionBegin;
    std::vector<double> y(n + 1);
    if (rank_ == 0) {
      std::vector<double> x = z;
      p_->multiply(&x);
      std::copy(x.begin(), x.end(), y.begin());
      y[n] = *goes_on ? 1 : 0;
    }
    PetscCall(CopyFromFirst(problem_.rows->comm(), y.data(), y.size()));
    *goes_on = y[n] > 0;
    if (!*goes_on)
      PetscFunctionReturn(PETSC_SUCCESS);
    ExpansionVector x(1, n), g;
    std::copy_n(y.begin(), n, x.value.begin());
    double norm2 = 0;
    PetscCall(NormalPass(problem_, x, &g, &norm2));
    if (rank_ == 0) {
      out->assign(g.value.begin(), g.value.end());
      for (double &e : *out)
        e = -e;
      p_->multiply_transposed(out);
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }

private:
  RefinementProblem problem_;
  const SketchedFactor *p_;
  int rank_;
};

// z ≈ H⁻¹·v from z = 0.
PetscErrorCode ConjugateGradients(Operator &h, const InnerIteration &how, int rank,
                                  const std::vector<double> &v, std::vector<double> *z,
                                  int *steps) {
  std::vector<double> r = v, direction = v, product;
  Stagnation stagnation;
  bool goes_on = true;
  PetscFunctionBegin;
  z->assign(v.size(), 0.0);
  const double first = length(v);
  double square = dot(v, v);
  for (int k = 0; k <= how.most; ++k) {
    if (rank == 0)
      goes_on = std::sqrt(square) > std::max(how.tolerance * first, how.floor) &&
                !stagnation.met(square) && k < how.most;
    PetscCall(h.Apply(direction, &product, &goes_on));
    if (!goes_on)
      break;
    ++*steps;
    if (rank != 0)
      continue;
    const double alpha = square / dot(direction, product);
    add(*z, alpha, direction);
    add(r, -alpha, product);
    const double next = dot(r, r), beta = next / square;
    square = next;
    for (double &e : direction)
      e *= beta;
    add(direction, 1, r);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode HeavyBall(Operator &h, const InnerIteration &how, int rank,
                         const std::vector<double> &v, std::vector<double> *z, int *steps) {
  // The heavy ball diverges beyond 2(1 + ratio)/damping, 3 to 11 % above the interval expected for
  // n/d, and sketches of coherent matrices leave that.
  const double ratio = 1.25 * how.ratio, damping = (1 - ratio) * (1 - ratio);
  std::vector<double> product, before = *z, update;
  double size = INFINITY;
  Stagnation stagnation;
  bool goes_on = true;
  PetscFunctionBegin;
  for (int k = 0; k <= how.most; ++k) {
    if (rank == 0 && k > 0)
      goes_on = size > std::max(how.tolerance * length(*z), how.floor) && size < 1e3 * length(v) &&
                !stagnation.met(size) && k < how.most;
    PetscCall(h.Apply(*z, &product, &goes_on));
    if (!goes_on)
      break;
    ++*steps;
    if (rank != 0)
      continue;
    update = v;
    add(update, -1, product);
    for (std::size_t i = 0; i < update.size(); ++i)
      update[i] = damping * update[i] + ratio * ((*z)[i] - before[i]);
    before = *z;
    add(*z, 1, update);
    size = length(update);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SolvePreconditioned(const RefinementProblem &problem, const SketchedFactor &p,
                                   const InnerIteration &how, std::vector<double> *v, int *steps) {
  int rank = 0;
  PetscFunctionBegin;
  const MPI_Comm comm = problem.rows->comm();
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  std::vector<double> z;
  if (rank == 0) {
    p.multiply_transposed(v);
    z = *v; // the eigenvalues of H lie around 1
  }
  Operator h(problem, p, rank);
  if (how.momentum)
    PetscCall(HeavyBall(h, how, rank, *v, &z, steps));
  else
    PetscCall(ConjugateGradients(h, how, rank, *v, &z, steps));
  if (rank == 0)
    p.multiply(&z);
  z.resize(p.cols());
  PetscCall(CopyFromFirst(comm, z.data(), z.size()));
  *v = std::move(z);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode IterativeSketching(const RefinementProblem &problem, const SketchedFactor &p,
                                  double ratio, int most, ExpansionVector *y, int *steps) {
  int rank = 0;
  PetscFunctionBegin;
  const MPI_Comm comm = problem.rows->comm();
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  const std::size_t n = y->n;
  const double damping = (1 - ratio) * (1 - ratio);
  std::vector<double> before(y->value), c;
  bool goes_on = true;
  for (int k = 0; k < most && goes_on; ++k) {
    ExpansionVector g;
    double norm2 = 0;
    PetscCall(NormalPass(problem, *y, &g, &norm2));
    ++*steps;
    c.assign(n + 1, 0.0);
    if (rank == 0) {
      std::vector<double> step(g.value);
      p.multiply_transposed(&step);
      const double gain = length(step); // of the residual, at most
      p.multiply(&step);
      for (std::size_t j = 0; j < n; ++j)
        c[j] = damping * step[j] + ratio * (y->value[j] - before[j]);
      const double floor =
          0x1p-53 * (p.norm() * length(y->value) + 0.04 * p.condition() * std::sqrt(norm2));
      c[n] = gain > floor ? 1 : 0;
    }
    PetscCall(CopyFromFirst(comm, c.data(), c.size()));
    goes_on = c[n] > 0;
    before = y->value;
    for (std::size_t j = 0; j < n; ++j)
      y->value[j] += c[j];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
