// SPDX-License-Identifier: BSD-2-Clause
// Maximum likelihood for a Gaussian field of mean zero with Matérn covariance Σ (Mardia and
// Marshall 1984): with α = Σ⁻¹y and D_k = ∂Σ/∂θ_k,
//
//   ℓ = -½ yᵀα - ½ log det Σ - ½ n log 2π,
//   ∂ℓ/∂θ_k = ½ αᵀD_kα - ½ tr(Σ⁻¹D_k),      F_kl = ½ tr(Σ⁻¹D_k Σ⁻¹D_l).
//
// The gradient is exact, that by the smoothness included. Sites and observations are the same on
// every rank. Entries, Σ⁻¹ and traces are computed in blocks of 64 columns dealt to the ranks and
// added exactly; the Cholesky factor (n³/3) is computed by every rank for itself. So the results
// have the same bits on any number of like processors (class R0). Memory: 8n² bytes a rank and
// 16n²/ranks for the gradient; 32n² for the Fisher information. Needs double precision.
#pragma once
#include "bessel/matern_covariance.h"
#include "core/petsc_compat.h"
#include <array>
#include <functional>
#include <string>
#include <vector>

namespace lathe::bessel {

struct MaternData {
  Sites sites;
  const double *observations = nullptr; // one a site
};

/// Order of gradients and information: variance, range, smoothness, nugget.
inline constexpr int matern_parameters = 4;

struct MaternLikelihood {
  bool definite = false; // Σ has a Cholesky factor in double; else value is -∞, gradient NaN
  double value = 0, quadratic = 0, log_determinant = 0; // ℓ, yᵀα, log det Σ
  std::array<double, matern_parameters> gradient{};     // if asked for
};

/// LatheMaternLogLikelihood - ℓ and, on request, its gradient. Collective on comm; n³/3 flops a
/// rank and, for the gradient, 2n³/3 dealt to the ranks. Error of ℓ and gradient: about
/// n·cond(Σ)·2⁻⁵² relative to their terms. err  ARG_OUTOFRANGE parameters outside their domain or
/// no data; MEM; FP data that are not finite
PetscErrorCode LatheMaternLogLikelihood(MPI_Comm comm, const MaternData &data,
                                        const MaternParameters &p, bool gradient,
                                        MaternLikelihood *result);

/// LatheMaternFisherInformation - F, row-major, and an estimate (from below, by 60 power steps) of
/// the condition number of Σ. Collective on comm; about 20n³ flops dealt to the ranks.
/// err  as above; NOT_CONVERGED when Σ is not definite
PetscErrorCode
LatheMaternFisherInformation(MPI_Comm comm, const MaternData &data, const MaternParameters &p,
                             std::array<double, matern_parameters * matern_parameters> *information,
                             double *condition);

struct MaternStep {
  MaternParameters parameters;
  double log_likelihood = 0, gradient_norm = 0; // norm of that of ℓ/n by the logarithms
};

struct MaternFitOptions {
  MaternParameters start{};
  MaternParameters lower{1e-6, 1e-6, 0.05, 0}, upper{1e6, 1e6, 20, 1e6};
  bool fit_nugget = false; // else it stays at start.nugget
  double tolerance = 1e-7; // of the norm of the gradient of ℓ/n by the logarithms; rounding of ℓ
                           // keeps line searches from much below 1e-8
  std::string prefix = "matern_"; // of the options of TAO: -matern_tao_type …
  std::function<PetscErrorCode(const MaternStep &)> monitor{}; // at every step, on every rank
};

struct MaternFit {
  bool converged = false;
  std::string reason; // TAO's, or CONVERGED_ROUNDING: no line search can tell ℓ from more
  MaternParameters estimate{};
  MaternParameters standard_error{}; // from F over the parameters that
                                     // no bound holds; NaN for the others
  double log_likelihood = 0, gradient_norm = 0, condition = 0;
  int iterations = 0, evaluations = 0;
};

/// LatheMaternFit - maximise ℓ over the logarithms of variance, range and smoothness (and nugget)
/// within bounds by TAO (bqnls unless -<prefix>tao_type says otherwise). Not to converge is no
/// error: see `converged`. Collective on comm. err  ARG_OUTOFRANGE bounds in the wrong order, start
/// outside them, nugget to be fitted from 0, covariance not positive definite at the start (two
/// sites at one place without a nugget are named);
///      SUP in complex builds of PETSc, which have no TAO
PetscErrorCode LatheMaternFit(MPI_Comm comm, const MaternData &data,
                              const MaternFitOptions &options, MaternFit *fit);

} // namespace lathe::bessel
