// SPDX-License-Identifier: BSD-2-Clause
#include "driver/interrupt.h"
#include "core/interruption.h"
#include <chrono>
#include <csignal>
#include <initializer_list>

namespace lathe::driver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int wall_time = 1000; // above every signal's number

volatile std::sig_atomic_t received = 0;
Clock::time_point deadline = Clock::time_point::max();

extern "C" void remember_signal(int number) {
  received = number;
}

} // namespace

void install_stop_reasons() {
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
  std::signal(SIGPIPE, SIG_IGN); // `driver | head` must not end a run
  set_stop_question([]() noexcept { return stop_reason() != 0; });
}

void set_wall_time(double seconds) {
  if (seconds > 0 && seconds < 1e9) // later than 30 years is never
    deadline = Clock::now() +
               std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

int stop_reason() noexcept {
  return Clock::now() >= deadline ? wall_time : static_cast<int>(received);
}

const char *stop_name(int reason) {
  switch (reason) {
  case SIGINT:
    return "SIGINT";
  case SIGTERM:
    return "SIGTERM";
  case SIGUSR1:
    return "SIGUSR1";
  case wall_time:
    return "-max_walltime";
  default:
    return "signal";
  }
}

} // namespace lathe::driver
