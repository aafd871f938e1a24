// SPDX-License-Identifier: BSD-2-Clause
// Ten thousand damaged files: each gives an error that names the file, or a matrix; no crash, no
// hang, no allocation that the file cannot justify. HDF5 files are damaged in dataset contents,
// which lathe interprets; damage to HDF5's own structures is the library's business, and 1.10 is
// known to crash on some.
#include "driver/hdf5_handle.h"
#include "driver/matrix_io.h"
#include "unit/driver/damage.h"
#include "unit/driver/fixture.h"
#include <sys/resource.h>

using namespace lathe;
using namespace lathe::test;

namespace {

struct Outcome {
  int read = 0, refused = 0, silent = 0; // silent: an error that does not name the file
};

void attempt_read(const std::string &file, Outcome *outcome) {
  MatHandle A;
  const Caught caught = catch_error(
      [&] { return driver::ReadMatrix(PETSC_COMM_WORLD, file.c_str(), A.out(), nullptr); });
  if (!agreed(caught.code == PETSC_SUCCESS)) {
    ++outcome->refused;
    if (caught.message.find("damaged") == std::string::npos || A.get())
      ++outcome->silent;
  } else {
    ++outcome->read;
  }
}

int share(int n) { // all on one rank, a sample on more
  return mpi_size() == 1 ? n : n / 20;
}

void report(const char *what, const Outcome &o) {
  WARN(what << ": " << o.read << " read, " << o.refused << " refused");
  CHECK_ALL(o.silent == 0);
  CHECK_ALL(o.refused > 0);
  CHECK_ALL(o.read > 0);
}

} // namespace

TEST_CASE("Damaged files: Matrix Market, plain and compressed") {
  const Scratch scratch;
  const std::vector<std::string> seeds{
      "%%MatrixMarket matrix coordinate real general\n% c\n5 4 6\n1 1 1.5\n5 4 -2e-3\n2 2 1\n3 1 "
      "7\n4 4 .5\n1 1 2\n",
      "%%MatrixMarket matrix coordinate integer symmetric\n3 3 3\n1 1 4\n3 1 5\n3 3 6\n",
      "%%MatrixMarket matrix coordinate pattern general\r\n3 3 2\r\n1 1\r\n2 3\r\n",
      "%%MatrixMarket matrix array real general\n3 2\n1\n2\n3\n4\n5\n6\n",
      "%%MatrixMarket matrix array real skew-symmetric\n3 3\n1\n2\n3\n"};
  Outcome outcome;
  for (int k = 0; k < share(5000); ++k) {
    const auto id = static_cast<std::uint64_t>(k);
    attempt_read(scratch.write(k % 8 == 0 ? "damaged.mtx.gz" : "damaged.mtx",
                               damaged(seeds[id % seeds.size()], {id}, true)),
                 &outcome);
    MPI_Barrier(PETSC_COMM_WORLD);
  }
  report("Matrix Market", outcome);
}

TEST_CASE("Damaged files: the compressed stream itself, and PETSc binary") {
  const Scratch scratch;
  const std::string text = scratch.write(
      "a.mtx", "%%MatrixMarket matrix coordinate real general\n5 4 4\n1 1 1.5\n5 4 -2e-3\n2 2 1\n"
               "3 1 7\n");
  MatHandle A;
  PETSC_OK(driver::ReadMatrix(PETSC_COMM_WORLD, text.c_str(), A.out(), nullptr));
  MatHandle D;
  PETSC_OK(MatConvert(A, MATDENSE, MAT_INITIAL_MATRIX, D.out()));
  PETSC_OK(driver::WriteMatrix(A, scratch.path("a.petsc").c_str()));
  PETSC_OK(driver::WriteMatrix(D, scratch.path("d.petsc").c_str()));
  PETSC_OK(driver::WriteMatrix(A, scratch.path("a.mtx.gz").c_str()));
  MPI_Barrier(PETSC_COMM_WORLD);
  const std::vector<std::string> seeds{slurp(scratch.path("a.petsc")),
                                       slurp(scratch.path("d.petsc")),
                                       slurp(scratch.path("a.mtx.gz"))};
  Outcome outcome;
  for (int k = 0; k < share(3000); ++k) {
    const auto id = static_cast<std::uint64_t>(k) + 100000;
    attempt_read(scratch.write("damaged.bin", damaged(seeds[id % seeds.size()], {id}, false)),
                 &outcome);
    MPI_Barrier(PETSC_COMM_WORLD);
  }
  report("PETSc binary and gzip", outcome);
}

TEST_CASE("Damaged files: HDF5 dataset contents") {
  using namespace lathe::hdf5;
  const Scratch scratch;
  const std::string text = scratch.write(
      "a.mtx", "%%MatrixMarket matrix coordinate real general\n5 4 4\n1 1 1.5\n5 4 -2e-3\n2 2 1\n"
               "3 1 7\n");
  MatHandle A;
  PETSC_OK(driver::ReadMatrix(PETSC_COMM_WORLD, text.c_str(), A.out(), nullptr));
  const std::string file = scratch.path("damaged.h5");
  Outcome outcome;
  for (int k = 0; k < share(2000); ++k) {
    if (k % 4 == 0) // start again from a sound file: damage adds up in between
      PETSC_OK(driver::WriteMatrix(A, file.c_str()));
    bool written = true;
    if (mpi_rank() == 0) {
      Dice dice{static_cast<std::uint64_t>(k) + 200000};
      const File f(H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
      const std::vector<const char *> names{"/matrix/jc", "/matrix/ir", "/matrix/data"};
      const std::uint64_t which = dice.below(3);
      std::array<std::uint64_t, 6> x{};
      const auto spoil = [&](std::size_t n) {
        const std::size_t at = dice.below(n);
        const std::uint64_t bit = 1ULL << dice.below(64);
        x[at] = dice.below(2) == 0 ? x[at] ^ bit : dice.below(8) - 1;
      };
      const Dataset d(H5Dopen2(f, names[which], H5P_DEFAULT));
      const hid_t type = which < 2 ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE;
      H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x.data());
      spoil(which == 0 ? 6 : 4);
      written = H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x.data()) >= 0;
    }
    REQUIRE_ALL(written); // the damage is in the file
    MPI_Barrier(PETSC_COMM_WORLD);
    attempt_read(file, &outcome);
    MPI_Barrier(PETSC_COMM_WORLD);
  }
  report("HDF5", outcome);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  INFO("largest memory " << usage.ru_maxrss << " KiB");
  CHECK_ALL(usage.ru_maxrss < 2 * 1024 * 1024);
}
