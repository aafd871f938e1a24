// SPDX-License-Identifier: BSD-2-Clause
// Cases that are meant to fail, run by selftest.sh: what a developer sees when a rank goes wrong.
#include "harness/mpi_test.h"
#include <stdexcept>

TEST_CASE("a rank-local failure leaves the others waiting", "[.][fail]") {
  if (lathe::test::mpi_rank() == 1)
    REQUIRE(1 + 1 == 3);
  MPI_Barrier(PETSC_COMM_WORLD);
}

TEST_CASE("a rank-local exception leaves the others waiting", "[.][dead]") {
  if (lathe::test::mpi_rank() == 1)
    throw std::runtime_error("only here");
  MPI_Barrier(PETSC_COMM_WORLD);
}

static PetscErrorCode FailOnRankOne() {
  PetscFunctionBegin;
  PetscCheck(lathe::test::mpi_rank() != 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "value 7 on rank 1");
  PetscCallMPI(MPI_Barrier(PETSC_COMM_WORLD));
  PetscFunctionReturn(PETSC_SUCCESS);
}

TEST_CASE("a PETSc error on one rank ends the job", "[.][petsc]") {
  PetscCallAbort(PETSC_COMM_WORLD, FailOnRankOne());
}
