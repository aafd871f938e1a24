// SPDX-License-Identifier: BSD-2-Clause
// Functions of a symmetric matrix from Lanczos steps, one start vector at a time.
#pragma once
#include "sketching/block_operator.h"
#include "sketching/trace.h"
#include <functional>
#include <vector>

namespace lathe::sketching {

/// A f(x) of trace.h with the name that messages use.
struct SpectralFunction {
  LatheSpectralFunction kind = LATHE_SPECTRAL_LOG;
  double power = 1;
  [[nodiscard]] const char *name() const;
  [[nodiscard]] bool positive_only() const {
    return kind == LATHE_SPECTRAL_LOG || kind == LATHE_SPECTRAL_INVERSE;
  }
  [[nodiscard]] double operator()(double x) const;
};

struct LanczosSettings {
  PetscInt max_steps = 100;
  double tolerance = 1e-8;
};

/// y ← A·x on columns of layout `rows`, which count their own products.
using ColumnProduct = std::function<PetscErrorCode(TallView x, TallView y)>;

/// Lanczos from z ≠ 0 with every vector orthogonalised twice against all others, until the
/// coefficients
///   f(T)e₁ of f(A)z/‖z‖ in the basis V (`whole`), or their first one alone, the Gauss quadrature
///   of zᵀf(A)z/‖z‖²,
/// change by less than the tolerance, relatively, from one look to the next (looks are one step
/// apart at first, 10 % of the steps later), or the Krylov space is exhausted. Class as A's
/// products.
class LanczosFunction {
public:
  LanczosFunction(const RowBlocks &rows, ColumnProduct product, SpectralFunction f,
                  LanczosSettings settings)
      : rows_(rows), product_(std::move(product)), f_(f), settings_(settings) {}

  /// err  ARG_OUTOFRANGE a Ritz value ≤ 0 where f needs a positive definite matrix
  PetscErrorCode Run(const double *z, bool whole);

  /// zᵀf(A)z, and its last change.
  [[nodiscard]] double quadrature() const { return quadrature_; }
  [[nodiscard]] double change() const { return change_; }
  /// y ← f(A)z; after Run(z, true).
  void result(double *y);
  [[nodiscard]] std::size_t steps() const { return alpha_.size(); }
  [[nodiscard]] bool converged() const { return converged_; }

private:
  PetscErrorCode Step(bool *exhausted);
  PetscErrorCode Look(bool whole);

  RowBlocks rows_;
  ColumnProduct product_;
  SpectralFunction f_;
  LanczosSettings settings_;
  MultiVector basis_;
  std::vector<double> alpha_, beta_, coefficients_;
  double norm_ = 0, quadrature_ = 0, change_ = 0;
  bool converged_ = false;
};

} // namespace lathe::sketching
