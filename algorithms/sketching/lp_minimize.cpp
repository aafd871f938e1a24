// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/lp_minimize.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/interruption.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

/// max |e|.
PetscErrorCode LargestEntry(TallView e, double *value) {
  PetscFunctionBegin;
  *value = 0;
  for (std::size_t i = 0; i < e.rows.local(); ++i)
    *value = std::max(*value, std::abs(e.data[i]));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_DOUBLE, MPI_MAX, e.rows.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Σ f(e_i), class R0; work: two columns. Terms above 10²⁵⁰ count as that: of trial steps that
/// nobody takes.
template <class F> PetscErrorCode SumOf(TallView e, TallView work, F f, double *sum) {
  PetscFunctionBegin;
  std::transform(e.data, e.data + e.rows.local(), work.column(0),
                 [&](double v) { return std::min(f(v), 1e250); });
  std::fill_n(work.column(1), e.rows.local(), 1.0);
  PetscCall(ColumnDots(work.columns(0, 1), work.columns(1, 1), sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NormWith(TallView e, TallView work, double p, double *norm) {
  PetscFunctionBegin;
  PetscCall(LargestEntry(e, norm));
  const double largest = *norm;
  if (largest == 0 || std::isinf(p))
    PetscFunctionReturn(PETSC_SUCCESS);
  double sum = 0;
  PetscCall(SumOf(
      e, work, [&](double v) { return std::pow(std::abs(v) / largest, p); }, &sum));
  *norm = largest * std::pow(sum, 1 / p);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

double LpConjugate(double p) {
  return p == 1 ? infinite : std::isinf(p) ? 1 : p / (p - 1);
}

PetscErrorCode LpNorm(TallView e, double p, double *norm) {
  PetscFunctionBegin;
  MultiVector work(e.rows, 2);
  PetscCall(NormWith(e, work.view(), p, norm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// F(y) = Σ φ(e_i/s), φ(e) = (e² + μ²)^(p/2), e = b − Qy. Where μ = 0 the scale s is max|e| before
/// each step, so that no power overflows or vanishes; where not, μ is relative to it, and it stays.
class Smoothed {
public:
  Smoothed(TallView Q, TallView b) : Q_(Q), work_(b.rows, 5), weighted_(Q.rows, Q.cols) {
    std::copy_n(b.data, b.rows.local(), target().data);
  }

  PetscErrorCode SetResidual(const std::vector<double> &y) {
    PetscFunctionBegin;
    std::copy_n(target().data, Q_.rows.local(), residual().data);
    subtract(Q_, y.data(), residual());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// max |e|.
  PetscErrorCode Largest(double *value) { return LargestEntry(residual(), value); }
  /// ‖e‖_p.
  PetscErrorCode Norm(double p, double *norm) { return NormWith(residual(), work(), p, norm); }
  /// Newton's method until what a step can gain is below `wanted` of F.
  PetscErrorCode Stage(double p, double mu, double scale, double wanted, const LpOptions &options,
                       std::vector<double> *y, int *steps);
  /// Lower bound from u = φ'(e) − φ''(e)·Qd, d the Newton step: Qᵀu = 0, and entries of u that are
  /// small stay small. u is left in slope().
  PetscErrorCode LowerBound(double p, double mu, double scale, double *bound);
  TallView slope() { return work_.columns(2, 1); } // φ'(e), or u

private:
  TallView target() { return work_.columns(0, 1); }
  TallView residual() { return work_.columns(1, 1); }
  TallView work() { return work_.columns(3, 2); }

  PetscErrorCode Value(double p, double mu, double scale, double *value) {
    PetscFunctionBegin;
    PetscCall(SumOf(
        residual(), work(),
        [&](double e) {
          e /= scale;
          return mu == 0 ? std::pow(std::abs(e), p) : std::pow(e * e + mu * mu, p / 2);
        },
        value));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode NewtonStep(double p, double mu, double scale, std::vector<double> *d,
                            double *decrement);
  PetscErrorCode Search(double p, double mu, double scale, double decrement,
                        const std::vector<double> &d, std::vector<double> *y, double value,
                        bool *moved);

  TallView Q_;
  MultiVector work_;     // b, e, φ'(e), and two for sums
  MultiVector weighted_; // φ''(e)·Q
};

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
  d->assign(r, 0);
  PetscCall(InnerProduct(Q_, W, H.data(), Entries::at_most_one));
  PetscCall(InnerProduct(Q_, slope(), d->data(), Entries::at_most_one));
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
  *decrement = 0;
  if (done) {
    dense::trsm('L', 'U', 'T', r, 1, factor.data(), r, d->data(), r);
    for (const double v : *d)
      *decrement += v * v;
    *decrement *= p;
    dense::trsm('L', 'U', 'N', r, 1, factor.data(), r, d->data(), r);
    for (double &v : *d)
      v *= scale;
    done = std::isfinite(*decrement) &&
           std::all_of(d->begin(), d->end(), [](double v) { return std::abs(v) < 1e250; });
  }
  if (!done) { // all weights vanish, or as good as
    d->assign(r, 0);
    *decrement = 0;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Halve the step until F falls by a tenth of what its slope promises. Below the rounding errors of
// F only the whole step is tried, for the digits of y that it gains, and taken unless F rises by
// more than they: where rows of small residuals weigh nothing the step can be anything.
PetscErrorCode Smoothed::Search(double p, double mu, double scale, double decrement,
                                const std::vector<double> &d, std::vector<double> *y, double value,
                                bool *moved) {
  PetscFunctionBegin;
  *moved = false;
  const std::vector<double> start = *y;
  const double noise = 1e-15 * std::max(p, 4.0) * value;
  const bool last = decrement <= noise;
  for (double t = 1; t > (last ? 0.9 : 1e-10) && !*moved; t *= 0.5) {
    for (std::size_t j = 0; j < d.size(); ++j)
      (*y)[j] = start[j] + t * d[j];
    double next = 0;
    PetscCall(SetResidual(*y));
    PetscCall(Value(p, mu, scale, &next));
    *moved = next <= (last ? value + noise : value - 0.1 * t * decrement);
  }
  if (!*moved) {
    *y = start;
    PetscCall(SetResidual(*y));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Smoothed::Stage(double p, double mu, double scale, double wanted,
                               const LpOptions &options, std::vector<double> *y, int *steps) {
  PetscFunctionBegin;
  PetscCall(SetResidual(*y));
  for (bool moved = true; moved && *steps < options.max_steps;) {
    PetscCall(StopTogether(Q_.rows.comm()));
    double value = 0;
    double decrement = 0;
    std::vector<double> d;
    if (mu == 0)
      PetscCall(Largest(&scale));
    if (scale == 0)
      break;
    PetscCall(Value(p, mu, scale, &value));
    PetscCall(NewtonStep(p, mu, scale, &d, &decrement));
    ++*steps;
    PetscCall(Search(p, mu, scale, decrement, d, y, value, &moved));
    if (decrement <= wanted * std::max(p, 4.0) * value)
      break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Smoothed::LowerBound(double p, double mu, double scale, double *bound) {
  const TallView u = slope();
  double unused = 0;
  PetscFunctionBegin;
  std::vector<double> c(Q_.cols);
  PetscCall(NewtonStep(p, mu, scale, &c, &unused));
  for (double &v : c)
    v /= scale;
  subtract(weighted_.view(), c.data(), u);
  for (int twice = 0; twice < 2; ++twice) {
    PetscCall(InnerProduct(Q_, u, c.data(), Entries::at_most_one));
    subtract(Q_, c.data(), u);
  }
  double product = 0;
  double norm = 0;
  PetscCall(ColumnDots(u, target(), &product));
  PetscCall(NormWith(u, work(), LpConjugate(p), &norm));
  *bound = norm > 0 ? product / norm : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

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
          LpSolution *solution, TallView dual)
      : f_(Q, b), p_(p), options_(options), y_(y), solution_(solution), dual_(dual) {}

  /// p raised from 3 to `last` in steps.
  PetscErrorCode Raise(double last) {
    constexpr double loose = 1e-4; // enough for a start of the next
    double scale = 0;
    PetscFunctionBegin;
    for (double q = std::min(3.0, last); q < last; q = std::min(1.4 * q, last))
      PetscCall(f_.Stage(q, 0, 0, loose, options_, y_, &solution_->steps));
    PetscCall(f_.Stage(last, 0, 0, tight, options_, y_, &solution_->steps));
    PetscCall(f_.Largest(&scale));
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
      PetscCall(f_.Stage(p_, mu, scale, tight, options_, y_, &solution_->steps));
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
    if (bound > solution_->lower_bound) {
      solution_->lower_bound = bound;
      if (dual_.cols == 1)
        std::copy_n(f_.slope().data, dual_.rows.local(), dual_.data);
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode Begin() {
    double scale = 0;
    PetscFunctionBegin;
    PetscCall(f_.SetResidual(*y_));
    PetscCall(f_.Largest(&scale));
    PetscCall(Assess(0, std::isinf(p_) ? 0 : scale));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  [[nodiscard]] bool good() const {
    return solution_->objective - solution_->lower_bound <=
           options_.tolerance * solution_->objective;
  }

private:
  static constexpr double tight = 1e-15;
  Smoothed f_;
  double p_;
  LpOptions options_;
  std::vector<double> *y_;
  LpSolution *solution_;
  TallView dual_;
};

} // namespace

PetscErrorCode LpMinimize(TallView Q, TallView b, double p, const LpOptions &options,
                          std::vector<double> *y, LpSolution *solution, LpOptimum *optimum) {
  PetscFunctionBegin;
  *solution = {};
  optimum->rows.clear();
  optimum->sign.clear();
  solution->rank = Q.cols;
  if (std::log(static_cast<double>(b.rows.rows())) <= 1e-15 * p)
    p = infinite;  // the norms differ by a factor m^(1/p) at most
  double size = 0; // ‖b‖_p
  PetscCall(LpNorm(b, p, &size));
  MultiVector centred(b.rows, 1);
  const TallView target = centred.view();
  std::copy_n(b.data, b.rows.local(), target.data);
  std::vector<double> centre;
  PetscCall(Centre(Q, target, &centre));
  y->assign(Q.cols, 0);
  Descent descent(Q, target, p, options, y, solution, optimum->dual);
  PetscCall(descent.Begin()); // right at once for p = 2
  if (Q.cols == 0)
    solution->lower_bound = solution->objective;
  const bool consistent = Q.cols == 0 || solution->objective <= 1e-14 * size;
  if (!consistent && !descent.good() && p > 2)
    PetscCall(descent.Raise(std::isinf(p) ? 40 : p));
  if (!consistent && !descent.good() && p < 2)
    PetscCall(descent.Sharpen(0.1, p == 1 ? 1e-6 : 1e-15));
  if (!consistent && std::isinf(p))
    PetscCall(descent.Assess(0, 0));
  if (!consistent && p == 1) { // also where the bound is met: a vertex is exact
    const std::vector<double> smooth = *y;
    const double before = solution->objective;
    PetscCall(LpVertexOne(Q, target, options, y, solution, optimum));
    if (!descent.good()) { // many residuals vanish at the optimum; then smoothing converges as well
      if (solution->objective >= before)
        *y = smooth;
      optimum->rows.clear();
      PetscCall(descent.Sharpen(1e-7, 1e-16));
    }
  }
  if (!consistent && std::isinf(p) && !descent.good())
    PetscCall(LpVertexInfinity(Q, target, options, y, solution, optimum));
  for (std::size_t j = 0; j < Q.cols; ++j)
    (*y)[j] += centre[j];
  solution->converged = consistent || solution->objective - solution->lower_bound <=
                                          10 * options.tolerance * solution->objective;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
