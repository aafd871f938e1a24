// SPDX-License-Identifier: BSD-2-Clause
// max over groups and over the frequencies of a torus of ‖D(ω)‖₂, as a rigorous bracket
// (symbol-Gram-Cholesky).
//
// A frequency is settled by one shifted Cholesky factorisation of τI − G(ω) with τ just below the
// best lower bound L² so far; free screens with tr G and ‖G‖_F (Wolkowicz, Styan 1980) settle many
// without it. Only where the factorisation fails does Lanczos raise L, about ln(frequencies) times.
//
// Class R0 for any number of ranks, although ranks see different L on their way: whichever L was
// used, a frequency can only be settled early if its norm is below max·√(1 − η), with η far above
// the rounding of either evaluation. The result depends only on the frequencies above that, and
// these are evaluated anew, straight from the taps, by arithmetic that knows neither rank nor
// block.
#pragma once
#include "lipschitz/symbol.h"
#include <petscsys.h>

namespace lathe::lipschitz {

struct FrequencyMaximum {
  double lower = 0, upper = 0;     ///< bracket of the maximum
  std::int64_t group = 0;          ///< where it is attained: group …
  Lattice frequency{0, 0, 0};      ///< … and ω = 2πj/N
  std::vector<Complex> vector;     ///< top eigenvector of D(ω)ᴴD(ω)
  std::int64_t factorizations = 0; ///< on all ranks (not R0)
  std::int64_t lanczos_runs = 0;   ///< on all ranks (not R0)
};

/// Collective on comm. `extent`: the torus in lattice points (original extent over stride);
/// weights are taken times 2^−exponent, and the result is in that unit.
PetscErrorCode FrequencyMaximumFind(MPI_Comm comm, const ConvolutionGeometry &geometry,
                                    const double *weight, int exponent, const Lattice &extent,
                                    FrequencyMaximum *maximum);

} // namespace lathe::lipschitz
