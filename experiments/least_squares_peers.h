// SPDX-License-Identifier: BSD-2-Clause
// What others would do with a dense least-squares problem, on one rank: LAPACK's drivers and a
// sequential TSQR.
#pragma once
#include "least_squares_problem.h"

namespace least_squares {

/// x by Householder QR (LAPACK dgels). Empty when LAPACK fails.
std::vector<double> solve_dgels(const Problem &p);
/// x of minimum norm by divide-and-conquer SVD (LAPACK dgelsd), singular values below 10⁻¹⁶ of the
/// largest left out. Empty when LAPACK fails.
std::vector<double> solve_dgelsd(const Problem &p);
/// x by QR factorisations of blocks of rows, each below the triangle of those before; m ≥ n.
/// Not finite when a column depends on the others.
std::vector<double> solve_tsqr(const Problem &p);

} // namespace least_squares
