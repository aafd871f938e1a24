// SPDX-License-Identifier: BSD-2-Clause
// Bytes of a file by position: serial.
#pragma once
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace lathe::driver {

/// A regular file opened for reading.
class ReadOnlyFile {
public:
  ReadOnlyFile() = default;
  ~ReadOnlyFile() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }
  ReadOnlyFile(const ReadOnlyFile &) = delete;
  ReadOnlyFile &operator=(const ReadOnlyFile &) = delete;

  /// "" or what went wrong. To be called once.
  std::string open(const std::string &path) {
    struct stat status {};
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0)
      return std::strerror(errno);
    if (!S_ISREG(status.st_mode))
      return "not a regular file";
    bytes_ = status.st_size;
    return {};
  }
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

  /// Exactly n bytes at `offset`; "" or what went wrong.
  std::string read(void *out, std::size_t n, std::int64_t offset) const {
    auto *to = static_cast<char *>(out);
    while (n > 0) {
      // one call moves at most 2 GiB on Linux
      const ssize_t got = pread(descriptor_, to, std::min<std::size_t>(n, 1U << 30), offset);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return std::string("cannot read: ") + std::strerror(errno);
      if (got == 0)
        return "the file ends too early";
      to += got;
      offset += got;
      n -= static_cast<std::size_t>(got);
    }
    return {};
  }

private:
  int descriptor_ = -1;
  std::int64_t bytes_ = 0;
};

} // namespace lathe::driver
