// SPDX-License-Identifier: BSD-2-Clause
// What a Mat of type matern holds, and how its entries are made.
#pragma once
#include "bessel/matern_covariance.h"
#include "core/handle.h"
#include "core/row_matrix.h"
#include "lathe_solvers.h"
#include <limits>
#include <memory>
#include <vector>

namespace lathe::matern {

struct Data {
  bessel::MaternParameters parameters;
  LatheMaternForm form = LATHE_MATERN_SHELL;
  double taper = std::numeric_limits<double>::infinity();
  LatheMaternComponent component = LATHE_MATERN_VALUE;

  // After MatSetUp.
  std::vector<double> coordinates; // of all sites
  bessel::Sites sites;
  ScatterHandle gather; // of the vector that is multiplied
  VecHandle gathered;
  std::unique_ptr<bessel::MaternCovariance> covariance;
  std::vector<double> dense; // local rows × n, column-major
  MatHandle sparse;
  RowMatrix rows;
  std::vector<PetscInt> columns; // what MatGetRow handed out
  std::vector<PetscScalar> values;

  [[nodiscard]] bessel::MaternComponent part() const {
    return static_cast<bessel::MaternComponent>(component);
  }
  [[nodiscard]] double reach() const {
    return form == LATHE_MATERN_TAPER && taper < PETSC_INFINITY
               ? taper
               : std::numeric_limits<double>::infinity();
  }
};

Data &self_of(Mat A);

/// err  ARG_OUTOFRANGE, with the option that sets the parameter. Collective.
PetscErrorCode CheckParameters(MPI_Comm comm, const Data &self);
/// Copy the coordinates of all sites to every rank, checked. Collective.
PetscErrorCode GatherSites(Mat A, Data *self);
/// Entries from parameters, form and sites. Collective.
PetscErrorCode Assemble(Mat A);

} // namespace lathe::matern
