// SPDX-License-Identifier: BSD-2-Clause
#include "core/error.h"
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace lathe {

PetscErrorCode CheckAll(MPI_Comm comm, bool ok, PetscErrorCode code, const std::string &message,
                        int line, const char *function, const char *file) {
  int rank = 0;
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const int mine = ok ? size : rank;
  int lowest = size;
  PetscCallMPI(MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm));
  if (lowest == size)
    PetscFunctionReturn(PETSC_SUCCESS);

  std::array<char, 4096> text{};
  int shared_code = static_cast<int>(code);
  if (rank == lowest)
    std::strncpy(text.data(), message.c_str(), text.size() - 1);
  PetscCallMPI(MPI_Bcast(text.data(), static_cast<int>(text.size()), MPI_CHAR, lowest, comm));
  PetscCallMPI(MPI_Bcast(&shared_code, 1, MPI_INT, lowest, comm));
  return PetscError(comm, line, function, file, static_cast<PetscErrorCode>(shared_code),
                    PETSC_ERROR_INITIAL, "%s", text.data());
}

std::string Format(const char *format, ...) {
  std::array<char, 4096> text{};
  va_list args;
  va_start(args, format);
  std::vsnprintf(text.data(), text.size(), format, args);
  va_end(args);
  return text.data();
}

} // namespace lathe
