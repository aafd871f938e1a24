// SPDX-License-Identifier: BSD-2-Clause
#include "driver/interrupt.h"
#include <csignal>
#include <initializer_list>

namespace lathe::driver {
namespace {

volatile std::sig_atomic_t received = 0;

extern "C" void remember_signal(int number) {
  received = number;
}

} // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = remember_signal;
  sigemptyset(&action.sa_mask);
  // SIGTERM often comes twice (mpiexec and the batch system): only a second Ctrl-C ends at once.
  for (const int number : {SIGTERM, SIGUSR1}) {
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

int received_signal() {
  return received;
}

const char *signal_name(int number) {
  switch (number) {
  case SIGINT:
    return "SIGINT";
  case SIGTERM:
    return "SIGTERM";
  case SIGUSR1:
    return "SIGUSR1";
  default:
    return "signal";
  }
}

} // namespace lathe::driver
