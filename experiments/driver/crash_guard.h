// SPDX-License-Identifier: BSD-2-Clause
// A sentence instead of a debugger's view where the HDF5 library crashes on a damaged file.
#pragma once
#include <array>
#include <csignal>
#include <string>

namespace lathe::driver {

/// While it lives, a crash (SIGSEGV, SIGBUS, SIGFPE, SIGABRT) ends the process, and with it the
/// job, with exit code 1 and a message that `file` is damaged: HDF5 1.10 divides by a chunk extent
/// of zero and trusts some lengths that the file states. One at a time. Serial.
class CrashGuard {
public:
  explicit CrashGuard(const std::string &file);
  ~CrashGuard();
  CrashGuard(const CrashGuard &) = delete;
  CrashGuard &operator=(const CrashGuard &) = delete;

private:
  std::array<struct sigaction, 4> before_{};
};

} // namespace lathe::driver
