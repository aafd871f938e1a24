// SPDX-License-Identifier: BSD-2-Clause
#include "driver/crash_guard.h"
#include <string>
#include <unistd.h>

namespace lathe::driver {
namespace {

constexpr std::array<int, 4> crashes{SIGSEGV, SIGBUS, SIGFPE, SIGABRT};

// What the handler says is composed before; it may only write.
std::string message;

extern "C" void say_and_end(int) {
  (void)!write(STDERR_FILENO, message.data(), message.size());
  _exit(1);
}

} // namespace

CrashGuard::CrashGuard(const std::string &file) {
  message = file + ": is damaged: the HDF5 library crashed while reading it\n";
  static std::array<char, 65536> stack; // the crash may be an exhausted stack
  stack_t alternate = {};
  alternate.ss_sp = stack.data();
  alternate.ss_size = stack.size();
  sigaltstack(&alternate, nullptr);
  struct sigaction action = {};
  action.sa_handler = say_and_end;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < crashes.size(); ++i)
    sigaction(crashes[i], &action, &before_[i]);
}

CrashGuard::~CrashGuard() {
  for (std::size_t i = 0; i < crashes.size(); ++i)
    sigaction(crashes[i], &before_[i], nullptr);
}

} // namespace lathe::driver
