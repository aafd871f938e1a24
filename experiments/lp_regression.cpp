// SPDX-License-Identifier: BSD-2-Clause
// lp_regression: min ‖Ax − b‖_p for 1 ≤ p ≤ ∞ with a certified lower bound of the minimum.
#include "sketching/lp_regression.h"
#include "core/error.h"
#include "core/random.h"
#include "driver/design.h"
#include "driver/driver.h"
#include "driver/matrix_io.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace {

using namespace lathe::driver;
using lathe::sketching::LpSolution;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Settings {
  std::string mat, rhs;
  Design design;
  std::int64_t rows = 2000, cols = 10;
  double outliers = 0.05;
  double p = 1;
  bool minimax = false;
  lathe::sketching::LpOptions options;
};

void declare(Options &o, Settings &s) {
  o.group("Input");
  o.file("-mat", s.mat, "m x n matrix, m >= n: Matrix Market, HDF5 or PETSc binary");
  o.file("-rhs", s.rhs, "vector of m entries, in the same formats");
  o.integer("-rows", s.rows, "1", Interval::closed(1, 1e7), "of a generated Gaussian problem");
  o.integer("-cols", s.cols, "1", Interval::closed(1, 5000), "of a generated Gaussian problem");
  o.real("-outliers", s.outliers, "1", Interval::closed(0, 1),
         "share of the generated observations that are off by about 1000 standard deviations");
  o.exclude("-mat", {"-rows", "-cols", "-outliers"});
  s.design.Declare(o);
  o.group("Regression");
  o.real("-p", s.p, "1", Interval::at_least(1), "of the norm");
  // not -infinity: PETSc takes words that begin with -inf for numbers
  o.flag("-minimax", s.minimax, "the largest absolute residual (p = infinity), in place of -p");
  o.exclude("-minimax", {"-p"});
  o.real("-tolerance", s.options.tolerance, "1", Interval::above(0),
         "stop once objective and lower bound differ by less, relatively");
  o.integer("-max_steps", s.options.max_steps, "1", Interval::closed(1, 1e9),
            "Newton steps and exchanges of vertices at most");
}

const Column columns[] = {
    {.name = "objective", .long_name = "p-norm of Ax - b"},
    {.name = "lower_bound", .long_name = "certified lower bound of the minimum"},
    {.name = "rounding",
     .long_name = "by how much the rounding of x to doubles moves Ax, in the p-norm"},
    {.name = "converged",
     .kind = Kind::integer,
     .long_name = "objective and lower bound agree to 10 -tolerance and the rounding of x"},
    {.name = "iterations", .kind = Kind::integer, .long_name = "steps of the method"},
    {.name = "rank", .kind = Kind::integer, .long_name = "numerical rank of A"},
    {.name = "solution", .long_name = "x", .dims = {"unknown"}},
    {.name = "residual_quantile",
     .long_name = "quantiles of the absolute residuals",
     .dims = {"quantile"}},
};

/// A standard normal, b = A·(1, …, 1) plus noise, 1000 times as large in a share of the rows.
PetscErrorCode Generate(MPI_Comm comm, const Settings &s, std::uint64_t seed, Mat *A, Vec *b) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscInt lda = 0;
  PetscScalar *a = nullptr;
  PetscScalar *target = nullptr;
  PetscFunctionBeginUser;
  PetscCall(MatCreateDense(comm, PETSC_DECIDE, PETSC_DECIDE, static_cast<PetscInt>(s.rows),
                           static_cast<PetscInt>(s.cols), nullptr, A));
  PetscCall(MatCreateVecs(*A, nullptr, b));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  PetscCall(MatDenseGetArrayWrite(*A, &a));
  PetscCall(MatDenseGetLDA(*A, &lda));
  PetscCall(VecGetArrayWrite(*b, &target));
  constexpr std::uint64_t stream = 0x6c707265;
  for (PetscInt i = begin; i < end; ++i) {
    const auto row = static_cast<std::uint64_t>(i);
    double sum = 0;
    for (std::int64_t j = 0; j < s.cols; ++j) {
      const double v = lathe::random::normal(seed, stream + static_cast<std::uint64_t>(j), row);
      a[i - begin + j * lda] = v;
      sum += v;
    }
    const double noise = lathe::random::normal(seed, stream - 1, row);
    const bool outlier = lathe::random::uniform(seed, stream - 2, row) < s.outliers;
    target[i - begin] = sum + noise * (outlier ? 1000 : 1);
  }
  PetscCall(VecRestoreArrayWrite(*b, &target));
  PetscCall(MatDenseRestoreArrayWrite(*A, &a));
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CreateInput(Driver &d, const Settings &s, lathe::MatHandle *A, lathe::VecHandle *b) {
  PetscFunctionBeginUser;
  PetscCheck(s.mat.empty() == s.rhs.empty(), d.comm(), PETSC_ERR_USER_INPUT,
             "%s is given without %s; give both, or neither for a generated problem",
             s.mat.empty() ? "-rhs" : "-mat", s.mat.empty() ? "-mat" : "-rhs");
  PetscCall(d.phase("read"));
  PetscInt m = 0;
  PetscInt n = 0;
  if (s.mat.empty()) {
    PetscCall(s.design.Apply(d, A));
    PetscCall(Generate(d.comm(), s, d.seed(), A->out(), b->out()));
  } else {
    PetscCall(d.input_file("mat", s.mat));
    PetscCall(d.input_file("rhs", s.rhs));
    PetscCall(ReadMatrix(d.comm(), s.mat.c_str(), A->out()));
    PetscCall(ReadVector(d.comm(), s.rhs.c_str(), b->out()));
    PetscCall(s.design.Apply(d, A));
    PetscInt length = 0;
    PetscCall(VecGetSize(*b, &length));
    PetscCall(MatGetSize(*A, &m, &n));
    PetscCheck(length == m, d.comm(), PETSC_ERR_USER_INPUT,
               "-rhs has %lld entries, the matrix has %lld rows", static_cast<long long>(length),
               static_cast<long long>(m));
    PetscCheck(m >= n, d.comm(), PETSC_ERR_USER_INPUT,
               "%s is %lld x %lld; regression wants at least as many rows as columns",
               s.design.none() ? "-mat" : "the design", static_cast<long long>(m),
               static_cast<long long>(n));
  }
  PetscCall(MatGetSize(*A, &m, &n));
  PetscCall(d.input_fact("rows", static_cast<std::int64_t>(m)));
  PetscCall(d.input_fact("cols", static_cast<std::int64_t>(n)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Solve(const Settings &s, Mat matrix, Vec b, Record *r) {
  using namespace lathe::sketching;
  PetscFunctionBeginUser;
  TallMatrix A;
  PetscCall(A.Create(matrix));
  MultiVector target(A.rows(), 1), residual(A.rows(), 1);
  PetscCall(A.layout().FromVec(b, target.view().data));
  std::vector<double> x;
  LpSolution solution;
  PetscCall(LpRegression(A, target.view().data, s.minimax ? infinity : s.p, s.options, &x,
                         &solution, residual.view().data));
  r->real("objective", solution.objective);
  r->real("lower_bound", solution.lower_bound);
  r->real("rounding", solution.rounding);
  r->integer("converged", solution.converged ? 1 : 0);
  r->integer("iterations", solution.steps);
  r->integer("rank", static_cast<std::int64_t>(solution.rank));
  r->array("solution", x);
  std::vector<double> e;
  PetscCall(GatherColumn(residual.view(), &e));
  for (double &v : e)
    v = std::abs(v);
  std::sort(e.begin(), e.end());
  std::vector<double> quantiles;
  for (int k = 0; k <= 100; ++k)
    quantiles.push_back(e[(e.size() - 1) * static_cast<std::size_t>(k) / 100]);
  r->array("residual_quantile", quantiles);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  PetscCheck(!s.mat.empty() || s.rows >= s.cols, d.comm(), PETSC_ERR_USER_INPUT,
             "-rows %lld must be at least -cols %lld", static_cast<long long>(s.rows),
             static_cast<long long>(s.cols));
  lathe::MatHandle A;
  lathe::VecHandle b;
  PetscCall(CreateInput(d, s, &A, &b));
  PetscInt n = 0;
  PetscCall(MatGetSize(A, nullptr, &n));
  std::vector<std::int64_t> unknowns(static_cast<std::size_t>(n));
  std::iota(unknowns.begin(), unknowns.end(), std::int64_t{0});
  PetscCall(
      d.coordinate({.name = "unknown", .long_name = "column of the matrix, from 0"}, unknowns));
  std::vector<double> share;
  for (int k = 0; k <= 100; ++k)
    share.push_back(k / 100.0);
  PetscCall(
      d.coordinate({.name = "quantile", .long_name = "share of the residuals at or below"}, share));
  PetscCall(d.phase("solve"));
  Case regression;
  PetscCall(d.run_case(
      "regression", columns,
      [&](Record &r) -> PetscErrorCode {
        PetscFunctionBeginUser;
        LatheGuard(d.comm(), PetscCall(Solve(s, A, b, &r)));
        PetscFunctionReturn(PETSC_SUCCESS);
      },
      &regression));
  // None where it failed or was interrupted; the one of the checkpoint after a restart.
  if (const auto *converged = regression.record.get<std::int64_t>("converged");
      converged && *converged == 0)
    d.not_converged("objective and lower bound still differ; raise -max_steps or -tolerance");
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"lp_regression", "Regression in the p-norm with a certified lower bound",
                    "Barrodale, Roberts: An Improved Algorithm for Discrete l1 Linear "
                    "Approximation, SIAM J. Numerical Analysis 10 (1973); Stiefel, Numerische "
                    "Mathematik 1 (1959)",
                    "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
