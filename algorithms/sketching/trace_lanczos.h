// SPDX-License-Identifier: BSD-2-Clause
// Functions of a symmetric matrix from Lanczos steps, one start vector at a time.
#pragma once
#include "sketching/block_operator.h"
#include "sketching/trace.h"
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

/// Lanczos from each of several vectors z, all of them in step, so that they share their reductions
/// and messages: the steps of one vector spend their time waiting for the other ranks. Each vector
/// of a basis is orthogonalised against the two before it, then against all, until the coefficients
///   f(T)e₁ of f(A)z/‖z‖ in the basis V (with results), or their first one alone, the Gauss
///   quadrature of zᵀf(A)z/‖z‖²,
/// change by less than the tolerance, relatively, from one look to the next (looks are one step
/// apart at first, 10 % of the steps later), and for log x and 1/x the residual of conjugate
/// gradients allows no more, or the Krylov space is exhausted. Class as A's products. Memory:
/// max_steps vectors of n, or up to 2²⁶ numbers on all ranks where that is more.
class LanczosFunction {
public:
  LanczosFunction(const RowBlocks &rows, ColumnProduct product, SpectralFunction f,
                  LanczosSettings settings)
      : rows_(rows), product_(std::move(product)), f_(f), settings_(settings) {}

  /// F ← f(A)·Z column by column, or quadratures only where F has no columns.
  /// err  ARG_OUTOFRANGE a Ritz value ≤ 0 where f needs a positive definite matrix
  PetscErrorCode Run(TallView Z, TallView F);

  struct Outcome {
    double quadrature = 0; // zᵀf(A)z
    double change = 0;     // and its last change
    std::size_t steps = 0;
    bool converged = false;
  };
  /// Of the columns of Z, in their order.
  [[nodiscard]] const std::vector<Outcome> &outcomes() const { return outcomes_; }
  [[nodiscard]] const char *name() const { return f_.name(); }
  /// Columns that run in step.
  [[nodiscard]] std::size_t width() const;

private:
  struct Process {
    MultiVector basis;
    std::vector<double> alpha, beta, coefficients;
    double norm = 0;
    bool exhausted = false;
    std::size_t next_look = 1;
    Outcome outcome;
  };
  PetscErrorCode RunInStep(TallView Z, TallView F);
  PetscErrorCode Start(TallView Z, std::vector<Process> *all);
  PetscErrorCode Step(const std::vector<Process *> &running);
  PetscErrorCode Look(Process *process, bool whole);

  RowBlocks rows_;
  ScaledProduct product_;
  SpectralFunction f_;
  LanczosSettings settings_;
  std::vector<Outcome> outcomes_;
};

} // namespace lathe::sketching
