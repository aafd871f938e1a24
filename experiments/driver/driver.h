// SPDX-License-Identifier: BSD-2-Clause
// Frame of every experiment driver. A driver says what it is (About), declares its options, and
// computes cases; the frame does the rest: -help, refusal of unknown options, progress, signals,
// checkpoints, the result file with provenance and timings, exit codes.
//
//   int main(int argc, char **argv) {
//     Settings settings;
//     return lathe::driver::run(argc, argv, about,
//                               [&](Options &o) { declare(o, settings); },
//                               [&](Driver &d) { return compute(d, settings); });
//   }
//
// Exit codes: 0 done, 1 refused input, 2 failure (a case failed, or the run itself), 3 not
// converged, 4 interrupted with a checkpoint. experiments/driver/README.md has the whole story.
#pragma once
#include "core/error.h"
#include "driver/options.h"
#include "driver/record.h"
#include "driver/result_file.h"
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lathe::driver {

/// What a driver is; stored in every result file.
struct About {
  const char *name;       // of the executable and the default output file
  const char *title;      // one line
  const char *references; // papers, one line
  const char *repro_class = "R0";
};

class KeptRows;

class Driver {
public:
  using CaseBody = std::function<PetscErrorCode(std::size_t index, Record &record)>;

  [[nodiscard]] MPI_Comm comm() const;
  [[nodiscard]] int rank() const;
  [[nodiscard]] std::uint64_t seed() const; // -seed
  /// Whether the user gave that option a value ("-matvecs"): a default may bend, a wish may not.
  [[nodiscard]] bool given(const std::string &option) const;
  [[nodiscard]] bool reproducible() const; // -output_reproducible: leave volatile facts out

  /// Register an input: FILE or FILE.h5:/object. Stores the file's name, size and SHA-256 under
  /// /input/<role>, and ties the checkpoint to it. Refuses a file that cannot be read. Collective.
  PetscErrorCode input_file(const std::string &role, const std::string &path);
  /// A fact about the input (shape, nnz, generator …), stored as attribute of /input.
  PetscErrorCode input_fact(const std::string &name, const Value &value);

  /// Run `body` for every name that a restarted checkpoint does not hold yet, then write one
  /// variable a column along `dimension`, with the variables name, status, failure and seconds. A
  /// body that fails (PETSc error or exception, on any rank) becomes a failed case with its
  /// message; the others run. Signals and -max_walltime are heeded between cases, and inside a body
  /// that calls lathe::StopTogether between its steps: then the unfinished rest is marked not_run,
  /// a checkpoint is written and the run ends with exit code 4. Prints one line a case on rank 0's
  /// stdout. At most one call for each dimension. Collective.
  ///
  /// A rank that fails alone while the others wait for it in a collective call ends the whole job
  /// after 5 s, with its traceback.
  PetscErrorCode run_cases(const std::string &dimension, const std::vector<std::string> &names,
                           std::span<const Column> columns, const CaseBody &body,
                           std::vector<Case> *cases = nullptr);
  /// One case without a dimension of its own: its columns become scalars (or arrays over `dims`).
  PetscErrorCode run_case(const std::string &name, std::span<const Column> columns,
                          const std::function<PetscErrorCode(Record &)> &body,
                          Case *result = nullptr);
  /// Where a body keeps values that are too many for its record, and from where they come back when
  /// the case is one of the checkpoint.
  [[nodiscard]] KeptRows &kept_rows() const;
  /// Write the values of a record, computed from finished cases, as scalars or arrays. Prints one
  /// line when `label` is not empty. Collective.
  PetscErrorCode write(const std::string &label, std::span<const Column> columns,
                       const Record &record);

  /// Coordinate values of a dimension that columns use; call it before them. Collective.
  PetscErrorCode coordinate(const Column &about, const std::vector<double> &values);
  PetscErrorCode coordinate(const Column &about, const std::vector<std::int64_t> &values);
  /// The result file, opened on first use, for large or distributed variables. Collective.
  PetscErrorCode file(ResultFile **file);

  /// The run is to be reported as not converged (exit code 3, converged = 0). Same on every rank.
  void not_converged(const std::string &reason);
  /// Attribute time from here to the next call to `phase`: a PETSc log stage and a row of /timing.
  PetscErrorCode phase(const std::string &name);
  /// One line on rank 0's stdout.
  void say(const std::string &line) const;

  struct State;
  explicit Driver(State &state) : state_(&state) {}

private:
  State *state_;
};

/// Everything from MPI_Init to the exit code.
int run(int argc, char **argv, const About &about, const std::function<void(Options &)> &declare,
        const std::function<PetscErrorCode(Driver &)> &compute);

} // namespace lathe::driver
