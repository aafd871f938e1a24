// SPDX-License-Identifier: BSD-2-Clause
// From entries that ranks found anywhere in a file to a distributed matrix.
#pragma once
#include "core/handle.h"
#include <cstdint>
#include <stdexcept>
#include <functional>
#include <string>
#include <vector>

namespace lathe::driver {

struct Entry {
  PetscInt row, col; // from 0
  PetscScalar value;
};

/// Compressed rows of the calling rank: row i (local) has the entries
/// [row_start[i], row_start[i+1]).
struct LocalCsr {
  std::vector<PetscInt> row_start, col;
  std::vector<PetscScalar> value;
};

/// What is wrong with an input, for serial code without PETSc; see attempt.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Run f() and return what it threw as text, "" when nothing: for rank-local work before a
/// collective verdict, since an exception on one rank alone would leave the others waiting.
template <class F> std::string attempt(F &&f) {
  try {
    f();
  } catch (const InputError &e) {
    return e.what();
  } catch (const std::exception &e) {
    return std::string("out of memory or internal error: ") + e.what();
  }
  return {};
}

/// Refuse shapes that PETSc or the file cannot carry. `what` names the file and place in messages;
/// `bytes` is the size of the file: shapes above 10⁶ and above 1000 rows (or columns) for each byte
/// are taken for a corrupted header, before anything of that size is allocated. The caller knows
/// the same values on every rank. No communication.
PetscErrorCode CheckShape(MPI_Comm comm, const std::string &what, std::int64_t rows,
                          std::int64_t cols, std::int64_t bytes);

/// Sort each row by column and sum duplicates in the order they are stored: the sum does not depend
/// on the number of ranks when that order does not. Returns "" or what is wrong (a sum that
/// overflows). Cost O(nnz) for sorted rows, O(nnz log(row length)) else.
std::string sort_rows(LocalCsr &csr, std::int64_t first_row);

/// MATAIJ (sequential on one rank) with PETSc's default row blocks from sorted rows without
/// duplicates. Collective. Explicit zeros stay in the pattern.
PetscErrorCode MatrixFromCsr(MPI_Comm comm, std::int64_t rows, std::int64_t cols,
                             const LocalCsr &csr, Mat *A);

/// MATDENSE with PETSc's default row blocks, all zero. Collective; refuses local parts that the
/// index type cannot count.
PetscErrorCode CreateDense(MPI_Comm comm, std::int64_t rows, std::int64_t cols, Mat *A);
/// The same, assembled after `fill` has written this rank's rows, column-major with a leading
/// dimension; what it throws on one rank is every rank's error.
PetscErrorCode FillDense(MPI_Comm comm, std::int64_t rows, std::int64_t cols,
                         const std::function<void(PetscScalar *, PetscInt)> &fill, Mat *A);

/// Sends entries to the rank that owns their row. The order in which a row's entries arrive is: by
/// call of Route, within a call by sending rank, within a rank as in the batch. When that is the
/// order in the file, duplicates are summed in file order on any number of ranks (class R0).
class EntryRouter {
public:
  EntryRouter(MPI_Comm comm, std::int64_t rows, std::int64_t cols, bool dense);
  /// Collective; to be called once before Route.
  PetscErrorCode Begin();
  /// Collective. Empties the batch. Indices must be within the shape.
  PetscErrorCode Route(std::vector<Entry> &batch);
  /// Collective. The matrix: MATDENSE (each entry stored, no summing) or MATAIJ (duplicates
  /// summed).
  PetscErrorCode Finish(Mat *A);

private:
  PetscErrorCode Exchange(std::vector<Entry> &batch);
  PetscErrorCode FinishSparse(Mat *A);

  MPI_Comm comm_;
  std::int64_t rows_, cols_;
  bool dense_;
  int rank_ = 0, size_ = 1;
  std::int64_t begin_ = 0, end_ = 0; // rows owned
  std::vector<Entry> mine_;
  MatHandle matrix_; // dense only
};

} // namespace lathe::driver
