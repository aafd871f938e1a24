// SPDX-License-Identifier: BSD-2-Clause
// Which papers a run used: PETSc's option -citations prints their BibTeX at the end.
#pragma once
#include "core/petsc_compat.h"
#include <string_view>

namespace lathe {

/// Cite - the methods behind the entries `keys` of algorithms/references.bib (apart by spaces) were
/// used. Not collective, yet PetscFinalize prints what rank 0 has cited. A second call costs a
/// comparison of names.
/// err  ARG_WRONG a key that references.bib lacks
PetscErrorCode Cite(std::string_view keys);

} // namespace lathe
