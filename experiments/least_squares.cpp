// SPDX-License-Identifier: BSD-2-Clause
// least_squares: one problem, or generated ones of growing condition or size, by every method side
// by side: residual, forward error against 60 digits, backward error, time.
#include "sketching/least_squares.h"
#include "core/handle.h"
#include "driver/design.h"
#include "driver/driver.h"
#include "driver/matrix_io.h"
#include "least_squares_peers.h"
#include "least_squares_spqr.h"
#include "least_squares_system.h"
#include "sketching/least_squares_solver.h"
#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <petscksp.h>

namespace {

using namespace lathe::driver;
using least_squares::Problem;
using least_squares::System;

std::vector<std::string> usual_methods() {
  std::vector<std::string> names = {
      "pne",   "pne_dd", "pne_quad", "spir", "fossils", "iterative_sketching", "sketch_and_solve",
      "dgels", "dgelsd", "tsqr",     "lsqr"};
  if (least_squares::have_spqr())
    names.insert(names.end() - 1, "spqr");
  return names;
}

struct Settings {
  std::string mat, rhs;
  Design design;
  std::vector<std::int64_t> rows = {2000};
  std::int64_t columns = 50;
  std::vector<double> condition = {1e1, 1e3, 1e5, 1e7, 1e9, 1e11, 1e13, 1e14};
  double residual = 1e-3;
  std::vector<std::string> methods = usual_methods();
  [[nodiscard]] bool generated() const { return mat.empty(); }
  // What varies from problem to problem, a dimension of the results.
  [[nodiscard]] const char *varied() const { return rows.size() > 1 ? "rows" : "condition"; }
};

void declare(Options &o, Settings &s) {
  o.group("Problem from files");
  o.file("-mat", s.mat, "matrix: Matrix Market, HDF5 or PETSc binary, found from its content");
  o.file("-rhs", s.rhs, "right-hand side, of as many entries as the matrix has rows");
  o.group("Generated problem, when -mat is absent: singular values in equal ratios, |x| = 1");
  o.integers("-rows", s.rows, "1", Interval::closed(3, 1e8),
             "more than columns; several for time against size, of one -condition");
  o.integer("-columns", s.columns, "1", Interval::closed(2, 1e5), "unknowns");
  o.reals("-condition", s.condition, "1", Interval::closed(1, 1e16),
          "largest over smallest singular value");
  o.real("-residual", s.residual, "1", Interval::at_least(0), "norm of the residual");
  o.exclude("-mat", {"-rows", "-columns", "-condition", "-residual"});
  s.design.Declare(o);
  o.group("Methods");
  o.choices("-methods", s.methods,
            {"pne", "pne_dd", "pne_quad", "spir", "spir_dd", "fossils", "iterative_sketching",
             "sketch_and_solve", "dgels", "dgelsd", "tsqr", "spqr", "lsqr"},
            "preconditioned normal equations refined in one, two, three doubles; methods that "
            "iterate with products; LAPACK, a sequential TSQR and SuiteSparseQR on rank 0; PETSc's "
            "LSQR without preconditioner");
  constexpr auto most = static_cast<double>(std::numeric_limits<PetscInt>::max());
  o.library_number("-lathe_ls_factor", false, Interval::closed(0, 10000), "0",
                   "rows of the sketch over columns of the matrix; 0: by method");
  o.library_number("-lathe_ls_nnz", true, Interval::closed(1, 64), "by method",
                   "nonzeros of a column of the sketch");
  o.library_number("-lathe_ls_seed", true, Interval::closed(0, most), "1", "of the sketch");
  o.library_number("-lathe_ls_max_refinements", true, Interval::closed(0, 1e6), "40",
                   "passes over the matrix after the first");
}

std::vector<Column> table(const Settings &s) {
  const std::vector<std::string> dims =
      s.generated() ? std::vector<std::string>{s.varied()} : std::vector<std::string>{};
  std::vector<Column> columns = {
      {.name = "residual_norm", .long_name = "norm of b - A x"},
      {.name = "forward_error",
       .long_name = "distance of x from the solution with 60 digits, relative to its norm"},
      {.name = "backward_error",
       .long_name = "relative backward error of Karlson and Walden, columns scaled to equal norms"},
      {.name = "digits", .long_name = "correct decimal digits that the method itself claims"},
      {.name = "rank",
       .kind = Kind::integer,
       .long_name = "rank of the matrix, where the method finds it"},
      {.name = "iterations", .long_name = "refinements or iterations; 0 for direct methods"},
      {.name = "seconds",
       .units = "s",
       .long_name = "wall time of set-up and solution",
       .is_volatile = true}};
  for (Column &c : columns) {
    c.dims = dims;
    c.in_line = c.name != "digits" && c.name != "iterations" && c.name != "rank";
  }
  columns.push_back({.name = "reason",
                     .kind = Kind::text,
                     .long_name = "how an iteration ended; where problems differ, of each in their "
                                  "order, with commas; empty of direct methods"});
  return columns;
}

struct Outcome {
  double iterations = 0, seconds = 0;
  double digits = std::numeric_limits<double>::quiet_NaN();
  double rank = std::numeric_limits<double>::quiet_NaN(); // unknown
  std::string reason = {};
};

PetscErrorCode SolveOurs(const System &system, LatheLeastSquaresMethod method, LatheRefine refine,
                         LatheLeastSquaresOptions options, Vec x, Outcome *out) {
  LatheLeastSquaresResult result;
  PetscFunctionBeginUser;
  options.method = method;
  options.refine = refine;
  PetscCall(LatheLeastSquares(system.a, system.b, nullptr, x, &options, &result));
  out->iterations = static_cast<double>(result.refinements + result.iterations);
  out->digits = static_cast<double>(result.digits);
  out->rank = static_cast<double>(result.rank);
  out->reason = LatheLeastSquaresReasonName(result.reason);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SolveLsqr(const System &system, Vec x, Outcome *out) {
  lathe::Handle<KSP, KSPDestroy> ksp;
  PC pc = nullptr;
  PetscInt its = 0;
  PetscFunctionBeginUser;
  PetscCall(KSPCreate(PetscObjectComm(reinterpret_cast<PetscObject>(x)), ksp.out()));
  PetscCall(KSPSetType(ksp, KSPLSQR));
  PetscCall(KSPSetOperators(ksp, system.a, system.a));
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCSetType(pc, PCNONE));
  PetscCall(KSPSetTolerances(ksp, 1e-15, 1e-300, PETSC_DEFAULT, 2000));
  PetscCall(KSPSolve(ksp, system.b, x));
  PetscCall(KSPGetIterationNumber(ksp, &its));
  out->iterations = static_cast<double>(its);
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PetscCall(KSPGetConvergedReason(ksp, &reason));
  out->reason = KSPConvergedReasons[reason]; // "CONVERGED_RTOL_NORMAL", "DIVERGED_ITS" …
  std::transform(out->reason.begin(), out->reason.end(), out->reason.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// x ← the solution that rank 0 has found, or has not: then it is empty there.
PetscErrorCode FromFirst(const std::string &method, least_squares::PeerSolution found, Vec x,
                         Outcome *out) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(x));
  int rank = 0;
  PetscInt begin = 0, end = 0, n = 0;
  PetscFunctionBeginUser;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(VecGetSize(x, &n));
  int good = rank > 0 || found.x.size() == static_cast<std::size_t>(n) ? 1 : 0;
  std::vector<double> solution = std::move(found.x);
  solution.resize(static_cast<std::size_t>(n));
  PetscCallMPI(MPI_Bcast(&good, 1, MPI_INT, 0, comm));
  PetscCheck(good, comm, PETSC_ERR_LIB, "%s of %s failed", method.c_str(),
             method == "spqr" ? "SuiteSparse" : "LAPACK");
  PetscCallMPI(MPI_Bcast(solution.data(), static_cast<int>(n), MPI_DOUBLE, 0, comm));
  PetscCallMPI(MPI_Bcast(&found.rank, 1, MPI_DOUBLE, 0, comm));
  out->rank = found.rank;
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  for (PetscInt j = begin; j < end; ++j)
    PetscCall(VecSetValue(x, j, solution[static_cast<std::size_t>(j)], INSERT_VALUES));
  PetscCall(VecAssemblyBegin(x));
  PetscCall(VecAssemblyEnd(x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SolveSerial(MPI_Comm comm, const System &system, const std::string &method, Vec x,
                           Outcome *out) {
  int rank = 0;
  PetscFunctionBeginUser;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCheck(system.replicated, comm, PETSC_ERR_SUP,
             "%s needs the dense matrix on one rank; at most %g numbers are copied there",
             method.c_str(), least_squares::most_replicated);
  const Problem &p = *system.replicated;
  least_squares::PeerSolution solution;
  if (rank == 0)
    solution = method == "dgels"    ? least_squares::solve_dgels(p)
               : method == "dgelsd" ? least_squares::solve_dgelsd(p)
                                    : least_squares::solve_tsqr(p);
  PetscCall(FromFirst(method, std::move(solution), x, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The matrix is already on rank 0, as it is for the others that work there.
PetscErrorCode SolveSparse(const System &system, const least_squares::CompressedRows &a, Vec x,
                           Outcome *out) {
  std::vector<double> b;
  least_squares::PeerSolution solution;
  PetscFunctionBeginUser;
  PetscCall(lathe::sketching::Replicate(system.b, &b));
  if (!a.offset.empty()) // rank 0
    solution = least_squares::solve_spqr(a, b, system.judge->rank() == static_cast<PetscInt>(a.n));
  PetscCall(FromFirst("spqr", std::move(solution), x, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SolveBy(MPI_Comm comm, const System &system, const std::string &method,
                       const LatheLeastSquaresOptions &options, Vec x, Outcome *out) {
  PetscFunctionBeginUser;
  least_squares::CompressedRows whole;
  if (method == "spqr")
    PetscCall(least_squares::GatherRows(system.a, &whole));
  PetscCallMPI(MPI_Barrier(comm));
  const double start = MPI_Wtime();
  const std::map<std::string, std::pair<LatheLeastSquaresMethod, LatheRefine>> ours = {
      {"pne", {LATHE_LS_PNE, LATHE_REFINE_DOUBLE}},
      {"pne_dd", {LATHE_LS_PNE, LATHE_REFINE_DD}},
      {"pne_quad", {LATHE_LS_PNE, LATHE_REFINE_QUAD}},
      {"spir", {LATHE_LS_SPIR, LATHE_REFINE_DOUBLE}},
      {"spir_dd", {LATHE_LS_SPIR, LATHE_REFINE_DD}},
      {"fossils", {LATHE_LS_FOSSILS, LATHE_REFINE_DOUBLE}},
      {"iterative_sketching", {LATHE_LS_ITERATIVE_SKETCHING, LATHE_REFINE_DOUBLE}},
      {"sketch_and_solve", {LATHE_LS_SKETCH_AND_SOLVE, LATHE_REFINE_NONE}}};
  if (const auto found = ours.find(method); found != ours.end())
    PetscCall(SolveOurs(system, found->second.first, found->second.second, options, x, out));
  else if (method == "lsqr")
    PetscCall(SolveLsqr(system, x, out));
  else if (method == "spqr")
    PetscCall(SolveSparse(system, whole, x, out));
  else
    PetscCall(SolveSerial(comm, system, method, x, out));
  PetscCallMPI(MPI_Barrier(comm));
  out->seconds = MPI_Wtime() - start;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &out->seconds, 1, MPI_DOUBLE, MPI_MAX, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunMethod(Driver &d, const std::string &method, std::vector<System> &systems,
                         const LatheLeastSquaresOptions &options, bool generated, Record *r) {
  std::map<std::string, std::vector<double>> values;
  std::vector<double> solutions;
  std::vector<std::string> reasons;
  PetscFunctionBeginUser;
  for (System &system : systems) {
    lathe::VecHandle x;
    Outcome out;
    PetscReal residual = 0, backward = 0;
    PetscCall(MatCreateVecs(system.a, x.out(), nullptr));
    PetscCall(SolveBy(d.comm(), system, method, options, x, &out));
    std::vector<double> all;
    PetscCall(lathe::sketching::Replicate(x, &all));
    PetscCall(least_squares::Evaluate(system, x, &residual, &backward));
    values["residual_norm"].push_back(static_cast<double>(residual));
    values["backward_error"].push_back(static_cast<double>(backward));
    values["forward_error"].push_back(least_squares::forward_error(system, all));
    values["digits"].push_back(out.digits);
    values["rank"].push_back(out.rank);
    reasons.push_back(out.reason);
    values["iterations"].push_back(out.iterations);
    values["seconds"].push_back(out.seconds);
    solutions.insert(solutions.end(), all.begin(), all.end());
  }
  const auto count = static_cast<std::int64_t>(systems.size());
  for (const auto &[name, list] : values)
    if (generated)
      r->array(name, list);
    else if (name != "rank" || !std::isnan(list.front()))
      r->real(name, list.front());
  const bool alike = std::equal(reasons.begin() + 1, reasons.end(), reasons.begin());
  std::string reason = reasons.front();
  for (std::size_t k = 1; k < reasons.size() && !alike; ++k)
    reason += "," + reasons[k];
  r->text("reason", reason);
  const std::int64_t n = static_cast<std::int64_t>(solutions.size()) / count;
  r->array("solution", std::move(solutions),
           generated ? std::vector<std::int64_t>{count, n} : std::vector<std::int64_t>{n});
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Generate(Driver &d, const Settings &s, std::vector<System> *systems) {
  PetscFunctionBeginUser;
  PetscCheck(s.rows.size() == 1 || s.condition.size() == 1, d.comm(), PETSC_ERR_USER_INPUT,
             "-rows has %zu values and -condition %zu; one of them must have one", s.rows.size(),
             s.condition.size());
  for (const std::int64_t rows : s.rows) {
    PetscCheck(rows > s.columns, d.comm(), PETSC_ERR_USER_INPUT,
               "-rows %lld must exceed -columns %lld", static_cast<long long>(rows),
               static_cast<long long>(s.columns));
    PetscCheck(static_cast<double>(rows) * static_cast<double>(s.columns) <=
                   least_squares::most_replicated,
               d.comm(), PETSC_ERR_USER_INPUT,
               "-rows times -columns is above %g: larger problems come from a file (-mat)",
               least_squares::most_replicated);
  }
  PetscCall(d.phase("generate"));
  PetscCall(d.input_fact("generator", std::string("singular values in equal ratios")));
  for (const std::int64_t rows : s.rows)
    for (const double condition : s.condition) {
      Problem p = least_squares::problem_of(static_cast<std::size_t>(rows),
                                            static_cast<std::size_t>(s.columns), condition,
                                            s.residual, d.seed());
      PetscCall(least_squares::SystemOf(d.comm(), std::move(p), &systems->emplace_back()));
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Prepare(Driver &d, Settings &s, std::vector<System> *systems) {
  PetscFunctionBeginUser;
  PetscCheck(sizeof(PetscScalar) == sizeof(double), d.comm(), PETSC_ERR_USER_INPUT,
             "this build has complex scalars; least_squares needs a PETSc with real ones");
  PetscCheck(least_squares::have_spqr() || !std::count(s.methods.begin(), s.methods.end(), "spqr"),
             d.comm(), PETSC_ERR_USER_INPUT,
             "-methods spqr: this build has no SuiteSparseQR; install libsuitesparse-dev and build "
             "again");
  if (s.generated()) {
    lathe::MatHandle none;
    PetscCall(s.design.Apply(d, &none));
    PetscCheck(s.rhs.empty(), d.comm(), PETSC_ERR_USER_INPUT,
               "-rhs is given without -mat; give both, or neither for a generated problem");
    PetscCall(Generate(d, s, systems));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCheck(!s.rhs.empty(), d.comm(), PETSC_ERR_USER_INPUT,
             "no right-hand side; give -rhs FILE beside -mat");
  PetscCall(d.phase("read"));
  PetscCall(d.input_file("mat", s.mat));
  PetscCall(d.input_file("rhs", s.rhs));
  System &system = systems->emplace_back();
  PetscCall(ReadMatrix(d.comm(), s.mat.c_str(), system.a.out()));
  PetscCall(ReadVector(d.comm(), s.rhs.c_str(), system.b.out()));
  PetscCall(s.design.Apply(d, &system.a));
  PetscInt m = 0, n = 0, length = 0;
  PetscCall(MatGetSize(system.a, &m, &n));
  PetscCall(VecGetSize(system.b, &length));
  PetscCheck(length == m, d.comm(), PETSC_ERR_USER_INPUT,
             "%s has %" PetscInt_FMT " entries; must be %" PetscInt_FMT
             ", one for each row of the matrix",
             s.rhs.c_str(), length, m);
  PetscCall(d.input_fact("rows", static_cast<std::int64_t>(m)));
  PetscCall(d.input_fact("cols", static_cast<std::int64_t>(n)));
  for (const char *name : {"iterative_sketching", "sketch_and_solve", "tsqr"})
    if (m < n && std::erase(s.methods, name))
      PetscCheck(!d.given("-methods"), d.comm(), PETSC_ERR_USER_INPUT,
                 "-methods %s is of matrices with at least as many rows as columns; this one is "
                 "%" PetscInt_FMT " x %" PetscInt_FMT,
                 name, m, n);
  PetscCall(least_squares::Complete(&system));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, Settings &s) {
  const bool generated = s.generated();
  std::vector<System> systems;
  std::vector<Case> cases;
  LatheLeastSquaresOptions options;
  PetscFunctionBeginUser;
  PetscCall(LatheLeastSquaresOptionsSetDefaults(&options));
  PetscCall(LatheLeastSquaresOptionsSetFromOptions(d.comm(), nullptr, &options));
  PetscCall(Prepare(d, s, &systems));
  if (generated && s.rows.size() > 1)
    PetscCall(d.coordinate({.name = "rows", .long_name = "rows of the matrix"}, s.rows));
  else if (generated)
    PetscCall(d.coordinate(
        {.name = "condition", .long_name = "largest over smallest singular value, as generated"},
        s.condition));
  PetscInt n = 0;
  PetscCall(MatGetSize(systems.front().a, nullptr, &n));
  std::vector<std::int64_t> unknowns(static_cast<std::size_t>(n));
  std::iota(unknowns.begin(), unknowns.end(), std::int64_t{0});
  PetscCall(
      d.coordinate({.name = "column", .long_name = "column of the matrix, from 0"}, unknowns));
  PetscCall(d.phase("solve"));
  PetscCall(d.run_cases(
      "method", s.methods, table(s),
      [&](std::size_t k, Record &r) {
        return RunMethod(d, s.methods[k], systems, options, generated, &r);
      },
      &cases));
  for (const Case &c : cases) {
    const auto *solution = c.record.get<Array>("solution");
    if (!solution)
      continue;
    Record one;
    one.set("solution_" + c.name, *solution);
    const Column column{.name = "solution_" + c.name,
                        .long_name = "x by " + c.name,
                        .dims = generated ? std::vector<std::string>{s.varied(), "column"}
                                          : std::vector<std::string>{"column"}};
    PetscCall(d.write("", std::span(&column, 1), one));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"least_squares", "Least squares by sketched and classical methods, with errors",
                    "Ipsen: Preconditioned normal equations, arXiv:2507.18466 (2025); Bjorck: "
                    "Iterative refinement of linear least squares solutions, BIT 7 (1967); "
                    "Karlson, Walden: Estimation of optimal backward perturbation bounds, BIT 37 "
                    "(1997)",
                    "R2"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
