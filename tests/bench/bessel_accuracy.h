// SPDX-License-Identifier: BSD-2-Clause
// Errors of lathe and of every peer on the reference values.
#pragma once
#include "core/petsc_compat.h"

namespace lathe::bench {

/// Print a table and the ACCURACY lines. *good: lathe keeps its bounds on every row. Collective on
/// PETSC_COMM_SELF.
PetscErrorCode BesselAccuracy(bool *good);

} // namespace lathe::bench
