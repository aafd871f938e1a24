// SPDX-License-Identifier: BSD-2-Clause
// -mat_type sketch: products from both sides, entries, options, refusals.
#include "core/handle.h"
#include "core/random.h"
#include "harness/entry_matrix.h"
#include "harness/mpi_test.h"
#include "harness/product_shell.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "sketching/sketch_columns.h"
#include <cmath>
#include <vector>

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using namespace lathe::sketching;

constexpr const char *kinds[] = {"sparse_stack", "sparse_sign",    "count_sketch",
                                 "gaussian",     "rademacher",     "srht",
                                 "srct_cosine",  "srct_circulant", "block_srht"};

double entry(std::int64_t i, std::int64_t j) {
  return lathe::random::normal(4, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i));
}

// Dense, or sparse with a third of the entries.
double value(std::int64_t i, std::int64_t j, bool sparse) {
  return !sparse || (i + j) % 3 == 0 ? entry(i, j) : 0.0;
}

PetscErrorCode Create(PetscInt m, PetscInt n, bool sparse, Mat *a) {
  PetscFunctionBegin;
  PetscCall(lathe::test::CreateMatrix(
      PETSC_COMM_WORLD, m, n, [=](PetscInt i, PetscInt j) { return value(i, j, sparse); }, !sparse,
      false, a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The columns of S on every rank.
struct Explicit {
  std::int64_t d, m;
  std::vector<double> s;
  explicit Explicit(const Sketch &sketch)
      : d(sketch.rows), m(sketch.columns), s(static_cast<std::size_t>(d * m)) {
    SketchColumns columns(sketch);
    for (std::int64_t i = 0; i < m; ++i)
      columns.column(i, s.data() + d * i);
  }
  [[nodiscard]] double at(std::int64_t r, std::int64_t i) const {
    return s[static_cast<std::size_t>(r + d * i)];
  }
};

// Largest difference of the rows of this rank from a function of (row, column).
template <class F> double difference(Mat c, F &&expected) {
  PetscInt begin = 0, end = 0, n = 0, stride = 0;
  const PetscScalar *array = nullptr;
  double worst = 0;
  (void)MatGetOwnershipRange(c, &begin, &end);
  (void)MatGetSize(c, nullptr, &n);
  (void)MatDenseGetLDA(c, &stride);
  (void)MatDenseGetArrayRead(c, &array);
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < n; ++j)
      worst = std::max(worst, static_cast<double>(
                                  PetscAbsScalar(array[i - begin + j * stride] - expected(i, j))));
  (void)MatDenseRestoreArrayRead(c, &array);
  return worst;
}

TEST_CASE("a sketch multiplies from both sides", "[solvers]") {
  PETSC_OK(LatheInitializePackage());
  const PetscInt m = 130, n = 7, d = 40;
  for (std::size_t k = 0; k < std::size(kinds); ++k) {
    const Sketch sketch{.kind = static_cast<SketchKind>(k), .rows = d, .columns = m, .seed = 9};
    const Explicit s(sketch);
    MatHandle S;
    PETSC_OK(LatheMatCreateSketch(PETSC_COMM_WORLD, d, PETSC_DECIDE, m, kinds[k], 9, S.out()));
    PETSC_OK(MatSetUp(S));
    CAPTURE(kinds[k]);
    for (const bool sparse : {false, true}) {
      MatHandle a, wide, left, right;
      PETSC_OK(Create(m, n, sparse, a.out()));
      PETSC_OK(MatMatMult(S, a, MAT_INITIAL_MATRIX, PETSC_DEFAULT, left.out()));
      CHECK_ALL(difference(left, [&](PetscInt r, PetscInt j) {
                  double sum = 0;
                  for (PetscInt i = 0; i < m; ++i)
                    sum += s.at(r, i) * value(i, j, sparse);
                  return sum;
                }) < 1e-13);
      PETSC_OK(Create(n, m, sparse, wide.out()));
      PETSC_OK(MatMatTransposeMult(wide, S, MAT_INITIAL_MATRIX, PETSC_DEFAULT, right.out()));
      CHECK_ALL(difference(right, [&](PetscInt i, PetscInt r) {
                  double sum = 0;
                  for (PetscInt j = 0; j < m; ++j)
                    sum += s.at(r, j) * value(i, j, sparse);
                  return sum;
                }) < 1e-13);
    }
    MatHandle b, back;
    PETSC_OK(Create(d, 3, false, b.out()));
    PETSC_OK(MatTransposeMatMult(S, b, MAT_INITIAL_MATRIX, PETSC_DEFAULT, back.out()));
    CHECK_ALL(difference(back, [&](PetscInt i, PetscInt j) {
                double sum = 0;
                for (PetscInt r = 0; r < d; ++r)
                  sum += s.at(r, i) * entry(r, j);
                return sum;
              }) < 1e-13);
  }
}

TEST_CASE("a matrix that only knows products is sketched as well", "[solvers]") {
  const PetscInt m = 90, n = 11;
  MatHandle a, shell, right;
  std::vector<PetscScalar> sa, expected;
  PETSC_OK(Create(m, n, true, a.out()));
  PETSC_OK(lathe::test::CreateProductShell(a, shell.out()));
  for (const SketchKind kind : {SketchKind::SparseStack, SketchKind::Gaussian}) {
    const Sketch s{.kind = kind, .rows = 30, .columns = m, .seed = 1};
    PETSC_OK(SketchApply(s, shell, sa));
    PETSC_OK(SketchApply(s, a, expected));
    REQUIRE_ALL(sa.size() == expected.size());
    double worst = 0;
    for (std::size_t k = 0; k < sa.size(); ++k)
      worst = std::max(worst, static_cast<double>(PetscAbsScalar(sa[k] - expected[k])));
    CHECK_ALL(worst < 1e-14);
    const Sketch wide{.kind = kind, .rows = 9, .columns = n, .seed = 1};
    MatHandle y, z;
    PETSC_OK(SketchApplyRight(wide, shell, y.out()));
    PETSC_OK(SketchApplyRight(wide, a, z.out()));
    PetscReal norm = 0;
    PETSC_OK(MatAXPY(y, -1, z, SAME_NONZERO_PATTERN));
    PETSC_OK(MatNorm(y, NORM_FROBENIUS, &norm));
    CHECK_ALL(norm < 1e-13);
  }
  // And by PETSc's own products, every kind.
  for (const char *kind : kinds) {
    MatHandle S, left, expected_left;
    PetscReal norm = 0;
    PETSC_OK(LatheMatCreateSketch(PETSC_COMM_WORLD, 30, PETSC_DECIDE, m, kind, 9, S.out()));
    PETSC_OK(MatSetUp(S));
    PETSC_OK(MatMatMult(S, shell, MAT_INITIAL_MATRIX, PETSC_DEFAULT, left.out()));
    PETSC_OK(MatMatMult(S, a, MAT_INITIAL_MATRIX, PETSC_DEFAULT, expected_left.out()));
    PETSC_OK(MatAXPY(left, -1, expected_left, SAME_NONZERO_PATTERN));
    PETSC_OK(MatNorm(left, NORM_FROBENIUS, &norm));
    CAPTURE(kind, norm);
    CHECK_ALL(norm < 1e-13);
  }
}

TEST_CASE("entries of a sketch are there on demand", "[solvers]") {
  PETSC_OK(LatheInitializePackage());
  for (std::size_t k = 0; k < std::size(kinds); ++k) {
    const PetscInt m = 60, d = 20;
    const Explicit s({.kind = static_cast<SketchKind>(k), .rows = d, .columns = m, .seed = 3});
    MatHandle S, copy;
    PETSC_OK(LatheMatCreateSketch(PETSC_COMM_WORLD, d, PETSC_DECIDE, m, kinds[k], 3, S.out()));
    PETSC_OK(MatSetUp(S));
    PETSC_OK(MatDuplicate(S, MAT_COPY_VALUES, copy.out()));
    PetscInt begin = 0, end = 0;
    PETSC_OK(MatGetOwnershipRange(copy, &begin, &end));
    double worst = 0;
    for (PetscInt r = begin; r < end; ++r) {
      PetscInt count = 0;
      const PetscInt *columns = nullptr;
      const PetscScalar *values = nullptr;
      std::vector<double> row(static_cast<std::size_t>(m));
      (void)MatGetRow(copy, r, &count, &columns, &values);
      for (PetscInt e = 0; e < count; ++e)
        row[static_cast<std::size_t>(columns[e])] = PetscRealPart(values[e]);
      (void)MatRestoreRow(copy, r, &count, &columns, &values);
      const PetscInt column = (7 * r) % m;
      PetscScalar value = 0;
      (void)MatGetValues(copy, 1, &r, 1, &column, &value);
      worst = std::max(worst, std::abs(PetscRealPart(value) - s.at(r, column)));
      for (PetscInt j = 0; j < m; ++j)
        worst = std::max(worst, std::abs(row[static_cast<std::size_t>(j)] - s.at(r, j)));
    }
    CAPTURE(kinds[k]);
    CHECK_ALL(worst < 1e-15);
  }
}

TEST_CASE("options describe a sketch, and wrong ones are refused", "[solvers]") {
  using lathe::test::catch_error;
  PETSC_OK(LatheInitializePackage());
  const auto with = [](const char *options) {
    return catch_error([&]() -> PetscErrorCode {
      MatHandle S;
      PetscCall(PetscOptionsInsertString(nullptr, options));
      PetscCall(MatCreate(PETSC_COMM_WORLD, S.out()));
      PetscCall(MatSetOptionsPrefix(S, "s_"));
      PetscCall(MatSetSizes(S, PETSC_DECIDE, PETSC_DECIDE, 10, 200));
      PetscCall(MatSetType(S, "sketch"));
      const PetscErrorCode from_options = MatSetFromOptions(S);
      const PetscErrorCode code = from_options ? from_options : MatSetUp(S);
      PetscInt rows = 0;
      if (!code)
        PetscCall(MatGetSize(S, &rows, nullptr));
      PetscCall(PetscOptionsClear(nullptr));
      PetscCheck(code || rows == 31, PETSC_COMM_WORLD, PETSC_ERR_PLIB, "rows");
      return code;
    });
  };
  const auto says = [&](const char *options, const char *part) {
    const auto caught = with(options);
    return caught.code != PETSC_SUCCESS && caught.message.find(part) != std::string::npos;
  };
  CHECK_ALL(with("-s_mat_sketch_rows 31 -s_mat_sketch_type block_srht -s_mat_sketch_rounds 1 "
                 "-s_mat_sketch_block 64 -s_mat_sketch_seed 5 -s_mat_sketch_reproducible 0")
                .code == PETSC_SUCCESS);
  CHECK_ALL(says("-s_mat_sketch_seed -1", "-mat_sketch_seed -1; must be >= 0"));
  CHECK_ALL(says("-s_mat_sketch_rows 0", "-mat_sketch_rows 0; must be >= 1"));
  CHECK_ALL(says("-s_mat_sketch_rows 4", "4 rows with 8 nonzeros a column; must be 1 to 4"));
  CHECK_ALL(says("-s_mat_sketch_nnz 0", "must be 1 to 10 (-mat_sketch_nnz)"));
  CHECK_ALL(says("-s_mat_sketch_nnz -3", "-mat_sketch_nnz"));
  CHECK_ALL(says("-s_mat_sketch_type srht -s_mat_sketch_rounds 9", "-mat_sketch_rounds"));
  CHECK_ALL(says("-s_mat_sketch_type srct_cosine -s_mat_sketch_rows 201", "-mat_sketch_rows"));
  MatHandle S;
  CHECK_ALL(catch_error([&] {
              return LatheMatCreateSketch(PETSC_COMM_WORLD, 10, PETSC_DECIDE, 20, "sparse", 1,
                                          S.out());
            }).message.find("No sketch is called sparse") != std::string::npos);
}

} // namespace
