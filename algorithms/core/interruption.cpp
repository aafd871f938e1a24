// SPDX-License-Identifier: BSD-2-Clause
#include "core/interruption.h"

namespace lathe {
namespace {

StopQuestion installed = nullptr;

} // namespace

void set_stop_question(StopQuestion question) noexcept {
  installed = question;
}

bool stop_asked() noexcept {
  return installed && installed();
}

PetscErrorCode StopTogether(MPI_Comm comm) {
  PetscFunctionBegin;
  if (!installed)
    PetscFunctionReturn(PETSC_SUCCESS);
  int asked = installed() ? 1 : 0;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &asked, 1, MPI_INT, MPI_MAX, comm));
  PetscCheck(!asked, comm, stop_error, "asked to stop before the result was complete");
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe
