// SPDX-License-Identifier: BSD-2-Clause
// Matrices and vectors from and to files: one entry for every format.
//
// A spec is FILE or FILE.h5:/path/in/file. What FILE is, is found from its content:
//
//   Matrix Market   coordinate and array; real, integer, complex, pattern; general, symmetric,
//                   skew-symmetric, hermitian; also compressed with gzip
//   HDF5            sparse groups: ours and PETSc's (jc, ir, data: CSR), MATLAB 7.3 (the same
//                   names, CSC), scipy, AnnData, 10x (indptr, indices, data; CSR or CSC); dense
//                   datasets: C order as h5py writes, or column-major where an attribute says so
//                   (layout = column_major, MATLAB_class); float, integer and complex types
//   PETSc binary    Mat and Vec of any build: 32- or 64-bit indices, real or complex
//
// Sparse input gives MATAIJ, dense input MATDENSE, with PETSc's default row distribution; the
// matrix is bitwise the same on any number of ranks (class R0). Duplicates are summed in file
// order. Real input is promoted in a complex build; complex input is refused in a real one. NaN and
// infinities are refused. Every error names the file and the line, dataset or index, is raised on
// all ranks, and leaves nothing behind. Files must be visible to every rank.
#pragma once
#include "core/handle.h"
#include <cstdint>
#include <petscvec.h>
#include <string>

namespace lathe::driver {

/// What was read.
struct MatrixInfo {
  std::string file, object;    // object: path inside an HDF5 file, else ""
  std::string format;          // "Matrix Market coordinate", "HDF5 CSR", "PETSc binary", …
  std::string field, symmetry; // in Matrix Market's words
  bool compressed = false, dense = false;
  std::int64_t rows = 0, cols = 0;
  std::int64_t stored = 0; // entries in the file: before mirroring and summing
};

/// ReadMatrix - the matrix that `spec` names (see above). Collective on comm. info may be null.
/// Vectors are read as n x 1. Without a path inside an HDF5 file the file must hold exactly one
/// matrix. Memory: the matrix, its entries once more, and 16 MiB of text a rank.
PetscErrorCode ReadMatrix(MPI_Comm comm, const char *spec, Mat *A, MatrixInfo *info = nullptr);

/// ReadVector - a vector: 1-D, n x 1 or 1 x n in any of the formats. Collective on comm.
PetscErrorCode ReadVector(MPI_Comm comm, const char *spec, Vec *x, MatrixInfo *info = nullptr);

/// WriteMatrix - the format is found from the name: .mtx or .mtx.gz (Matrix Market, general;
/// decimal numbers that read back as the same bits), .h5 or .hdf5 (see matrix_hdf5.h), .petsc or
/// .bin (PETSc binary of this build). Any Mat type that gives rows (MatGetRow) or is MATDENSE;
/// dense types are written dense. Collective. Files are written as FILE.part and renamed when
/// complete; FILE.h5:/path adds an object to an existing file and refuses to replace one.
PetscErrorCode WriteMatrix(Mat A, const char *spec);

/// WriteVector - as WriteMatrix: Matrix Market array n x 1, 1-D dataset, or PETSc binary.
PetscErrorCode WriteVector(Vec x, const char *spec);

/// FILE and /path of a spec; the longest FILE that exists wins, so names may contain colons.
/// Collective; refuses names that do not exist on rank 0.
PetscErrorCode SplitSpec(MPI_Comm comm, const char *spec, std::string *file, std::string *object);

} // namespace lathe::driver
