// SPDX-License-Identifier: BSD-2-Clause
// From MPI_Init to the exit code.
#include "driver/driver.h"
#include "core/interruption.h"
#include "driver/interrupt.h"
#include "driver/output_file.h"
#include "driver/state.h"
#include <slepcsys.h>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace lathe::driver {

MPI_Comm Driver::comm() const {
  return state_->comm;
}
int Driver::rank() const {
  return state_->rank;
}
std::uint64_t Driver::seed() const {
  return state_->common.seed;
}
bool Driver::given(const std::string &option) const {
  return state_->options.given(option);
}
bool Driver::reproducible() const {
  return state_->common.reproducible;
}

void CommonOptions::declare(Options &options, const About &about) {
  output = std::string(about.name) + ".h5";
  options.group("Run and result");
  Option &out =
      options.file("-o", output, "result file; a file of that name is replaced when the run ends")
          .set_runtime();
  out.range = "FILE";
  options.seed("-seed", seed, "seed of the counter-based random numbers");
  options
      .flag("-output_reproducible", reproducible,
            "leave times, ranks and machine out: equal bytes on any number of ranks")
      .set_runtime();
  options
      .choice("-provenance", provenance, {"minimal", "full"}, "full: also host, user and folders")
      .set_runtime();
  options
      .choice("-progress", progress, {"auto", "lines", "bar", "json", "none"},
              "progress on stderr, or in <out>.progress.json")
      .set_runtime();
  options.flag("-restart", restart, "continue from the checkpoint <out>.ckpt.h5 when there is one")
      .set_runtime();
  options
      .duration("-checkpoint_every", checkpoint_every,
                "least time between two checkpoints, which take 5 % of the run at most; 0: after "
                "every case")
      .set_runtime();
  options
      .duration("-max_walltime", max_walltime,
                "stop with a checkpoint and exit code 4 after that time; 0: never")
      .set_runtime();
}

PetscErrorCode Driver::input_file(const std::string &role, const std::string &path) {
  PetscFunctionBeginUser;
  InputFile input{.role = role, .path = path};
  const std::string name = path.substr(0, path.find(":/"));
  char digest[65] = "";
  int overwritten = 0;
  if (state_->rank == 0) {
    overwritten = same_file(name, state_->common.output) ? 1 : 0;
    struct stat info = {};
    if (stat(name.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      input.size = info.st_size;
      std::snprintf(digest, sizeof digest, "%s", sha256_of_file(name).c_str());
    }
  }
  PetscCallMPI(MPI_Bcast(digest, sizeof digest, MPI_CHAR, 0, state_->comm));
  PetscCallMPI(MPI_Bcast(&input.size, 1, MPI_INT64_T, 0, state_->comm));
  PetscCallMPI(MPI_Bcast(&overwritten, 1, MPI_INT, 0, state_->comm));
  PetscCheck(!overwritten, state_->comm, PETSC_ERR_ARG_INCOMP,
             "the result '%s' would replace the %s file '%s'; choose another -o",
             state_->common.output.c_str(), role.c_str(), name.c_str());
  PetscCheck(*digest, state_->comm, PETSC_ERR_FILE_OPEN, "cannot read the %s file '%s'",
             role.c_str(), name.c_str());
  input.sha256 = digest;
  state_->inputs.push_back(std::move(input));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::input_fact(const std::string &name, const Value &value) {
  PetscFunctionBeginUser;
  state_->input_facts.emplace_back(name, value);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::file(ResultFile **file) {
  PetscFunctionBeginUser;
  if (!state_->file.is_open())
    PetscCall(state_->file.open(state_->comm, state_->common.output));
  *file = &state_->file;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::coordinate(const Column &about, const std::vector<double> &values) {
  PetscFunctionBeginUser;
  ResultFile *result = nullptr;
  PetscCall(file(&result));
  PetscCall(result->coordinate(about.name, about, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::coordinate(const Column &about, const std::vector<std::int64_t> &values) {
  PetscFunctionBeginUser;
  ResultFile *result = nullptr;
  PetscCall(file(&result));
  PetscCall(result->coordinate(about.name, about, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::write(const std::string &label, std::span<const Column> columns,
                             const Record &record) {
  PetscFunctionBeginUser;
  Case one{.name = label, .status = CaseStatus::completed};
  one.record = record;
  PetscCall(write_table(*state_, "", {one}, columns));
  if (!label.empty())
    say(result_line(label, columns, record));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void Driver::not_converged(const std::string &reason) {
  state_->converged = false;
  state_->convergence_reason = reason;
}

PetscErrorCode Driver::phase(const std::string &name) {
  return state_->timings.enter(name);
}

void Driver::say(const std::string &line) const {
  if (state_->rank == 0) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
}

namespace {

enum ExitCode { done = 0, refused = 1, failure = 2, unconverged = 3, stopped = 4 };

bool asks_for_help(int argc, char **argv) {
  for (int i = 1; i < argc; ++i)
    for (const char *name : {"-help", "--help", "-h"})
      if (std::strcmp(argv[i], name) == 0)
        return true;
  return false;
}

void complain(const Driver::State &state, const std::string &text) {
  if (state.rank != 0)
    return;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); begin < text.size(); end = text.find('\n', begin)) {
    end = std::min(end, text.size());
    std::fprintf(stderr, "%s: %s\n", state.about.name, text.substr(begin, end - begin).c_str());
    begin = end + 1;
  }
}

PetscErrorCode read_options(Driver::State &state, int argc, char **argv, std::string *problems) {
  PetscFunctionBeginUser;
  PetscCall(state.options.read(state.comm, argc, argv, problems));
  std::string wrong = state.rank == 0 ? output_problem(state.common.output) : "";
  wrong.insert(0, wrong.empty() ? "" : "option -o: ");
  int bad = wrong.empty() ? 0 : 1;
  PetscCallMPI(MPI_Bcast(&bad, 1, MPI_INT, 0, state.comm));
  if (bad)
    *problems += wrong.empty() ? "option -o: see rank 0" : wrong;
  if (!problems->empty()) {
    // No second complaint at the end about options that nobody used.
    PetscCall(PetscOptionsClear(nullptr));
    PetscCall(PetscOptionsSetValue(nullptr, "-options_left", "no"));
  }
  const char *threads = std::getenv("OMP_NUM_THREADS");
  if (!threads)
    threads = std::getenv("OPENBLAS_NUM_THREADS");
  const unsigned cores = std::thread::hardware_concurrency();
  if (problems->empty() && state.rank == 0 && state.size > 1 && !threads && cores > 1)
    std::fprintf(stderr,
                 "%s: every rank may start %u BLAS threads; set OPENBLAS_NUM_THREADS=1 to keep "
                 "them from competing\n",
                 state.about.name, cores);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Compute under a trap, then write what every file has. Returns the exit code.
PetscErrorCode compute_and_write(Driver::State &state,
                                 const std::function<PetscErrorCode(Driver &)> &compute,
                                 int *exit_code) {
  PetscFunctionBeginUser;
  if (state.rank == 0) {
    const std::string &out = state.common.output;
    state.progress.start(state.common.progress, state.about.name,
                         (out.ends_with(".h5") ? out.substr(0, out.size() - 3) : out) +
                             ".progress.json");
  }
  Driver driver(state);
  Verdict verdict;
  {
    const ErrorTrap trap;
    const auto guarded = [&]() -> PetscErrorCode {
      PetscFunctionBeginUser;
      PetscCall(state.timings.enter("other"));
      LatheGuard(PETSC_COMM_SELF, PetscCall(compute(driver)));
      const char *status = state.interrupted  ? "interrupted"
                           : state.any_failed ? "failed"
                                              : "complete";
      PetscCall(state.timings.enter("output"));
      PetscCall(write_skeleton(state, status));
      PetscCall(state.file.close());
      PetscCall(state.timings.leave());
      PetscFunctionReturn(PETSC_SUCCESS);
    };
    const PetscErrorCode mine = guarded();
    PetscCall(agree(state.guard, mine, trap, patience, &verdict));
  }
  if (verdict.code) {
    PetscCall(state.file.discard());
    if (verdict.code ==
        stop_error) { // outside of a case; or a name that PETSc's options do not know
      PetscCall(state.check_stop());
      if (state.interrupted) {
        *exit_code = stopped;
        complain(state, "interrupted by " + state.interrupt_reason + "; no result was written");
        PetscFunctionReturn(PETSC_SUCCESS);
      }
    }
    *exit_code = is_refusal(verdict.code) || verdict.code == stop_error ? refused : failure;
    complain(state, verdict.message);
    if (*exit_code == failure)
      complain(state, "error " + std::to_string(verdict.code) + "\n" + verdict.traceback);
    if (state.file.lost()) // HDF5 would write again when it ends, and crash
      MPI_Abort(MPI_COMM_WORLD, *exit_code);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  *exit_code = state.interrupted  ? stopped
               : state.any_failed ? failure
               : state.converged  ? done
                                  : unconverged;
  if (state.interrupted)
    complain(state, "interrupted by " + state.interrupt_reason + "; " + state.common.output +
                        " holds the finished cases, -restart continues from " +
                        state.checkpoint.path());
  if (!state.converged)
    complain(state, "not converged: " + state.convergence_reason);
  if (state.rank == 0 && !state.interrupted && state.checkpoint_ready)
    state.checkpoint.remove();
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Between SlepcInitialize and SlepcFinalize.
PetscErrorCode run_initialized(Driver::State &state, int argc, char **argv,
                               const std::function<PetscErrorCode(Driver &)> &compute,
                               int *exit_code) {
  PetscFunctionBeginUser;
  PetscCallMPI(MPI_Comm_dup(PETSC_COMM_WORLD, &state.comm));
  PetscCallMPI(MPI_Comm_dup(PETSC_COMM_WORLD, &state.guard));
  state.start = state.last_checkpoint = MPI_Wtime();
  install_stop_reasons();
  std::string problems;
  PetscCall(read_options(state, argc, argv, &problems));
  set_wall_time(state.common.max_walltime);
  if (problems.empty())
    PetscCall(compute_and_write(state, compute, exit_code));
  else
    complain(state, problems);
  PetscCallMPI(MPI_Comm_free(&state.guard));
  PetscCallMPI(MPI_Comm_free(&state.comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Ours first, then PETSc's own list.
int print_help(const Driver::State &state, int argc, char **argv) {
  if (state.rank == 0) {
    std::fputs(state.options.help_text(state.about.name, state.about.title).c_str(), stdout);
    std::puts("\nOptions of PETSc follow.\n");
    std::fflush(stdout);
  }
  char help_option[] = "-help";
  char *only_help[] = {argv[0], help_option, nullptr};
  int count = argc > 0 ? 2 : 0;
  char **arguments = only_help;
  if (SlepcInitialize(&count, &arguments, nullptr, nullptr))
    return failure;
  return SlepcFinalize() ? failure : done;
}

} // namespace

int run(int argc, char **argv, const About &about, const std::function<void(Options &)> &declare,
        const std::function<PetscErrorCode(Driver &)> &compute) {
  int provided = 0;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
    return failure;
  int exit_code = refused;
  {
    Driver::State state;
    state.about = about;
    MPI_Comm_rank(MPI_COMM_WORLD, &state.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &state.size);
    for (int i = 0; i < argc; ++i)
      state.command_line.append(i ? " " : "").append(argv[i]);
    declare(state.options);
    state.common.declare(state.options, about);
    if (asks_for_help(argc, argv)) {
      exit_code = print_help(state, argc, argv);
    } else if (SlepcInitialize(&argc, &argv, nullptr, nullptr)) {
      // PETSc has said why. It fails on one rank (a missing -options_file): the others wait.
      MPI_Abort(MPI_COMM_WORLD, refused);
    } else {
      if (run_initialized(state, argc, argv, compute, &exit_code)) {
        // The frame itself failed: no agreement is possible any more.
        MPI_Abort(MPI_COMM_WORLD, failure);
      }
      if (SlepcFinalize() && exit_code == done)
        exit_code = failure;
    }
  }
  MPI_Finalize();
  return exit_code;
}

} // namespace lathe::driver
