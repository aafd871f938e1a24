// SPDX-License-Identifier: BSD-2-Clause
// SuiteSparseQR on one rank: what others would do with a sparse least-squares problem.
#pragma once
#include "core/petsc_compat.h"
#include "least_squares_peers.h"
#include <petscmat.h>
#include <vector>

namespace least_squares {

/// A in compressed rows, on rank 0; empty elsewhere.
struct CompressedRows {
  std::size_t m = 0, n = 0;
  std::vector<std::int64_t> offset, column;
  std::vector<double> value;
};

/// Entries of a matrix that is copied to rank 0: 1.6 GB there.
inline constexpr double most_gathered = 1e8;

/// This build has SuiteSparseQR.
bool have_spqr();

/// Of AIJ and what PETSc converts to it, as dense matrices. Collective.
/// err  SUP  more than most_gathered entries
PetscErrorCode GatherRows(Mat A, CompressedRows *whole);

/// x by a sparse QR factorisation, its own ordering. Columns that it takes for dependent, by its
/// default tolerance, get 0 in x; `full_rank`: none is. Serial.
PeerSolution solve_spqr(const CompressedRows &a, const std::vector<double> &b, bool full_rank);

} // namespace least_squares
