// SPDX-License-Identifier: BSD-2-Clause
#include "driver/generators.h"
#include "harness/product_shell.h"
#include "unit/lipschitz/operator_cases.h"
#include "unit/lipschitz/reference_svd.h"
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <unistd.h>
#include <vector>

using namespace lathe;
using namespace lathe::test;

namespace {

PetscErrorCode ShellNan(Mat, Vec, Vec y) {
  PetscFunctionBegin;
  PetscCall(VecSet(y, NAN));
  PetscFunctionReturn(PETSC_SUCCESS);
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
  PETSC_OK(CreateProductShell(A, shell.out()));
  PETSC_OK(MatShellSetOperation(shell, MATOP_MULT, reinterpret_cast<void (*)()>(ShellNan)));
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
  PETSC_OK(CreateProductShell(A, shell.out()));
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

namespace {

/// What f() writes to stderr on this rank.
template <class F> std::string standard_error(F &&f) {
  std::FILE *file = std::tmpfile();
  const int kept = dup(STDERR_FILENO);
  std::fflush(stderr);
  dup2(fileno(file), STDERR_FILENO);
  f();
  std::fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

} // namespace

TEST_CASE("a weaker certificate than asked is said, unless that is switched off",
          "[lipschitz][operator]") {
  MatHandle A, shell;
  PETSC_OK(BuildMatrix(random_case(5, 60), MATAIJ, A));
  PETSC_OK(lathe::test::CreateProductShell(A, shell.out()));
  for (const PetscBool warn : {PETSC_TRUE, PETSC_FALSE}) {
    LatheNormOptions o = defaults();
    o.certificate = LATHE_CERTIFICATE_RIGOROUS;
    o.warn = warn;
    LatheNormBracket b;
    const std::string said = standard_error([&] { PETSC_OK(LatheMatNormBracket(shell, &o, &b)); });
    CHECK_ALL(b.certificate > LATHE_CERTIFICATE_RIGOROUS);
    const bool first = lathe::test::mpi_rank() == 0;
    CHECK_ALL((said.find("is probabilistic, not rigorous as asked") != std::string::npos) ==
              (warn && first));
    CHECK_ALL(said.empty() == !(warn && first));
  }
}
