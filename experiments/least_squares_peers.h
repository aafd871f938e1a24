// SPDX-License-Identifier: BSD-2-Clause
// What others would do with a dense least-squares problem, on one rank: LAPACK's drivers and a
// sequential TSQR.
#pragma once
#include "least_squares_problem.h"
#include <limits>

namespace least_squares {

struct PeerSolution {
  std::vector<double> x;                                  // empty where the library failed
  double rank = std::numeric_limits<double>::quiet_NaN(); // as the library found it; NaN: not asked
};

/// x by Householder QR (LAPACK dgels). Not finite where a column is zero or depends exactly on the
/// others, as dgels gives none.
PeerSolution solve_dgels(const Problem &p);
/// x of minimum norm by divide-and-conquer SVD (LAPACK dgelsd), singular values below 10⁻¹⁶ of the
/// largest left out.
PeerSolution solve_dgelsd(const Problem &p);
/// x by QR factorisations of blocks of rows, each below the triangle of those before; m ≥ n.
/// Not finite when a column depends on the others.
PeerSolution solve_tsqr(const Problem &p);

} // namespace least_squares
