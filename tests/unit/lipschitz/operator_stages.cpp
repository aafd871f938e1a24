// SPDX-License-Identifier: BSD-2-Clause
// Each certificate of LatheMatNormBracket on its own: factorisations, streamed Gram products, the
// failure frequency of the probabilistic bound.
#include "driver/generators.h"
#include "lipschitz/lanczos_bound.h"
#include "unit/lipschitz/operator_cases.h"
#include "unit/lipschitz/reference_svd.h"
#include <algorithm>
#include <map>
#include <string>

using namespace lathe;
using namespace lathe::test;

namespace {

enum class Stage { sparse, dense, gram, gram_twice };
const char *const stage_names[] = {"sparse", "dense", "gram", "gram twice"};

/// Options under which only this stage can certify beyond |A|.
LatheNormOptions only(Stage stage, double tolerance) {
  LatheNormOptions o = defaults();
  o.certificate = LATHE_CERTIFICATE_RIGOROUS;
  o.tolerance = tolerance;
  o.factor_fill = stage == Stage::sparse ? 1e6 : 0;
  o.dense_limit = stage == Stage::dense ? 1000 : 0;
  o.gram_steps = stage == Stage::gram ? 1 : stage == Stage::gram_twice ? 2 : 0;
  o.gram_fill = 1e6;
  return o;
}

/// A matrix given by a rule for its entries.
template <class F> MatHandle made(PetscInt m, PetscInt n, F &&entry) {
  Case c{m, n, std::vector<PetscScalar>(static_cast<std::size_t>(m * n), PetscScalar(0))};
  for (PetscInt i = 0; i < m; ++i)
    for (PetscInt j = 0; j < n; ++j)
      c.entries[static_cast<std::size_t>(i * n + j)] = entry(i, j);
  MatHandle A;
  PETSC_OK(BuildMatrix(c, MATAIJ, A));
  return A;
}

Digits50 laplacian_norm(PetscInt n) { // 8 − 2·(2 − 2cos(π/(n+1)))… = 4 + 4cos(π/(n+1))
  const Digits50 pi = boost::math::constants::pi<Digits50>();
  return 4 + 4 * cos(pi / (n + 1));
}

} // namespace

TEST_CASE("every stage brackets random small matrices", "[lipschitz][operator]") {
  const std::uint64_t cases = mpi_size() == 1 ? 3200 : 160;
  std::map<std::string, int> methods;
  double widest[4] = {};
  for (std::uint64_t trial = 0; trial < cases; ++trial) {
    const Case c = random_case(trial + 50000, complex_scalars ? 5 : 7);
    const auto stage = static_cast<Stage>(trial % 4);
    const LatheNormOptions o = only(stage, trial % 3 ? 1e-9 : 1e-12);
    MatHandle A;
    PETSC_OK(BuildMatrix(c, MATAIJ, A));
    const LatheNormBracket b = bracket_of(A, o);
    const Digits50 exact = largest_singular_value(static_cast<std::size_t>(c.rows),
                                                  static_cast<std::size_t>(c.cols), c.entries, 0);
    INFO("trial " << trial << " (" << stage_names[trial % 4] << "), " << c.rows << "x" << c.cols
                  << ": [" << b.lower << ", " << b.upper << "] " << b.method << ", norm " << exact);
    CHECK(Digits50(b.lower) <= exact * (1 + Digits50("1e-38")));
    CHECK(exact <= Digits50(b.upper) * (1 + Digits50("1e-38")));
    CHECK(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
    ++methods[b.method];
    if (b.lower > 0)
      widest[trial % 4] = std::max(widest[trial % 4], lathe::lipschitz::relative_width(b));
    if (stage == Stage::sparse || stage == Stage::dense) { // and no wider than asked
      CHECK(b.upper <= (1 + o.tolerance) * b.lower);
    }
    if (mpi_size() > 1)
      CHECK_ALL(same_bits(b, serial_bracket(A, o)));
  }
  for (const char *method : {"sparse_cholesky", "cholesky", "sparse_gram"}) {
    INFO(method);
    CHECK(methods[method] > static_cast<int>(cases) / 40);
  }
  WARN(cases << " random matrices, widest bracket: sparse " << widest[0] << ", dense " << widest[1]
             << ", Gram " << widest[2] << ", twice " << widest[3]);
}

TEST_CASE("a grid Laplacian is certified to 1e-10 and further", "[lipschitz][operator]") {
  for (const auto &[n, tolerance] : {std::pair<PetscInt, double>{40, 1e-10}, {75, 1e-12}}) {
    MatHandle A;
    PETSC_OK(GenerateMatrix(PETSC_COMM_WORLD, "laplacian2d", n, 1, A.out()));
    const Digits50 exact = laplacian_norm(n);
    for (const Stage stage : {Stage::sparse, Stage::dense}) {
      if (stage == Stage::dense && n > 40)
        continue; // 5625³/3 multiplications: a benchmark
      LatheNormOptions o = only(stage, tolerance);
      o.dense_limit *= 2;
      const LatheNormBracket b = bracket_of(A, o);
      INFO(n << ": [" << b.lower << ", " << b.upper << "] " << b.method);
      CHECK(Digits50(b.lower) <= exact);
      CHECK(exact <= Digits50(b.upper));
      CHECK(b.upper <= (1 + tolerance) * b.lower);
      CHECK(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
      if (mpi_size() > 1)
        CHECK_ALL(same_bits(b, serial_bracket(A, o)));
    }
  }
}

TEST_CASE("spectra that mislead an iteration are certified", "[lipschitz][operator]") {
  const PetscInt n = 60;
  struct Named {
    const char *name;
    MatHandle A;
    double norm; // to rounding
  };
  const auto block = [](PetscInt i, PetscInt size) { return i / size; };
  std::vector<Named> matrices;
  // 15 copies of one 4×4 block: every value 15-fold; reducible, disconnected.
  const double tridiagonal = 2 + 2 * std::cos(std::acos(-1.0) / 5);
  matrices.push_back({"multiple",
                      made(n, n,
                           [&](PetscInt i, PetscInt j) -> PetscScalar {
                             if (block(i, 4) != block(j, 4) || std::abs(i - j) > 1)
                               return 0.0;
                             return i == j ? 2.0 : 1.0;
                           }),
                      tridiagonal});
  // Distinct only in the eleventh digit.
  matrices.push_back({"clustered",
                      made(n, n,
                           [&](PetscInt i, PetscInt j) -> PetscScalar {
                             if (block(i, 2) != block(j, 2))
                               return 0.0;
                             const double d = 1e-11 * static_cast<double>(block(i, 2));
                             return i == j ? 1.0 + d : (i < j ? 1.0 : -1.0);
                           }),
                      0});
  // Both ends of the spectrum alike.
  matrices.push_back(
      {"bipartite",
       made(n, n,
            [](PetscInt i, PetscInt j) -> PetscScalar { return std::abs(i - j) == 1 ? 1.0 : 0.0; }),
       2 * std::cos(std::acos(-1.0) / static_cast<double>(n + 1))});
  // The top at the negative end; all eigenvalues negative.
  matrices.push_back({"negative",
                      made(n, n,
                           [](PetscInt i, PetscInt j) -> PetscScalar {
                             return i == j ? -4.0 : std::abs(i - j) == 1 ? 1.0 : 0.0;
                           }),
                      4 + 2 * std::cos(std::acos(-1.0) / static_cast<double>(n + 1))});
  // One dense row and one dense column: both Gram matrices are full.
  matrices.push_back({"arrow",
                      made(n, n,
                           [](PetscInt i, PetscInt j) -> PetscScalar {
                             if (i == j)
                               return 3.0;
                             return i == 0 ? 0.5 : j == 0 ? -1.0 : 0.0;
                           }),
                      0});
  matrices.push_back(
      {"upper triangle of ones",
       made(n, n, [](PetscInt i, PetscInt j) -> PetscScalar { return i <= j ? 1.0 : 0.0; }),
       0.5 / std::sin(std::acos(-1.0) / (4 * static_cast<double>(n) + 2))});
  matrices.push_back({"rank two",
                      made(n, 17,
                           [](PetscInt i, PetscInt j) -> PetscScalar {
                             return (i % 2 != 0 ? 1.0 : -2.0) * (j % 3 == 0 ? 1.0 : 0.25) +
                                    (j % 2 != 0 ? 1.0 : 0.0);
                           }),
                      0});
  matrices.push_back({"orthogonal",
                      made(n, n,
                           [n](PetscInt i, PetscInt j) -> PetscScalar {
                             return (i == j ? 1.0 : 0.0) - 2.0 / static_cast<double>(n);
                           }),
                      1});
  for (const Named &m : matrices)
    for (const int exponent : {0, 1000, -1000})
      for (const Stage stage : {Stage::sparse, Stage::dense}) {
        MatHandle B;
        PETSC_OK(MatDuplicate(m.A, MAT_COPY_VALUES, B.out()));
        PETSC_OK(MatScale(B, std::ldexp(1.0, exponent / 2)));
        PETSC_OK(MatScale(B, std::ldexp(1.0, exponent - exponent / 2)));
        const LatheNormOptions o = only(stage, 1e-11);
        const LatheNormBracket b = bracket_of(B, o);
        INFO(m.name << " 2^" << exponent << " " << stage_names[static_cast<int>(stage)] << ": ["
                    << b.lower << ", " << b.upper << "] " << b.method);
        CHECK(b.upper <= (1 + o.tolerance) * b.lower);
        if (m.norm > 0) {
          CHECK(std::ldexp(b.lower, -exponent) <= m.norm * (1 + 1e-14));
          CHECK(std::ldexp(b.upper, -exponent) >= m.norm * (1 - 1e-14));
        }
        CHECK(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
        if (mpi_size() > 1)
          CHECK_ALL(same_bits(b, serial_bracket(B, o)));
      }
}

TEST_CASE("stages have the same bits on every number of ranks", "[lipschitz][operator]") {
  struct Generated {
    const char *name;
    PetscInt n;
  };
  for (const auto &[name, n] : {Generated{"laplacian2d", 19},
                                {"convection_diffusion", 17},
                                {"gaussian", 210},
                                {"powerlaw", 150},
                                {"tall", 30}}) {
    MatHandle A, W;
    PETSC_OK(GenerateMatrix(PETSC_COMM_WORLD, name, n, 5, A.out()));
    PETSC_OK(MatTranspose(A, MAT_INITIAL_MATRIX, W.out()));
    for (const Stage stage : {Stage::sparse, Stage::dense, Stage::gram, Stage::gram_twice})
      for (const Mat M : {A.get(), W.get()}) {
        const LatheNormOptions o = only(stage, 1e-10);
        const LatheNormBracket b = bracket_of(M, o);
        INFO(name << " " << stage_names[static_cast<int>(stage)] << " " << b.lower << " " << b.upper
                  << " " << b.method);
        CHECK(b.lower <= b.upper);
        CHECK_ALL(same_bits(b, serial_bracket(M, o)));
      }
  }
}

TEST_CASE("Gram products tighten the bound of |A|, and the limits keep stages out",
          "[lipschitz][operator]") {
  // Signs that cancel: |A| has norm near 2√2, A is a multiple of an orthogonal matrix.
  const MatHandle A = made(64, 64, [](PetscInt i, PetscInt j) -> PetscScalar {
    return i / 2 != j / 2 ? 0.0 : (i % 2 == 1 && j % 2 == 1 ? -1.0 : 1.0);
  });
  LatheNormOptions o = only(Stage::gram, 1e-12);
  LatheNormBracket b = bracket_of(A, o);
  CHECK(std::string(b.method) == "sparse_gram");
  CHECK(b.gram_steps == 1);
  CHECK(std::abs(b.upper / std::sqrt(2.0) - 1) <= 1e-14);
  o.gram_steps = 0;
  b = bracket_of(A, o);
  CHECK(std::string(b.method) != "sparse_gram");
  CHECK(b.upper >= 1.9);
  o.gram_steps = 1;
  o.gram_fill = 1; // 2 entries predicted for each of A
  CHECK(bracket_of(A, o).upper >= 1.9);
  o = only(Stage::sparse, 1e-12);
  CHECK(std::string(bracket_of(A, o).method) == "sparse_cholesky");
  o.factor_fill = 0.2; // the factor of AᴴA = 2I has half as many entries as A
  CHECK(bracket_of(A, o).upper >= 1.9);
  o = only(Stage::dense, 1e-12);
  CHECK(std::string(bracket_of(A, o).method) == "cholesky");
  o.dense_limit = 63;
  CHECK(bracket_of(A, o).upper >= 1.9);
}

TEST_CASE("probabilistic upper bounds fail no more often than stated", "[lipschitz][operator]") {
  // Equally spaced singular values, few steps: the bound is far from converged, the hardest case.
  const PetscInt n = 60;
  const MatHandle A = made(n, n, [n](PetscInt i, PetscInt j) -> PetscScalar {
    return i == j ? 1.0 + static_cast<double>(i) / static_cast<double>(n - 1) : 0.0;
  });
  constexpr double nominal = 0.05;
  const std::uint64_t runs = mpi_size() == 1 ? 2000 : 40;
  std::uint64_t failures = 0;
  double largest = 0;
  lathe::lipschitz::LinearOperator op;
  PETSC_OK(op.Create(A));
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    lathe::lipschitz::GolubKahan lanczos(op, seed, 0);
    PETSC_OK(lanczos.Advance(6));
    const double upper = std::ldexp(lanczos.upper(nominal), op.exponent());
    failures += upper < 2 ? 1 : 0;
    largest = std::max(largest, upper);
  }
  WARN(runs << " runs: " << failures << " failures at nominal " << nominal << ", largest bound "
            << largest << " of 2");
  CHECK(static_cast<double>(failures) <= 0.065 * static_cast<double>(runs));
  CHECK(largest > 2.05); // the bound was put to the test
}
