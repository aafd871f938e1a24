// SPDX-License-Identifier: BSD-2-Clause
// Sketches of tensor structure: the definition entry by entry, known answers, Kronecker and
// Khatri-Rao products that are not formed, rank counts, refusals.
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "sketching/sketch_columns.h"
#include "sketching/tensor_sketch.h"
#include "tensor_matrices.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

using lathe::MatHandle;
using namespace lathe::sketching;
using namespace lathe::test;

std::vector<double> columns_of(const Sketch &s) {
  SketchColumns columns(s);
  std::vector<double> all(static_cast<std::size_t>(s.rows * s.columns));
  for (std::int64_t i = 0; i < s.columns; ++i)
    columns.column(i, all.data() + s.rows * i);
  return all;
}

// Entry (r, i_k) of S_k without the divisors, from random::words.
double factor_entry(const Sketch &s, int k, std::int64_t r, std::int64_t i) {
  const auto words =
      lathe::random::words(s.seed, 0x4641435400000000, static_cast<std::uint64_t>(k));
  const std::uint64_t seed = static_cast<std::uint64_t>(words[0]) << 32 | words[1];
  if (s.kind == SketchKind::KhatriRao) {
    SketchColumns gaussian(
        {.kind = SketchKind::Gaussian, .rows = s.rows, .columns = i + 1, .seed = seed});
    std::vector<double> column(static_cast<std::size_t>(s.rows));
    gaussian.column(i, column.data());
    return column[static_cast<std::size_t>(r)] * std::sqrt(static_cast<double>(s.rows));
  }
  const auto length =
      std::bit_ceil(static_cast<std::uint64_t>(s.factors.at(static_cast<std::size_t>(k))));
  const auto sign = [&](std::uint64_t round, std::uint64_t j) {
    return (lathe::random::words(seed, 0x4400000000000000 + round, j / 128)[j / 32 % 4] >>
                (j % 32) &
            1) != 0
               ? -1.0
               : 1.0;
  };
  const auto hadamard = [](std::uint64_t a, std::uint64_t b) {
    return std::popcount(a & b) % 2 != 0 ? -1.0 : 1.0;
  };
  const std::uint64_t row =
      lathe::random::below(length, seed, 0x5000000000000000, static_cast<std::uint64_t>(r));
  const auto column = static_cast<std::uint64_t>(i);
  if (s.rounds == 1)
    return hadamard(row, column) * sign(0, column);
  double sum = 0;
  for (std::uint64_t j = 0; j < length; ++j)
    sum += hadamard(row, j) * sign(1, j) * hadamard(j, column);
  return sum * sign(0, column) / std::sqrt(static_cast<double>(length));
}

TEST_CASE("dense sketches of tensor structure have products as rows", "[sketching]") {
  for (const SketchKind kind : {SketchKind::KroneckerSrht, SketchKind::KhatriRao})
    for (const Factors &factors : {Factors{5, 3, 6}, Factors{11, 4}, Factors{1, 7}, Factors{9}})
      for (const int rounds : {1, 2}) {
        Sketch s = tensor(kind, 21, factors);
        s.rounds = rounds;
        const std::vector<double> found = columns_of(s);
        const std::vector<std::int64_t> sizes(factors.begin(), factors.begin() + factor_count(s));
        double worst = 0;
        for (std::int64_t i = 0; i < s.columns; ++i)
          for (std::int64_t r = 0; r < s.rows; ++r) {
            double product = 1 / std::sqrt(21.0);
            for (int k = 0; k < factor_count(s); ++k)
              product *= factor_entry(s, k, r, multi_index(sizes, i)[static_cast<std::size_t>(k)]);
            worst = std::max(worst,
                             std::abs(found[static_cast<std::size_t>(r + s.rows * i)] - product) /
                                 std::max(1.0, std::abs(product)));
          }
        CAPTURE(name_of(kind), factors[0], rounds, worst);
        CHECK_ALL(worst < 1e-15);
      }
}

TEST_CASE("transposes and right products of tensor sketches are those of their columns",
          "[sketching]") {
  for (const SketchKind kind : tensor_kinds)
    for (const Factors &factors : {Factors{5, 3, 6}, Factors{13, 7}, Factors{9}}) {
      const Sketch s = tensor(kind, 70, factors); // more rows than a transform has
      const std::vector<double> all = columns_of(s);
      std::vector<double> y(70), x(static_cast<std::size_t>(s.columns - 3)), sx(70);
      for (std::size_t r = 0; r < y.size(); ++r)
        y[r] = lathe::random::normal(1, 0, r);
      SketchColumns columns(s);
      columns.transposed(y.data(), 2, s.columns - 3, x.data());
      double worst = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        long double sum = 0;
        for (std::size_t r = 0; r < y.size(); ++r)
          sum += static_cast<long double>(all[r + 70 * (k + 2)]) * y[r];
        worst = std::max(worst, std::abs(static_cast<double>(x[k] - sum)));
      }
      std::vector<double> whole(static_cast<std::size_t>(s.columns));
      for (std::size_t i = 0; i < whole.size(); ++i)
        whole[i] = lathe::random::normal(1, 1, i);
      columns.apply(whole.data(), sx.data());
      for (std::size_t r = 0; r < y.size(); ++r) {
        long double sum = 0;
        for (std::size_t i = 0; i < whole.size(); ++i)
          sum += static_cast<long double>(all[r + 70 * i]) * whole[i];
        worst = std::max(worst, std::abs(static_cast<double>(sx[r] - sum)));
      }
      CAPTURE(name_of(kind), worst);
      CHECK_ALL(worst < 2e-14);
    }
}

// The row and the sign of entry z of column i of a SparseStack.
std::pair<std::int64_t, int> stack_entry(std::uint64_t seed, std::int64_t d, std::int64_t nonzeros,
                                         std::int64_t z, std::int64_t i) {
  const std::uint64_t word =
      lathe::random::words(seed, 0x5354414b00000000 + static_cast<std::uint64_t>(z / 4),
                           static_cast<std::uint64_t>(i))[static_cast<std::size_t>(z % 4)];
  const std::int64_t begin = z * d / nonzeros, size = (z + 1) * d / nonzeros - begin;
  return {static_cast<std::int64_t>((word >> 1) * static_cast<std::uint64_t>(size) >> 31),
          word % 2 != 0 ? -1 : 1};
}

TEST_CASE("columns of a TensorSketch are convolutions", "[sketching]") {
  for (const Factors &factors : {Factors{5, 3, 6}, Factors{40, 7}, Factors{9}})
    for (const int nonzeros : {1, 3, 8}) {
      Sketch s = tensor(SketchKind::TensorSketch, 50, factors);
      s.nonzeros = nonzeros;
      const std::vector<std::int64_t> sizes(factors.begin(), factors.begin() + factor_count(s));
      std::vector<double> expected(static_cast<std::size_t>(s.rows * s.columns));
      for (std::int64_t i = 0; i < s.columns; ++i)
        for (std::int64_t z = 0; z < nonzeros; ++z) {
          const std::int64_t begin = z * s.rows / nonzeros,
                             size = (z + 1) * s.rows / nonzeros - begin;
          std::int64_t row = 0;
          int sign = 1;
          for (int k = 0; k < factor_count(s); ++k) {
            const auto words =
                lathe::random::words(s.seed, 0x4641435400000000, static_cast<std::uint64_t>(k));
            const auto [h, e] =
                stack_entry(static_cast<std::uint64_t>(words[0]) << 32 | words[1], s.rows, nonzeros,
                            z, multi_index(sizes, i)[static_cast<std::size_t>(k)]);
            row += h;
            sign *= e;
          }
          expected[static_cast<std::size_t>(begin + row % size + s.rows * i)] =
              sign / std::sqrt(static_cast<double>(nonzeros));
        }
      CAPTURE(nonzeros, factors[0]);
      CHECK_ALL(columns_of(s) == expected);
    }
}

// By another implementation of Philox, the rows signed.
TEST_CASE("known answers of the sketches of tensor structure", "[sketching]") {
  Sketch s = tensor(SketchKind::TensorSketch, 1000, {30, 20}, 42);
  s.nonzeros = 1;
  std::vector<std::int64_t> places;
  std::vector<double> x(1000);
  SketchColumns columns(s);
  for (const std::int64_t i : {0, 1, 20, 599}) {
    columns.column(i, x.data());
    const auto at = std::find_if(x.begin(), x.end(), [](double v) { return v != 0; });
    places.push_back(static_cast<std::int64_t>(*at) * (at - x.begin()));
  }
  CHECK_ALL(places == std::vector<std::int64_t>{551, -345, 799, 404});
  s.kind = SketchKind::KroneckerSrht;
  s.rounds = 1;
  SketchColumns dense(s);
  dense.column(599, x.data());
  std::vector<double> signs;
  for (std::size_t r = 0; r < 8; ++r)
    signs.push_back(std::round(x[r] * std::sqrt(1000.0)));
  CHECK_ALL(signs == std::vector<double>{1, 1, -1, 1, 1, 1, -1, 1});
}

double entry(std::uint64_t matrix, std::int64_t i, std::int64_t j) {
  return lathe::random::normal(8, matrix << 32 | static_cast<std::uint64_t>(j),
                               static_cast<std::uint64_t>(i));
}

// The factors of a product, and the product itself as a function of row and column.
struct Product {
  std::vector<std::int64_t> rows, columns;
  bool kronecker = false, sparse = false;
  [[nodiscard]] PetscScalar factor(std::size_t k, std::int64_t i, std::int64_t j) const {
    if (sparse && (i + j) % 3 != 0)
      return 0;
#if defined(PETSC_USE_COMPLEX)
    return PetscScalar(entry(k, i, j), entry(k + 10, i, j));
#else
    return entry(k, i, j);
#endif
  }
  [[nodiscard]] PetscScalar at(std::int64_t i, std::int64_t j) const {
    const MultiIndex row = multi_index(rows, i), column = multi_index(columns, j);
    PetscScalar product = 1;
    for (std::size_t k = 0; k < rows.size(); ++k)
      product *= factor(k, row[k], kronecker ? column[k] : j);
    return product;
  }
  [[nodiscard]] PetscInt width() const {
    std::int64_t n = 1;
    for (const std::int64_t c : columns)
      n *= c;
    return static_cast<PetscInt>(kronecker ? n : columns[0]);
  }
  PetscErrorCode Form(MPI_Comm comm, std::vector<MatHandle> *factors, Mat *whole) const {
    PetscFunctionBegin;
    PetscInt m = 1;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      m *= static_cast<PetscInt>(rows[k]);
      factors->emplace_back();
      PetscCall(CreateByEntries(
          comm, static_cast<PetscInt>(rows[k]), static_cast<PetscInt>(columns[k]), sparse,
          [&](PetscInt i, PetscInt j) { return factor(k, i, j); }, factors->back().out()));
    }
    PetscCall(CreateByEntries(
        comm, m, width(), false, [&](PetscInt i, PetscInt j) { return at(i, j); }, whole));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
};

std::vector<Mat> list_of(const std::vector<MatHandle> &handles) {
  return {handles.begin(), handles.end()};
}

const Product products[] = {{{12, 9}, {4, 4}, false, false},
                            {{5, 8, 3}, {6, 6, 6}, false, true},
                            {{12, 9}, {3, 2}, true, true},
                            {{5, 8, 3}, {2, 1, 3}, true, false}};

PetscErrorCode ApplyFactors(const Sketch &s, const Product &p,
                            const std::vector<MatHandle> &factors, std::vector<PetscScalar> &sa) {
  PetscFunctionBegin;
  PetscCall(p.kronecker ? SketchApplyKronecker(s, list_of(factors), sa)
                        : SketchApplyKhatriRao(s, list_of(factors), sa));
  PetscFunctionReturn(PETSC_SUCCESS);
}

TEST_CASE("products that are not formed are sketched as the formed ones are", "[sketching]") {
  for (const SketchKind kind : tensor_kinds) {
    double worst = 0;
    for (const Product &p : products)
      for (const int nonzeros : {1, 4}) {
        Factors sizes{};
        std::copy(p.rows.begin(), p.rows.end(), sizes.begin());
        Sketch s = tensor(kind, 41, sizes);
        s.nonzeros = nonzeros;
        std::vector<MatHandle> factors;
        MatHandle whole, sparse;
        std::vector<PetscScalar> sa, expected;
        PETSC_OK(p.Form(PETSC_COMM_WORLD, &factors, whole.out()));
        PETSC_OK(MatConvert(whole, MATAIJ, MAT_INITIAL_MATRIX, sparse.out()));
        PETSC_OK(ApplyFactors(s, p, factors, sa));
        std::vector<PetscReal> norms(static_cast<std::size_t>(p.width()));
        PETSC_OK(MatGetColumnNorms(whole, NORM_2, norms.data()));
        for (const Mat a : {whole.get(), sparse.get()}) {
          PETSC_OK(SketchApply(s, a, expected));
          REQUIRE_ALL(sa.size() == expected.size());
          for (std::size_t k = 0; k < sa.size(); ++k)
            worst = std::max(worst, PetscAbsScalar(sa[k] - expected[k]) / norms[k / 41]);
        }
      }
    if (lathe::test::mpi_rank() == 0)
      std::printf("%-14s of factors, worst difference %.2g of a column\n", name_of(kind), worst);
    CAPTURE(name_of(kind), worst);
    CHECK_ALL(worst < 1e-14);
  }
}

bool same_bits(const std::vector<PetscScalar> &x, const std::vector<PetscScalar> &y) {
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0;
}

TEST_CASE("tensor sketches have the same bits on every number of ranks", "[sketching]") {
  for (const SketchKind kind : tensor_kinds)
    for (const Product &p : products) {
      Factors sizes{};
      std::copy(p.rows.begin(), p.rows.end(), sizes.begin());
      const Sketch s = tensor(kind, 60, sizes, 77);
      std::vector<MatHandle> one, many;
      MatHandle whole_one, whole_many;
      std::vector<PetscScalar> x, y;
      PETSC_OK(p.Form(PETSC_COMM_SELF, &one, whole_one.out()));
      PETSC_OK(p.Form(PETSC_COMM_WORLD, &many, whole_many.out()));
      PETSC_OK(ApplyFactors(s, p, one, x));
      PETSC_OK(ApplyFactors(s, p, many, y));
      CAPTURE(name_of(kind), p.kronecker, p.sparse);
      CHECK_ALL(same_bits(x, y));
      PETSC_OK(SketchApply(s, whole_one, x));
      PETSC_OK(SketchApply(s, whole_many, y));
      CHECK_ALL(same_bits(x, y));
    }
}

TEST_CASE("a Mat of type sketch multiplies products of factors", "[sketching]") {
  PETSC_OK(LatheInitializePackage());
  const Product &p = products[0];
  const PetscInt sizes[] = {12, 9};
  std::vector<MatHandle> factors;
  MatHandle whole, S, left, found;
  PETSC_OK(p.Form(PETSC_COMM_WORLD, &factors, whole.out()));
  PETSC_OK(
      LatheMatCreateSketch(PETSC_COMM_WORLD, 40, PETSC_DECIDE, 108, "tensor_sketch", 5, S.out()));
  PETSC_OK(LatheMatSketchSetFactors(S, 2, sizes));
  PETSC_OK(MatSetUp(S));
  PETSC_OK(MatMatMult(S, whole, MAT_INITIAL_MATRIX, PETSC_DEFAULT, left.out()));
  PETSC_OK(LatheMatSketchMultFactors(S, LATHE_KHATRI_RAO, 2, list_of(factors).data(), found.out()));
  PetscReal norm = 0, error = 0;
  PETSC_OK(MatNorm(left, NORM_FROBENIUS, &norm));
  PETSC_OK(MatAXPY(found, -1, left, SAME_NONZERO_PATTERN));
  PETSC_OK(MatNorm(found, NORM_FROBENIUS, &error));
  CHECK_ALL((norm > 1 && error < 1e-14 * norm));
}

TEST_CASE("tensor sketches refuse factors that do not fit", "[sketching]") {
  using lathe::test::catch_error;
  MatHandle a, b, wide;
  const auto one = [](PetscInt, PetscInt) { return 1.0; };
  PETSC_OK(CreateByEntries(PETSC_COMM_WORLD, 12, 4, false, one, a.out()));
  PETSC_OK(CreateByEntries(PETSC_COMM_WORLD, 9, 4, false, one, b.out()));
  PETSC_OK(CreateByEntries(PETSC_COMM_WORLD, 9, 5, false, one, wide.out()));
  std::vector<PetscScalar> sa;
  const auto says = [&](const Sketch &s, const std::vector<Mat> &factors, const char *part) {
    const auto caught = catch_error([&] { return SketchApplyKhatriRao(s, factors, sa); });
    return caught.code != PETSC_SUCCESS && caught.message.find(part) != std::string::npos;
  };
  const Sketch s = tensor(SketchKind::TensorSketch, 40, {12, 9});
  CHECK_ALL(says(s, {a, wide}, "Matrix 1 has 5 columns, the first one 4"));
  CHECK_ALL(says(s, {b, a}, "Matrix 0 has 9 rows, factor 0 of the sketch 12"));
  CHECK_ALL(says(s, {a}, "1 matrices for the 2 factors"));
  CHECK_ALL(says(s, {}, "0 matrices for the 2 factors"));
  Sketch other = s;
  other.columns = 107;
  CHECK_ALL(
      says(other, {a, b}, "12,9 of a tensor_sketch sketch have the product 108, not its 107"));
  other.factors = {};
  CHECK_ALL(says(other, {a, b}, "without factors; give 1 to 6 numbers"));
  other.factors = {-12, 9};
  CHECK_ALL(says(other, {a, b}, "Factor 0 of a tensor_sketch sketch has -12 rows; must be >= 1"));
  const std::int64_t huge = std::int64_t{1} << 40;
  other.factors = {huge, huge};
  CHECK_ALL(says(other, {a, b}, "have a product above 2^62 (-mat_sketch_factors)"));
  other = s;
  other.nonzeros = 41;
  CHECK_ALL(says(other, {a, b}, "41 nonzeros a column; must be 1 to 40 (-mat_sketch_nnz)"));
  other = {.rows = 40, .columns = 108};
  CHECK_ALL(says(other, {a, b}, "sparse_stack sketch cannot be applied to factors"));
  other.factors = {12, 9};
  MatHandle whole;
  PETSC_OK(CreateByEntries(PETSC_COMM_WORLD, 108, 2, false, one, whole.out()));
  CHECK_ALL(catch_error([&] {
              return SketchApply(other, whole, sa);
            }).message.find("sparse_stack sketch has no factors, 12,9 were given") !=
            std::string::npos);
  // Products beyond 2³¹ rows are fine as long as they are not formed.
  MatHandle tall;
  PETSC_OK(CreateByEntries(PETSC_COMM_WORLD, 70001, 2, true, one, tall.out()));
  Sketch beyond = tensor(SketchKind::TensorSketch, 64, {70001, 70001, 70001}, 1);
  PETSC_OK(SketchApplyKhatriRao(beyond, {tall, tall, tall}, sa));
  CHECK_ALL(sa.size() == 128);
  // … but not as columns of a Mat of 32-bit indices, nor as columns of a Kronecker product.
  std::vector<Mat> many(6);
  MatHandle broad;
  PETSC_OK(CreateByEntries(PETSC_COMM_WORLD, 2, 200, false, one, broad.out()));
  std::fill(many.begin(), many.end(), broad.get());
  CHECK_ALL(catch_error([&] {
              return SketchApplyKronecker(tensor(SketchKind::TensorSketch, 64, {2, 2, 2, 2, 2, 2}),
                                          many, sa);
            }).message.find("The Kronecker product has more than") != std::string::npos);
}

TEST_CASE("options give a Mat of type sketch its factors", "[sketching]") {
  using lathe::test::catch_error;
  PETSC_OK(LatheInitializePackage());
  const auto with = [](const char *options) {
    return catch_error([&]() -> PetscErrorCode {
      MatHandle S;
      PetscCall(PetscOptionsInsertString(nullptr, options));
      PetscCall(MatCreate(PETSC_COMM_WORLD, S.out()));
      PetscCall(MatSetOptionsPrefix(S, "t_"));
      PetscCall(MatSetSizes(S, PETSC_DECIDE, PETSC_DECIDE, 10, 108));
      PetscCall(MatSetType(S, "sketch"));
      const PetscErrorCode from_options = MatSetFromOptions(S);
      const PetscErrorCode code = from_options ? from_options : MatSetUp(S);
      PetscCall(PetscOptionsClear(nullptr));
      return code;
    });
  };
  const auto says = [&](const char *options, const char *part) {
    const auto caught = with(options);
    return caught.code != PETSC_SUCCESS && caught.message.find(part) != std::string::npos;
  };
  for (const char *kind : {"tensor_sketch", "kronecker_srht", "khatri_rao"}) {
    const std::string type = std::string("-t_mat_sketch_type ") + kind;
    CHECK_ALL(with((type + " -t_mat_sketch_factors 12,9").c_str()).code == PETSC_SUCCESS);
    CHECK_ALL(with((type + " -t_mat_sketch_factors 3,4,9").c_str()).code == PETSC_SUCCESS);
    CHECK_ALL(says(type.c_str(), "without factors"));
    CHECK_ALL(says((type + " -t_mat_sketch_factors 12,8").c_str(), "product 96, not its 108"));
    CHECK_ALL(says((type + " -t_mat_sketch_factors 12,0").c_str(), "Factor 1 of a sketch has 0"));
    CHECK_ALL(says((type + " -t_mat_sketch_factors 1,1,1,1,1,12,9").c_str(),
                   "7 factors of a sketch; must be 1 to 6"));
  }
  CHECK_ALL(says("-t_mat_sketch_factors 12,9", "sparse_stack sketch has no factors"));
}

} // namespace
