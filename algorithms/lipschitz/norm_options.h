// SPDX-License-Identifier: BSD-2-Clause
// Reading LatheNormOptions (lipschitz.h) under a prefix, and refusing impossible ones.
#pragma once
#include "core/petsc_compat.h"
#include "lipschitz/lipschitz.h"

namespace lathe::lipschitz {

inline constexpr const char *norm_prefix = "-lathe_norm_";

/// Options <prefix>tolerance, certificate, failure_probability, lanczos_steps, gram_steps,
/// gram_fill, factor_fill and dense_limit, inside an options block. `tolerance_set` becomes true
/// when that one is given; may be null.
PetscErrorCode ReadNormOptions(LatheOptionItems PetscOptionsObject, const char *prefix,
                               LatheNormOptions *options, bool *tolerance_set);

/// err  ARG_OUTOFRANGE with the option's name, the value and the allowed range. Every rank passes
/// the same options.
PetscErrorCode CheckNormOptions(MPI_Comm comm, const LatheNormOptions &options,
                                const char *prefix = norm_prefix);

} // namespace lathe::lipschitz
