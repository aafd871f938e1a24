// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include "sketching/least_squares.h"

namespace lathe::sketching {

/// Offer <stem>method if `with_method`, <stem>refine, <stem>factor, … ("-lathe_ls_", "-ksp_ls_")
/// between PetscOptionsBegin and End.
PetscErrorCode ReadLeastSquaresOptions(LatheOptionItems PetscOptionsObject, const char *stem,
                                       bool with_method, LatheLeastSquaresOptions *options);

/// Refuse values out of range by their names. Collective on comm.
PetscErrorCode CheckLeastSquaresOptions(MPI_Comm comm, const char *stem,
                                        const LatheLeastSquaresOptions &options);

} // namespace lathe::sketching
