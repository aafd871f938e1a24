// SPDX-License-Identifier: BSD-2-Clause
// PETSc's binary files. Use ReadMatrix and WriteMatrix of matrix_io.h unless the format is known.
#pragma once
#include "driver/matrix_io.h"

namespace lathe::driver {

/// ReadMatrixBinary - the first object of the file, Mat (sparse or dense) or Vec (as n x 1). PETSc
/// itself reads only what the same kind of build wrote; this reads 32- and 64-bit indices, single,
/// double and complex values, told apart by the header and the length of the file. Collective.
PetscErrorCode ReadMatrixBinary(MPI_Comm comm, const std::string &file, Mat *A,
                                MatrixInfo *info = nullptr);

/// WriteBinary - Mat or Vec in the form of this build (PETSc's own writer), without an .info file;
/// as FILE.part first. Collective.
PetscErrorCode WriteBinary(PetscObject object, const std::string &file);

} // namespace lathe::driver
