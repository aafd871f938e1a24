// SPDX-License-Identifier: BSD-2-Clause
// A way out of long computations. Who runs them installs a question (the drivers: has a signal
// come, is the wall time over?); loops ask it, and all ranks leave together with an error. In a
// program that installs none, asking costs one load and StopTogether no communication.
#pragma once
#include "core/petsc_compat.h"

namespace lathe {

/// Once true on a rank it must stay true there. Called from tight loops.
using StopQuestion = bool (*)() noexcept;

/// Install on every rank, or on none; nullptr removes it.
void set_stop_question(StopQuestion question) noexcept;

/// Has this rank been asked to stop? For loops that do not communicate: leave early, then call
/// StopTogether before any result is used.
[[nodiscard]] bool stop_asked() noexcept;

/// What StopTogether raises.
inline constexpr PetscErrorCode stop_error = PETSC_ERR_USER;

/// StopTogether - fails with stop_error on every rank once any rank was asked to stop. Collective
/// on comm: one Allreduce of an int where a question is installed, else nothing.
PetscErrorCode StopTogether(MPI_Comm comm);

} // namespace lathe
