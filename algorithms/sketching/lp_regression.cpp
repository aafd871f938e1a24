// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/lp_regression.h"
#include "core/citation.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/interruption.h"
#include "sketching/lp_vertex.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

/// F(y) = Σ φ(e_i/s), φ(e) = (e² + μ²)^(p/2), e = b − Qy, with s = max|e| at the start of a stage
/// so that no power overflows.
class Smoothed {
public:
  Smoothed(TallView Q, TallView b) : Q_(Q), work_(b.rows, 5), weighted_(Q.rows, Q.cols) {
    std::copy_n(b.data, b.rows.local(), target().data);
    std::fill_n(work_.view().column(4), b.rows.local(), 1.0);
  }

  PetscErrorCode SetResidual(const std::vector<double> &y) {
    PetscFunctionBegin;
    std::copy_n(target().data, Q_.rows.local(), residual().data);
    subtract(Q_, y.data(), residual());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// max |e|.
  PetscErrorCode Largest(double *value) {
    PetscFunctionBegin;
    *value = 0;
    for (std::size_t i = 0; i < Q_.rows.local(); ++i)
      *value = std::max(*value, std::abs(residual().data[i]));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_DOUBLE, MPI_MAX, Q_.rows.comm()));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// ‖e‖_p.
  PetscErrorCode Norm(double p, double *norm) {
    double largest = 0;
    PetscFunctionBegin;
    PetscCall(Largest(&largest));
    *norm = largest;
    if (largest == 0 || std::isinf(p))
      PetscFunctionReturn(PETSC_SUCCESS);
    double sum = 0;
    PetscCall(Sum([&](double e) { return std::pow(std::abs(e) / largest, p); }, &sum));
    *norm = largest * std::pow(sum, 1 / p);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode Stage(double p, double mu, double scale, const LpOptions &options,
                       std::vector<double> *y, int *steps);
  /// Lower bound from u = φ'(e), made orthogonal to Q.
  PetscErrorCode LowerBound(double p, double mu, double scale, double *bound);

private:
  TallView target() { return work_.columns(0, 1); }
  TallView residual() { return work_.columns(1, 1); }
  TallView slope() { return work_.columns(2, 1); }     // φ'(e), or Qd
  TallView candidate() { return work_.columns(3, 1); } // terms of a sum

  /// Σ f(e_i), class R0.
  template <class F> PetscErrorCode Sum(F f, double *sum) {
    PetscFunctionBegin;
    std::transform(residual().data, residual().data + Q_.rows.local(), candidate().data, f);
    PetscCall(ColumnDots(candidate(), work_.columns(4, 1), sum));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode NewtonStep(double p, double mu, double scale, std::vector<double> *d,
                            double *decrement);
  PetscErrorCode Search(double p, double mu, double scale, double decrement,
                        const std::vector<double> &d, std::vector<double> *y, double *value,
                        bool *moved);

  TallView Q_;
  MultiVector work_;     // b, e, φ'(e), terms, ones
  MultiVector weighted_; // φ''(e)·Q
};

double power_term(double e, double p, double mu) {
  return mu == 0 ? std::pow(std::abs(e), p) : std::pow(e * e + mu * mu, p / 2);
}

PetscErrorCode Smoothed::NewtonStep(double p, double mu, double scale, std::vector<double> *d,
                                    double *decrement) {
  const std::size_t r = Q_.cols;
  PetscFunctionBegin;
  const TallView W = weighted_.view();
  for (std::size_t i = 0; i < Q_.rows.local(); ++i) {
    const double e = residual().data[i] / scale;
    const double square = e * e + mu * mu;
    const double power = square > 0 ? std::pow(square, p / 2 - 1) : 0; // 0 only for p > 2
    const double curvature = square > 0 ? power * ((p - 1) * e * e + mu * mu) / square : 0;
    slope().data[i] = e * power;
    for (std::size_t j = 0; j < r; ++j)
      W.column(j)[i] = curvature * Q_.column(j)[i];
  }
  std::vector<double> H(r * r);
  std::vector<double> g(r);
  PetscCall(InnerProduct(Q_, W, H.data(), Entries::at_most_one));
  PetscCall(InnerProduct(Q_, slope(), g.data(), Entries::at_most_one));
  double trace = 0;
  for (std::size_t j = 0; j < r; ++j)
    trace += H[j + j * r];
  std::vector<double> factor;
  bool done = false;
  for (double ridge = 0; !done && ridge < 1; ridge = ridge == 0 ? 1e-15 : 100 * ridge) {
    factor = H;
    for (std::size_t j = 0; j < r; ++j)
      factor[j + j * r] += ridge * trace / static_cast<double>(r);
    done = dense::potrf('U', r, factor.data(), r) == 0;
  }
  *d = g;
  *decrement = 0;
  if (!done) { // all weights vanish: e = 0
    std::fill(d->begin(), d->end(), 0.0);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  dense::trsm('L', 'U', 'T', r, 1, factor.data(), r, d->data(), r);
  for (const double v : *d)
    *decrement += v * v;
  *decrement *= p;
  dense::trsm('L', 'U', 'N', r, 1, factor.data(), r, d->data(), r);
  for (double &v : *d)
    v *= scale;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Halve the step until F falls by a tenth of what its slope promises.
PetscErrorCode Smoothed::Search(double p, double mu, double scale, double decrement,
                                const std::vector<double> &d, std::vector<double> *y, double *value,
                                bool *moved) {
  PetscFunctionBegin;
  *moved = false;
  const std::vector<double> start = *y;
  for (double t = 1; t > 1e-10 && !*moved; t *= 0.5) {
    for (std::size_t j = 0; j < d.size(); ++j)
      (*y)[j] = start[j] + t * d[j];
    double next = 0;
    PetscCall(SetResidual(*y));
    PetscCall(Sum([&](double e) { return power_term(e / scale, p, mu); }, &next));
    if (next <= *value - 0.1 * t * decrement) {
      *moved = true;
      *value = next;
    }
  }
  if (!*moved) {
    *y = start;
    PetscCall(SetResidual(*y));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Smoothed::Stage(double p, double mu, double scale, const LpOptions &options,
                               std::vector<double> *y, int *steps) {
  PetscFunctionBegin;
  double value = 0;
  PetscCall(SetResidual(*y));
  PetscCall(Sum([&](double e) { return power_term(e / scale, p, mu); }, &value));
  bool moved = true;
  while (moved && *steps < options.max_steps) {
    PetscCall(StopTogether(Q_.rows.comm()));
    std::vector<double> d;
    double decrement = 0;
    PetscCall(NewtonStep(p, mu, scale, &d, &decrement));
    ++*steps;
    if (decrement <= 1e-15 * value) { // the last step costs nothing and gains digits of y
      for (std::size_t j = 0; j < d.size(); ++j)
        (*y)[j] += d[j];
      PetscCall(SetResidual(*y));
      break;
    }
    PetscCall(Search(p, mu, scale, decrement, d, y, &value, &moved));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Smoothed::LowerBound(double p, double mu, double scale, double *bound) {
  const TallView u = slope();
  PetscFunctionBegin;
  for (std::size_t i = 0; i < Q_.rows.local(); ++i) {
    const double e = residual().data[i] / scale;
    const double square = e * e + mu * mu;
    u.data[i] = square > 0 ? e * std::pow(square, p / 2 - 1) : 0;
  }
  std::vector<double> c(Q_.cols);
  for (int twice = 0; twice < 2; ++twice) {
    PetscCall(InnerProduct(Q_, u, c.data(), Entries::at_most_one));
    subtract(Q_, c.data(), u);
  }
  double product = 0;
  PetscCall(ColumnDots(u, target(), &product));
  // ‖u‖_q by way of the sum over what `residual` holds: swap the two for a moment.
  std::swap_ranges(u.data, u.data + Q_.rows.local(), residual().data);
  double norm = 0;
  PetscCall(Norm(p == 1 ? std::numeric_limits<double>::infinity() : p / (p - 1), &norm));
  std::swap_ranges(u.data, u.data + Q_.rows.local(), residual().data);
  *bound = norm > 0 ? product / norm : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

namespace {

/// b ← b − QQᵀb, twice, and y ← what was taken: the residual then is not what is left of larger
/// numbers.
PetscErrorCode Centre(TallView Q, TallView b, std::vector<double> *y) {
  PetscFunctionBegin;
  y->assign(Q.cols, 0);
  std::vector<double> c(Q.cols);
  for (int twice = 0; twice < 2 && Q.cols > 0; ++twice) {
    PetscCall(InnerProduct(Q, b, c.data(), Entries::at_most_one));
    subtract(Q, c.data(), b);
    for (std::size_t j = 0; j < Q.cols; ++j)
      (*y)[j] += c[j];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// The smooth part of the way: 1 ≤ p ≤ ∞ from y on.
class Descent {
public:
  Descent(TallView Q, TallView b, double p, const LpOptions &options, std::vector<double> *y,
          LpSolution *solution)
      : f_(Q, b), p_(p), options_(options), y_(y), solution_(solution) {}

  /// p raised from 3 to `last` in steps.
  PetscErrorCode Raise(double last) {
    double scale = 0;
    PetscFunctionBegin;
    for (double q = std::min(3.0, last);; q = std::min(1.4 * q, last)) {
      PetscCall(f_.SetResidual(*y_));
      PetscCall(f_.Largest(&scale));
      if (scale == 0)
        break;
      PetscCall(f_.Stage(q, 0, scale, options_, y_, &solution_->steps));
      if (q == last)
        break;
    }
    if (std::isfinite(p_))
      PetscCall(Assess(0, scale));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// μ lowered from `first` to `last`, relative to the largest residual.
  PetscErrorCode Sharpen(double first, double last) {
    double scale = 0;
    PetscFunctionBegin;
    PetscCall(f_.SetResidual(*y_));
    PetscCall(f_.Largest(&scale));
    for (double mu = first; scale > 0 && mu >= last && !good(); mu *= 0.1) {
      PetscCall(f_.Stage(p_, mu, scale, options_, y_, &solution_->steps));
      PetscCall(Assess(mu, scale));
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// Objective at y, and the best bound so far.
  PetscErrorCode Assess(double mu, double scale) {
    double bound = 0;
    PetscFunctionBegin;
    PetscCall(f_.SetResidual(*y_));
    PetscCall(f_.Norm(p_, &solution_->objective));
    if (scale > 0)
      PetscCall(f_.LowerBound(p_, mu, scale, &bound));
    solution_->lower_bound = std::max(solution_->lower_bound, bound);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  [[nodiscard]] bool good() const {
    return solution_->objective - solution_->lower_bound <=
           options_.tolerance * solution_->objective;
  }

private:
  Smoothed f_;
  double p_;
  LpOptions options_;
  std::vector<double> *y_;
  LpSolution *solution_;
};

} // namespace

PetscErrorCode LpMinimize(TallView Q, TallView b, double p, const LpOptions &options,
                          std::vector<double> *y, LpSolution *solution) {
  PetscFunctionBegin;
  *solution = {};
  solution->rank = Q.cols;
  double size = 0; // ‖b‖_p
  Smoothed whole(Q, b);
  PetscCall(whole.SetResidual(std::vector<double>(Q.cols)));
  PetscCall(whole.Norm(p, &size));
  MultiVector centred(b.rows, 1);
  const TallView target = centred.view();
  std::copy_n(b.data, b.rows.local(), target.data);
  std::vector<double> centre;
  PetscCall(Centre(Q, target, &centre));
  y->assign(Q.cols, 0);
  Descent descent(Q, target, p, options, y, solution);
  PetscCall(descent.Assess(0, std::isinf(p) ? 0 : 1)); // right at once for p = 2
  if (Q.cols == 0)
    solution->lower_bound = solution->objective;
  const bool consistent = Q.cols == 0 || solution->objective <= 1e-14 * size;
  if (!consistent && p > 2)
    PetscCall(descent.Raise(std::isinf(p) ? 40 : p));
  if (!consistent && p < 2)
    PetscCall(descent.Sharpen(0.1, p == 1 ? 1e-6 : 1e-15));
  if (!consistent && std::isinf(p))
    PetscCall(descent.Assess(0, 0));
  if (!consistent && p == 1 && !descent.good()) {
    const std::vector<double> smooth = *y;
    const double before = solution->objective;
    PetscCall(LpVertexOne(Q, target, options, y, solution));
    if (!descent.good()) { // many residuals vanish at the optimum; then smoothing converges as well
      if (solution->objective >= before)
        *y = smooth;
      PetscCall(descent.Sharpen(1e-7, 1e-16));
    }
  }
  if (!consistent && std::isinf(p) && !descent.good())
    PetscCall(LpVertexInfinity(Q, target, options, y, solution));
  for (std::size_t j = 0; j < Q.cols; ++j)
    (*y)[j] += centre[j];
  solution->converged = consistent || solution->objective - solution->lower_bound <=
                                          10 * options.tolerance * solution->objective;
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

// to ← from·2^−exponent with the largest entry of all ranks in [1, 2): powers of residuals overflow
// and underflow otherwise. What is not finite stays as it is, to be refused.
PetscErrorCode CopyScaled(MPI_Comm comm, const double *from, std::size_t count, double *to,
                          int *exponent) {
  double largest = 0;
  PetscFunctionBegin;
  for (std::size_t i = 0; i < count; ++i)
    largest = std::max(largest, std::abs(from[i]));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, comm));
  *exponent = largest > 0 && std::isfinite(largest) ? std::ilogb(largest) : 0;
  for (std::size_t i = 0; i < count; ++i)
    to[i] = std::scalbn(from[i], -*exponent);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LpRegression(TallMatrix &A, const double *b, double p, const LpOptions &options,
                            std::vector<double> *x, LpSolution *solution) {
  const MPI_Comm comm = A.rows().comm();
  PetscFunctionBegin;
  PetscCheck(p >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE, "-p %g must be >= 1", p);
  PetscCheck(options.tolerance > 0, comm, PETSC_ERR_ARG_OUTOFRANGE, "-tolerance %g must be > 0",
             options.tolerance);
  PetscCheck(options.max_steps >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE, "-max_steps %d must be >= 1",
             options.max_steps);
  const std::size_t n = A.cols();
  PetscCheck(A.rows().rows() >= static_cast<std::int64_t>(n), comm, PETSC_ERR_ARG_SIZ,
             "The matrix is %lld x %lld; regression wants at least as many rows as columns",
             static_cast<long long>(A.rows().rows()), static_cast<long long>(n));
  PetscCall(Cite("BarrodaleRoberts1973"));
  MultiVector basis(A.rows(), n);
  MultiVector target(A.rows(), 1);
  int matrix_exponent = 0, target_exponent = 0;
  PetscCall(
      CopyScaled(comm, A.view().data, A.rows().local() * n, basis.view().data, &matrix_exponent));
  PetscCall(CopyScaled(comm, b, A.rows().local(), target.view().data, &target_exponent));
  std::vector<std::size_t> columns;
  PetscCall(Orthonormalize(basis.view(), &columns));
  const std::size_t r = columns.size();
  const TallView Q = basis.columns(0, r);
  std::vector<double> R(r * n);
  PetscCall(InnerProduct(Q, A.view(), R.data(), Entries::at_most_one));
  std::vector<double> y;
  PetscCall(LpMinimize(Q, target.view(), p, options, &y, solution));
  for (double &e : y)
    e = std::scalbn(e, target_exponent);
  solution->objective = std::scalbn(solution->objective, target_exponent);
  solution->lower_bound = std::scalbn(solution->lower_bound, target_exponent);
  std::vector<double> triangle(r * r);
  for (std::size_t j = 0; j < r; ++j)
    std::copy_n(R.data() + columns[j] * r, j + 1, triangle.data() + j * r);
  dense::trsm('L', 'U', 'N', r, 1, triangle.data(), r, y.data(), r);
  x->assign(n, 0);
  for (std::size_t j = 0; j < r; ++j)
    (*x)[columns[j]] = y[j];
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
