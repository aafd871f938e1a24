// SPDX-License-Identifier: BSD-2-Clause
// Values that need no certificate at every frequency of a torus: Schatten norms by Gram iteration
// (Delattre, Barthélemy, Araujo, Allauzen, ICML 2023), their moment improvement, LAPACK singular
// values; and the gradient of the first with respect to the weights.
//
//   M₀ = D(ω), M_{j+1} = M_jᴴM_j:  B_t = ‖M_t‖_F^(1/2^t) = (Σ σ_i^p)^(1/p) ≥ ‖D(ω)‖₂, p = 2^(t+1),
//   ∂B_t/∂D = D·(DᴴD)^(p/2−1)/B_t^(p−1) = D·M₁·M₂⋯M_t, scaled to ⟨∂B_t/∂D, D⟩ = B_t.
//
// Iterates are divided by powers of two, which is exact; the exponents re-enter under the roots, so
// weights of any size work and no frequency with a zero symbol gives 0/0.
#pragma once
#include "lipschitz/symbol.h"
#include <functional>

namespace lathe::lipschitz {

/// B_t of a rows×cols column-major matrix, rows ≥ cols; `moment`: the smaller of B_t and the root
/// of mean + √((c−1)/c·(s₂ − s₁²/c)), s₁, s₂ the first moments of M_t (t ≥ 1; Wolkowicz, Styan
/// 1980). `gradient`, if not null: ∂B_t/∂D, rows×cols.
double gram_iteration(std::size_t rows, std::size_t cols, const Complex *d, int steps, bool moment,
                      Complex *gradient);

/// Largest value of a function of D(ω) over groups and half-spectrum frequencies.
struct SpectrumPeak {
  double value = 0;
  std::int64_t group = 0;
  Lattice frequency{0, 0, 0};
};
using SymbolFunction = std::function<double(const Symbol &, const Complex *)>;

/// Evaluate `f` everywhere; frequencies are dealt out to the ranks, one matrix in memory each.
/// `all`, if not null: the largest value over the groups for each frequency. Collective; class R0.
PetscErrorCode SweepSpectrum(MPI_Comm comm, const ConvolutionGeometry &geometry,
                             const double *weight, int exponent, const Lattice &extent,
                             const SymbolFunction &f, SpectrumPeak *peak, std::vector<double> *all);

/// ‖D‖₂ by LAPACK.
double lapack_norm(const Symbol &symbol, const Complex *d);

} // namespace lathe::lipschitz
