// SPDX-License-Identifier: BSD-2-Clause
// Sums and copies of long arrays of doubles over ranks, in pieces that MPI's int counts hold.
#pragma once
#include "core/petsc_compat.h"
#include <algorithm>
#include <cstddef>

namespace lathe::sketching {

inline constexpr std::size_t message_numbers = std::size_t{1} << 27;

/// x on rank 0 ← sum of x over the ranks; on the others x is as it was. Collective.
inline PetscErrorCode SumToFirst(MPI_Comm comm, double *x, std::size_t n) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  for (std::size_t i = 0; i < n; i += message_numbers) {
    const int count = static_cast<int>(std::min(message_numbers, n - i));
    PetscCallMPI(
        MPI_Reduce(rank == 0 ? MPI_IN_PLACE : x + i, x + i, count, MPI_DOUBLE, MPI_SUM, 0, comm));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// x ← x of rank 0. Collective. One rank computes what all must agree on: two processors may round
/// the same call of LAPACK differently.
inline PetscErrorCode CopyFromFirst(MPI_Comm comm, double *x, std::size_t n) {
  PetscFunctionBegin;
  for (std::size_t i = 0; i < n; i += message_numbers)
    PetscCallMPI(
        MPI_Bcast(x + i, static_cast<int>(std::min(message_numbers, n - i)), MPI_DOUBLE, 0, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
