// SPDX-License-Identifier: BSD-2-Clause
// Which PETSc and SLEPc this library was compiled for, and which ones the process runs. They differ
// when a program loads a liblathe.so of another build: the dynamic linker does not mind, and the
// first PetscInt or PetscScalar that crosses the border would be read with the wrong width.
#pragma once
#include "core/petsc_compat.h"
#include <string>

namespace lathe {

/// What must agree between a plugin and the libraries that it runs with. The types of lathe use
/// private headers of PETSc and SLEPc, so a minor release is a border as well.
struct LibraryBuild {
  bool complex = false;                        // PetscScalar
  PetscDataType real = PETSC_DATATYPE_UNKNOWN; // PetscReal: PETSC_DOUBLE, PETSC_FLOAT, …
  int index_bits = 0;                          // PetscInt
  int petsc_major = 0, petsc_minor = 0;
  int slepc_major = 0, slepc_minor = 0;
  bool operator==(const LibraryBuild &) const = default;
};

/// What the headers said when lathe was compiled. Not collective.
LibraryBuild compiled_build() noexcept;

/// What the loaded libpetsc and libslepc answer. Only functions whose signature does not depend on
/// the build are called. Not collective; callable before PetscInitialize has ended.
PetscErrorCode GetRunningBuild(LibraryBuild *running);

/// "PETSc 3.18 (complex double scalars, 32-bit indices) and SLEPc 3.18".
std::string describe(const LibraryBuild &build);

/// CheckBuild - refuse, naming both sides, unless `running` is what lathe was `compiled` for. Not
/// collective. err  ARG_INCOMP
PetscErrorCode CheckBuild(const LibraryBuild &compiled, const LibraryBuild &running);

} // namespace lathe
