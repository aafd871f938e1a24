// SPDX-License-Identifier: BSD-2-Clause
// Options of PETSc itself that it reads at its start, at its end, or in every object: a driver must
// accept them although nobody has asked for them yet when it looks for unknown names.
#pragma once
#include <array>
#include <string_view>

namespace lathe::driver {

inline constexpr std::array petsc_options{"citations",
                                          "check_pointer_intensity",
                                          "debug_terminal",
                                          "debugger_nodes",
                                          "debugger_pause",
                                          "dll_append",
                                          "dll_prepend",
                                          "dll_view",
                                          "error_output_none",
                                          "error_output_stderr",
                                          "error_output_stdout",
                                          "fp_trap",
                                          "get_total_flops",
                                          "help",
                                          "history",
                                          "info",
                                          "log",
                                          "log_all",
                                          "log_exclude",
                                          "log_include_actions",
                                          "log_include_objects",
                                          "log_mpe",
                                          "log_summary",
                                          "log_sync",
                                          "log_trace",
                                          "log_view",
                                          "log_view_memory",
                                          "log_perfstubs",
                                          "log_view_gpu_time",
                                          "malloc",
                                          "malloc_coalesce",
                                          "malloc_debug",
                                          "malloc_dump",
                                          "malloc_hbw",
                                          "malloc_info",
                                          "malloc_log",
                                          "malloc_requested_size",
                                          "malloc_test",
                                          "malloc_view",
                                          "malloc_view_threshold",
                                          "memory_view",
                                          "mpidump",
                                          "mpi_linear_solver_server",
                                          "no_signal_handler",
                                          "nox",
                                          "nox_warning",
                                          "objects_dump",
                                          "on_error_abort",
                                          "on_error_attach_debugger",
                                          "on_error_emacs",
                                          "on_error_mpiabort",
                                          "on_error_stop",
                                          "options_file",
                                          "options_file_yaml",
                                          "options_left",
                                          "options_monitor",
                                          "options_monitor_cancel",
                                          "options_string_yaml",
                                          "options_view",
                                          "petsc_sleep",
                                          "python",
                                          "saws_options",
                                          "shared_tmp",
                                          "skip_petscrc",
                                          "start_in_debugger",
                                          "stop_for_debugger",
                                          "tmp",
                                          "unaligned_malloc",
                                          "v",
                                          "version",
                                          "viewer_binary_skip_info",
                                          "x_virtual"};

inline bool is_petsc_option(std::string_view name) {
  for (const std::string_view known : petsc_options)
    if (known == name)
      return true;
  return false;
}

} // namespace lathe::driver
