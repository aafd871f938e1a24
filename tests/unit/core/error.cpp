// SPDX-License-Identifier: BSD-2-Clause
#include "core/error.h"
#include "harness/mpi_test.h"

using namespace lathe;
using namespace lathe::test;

namespace {
PetscErrorCode refuse_on(int bad_rank) {
  PetscFunctionBegin;
  LatheCheckAll(PETSC_COMM_WORLD, mpi_rank() != bad_rank, PETSC_ERR_ARG_OUTOFRANGE,
                "rank %d says no", mpi_rank());
  PetscFunctionReturn(PETSC_SUCCESS);
}
PetscErrorCode throws_bad_alloc() {
  PetscFunctionBegin;
  LatheGuard(PETSC_COMM_WORLD, throw std::bad_alloc());
  PetscFunctionReturn(PETSC_SUCCESS);
}
} // namespace

TEST_CASE("one rank's finding becomes every rank's error", "[core][error]") {
  const int last = mpi_size() - 1;
  const Caught caught = catch_error([&] { return refuse_on(last); });
  CHECK_ALL(caught.code == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(caught.message == "rank " + std::to_string(last) + " says no");
  PETSC_OK(refuse_on(-1));
}

TEST_CASE("an exception becomes an error code", "[core][error]") {
  CHECK_ALL(catch_error(throws_bad_alloc).code == PETSC_ERR_MEM);
}
