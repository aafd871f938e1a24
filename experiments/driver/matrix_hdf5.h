// SPDX-License-Identifier: BSD-2-Clause
// Matrices and vectors in HDF5 files. Use ReadMatrix and WriteMatrix of matrix_io.h unless the
// format is known to be this.
//
// What is written for a sparse matrix A of M rows, N columns and nnz entries: a group with
//   jc (row_plus_1 = M+1, int64)   row pointers        attributes MATLAB_sparse = N,
//   ir (nnz, int64)                column indices                 shape = (M, N),
//   data (nnz, float64)            values                         format = "csr"
// so that PETSc's MatLoad reads it on any number of ranks (its HDF5 form is CSR under MATLAB's
// names), xarray opens the group (row_plus_1 and nnz are dimension scales), and scipy needs one
// line: csr_matrix((g["data"], g["ir"], g["jc"]), shape=g.attrs["shape"]).
// A dense matrix is a dataset (M, N) in C order with attribute layout = "row_major". PETSc's own
// MatLoad of dense HDF5 data expects column blocks and reads such a dataset transposed, without a
// word; read it with ReadMatrix. Complex builds add a last dimension `complex` = 2 and PETSc's
// attribute complex = 1.
#pragma once
#include "driver/matrix_io.h"

namespace lathe::driver {

/// ReadMatrixHdf5 - object: path inside the file; "" if it holds exactly one matrix (with `vector`:
/// one vector). Understands what matrix_io.h lists. Row pointers must rise from 0 to the number of
/// entries, indices must be inside the shape, values finite. Sorted rows are not required;
/// duplicates are summed. Collective; each rank reads its own rows (CSC: columns).
PetscErrorCode ReadMatrixHdf5(MPI_Comm comm, const std::string &file, const std::string &object,
                              bool vector, Mat *A, MatrixInfo *info = nullptr);

/// WriteMatrixHdf5, WriteVectorHdf5 - as described above. Without an object the file is created or
/// replaced (as FILE.part first) and holds /matrix or /vector; with one, the object is added to the
/// file if that exists; an object that exists is refused. Collective parallel HDF5, at most 1 GiB a
/// rank and call. Byte-identical on any number of ranks.
PetscErrorCode WriteMatrixHdf5(Mat A, const std::string &file, const std::string &object);
PetscErrorCode WriteVectorHdf5(Vec x, const std::string &file, const std::string &object);

} // namespace lathe::driver
