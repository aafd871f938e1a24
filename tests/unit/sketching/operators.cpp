// SPDX-License-Identifier: BSD-2-Clause
// Sketches against their definition, on every instruction set and any distribution of the rows.
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "sketching/isa.h"
#include "sketching/sketch_columns.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using namespace lathe::sketching;

// The definition, entry by entry, from random::words.
std::vector<Code> reference_codes(const SparseColumns &s, std::int64_t i) {
  std::vector<Code> codes;
  const auto d = static_cast<std::uint64_t>(s.rows);
  const auto count = static_cast<std::uint64_t>(s.nonzeros);
  for (std::uint64_t z = 0; z < count; ++z) {
    const std::uint64_t stream = s.distinct ? 0x5349474e00000000 : 0x5354414b00000000;
    const std::uint64_t word =
        lathe::random::words(s.seed, stream + z / 4, static_cast<std::uint64_t>(i))[z % 4];
    const auto bounded = [&](std::uint64_t n) { return ((word >> 1) * n) >> 31; };
    std::uint64_t row = 0;
    if (s.distinct) {
      const std::uint64_t last = d - count + z;
      row = bounded(last + 1);
      if (std::any_of(codes.begin(), codes.end(), [&](Code c) { return c / 2 == row; }))
        row = last;
    } else {
      const std::uint64_t begin = z * d / count;
      row = begin + bounded((z + 1) * d / count - begin);
    }
    codes.push_back(static_cast<Code>(2 * row + word % 2));
  }
  return codes;
}

TEST_CASE("every instruction set makes the codes of the definition", "[sketching]") {
  for (const Isa *const *isa = available_isas(); *isa; ++isa)
    for (const bool distinct : {false, true})
      for (const int nonzeros : {1, 3, 8, 64})
        for (const std::int64_t d : {64, 403, 2147483647})
          for (const std::int64_t first : {std::int64_t{0}, (std::int64_t{1} << 32) - 5}) {
            const SparseColumns s{
                .seed = 0x123456789abcdef, .rows = d, .nonzeros = nonzeros, .distinct = distinct};
            const std::int64_t count = 21;
            std::vector<Code> codes(static_cast<std::size_t>(count * nonzeros)), expected;
            (*isa)->codes(s, first, count, codes.data());
            for (std::int64_t k = 0; k < count; ++k)
              for (const Code code : reference_codes(s, first + k))
                expected.push_back(code);
            CAPTURE((*isa)->name, distinct, nonzeros, d, first);
            CHECK(codes == expected);
          }
}

// An m × n matrix of which every rank knows every entry; rows of equal entries[i] % 3 == 0 sparse.
struct Case {
  PetscInt m, n;
  bool integer;
  [[nodiscard]] double at(std::int64_t i, std::int64_t j) const {
    const auto index = static_cast<std::uint64_t>(i * 1000 + j);
    if (integer)
      return std::floor(1000 * lathe::random::uniform(5, 0, index)) - 500;
    return lathe::random::normal(5, 1, index) * std::exp2(30 * lathe::random::uniform(5, 2, index));
  }
  [[nodiscard]] bool kept(std::int64_t i, std::int64_t j) const { // in the sparse version
    return lathe::random::uniform(6, 0, static_cast<std::uint64_t>(i * 1000 + j)) < 0.2;
  }
};

enum class Split { Even, OnlyLast, Ragged };

PetscInt local_rows(PetscInt m, Split split, int rank, int size) {
  switch (split) {
  case Split::OnlyLast:
    return rank == size - 1 ? m : 0;
  case Split::Ragged: // empty ranks between
    if (rank % 2 == 1)
      return 0;
    return rank + 2 >= size ? m - (m / 3 / size) * (rank / 2) : m / 3 / size;
  default:
    return m / size + (rank < m % size ? 1 : 0);
  }
}

PetscErrorCode Create(MPI_Comm comm, const Case &c, bool sparse, Split split, Mat *a) {
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscInt begin = 0, end = 0;
  PetscCall(MatCreate(comm, a));
  PetscCall(MatSetSizes(*a, local_rows(c.m, split, rank, size), PETSC_DECIDE, c.m, c.n));
  PetscCall(MatSetType(*a, sparse ? MATAIJ : MATDENSE));
  PetscCall(MatSeqAIJSetPreallocation(*a, c.n, nullptr));
  PetscCall(MatMPIAIJSetPreallocation(*a, c.n, nullptr, c.n, nullptr));
  PetscCall(MatSetUp(*a));
  PetscCall(MatGetOwnershipRange(*a, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < c.n; ++j)
      if (!sparse || c.kept(i, j))
        PetscCall(MatSetValue(*a, i, j, c.at(i, j), INSERT_VALUES));
  PetscCall(MatAssemblyBegin(*a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*a, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CreateVector(MPI_Comm comm, const Case &c, Split split, Vec *b) {
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscInt begin = 0, end = 0;
  PetscCall(VecCreate(comm, b));
  PetscCall(VecSetSizes(*b, local_rows(c.m, split, rank, size), c.m));
  PetscCall(VecSetType(*b, VECSTANDARD));
  PetscCall(VecGetOwnershipRange(*b, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    PetscCall(VecSetValue(*b, i, c.at(i, 999), INSERT_VALUES));
  PetscCall(VecAssemblyBegin(*b));
  PetscCall(VecAssemblyEnd(*b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// S·[A b] in extended precision, Σ_i |s_ri a_ij|, and the norms of the columns.
struct Reference {
  std::vector<long double> value;
  std::vector<double> absolute, norm;
};

Reference reference(const Sketch &s, const Case &c, bool sparse) {
  const auto size = static_cast<std::size_t>(s.rows * (c.n + 1));
  Reference r{std::vector<long double>(size), std::vector<double>(size),
              std::vector<double>(static_cast<std::size_t>(c.n + 1))};
  std::vector<double> column(static_cast<std::size_t>(s.rows));
  SketchColumns columns(s);
  for (std::int64_t i = 0; i < c.m; ++i) {
    columns.column(i, column.data());
    for (std::int64_t j = 0; j <= c.n; ++j) {
      const double x = j == c.n ? c.at(i, 999) : !sparse || c.kept(i, j) ? c.at(i, j) : 0;
      double &norm = r.norm[static_cast<std::size_t>(j)];
      norm = std::hypot(norm, x);
      for (std::int64_t k = 0; k < s.rows; ++k) {
        const long double term = static_cast<long double>(column[static_cast<std::size_t>(k)]) * x;
        r.value[static_cast<std::size_t>(k + s.rows * j)] += term;
        r.absolute[static_cast<std::size_t>(k + s.rows * j)] += static_cast<double>(std::abs(term));
      }
    }
  }
  return r;
}

constexpr SketchKind kinds[] = {
    SketchKind::SparseStack, SketchKind::SparseSign,    SketchKind::CountSketch,
    SketchKind::Gaussian,    SketchKind::Rademacher,    SketchKind::Srht,
    SketchKind::SrctCosine,  SketchKind::SrctCirculant, SketchKind::BlockSrht};

TEST_CASE("sketches are those of the definition", "[sketching]") {
  for (const SketchKind kind : kinds) {
    double worst = 0;
    for (const bool sparse : {false, true})
      for (const PetscInt n : {PetscInt(0), PetscInt(1), PetscInt(3), PetscInt(11), PetscInt(40)})
        for (const std::int64_t d : {45, 4200}) { // sorted blocks and scattered ones
          if (d > 300 && (n != 11 || nonzeros_of({.kind = kind}) == 0))
            continue;
          const Case c{300, n, false};
          const Sketch s{
              .kind = kind, .rows = d, .columns = c.m, .seed = 3, .nonzeros = 6, .block = 64};
          MatHandle a;
          VecHandle b;
          std::vector<PetscScalar> sa;
          PETSC_OK(Create(PETSC_COMM_WORLD, c, sparse, Split::Even, a.out()));
          PETSC_OK(CreateVector(PETSC_COMM_WORLD, c, Split::Even, b.out()));
          PETSC_OK(SketchApply(s, a, b, sa));
          const Reference r = reference(s, c, sparse);
          REQUIRE_ALL(sa.size() == r.value.size());
          for (std::size_t k = 0; k < sa.size(); ++k) {
            const double norm = r.norm[k / static_cast<std::size_t>(d)];
            const double unit = is_transform(kind) ? norm : r.absolute[k] + 1e-3 * norm;
            const auto exact = static_cast<double>(r.value[k]);
            if (norm > 0)
              worst = std::max(worst, std::abs(PetscRealPart(sa[k]) - exact) / (unit * 0x1p-53));
          }
        }
    if (lathe::test::mpi_rank() == 0)
      std::printf("%-15s worst error %.2g units of 2^-53\n", name_of(kind), worst);
    CAPTURE(name_of(kind), worst);
    CHECK_ALL(worst <= (is_transform(kind) ? 6 : 12));
  }
}

bool same_bits(const std::vector<PetscScalar> &x, const std::vector<PetscScalar> &y) {
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0;
}

bool exact_on_integers(SketchKind kind) {
  return kind != SketchKind::Gaussian && kind != SketchKind::SrctCosine &&
         kind != SketchKind::SrctCirculant;
}

TEST_CASE("bits do not depend on ranks and rows, plain or not", "[sketching]") {
  for (const SketchKind kind : kinds)
    for (const bool sparse : {false, true})
      for (const bool integer : {false, true}) {
        const Case c{2100, 19, integer};
        Sketch s{.kind = kind, .rows = 80, .columns = c.m, .seed = 11, .block = 128};
        MatHandle serial;
        VecHandle serial_b;
        std::vector<PetscScalar> one, many;
        PETSC_OK(Create(PETSC_COMM_SELF, c, sparse, Split::Even, serial.out()));
        PETSC_OK(CreateVector(PETSC_COMM_SELF, c, Split::Even, serial_b.out()));
        PETSC_OK(SketchApply(s, serial, serial_b, one));
        for (const Split split : {Split::Even, Split::OnlyLast, Split::Ragged}) {
          if (integer && split == Split::Even)
            continue;
          MatHandle a;
          VecHandle b;
          PETSC_OK(Create(PETSC_COMM_WORLD, c, sparse, split, a.out()));
          PETSC_OK(CreateVector(PETSC_COMM_WORLD, c, split, b.out()));
          s.reproducible = true;
          PETSC_OK(SketchApply(s, a, b, many));
          CAPTURE(name_of(kind), sparse, integer, static_cast<int>(split));
          CHECK_ALL(same_bits(one, many));
          if (integer && exact_on_integers(kind)) {
            s.reproducible = false;
            PETSC_OK(SketchApply(s, a, b, many));
            CHECK_ALL(same_bits(one, many));
          }
          s.reproducible = true;
          std::vector<PetscScalar> alone;
          PETSC_OK(SketchApply(s, b, alone));
          if (nonzeros_of(s) > 0) // their vectors are always summed in the same way
            CHECK_ALL(same_bits(alone, {one.end() - s.rows, one.end()}));
        }
      }
}

TEST_CASE("a sketch refuses what it cannot do, on every rank", "[sketching]") {
  using lathe::test::catch_error;
  const Case c{50, 6, false};
  MatHandle a, dense;
  VecHandle b;
  std::vector<PetscScalar> sa;
  PETSC_OK(Create(PETSC_COMM_WORLD, c, true, Split::Even, a.out()));
  PETSC_OK(Create(PETSC_COMM_WORLD, c, false, Split::Even, dense.out()));
  PETSC_OK(CreateVector(PETSC_COMM_WORLD, c, Split::Even, b.out()));
  const auto message = [&](const Sketch &s, Mat matrix) {
    return catch_error([&] { return SketchApply(s, matrix, b, sa); }).message;
  };
  const auto has = [](const std::string &text, const char *part) {
    return text.find(part) != std::string::npos;
  };
  CHECK_ALL(has(message({.rows = 0, .columns = 50}, a), "with 0 rows; must be 1 to 2147483647"));
  CHECK_ALL(has(message({.rows = -4, .columns = 50}, a), "(-mat_sketch_rows)"));
  CHECK_ALL(has(message({.rows = std::int64_t{1} << 31, .columns = 50}, a), "2147483648 rows"));
  CHECK_ALL(has(message({.rows = 5, .columns = 50}, a), "of 5 rows with 8 nonzeros a column; must "
                                                        "be 1 to 5 (-mat_sketch_nnz)"));
  CHECK_ALL(has(message({.rows = 500, .columns = 50, .nonzeros = 0}, a), "must be 1 to 64"));
  CHECK_ALL(has(message({.kind = SketchKind::Srht, .rows = 9, .columns = 50, .rounds = 0}, a),
                "of 0 rounds; must be 1 to 8"));
  CHECK_ALL(has(message({.kind = SketchKind::BlockSrht, .rows = 9, .columns = 50, .block = 0}, a),
                "blocks of 0 rows"));
  CHECK_ALL(has(message({.kind = SketchKind::SrctCosine, .rows = 60, .columns = 50}, a),
                "of 60 rows and 50 columns; at most as many"));
  CHECK_ALL(has(message({.rows = 20, .columns = 51}, a), "51 columns does not fit"));
  for (const Mat matrix : {a.get(), dense.get()}) {
    PETSC_OK(MatZeroEntries(matrix));
    PETSC_OK(MatSetOption(matrix, MAT_NEW_NONZERO_ALLOCATION_ERR, PETSC_FALSE));
    if (lathe::test::mpi_rank() == lathe::test::mpi_size() - 1)
      REQUIRE(MatSetValue(matrix, 49, 4, std::nan(""), INSERT_VALUES) == PETSC_SUCCESS);
    PETSC_OK(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
    PETSC_OK(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
    CHECK_ALL(has(message({.rows = 20, .columns = 50}, matrix), "Entry 49 of column 4"));
  }
}

} // namespace
