// SPDX-License-Identifier: BSD-2-Clause
// least_squares: one problem, or generated ones of growing condition, by every method side by side:
// residual, forward error against 60 digits, backward error, time.
#include "sketching/least_squares.h"
#include "core/handle.h"
#include "driver/driver.h"
#include "driver/matrix_io.h"
#include "least_squares_peers.h"
#include "least_squares_system.h"
#include "sketching/least_squares_solver.h"
#include <cmath>
#include <limits>
#include <map>
#include <petscksp.h>

namespace {

using namespace lathe::driver;
using least_squares::Problem;
using least_squares::System;

struct Settings {
  std::string mat, rhs;
  std::int64_t rows = 2000, columns = 50;
  std::vector<double> condition = {1e1, 1e3, 1e5, 1e7, 1e9, 1e11, 1e13, 1e14};
  double residual = 1e-3;
  std::vector<std::string> methods = {
      "pne",   "pne_dd", "pne_quad", "spir", "fossils", "iterative_sketching", "sketch_and_solve",
      "dgels", "dgelsd", "tsqr",     "lsqr"};
};

void declare(Options &o, Settings &s) {
  o.group("Problem from files");
  o.file("-mat", s.mat, "matrix: Matrix Market, HDF5 or PETSc binary, found from its content");
  o.file("-rhs", s.rhs, "right-hand side, of as many entries as the matrix has rows");
  o.group("Generated problem, when -mat is absent: singular values in equal ratios, |x| = 1");
  o.integer("-rows", s.rows, "1", Interval::closed(3, 1e8), "more than columns");
  o.integer("-columns", s.columns, "1", Interval::closed(2, 1e5), "unknowns");
  o.reals("-condition", s.condition, "1", Interval::closed(1, 1e16),
          "largest over smallest singular value");
  o.real("-residual", s.residual, "1", Interval::at_least(0), "norm of the residual");
  o.exclude("-mat", {"-rows", "-columns", "-condition", "-residual"});
  o.group("Methods");
  o.choices("-methods", s.methods,
            {"pne", "pne_dd", "pne_quad", "spir", "spir_dd", "fossils", "iterative_sketching",
             "sketch_and_solve", "dgels", "dgelsd", "tsqr", "lsqr"},
            "preconditioned normal equations refined in one, two, three doubles; methods that "
            "iterate with products; LAPACK and a sequential TSQR on rank 0; PETSc's LSQR without "
            "preconditioner");
  const auto library = [&](const char *name, const char *range, const char *fallback,
                           const char *help) {
    o.library(std::string("-lathe_ls_") + name, "1", range, fallback, help);
  };
  library("factor", ">= 0", "0", "rows of the sketch over columns of the matrix; 0: by method");
  library("nnz", "[1, 64]", "by method", "nonzeros of a column of the sketch");
  library("seed", ">= 0", "1", "of the sketch");
  library("max_refinements", ">= 0", "40", "passes over the matrix after the first");
}

std::vector<Column> table(bool generated) {
  const std::vector<std::string> dims =
      generated ? std::vector<std::string>{"condition"} : std::vector<std::string>{};
  std::vector<Column> columns = {
      {.name = "residual_norm", .long_name = "norm of b - A x"},
      {.name = "forward_error",
       .long_name = "distance of x from the solution with 60 digits, relative to its norm"},
      {.name = "backward_error",
       .long_name = "relative backward error of Karlson and Walden, columns scaled to equal norms"},
      {.name = "digits", .long_name = "correct decimal digits that the method itself claims"},
      {.name = "iterations", .long_name = "refinements or iterations; 0 for direct methods"},
      {.name = "seconds",
       .units = "s",
       .long_name = "wall time of set-up and solution",
       .is_volatile = true}};
  for (Column &c : columns)
    c.dims = dims;
  return columns;
}

struct Outcome {
  double iterations = 0, seconds = 0;
  double digits = std::numeric_limits<double>::quiet_NaN();
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
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SolveSerial(MPI_Comm comm, const System &system, const std::string &method, Vec x) {
  int rank = 0;
  PetscInt begin = 0, end = 0;
  PetscFunctionBeginUser;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCheck(system.replicated, comm, PETSC_ERR_SUP,
             "%s needs the dense matrix on one rank; at most %g numbers are copied there",
             method.c_str(), least_squares::most_replicated);
  const Problem &p = *system.replicated;
  std::vector<double> solution(p.n);
  int good = 1;
  if (rank == 0) {
    solution = method == "dgels"    ? least_squares::solve_dgels(p)
               : method == "dgelsd" ? least_squares::solve_dgelsd(p)
                                    : least_squares::solve_tsqr(p);
    good = solution.size() == p.n ? 1 : 0;
    solution.resize(p.n);
  }
  PetscCallMPI(MPI_Bcast(&good, 1, MPI_INT, 0, comm));
  PetscCheck(good, comm, PETSC_ERR_LIB, "LAPACK's %s failed", method.c_str());
  PetscCallMPI(MPI_Bcast(solution.data(), static_cast<int>(p.n), MPI_DOUBLE, 0, comm));
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  for (PetscInt j = begin; j < end; ++j)
    PetscCall(VecSetValue(x, j, solution[static_cast<std::size_t>(j)], INSERT_VALUES));
  PetscCall(VecAssemblyBegin(x));
  PetscCall(VecAssemblyEnd(x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SolveBy(MPI_Comm comm, const System &system, const std::string &method,
                       const LatheLeastSquaresOptions &options, Vec x, Outcome *out) {
  PetscFunctionBeginUser;
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
  else
    PetscCall(SolveSerial(comm, system, method, x));
  PetscCallMPI(MPI_Barrier(comm));
  out->seconds = MPI_Wtime() - start;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunMethod(Driver &d, const std::string &method, std::vector<System> &systems,
                         const LatheLeastSquaresOptions &options, bool generated, Record *r) {
  std::map<std::string, std::vector<double>> values;
  std::vector<double> solutions;
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
    values["iterations"].push_back(out.iterations);
    values["seconds"].push_back(out.seconds);
    solutions.insert(solutions.end(), all.begin(), all.end());
  }
  const auto count = static_cast<std::int64_t>(systems.size());
  for (const auto &[name, list] : values)
    if (generated)
      r->array(name, list);
    else
      r->real(name, list.front());
  const std::int64_t n = static_cast<std::int64_t>(solutions.size()) / count;
  r->array("solution", std::move(solutions),
           generated ? std::vector<std::int64_t>{count, n} : std::vector<std::int64_t>{n});
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Prepare(Driver &d, const Settings &s, std::vector<System> *systems) {
  PetscFunctionBeginUser;
  PetscCheck(sizeof(PetscScalar) == sizeof(double), d.comm(), PETSC_ERR_USER_INPUT,
             "this build has complex scalars; least_squares needs a PETSc with real ones");
  if (s.mat.empty()) {
    PetscCheck(s.rows > s.columns, d.comm(), PETSC_ERR_USER_INPUT,
               "-rows %lld must exceed -columns %lld", static_cast<long long>(s.rows),
               static_cast<long long>(s.columns));
    PetscCheck(static_cast<double>(s.rows) * static_cast<double>(s.columns) <=
                   least_squares::most_replicated,
               d.comm(), PETSC_ERR_USER_INPUT,
               "-rows times -columns is above %g: larger problems come from a file (-mat)",
               least_squares::most_replicated);
    PetscCall(d.phase("generate"));
    PetscCall(d.input_fact("generator", std::string("singular values in equal ratios")));
    for (const double condition : s.condition) {
      Problem p = least_squares::problem_of(static_cast<std::size_t>(s.rows),
                                            static_cast<std::size_t>(s.columns), condition,
                                            s.residual, d.seed());
      PetscCall(least_squares::SystemOf(d.comm(), std::move(p), &systems->emplace_back()));
    }
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
  PetscInt m = 0, n = 0, length = 0;
  PetscCall(MatGetSize(system.a, &m, &n));
  PetscCall(VecGetSize(system.b, &length));
  PetscCheck(length == m, d.comm(), PETSC_ERR_USER_INPUT,
             "%s has %" PetscInt_FMT " entries; must be %" PetscInt_FMT
             ", one for each row of the matrix",
             s.rhs.c_str(), length, m);
  PetscCall(d.input_fact("rows", static_cast<std::int64_t>(m)));
  PetscCall(d.input_fact("cols", static_cast<std::int64_t>(n)));
  PetscCall(least_squares::Complete(&system));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  const bool generated = s.mat.empty();
  std::vector<System> systems;
  std::vector<Case> cases;
  LatheLeastSquaresOptions options;
  PetscFunctionBeginUser;
  PetscCall(LatheLeastSquaresOptionsSetDefaults(&options));
  PetscCall(LatheLeastSquaresOptionsSetFromOptions(d.comm(), nullptr, &options));
  PetscCall(Prepare(d, s, &systems));
  if (generated)
    PetscCall(d.coordinate(
        {.name = "condition", .long_name = "largest over smallest singular value, as generated"},
        s.condition));
  PetscCall(d.phase("solve"));
  PetscCall(d.run_cases(
      "method", s.methods, table(generated),
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
                        .dims = generated ? std::vector<std::string>{"condition", "column"}
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
