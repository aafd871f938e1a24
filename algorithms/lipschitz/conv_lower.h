// SPDX-License-Identifier: BSD-2-Clause
// Lower bound of ‖A‖₂ for a layer that is not the circulant on its own extent: what its true
// padding leaves of the largest frequency.
#pragma once
#include "lipschitz/frequency_max.h"

namespace lathe::lipschitz {

/// Rigorous lower bound, in units of 2^exponent: ‖A·x‖/‖x‖ less its rounding, in double. x comes
/// from Lanczos on AᵀA in single precision (its error of 1e-7 enters ‖A·x‖ squared), which starts
/// at the top singular vector of the symbol at `maximum` times the plane wave of that frequency.
/// Steps end after one that closes less than a twentieth of the gap to `upper`, at most eight.
///
/// Collective; the same bits on any number of ranks. Cost: about ten products with A, dealt to the
/// ranks; memory on each rank: patches of 128 points, one vector of each side, and its share of
/// nine. `products` is increased by the products with A or Aᵀ.
PetscErrorCode OperatorLower(MPI_Comm comm, const ConvolutionGeometry &geometry,
                             const double *weight, int exponent, const FrequencyMaximum &maximum,
                             const Lattice &extent, double upper, double *lower,
                             long long *products);

} // namespace lathe::lipschitz
