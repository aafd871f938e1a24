// SPDX-License-Identifier: BSD-2-Clause
// Catch what PETSc calls report instead of printing it, and let all ranks agree on it.
#pragma once
#include "core/petsc_compat.h"
#include <string>

namespace lathe::driver {

/// While it lives, PETSc errors are kept here and not printed (signals still are).
class ErrorTrap {
public:
  ErrorTrap();
  ~ErrorTrap();
  ErrorTrap(const ErrorTrap &) = delete;
  ErrorTrap &operator=(const ErrorTrap &) = delete;

  [[nodiscard]] const std::string &message() const { return message_; }
  [[nodiscard]] const std::string &traceback() const { return traceback_; }

private:
  static PetscErrorCode keep(MPI_Comm comm, int line, const char *function, const char *file,
                             PetscErrorCode code, PetscErrorType type, const char *message,
                             void *context);
  bool active_ = true;
  std::string message_, traceback_;
};

/// What the ranks agreed on.
struct Verdict {
  PetscErrorCode code = PETSC_SUCCESS; // of the lowest failing rank
  std::string message, traceback;
};

/// Collective on guard, a communicator that nothing else uses. A rank that failed while the others
/// do not come here within `patience` seconds failed alone: they wait for it inside a collective
/// call, so it prints its traceback and ends the job (MPI_Abort, exit code 2).
PetscErrorCode agree(MPI_Comm guard, PetscErrorCode mine, const ErrorTrap &trap, double patience,
                     Verdict *verdict);

/// true for the codes that mean "this input cannot be taken" (exit 1), not "something broke" (2).
bool is_refusal(PetscErrorCode code);

} // namespace lathe::driver
