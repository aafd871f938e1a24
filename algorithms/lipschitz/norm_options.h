// SPDX-License-Identifier: BSD-2-Clause
// Refusal of impossible LatheNormOptions; the options themselves are in lipschitz.h.
#pragma once
#include "lipschitz/lipschitz.h"

namespace lathe::lipschitz {

/// err  ARG_OUTOFRANGE with the option's name, the value and the allowed range. Every rank passes
/// the same options.
PetscErrorCode CheckNormOptions(MPI_Comm comm, const LatheNormOptions &options);

} // namespace lathe::lipschitz
