// SPDX-License-Identifier: BSD-2-Clause
#include "least_squares_spqr.h"
#include "core/handle.h"
#ifdef LATHE_SPQR
#include <SuiteSparseQR_C.h>
#include <algorithm>
#endif

namespace least_squares {
namespace {

// A lies on this rank.
PetscErrorCode CopyRows(Mat A, CompressedRows *whole) {
  PetscInt n = 0;
  const PetscInt *offset = nullptr, *column = nullptr;
  const PetscScalar *value = nullptr;
  PetscBool done = PETSC_FALSE;
  PetscFunctionBeginUser;
  PetscCall(MatGetRowIJ(A, 0, PETSC_FALSE, PETSC_FALSE, &n, &offset, &column, &done));
  PetscCheck(done, PETSC_COMM_SELF, PETSC_ERR_PLIB, "no rows");
  whole->offset.assign(offset, offset + n + 1);
  whole->column.assign(column, column + offset[n]);
  PetscCall(MatSeqAIJGetArrayRead(A, &value));
  for (PetscInt k = 0; k < offset[n]; ++k)
    whole->value.push_back(PetscRealPart(value[k])); // complex builds have been refused
  PetscCall(MatSeqAIJRestoreArrayRead(A, &value));
  PetscCall(MatRestoreRowIJ(A, 0, PETSC_FALSE, PETSC_FALSE, &n, &offset, &column, &done));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode GatherRows(Mat A, CompressedRows *whole) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  int rank = 0;
  PetscInt m = 0, n = 0;
  MatInfo info;
  Mat *parts = nullptr;
  PetscFunctionBeginUser;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(MatGetInfo(A, MAT_GLOBAL_SUM, &info));
  PetscCheck(info.nz_used <= most_gathered, comm, PETSC_ERR_SUP,
             "spqr needs the matrix on one rank; at most %g entries are copied there, not %g",
             most_gathered, info.nz_used);
  PetscCall(MatGetSize(A, &m, &n));
  lathe::MatHandle converted; // PETSc 3.18 crashes where a rank wants nothing of a dense matrix
  PetscBool sparse = PETSC_FALSE;
  PetscCall(PetscObjectTypeCompareAny(reinterpret_cast<PetscObject>(A), &sparse, MATSEQAIJ,
                                      MATMPIAIJ, ""));
  if (!sparse)
    PetscCall(MatConvert(A, MATAIJ, MAT_INITIAL_MATRIX, converted.out()));
  lathe::IsHandle rows, columns;
  PetscCall(ISCreateStride(PETSC_COMM_SELF, m, 0, 1, rows.out()));
  PetscCall(ISCreateStride(PETSC_COMM_SELF, n, 0, 1, columns.out()));
  const PetscInt count = rank == 0 ? 1 : 0;
  const IS wanted_rows = rows, wanted_columns = columns;
  PetscCall(MatCreateSubMatrices(sparse ? A : converted.get(), count, &wanted_rows, &wanted_columns,
                                 MAT_INITIAL_MATRIX, &parts));
  whole->m = static_cast<std::size_t>(m);
  whole->n = static_cast<std::size_t>(n);
  if (rank == 0)
    PetscCall(CopyRows(parts[0], whole));
  PetscCall(MatDestroySubMatrices(count, &parts));
  PetscFunctionReturn(PETSC_SUCCESS);
}

#ifdef LATHE_SPQR
bool have_spqr() {
  return true;
}

PeerSolution solve_spqr(const CompressedRows &a, const std::vector<double> &b, bool full_rank) {
  PeerSolution found;
  cholmod_common cc;
  if (!cholmod_l_start(&cc))
    return found;
  cc.print = 0; // its messages would stand between ours
  // Its columns are our rows: the transposed matrix, which it transposes.
  cholmod_sparse *transposed = cholmod_l_allocate_sparse(
      a.n, a.m, std::max<std::size_t>(a.value.size(), 1), 1, 1, 0, CHOLMOD_REAL, &cc);
  cholmod_dense *rhs = cholmod_l_allocate_dense(a.m, 1, a.m, CHOLMOD_REAL, &cc);
  if (transposed && rhs) {
    std::copy(a.offset.begin(), a.offset.end(), static_cast<SuiteSparse_long *>(transposed->p));
    std::copy(a.column.begin(), a.column.end(), static_cast<SuiteSparse_long *>(transposed->i));
    std::copy(a.value.begin(), a.value.end(), static_cast<double *>(transposed->x));
    std::copy_n(b.begin(), a.m, static_cast<double *>(rhs->x));
    cholmod_sparse *matrix = cholmod_l_transpose(transposed, 1, &cc);
    const double tolerance = full_rank ? SPQR_NO_TOL : SPQR_DEFAULT_TOL;
    cholmod_dense *solution =
        matrix ? SuiteSparseQR_C_backslash(SPQR_ORDERING_DEFAULT, tolerance, matrix, rhs, &cc)
               : nullptr;
    if (solution && cc.status == CHOLMOD_OK) {
      const auto *x = static_cast<const double *>(solution->x);
      found = {{x, x + a.n}, static_cast<double>(cc.SPQR_istat[4])}; // "rank estimate"
    }
    cholmod_l_free_dense(&solution, &cc);
    cholmod_l_free_sparse(&matrix, &cc);
  }
  cholmod_l_free_dense(&rhs, &cc);
  cholmod_l_free_sparse(&transposed, &cc);
  cholmod_l_finish(&cc);
  return found;
}
#else
bool have_spqr() {
  return false;
}
PeerSolution solve_spqr(const CompressedRows &, const std::vector<double> &, bool) {
  return {};
}
#endif

} // namespace least_squares
