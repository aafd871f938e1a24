// SPDX-License-Identifier: BSD-2-Clause
// Random sparse matrices, their brackets on all ranks and on one.
#pragma once
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "lipschitz/lipschitz.h"
#include <cmath>
#include <cstring>
#include <vector>

namespace lathe::test {

inline constexpr bool complex_scalars = PetscDefined(USE_COMPLEX);

inline LatheNormOptions defaults() {
  LatheNormOptions o;
  LatheNormOptionsSetDefaults(&o);
  o.warn = PETSC_FALSE;
  return o;
}

inline PetscScalar scalar(double re, [[maybe_unused]] double im) {
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
inline Case random_case(std::uint64_t trial, PetscInt largest) {
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

inline PetscErrorCode BuildMatrix(const Case &c, MatType type, MatHandle &A) {
  PetscFunctionBegin;
  MatHandle made;
  PetscInt begin = 0, end = 0;
  PetscCall(MatCreate(PETSC_COMM_WORLD, made.out()));
  PetscCall(MatSetSizes(made, PETSC_DECIDE, PETSC_DECIDE, c.rows, c.cols));
  PetscCall(MatSetType(made, MATAIJ));
  PetscCall(MatSeqAIJSetPreallocation(made, c.cols, nullptr));
  PetscCall(MatMPIAIJSetPreallocation(made, c.cols, nullptr, c.cols, nullptr));
  PetscCall(MatSetUp(made));
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

/// The bracket of `A` on all ranks of the world, and that every rank got the same one.
inline LatheNormBracket bracket_of(Mat A, const LatheNormOptions &o) {
  LatheNormBracket b;
  PETSC_OK(LatheMatNormBracket(A, &o, &b));
  double both[2] = {b.lower, b.upper}, first[2] = {b.lower, b.upper};
  MPI_Bcast(first, 2, MPI_DOUBLE, 0, PETSC_COMM_WORLD);
  REQUIRE_ALL(std::memcmp(both, first, sizeof both) == 0);
  return b;
}

/// The bits that one rank alone computes: what all rank counts must agree with.
inline LatheNormBracket serial_bracket(Mat A, const LatheNormOptions &o) {
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

inline bool same_bits(const LatheNormBracket &a, const LatheNormBracket &b) {
  return std::memcmp(&a.lower, &b.lower, sizeof a.lower) == 0 &&
         std::memcmp(&a.upper, &b.upper, sizeof a.upper) == 0 && a.certificate == b.certificate;
}

} // namespace lathe::test
