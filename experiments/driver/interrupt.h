// SPDX-License-Identifier: BSD-2-Clause
// What may stop a run in good order: SIGINT, SIGTERM, SIGUSR1 (SLURM's --signal) and the wall time.
// Handlers only set a flag; the ranks agree on it between cases and, through core/interruption.h,
// between the steps of long computations, where nothing is half done. A second SIGINT ends the
// process at once.
#pragma once

namespace lathe::driver {

/// Install the handlers, after PetscInitialize, whose own they replace; and make lathe::stop_asked
/// say whether there is a reason to stop.
void install_stop_reasons();
/// The wall time is over after that many seconds from now; 0: never.
void set_wall_time(double seconds);
/// 0, or why this process should stop: the signal's number, a larger one for the wall time.
int stop_reason() noexcept;
/// Its name for messages.
const char *stop_name(int reason);

} // namespace lathe::driver
