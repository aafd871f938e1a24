// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/lp_vertex.h"
#include "core/dense.h"
#include "core/interruption.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::sketching {
namespace {

/// X ← op(M)⁻¹X for k right-hand sides by Gaussian elimination with complete pivoting: vertices can
/// be badly conditioned. False when M is singular.
class Solver {
public:
  explicit Solver(std::vector<double> matrix, std::size_t n);
  [[nodiscard]] bool singular() const { return singular_; }
  [[nodiscard]] std::vector<double> solve(const std::vector<double> &b, bool transposed) const;

private:
  std::size_t n_;
  std::vector<double> lu_; // column-major, P·M·C = L·U
  std::vector<std::size_t> row_, column_;
  bool singular_ = false;
};

Solver::Solver(std::vector<double> matrix, std::size_t n)
    : n_(n), lu_(std::move(matrix)), row_(n), column_(n) {
  std::iota(row_.begin(), row_.end(), std::size_t{0});
  std::iota(column_.begin(), column_.end(), std::size_t{0});
  double largest = 0;
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t p = k;
    std::size_t q = k;
    for (std::size_t j = k; j < n; ++j)
      for (std::size_t i = k; i < n; ++i)
        if (std::abs(lu_[i + j * n]) > std::abs(lu_[p + q * n])) {
          p = i;
          q = j;
        }
    for (std::size_t j = 0; j < n; ++j)
      std::swap(lu_[k + j * n], lu_[p + j * n]);
    for (std::size_t i = 0; i < n; ++i)
      std::swap(lu_[i + k * n], lu_[i + q * n]);
    std::swap(row_[k], row_[p]);
    std::swap(column_[k], column_[q]);
    const double pivot = lu_[k + k * n];
    largest = std::max(largest, std::abs(pivot));
    if (!(std::abs(pivot) > 1e-14 * largest)) {
      singular_ = true;
      return;
    }
    for (std::size_t i = k + 1; i < n; ++i)
      lu_[i + k * n] /= pivot;
    for (std::size_t j = k + 1; j < n; ++j)
      for (std::size_t i = k + 1; i < n; ++i)
        lu_[i + j * n] -= lu_[i + k * n] * lu_[k + j * n];
  }
}

std::vector<double> Solver::solve(const std::vector<double> &b, bool transposed) const {
  const auto &from = transposed ? column_ : row_;
  const auto &to = transposed ? row_ : column_;
  std::vector<double> x(n_);
  for (std::size_t i = 0; i < n_; ++i)
    x[i] = b[from[i]];
  if (transposed) {
    for (std::size_t j = 0; j < n_; ++j) { // Uᵀ
      for (std::size_t i = 0; i < j; ++i)
        x[j] -= lu_[i + j * n_] * x[i];
      x[j] /= lu_[j + j * n_];
    }
    for (std::size_t j = n_; j-- > 0;) // Lᵀ
      for (std::size_t i = j + 1; i < n_; ++i)
        x[j] -= lu_[i + j * n_] * x[i];
  } else {
    for (std::size_t j = 0; j < n_; ++j)
      for (std::size_t i = j + 1; i < n_; ++i)
        x[i] -= lu_[i + j * n_] * x[j];
    for (std::size_t j = n_; j-- > 0;) {
      x[j] /= lu_[j + j * n_];
      for (std::size_t i = 0; i < j; ++i)
        x[i] -= lu_[i + j * n_] * x[j];
    }
  }
  std::vector<double> result(n_);
  for (std::size_t i = 0; i < n_; ++i)
    result[to[i]] = x[i];
  return result;
}

/// What both methods need of the problem, the same on every rank.
class Problem {
public:
  Problem(TallView Q, TallView b) : Q_(Q), b_(b), work_(Q.rows, 2) {}

  PetscErrorCode Gather() {
    PetscFunctionBegin;
    PetscCall(GatherColumn(b_, &target));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// e = b − Qy, all of it.
  PetscErrorCode Residual(const std::vector<double> &y, std::vector<double> *e) {
    const TallView w = work_.columns(0, 1);
    PetscFunctionBegin;
    std::copy_n(b_.data, Q_.rows.local(), w.data);
    subtract(Q_, y.data(), w);
    PetscCall(GatherColumn(w, e));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// v = Qd.
  PetscErrorCode Along(const std::vector<double> &d, std::vector<double> *v) {
    const TallView w = work_.columns(0, 1);
    PetscFunctionBegin;
    multiply(Q_, d.data(), 0, w);
    PetscCall(GatherColumn(w, v));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// c = Qᵀu.
  PetscErrorCode Against(const std::vector<double> &u, std::vector<double> *c) {
    const TallView w = work_.columns(0, 1);
    PetscFunctionBegin;
    std::copy_n(u.begin() + Q_.rows.range().begin, Q_.rows.local(), w.data);
    c->resize(Q_.cols);
    PetscCall(InnerProduct(Q_, w, c->data(), Entries::at_most_one));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// Rows of Q, one after another (r × count, column-major: column i is row rows[i]).
  PetscErrorCode Rows(const std::vector<std::size_t> &rows, std::vector<double> *values) const {
    PetscFunctionBegin;
    PetscCall(StopTogether(Q_.rows.comm()));
    values->assign(rows.size() * Q_.cols, 0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<std::int64_t>(rows[i]);
      if (Q_.rows.range().contains(row))
        for (std::size_t j = 0; j < Q_.cols; ++j)
          (*values)[j + i * Q_.cols] = Q_.column(j)[row - Q_.rows.range().begin];
    }
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, values->data(), static_cast<int>(values->size()),
                               MPI_DOUBLE, MPI_SUM, Q_.rows.comm()));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  std::vector<double> target; // b

private:
  TallView Q_, b_;
  MultiVector work_;
};

/// The first `count` independent columns of the r × m matrix V, by Gram-Schmidt; fewer if there are
/// no more.
std::vector<std::size_t> independent(std::vector<double> v, std::size_t r, std::size_t count) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < v.size() / r && chosen.size() < count; ++i) {
    double *x = v.data() + i * r;
    const double length = std::sqrt(std::inner_product(x, x + r, x, 0.0));
    for (int twice = 0; twice < 2; ++twice)
      for (const std::size_t j : chosen) {
        const double *q = v.data() + j * r;
        const double c = std::inner_product(x, x + r, q, 0.0);
        for (std::size_t l = 0; l < r; ++l)
          x[l] -= c * q[l];
      }
    const double rest = std::sqrt(std::inner_product(x, x + r, x, 0.0));
    if (rest <= 1e-7 * length || rest == 0)
      continue;
    for (std::size_t l = 0; l < r; ++l)
      x[l] /= rest;
    chosen.push_back(i);
  }
  return chosen;
}

/// Indices in the order of |e|, ascending or descending.
std::vector<std::size_t> sorted(const std::vector<double> &e, bool descending) {
  std::vector<std::size_t> order(e.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return descending ? std::abs(e[a]) > std::abs(e[b]) : std::abs(e[a]) < std::abs(e[b]);
  });
  return order;
}

/// `count` rows with independent rows of Q, the first of `order` that are.
PetscErrorCode Choose(const Problem &problem, const std::vector<std::size_t> &order, std::size_t r,
                      std::size_t count, std::vector<std::size_t> *basis) {
  PetscFunctionBegin;
  basis->clear();
  for (std::size_t tried = std::min(order.size(), 4 * count);;
       tried = std::min(order.size(), 4 * tried)) {
    const std::vector<std::size_t> rows(order.begin(),
                                        order.begin() + static_cast<std::ptrdiff_t>(tried));
    std::vector<double> values;
    PetscCall(problem.Rows(rows, &values));
    const std::vector<std::size_t> chosen = independent(std::move(values), r, count);
    if (chosen.size() == count || tried == order.size()) {
      for (const std::size_t i : chosen)
        basis->push_back(rows[i]);
      break;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Column i: (row i, sign_i) for k rows of k − 1 numbers.
std::vector<double> bordered(const std::vector<double> &rows, const std::vector<double> &sign) {
  const std::size_t k = sign.size();
  std::vector<double> M(k * k);
  for (std::size_t i = 0; i < k; ++i) {
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i * (k - 1)), k - 1,
                M.begin() + static_cast<std::ptrdiff_t>(i * k));
    M[k - 1 + i * k] = sign[i];
  }
  return M;
}

/// The rows of u that are here.
void keep(const std::vector<double> &u, TallView dual) {
  if (dual.cols == 1)
    std::copy_n(u.begin() + dual.rows.range().begin, dual.rows.local(), dual.data);
}

/// Where Σ|e_i − t·v_i| over i outside the basis, plus |t|, is lowest for t ≥ 0: the row whose
/// residual vanishes there. `slope` is the slope at 0 if each |e_i| had the slope u_i, negative; it
/// has where e_i ≠ 0. size() when there is none.
std::size_t lowest_point(const std::vector<double> &e, const std::vector<double> &v,
                         const std::vector<bool> &basic, const std::vector<double> &u,
                         double slope) {
  struct Kink {
    double t, rise;
    std::size_t row;
  };
  std::vector<Kink> kinks;
  for (std::size_t i = 0; i < e.size(); ++i) {
    const double rise = e[i] == 0 ? std::abs(v[i]) + u[i] * v[i] : 2 * std::abs(v[i]);
    if (!basic[i] && rise > 0 && (e[i] == 0 || e[i] / v[i] > 0))
      kinks.push_back({e[i] / v[i], rise, i});
  }
  std::sort(kinks.begin(), kinks.end(),
            [](const Kink &a, const Kink &b) { return a.t != b.t ? a.t < b.t : a.row < b.row; });
  for (const Kink &kink : kinks) {
    slope += kink.rise;
    if (slope >= 0)
      return kink.row;
  }
  return e.size();
}

} // namespace

PetscErrorCode LpVertexOne(TallView Q, TallView b, const LpOptions &options, std::vector<double> *y,
                           LpSolution *solution, LpOptimum *optimum) {
  const std::size_t r = Q.cols;
  PetscFunctionBegin;
  Problem problem(Q, b);
  PetscCall(problem.Gather());
  std::vector<double> e;
  PetscCall(problem.Residual(*y, &e));
  std::vector<std::size_t> basis;
  PetscCall(Choose(problem, sorted(e, false), r, r, &basis));
  double largest_target = 0;
  for (const double value : problem.target)
    largest_target = std::max(largest_target, std::abs(value));
  const double rounding = 1e-14 * largest_target; // in a residual
  // Of rows that are zero outside of the basis: what they left it with. Their own sign is a
  // rounding error, and a vertex that many rows meet could not be told optimal by it.
  std::vector<double> side(e.size(), 0.0);
  std::size_t idle = 0; // vertices since the last that was lower
  const int last = solution->steps + options.max_steps;
  while (basis.size() == r && idle <= 4 * r + 20 && solution->steps++ < last) {
    std::vector<double> M; // row basis[i] of Q is column i
    PetscCall(problem.Rows(basis, &M));
    const Solver solver(M, r);
    if (solver.singular())
      break;
    std::vector<double> values;
    for (const std::size_t i : basis)
      values.push_back(problem.target[i]);
    const std::vector<double> vertex = solver.solve(values, true);
    PetscCall(problem.Residual(vertex, &e));
    std::vector<bool> basic(e.size());
    for (const std::size_t i : basis) {
      basic[i] = true;
      e[i] = 0;
    }
    double objective = 0;
    std::vector<double> u(e.size());
    for (std::size_t i = 0; i < e.size(); ++i) {
      objective += std::abs(e[i]);
      if (std::abs(e[i]) <= rounding)
        e[i] = 0;
      u[i] = basic[i] ? 0 : e[i] > 0 ? 1 : e[i] < 0 ? -1 : side[i];
    }
    std::vector<double> c;
    PetscCall(problem.Against(u, &c));
    std::vector<double> dual = solver.solve(c, false);
    std::size_t leaving = 0;
    for (std::size_t j = 0; j < r; ++j) {
      u[basis[j]] = -dual[j];
      if (std::abs(dual[j]) > std::abs(dual[leaving]))
        leaving = j;
    }
    const double largest = std::max(1.0, std::abs(dual[leaving]));
    const double bound =
        std::inner_product(u.begin(), u.end(), problem.target.begin(), 0.0) / largest;
    idle = objective < solution->objective * (1 - 1e-14) ? 0 : idle + 1;
    const auto good = [&](double value) {
      return value - solution->lower_bound <= options.tolerance * value;
    };
    if (bound > solution->lower_bound) {
      solution->lower_bound = bound;
      keep(u, optimum->dual);
    }
    if (objective <= solution->objective || good(objective)) {
      solution->objective = objective;
      optimum->rows = basis;
      *y = vertex;
    }
    if (good(objective))
      break;
    const double sign = dual[leaving] > 0 ? -1 : 1; // of u there, and of the residual that grows
    std::vector<double> unit(r);
    unit[leaving] = -sign;
    const std::vector<double> d = solver.solve(unit, true);
    std::vector<double> v;
    PetscCall(problem.Along(d, &v));
    const std::size_t entering = lowest_point(e, v, basic, u, 1 - std::abs(dual[leaving]));
    if (entering == e.size())
      break;
    side[basis[leaving]] = sign;
    basis[leaving] = entering;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LpVertexInfinity(TallView Q, TallView b, const LpOptions &options,
                                std::vector<double> *y, LpSolution *solution, LpOptimum *optimum) {
  const std::size_t r = Q.cols;
  const std::size_t k = r + 1;
  PetscFunctionBegin;
  Problem problem(Q, b);
  PetscCall(problem.Gather());
  std::vector<double> e;
  PetscCall(problem.Residual(*y, &e));
  if (e.size() < k)
    PetscFunctionReturn(PETSC_SUCCESS);
  // r independent rows of large residual, and the largest of the rest.
  const std::vector<std::size_t> order = sorted(e, true);
  std::vector<std::size_t> basis;
  PetscCall(Choose(problem, order, r, r, &basis));
  if (basis.size() < r)
    PetscFunctionReturn(PETSC_SUCCESS);
  basis.push_back(*std::find_if(order.begin(), order.end(), [&](std::size_t i) {
    return std::find(basis.begin(), basis.end(), i) == basis.end();
  }));
  std::vector<double> rows;
  PetscCall(problem.Rows(basis, &rows));
  // λ with Σ λ_i q_i = 0: λ_r = −1 for the last row.
  const Solver first(
      std::vector<double>(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(r * r)), r);
  if (first.singular())
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> lambda = first.solve(
      std::vector<double>(rows.begin() + static_cast<std::ptrdiff_t>(r * r), rows.end()), false);
  lambda.push_back(-1);
  double level = 0;
  for (std::size_t i = 0; i < k; ++i)
    level += lambda[i] * problem.target[basis[i]];
  std::vector<double> sign(k);
  for (std::size_t i = 0; i < k; ++i)
    sign[i] = (lambda[i] >= 0) == (level >= 0) ? 1 : -1;

  const int last = solution->steps + options.max_steps;
  while (solution->steps++ < last) {
    PetscCall(problem.Rows(basis, &rows));
    std::vector<double> values(k);
    for (std::size_t i = 0; i < k; ++i)
      values[i] = problem.target[basis[i]];
    const Solver solver(bordered(rows, sign), k);
    if (solver.singular())
      break;
    std::vector<double> vertex = solver.solve(values, true); // (y, h)
    const double h = vertex.back();
    vertex.pop_back();
    std::vector<double> unit(k);
    unit[r] = 1;
    lambda = solver.solve(unit, false); // Σ λ_i q_i = 0, Σ λ_i sign_i = 1
    PetscCall(problem.Residual(vertex, &e));
    const std::size_t entering = static_cast<std::size_t>(
        std::max_element(e.begin(), e.end(),
                         [](double a, double c) { return std::abs(a) < std::abs(c); }) -
        e.begin());
    double size = 0; // ‖λ‖₁, 1 but for rounding
    for (const double v : lambda)
      size += std::abs(v);
    if (h / size > solution->lower_bound) {
      solution->lower_bound = h / size;
      std::vector<double> u(e.size());
      for (std::size_t i = 0; i < k; ++i)
        u[basis[i]] = lambda[i];
      keep(u, optimum->dual);
    }
    const double objective = std::abs(e[entering]);
    const bool optimal = objective - solution->lower_bound <= options.tolerance * objective ||
                         std::find(basis.begin(), basis.end(), entering) != basis.end();
    if (optimal || objective <= solution->objective) {
      solution->objective = objective;
      optimum->rows = basis;
      optimum->sign = sign;
      *y = vertex;
    }
    if (optimal)
      break;
    std::vector<double> q;
    PetscCall(problem.Rows({entering}, &q));
    const double s = e[entering] > 0 ? 1 : -1;
    for (double &value : q)
      value *= s;
    q.push_back(1);
    const std::vector<double> gamma = solver.solve(q, false);
    std::size_t leaving = k;
    double smallest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < k; ++i)
      if (gamma[i] * sign[i] > 1e-12) {
        const double ratio = std::max(lambda[i] * sign[i], 0.0) / (gamma[i] * sign[i]);
        if (ratio < smallest) {
          smallest = ratio;
          leaving = i;
        }
      }
    if (leaving == k)
      break;
    basis[leaving] = entering;
    sign[leaving] = s;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LpVertexCorrection(TallView Q, TallView e, TallView rest, const LpOptimum &optimum,
                                  std::vector<double> *d) {
  PetscFunctionBegin;
  d->clear();
  if (optimum.rows.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> rows, values, low;
  PetscCall(Problem(Q, e).Rows(optimum.rows, &rows));
  PetscCall(Problem(e, e).Rows(optimum.rows, &values));
  PetscCall(Problem(rest, e).Rows(optimum.rows, &low));
  const double level = optimum.sign.empty() ? 0 : optimum.sign[0] * values[0];
  for (std::size_t i = 0; i < values.size(); ++i) // exact: the two are as good as equal
    values[i] = (values[i] - (optimum.sign.empty() ? 0 : optimum.sign[i] * level)) + low[i];
  const std::size_t k = optimum.rows.size();
  const Solver solver(optimum.sign.empty() ? rows : bordered(rows, optimum.sign), k);
  if (solver.singular())
    PetscFunctionReturn(PETSC_SUCCESS);
  *d = solver.solve(values, true);
  d->resize(Q.cols); // without h
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
