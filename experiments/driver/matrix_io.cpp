// SPDX-License-Identifier: BSD-2-Clause
#include "driver/matrix_io.h"
#include "core/error.h"
#include "driver/file_read.h"
#include "driver/hdf5_input.h"
#include "driver/matrix_binary.h"
#include "driver/matrix_entries.h"
#include "driver/matrix_hdf5.h"
#include "driver/matrix_market.h"
#include <array>
#include <cstring>
#include <string_view>

namespace lathe::driver {
namespace {

bool regular_file(const std::string &path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

enum class Kind : int { matrix_market, hdf5, binary };

Kind detect(const std::string &name) {
  ReadOnlyFile file;
  const std::string cannot = file.open(name);
  if (!cannot.empty())
    throw InputError(name + ": " + cannot);
  std::string head(static_cast<std::size_t>(std::min<std::int64_t>(file.bytes(), 64)), '\0');
  const std::string problem = file.read(head.data(), head.size(), 0);
  if (!problem.empty())
    throw InputError(name + ": " + problem);
  const std::string_view start(head);
  const auto begins = [&](std::string_view text) { return start.substr(0, text.size()) == text; };
  using namespace std::string_view_literals;
  if (begins("\x1f\x8b"sv) || begins("%%"sv))
    return Kind::matrix_market;
  if (begins("\x00\x12\x7b\x50"sv) || begins("\x00\x12\x7b\x4e"sv) ||
      begins("\x00\x00\x00\x00\x00\x12\x7b\x50"sv) || begins("\x00\x00\x00\x00\x00\x12\x7b\x4e"sv))
    return Kind::binary;
  if (hdf5::has_signature(file))
    return Kind::hdf5;
  std::string hint = "Matrix Market (.mtx, .mtx.gz), HDF5 (also MATLAB 7.3) and PETSc binary can "
                     "be read";
  if (begins("MATLAB 5.0"sv))
    hint = "MATLAB files of version 5 cannot be read: save with -v7.3, or convert with scipy";
  else if (begins("PK\x03\x04"sv) || begins("\x93NUMPY"sv))
    hint = "numpy files cannot be read: store with h5py or scipy.io.mmwrite";
  else if (begins("\x50\x7b\x12\x00"sv))
    hint = "PETSc binary files are big-endian, this one is little-endian";
  std::string shown;
  for (const char c : start.substr(0, 8))
    shown += Format("%02x ", static_cast<unsigned char>(c));
  throw InputError(name + ": " +
                   (head.empty() ? "is empty" : "unknown content (begins with " + shown + "hex)") +
                   "; " + hint);
}

PetscErrorCode Detect(MPI_Comm comm, const std::string &file, Kind *kind) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  std::string problem;
  int found = 0;
  if (rank == 0)
    problem = attempt([&] { found = static_cast<int>(detect(file)); });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCallMPI(MPI_Bcast(&found, 1, MPI_INT, 0, comm));
  *kind = static_cast<Kind>(found);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Read(MPI_Comm comm, const char *spec, bool vector, Mat *A, MatrixInfo *info) {
  std::string file, object;
  Kind kind = Kind::matrix_market;
  MatHandle matrix;
  PetscFunctionBegin;
  PetscCall(SplitSpec(comm, spec, &file, &object));
  PetscCall(Detect(comm, file, &kind));
  PetscCheck(kind == Kind::hdf5 || object.empty(), comm, PETSC_ERR_ARG_WRONG,
             "%s: only HDF5 files have objects inside, %s is not one", spec, file.c_str());
  switch (kind) {
  case Kind::matrix_market:
    PetscCall(ReadMatrixMarket(comm, file, matrix.out(), info));
    break;
  case Kind::hdf5:
    PetscCall(ReadMatrixHdf5(comm, file, object, vector, matrix.out(), info));
    break;
  case Kind::binary:
    PetscCall(ReadMatrixBinary(comm, file, matrix.out(), info));
    break;
  }
  PetscCall(PetscObjectSetName(reinterpret_cast<PetscObject>(matrix.get()), "matrix"));
  *A = matrix.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

// FILE.h5:/path of a file that need not exist yet.
void split_output(const std::string &spec, std::string *file, std::string *object) {
  *file = spec;
  object->clear();
  for (const char *mark : {".h5:/", ".hdf5:/"}) {
    const std::size_t at = spec.rfind(mark);
    if (at != std::string::npos) {
      const std::size_t colon = spec.find(':', at);
      *file = spec.substr(0, colon);
      *object = spec.substr(colon + 1);
      return;
    }
  }
}

enum class Output { matrix_market, hdf5, binary };

PetscErrorCode OutputKind(MPI_Comm comm, const std::string &file, Output *kind) {
  const auto ends = [&](std::string_view end) {
    return file.size() > end.size() &&
           std::string_view(file).substr(file.size() - end.size()) == end;
  };
  PetscFunctionBegin;
  const bool text = ends(".mtx") || ends(".mtx.gz");
  const bool hdf5 = ends(".h5") || ends(".hdf5");
  const bool binary = ends(".petsc") || ends(".bin");
  PetscCheck(text || hdf5 || binary, comm, PETSC_ERR_ARG_WRONG,
             "%s: the name must end in .mtx, .mtx.gz, .h5, .hdf5, .petsc or .bin", file.c_str());
  *kind = text ? Output::matrix_market : hdf5 ? Output::hdf5 : Output::binary;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The vector as n x 1 dense matrix, for the formats that have no vectors of their own.
PetscErrorCode Column(Vec x, Mat *A) {
  PetscInt n = 0, N = 0;
  VecHandle column;
  Vec view = nullptr;
  MatHandle matrix;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x, &n));
  PetscCall(VecGetSize(x, &N));
  PetscCall(MatCreateDense(PetscObjectComm(reinterpret_cast<PetscObject>(x)), n, PETSC_DECIDE, N, 1,
                           nullptr, matrix.out()));
  PetscCall(MatDenseGetColumnVecWrite(matrix, 0, &view));
  PetscCall(VecCopy(x, view));
  PetscCall(MatDenseRestoreColumnVecWrite(matrix, 0, &view));
  PetscCall(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
  *A = matrix.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SplitSpec(MPI_Comm comm, const char *spec, std::string *file, std::string *object) {
  const std::string text = spec ? spec : "";
  int rank = 0;
  std::int64_t at = -1; // end of the file name
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (rank == 0) {
    if (regular_file(text))
      at = static_cast<std::int64_t>(text.size());
    for (std::size_t colon = text.rfind(":/"); at < 0 && colon != std::string::npos && colon > 0;
         colon = text.rfind(":/", colon - 1))
      if (regular_file(text.substr(0, colon)))
        at = static_cast<std::int64_t>(colon);
  }
  PetscCallMPI(MPI_Bcast(&at, 1, MPI_INT64_T, 0, comm));
  PetscCheck(at >= 0, comm, PETSC_ERR_FILE_OPEN, "'%s': no such file (FILE or FILE.h5:/path)",
             text.c_str());
  const auto length = static_cast<std::size_t>(at);
  *file = text.substr(0, length);
  *object = length < text.size() ? text.substr(length + 1) : "";
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadMatrix(MPI_Comm comm, const char *spec, Mat *A, MatrixInfo *info) {
  PetscFunctionBegin;
  PetscCall(Read(comm, spec, false, A, info));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadVector(MPI_Comm comm, const char *spec, Vec *x, MatrixInfo *info) {
  MatHandle matrix, dense;
  VecHandle vector;
  PetscInt M = 0, N = 0;
  PetscFunctionBegin;
  PetscCall(Read(comm, spec, true, matrix.out(), info));
  PetscCall(MatGetSize(matrix, &M, &N));
  PetscCheck(M == 1 || N == 1, comm, PETSC_ERR_FILE_UNEXPECTED,
             "%s: a vector is n x 1 or 1 x n, this is %" PetscInt_FMT " x %" PetscInt_FMT, spec, M,
             N);
  if (N != 1) {
    PetscCall(MatTranspose(matrix, MAT_INITIAL_MATRIX, dense.out()));
    matrix = std::move(dense);
  }
  PetscCall(MatCreateVecs(matrix, nullptr, vector.out()));
  PetscCall(MatGetColumnVector(matrix, vector, 0));
  *x = vector.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WriteMatrix(Mat A, const char *spec) {
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  std::string file, object;
  Output kind = Output::matrix_market;
  PetscBool direct = PETSC_FALSE;
  MatHandle converted;
  PetscFunctionBegin;
  split_output(spec, &file, &object);
  PetscCall(OutputKind(comm, file, &kind));
  PetscCall(PetscObjectBaseTypeCompareAny(reinterpret_cast<PetscObject>(A), &direct, MATSEQAIJ,
                                          MATMPIAIJ, MATSEQDENSE, MATMPIDENSE, ""));
  if (!direct) { // symmetric and block types show only part of a row, or none
    PetscCall(MatConvert(A, MATAIJ, MAT_INITIAL_MATRIX, converted.out()));
    A = converted;
  }
  switch (kind) {
  case Output::matrix_market:
    PetscCall(WriteMatrixMarket(A, file));
    break;
  case Output::hdf5:
    PetscCall(WriteMatrixHdf5(A, file, object));
    break;
  case Output::binary:
    PetscCall(WriteBinary(reinterpret_cast<PetscObject>(A), file));
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WriteVector(Vec x, const char *spec) {
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(x));
  std::string file, object;
  Output kind = Output::matrix_market;
  MatHandle column;
  PetscFunctionBegin;
  split_output(spec, &file, &object);
  PetscCall(OutputKind(comm, file, &kind));
  switch (kind) {
  case Output::matrix_market:
    PetscCall(Column(x, column.out()));
    PetscCall(WriteMatrixMarket(column, file));
    break;
  case Output::hdf5:
    PetscCall(WriteVectorHdf5(x, file, object));
    break;
  case Output::binary:
    PetscCall(WriteBinary(reinterpret_cast<PetscObject>(x), file));
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
