// SPDX-License-Identifier: BSD-2-Clause
// A matrix by its entries, the same on every number of ranks.
#pragma once
#include "core/petsc_compat.h"
#include <petscmat.h>

namespace lathe::test {

/// m × n with entry(i, j), MATDENSE or MATAIJ (zeros left out), rows split as PETSc does or,
/// `uneven`, with most rows on the last rank and none on the first of several. Collective.
template <class F>
PetscErrorCode CreateMatrix(MPI_Comm comm, PetscInt m, PetscInt n, const F &entry, bool dense,
                            bool uneven, Mat *A) {
  PetscFunctionBegin;
  int size = 1;
  int rank = 0;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscInt rows = PETSC_DECIDE;
  PetscInt cols = PETSC_DECIDE;
  if (uneven && size > 1) {
    const auto share = [&](PetscInt total) {
      const PetscInt each = total / (2 * size);
      return rank == 0 ? 0 : rank + 1 == size ? total - (size - 2) * each : each;
    };
    rows = share(m);
    cols = share(n);
  }
  PetscCall(MatCreate(comm, A));
  PetscCall(MatSetSizes(*A, rows, cols, m, n));
  PetscCall(MatSetType(*A, dense ? MATDENSE : MATAIJ));
  PetscCall(MatSeqAIJSetPreallocation(*A, n, nullptr));
  PetscCall(MatMPIAIJSetPreallocation(*A, n, nullptr, n, nullptr));
  PetscCall(MatSetUp(*A));
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < n; ++j)
      if (const PetscScalar v = entry(i, j); dense || v != PetscScalar(0))
        PetscCall(MatSetValue(*A, i, j, v, INSERT_VALUES));
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::test
