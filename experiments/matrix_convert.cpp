// SPDX-License-Identifier: BSD-2-Clause
// Convert a matrix or a vector between the formats of driver/matrix_io.h:
//
//   mpiexec -n P matrix_convert -mat IN -o OUT      IN: FILE or FILE.h5:/path, found from content
//   mpiexec -n P matrix_convert -vec IN -o OUT      OUT: .mtx .mtx.gz .h5[:/path] .petsc, by name
//
// Prints what was read. Exit codes: 0 done, 1 refused, 2 not written.
#include "core/handle.h"
#include "driver/error_trap.h"
#include "driver/matrix_io.h"
#include "driver/options.h"
#include "driver/output_file.h"
#include <cstdio>

namespace {

struct Arguments {
  std::string matrix, vector, output;
};

void declare(lathe::driver::Options &options, Arguments *a) {
  options.file(
      "-mat", a->matrix,
      "matrix to read: Matrix Market (also gzip), HDF5 (CSR, CSC, dense; PETSc, MATLAB 7.3, "
      "scipy, AnnData), PETSc binary of any build");
  options.file("-vec", a->vector, "vector to read instead: 1-D, n x 1 or 1 x n");
  options.file("-o", a->output,
               "file to write, its format by its name: .mtx, .mtx.gz, .h5, .hdf5, .petsc, .bin");
}

// An object may be added to the HDF5 file that another one is read from; a file replaces no input.
PetscErrorCode CheckOutput(const Arguments &a) {
  using namespace lathe::driver;
  const std::string in = a.matrix.empty() ? a.vector : a.matrix;
  const std::string from = in.substr(0, in.find(":/")),
                    to = a.output.substr(0, a.output.find(":/"));
  char text[1024] = "";
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  if (rank == 0) {
    std::string problem = output_problem(to);
    if (problem.empty() && to == a.output && same_file(from, to))
      problem = "'" + to + "' would replace the input; choose another name";
    std::snprintf(text, sizeof text, "%s", problem.c_str());
  }
  PetscCallMPI(MPI_Bcast(text, sizeof text, MPI_CHAR, 0, PETSC_COMM_WORLD));
  PetscCheck(text[0] == '\0', PETSC_COMM_WORLD, PETSC_ERR_FILE_OPEN, "option -o: %s", text);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Convert(lathe::driver::Options &options, const Arguments &a, int argc, char **argv) {
  lathe::driver::MatrixInfo info;
  std::string problems;
  PetscFunctionBegin;
  PetscCall(options.read(PETSC_COMM_WORLD, argc, argv, &problems));
  PetscCheck(problems.empty(), PETSC_COMM_WORLD, PETSC_ERR_USER, "%s", problems.c_str());
  PetscCheck(a.matrix.empty() != a.vector.empty() && !a.output.empty(), PETSC_COMM_WORLD,
             PETSC_ERR_USER, "give one of -mat IN and -vec IN, and -o OUT; -help explains");
  PetscCall(CheckOutput(a));
  if (!a.matrix.empty()) {
    lathe::MatHandle matrix;
    PetscCall(lathe::driver::ReadMatrix(PETSC_COMM_WORLD, a.matrix.c_str(), matrix.out(), &info));
    PetscCall(lathe::driver::WriteMatrix(matrix, a.output.c_str()));
  } else {
    lathe::VecHandle vector;
    PetscCall(lathe::driver::ReadVector(PETSC_COMM_WORLD, a.vector.c_str(), vector.out(), &info));
    PetscCall(lathe::driver::WriteVector(vector, a.output.c_str()));
  }
  PetscCall(PetscPrintf(
      PETSC_COMM_WORLD, "%s%s: %s, %s, %s, %lld x %lld, %lld stored entries -> %s\n",
      info.file.c_str(), info.object.c_str(), info.format.c_str(), info.field.c_str(),
      info.symmetry.c_str(), static_cast<long long>(info.rows), static_cast<long long>(info.cols),
      static_cast<long long>(info.stored), a.output.c_str()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The exit code that all ranks agree on.
int Agree(MPI_Comm guard, PetscErrorCode code, const lathe::driver::ErrorTrap &trap,
          const std::string &output) {
  using namespace lathe::driver;
  constexpr double patience = 5; // seconds
  Verdict verdict;
  int rank = 0;
  MPI_Comm_rank(guard, &rank);
  if (code == PETSC_ERR_FILE_WRITE)
    std::remove((link_target(output.substr(0, output.find(":/"))) + ".part").c_str());
  if (agree(guard, code, trap, patience, &verdict))
    return 2;
  if (verdict.code && rank == 0) // a sentence: its reader is a user, not a programmer
    std::fprintf(stderr, "matrix_convert: %s\n", verdict.message.c_str());
  if (verdict.code == PETSC_ERR_FILE_WRITE) // HDF5 would write again when it ends, and crash
    MPI_Abort(PETSC_COMM_WORLD, 2);
  return verdict.code ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  if (PetscInitialize(&argc, &argv, nullptr, nullptr))
    return 2;
  Arguments arguments;
  lathe::driver::Options options;
  declare(options, &arguments);
  MPI_Comm guard = MPI_COMM_NULL; // that nothing else uses
  PetscBool asked = PETSC_FALSE;
  if (MPI_Comm_dup(PETSC_COMM_WORLD, &guard) || PetscOptionsHasHelp(nullptr, &asked))
    return 2;
  int exit_code = 0;
  if (asked) {
    exit_code =
        PetscPrintf(
            PETSC_COMM_WORLD, "%s",
            options.help_text("matrix_convert", "Convert a matrix or vector between file formats.")
                .c_str())
            ? 2
            : 0;
  } else {
    const lathe::driver::ErrorTrap trap;
    const PetscErrorCode code = Convert(options, arguments, argc, argv);
    exit_code = Agree(guard, code, trap, arguments.output);
  }
  MPI_Comm_free(&guard);
  return PetscFinalize() ? 2 : exit_code;
}
