// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/trace_lanczos.h"
#include "core/dense.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::sketching {

const char *SpectralFunction::name() const {
  switch (kind) {
  case LATHE_SPECTRAL_LOG:
    return "log-determinant";
  case LATHE_SPECTRAL_INVERSE:
    return "trace of the inverse";
  case LATHE_SPECTRAL_POWER:
    return "Schatten norm";
  case LATHE_SPECTRAL_EXP:
    return "trace of the exponential";
  }
  return "";
}

double SpectralFunction::operator()(double x) const {
  switch (kind) {
  case LATHE_SPECTRAL_LOG:
    return std::log(x);
  case LATHE_SPECTRAL_INVERSE:
    return 1 / x;
  case LATHE_SPECTRAL_POWER:
    return std::pow(std::abs(x), power);
  case LATHE_SPECTRAL_EXP:
    return std::exp(x);
  }
  return x;
}

std::size_t LanczosFunction::width() const {
  constexpr std::int64_t most = 32, numbers = std::int64_t{1} << 26;
  const std::int64_t basis =
      rows_.rows() * std::min<std::int64_t>(settings_.max_steps, rows_.rows());
  return static_cast<std::size_t>(std::clamp(numbers / basis, std::int64_t{1}, most));
}

PetscErrorCode LanczosFunction::Start(TallView Z, std::vector<Process> *all) {
  PetscFunctionBegin;
  std::vector<double> squares(Z.cols);
  PetscCall(ColumnDots(Z, Z, squares.data()));
  for (std::size_t j = 0; j < Z.cols; ++j) {
    Process &p = all->emplace_back();
    p.norm = std::sqrt(squares[j]);
    p.exhausted = p.outcome.converged = p.norm == 0; // f(A)·0 = 0
    p.basis = MultiVector(rows_, 1);
    if (p.norm > 0)
      std::transform(Z.column(j), Z.column(j) + rows_.local(), p.basis.view().data,
                     [&p](double z) { return z / p.norm; });
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// x ← x/size.
void scale(TallView x, double size) {
  for (std::size_t i = 0; i < x.rows.local(); ++i)
    x.data[i] /= size;
}

/// x ← x made orthogonal to the columns of V once more, of length 1.
PetscErrorCode Reorthogonalise(TallView V, TallView x) {
  PetscFunctionBegin;
  std::vector<double> h(V.cols);
  double square = 0;
  for (int twice = 0; twice < 2; ++twice) {
    PetscCall(InnerProduct(V, x, h.data(), Entries::at_most_one));
    subtract(V, h.data(), x);
    PetscCall(ColumnDots(x, x, &square));
    if (square > 0)
      scale(x, std::sqrt(square));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

// Column j+1 of every basis from its column j.
PetscErrorCode LanczosFunction::Step(const std::vector<Process *> &running) {
  PetscFunctionBegin;
  const std::size_t count = running.size();
  const std::size_t local = rows_.local();
  MultiVector last(rows_, count);
  MultiVector next(rows_, count);
  const TallView V = last.view();
  const TallView W = next.view();
  for (std::size_t p = 0; p < count; ++p)
    std::copy_n(running[p]->basis.view().column(running[p]->alpha.size()), local, V.column(p));
  PetscCall(product_.Apply(V, W));
  // The three-term recurrence, then once against everything: as good as twice against everything.
  std::vector<double> alpha(count);
  std::vector<TallView> bases;
  std::size_t coefficients = 0;
  for (std::size_t p = 0; p < count; ++p) {
    Process &process = *running[p];
    bases.push_back(process.basis.columns(0, process.alpha.size() + 1));
    coefficients += bases[p].cols;
    if (process.alpha.empty())
      continue;
    const double beta = process.beta.back();
    const double *before = bases[p].column(process.alpha.size() - 1);
    for (std::size_t i = 0; i < local; ++i)
      W.column(p)[i] -= beta * before[i];
  }
  PetscCall(ColumnDots(V, W, alpha.data()));
  for (std::size_t p = 0; p < count; ++p)
    for (std::size_t i = 0; i < local; ++i)
      W.column(p)[i] -= alpha[p] * V.column(p)[i];
  std::vector<double> h(coefficients);
  PetscCall(InnerProducts(bases, W, h.data()));
  const double *c = h.data();
  for (std::size_t p = 0; p < count; c += bases[p++].cols) {
    subtract(bases[p], c, W.columns(p, 1));
    alpha[p] += c[bases[p].cols - 1];
  }
  std::vector<double> squares(count);
  PetscCall(ColumnDots(W, W, squares.data()));
  for (std::size_t p = 0; p < count; ++p) {
    Process &process = *running[p];
    const std::size_t j = process.alpha.size();
    const double beta = std::sqrt(squares[p]);
    process.alpha.push_back(alpha[p]);
    double size = 0; // of T so far
    for (std::size_t i = 0; i <= j; ++i)
      size = std::max(size, std::abs(process.alpha[i]) + (i > 0 ? process.beta[i - 1] : 0));
    // A β that is only rounding still leads on: small eigenvalues are coupled by no more, and f may
    // be largest there.
    process.exhausted = beta == 0 || static_cast<std::int64_t>(j) + 1 >= rows_.rows();
    if (process.exhausted)
      continue;
    process.beta.push_back(beta);
    scale(W.columns(p, 1), beta);
    if (beta < 1e-4 * size) // what rounding left of the basis, relative to β
      PetscCall(Reorthogonalise(bases[p], W.columns(p, 1)));
    process.basis.resize(j + 2);
    std::copy_n(W.column(p), local, process.basis.view().column(j + 1));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

/// log x integrates the errors for A + tI over t. Their residuals fall by Π(1 + t/θ)^power ≥ 1 +
/// t/c, 1/c = power·Σ1/θ: ∫ dt/((1 + t/c)(θ₁ + t)) times that for A itself.
double shifted_share(const std::vector<double> &theta, int power) {
  double sum = 0;
  for (const double t : theta)
    sum += theta[0] / t;
  const double x = 1 / (power * sum); // c/θ₁
  return x < 1 ? x * std::log(1 / x) / (1 - x) : 1;
}

} // namespace

PetscErrorCode LanczosFunction::Look(Process *process, bool whole) {
  const std::size_t m = process->alpha.size();
  PetscFunctionBegin;
  std::vector<double> theta = process->alpha;
  std::vector<double> off(process->beta.begin(),
                          process->beta.begin() +
                              static_cast<std::ptrdiff_t>(std::min(m - 1, process->beta.size())));
  off.resize(m); // LAPACK wants room
  std::vector<double> z(m * m);
  PetscCheck(dense::tridiagonal_eigen(m, theta.data(), off.data(), z.data()) == 0, rows_.comm(),
             PETSC_ERR_LIB, "LAPACK found no eigenvalues of a tridiagonal matrix of order %d",
             static_cast<int>(m));
  // log of ‖z − A·x‖/‖z‖, x from conjugate gradients in the same space: Πβ/det T.
  double residual = process->beta.size() < m ? -INFINITY : 0;
  for (std::size_t i = 0; i < m && process->beta.size() >= m; ++i)
    residual += std::log(process->beta[i] / std::max(theta[i], 0.0));
  for (double &t : theta)
    t = std::ldexp(t, product_.exponent());
  // Rounding makes positive numbers of zeros, too.
  PetscCheck(!f_.positive_only() || theta[0] > 0x1p-51 * theta[m - 1], rows_.comm(),
             PETSC_ERR_ARG_OUTOFRANGE,
             "The %s needs a positive definite matrix; this one has an eigenvalue <= %g, 0 to "
             "rounding beside one of %g, after %d Lanczos steps",
             f_.name(), theta[0], theta[m - 1], static_cast<int>(m));
  std::vector<double> next(whole ? m : 1);
  double size = 0;
  for (std::size_t i = 0; i < m; ++i) {
    const double *column = z.data() + i * m;
    const double f = f_(theta[i]);
    for (std::size_t l = 0; l < next.size(); ++l)
      next[l] += column[0] * f * column[l];
    size += column[0] * column[0] * std::abs(f);
  }
  const std::vector<double> &before = process->coefficients;
  double change = 0;
  for (std::size_t l = 0; l < next.size(); ++l)
    change = std::hypot(change, next[l] - (l < before.size() ? before[l] : 0.0));
  // Coefficients may stand still while the space sees large eigenvalues only, and z lies in the
  // small ones. The error is (1/x) or integrates (log x) that of conjugate gradients, at most
  // ‖residual‖ over the smallest eigenvalue, squared in a quadrature; for vectors, which converge
  // half as fast, that guards against standing still only.
  double unseen = 0;
  if (f_.positive_only()) {
    const int power = whole ? 1 : 2;
    unseen = std::exp(power * residual);
    if (f_.kind == LATHE_SPECTRAL_INVERSE)
      unseen /= theta[0];
    else
      unseen *= shifted_share(theta, power);
  }
  const double square = process->norm * process->norm;
  Outcome &outcome = process->outcome;
  const double allowed = whole ? std::sqrt(settings_.tolerance) : settings_.tolerance;
  outcome.converged =
      !before.empty() && change <= settings_.tolerance * size && unseen <= allowed * size;
  outcome.change = before.empty() ? std::numeric_limits<double>::infinity()
                                  : square * std::max(std::abs(next[0] - before[0]), unseen);
  outcome.quadrature = square * next[0];
  process->coefficients = next;
  process->next_look = m + 1 + m / 10;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LanczosFunction::RunInStep(TallView Z, TallView F) {
  const bool whole = F.cols > 0;
  const auto last = static_cast<std::size_t>(settings_.max_steps);
  PetscFunctionBegin;
  std::vector<Process> all;
  PetscCall(Start(Z, &all));
  std::vector<Process *> running;
  for (Process &p : all)
    if (!p.exhausted)
      running.push_back(&p);
  while (!running.empty()) {
    PetscCall(Step(running));
    for (Process *p : running) {
      if (p->alpha.size() >= p->next_look || p->exhausted || p->alpha.size() >= last)
        PetscCall(Look(p, whole));
      if (p->exhausted) { // exact but for rounding
        p->outcome.converged = true;
        p->outcome.change = 0;
      }
    }
    std::erase_if(running, [last](const Process *p) {
      return p->outcome.converged || p->alpha.size() >= last;
    });
  }
  for (std::size_t j = 0; j < Z.cols; ++j) {
    Process &p = all[j];
    p.outcome.steps = p.alpha.size();
    outcomes_.push_back(p.outcome);
    if (!whole)
      continue;
    for (double &c : p.coefficients)
      c *= p.norm;
    multiply(p.basis.columns(0, p.coefficients.size()), p.coefficients.data(), 0, F.columns(j, 1));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LanczosFunction::Run(TallView Z, TallView F) {
  PetscFunctionBegin;
  outcomes_.clear();
  for (std::size_t first = 0; first < Z.cols; first += width()) {
    const std::size_t count = std::min(width(), Z.cols - first);
    PetscCall(RunInStep(Z.columns(first, count), F.cols > 0 ? F.columns(first, count) : F));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
