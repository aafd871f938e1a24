// SPDX-License-Identifier: BSD-2-Clause
// Sketches of more rows than two blocks of any kernel (8192 and less): the bits of one rank on
// every number of ranks; and the measured distortion over ranks.
#include "core/handle.h"
#include "core/random.h"
#include "harness/entry_matrix.h"
#include "harness/mpi_test.h"
#include "sketching/distortion.h"
#include <cmath>
#include <cstring>
#include <vector>

namespace {

using lathe::MatHandle;
using namespace lathe::sketching;

// Integers below 2^10, or numbers of very different sizes.
struct Entries {
  bool integer, sparse;
  PetscScalar operator()(PetscInt i, PetscInt j) const {
    const auto at = static_cast<std::uint64_t>(i) * 64 + static_cast<std::uint64_t>(j);
    if (sparse && lathe::random::uniform(61, 0, at) > 0.2)
      return 0;
    if (integer)
      return std::floor(2048 * lathe::random::uniform(61, 1, at)) - 1024;
    return (lathe::random::uniform(61, 2, at) - 0.5) *
           std::exp2(40 * lathe::random::uniform(61, 3, at));
  }
};

bool equal_bits(const std::vector<PetscScalar> &x, const std::vector<PetscScalar> &y) {
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0;
}

TEST_CASE("bits of a sketch of 16500 rows do not depend on ranks", "[sketching]") {
  const PetscInt m = 16500;
  for (const bool sparse : {false, true})
    for (const bool integer : {false, true})
      for (const PetscInt n : {3, 17}) { // every entry is split; sums of blocks are
        if ((sparse || n == 3) && (integer || (sparse && n == 3)))
          continue; // numbers: dense 3, dense 17, sparse 17; integers: dense 17
        const Entries entries{integer, sparse};
        MatHandle one, many;
        PETSC_OK(
            lathe::test::CreateMatrix(PETSC_COMM_SELF, m, n, entries, !sparse, false, one.out()));
        PETSC_OK(
            lathe::test::CreateMatrix(PETSC_COMM_WORLD, m, n, entries, !sparse, true, many.out()));
        for (const SketchKind kind :
             {SketchKind::SparseStack, SketchKind::SparseSign, SketchKind::CountSketch,
              SketchKind::Gaussian, SketchKind::Rademacher, SketchKind::Srht,
              SketchKind::SrctCosine, SketchKind::SrctCirculant, SketchKind::BlockSrht}) {
          Sketch s{.kind = kind, .rows = 48, .columns = m, .seed = 12};
          std::vector<PetscScalar> x, y;
          PETSC_OK(SketchApply(s, one, x));
          PETSC_OK(SketchApply(s, many, y));
          CAPTURE(name_of(kind), sparse, integer, n);
          CHECK_ALL(equal_bits(x, y));
          if (!integer || kind == SketchKind::Gaussian || kind == SketchKind::SrctCosine ||
              kind == SketchKind::SrctCirculant)
            continue;
          s.reproducible = false; // integers: exact whatever the order
          PETSC_OK(SketchApply(s, many, y));
          CHECK_ALL(equal_bits(x, y));
        }
      }
}

TEST_CASE("integers come out of a SparseStack of 16500 rows without rounding", "[sketching]") {
  const PetscInt m = 16500, n = 4;
  const Entries entries{true, false};
  MatHandle a;
  PETSC_OK(lathe::test::CreateMatrix(PETSC_COMM_WORLD, m, n, entries, true, true, a.out()));
  for (const bool reproducible : {false, true}) {
    const Sketch s{
        .rows = 64, .columns = m, .seed = 13, .nonzeros = 4, .reproducible = reproducible};
    std::vector<PetscScalar> sa;
    PETSC_OK(SketchApply(s, a, sa));
    std::vector<std::int64_t> sums(sa.size());
    for (PetscInt i = 0; i < m; ++i)
      for (std::uint64_t z = 0; z < 4; ++z) { // the definition in sketch.h
        const std::uint64_t word =
            lathe::random::words(s.seed, 0x5354414b00000000, static_cast<std::uint64_t>(i))[z];
        const std::size_t row = z * 16 + ((word >> 1) * 16 >> 31);
        for (PetscInt j = 0; j < n; ++j) {
          const auto x = static_cast<std::int64_t>(PetscRealPart(entries(i, j)));
          sums[row + 64 * static_cast<std::size_t>(j)] += word % 2 != 0 ? -x : x;
        }
      }
    bool exact = true; // 1/√4 is a power of two
    for (std::size_t k = 0; k < sa.size(); ++k)
      exact = exact && sa[k] == PetscScalar(0.5 * static_cast<double>(sums[k]));
    CAPTURE(reproducible);
    CHECK_ALL(exact);
  }
}

#ifndef PETSC_USE_COMPLEX
TEST_CASE("the measured distortion is the same over ranks", "[sketching]") {
  const PetscInt m = 900, n = 9;
  const auto entry = [](PetscInt i, PetscInt j) { // condition 1e8
    return lathe::random::normal(62, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i)) *
               std::pow(10.0, -j) +
           (i == j ? 1.0 : 0.0);
  };
  for (const bool dense : {false, true})
    for (const SketchKind kind :
         {SketchKind::SparseStack, SketchKind::Gaussian, SketchKind::Srht, SketchKind::BlockSrht}) {
      const Sketch s{.kind = kind, .rows = 60, .columns = m, .seed = 6};
      MatHandle one, many;
      Distortion expected, found;
      PETSC_OK(lathe::test::CreateMatrix(PETSC_COMM_SELF, m, n, entry, dense, false, one.out()));
      PETSC_OK(lathe::test::CreateMatrix(PETSC_COMM_WORLD, m, n, entry, dense, true, many.out()));
      PETSC_OK(SketchDistortion(s, one, &expected));
      PETSC_OK(SketchDistortion(s, many, &found));
      CAPTURE(dense, name_of(kind), expected.smallest, expected.largest);
      CHECK_ALL(found.rank == n);
      CHECK_ALL(std::fabs(found.smallest / expected.smallest - 1) <= 1e-12);
      CHECK_ALL(std::fabs(found.largest / expected.largest - 1) <= 1e-12);
      CHECK_ALL((found.smallest > 0.3 && found.largest < 1.7));
    }
}
#endif

} // namespace
