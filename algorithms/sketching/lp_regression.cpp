// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/lp_regression.h"
#include "core/citation.h"
#include "core/error.h"
#include "core/exact_sum.h"
#include "sketching/lp_basis.h"
#include "sketching/lp_minimize.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

/// Of the largest entry over all ranks; a power of two of that size is finite.
PetscErrorCode Exponent(TallView e, int *exponent) {
  double largest = 0;
  PetscFunctionBegin;
  PetscCall(LpNorm(e, std::numeric_limits<double>::infinity(), &largest));
  *exponent = largest > 0 ? std::max(std::ilogb(largest), -1022) : 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void shift(TallView e, int exponent) {
  for (std::size_t i = 0; i < e.rows.local(); ++i)
    e.data[i] = std::scalbn(e.data[i], exponent);
}

PetscErrorCode CheckFinite(const RowBlocks &rows, const double *b) {
  PetscFunctionBegin;
  const double *bad = std::find_if(b, b + rows.local(), [](double v) { return !std::isfinite(v); });
  LatheCheckAll(rows.comm(), bad == b + rows.local(), PETSC_ERR_FP,
                "Entry %lld of the right-hand side is not finite",
                static_cast<long long>(rows.range().begin + (bad - b)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// A problem with columns and right-hand side of any scale, brought to entries of at most 2.
class ScaledProblem {
public:
  /// err  FP b is not finite
  PetscErrorCode Create(TallMatrix &A, const double *b, double p);
  PetscErrorCode Solve(const LpOptions &options, LpSolution *solution);
  /// x of the problem as it was given, and what belongs to it.
  PetscErrorCode Finish(std::size_t n, const LpOptions &options, std::vector<double> *x,
                        LpSolution *solution, double *residual);

private:
  TallView b() { return vectors_.columns(0, 1); }
  TallView e() { return vectors_.columns(1, 1); }    // b − Âx̂
  TallView dual() { return vectors_.columns(2, 2); } // as the sum of two
  TallView work() { return vectors_.columns(4, 1); }

  PetscErrorCode LeastSquares();
  void Add(const std::vector<double> &y);
  PetscErrorCode Certify(double *bound);

  LpBasis basis_;
  ExpansionVector x_;        // x̂
  std::vector<double> size_; // the largest that each x̂_j has been
  MultiVector vectors_;      // 5 columns
  double p_ = 1;
  int exponent_ = 0;        // of b
  bool consistent_ = false; // Âx̂ = b
  bool certified_ = false;  // dual() holds a u
};

PetscErrorCode ScaledProblem::Create(TallMatrix &A, const double *b_given, double p) {
  PetscFunctionBegin;
  p_ = p;
  PetscCall(CheckFinite(A.rows(), b_given));
  vectors_ = MultiVector(A.rows(), 5);
  std::copy_n(b_given, A.rows().local(), b().data);
  PetscCall(Exponent(b(), &exponent_));
  shift(b(), -exponent_);
  PetscCall(basis_.Create(A));
  x_ = ExpansionVector(2, basis_.rank());
  size_.assign(basis_.rank(), 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// What is left where an x̂_j vanishes is a rounding error of double-double: it vanishes too, as at
// the vertices of problems in integers.
void ScaledProblem::Add(const std::vector<double> &y) {
  basis_.Add(y, &x_);
  for (std::size_t j = 0; j < x_.n; ++j) {
    size_[j] = std::max(size_[j], std::abs(x_.value[j]));
    if (std::abs(x_.value[j]) <= 0x1p-80 * size_[j])
      x_.set(j, {});
  }
  basis_.Residual(b().data, x_, e().data);
}

// x̂ of the least squares; e to all its digits however small it is. Consistent: e is as small as
// rounding errors of double-double.
PetscErrorCode ScaledProblem::LeastSquares() {
  constexpr double rounding = 0x1p-90;
  const std::size_t r = basis_.rank();
  PetscFunctionBegin;
  std::vector<double> y(r);
  basis_.Residual(b().data, x_, e().data);
  for (int pass = 0; pass < 3 && r > 0; ++pass) {
    PetscCall(InnerProduct(basis_.Q(), e(), y.data(), Entries::at_most_one));
    Add(y);
  }
  double size = 0; // ≥ largest entry of |Â||x̂| + |b|
  double rest = 0;
  for (std::size_t j = 0; j < r; ++j)
    size += 2 * std::abs(x_.value[j]);
  PetscCall(LpNorm(e(), std::numeric_limits<double>::infinity(), &rest));
  consistent_ = static_cast<std::int64_t>(r) == b().rows.rows() || rest <= rounding * (2 + size);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ScaledProblem::Solve(const LpOptions &options, LpSolution *solution) {
  PetscFunctionBegin;
  PetscCall(LeastSquares());
  *solution = {};
  solution->rank = basis_.rank();
  if (consistent_)
    PetscFunctionReturn(PETSC_SUCCESS);
  int exponent = 0;
  PetscCall(Exponent(e(), &exponent));
  std::copy_n(e().data, e().rows.local(), work().data);
  shift(work(), -exponent);
  std::vector<double> y;
  LpOptimum optimum{.dual = dual().columns(0, 1)};
  PetscCall(LpMinimize(basis_.Q(), work(), p_, options, &y, solution, &optimum));
  for (double &v : y)
    v = std::scalbn(v, exponent);
  Add(y);
  for (int pass = 0; pass < 2; ++pass) { // to all digits of the x̂ of a vertex
    basis_.Residual(b().data, x_, e().data, work().data);
    PetscCall(LpVertexCorrection(basis_.Q(), e(), work(), optimum, &y));
    if (y.empty())
      break;
    Add(y);
  }
  certified_ = basis_.rank() > 0 && solution->lower_bound > 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The dual vector is that of a basis in doubles. Made orthogonal to Â itself, as a sum of two
// doubles an entry; for what is left, h, every optimal x has |uᵀÂ(x − x̂)| ≤ ‖h‖₂‖Q̃ᵀÂ(x − x̂)‖₂,
// and ‖Â(x − x̂)‖_p ≤ 2‖e‖_p. Then what the rounding of e, of norms and of the quotient can do.
PetscErrorCode ScaledProblem::Certify(double *bound) {
  constexpr double rounding = 0x1p-49;
  const RowBlocks &rows = e().rows;
  PetscFunctionBegin;
  *bound = 0;
  double objective = 0;
  PetscCall(LpNorm(e(), p_, &objective));
  if (basis_.rank() == 0)
    *bound = objective;
  if (!certified_)
    PetscFunctionReturn(PETSC_SUCCESS);
  int exponent = 0;
  PetscCall(Exponent(dual().columns(0, 1), &exponent));
  shift(dual().columns(0, 1), -exponent);
  double norm = 0;
  PetscCall(LpNorm(dual().columns(0, 1),
                   p_ == 1          ? HUGE_VAL
                   : std::isinf(p_) ? 1
                                    : p_ / (p_ - 1),
                   &norm));
  // ‖·‖₂ ≤ wide·‖·‖_p; twice that, since Q is orthonormal to rounding only
  const double wide = 2 * std::pow(static_cast<double>(rows.rows()), std::max(0.0, 0.5 - 1 / p_));
  double allowance = 0;
  std::vector<double> h;
  for (int pass = 0; pass < 4; ++pass) {
    PetscCall(basis_.Against(dual(), &h));
    double square = 0;
    for (const double v : h)
      square += v * v;
    allowance = 2 * wide * std::sqrt(square) * objective;
    if (allowance <= 0x1p-60 * norm * objective)
      break;
    std::fill_n(work().data, rows.local(), 0.0);
    subtract(basis_.Q(), h.data(), work());
    for (std::size_t i = 0; i < rows.local(); ++i) {
      const TwoSum sum(dual().column(0)[i], work().data[i]);
      const TwoSum pair(sum.s, dual().column(1)[i] + sum.e);
      dual().column(0)[i] = pair.s;
      dual().column(1)[i] = pair.e;
    }
  }
  PetscCall(LpNorm(dual().columns(0, 1),
                   p_ == 1          ? HUGE_VAL
                   : std::isinf(p_) ? 1
                                    : p_ / (p_ - 1),
                   &norm));
  ExactSum product;
  for (std::size_t i = 0; i < rows.local(); ++i) {
    product.add_product(dual().column(0)[i], e().data[i]);
    product.add_product(dual().column(1)[i], e().data[i]);
  }
  PetscCall(ExactSum::AllReduce(rows.comm(), &product, 1));
  *bound = std::max(0.0, (product.value() - allowance) / norm - rounding * objective);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ScaledProblem::Finish(std::size_t n, const LpOptions &options,
                                     std::vector<double> *x, LpSolution *solution,
                                     double *residual) {
  PetscFunctionBegin;
  PetscCall(Certify(&solution->lower_bound));
  x->assign(n, 0);
  ExpansionVector moved(2, basis_.rank()); // by rounding
  ExpansionVector rounded(2, basis_.rank());
  for (std::size_t j = 0; j < basis_.rank(); ++j) {
    const int exponent = exponent_ - basis_.exponent(j);
    double &value = (*x)[basis_.columns()[j]];
    value = std::scalbn(x_.value[j], exponent);
    rounded.value[j] = std::scalbn(value, -exponent); // another than x̂_j where it is subnormal
    moved.value[j] = (rounded.value[j] - x_.value[j]) - x_.value[x_.n + j];
  }
  const auto beyond =
      std::find_if(x->begin(), x->end(), [](double v) { return !std::isfinite(v); });
  PetscCheck(beyond == x->end(), e().rows.comm(), PETSC_ERR_FP,
             "x_%td exceeds the largest double: column %td of the matrix is too small beside the "
             "right-hand side",
             beyond - x->begin(), beyond - x->begin());
  std::fill_n(work().data, work().rows.local(), 0.0);
  basis_.Residual(work().data, moved, work().data);
  PetscCall(LpNorm(work(), p_, &solution->rounding));
  basis_.Residual(b().data, rounded, e().data);
  PetscCall(LpNorm(e(), p_, &solution->objective));
  solution->converged =
      consistent_ || solution->objective - solution->lower_bound <=
                         10 * options.tolerance * solution->objective + solution->rounding;
  if (residual)
    std::transform(e().data, e().data + e().rows.local(), residual,
                   [this](double v) { return std::scalbn(v, exponent_); });
  for (double *v : {&solution->objective, &solution->lower_bound, &solution->rounding})
    *v = std::scalbn(*v, exponent_);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LpRegression(TallMatrix &A, const double *b, double p, const LpOptions &options,
                            std::vector<double> *x, LpSolution *solution, double *residual) {
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
  ScaledProblem problem;
  PetscCall(problem.Create(A, b, p));
  PetscCall(problem.Solve(options, solution));
  PetscCall(problem.Finish(n, options, x, solution, residual));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
