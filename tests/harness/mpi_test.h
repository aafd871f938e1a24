// SPDX-License-Identifier: BSD-2-Clause
// What every test includes: Catch2, collective checks, PETSc calls in tests.
#pragma once
#include "core/petsc_compat.h"
#if __has_include(<catch2/catch.hpp>)
#include <catch2/catch.hpp> // Catch2 2 (Debian 12)
#else
#include <catch2/catch_all.hpp> // Catch2 3
#endif
#include <string>

namespace lathe::test {

/// true on every rank when `local` holds on all. Collective on PETSC_COMM_WORLD.
inline bool agreed(bool local) {
  int mine = local ? 1 : 0;
  int all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, PETSC_COMM_WORLD);
  return all == 1;
}

inline int mpi_rank() {
  int rank = 0;
  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  return rank;
}
inline int mpi_size() {
  int size = 1;
  MPI_Comm_size(PETSC_COMM_WORLD, &size);
  return size;
}

/// Result of a call that is expected to fail: its code and the text of its message.
struct Caught {
  PetscErrorCode code = PETSC_SUCCESS;
  std::string message;
};

/// Call f() with PETSc's printing silenced and return the error it raises. The message is on every
/// rank of the communicator that raised it.
template <class F> Caught catch_error(F &&f) {
  Caught caught;
  const auto keep = [](MPI_Comm, int, const char *, const char *, PetscErrorCode code,
                       PetscErrorType type, const char *message, void *context) -> PetscErrorCode {
    auto *c = static_cast<Caught *>(context);
    if (type == PETSC_ERROR_INITIAL && message)
      c->message = message;
    return code;
  };
  PetscPushErrorHandler(keep, &caught);
  caught.code = f();
  PetscPopErrorHandler();
  return caught;
}

} // namespace lathe::test

/// The same verdict on every rank, so that no rank runs ahead into a collective call. Use these,
/// not CHECK or REQUIRE, wherever ranks may differ.
#define CHECK_ALL(...)                                                                             \
  do {                                                                                             \
    const bool local_verdict_ = static_cast<bool>(__VA_ARGS__);                                    \
    INFO("on this rank: " << (local_verdict_ ? "true" : "false") << " for " #__VA_ARGS__);         \
    CHECK(::lathe::test::agreed(local_verdict_));                                                  \
  } while (0)
#define REQUIRE_ALL(...)                                                                           \
  do {                                                                                             \
    const bool local_verdict_ = static_cast<bool>(__VA_ARGS__);                                    \
    INFO("on this rank: " << (local_verdict_ ? "true" : "false") << " for " #__VA_ARGS__);         \
    REQUIRE(::lathe::test::agreed(local_verdict_));                                                \
  } while (0)
/// A PETSc call that must succeed on every rank.
#define PETSC_OK(...) REQUIRE_ALL((__VA_ARGS__) == PETSC_SUCCESS)
