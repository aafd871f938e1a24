// SPDX-License-Identifier: BSD-2-Clause
// Matrices for the tests of traces and low-rank approximations, the same on every number of ranks.
#pragma once
#include "core/handle.h"
#include "core/random.h"
#include <functional>
#include <vector>

namespace lathe::test {

/// n×n with entry(i, j), MATDENSE or MATAIJ (zeros left out), rows split as PETSc does or,
/// `uneven`, with most rows on the last rank and none on the first of several.
inline PetscErrorCode CreateMatrix(MPI_Comm comm, PetscInt m, PetscInt n,
                                   const std::function<double(PetscInt, PetscInt)> &entry,
                                   bool dense, bool uneven, Mat *A) {
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
  PetscCall(MatSetUp(*A));
  PetscCall(MatSetOption(*A, MAT_NEW_NONZERO_ALLOCATION_ERR, PETSC_FALSE));
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < n; ++j)
      if (const double v = entry(i, j); dense || v != 0)
        PetscCall(MatSetValue(*A, i, j, v, INSERT_VALUES));
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Column-major n×n matrix as an entry function.
inline std::function<double(PetscInt, PetscInt)> stored(const std::vector<double> &a, PetscInt n) {
  return [&a, n](PetscInt i, PetscInt j) { return a[static_cast<std::size_t>(i + j * n)]; };
}

/// m×n standard normals, column-major.
inline std::vector<double> gaussian(PetscInt m, PetscInt n, std::uint64_t seed) {
  std::vector<double> g(static_cast<std::size_t>(m * n));
  for (std::size_t i = 0; i < g.size(); ++i)
    g[i] = random::normal(seed, 77, i);
  return g;
}

} // namespace lathe::test
