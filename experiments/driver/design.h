// SPDX-License-Identifier: BSD-2-Clause
// Design matrices of a regression, made of the columns of a feature matrix (-design):
//
//   polynomial  every monomial of the features of total degree at most -degree, the constant first,
//               degree by degree, each in lexicographic order
//   rbf         a constant and exp(−‖x − c‖²/(2h²)) for -centres rows c of the features, drawn
//               without replacement from -seed, in their order; h is -bandwidth
//
// Entry by entry a function of (seed, row): the same bits on every number of ranks (class R0).
#pragma once
#include "core/handle.h"
#include "driver/driver.h"

namespace lathe::driver {

struct Design {
  std::string kind = "none";
  std::vector<std::int64_t> features; // columns to use; empty: all
  std::int64_t degree = 2, centres = 100;
  double bandwidth = 0; // 0: median distance between centres

  void Declare(Options &o);
  [[nodiscard]] bool none() const { return kind == "none"; }

  /// Replace the features *A by their design matrix (MATDENSE, PETSc's default row layout kept);
  /// nothing when none(). Facts about it go to /input. Collective.
  /// err  USER_INPUT  an option of another design, a column that does not exist, more centres than
  /// rows, too many columns, a
  ///      bandwidth that cannot be found
  PetscErrorCode Apply(Driver &d, MatHandle *A) const;
};

} // namespace lathe::driver
