// SPDX-License-Identifier: BSD-2-Clause
// A least-squares problem as the driver holds it: distributed, and where it is small enough also
// whole on every rank, with its solution to 60 digits.
#pragma once
#include "core/handle.h"
#include "least_squares_problem.h"
#include "sketching/least_squares_solver.h"
#include <memory>

namespace least_squares {

/// Numbers of a matrix that is copied to every rank.
inline constexpr double most_replicated = 2e7;
/// Exact products for the solution with 60 digits: about 10 s.
inline constexpr double most_exact = 2.5e9;

/// The solution to 60 digits.
struct Exact;

struct System {
  lathe::MatHandle a;
  lathe::VecHandle b;
  std::shared_ptr<Problem> replicated; // null: too large
  std::shared_ptr<const Exact> exact;  // null: too large, or not of full rank
  // Where the problem is replicated, its residuals and backward errors are those of one rank, so
  // that they have the same bits on every number of ranks.
  lathe::MatHandle whole;
  lathe::VecHandle whole_b;
  std::shared_ptr<lathe::sketching::LeastSquaresSolver> judge;
};

/// Distribute p by rows. Collective.
PetscErrorCode SystemOf(MPI_Comm comm, Problem p, System *system);

/// Residual norm and backward error of x. Collective.
PetscErrorCode Evaluate(const System &system, Vec x, PetscReal *residual_norm,
                        PetscReal *backward_error);

/// ‖x − exact‖/‖exact‖; NaN where the exact solution is not known.
double forward_error(const System &system, const std::vector<double> &x);

/// The rest of a system of which a and b are there. Collective.
PetscErrorCode Complete(System *system);

} // namespace least_squares
