// SPDX-License-Identifier: BSD-2-Clause
// Wall time of the phases of a run, and the memory it took.
#pragma once
#include "core/petsc_compat.h"
#include "driver/result_file.h"
#include <map>
#include <string>
#include <vector>

namespace lathe::driver {

class Timings {
public:
  /// Time goes to `phase` from now on (a PETSc log stage of that name). Collective.
  PetscErrorCode enter(const std::string &phase);
  PetscErrorCode leave();
  /// Group /timing: wall time of each phase [s], minimum, median and maximum over the ranks, peak
  /// resident memory and flops. Collective.
  PetscErrorCode write(MPI_Comm comm, ResultFile *file);

private:
  struct Phase {
    std::string name;
    PetscLogStage stage = 0;
    double seconds = 0;
  };
  std::vector<Phase> phases_;
  std::ptrdiff_t current_ = -1;
  double since_ = 0;
};

} // namespace lathe::driver
