// SPDX-License-Identifier: BSD-2-Clause
// What an odd input leads to, row by row, for each least-squares solver by options alone and on any
// number of ranks: the words of a refusal, or the reason and what the solution is.
#include "core/petsc_compat.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "unit/sketching/least_squares_problems.h"
#include <functional>
#include <petscksp.h>

#ifndef PETSC_USE_COMPLEX

namespace {

using namespace lathe;
using namespace lathe::test;

constexpr std::size_t rows = 300, columns = 6;

struct Answer {
  std::vector<double> x;
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PetscInt iterations = 0;
  LatheLeastSquaresResult result{};
};

PetscErrorCode Solve(Distributed &d, const std::string &options, Answer *answer) {
  Handle<KSP, KSPDestroy> ksp;
  PetscFunctionBegin;
  PetscCall(PetscOptionsInsertString(nullptr, options.c_str()));
  PetscCall(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
  PetscCall(KSPSetOperators(ksp, d.a, d.a));
  PetscCall(KSPSetFromOptions(ksp));
  PetscCall(KSPSolve(ksp, d.b, d.x));
  PetscCall(KSPGetConvergedReason(ksp, &answer->reason));
  PetscCall(KSPGetIterationNumber(ksp, &answer->iterations));
  if (answer->reason != KSP_DIVERGED_NANORINF)
    PetscCall(LatheKSPGetLeastSquaresResult(ksp, &answer->result));
  answer->x = everywhere(d.x);
  PetscFunctionReturn(PETSC_SUCCESS);
}

bool finite(const Answer &a) {
  return std::all_of(a.x.begin(), a.x.end(), [](double v) { return std::isfinite(v); });
}
bool zero(const Answer &a) {
  return std::all_of(a.x.begin(), a.x.end(), [](double v) { return v == 0; });
}
/// Every component is within a unit in the last place.
bool right(const LeastSquares &p, const Answer &a) {
  return forward_error(a.x, exact_solution(p)).ulps <= 1;
}
bool has_rank(const Answer &a, PetscInt rank) {
  return finite(a) && a.result.rank == rank && a.result.reason == LATHE_LS_RANK_DEFICIENT;
}

using Change = std::function<void(LeastSquares &)>;
using Holds = std::function<bool(const LeastSquares &, const Answer &)>;

struct Row {
  const char *input;
  Change change = [](LeastSquares &) {};
  std::string options = "";
  Holds holds = right;
  KSPConvergedReason reason = KSP_CONVERGED_RTOL_NORMAL_EQUATIONS;
};

struct Refusal {
  const char *input;
  const char *words; // of the message
  Change change = [](LeastSquares &) {};
  std::string options = "";
};

Change entry(std::size_t i, std::size_t j, double value) {
  return [=](LeastSquares &p) { p.at(i, j) = value; };
}
Change right_hand_side(std::size_t i, double value) {
  return [=](LeastSquares &p) { p.b[i] = value; };
}
/// Column j ← f(column of the row i, i).
Change column(std::size_t j, const std::function<double(LeastSquares &, std::size_t)> &f) {
  return [=](LeastSquares &p) {
    for (std::size_t i = 0; i < p.m; ++i)
      p.at(i, j) = f(p, i);
  };
}

void wild_columns(LeastSquares &p) {
  const double size[columns] = {1e-140, 1e140, 1, 1e-70, 1e70, 1e-3};
  for (std::size_t j = 0; j < columns; ++j)
    for (std::size_t i = 0; i < p.m; ++i)
      p.at(i, j) *= size[j];
}
void orthogonal(LeastSquares &p) { // rows in equal pairs, opposite right-hand sides
  for (std::size_t i = 0; i < p.m / 2; ++i) {
    for (std::size_t j = 0; j < p.n; ++j)
      p.at(i + p.m / 2, j) = p.at(i, j);
    p.b[i + p.m / 2] = -p.b[i];
  }
}
void wide(LeastSquares &p) { // as many rows as there were columns, and the other way round
  LeastSquares q{.m = p.n, .n = p.m, .a = std::vector<double>(p.m * p.n), .b = {}};
  for (std::size_t i = 0; i < q.m; ++i) {
    q.b.push_back(i < p.m ? p.b[i] : 0.0);
    for (std::size_t j = 0; j < q.n; ++j)
      q.at(i, j) = p.at(j, i);
  }
  p = q;
}
void fewer_rows_than_ranks(LeastSquares &p) {
  p = LeastSquares{.m = 2, .n = 1, .a = {3, 4}, .b = {6, 8}};
}

/// A·x = b, and no x is shorter: x lies in the range of Aᵀ.
bool shortest(const LeastSquares &p, const Answer &a) {
  LeastSquares transposed = p;
  wide(transposed); // as a least-squares problem for x, whose residual must vanish
  transposed.b = a.x;
  double off = 0;
  for (std::size_t i = 0; i < p.m; ++i) {
    double sum = -p.b[i];
    for (std::size_t j = 0; j < p.n; ++j)
      sum += p.at(i, j) * a.x[j];
    off = std::max(off, std::fabs(sum));
  }
  const std::vector<Big> y = exact_solution(transposed);
  double outside = 0;
  for (std::size_t j = 0; j < p.n; ++j) {
    Big sum = -Big(a.x[j]);
    for (std::size_t i = 0; i < p.m; ++i)
      sum += Big(p.at(i, j)) * y[i];
    outside = std::max(outside, std::fabs(static_cast<double>(sum)));
  }
  return off <= 1e-13 * length(p.b) && outside <= 1e-14 * length(a.x) && a.result.rank == 6;
}

const std::vector<Row> table = {
    {.input = "nothing wrong"},
    {.input = "NaN in b",
     .change = right_hand_side(7, NAN),
     .holds = [](const auto &, const Answer &a) { return zero(a); },
     .reason = KSP_DIVERGED_NANORINF},
    {.input = "an infinity in b",
     .change = right_hand_side(rows - 1, -INFINITY),
     .holds = [](const auto &, const Answer &a) { return zero(a); },
     .reason = KSP_DIVERGED_NANORINF},
    {.input = "m < n", .change = wide, .holds = shortest},
    {.input = "fewer rows than ranks", .change = fewer_rows_than_ranks},
    {.input = "d < n: raised to n + 8", .options = "-ksp_ls_factor 0.1"},
    {.input = "d >= m: A itself", .options = "-ksp_ls_factor 1000"},
    {.input = "a zero column",
     .change = column(3, [](auto &, std::size_t) { return 0.0; }),
     .holds = [](const auto &, const Answer &a) { return has_rank(a, 5) && a.x[3] == 0; }},
    {.input = "a zero matrix",
     .change = [](LeastSquares &p) { std::fill(p.a.begin(), p.a.end(), 0.0); },
     .holds = [](const auto &, const Answer &a) { return zero(a) && a.result.rank == 0; }},
    {.input = "two equal columns share what one would have",
     .change = column(5, [](LeastSquares &p, std::size_t i) { return p.at(i, 1); }),
     .holds =
         [](const auto &, const Answer &a) {
           return has_rank(a, 5) && std::fabs(a.x[5] - a.x[1]) <= 1e-13 * std::fabs(a.x[1]);
         }},
    {.input = "columns of 1e-140 to 1e140", .change = wild_columns},
    {.input = "b = 0",
     .change = [](LeastSquares &p) { std::fill(p.b.begin(), p.b.end(), 0.0); },
     .holds = [](const auto &, const Answer &a) { return zero(a) && a.iterations == 0; }},
    {.input = "b orthogonal to the range",
     .change = orthogonal,
     .holds = [](const auto &, const Answer &a) { return zero(a) && a.iterations == 0; }},
    {.input = "condition above 1e15: truncated, and said so",
     .change = column(5,
                      [](LeastSquares &p, std::size_t i) {
                        return p.at(i, 4) * (1 + 4e-16 * static_cast<double>(i % 2));
                      }),
     .holds = [](const auto &, const Answer &a) { return has_rank(a, 5); }},
};

const std::vector<Refusal> refusals = {
    {.input = "NaN in A", .words = "41", .change = entry(41, 3, NAN)},
    {.input = "an infinity in the last row of A",
     .words = "299",
     .change = entry(299, 0, INFINITY)},
    {.input = "nnz = 0", .words = "-ksp_ls_nnz is 0", .options = "-ksp_ls_nnz 0"},
    {.input = "nnz too large", .words = "-ksp_ls_nnz is 65", .options = "-ksp_ls_nnz 65"},
    {.input = "factor < 0", .words = "-ksp_ls_factor is -2", .options = "-ksp_ls_factor -2"},
    {.input = "lambda < 0", .words = "-ksp_ls_ridge is -1", .options = "-ksp_ls_ridge -1"},
    {.input = "a negative seed", .words = "-ksp_ls_seed is -1", .options = "-ksp_ls_seed -1"},
    {.input = "passes < 0",
     .words = "-ksp_ls_max_refinements is -1",
     .options = "-ksp_ls_max_refinements -1"},
    {.input = "an unknown refinement", .words = "-ksp_ls_refine", .options = "-ksp_ls_refine bits"},
};

template <class F> void for_each_solver(const std::vector<const char *> &types, const F &f) {
  PETSC_OK(LatheInitializePackage());
  for (const char *type : types)
    for (const char *method : {"pne", "spir", "fossils"})
      f(type, std::string("-ksp_type ") + method + " ");
}

} // namespace

TEST_CASE("odd least-squares problems end as they should", "[solvers]") {
  for_each_solver({MATDENSE, MATAIJ}, [](const char *type, const std::string &method) {
    for (const Row &row : table) {
      LeastSquares p = problem_of(rows, columns, 1e3, 1e-2, 77);
      row.change(p);
      Distributed d;
      Answer a;
      PETSC_OK(Distribute(p, type, &d));
      PETSC_OK(Solve(d, method + row.options, &a));
      PETSC_OK(PetscOptionsClear(nullptr));
      CAPTURE(type, method, row.input, a.reason, a.x, a.result.rank, a.iterations);
      CHECK_ALL(a.reason == row.reason);
      CHECK_ALL(row.holds(p, a));
    }
  });
}

TEST_CASE("what a least-squares solver refuses it names", "[solvers]") {
  for_each_solver({MATAIJ}, [](const char *type, const std::string &method) {
    for (const Refusal &refusal : refusals) {
      LeastSquares p = problem_of(rows, columns, 1e3, 1e-2, 77);
      refusal.change(p);
      Distributed d;
      Answer a;
      PETSC_OK(Distribute(p, type, &d));
      const Caught c = catch_error([&] { return Solve(d, method + refusal.options, &a); });
      PETSC_OK(PetscOptionsClear(nullptr));
      CAPTURE(type, method, refusal.input, c.message);
      CHECK_ALL(c.code != PETSC_SUCCESS);
      CHECK_ALL(c.message.find(refusal.words) != std::string::npos);
    }
  });
}

#endif
