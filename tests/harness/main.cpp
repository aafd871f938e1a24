// SPDX-License-Identifier: BSD-2-Clause
// Catch2 under MPI. Rank 0 reports; other ranks buffer their report and print it only when they
// failed; the exit status is the worst of all ranks. Arguments after --petsc go to PETSc, since
// each library refuses the other's options.
#define CATCH_CONFIG_RUNNER
#define CATCH_CONFIG_NOSTDOUT
#include "harness/mpi_test.h"
#include <slepcsys.h>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

MPI_Comm harness_comm =
    MPI_COMM_NULL; // the guard's own communicator: it never meets a test's messages
int rank = 0;
int size = 1;
std::ostringstream &buffer() {
  static std::ostringstream report;
  return report;
}

// A rank that leaves a test early (a failed rank-local REQUIRE, an exception) would let the others
// wait for ever in the next collective call. After each test every rank waits a bounded time for
// the others, then ends the job with its own name.
class AgreementGuard : public Catch::TestEventListenerBase {
public:
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseEnded(Catch::TestCaseStats const &stats) override {
    const int failed = stats.totals.assertions.failed > 0 ? 1 : 0;
    int any_failed = 0;
    int done = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Iallreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, harness_comm, &request);
    const double start = MPI_Wtime();
    for (;;) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done)
        break;
      if (MPI_Wtime() - start > patience()) {
        std::cerr << "[rank " << rank << "] left test '" << stats.testInfo.name << "' "
                  << (failed ? "FAILED" : "passed")
                  << ", but other ranks are still inside it after " << patience()
                  << " s (rank-local REQUIRE or exception?)\n"
                  << buffer().str() << std::flush;
        MPI_Abort(MPI_COMM_WORLD, 86);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    TestEventListenerBase::testCaseEnded(stats);
  }

private:
  static double patience() {
    const char *seconds = std::getenv("LATHE_TEST_PATIENCE");
    return seconds ? std::atof(seconds) : 60.0;
  }
};
CATCH_REGISTER_LISTENER(AgreementGuard)

} // namespace

namespace Catch {
std::ostream &cout() {
  return rank == 0 ? std::cout : buffer();
}
std::ostream &cerr() {
  return std::cerr;
}
std::ostream &clog() {
  return rank == 0 ? std::clog : buffer();
}
} // namespace Catch

int main(int argc, char **argv) {
  char **split =
      std::find_if(argv, argv + argc, [](char *a) { return std::string(a) == "--petsc"; });
  const int catch_argc = static_cast<int>(split - argv);
  std::vector<char *> petsc_args{argv[0]};
  petsc_args.insert(petsc_args.end(), split + (catch_argc < argc ? 1 : 0), argv + argc);
  int petsc_argc = static_cast<int>(petsc_args.size());
  petsc_args.push_back(nullptr);
  char **petsc_argv = petsc_args.data();
  if (SlepcInitialize(&petsc_argc, &petsc_argv, nullptr, nullptr))
    return 2;
  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  MPI_Comm_size(PETSC_COMM_WORLD, &size);
  MPI_Comm_dup(PETSC_COMM_WORLD, &harness_comm);

  int mine = 0;
  {
    Catch::Session session;
    mine = session.applyCommandLine(catch_argc, argv);
    if (mine == 0)
      mine = session.run();
  }
  mine = std::min(mine, 255);
  int worst = 0;
  MPI_Allreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, harness_comm);
  for (int r = 1; r < size && worst != 0; ++r) {
    MPI_Barrier(harness_comm);
    if (r == rank && mine != 0)
      std::cerr << "---- rank " << r << " ----\n" << buffer().str() << std::flush;
  }
  MPI_Comm_free(&harness_comm);
  SlepcFinalize();
  return worst;
}
