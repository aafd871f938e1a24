// SPDX-License-Identifier: BSD-2-Clause
// A driver with nothing to compute, so that tests can make the frame fail, wait, stop and resume.
#include "core/interruption.h"
#include "core/random.h"
#include "driver/driver.h"
#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace lathe::driver;

struct Settings {
  std::string mode = "none";
  int cases = 4;
  int bad = 2;
  double tolerance = 1e-6;
  double pause = 0;
  std::vector<std::int64_t> sizes = {3, 3};
  std::string data;
};

void declare(Options &o, Settings &s) {
  o.group("Probe");
  o.integer("-cases", s.cases, "1", Interval::closed(0, 1000), "number of cases");
  o.integer("-bad", s.bad, "1", Interval::at_least(0), "index of the case that goes wrong");
  o.choice("-mode", s.mode,
           {"none", "fail", "throw", "one_rank", "unconverged", "rows", "body", "steps"},
           "what goes wrong");
  o.real("-tolerance", s.tolerance, "1", Interval::open(0, 1), "a number");
  o.integers("-sizes", s.sizes, "1", Interval::closed(1, 100), "a list");
  o.duration("-pause", s.pause, "wall time of a case").set_runtime();
  o.file("-data", s.data, "an input file");
  o.library("-lathe_probe_width", "1", "> 0", "2", "an option that a library would read");
  o.accept_prefix("-probe_svd_", "options of the solver");
}

const Column columns[] = {
    {.name = "value", .units = "m", .long_name = "a normal number of the case"},
    {.name = "count", .kind = Kind::integer, .long_name = "an integer of the case"},
    {.name = "label", .kind = Kind::text, .long_name = "a text of the case"},
    {.name = "even",
     .kind = Kind::flag,
     .long_name = "whether the index is even",
     .meanings = {"no", "yes"}},
    {.name = "curve", .long_name = "an array of the case", .dims = {"position"}},
    {.name = "map", .long_name = "an array of its own", .dims = {"i", "j"}, .own_group = true},
};

PetscErrorCode misbehave(const Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  if (s.mode == "throw")
    throw std::runtime_error("the body threw");
  PetscCheck(s.mode != "fail", d.comm(), PETSC_ERR_CONV_FAILED, "case %d fails on purpose", s.bad);
  if (s.mode == "one_rank") {
    PetscCheck(d.rank() != 1, PETSC_COMM_SELF, PETSC_ERR_LIB, "rank 1 fails alone");
    PetscCallMPI(MPI_Barrier(d.comm()));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// A case of `pause` seconds in steps of 20 ms; in mode steps it can be broken off between them.
PetscErrorCode work(const Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  const double end = MPI_Wtime() + s.pause;
  int left = 1;
  while (left) {
    left = MPI_Wtime() < end ? 1 : 0;
    std::this_thread::sleep_for(std::chrono::duration<double>(left ? 0.02 : 0));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &left, 1, MPI_INT, MPI_MIN, d.comm()));
    if (s.mode == "steps")
      PetscCall(lathe::StopTogether(d.comm()));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode write_rows(Driver &d) {
  PetscFunctionBeginUser;
  int size = 1;
  PetscCallMPI(MPI_Comm_size(d.comm(), &size));
  const std::int64_t n = 1003;
  const lathe::Range mine = lathe::block_range(n, size, d.rank());
  std::vector<double> values(static_cast<std::size_t>(mine.size() * 3));
  for (std::int64_t i = 0; i < mine.size() * 3; ++i)
    values[static_cast<std::size_t>(i)] = static_cast<double>(mine.begin * 3 + i);
  ResultFile *file = nullptr;
  PetscCall(d.file(&file));
  PetscCall(file->dimension("row", n));
  PetscCall(file->dimension("component", 3));
  PetscCall(file->rows("field", {.long_name = "a distributed array"}, {"row", "component"}, mine,
                       values.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  if (!s.data.empty())
    PetscCall(d.input_file("data", s.data));
  PetscCall(d.input_fact("generator", std::string("normal")));
  PetscCheck(s.mode != "body", d.comm(), PETSC_ERR_FILE_UNEXPECTED, "the body refuses its input");
  PetscCall(d.coordinate({.name = "position", .units = "m", .long_name = "place"},
                         std::vector<double>{0, 0.5, 1}));
  if (s.mode == "rows")
    PetscCall(write_rows(d));
  std::vector<std::string> names;
  for (int i = 0; i < s.cases; ++i)
    names.push_back("block/" + std::to_string(i));
  PetscCall(d.run_cases("item", names, columns, [&](std::size_t i, Record &r) -> PetscErrorCode {
    PetscFunctionBeginUser;
    PetscCall(work(d, s));
    if (static_cast<int>(i) == s.bad)
      PetscCall(misbehave(d, s));
    const double value = lathe::random::normal(d.seed(), 0, i);
    r.real("value", value);
    r.integer("count", static_cast<std::int64_t>(i) * 10);
    r.text("label", i % 2 ? "grün" : "rot");
    r.integer("even", i % 2 == 0);
    r.array("curve", std::vector<double>(1 + i % 3, value));
    r.array("map", std::vector<double>(2 * (i + 1), value), {2, static_cast<std::int64_t>(i) + 1});
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  const Column total[] = {{.name = "total", .units = "m", .long_name = "a scalar"}};
  Record sum;
  sum.real("total", 1.5);
  PetscCall(d.write("sum", total, sum));
  if (s.mode == "unconverged")
    d.not_converged("the probe was told not to");
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"probe", "A driver for tests of the frame", "none"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
