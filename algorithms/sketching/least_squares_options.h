// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include "sketching/least_squares.h"
#include "sketching/sketch.h"

namespace lathe::sketching {

/// Offer <stem>method if `with_method`, <stem>refine, <stem>factor, … ("-lathe_ls_", "-ksp_ls_")
/// between PetscOptionsBegin and End.
PetscErrorCode ReadLeastSquaresOptions(LatheOptionItems PetscOptionsObject, const char *stem,
                                       bool with_method, LatheLeastSquaresOptions *options);

/// Refuse values out of range by their names. Collective on comm.
PetscErrorCode CheckLeastSquaresOptions(MPI_Comm comm, const char *stem,
                                        const LatheLeastSquaresOptions &options);

/// The kind of that name; false for one that least squares do not take.
bool least_squares_sketch(const char *name, SketchKind *kind);

} // namespace lathe::sketching
