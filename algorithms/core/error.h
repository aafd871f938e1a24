// SPDX-License-Identifier: BSD-2-Clause
// Errors that every rank sees alike. A finding of one rank must become an error of all, or the
// others wait for ever in the next collective call.
#pragma once
#include "core/petsc_compat.h"
#include <new>
#include <stdexcept>
#include <string>

namespace lathe {

/// CheckAll - collective verdict: returns PETSC_SUCCESS when `ok` holds on every rank of `comm`,
/// else raises `code` on every rank with the message of the lowest failing rank. Collective on
/// comm; cost: one Allreduce, and on failure one broadcast. Prefer the macro LatheCheckAll, which
/// formats the message only on failure.
PetscErrorCode CheckAll(MPI_Comm comm, bool ok, PetscErrorCode code, const std::string &message,
                        int line, const char *function, const char *file);

/// Format as PetscSNPrintf does, into a string of any length up to 4096 bytes.
std::string Format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Run `f`, which returns PetscErrorCode, and turn a C++ exception into a PETSc error: an exception
/// that crosses a PETSc frame on one of two ranks hangs the job, an error code ends it in a second.
template <class F>
PetscErrorCode Guard(MPI_Comm comm, int line, const char *function, const char *file, F &&f) {
  const auto raise = [&](PetscErrorCode code, const char *what) {
    return PetscError(comm, line, function, file, code, PETSC_ERROR_INITIAL, "%s", what);
  };
  try {
    return f();
  } catch (const std::bad_alloc &e) {
    return raise(PETSC_ERR_MEM, e.what());
  } catch (const std::invalid_argument &e) {
    return raise(PETSC_ERR_ARG_OUTOFRANGE, e.what());
  } catch (const std::exception &e) {
    return raise(PETSC_ERR_LIB, e.what());
  }
}

} // namespace lathe

/// LatheCheckAll(comm, condition, code, format, …): every rank of comm must call it; see CheckAll.
#define LatheCheckAll(comm, condition, code, ...)                                                  \
  do {                                                                                             \
    const bool lathe_ok_ = static_cast<bool>(condition);                                           \
    PetscCall(::lathe::CheckAll((comm), lathe_ok_, (code),                                         \
                                lathe_ok_ ? std::string() : ::lathe::Format(__VA_ARGS__),          \
                                __LINE__, PETSC_FUNCTION_NAME, __FILE__));                         \
  } while (0)

/// LatheGuard(comm, statements): the statements may throw; see Guard.
#define LatheGuard(comm, ...)                                                                      \
  PetscCall(                                                                                       \
      ::lathe::Guard((comm), __LINE__, PETSC_FUNCTION_NAME, __FILE__, [&]() -> PetscErrorCode {    \
        __VA_ARGS__;                                                                               \
        return PETSC_SUCCESS;                                                                      \
      }))
