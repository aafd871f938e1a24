// SPDX-License-Identifier: BSD-2-Clause
// How well sketches keep norms: singular values over many seeds, the coordinates of sketched least
// squares, the rules for d, the measured distortion.
#include "core/dense.h"
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "sketching/distortion.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <vector>

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using namespace lathe::sketching;
namespace dense = lathe::dense;

// Orthonormal columns: unit vectors (coherent) or a random subspace.
PetscErrorCode CreateBasis(PetscInt m, PetscInt n, bool coherent, Mat *q) {
  PetscScalar *x = nullptr;
  PetscFunctionBegin;
  PetscCall(MatCreateSeqDense(PETSC_COMM_SELF, m, n, nullptr, q));
  PetscCall(MatDenseGetArray(*q, &x));
  for (PetscInt j = 0; j < n; ++j) {
    PetscScalar *column = x + j * m;
    for (PetscInt i = 0; i < m; ++i)
      column[i] = coherent ? static_cast<double>(i == j)
                           : lathe::random::normal(1, static_cast<std::uint64_t>(j),
                                                   static_cast<std::uint64_t>(i));
    for (int pass = 0; pass < 2 && !coherent; ++pass) {
      for (PetscInt k = 0; k < j; ++k) {
        const PetscScalar product =
            std::inner_product(column, column + m, x + k * m, PetscScalar(0));
        for (PetscInt i = 0; i < m; ++i)
          column[i] -= product * x[i + k * m];
      }
      const PetscReal norm =
          std::sqrt(PetscRealPart(std::inner_product(column, column + m, column, PetscScalar(0))));
      for (PetscInt i = 0; i < m; ++i)
        column[i] /= norm;
    }
  }
  PetscCall(MatDenseRestoreArray(*q, &x));
  PetscCall(MatAssemblyBegin(*q, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*q, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Largest and smallest singular value of d × n numbers.
std::pair<double, double> extremes(const std::vector<PetscScalar> &sa, std::size_t d,
                                   std::size_t n) {
  std::vector<double> copy(sa.size()), values(n);
  std::transform(sa.begin(), sa.end(), copy.begin(),
                 [](PetscScalar x) { return PetscRealPart(x); });
  (void)dense::singular_values(d, n, copy.data(), d, values.data());
  return {values.back(), values.front()};
}

TEST_CASE("200 seeds of the default and of two rounds keep norms of every kind of subspace",
          "[sketching]") {
  const PetscInt m = 4096, n = 50, d = 4 * n;
  for (const bool coherent : {false, true}) {
    MatHandle q;
    PETSC_OK(CreateBasis(m, n, coherent, q.out()));
    for (const SketchKind kind : {SketchKind::SparseStack, SketchKind::SparseSign, SketchKind::Srht,
                                  SketchKind::BlockSrht}) {
      double smallest = 2, largest = 0;
      for (std::uint64_t seed = 0; seed < 200; ++seed) {
        std::vector<PetscScalar> sa;
        PETSC_OK(SketchApply({.kind = kind, .rows = d, .columns = m, .seed = seed, .block = 512}, q,
                             sa));
        const auto [low, high] = extremes(sa, d, n);
        smallest = std::min(smallest, low);
        largest = std::max(largest, high);
      }
      std::printf("%-13s %-10s singular values over 200 seeds in [%.3f, %.3f]\n", name_of(kind),
                  coherent ? "coherent" : "incoherent", smallest, largest);
      CAPTURE(name_of(kind), coherent, smallest, largest);
      CHECK(smallest >= 0.40);
      CHECK(largest <= 1.62);
    }
  }
}

// √d max|x'| for A = [I; 0] and b a unit vector outside its range, where x* = 0 (Song, Ye, Yin,
// Zhang, ICML 2023).
double coordinate_statistic(const std::vector<PetscScalar> &sab, std::size_t d, std::size_t n) {
  std::vector<double> a(sab.size()), gram((n + 1) * (n + 1));
  std::transform(sab.begin(), sab.end(), a.begin(), [](PetscScalar x) { return PetscRealPart(x); });
  dense::herk('U', 'C', n + 1, d, 1.0, a.data(), d, 0.0, gram.data(), n + 1);
  std::vector<double> x(gram.begin() + static_cast<std::ptrdiff_t>(n * (n + 1)),
                        gram.begin() + static_cast<std::ptrdiff_t>(n * (n + 1) + n));
  for (std::size_t j = 0; j < n; ++j)
    gram[j * (n + 2)] += 1e-12; // two equal columns of a CountSketch
  REQUIRE(dense::potrf('U', n, gram.data(), n + 1) == 0);
  dense::trsm('L', 'U', 'C', n, 1, gram.data(), n + 1, x.data(), n);
  dense::trsm('L', 'U', 'N', n, 1, gram.data(), n + 1, x.data(), n);
  double most = 0;
  for (const double value : x)
    most = std::max(most, std::abs(value));
  return std::sqrt(static_cast<double>(d)) * most;
}

TEST_CASE("dense sketches spare every coordinate of least squares, CountSketch does not",
          "[sketching]") {
  const PetscInt m = 2048, n = 50;
  const std::int64_t d = 800;
  const std::size_t trials = 300;
  MatHandle a;
  VecHandle b;
  PETSC_OK(CreateBasis(m, n, true, a.out()));
  PETSC_OK(VecCreateSeq(PETSC_COMM_SELF, m, b.out()));
  PETSC_OK(VecSetValue(b, n + 7, 1, INSERT_VALUES));
  PETSC_OK(VecAssemblyBegin(b));
  PETSC_OK(VecAssemblyEnd(b));
  MatHandle sparse; // Gaussian entries of 51 rows only
  PETSC_OK(MatConvert(a, MATAIJ, MAT_INITIAL_MATRIX, sparse.out()));
  const auto p99 = [&](SketchKind kind) {
    std::vector<double> statistic;
    for (std::uint64_t seed = 0; seed < trials; ++seed) {
      std::vector<PetscScalar> sab;
      PETSC_OK(SketchApply({.kind = kind, .rows = d, .columns = m, .seed = seed},
                           is_transform(kind) ? a.get() : sparse.get(), b, sab));
      statistic.push_back(coordinate_statistic(sab, static_cast<std::size_t>(d), n));
    }
    std::sort(statistic.begin(), statistic.end());
    const double value = statistic[trials * 99 / 100];
    std::printf("%-13s 99 %% of sqrt(d) max|x' - x| below %.2f\n", name_of(kind), value);
    return value;
  };
  for (const SketchKind kind : {SketchKind::Gaussian, SketchKind::Rademacher, SketchKind::Srht,
                                SketchKind::SrctCosine, SketchKind::BlockSrht})
    CHECK(p99(kind) <= 4.5);
  CHECK(p99(SketchKind::SparseStack) <= 8);
  CHECK(p99(SketchKind::CountSketch) > 20);
}

TEST_CASE("the measured distortion is that of the definition", "[sketching]") {
  const PetscInt m = 700, n = 12;
  MatHandle q, a, r;
  PETSC_OK(CreateBasis(m, n, false, q.out()));
  // A = Q·T with a condition number of 10¹⁰: the range, and so the distortion, is that of Q.
  PETSC_OK(MatCreateSeqDense(PETSC_COMM_SELF, n, n, nullptr, r.out()));
  for (PetscInt j = 0; j < n; ++j)
    for (PetscInt i = 0; i <= j; ++i) {
      const auto row = static_cast<double>(i), column = static_cast<double>(j);
      PETSC_OK(MatSetValue(r, i, j, std::pow(10.0, -10 * row / (n - 1)) * (1 + row + 2 * column),
                           INSERT_VALUES));
    }
  PETSC_OK(MatAssemblyBegin(r, MAT_FINAL_ASSEMBLY));
  PETSC_OK(MatAssemblyEnd(r, MAT_FINAL_ASSEMBLY));
  PETSC_OK(MatMatMult(q, r, MAT_INITIAL_MATRIX, PETSC_DEFAULT, a.out()));
  for (const SketchKind kind : {SketchKind::SparseStack, SketchKind::Gaussian}) {
    const Sketch s{.kind = kind, .rows = 60, .columns = m, .seed = 4};
    std::vector<PetscScalar> sq;
    Distortion found;
    PETSC_OK(SketchApply(s, q, sq));
    PETSC_OK(SketchDistortion(s, a, &found));
    const auto [low, high] = extremes(sq, 60, n);
    CHECK(found.rank == n);
    CHECK(found.smallest == Approx(low).epsilon(1e-5)); // the range of A is that of Q to 10⁻⁶
    CHECK(found.largest == Approx(high).epsilon(1e-5));
    PETSC_OK(SketchDistortion(s, q, &found));
    CHECK(found.smallest == Approx(low).epsilon(1e-12));
    CHECK(found.largest == Approx(high).epsilon(1e-12));
  }
  // Two unit vectors in the same bucket of a CountSketch: a direction is lost.
  MatHandle unit, sparse;
  Distortion found;
  PETSC_OK(CreateBasis(m, 50, true, unit.out()));
  PETSC_OK(MatConvert(unit, MATAIJ, MAT_INITIAL_MATRIX, sparse.out()));
  PETSC_OK(SketchDistortion({.kind = SketchKind::CountSketch, .rows = 60, .columns = m, .seed = 1},
                            sparse, &found));
  CHECK(found.smallest == 0);
  CHECK(found.rank < 50);
  PETSC_OK(SketchDistortion({.rows = 400, .columns = m, .seed = 1}, sparse, &found));
  CHECK(found.smallest > 0.4);
  const auto refused = lathe::test::catch_error(
      [&] { return SketchDistortion({.rows = 20, .columns = m}, unit, &found); });
  CHECK(refused.message.find("-mat_sketch_rows") != std::string::npos);
}

TEST_CASE("rows by the rules embed as they say", "[sketching]") {
  const PetscInt m = 2048, n = 20;
  const double epsilon = 0.5, delta = 0.1;
  MatHandle q[2];
  PETSC_OK(CreateBasis(m, n, false, q[0].out()));
  PETSC_OK(CreateBasis(m, n, true, q[1].out()));
  for (const SketchKind kind :
       {SketchKind::SparseStack, SketchKind::SparseSign, SketchKind::CountSketch,
        SketchKind::Gaussian, SketchKind::Rademacher, SketchKind::Srht, SketchKind::SrctCosine,
        SketchKind::BlockSrht}) {
    Sketch s{.kind = kind, .columns = m};
    s.rows = embedding_rows(s, n, epsilon, delta).rows;
    int failures = 0;
    const int trials = 30;
    for (const MatHandle &basis : q)
      for (s.seed = 0; s.seed < static_cast<std::uint64_t>(trials); ++s.seed) {
        std::vector<PetscScalar> sa;
        if (kind == SketchKind::SrctCosine && s.rows > m)
          continue;
        PETSC_OK(SketchApply(s, basis, sa));
        const auto [low, high] = extremes(sa, static_cast<std::size_t>(s.rows), n);
        failures += low < 1 - epsilon || high > 1 + epsilon ? 1 : 0;
      }
    CAPTURE(name_of(kind), s.rows, failures);
    CHECK(failures <= delta * 2 * trials);
  }
  const Sketch gaussian{.kind = SketchKind::Gaussian, .columns = m};
  CHECK(embedding_rows(gaussian, n, epsilon, delta).rows == 192);
  CHECK(embedding_rows(gaussian, n, epsilon, delta).guarantee == Guarantee::Theorem);
  CHECK(embedding_rows({.columns = m}, n, epsilon, delta).guarantee == Guarantee::Measured);
}

} // namespace
