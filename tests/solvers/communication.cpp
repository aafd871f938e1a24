// SPDX-License-Identifier: BSD-2-Clause
// What a least-squares solve sends: MPI's profiling interface counts the collectives, whoever calls
// them.
#include "core/petsc_compat.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "unit/sketching/least_squares_problems.h"
#include <algorithm>
#include <petscksp.h>
#include <string>
#include <vector>

#ifndef PETSC_USE_COMPLEX

namespace {

struct Message {
  const char *call;
  long bytes;
};
bool counting = false;
std::vector<Message> messages;

void note(const char *call, long count, MPI_Datatype type) {
  int size = 0;
  if (!counting)
    return;
  PMPI_Type_size(type, &size);
  messages.push_back({call, count * size});
}

} // namespace

// These take the place of the library's functions of the same names in the whole program.
#undef MPI_Allreduce
#undef MPI_Reduce
#undef MPI_Bcast
extern "C" int MPI_Allreduce(const void *in, void *out, int count, MPI_Datatype type, MPI_Op op,
                             MPI_Comm comm) {
  note("allreduce", count, type);
  return PMPI_Allreduce(in, out, count, type, op, comm);
}
extern "C" int MPI_Reduce(const void *in, void *out, int count, MPI_Datatype type, MPI_Op op,
                          int root, MPI_Comm comm) {
  note("reduce", count, type);
  return PMPI_Reduce(in, out, count, type, op, root, comm);
}
extern "C" int MPI_Bcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  note("bcast", count, type);
  return PMPI_Bcast(data, count, type, root, comm);
}

namespace {

using namespace lathe;
using namespace lathe::test;
using KspHandle = Handle<KSP, KSPDestroy>;

long sent(const std::string &call, std::size_t numbers) {
  const auto bytes = static_cast<long>(numbers * sizeof(double));
  return std::count_if(messages.begin(), messages.end(),
                       [&](const Message &m) { return call == m.call && m.bytes == bytes; });
}

TEST_CASE("pne reduces the sketch, a triangle, and a gradient a pass, whatever the rows",
          "[solvers]") {
  constexpr std::size_t n = 24; // a multiple of the panels of a sketch, which are sent whole
  for (const std::size_t m : {1000UL, 5000UL}) {
    Distributed d;
    KspHandle ksp;
    LatheLeastSquaresResult result;
    PETSC_OK(LatheInitializePackage());
    PETSC_OK(Distribute(problem_of(m, n, 1e6, 1e-3, 61), MATDENSE, &d));
    PETSC_OK(PetscOptionsInsertString(
        nullptr, "-ksp_type pne -ksp_ls_refine dd -ksp_ls_factor 3 -ksp_ls_nnz 8"));
    PETSC_OK(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
    PETSC_OK(KSPSetOperators(ksp, d.a, d.a));
    PETSC_OK(KSPSetFromOptions(ksp));
    PETSC_OK(PetscOptionsClear(nullptr));
    messages.clear();
    counting = true;
    const PetscErrorCode code = KSPSolve(ksp, d.b, d.x);
    counting = false;
    PETSC_OK(code);
    PETSC_OK(LatheKSPGetLeastSquaresResult(ksp, &result));
    const std::size_t sketch = 2 * 3 * n * n; // d·n sums of two parts
    // One from zero, the refinements, and one for the residual of the solution.
    const auto passes = static_cast<std::size_t>(result.refinements) + 2;
    CHECK(sent("allreduce", sketch) == 1);
    CHECK(sent("allreduce", n) == 1); // the largest of each column, for those parts
    CHECK(sent("reduce", n * (n + 1) / 2) == 1);
    CHECK(sent("reduce", 2 * (n + 1)) == static_cast<long>(passes));
    CHECK(sent("bcast", n * n) == 1); // R
    std::size_t rest = 0;
    for (const Message &message : messages)
      rest += static_cast<std::size_t>(message.bytes) / sizeof(double);
    rest -= sketch + n + n * (n + 1) / 2 + n * n + 2 * (n + 1) * passes;
    CAPTURE(m, rest, passes);
    CHECK(rest <= (n + 4) * passes + 16); // a correction a pass, scales of columns, single facts
  }
}

} // namespace

#endif
