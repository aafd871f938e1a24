// SPDX-License-Identifier: BSD-2-Clause
// Values that need no certificate at every frequency of a torus: Schatten norms by Gram iteration
// and their moment improvement (gram_iteration.h; Delattre, Barthélemy, Araujo, Allauzen, ICML
// 2023), LAPACK singular values; and the gradient of the first with respect to the weights.
#pragma once
#include "lipschitz/symbol.h"
#include <functional>

namespace lathe::lipschitz {

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
