// SPDX-License-Identifier: BSD-2-Clause
#include "core/handle.h"
#include "core/random.h"
#include "driver/generators.h"
#include "harness/mpi_test.h"
#include "lipschitz/lipschitz.h"
#include "unit/lipschitz/reference_svd.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace lathe;
using lathe::test::Digits50;

namespace {

constexpr bool complex_scalars = !std::is_same_v<PetscScalar, PetscReal>;

LatheNormOptions defaults() {
  LatheNormOptions o;
  LatheNormOptionsSetDefaults(&o);
  o.warn = PETSC_FALSE;
  return o;
}

PetscScalar scalar(double re, [[maybe_unused]] double im) {
#ifdef PETSC_USE_COMPLEX
  return {re, im};
#else
  return re;
#endif
}

/// Entries row-major, the same on every rank.
struct Case {
  PetscInt rows, cols;
  std::vector<PetscScalar> entries;
};

/// Sparse with random shape, kind and scale; 8 kinds, among them Hermitian, nonnegative,
/// sign-balanced, rank one, multiple top values.
Case random_case(std::uint64_t trial, PetscInt largest) {
  const auto pick = [trial](std::uint64_t n, std::uint64_t what) {
    return random::below(n, 11, 100 + what, trial);
  };
  Case c;
  c.rows = 1 + static_cast<PetscInt>(pick(static_cast<std::uint64_t>(largest), 0));
  c.cols = 1 + static_cast<PetscInt>(pick(static_cast<std::uint64_t>(largest), 1));
  const auto kind = pick(8, 2);
  const bool square = kind == 1 || kind == 5;
  if (square)
    c.cols = c.rows;
  const double density = 0.25 + 0.25 * static_cast<double>(pick(4, 3));
  const int exponent = pick(4, 4) == 0 ? static_cast<int>(pick(1800, 5)) - 900 : 0;
  c.entries.assign(static_cast<std::size_t>(c.rows * c.cols), PetscScalar(0));
  const auto at = [&c](PetscInt i, PetscInt j) -> PetscScalar & {
    return c.entries[static_cast<std::size_t>(i * c.cols + j)];
  };
  for (PetscInt i = 0; i < c.rows; ++i)
    for (PetscInt j = 0; j < c.cols; ++j) {
      const std::uint64_t index = trial * 1000 + static_cast<std::uint64_t>(i * c.cols + j);
      double re = random::normal(11, 0, index), im = random::normal(11, 1, index);
      if (random::uniform(11, 2, index) > density)
        re = im = 0;
      if (kind == 2) { // nonnegative
        re = std::abs(re);
        im = 0;
      } else if (kind == 3) { // sign-balanced
        re = std::abs(re) * ((i * 7 + j * 5) % 2 ? -1 : 1);
        im = 0;
      } else if (kind == 4) { // small integers: many multiple values
        re = std::floor(2 * re);
        im = std::floor(2 * im);
      } else if (kind == 6) { // rank one
        re = random::normal(11, 3, trial * 1000 + static_cast<std::uint64_t>(i)) *
             random::normal(11, 4, trial * 1000 + static_cast<std::uint64_t>(j));
        im = 0;
      } else if (kind == 7) { // signed partial permutation
        re = i == j ? (i % 2 ? -1 : 1) : 0;
        im = 0;
      }
      at(i, j) = scalar(std::ldexp(re, exponent), std::ldexp(im, exponent));
    }
  if (square)
    for (PetscInt i = 0; i < c.rows; ++i)
      for (PetscInt j = 0; j <= i; ++j)
        at(i, j) = i == j ? PetscScalar(PetscRealPart(at(i, i))) : PetscConj(at(j, i));
  return c;
}

PetscErrorCode BuildMatrix(const Case &c, MatType type, MatHandle &A) {
  PetscFunctionBegin;
  MatHandle made;
  PetscInt begin = 0, end = 0;
  PetscCall(MatCreate(PETSC_COMM_WORLD, made.out()));
  PetscCall(MatSetSizes(made, PETSC_DECIDE, PETSC_DECIDE, c.rows, c.cols));
  PetscCall(MatSetType(made, MATAIJ));
  PetscCall(MatSetUp(made));
  PetscCall(MatSetOption(made, MAT_NEW_NONZERO_ALLOCATION_ERR, PETSC_FALSE));
  PetscCall(MatGetOwnershipRange(made, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < c.cols; ++j) {
      const PetscScalar z = c.entries[static_cast<std::size_t>(i * c.cols + j)];
      if (z != PetscScalar(0))
        PetscCall(MatSetValue(made, i, j, z, INSERT_VALUES));
    }
  PetscCall(MatAssemblyBegin(made, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(made, MAT_FINAL_ASSEMBLY));
  if (std::strcmp(type, MATAIJ) != 0)
    PetscCall(MatConvert(made, type, MAT_INITIAL_MATRIX, A.out()));
  else
    A = std::move(made);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// The matrix as a shell around `inner`, products only.
PetscErrorCode ShellMult(Mat shell, Vec x, Vec y) {
  Mat inner = nullptr;
  PetscFunctionBegin;
  PetscCall(MatShellGetContext(shell, static_cast<void *>(&inner)));
  PetscCall(MatMult(inner, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
PetscErrorCode ShellTranspose(Mat shell, Vec x, Vec y) {
  Mat inner = nullptr;
  PetscFunctionBegin;
  PetscCall(MatShellGetContext(shell, static_cast<void *>(&inner)));
  PetscCall(MatMultTranspose(inner, x, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
PetscErrorCode ShellNan(Mat, Vec, Vec y) {
  PetscFunctionBegin;
  PetscCall(VecSet(y, NAN));
  PetscFunctionReturn(PETSC_SUCCESS);
}
PetscErrorCode MakeShell(Mat inner, PetscErrorCode (*mult)(Mat, Vec, Vec), MatHandle &shell) {
  PetscInt m = 0, n = 0, M = 0, N = 0;
  PetscFunctionBegin;
  PetscCall(MatGetLocalSize(inner, &m, &n));
  PetscCall(MatGetSize(inner, &M, &N));
  PetscCall(MatCreateShell(PETSC_COMM_WORLD, m, n, M, N, inner, shell.out()));
  PetscCall(MatShellSetOperation(shell, MATOP_MULT, reinterpret_cast<void (*)()>(mult)));
  PetscCall(MatShellSetOperation(shell, MATOP_MULT_TRANSPOSE,
                                 reinterpret_cast<void (*)()>(ShellTranspose)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// The bracket of `A` on all ranks of the world, and that every rank got the same one.
LatheNormBracket bracket_of(Mat A, const LatheNormOptions &o) {
  LatheNormBracket b;
  PETSC_OK(LatheMatNormBracket(A, &o, &b));
  double both[2] = {b.lower, b.upper}, first[2] = {b.lower, b.upper};
  MPI_Bcast(first, 2, MPI_DOUBLE, 0, PETSC_COMM_WORLD);
  REQUIRE_ALL(std::memcmp(both, first, sizeof both) == 0);
  return b;
}

/// The bits that one rank alone computes: what all rank counts must agree with.
LatheNormBracket serial_bracket(Mat A, const LatheNormOptions &o) {
  LatheNormBracket b;
  Mat *whole = nullptr;
  IS rows = nullptr, columns = nullptr;
  PetscInt M = 0, N = 0;
  PETSC_OK(MatGetSize(A, &M, &N));
  PETSC_OK(ISCreateStride(PETSC_COMM_SELF, M, 0, 1, &rows));
  PETSC_OK(ISCreateStride(PETSC_COMM_SELF, N, 0, 1, &columns));
  PETSC_OK(MatCreateSubMatrices(A, 1, &rows, &columns, MAT_INITIAL_MATRIX, &whole));
  PETSC_OK(LatheMatNormBracket(whole[0], &o, &b));
  PETSC_OK(MatDestroySubMatrices(1, &whole));
  PETSC_OK(ISDestroy(&rows));
  PETSC_OK(ISDestroy(&columns));
  return b;
}

bool same_bits(const LatheNormBracket &a, const LatheNormBracket &b) {
  return std::memcmp(&a.lower, &b.lower, sizeof a.lower) == 0 &&
         std::memcmp(&a.upper, &b.upper, sizeof a.upper) == 0 && a.certificate == b.certificate;
}

} // namespace

TEST_CASE("brackets of random small matrices contain the norm", "[lipschitz][operator]") {
  // 3200 cases on one rank, fewer on more ranks, where a bug would be one of distribution.
  const std::uint64_t cases = test::mpi_size() == 1 ? 3200 : 160;
  const MatType types[] = {MATAIJ, MATBAIJ, MATDENSE, MATAIJ};
  double widest = 0;
  for (std::uint64_t trial = 0; trial < cases; ++trial) {
    const Case c = random_case(trial, complex_scalars ? 5 : 7);
    MatHandle A;
    PETSC_OK(BuildMatrix(c, types[trial % 4], A));
    LatheNormOptions o = defaults();
    o.certificate = static_cast<LatheCertificate>(trial / 4 % 3);
    o.tolerance = trial % 3 ? 1e-6 : 1e-12;
    const LatheNormBracket b = bracket_of(A, o);
    const Digits50 exact = test::largest_singular_value(
        static_cast<std::size_t>(c.rows), static_cast<std::size_t>(c.cols), c.entries, 0);
    INFO("trial " << trial << ", " << c.rows << "x" << c.cols << ": [" << b.lower << ", " << b.upper
                  << "] " << b.method << ", norm " << exact);
    // The reference itself is good to 1e-40 only.
    CHECK(Digits50(b.lower) <= exact * (1 + Digits50("1e-38")));
    CHECK(exact <= Digits50(b.upper) * (1 + Digits50("1e-38")));
    CHECK(b.certificate <= o.certificate);
    if (b.lower > 0)
      widest = std::max(widest, lathe::lipschitz::relative_width(b));
    CHECK((b.lower > 0 || b.upper == 0));
    if (test::mpi_size() > 1 && trial % 4 == 0)
      CHECK_ALL(same_bits(b, serial_bracket(A, o)));
  }
  WARN(cases << " random matrices: widest bracket " << widest);
}

TEST_CASE("brackets of generated matrices have the same bits on every number of ranks",
          "[lipschitz][operator]") {
  struct Generated {
    const char *name;
    PetscInt n;
  };
  for (const auto &[name, n] : {Generated{"laplacian2d", 17},
                                {"convection_diffusion", 13},
                                {"gaussian", 300},
                                {"powerlaw", 200},
                                {"tall", 25}}) {
    MatHandle A;
    PETSC_OK(GenerateMatrix(PETSC_COMM_WORLD, name, n, 5, A.out()));
    for (const LatheCertificate kind :
         {LATHE_CERTIFICATE_RIGOROUS, LATHE_CERTIFICATE_PROBABILISTIC}) {
      LatheNormOptions o = defaults();
      o.certificate = kind;
      o.tolerance = 1e-8;
      o.lanczos_steps = 60;
      const LatheNormBracket b = bracket_of(A, o);
      INFO(name << " " << b.lower << " " << b.upper << " " << b.method);
      CHECK(b.lower <= b.upper);
      CHECK(b.certificate <= kind);
      CHECK_ALL(same_bits(b, serial_bracket(A, o)));
    }
  }
}

TEST_CASE("zero, empty and one-entry matrices are exact", "[lipschitz][operator]") {
  const LatheNormOptions o = defaults();
  MatHandle A;
  PETSC_OK(BuildMatrix({3, 4, std::vector<PetscScalar>(12, PetscScalar(0))}, MATAIJ, A));
  LatheNormBracket b = bracket_of(A, o);
  CHECK((b.lower == 0 && b.upper == 0 && b.certificate == LATHE_CERTIFICATE_RIGOROUS));
  for (const auto &[m, n] : {std::pair<PetscInt, PetscInt>{0, 0}, {0, 5}, {5, 0}}) {
    PETSC_OK(BuildMatrix({m, n, {}}, MATAIJ, A));
    b = bracket_of(A, o);
    CHECK((b.lower == 0 && b.upper == 0 && b.certificate == LATHE_CERTIFICATE_RIGOROUS));
  }
  for (const double x : {-3.5, 0x1p-1074, -0x1.8p-1030, 0x1.fffffffffffffp1023, 1.0 / 3}) {
    PETSC_OK(BuildMatrix({1, 1, {x}}, MATAIJ, A));
    b = bracket_of(A, o);
    CHECK((b.lower == std::abs(x) && b.upper == std::abs(x)));
  }
  PETSC_OK(BuildMatrix({1, 2, {3.0, 4.0}}, MATAIJ, A)); // a row, a column: 5 exactly
  b = bracket_of(A, o);
  CHECK((b.lower == 5 && b.upper == 5));
  PETSC_OK(BuildMatrix({2, 1, {1.0, 1.0}}, MATAIJ, A)); // √2: one unit in the last place
  b = bracket_of(A, o);
  CHECK((b.lower == std::nextafter(b.upper, 0) && b.lower <= std::sqrt(2) &&
         b.upper >= std::sqrt(2)));
  PETSC_OK(BuildMatrix({2, 2, {1e308, 1e308, 1e308, 1e308}}, MATAIJ, A)); // 2e308 overflows
  b = bracket_of(A, o);
  CHECK(b.lower == std::numeric_limits<double>::max());
  CHECK(std::isinf(b.upper));
}

TEST_CASE("bad input is refused with its place and its remedy", "[lipschitz][operator]") {
  LatheNormOptions o = defaults();
  LatheNormBracket b;
  MatHandle A, shell;
  std::vector<PetscScalar> entries(20, PetscScalar(1));
  entries[13] = NAN; // row 2, column 3 of 4×5
  PETSC_OK(BuildMatrix({4, 5, entries}, MATAIJ, A));
  test::Caught caught = test::catch_error([&] { return LatheMatNormBracket(A, &o, &b); });
  INFO(caught.message);
  CHECK_ALL(caught.code == PETSC_ERR_FP);
  CHECK_ALL(caught.message.find("row 2, column 3") != std::string::npos);
  PETSC_OK(BuildMatrix({4, 5, std::vector<PetscScalar>(20, PetscScalar(1))}, MATAIJ, A));
  PETSC_OK(MakeShell(A, ShellNan, shell));
  caught = test::catch_error([&] { return LatheMatNormBracket(shell, &o, &b); });
  CHECK_ALL(caught.code == PETSC_ERR_FP);

  const auto refused = [&](const char *name) {
    caught = test::catch_error([&] { return LatheMatNormBracket(A, &o, &b); });
    INFO(caught.message);
    CHECK_ALL(caught.code == PETSC_ERR_ARG_OUTOFRANGE);
    CHECK_ALL(caught.message.find(name) != std::string::npos);
    o = defaults();
  };
  o.tolerance = 0;
  refused("-lathe_norm_tolerance");
  o.tolerance = NAN;
  refused("-lathe_norm_tolerance");
  o.failure_probability = 1;
  refused("-lathe_norm_failure_probability");
  o.failure_probability = 0;
  refused("-lathe_norm_failure_probability");
  o.lanczos_steps = 0;
  refused("-lathe_norm_lanczos_steps");
  o.gram_steps = 3;
  refused("-lathe_norm_gram_steps");
  o.gram_fill = 0.5;
  refused("-lathe_norm_gram_fill");
  o.factor_fill = -1;
  refused("-lathe_norm_factor_fill");
}

TEST_CASE("matrix-free operators get a probabilistic bracket, never a better name",
          "[lipschitz][operator]") {
  MatHandle A, shell;
  PETSC_OK(GenerateMatrix(PETSC_COMM_WORLD, "gaussian", 200, 3, A.out()));
  PETSC_OK(MakeShell(A, ShellMult, shell));
  LatheNormOptions o = defaults();
  o.tolerance = 1e-10;
  o.lanczos_steps = 200;
  const LatheNormBracket b = bracket_of(shell, o);
  const LatheNormBracket entries = bracket_of(A, o);
  CHECK(b.certificate == LATHE_CERTIFICATE_PROBABILISTIC);
  CHECK(b.failure_probability == o.failure_probability);
  CHECK(lathe::lipschitz::relative_width(b) <= 1e-10);
  CHECK(std::abs(b.lower / entries.lower - 1) <= 1e-9);
  o.certificate = LATHE_CERTIFICATE_RIGOROUS;
  CHECK(bracket_of(shell, o).certificate == LATHE_CERTIFICATE_PROBABILISTIC);
}

TEST_CASE("options come from the database under the matrix's prefix", "[lipschitz][operator]") {
  LatheNormOptions o = defaults();
  PETSC_OK(PetscOptionsSetValue(nullptr, "-my_lathe_norm_tolerance", "0.125"));
  PETSC_OK(PetscOptionsSetValue(nullptr, "-my_lathe_norm_certificate", "rigorous"));
  PETSC_OK(LatheNormOptionsSetFromOptions(PETSC_COMM_WORLD, "my_", &o));
  CHECK(o.tolerance == 0.125);
  CHECK(o.certificate == LATHE_CERTIFICATE_RIGOROUS);
  PETSC_OK(PetscOptionsSetValue(nullptr, "-my_lathe_norm_tolerance", "-1"));
  const test::Caught caught = test::catch_error(
      [&] { return LatheNormOptionsSetFromOptions(PETSC_COMM_WORLD, "my_", &o); });
  CHECK_ALL(caught.code == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(caught.message.find("-lathe_norm_tolerance is -1") != std::string::npos);
  for (const char *name : {"-my_lathe_norm_tolerance", "-my_lathe_norm_certificate"})
    PETSC_OK(PetscOptionsClearValue(nullptr, name));
}

TEST_CASE("the witness attains the lower bound", "[lipschitz][operator]") {
  MatHandle A;
  VecHandle u, v, w;
  PETSC_OK(GenerateMatrix(PETSC_COMM_WORLD, "gaussian", 150, 3, A.out()));
  PETSC_OK(MatCreateVecs(A, v.out(), u.out()));
  PETSC_OK(VecDuplicate(u, w.out()));
  const LatheNormOptions o = defaults();
  LatheNormBracket b;
  PETSC_OK(LatheMatNormBracketWithVectors(A, &o, &b, u, v));
  PetscReal norm = 0, length = 0;
  PETSC_OK(MatMult(A, v, w));
  PETSC_OK(VecNorm(w, NORM_2, &norm));
  PETSC_OK(VecNorm(v, NORM_2, &length));
  CHECK(std::abs(norm / b.lower - 1) <= 1e-13);
  CHECK(std::abs(length - 1) <= 1e-14);
  PETSC_OK(VecAXPY(w, -norm, u));
  PETSC_OK(VecNorm(w, NORM_2, &norm));
  CHECK(norm <= 1e-13 * b.lower);
}

TEST_CASE("a matrix settled by its entries alone still has a witness", "[lipschitz][operator]") {
  MatHandle A; // fewer columns than ranks, too: some ranks own none
  VecHandle u, v;
  const LatheNormOptions o = defaults();
  PETSC_OK(BuildMatrix({2, 2, {-3.0, 0.0, 0.0, 2.0}}, MATAIJ, A));
  PETSC_OK(MatCreateVecs(A, v.out(), u.out()));
  LatheNormBracket b;
  PETSC_OK(LatheMatNormBracketWithVectors(A, &o, &b, u, v));
  PetscReal norm = 0;
  PETSC_OK(VecNorm(v, NORM_2, &norm));
  CHECK(norm == 1);
  PETSC_OK(MatMult(A, v, u));
  PETSC_OK(VecNorm(u, NORM_2, &norm));
  CHECK(norm == 3);
}
