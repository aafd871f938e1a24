// SPDX-License-Identifier: BSD-2-Clause
// SIGINT, SIGTERM and SIGUSR1 (SLURM's --signal) only set a flag; the ranks agree on it between
// cases, where nothing is half done. A second SIGINT ends the process at once.
#pragma once

namespace lathe::driver {

/// Install the handlers; after PetscInitialize, whose own handlers they replace.
void install_signal_handlers();
/// Number of the signal that this process received, or 0.
int received_signal();
/// Its name for messages.
const char *signal_name(int number);

} // namespace lathe::driver
