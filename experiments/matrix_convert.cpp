// SPDX-License-Identifier: BSD-2-Clause
// Convert a matrix or a vector between the formats of driver/matrix_io.h:
//
//   mpiexec -n P matrix_convert -mat IN -o OUT      IN: FILE or FILE.h5:/path, found from content
//   mpiexec -n P matrix_convert -vec IN -o OUT      OUT: .mtx .mtx.gz .h5[:/path] .petsc, by name
//
// Prints what was read. Exit codes: 0 done, 1 refused.
#include "core/handle.h"
#include "driver/matrix_io.h"
#include <array>
#include <cstdio>

namespace {

const char *const help = "Convert a matrix or vector between file formats.\n\n"
                         "  -mat FILE | FILE.h5:/path   matrix to read (one of -mat and -vec)\n"
                         "  -vec FILE | FILE.h5:/path   vector to read: 1-D, n x 1 or 1 x n\n"
                         "  -o FILE | FILE.h5:/path     .mtx, .mtx.gz, .h5, .hdf5, .petsc, .bin\n\n"
                         "Read: Matrix Market (also gzip), HDF5 (CSR, CSC, dense; PETSc, MATLAB\n"
                         "7.3, scipy, AnnData), PETSc binary of any build.\n\n";

struct Arguments {
  std::array<char, PETSC_MAX_PATH_LEN> matrix{}, vector{}, output{};
  PetscBool has_matrix = PETSC_FALSE, has_vector = PETSC_FALSE, has_output = PETSC_FALSE;
};

PetscErrorCode Read(Arguments *a) {
  PetscFunctionBegin;
  PetscCall(PetscOptionsGetString(nullptr, nullptr, "-mat", a->matrix.data(), a->matrix.size(),
                                  &a->has_matrix));
  PetscCall(PetscOptionsGetString(nullptr, nullptr, "-vec", a->vector.data(), a->vector.size(),
                                  &a->has_vector));
  PetscCall(PetscOptionsGetString(nullptr, nullptr, "-o", a->output.data(), a->output.size(),
                                  &a->has_output));
  PetscCheck(a->has_matrix != a->has_vector && a->has_output, PETSC_COMM_WORLD, PETSC_ERR_USER,
             "give one of -mat IN and -vec IN, and -o OUT; -help explains");
  PetscInt unknown = 0;
  char **names = nullptr;
  char **values = nullptr;
  PetscCall(PetscOptionsLeftGet(nullptr, &unknown, &names, &values));
  const std::string first = unknown > 0 ? names[0] : "";
  PetscCall(PetscOptionsLeftRestore(nullptr, &unknown, &names, &values));
  PetscCheck(first.empty(), PETSC_COMM_WORLD, PETSC_ERR_USER,
             "unknown option -%s; known are -mat, -vec and -o", first.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Convert() {
  Arguments a;
  lathe::driver::MatrixInfo info;
  PetscFunctionBegin;
  PetscCall(Read(&a));
  if (a.has_matrix) {
    lathe::MatHandle matrix;
    PetscCall(lathe::driver::ReadMatrix(PETSC_COMM_WORLD, a.matrix.data(), matrix.out(), &info));
    PetscCall(lathe::driver::WriteMatrix(matrix, a.output.data()));
  } else {
    lathe::VecHandle vector;
    PetscCall(lathe::driver::ReadVector(PETSC_COMM_WORLD, a.vector.data(), vector.out(), &info));
    PetscCall(lathe::driver::WriteVector(vector, a.output.data()));
  }
  PetscCall(PetscPrintf(
      PETSC_COMM_WORLD, "%s%s: %s, %s, %s, %lld x %lld, %lld stored entries -> %s\n",
      info.file.c_str(), info.object.c_str(), info.format.c_str(), info.field.c_str(),
      info.symmetry.c_str(), static_cast<long long>(info.rows), static_cast<long long>(info.cols),
      static_cast<long long>(info.stored), a.output.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// One line for a refusal instead of a traceback: the reader of a message is a user, not a
// programmer.
PetscErrorCode say(MPI_Comm comm, int, const char *, const char *, PetscErrorCode code,
                   PetscErrorType type, const char *message, void *) {
  int rank = 0;
  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  (void)comm;
  if (type == PETSC_ERROR_INITIAL && rank == 0)
    std::fprintf(stderr, "matrix_convert: %s\n", message);
  return code;
}

} // namespace

int main(int argc, char **argv) {
  if (PetscInitialize(&argc, &argv, nullptr, help))
    return 2;
  PetscBool asked = PETSC_FALSE;
  PetscErrorCode code = PetscOptionsHasHelp(nullptr, &asked);
  if (!code && !asked) {
    PetscPushErrorHandler(say, nullptr);
    code = Convert();
    PetscPopErrorHandler();
  }
  const int finished = PetscFinalize();
  return code ? 1 : finished ? 2 : 0;
}
