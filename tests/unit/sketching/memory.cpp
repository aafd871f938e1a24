// SPDX-License-Identifier: BSD-2-Clause
// Memory that least squares, sketches and leverage scores add to their matrix: the most pages that
// the process held at a time, whoever asked for them.
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "sketching/least_squares.h"
#include "sketching/leverage.h"
#include "sketching/sketch.h"
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <string>

#if !defined(PETSC_USE_COMPLEX)

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using namespace lathe::sketching;

// A line of /proc/self/status in bytes.
double status(const char *name) {
  double kilobytes = -1;
  if (FILE *file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file))
      if (std::string(line).rfind(name, 0) == 0)
        kilobytes = std::atof(line + std::string(name).size() + 1);
    (void)std::fclose(file);
  }
  return 1024 * kilobytes;
}

// Bytes above those held before f(), at most; −1 where the kernel does not tell.
template <class F> double peak_of(F &&f) {
  (void)malloc_trim(0);
  FILE *reset = std::fopen("/proc/self/clear_refs", "w");
  if (!reset)
    return -1;
  const bool done = std::fputs("5", reset) >= 0 && std::fclose(reset) == 0;
  const double before = status("VmRSS:");
  f();
  return done && before >= 0 ? status("VmHWM:") - before : -1;
}

PetscErrorCode Dense(PetscInt m, PetscInt n, Mat *A) {
  PetscScalar *a = nullptr;
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateDense(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, m, n, nullptr, A));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  PetscCall(MatDenseGetArrayWrite(*A, &a));
  for (PetscInt j = 0; j < n; ++j)
    for (PetscInt i = begin; i < end; ++i)
      *a++ = lathe::random::uniform(1, 2, static_cast<std::uint64_t>(i + j * m)) - 0.5;
  a -= (end - begin) * n;
  PetscCall(MatDenseRestoreArrayWrite(*A, &a));
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Sparse(PetscInt m, PetscInt n, PetscInt nonzeros, Mat *A) {
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateAIJ(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, m, n, nonzeros, nullptr,
                         nonzeros, nullptr, A));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt k = 0; k < nonzeros; ++k) {
      const auto at = static_cast<std::uint64_t>(i * nonzeros + k);
      const auto j =
          static_cast<PetscInt>(lathe::random::below(static_cast<std::uint64_t>(n), 3, 4, at));
      PetscCall(MatSetValue(*A, i, j, lathe::random::uniform(3, 5, at) - 0.5, INSERT_VALUES));
    }
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

constexpr double megabytes = 1024.0 * 1024;

TEST_CASE("least squares hold 2(d + n)n numbers and 64 MB beside the matrix", "[memory]") {
  struct Case {
    const char *name;
    PetscInt m, n;
    bool sparse;
    LatheLeastSquaresMethod method;
    double factor; // d/n
    LatheRefine refine = LATHE_REFINE_AUTO;
    PetscInt count = 1; // right-hand sides
    double ridge = 0;
  };
  // Of the last two 2(d + n)n numbers are more than the 64 MB.
  for (const Case &c :
       {Case{"pne, dense", 200000, 100, false, LATHE_LS_PNE, 2},
        Case{"spir, dense", 200000, 100, false, LATHE_LS_SPIR, 12},
        Case{"pne, sparse", 200000, 1000, true, LATHE_LS_PNE, 2},
        Case{"spir, sparse", 200000, 1000, true, LATHE_LS_SPIR, 4},
        Case{"pne, quad", 8000, 1000, true, LATHE_LS_PNE, 6, LATHE_REFINE_QUAD, 1, 1e-6},
        Case{"fossils, 5 b", 8000, 800, true, LATHE_LS_FOSSILS, 8, LATHE_REFINE_QUAD, 5, 1e-6}}) {
    const bool large = c.m < 100000;
    if (!large && lathe::test::mpi_size() > 1)
      continue;
    MatHandle A, B, X;
    VecHandle x, b;
    LatheLeastSquaresOptions options{};
    PetscInt rows = 0, columns = 0;
    PETSC_OK(c.sparse ? Sparse(c.m, c.n, 6, A.out()) : Dense(c.m, c.n, A.out()));
    PETSC_OK(MatCreateVecs(A, x.out(), b.out()));
    PETSC_OK(VecSet(b, 1));
    PETSC_OK(MatGetLocalSize(A, &rows, &columns));
    PETSC_OK(MatCreateDense(PETSC_COMM_WORLD, rows, PETSC_DECIDE, c.m, c.count, nullptr, B.out()));
    PETSC_OK(
        MatCreateDense(PETSC_COMM_WORLD, columns, PETSC_DECIDE, c.n, c.count, nullptr, X.out()));
    for (PetscInt k = 0; k < c.count; ++k) {
      Vec to = nullptr;
      PETSC_OK(MatDenseGetColumnVecWrite(B, k, &to));
      PETSC_OK(VecSet(to, static_cast<PetscReal>(k + 1)));
      PETSC_OK(MatDenseRestoreColumnVecWrite(B, k, &to));
    }
    PETSC_OK(LatheLeastSquaresOptionsSetDefaults(&options));
    options.method = c.method;
    options.refine = c.refine;
    options.ridge = static_cast<PetscReal>(c.ridge);
    if (large)
      options.factor = static_cast<PetscReal>(c.factor);
    const double peak = peak_of([&] {
      if (c.count > 1)
        PETSC_OK(LatheMatLeastSquares(A, B, nullptr, X, &options, nullptr));
      else
        PETSC_OK(LatheLeastSquares(A, b, nullptr, x, &options, nullptr));
    });
    const auto n = static_cast<double>(c.n);
    const double most = 2 * (c.factor + 1) * n * n * 8 + 64 * megabytes;
    if (lathe::test::mpi_rank() == 0)
      std::printf("%-15s %6d x %4d: %6.1f MB beside the matrix, bar %6.1f MB\n", c.name,
                  static_cast<int>(c.m), static_cast<int>(c.n), peak / megabytes, most / megabytes);
    CAPTURE(c.name, peak, most);
    REQUIRE_ALL(peak >= 0);
    CHECK_ALL(peak <= most);
  }
}

TEST_CASE("a Gaussian sketch holds 32 MB beside the matrix and the result", "[memory]") {
  if (lathe::test::mpi_size() > 1)
    return;
  MatHandle A;
  PETSC_OK(Dense(200000, 100, A.out()));
  for (const bool reproducible : {false, true}) {
    std::vector<PetscScalar> sa;
    const double peak = peak_of([&] {
      PETSC_OK(SketchApply({.kind = SketchKind::Gaussian,
                            .rows = 200,
                            .columns = 200000,
                            .seed = 1,
                            .reproducible = reproducible},
                           A, sa));
    });
    std::printf("gaussian sketch, reproducible %d: %.1f MB beside the matrix\n",
                reproducible ? 1 : 0, peak / megabytes);
    REQUIRE(peak >= 0);
    CHECK(peak <= 32 * megabytes);
  }
}

TEST_CASE("approximate leverage scores of a sparse matrix do not make it dense", "[memory]") {
  if (lathe::test::mpi_size() > 1)
    return;
  const PetscInt m = 400000, n = 300, nonzeros = 4; // dense: 960 MB
  MatHandle A;
  VecHandle scores;
  PETSC_OK(Sparse(m, n, nonzeros, A.out()));
  PETSC_OK(MatCreateVecs(A, nullptr, scores.out()));
  PETSC_OK(VecSet(scores, 0));
  const double peak = peak_of([&] { PETSC_OK(ApproximateLeverageScores(A, 0, 0.5, 1, scores)); });
  PetscScalar sum = 0;
  PETSC_OK(VecSum(scores, &sum));
  std::printf("leverage scores, %d nonzeros: %.1f MB beside the matrix, sum %.1f of %d\n",
              static_cast<int>(m * nonzeros), peak / megabytes, PetscRealPart(sum),
              static_cast<int>(n));
  REQUIRE(peak >= 0);
  CHECK(peak <= 3.0 * 16 * static_cast<double>(m * nonzeros)); // three times the matrix
  CHECK(std::abs(PetscRealPart(sum) / static_cast<double>(n) - 1) < 0.05);
}

} // namespace

#endif
