// SPDX-License-Identifier: BSD-2-Clause
#include "driver/kept_rows.h"
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace lathe::driver {
namespace {

constexpr std::size_t piece = std::size_t{1} << 26; // of a transfer, below what one call may do

/// `transfer(bytes, offset, count)` until all is done; false after an error or at the end.
template <class Byte, class Transfer>
bool whole(Byte *bytes, std::size_t size, std::int64_t offset, Transfer transfer) {
  for (std::size_t at = 0; at < size;) {
    const ssize_t done =
        transfer(bytes + at, std::min(piece, size - at), offset + static_cast<std::int64_t>(at));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    at += static_cast<std::size_t>(done);
  }
  return true;
}

} // namespace

KeptRows::~KeptRows() {
  if (file_ >= 0)
    ::close(file_);
}

PetscErrorCode KeptRows::Open() {
  PetscFunctionBeginUser;
  if (file_ < 0)
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  PetscCheck(file_ >= 0, PETSC_COMM_SELF, PETSC_ERR_FILE_OPEN, "cannot open %s: %s", path_.c_str(),
             std::strerror(errno));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KeptRows::Write(std::int64_t place, std::span<const double> values) {
  PetscFunctionBeginUser;
  PetscCall(Open());
  const bool written =
      whole(reinterpret_cast<const char *>(values.data()), values.size_bytes(), 8 * place,
            [&](const char *p, std::size_t n, std::int64_t at) { return pwrite(file_, p, n, at); });
  PetscCheck(written, PETSC_COMM_SELF, PETSC_ERR_FILE_WRITE, "cannot write %s: %s", path_.c_str(),
             std::strerror(errno));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KeptRows::Read(std::int64_t place, std::span<double> values) {
  PetscFunctionBeginUser;
  PetscCall(Open());
  const bool complete =
      whole(reinterpret_cast<char *>(values.data()), values.size_bytes(), 8 * place,
            [&](char *p, std::size_t n, std::int64_t at) { return pread(file_, p, n, at); });
  if (!complete)
    std::fill(values.begin(), values.end(), 0.0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::uint64_t KeptRows::checksum(std::int64_t place, std::span<const double> values) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    // splitmix64's finaliser (Steele, Lea, Flood, OOPSLA 2014) of place and bits
    std::uint64_t h = std::bit_cast<std::uint64_t>(values[i]) +
                      (static_cast<std::uint64_t>(place) + i + 1) * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    sum += h ^ (h >> 31);
  }
  return sum;
}

} // namespace lathe::driver
