// SPDX-License-Identifier: BSD-2-Clause
// What a run knows; shared by the files that implement Driver and by nobody else.
#pragma once
#include "driver/checkpoint.h"
#include "driver/driver.h"
#include "driver/error_trap.h"
#include "driver/kept_rows.h"
#include "driver/progress.h"
#include "driver/timings.h"
#include <string>
#include <vector>

namespace lathe::driver {

/// Options that every driver has.
struct CommonOptions {
  std::string output;
  std::uint64_t seed = 20240229;
  std::string progress = "auto";
  bool restart = false;
  double checkpoint_every = 1; // [s]
  double max_walltime = 0;     // [s]; 0: none
  bool reproducible = false;
  std::string provenance = "minimal";

  void declare(Options &options, const About &about);
};

struct InputFile {
  std::string role = {}, path = {}, sha256 = {};
  std::int64_t size = 0;
};

/// Patience with the other ranks after a failure on this one, in seconds.
inline constexpr double patience = 5;

struct Driver::State {
  About about{};
  Options options;
  CommonOptions common;
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm guard = MPI_COMM_NULL; // for agreement on errors and interrupts only
  int rank = 0, size = 1;
  std::string command_line;

  std::vector<InputFile> inputs;
  std::vector<std::pair<std::string, Value>> input_facts;
  ResultFile file;
  Timings timings;
  Progress progress;
  Checkpoint checkpoint;
  Checkpoint::Tables tables; // every case so far, by dimension
  KeptRows kept_rows;
  bool checkpoint_ready = false;
  double start = 0, last_checkpoint = 0;
  double checkpoint_cost = 0; // of the last one [s]: 5 to 120 ms, mostly fsync

  bool interrupted = false;
  std::string interrupt_reason;
  bool any_failed = false;
  bool converged = true;
  std::string convergence_reason;
  bool names_taken = false;   // the variables name, status, failure belong to the first table
  bool seconds_taken = false; // the variable seconds exists

  /// Paths as they may be stored: only the last part unless -provenance full.
  [[nodiscard]] std::string shown_path(const std::string &path) const;
  /// A text with the folders of given files removed in the same way.
  [[nodiscard]] std::string shown_text(const std::string &text) const;
  /// interrupted: on every rank once any rank got a signal or the wall time is over. Collective.
  PetscErrorCode check_stop();
  PetscErrorCode prepare_checkpoint();
  PetscErrorCode save_checkpoint(bool now);
};

/// Write cases as variables along `dimension` ("": the one case as scalars). table.cpp
PetscErrorCode write_table(Driver::State &state, const std::string &dimension,
                           const std::vector<Case> &cases, std::span<const Column> columns);
/// One line with the scalar results of a record, for people. table.cpp
std::string result_line(const std::string &label, std::span<const Column> columns,
                        const Record &record);
/// Version and commit of this build: cases of different code do not belong in one file.
/// skeleton.cpp
std::string code_identity();
/// Root attributes, /input, /options, /provenance, /timing. skeleton.cpp
PetscErrorCode write_skeleton(Driver::State &state, const std::string &status);

} // namespace lathe::driver
