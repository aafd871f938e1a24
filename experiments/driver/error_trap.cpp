// SPDX-License-Identifier: BSD-2-Clause
#include "driver/error_trap.h"
#include <chrono>
#include <cstdio>
#include <thread>

namespace lathe::driver {

ErrorTrap::ErrorTrap() {
  // A user who asked for a debugger or an abort at the first error gets it.
  for (const char *name : {"-on_error_abort", "-on_error_mpiabort", "-on_error_attach_debugger",
                           "-start_in_debugger"}) {
    PetscBool asked = PETSC_FALSE;
    (void)PetscOptionsHasName(nullptr, nullptr, name, &asked);
    active_ = active_ && !asked;
  }
  if (active_)
    (void)PetscPushErrorHandler(keep, this);
}

ErrorTrap::~ErrorTrap() {
  if (active_)
    (void)PetscPopErrorHandler();
}

PetscErrorCode ErrorTrap::keep(MPI_Comm comm, int line, const char *function, const char *file,
                               PetscErrorCode code, PetscErrorType type, const char *message,
                               void *context) {
  if (code == PETSC_ERR_SIG) // the process is about to die: nobody would print it later
    return PetscTraceBackErrorHandler(comm, line, function, file, code, type, message, nullptr);
  auto *trap = static_cast<ErrorTrap *>(context);
  if (type == PETSC_ERROR_INITIAL) {
    trap->message_ = message ? message : "";
    trap->traceback_.clear();
    if (trap->message_.empty()) {
      const char *text = nullptr;
      (void)PetscErrorMessage(code, &text, nullptr);
      trap->message_ = text ? text : "unknown error";
    }
  }
  trap->traceback_ += std::string("  in ") + (function ? function : "?") + "() at " +
                      (file ? file : "?") + ":" + std::to_string(line) + "\n";
  return code;
}

namespace {

PetscErrorCode broadcast(MPI_Comm comm, int root, std::string *text) {
  PetscFunctionBeginUser;
  int size = static_cast<int>(text->size());
  PetscCallMPI(MPI_Bcast(&size, 1, MPI_INT, root, comm));
  text->resize(static_cast<std::size_t>(size));
  PetscCallMPI(MPI_Bcast(text->data(), size, MPI_CHAR, root, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode agree(MPI_Comm guard, PetscErrorCode mine, const ErrorTrap &trap, double patience,
                     Verdict *verdict) {
  PetscFunctionBeginUser;
  int rank = 0;
  int size = 1;
  PetscCallMPI(MPI_Comm_rank(guard, &rank));
  PetscCallMPI(MPI_Comm_size(guard, &size));
  const int failed = mine ? rank : size;
  int lowest = size;
  MPI_Request request = MPI_REQUEST_NULL;
  PetscCallMPI(MPI_Iallreduce(&failed, &lowest, 1, MPI_INT, MPI_MIN, guard, &request));
  if (mine) {
    int done = 0;
    const double start = MPI_Wtime();
    while (!done) {
      PetscCallMPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
      if (!done && MPI_Wtime() - start > patience) {
        std::fprintf(
            stderr, "[rank %d] failed alone, the other ranks still wait for it: %s (error %d)\n%s",
            rank, trap.message().c_str(), static_cast<int>(mine), trap.traceback().c_str());
        std::fflush(stderr);
        MPI_Abort(MPI_COMM_WORLD, 2);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  } else {
    PetscCallMPI(MPI_Wait(&request, MPI_STATUS_IGNORE));
  }
  *verdict = {};
  if (lowest == size)
    PetscFunctionReturn(PETSC_SUCCESS);
  int code = static_cast<int>(mine);
  PetscCallMPI(MPI_Bcast(&code, 1, MPI_INT, lowest, guard));
  verdict->code = static_cast<PetscErrorCode>(code);
  verdict->message = trap.message();
  verdict->traceback = trap.traceback();
  PetscCall(broadcast(guard, lowest, &verdict->message));
  PetscCall(broadcast(guard, lowest, &verdict->traceback));
  if (verdict->message.empty())
    verdict->message = "error " + std::to_string(code) + " without a message";
  PetscFunctionReturn(PETSC_SUCCESS);
}

bool is_refusal(PetscErrorCode code) {
  switch (code) {
  case PETSC_ERR_FILE_OPEN:
  case PETSC_ERR_FILE_READ:
  case PETSC_ERR_FILE_UNEXPECTED:
  case PETSC_ERR_ARG_OUTOFRANGE:
  case PETSC_ERR_ARG_SIZ:
  case PETSC_ERR_ARG_WRONG:
  case PETSC_ERR_ARG_INCOMP:
  case PETSC_ERR_ARG_UNKNOWN_TYPE:
  case PETSC_ERR_USER_INPUT:
  case PETSC_ERR_SUP:
    return true;
  default:
    return false;
  }
}

} // namespace lathe::driver
