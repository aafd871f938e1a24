// SPDX-License-Identifier: BSD-2-Clause
// Running cases: resume, interrupt, failure, checkpoint.
#include "core/interruption.h"
#include "driver/interrupt.h"
#include "driver/state.h"
#include <algorithm>
#include <cstdio>

namespace lathe::driver {
namespace {

bool finished(const Case &c) {
  return c.status != CaseStatus::not_run;
}

/// Run one case under a trap. Its status, failure and seconds are the same on every rank.
PetscErrorCode run_one(Driver::State &state, std::size_t index, const Driver::CaseBody &body,
                       Case *c) {
  PetscFunctionBeginUser;
  const double begin = MPI_Wtime();
  Verdict verdict;
  Record record;
  {
    const ErrorTrap trap;
    const auto guarded = [&]() -> PetscErrorCode {
      PetscFunctionBeginUser;
      LatheGuard(PETSC_COMM_SELF, PetscCall(body(index, record)));
      PetscFunctionReturn(PETSC_SUCCESS);
    };
    const PetscErrorCode mine = guarded();
    PetscCall(agree(state.guard, mine, trap, patience, &verdict));
  }
  if (verdict.code == stop_error) // StopTogether broke off the case
    PetscCall(state.check_stop());
  if (state.interrupted)
    PetscFunctionReturn(PETSC_SUCCESS);
  double seconds = MPI_Wtime() - begin;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, state.comm));
  if (verdict.code) {
    c->status = CaseStatus::failed;
    c->failure = state.shown_text(verdict.message);
    if (state.rank == 0)
      std::fprintf(stderr, "%s: case %s failed: %s\n%s", state.about.name, c->name.c_str(),
                   verdict.message.c_str(), verdict.traceback.c_str());
  } else {
    c->status = CaseStatus::completed;
    c->record = std::move(record);
  }
  if (!c->record.find("seconds")) // a body that measures itself knows better what counts
    c->record.real("seconds", seconds);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode Driver::State::prepare_checkpoint() {
  PetscFunctionBeginUser;
  if (checkpoint_ready)
    PetscFunctionReturn(PETSC_SUCCESS);
  checkpoint_ready = true;
  Checkpoint::Facts facts{{"experiment", about.name}, {"code", code_identity()}};
  for (const InputFile &input : inputs)
    facts.emplace_back("input " + input.role, "sha256 " + input.sha256);
  for (const auto &[name, value] : input_facts)
    if (const auto *text = std::get_if<std::string>(&value))
      facts.emplace_back("input " + name, *text);
  for (const Option &o : options.all())
    if (!o.runtime && !o.path)
      facts.emplace_back("option " + o.name, o.value);
    else if (o.path && o.name != "-o") // which object of the file
      facts.emplace_back("option " + o.name, o.value.find(":/") == std::string::npos
                                                 ? "file"
                                                 : o.value.substr(o.value.find(":/") + 1));
  for (const auto &[name, value] : options.others())
    facts.emplace_back("option " + name, value);
  checkpoint.configure(common.output, std::move(facts));
  kept_rows.configure(checkpoint.rows_path());
  if (!common.restart) {
    if (rank == 0 && checkpoint.set_aside())
      std::fprintf(stderr,
                   "%s: the checkpoint of an earlier run was moved to *.ckpt.old.h5; -restart "
                   "would have continued it\n",
                   about.name);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  bool found = false;
  std::string notice;
  PetscCall(checkpoint.load(comm, &tables, &found, &notice));
  if (rank == 0 && !notice.empty())
    std::fprintf(stderr, "%s: %sthe generation before it is taken\n", about.name, notice.c_str());
  if (rank == 0 && !found)
    std::fprintf(stderr, "%s: -restart: no checkpoint %s, starting from the beginning\n",
                 about.name, checkpoint.path().c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::State::save_checkpoint(bool now) {
  PetscFunctionBeginUser;
  const double begin = MPI_Wtime();
  const double every = common.checkpoint_every;
  const double least = every > 0 ? std::max(every, 20 * checkpoint_cost) : 0; // at most 5 %
  int due = now || begin - last_checkpoint >= least ? 1 : 0;
  PetscCallMPI(MPI_Bcast(&due, 1, MPI_INT, 0, comm));
  if (!due)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(checkpoint.save(comm, tables));
  last_checkpoint = MPI_Wtime();
  checkpoint_cost = last_checkpoint - begin;
  PetscFunctionReturn(PETSC_SUCCESS);
}

KeptRows &Driver::kept_rows() const {
  return state_->kept_rows;
}

PetscErrorCode Driver::State::check_stop() {
  PetscFunctionBeginUser;
  int reason = stop_reason();
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &reason, 1, MPI_INT, MPI_MAX, guard));
  interrupted = reason != 0;
  if (interrupted)
    interrupt_reason = stop_name(reason);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::run_cases(const std::string &dimension,
                                 const std::vector<std::string> &names,
                                 std::span<const Column> columns, const CaseBody &body,
                                 std::vector<Case> *out) {
  PetscFunctionBeginUser;
  State &s = *state_;
  PetscCall(s.prepare_checkpoint());
  PetscCall(s.timings.enter(dimension.empty() ? "case" : "cases of " + dimension));
  std::vector<Case> &cases = s.tables[dimension];
  cases.resize(names.size());
  std::size_t done = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Case &c = cases[i];
    if (c.name != names[i])
      c = Case{.name = names[i]};
    const bool restored = finished(c);
    if (!restored && !s.interrupted) {
      PetscCall(s.check_stop());
      if (!s.interrupted) {
        s.progress.update(done, names.size(), c.name);
        PetscCall(run_one(s, i, body, &c));
      }
    }
    if (!finished(c))
      continue;
    ++done;
    s.any_failed = s.any_failed || c.status == CaseStatus::failed;
    s.progress.update(done, names.size(), c.name);
    if (c.status == CaseStatus::completed) {
      s.progress.finish();
      say(result_line(c.name, columns, c.record) + (restored ? "  (from the checkpoint)" : ""));
    }
    if (!restored && i + 1 < names.size())
      PetscCall(s.save_checkpoint(false));
  }
  s.progress.finish();
  if (s.interrupted)
    PetscCall(s.save_checkpoint(true));
  PetscCall(s.timings.enter("output"));
  PetscCall(write_table(s, dimension, cases, columns));
  PetscCall(s.timings.enter("other"));
  if (out)
    *out = cases;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Driver::run_case(const std::string &name, std::span<const Column> columns,
                                const std::function<PetscErrorCode(Record &)> &body, Case *result) {
  PetscFunctionBeginUser;
  std::vector<Case> cases;
  PetscCall(run_cases(
      "", {name}, columns, [&](std::size_t, Record &record) { return body(record); }, &cases));
  if (result)
    *result = cases[0];
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
