// SPDX-License-Identifier: BSD-2-Clause
// Matrices for drivers and benchmarks, the same on every number of ranks (class R0): every row is a
// function of (seed, global row) alone.
//
//   laplacian2d           five-point stencil, n×n grid, order n²; ‖A‖ = 8·cos²(π/(2(n+1)))
//   convection_diffusion  the same with upwind convection (0.5, 0.25) a cell, not symmetric
//   gaussian              n×n, 10 standard normal entries a row at random columns
//   powerlaw              n×n, adjacency (0/1, not symmetric): row i links to ⌊n·u³⌋ with u
//   uniform,
//                         20 draws a row, repeated links kept once
//   tall                  20·n×n, 10 standard normal entries a row at random columns
#pragma once
#include "core/petsc_compat.h"
#include <petscmat.h>
#include <cstdint>

/// The named matrix as MATAIJ. Collective on comm; the caller destroys *A.
/// err  ARG_UNKNOWN_TYPE with the list of names; ARG_OUTOFRANGE when n < 1 or the order overflows
PetscErrorCode GenerateMatrix(MPI_Comm comm, const char *name, PetscInt n, std::uint64_t seed,
                              Mat *A);
