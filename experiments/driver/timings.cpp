// SPDX-License-Identifier: BSD-2-Clause
#include "driver/timings.h"
#include "core/error.h"
#include <petsclog.h>
#include <algorithm>
#include <sys/resource.h>

namespace lathe::driver {

PetscErrorCode Timings::leave() {
  PetscFunctionBeginUser;
  if (current_ >= 0) {
    phases_[static_cast<std::size_t>(current_)].seconds += MPI_Wtime() - since_;
    PetscCall(PetscLogStagePop());
    current_ = -1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Timings::enter(const std::string &phase) {
  PetscFunctionBeginUser;
  PetscCall(leave());
  auto found =
      std::find_if(phases_.begin(), phases_.end(), [&](const Phase &p) { return p.name == phase; });
  if (found == phases_.end()) {
    phases_.push_back({phase});
    found = phases_.end() - 1;
    PetscCall(PetscLogStageRegister(phase.c_str(), &found->stage));
  }
  PetscCall(PetscLogStagePush(found->stage));
  current_ = found - phases_.begin();
  since_ = MPI_Wtime();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Timings::write(MPI_Comm comm, ResultFile *file) {
  PetscFunctionBeginUser;
  PetscCall(leave());
  int size = 1;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  std::vector<std::string> names;
  std::vector<double> low;
  std::vector<double> median;
  std::vector<double> high;
  std::vector<double> all(static_cast<std::size_t>(size));
  for (const Phase &p : phases_) {
    PetscCallMPI(MPI_Allgather(&p.seconds, 1, MPI_DOUBLE, all.data(), 1, MPI_DOUBLE, comm));
    std::sort(all.begin(), all.end());
    names.push_back(p.name);
    low.push_back(all.front());
    median.push_back(0.5 * (all[(all.size() - 1) / 2] + all[all.size() / 2]));
    high.push_back(all.back());
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  double peak[2] = {static_cast<double>(usage.ru_maxrss) * 1024, 0}; // Linux counts in KiB
  PetscLogDouble flops = 0;
  PetscCall(PetscGetFlops(&flops));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, peak, 1, MPI_DOUBLE, MPI_MAX, comm));
  PetscCallMPI(MPI_Allreduce(&flops, &peak[1], 1, MPI_DOUBLE, MPI_SUM, comm));
  const auto seconds = [](const char *name, const char *text) {
    return Column{.name = name, .units = "s", .long_name = text};
  };
  PetscCall(file->group("/timing"));
  PetscCall(file->dimension("/timing/phase", static_cast<std::int64_t>(names.size())));
  PetscCall(file->texts("/timing/phase_name", {.long_name = "phase of the run"}, {"phase"}, names));
  PetscCall(file->reals("/timing/wall_min", seconds("wall_min", "wall time, least over the ranks"),
                        {"phase"}, low));
  PetscCall(file->reals("/timing/wall_median",
                        seconds("wall_median", "wall time, median over the ranks"), {"phase"},
                        median));
  PetscCall(file->reals("/timing/wall_max",
                        seconds("wall_max", "wall time, largest over the ranks"), {"phase"}, high));
  PetscCall(file->reals("/timing/peak_memory",
                        {.units = "byte", .long_name = "peak resident memory, largest of a rank"},
                        {}, {peak[0]}));
  PetscCall(file->reals("/timing/flops",
                        {.long_name = "floating-point operations logged by PETSc, all ranks"}, {},
                        {peak[1]}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
