// SPDX-License-Identifier: BSD-2-Clause
// Reads damaged copies of a file, as damaged.py asks: damaged_reader KIND SEED COPY FROM TO. Copy k
// differs from the seed by one to four edits that depend on k alone. Each must be refused by name
// or give an object; before it is read, "at k" goes to stdout, so that the caller knows which one
// ended the process.
#include "core/handle.h"
#include "core/random.h"
#include "driver/column_file.h"
#include "driver/kernel_file.h"
#include "driver/matrix_io.h"
#include "driver/network_file.h"
#include <petscmat.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace {

using namespace lathe;

struct Dice {
  std::uint64_t stream, at = 0;
  std::uint64_t below(std::uint64_t n) { return random::below(n, 99, stream, at++); }
};

// Flip a bit, overwrite a byte, copy eight bytes from elsewhere, delete, insert, cut the end.
// Deleted and inserted bytes shift what follows: only text is still read after that.
std::string damaged(std::string s, Dice dice, bool text) {
  for (std::uint64_t edit = dice.below(4) + 1; edit-- > 0 && !s.empty();) {
    const std::size_t at = dice.below(s.size());
    const std::size_t from = dice.below(s.size());
    switch (dice.below(text ? 9 : 7)) {
    case 0:
    case 1:
      s[at] = static_cast<char>(s[at] ^ (1 << dice.below(8)));
      break;
    case 2:
      s[at] = static_cast<char>(dice.below(256));
      break;
    case 3:
      s[at] = static_cast<char>(0xff);
      break;
    case 4:
      s[at] = 0;
      break;
    case 5:
      s.replace(at, 8, s.substr(from, std::min<std::size_t>(8, s.size() - at)));
      break;
    case 6:
      if (dice.below(8) == 0)
        s.resize(at);
      break;
    case 7:
      s.erase(at, 1 + dice.below(3));
      break;
    default:
      s.insert(at, 1 + dice.below(3), "0123456789,.-+e\n\r\t#\"xpn"[dice.below(24)]);
    }
  }
  return s;
}

PetscErrorCode read(const std::string &kind, const std::string &file) {
  PetscFunctionBeginUser;
  if (kind == "matrix") {
    MatHandle A;
    PetscCall(driver::ReadMatrix(PETSC_COMM_WORLD, file.c_str(), A.out(), nullptr));
  } else if (kind == "kernels") {
    std::vector<driver::KernelLayer> layers;
    PetscCall(driver::ReadKernels(PETSC_COMM_WORLD, file, &layers));
  } else if (kind == "columns") {
    const std::vector<driver::ColumnRequest> requests{{.name = "v", .least = 0},
                                                      {.name = "x", .with_remainder = true},
                                                      {.name = "w", .optional = true}};
    driver::ColumnTable table;
    PetscCall(driver::ReadColumns(PETSC_COMM_WORLD, file, requests, &table));
  } else {
    std::string problem;
    try {
      (void)driver::read_network_file(file);
    } catch (const std::exception &e) {
      problem = e.what();
    }
    PetscCheck(problem.empty(), PETSC_COMM_WORLD, PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode keep(MPI_Comm, int, const char *, const char *, PetscErrorCode code,
                    PetscErrorType type, const char *message, void *text) {
  if (type == PETSC_ERROR_INITIAL && message)
    *static_cast<std::string *>(text) = message;
  return code;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 6 || PetscInitialize(&argc, &argv, nullptr, nullptr))
    return 2;
  const std::string kind = argv[1];
  std::ostringstream seed;
  seed << std::ifstream(argv[2], std::ios::binary).rdbuf();
  std::string message;
  PetscPushErrorHandler(keep, &message);
  long long answered = 0, refused = 0;
  for (long long k = std::atoll(argv[4]); k < std::atoll(argv[5]); ++k) {
    const bool text = kind == "columns" && seed.str().find("HDF") != 1;
    const std::string bytes = damaged(seed.str(), Dice{static_cast<std::uint64_t>(k)}, text);
    std::ofstream(argv[3], std::ios::binary) << bytes;
    std::printf("at %lld\n", k);
    std::fflush(stdout);
    alarm(20); // ends the process: a hang
    message.clear();
    const bool good = read(kind, argv[3]) == PETSC_SUCCESS;
    alarm(0);
    ++(good ? answered : refused);
    if (!good && message.find(argv[3]) == std::string::npos)
      std::printf("unnamed %lld: %s\n", k, message.c_str());
  }
  std::printf("answered %lld refused %lld\n", answered, refused);
  PetscPopErrorHandler();
  return PetscFinalize() ? 2 : 0;
}
