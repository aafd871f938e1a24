// SPDX-License-Identifier: BSD-2-Clause
// How well sketches of tensor structure keep norms.
#include "core/dense.h"
#include "core/handle.h"
#include "harness/mpi_test.h"
#include "sketching/distortion.h"
#include "tensor_matrices.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace {

using lathe::MatHandle;
using namespace lathe::sketching;
using namespace lathe::test;

// Singular values of S·Q for n orthonormal columns of m₁·m₂ rows: unit vectors, or Q₁ ⊗ Q₂.
std::pair<double, double> extremes(const Sketch &s, Mat q, std::size_t n) {
  std::vector<PetscScalar> sa;
  std::vector<double> copy, values(n);
  if (SketchApply(s, q, sa) != PETSC_SUCCESS)
    return {0, HUGE_VAL};
  copy.resize(sa.size());
  std::transform(sa.begin(), sa.end(), copy.begin(),
                 [](PetscScalar v) { return PetscRealPart(v); });
  (void)lathe::dense::singular_values(static_cast<std::size_t>(s.rows), n, copy.data(),
                                      static_cast<std::size_t>(s.rows), values.data());
  return {values.back(), values.front()};
}

TEST_CASE("tensor sketches keep norms with 4 and 12 rows a dimension", "[sketching]") {
  const PetscInt side = 64, n = 50;
  MatHandle coherent, incoherent;
  PETSC_OK(CreateByEntries(
      PETSC_COMM_SELF, side * side, n, false,
      [](PetscInt i, PetscInt j) { return i == j ? 1.0 : 0.0; }, coherent.out()));
  // Columns of Kronecker structure: products of cosine vectors, orthonormal.
  const auto cosine = [side](PetscInt i, PetscInt j) {
    return std::sqrt((j == 0 ? 1.0 : 2.0) / static_cast<double>(side)) *
           std::cos(std::acos(-1.0) * (2.0 * static_cast<double>(i) + 1) * static_cast<double>(j) /
                    (2.0 * static_cast<double>(side)));
  };
  PETSC_OK(CreateByEntries(
      PETSC_COMM_SELF, side * side, n, false,
      [&](PetscInt i, PetscInt j) { return cosine(i / side, j / 8) * cosine(i % side, j % 8); },
      incoherent.out()));
  for (const SketchKind kind : tensor_kinds)
    for (const std::int64_t d : {4 * n, 12 * n}) {
      double low[2] = {9, 9}, high[2] = {0, 0};
      for (std::uint64_t seed = 0; seed < 40; ++seed)
        for (const int c : {0, 1}) {
          const auto [a, b] =
              extremes(tensor(kind, d, {side, side}, seed), c ? coherent : incoherent, n);
          low[c] = std::min(low[c], a);
          high[c] = std::max(high[c], b);
        }
      std::printf("%-14s d = %2lldn: incoherent [%.2f, %.2f], coherent [%.2f, %.2f]\n",
                  name_of(kind), static_cast<long long>(d / n), low[0], high[0], low[1], high[1]);
      const bool sparse = kind == SketchKind::TensorSketch, many = d == 12 * n;
      CAPTURE(name_of(kind), d);
      CHECK(std::min(low[0], low[1]) > (sparse ? (many ? 0.6 : 0.4) : (many ? 0.25 : 0.05)));
      CHECK(std::max(high[0], high[1]) < (sparse ? (many ? 1.45 : 1.8) : (many ? 1.8 : 2.7)));
    }
}

TEST_CASE("rows by the theorems embed", "[sketching]") {
  const PetscInt side = 64, n = 4;
  const double epsilon = 0.5, delta = 0.2;
  MatHandle unit;
  PETSC_OK(CreateByEntries(
      PETSC_COMM_SELF, side * side, n, false,
      [](PetscInt i, PetscInt j) { return i == j ? 1.0 : 0.0; }, unit.out()));
  for (const SketchKind kind : tensor_kinds)
    for (const int nonzeros : {1, 8}) {
      const EmbeddingRows rule = embedding_rows(tensor(kind, 1, {side, side}), n, epsilon, delta);
      CHECK(rule.guarantee == Guarantee::Theorem);
      CHECK(rule.rows == 1280);
      int failures = 0;
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Sketch s = tensor(kind, rule.rows, {side, side}, seed);
        s.nonzeros = nonzeros;
        const auto [low, high] = extremes(s, unit, n);
        failures += low < 1 - epsilon || high > 1 + epsilon ? 1 : 0;
      }
      CAPTURE(name_of(kind), nonzeros, failures);
      CHECK(failures <= delta * 20);
    }
}

// What the theorems rest on: E‖(SQ)ᵀSQ − I‖_F² ≤ 3^q·n²/d, over 400 seeds with few rows, where it
// is largest, on subspaces of both kinds and one that is the worst for signs: constant on a cube.
TEST_CASE("second moments of tensor sketches are those of the theorems", "[sketching]") {
  const PetscInt side = 8;
  const auto moment = [&](SketchKind kind, std::int64_t d, PetscInt n, const auto &entry,
                          int nonzeros) {
    MatHandle q;
    PETSC_OK(CreateByEntries(PETSC_COMM_SELF, side * side, n, false, entry, q.out()));
    double sum = 0;
    constexpr std::uint64_t seeds = 400;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      Sketch s = tensor(kind, d, {side, side}, seed);
      s.nonzeros = nonzeros;
      std::vector<PetscScalar> sa;
      PETSC_OK(SketchApply(s, q, sa));
      const auto rows = static_cast<std::size_t>(d), columns = static_cast<std::size_t>(n);
      for (std::size_t a = 0; a < columns; ++a)
        for (std::size_t b = 0; b < columns; ++b) {
          double product = a == b ? -1 : 0;
          for (std::size_t r = 0; r < rows; ++r)
            product += PetscRealPart(sa[r + rows * a]) * PetscRealPart(sa[r + rows * b]);
          sum += product * product;
        }
    }
    return sum / static_cast<double>(seeds);
  };
  const auto unit = [](PetscInt i, PetscInt j) { return i == j ? 1.0 : 0.0; };
  const auto flat = [](PetscInt i, PetscInt j) { // orthogonal blocks of equal entries
    return i / 16 == j ? 0.25 : 0.0;
  };
  const auto diagonal = [&](PetscInt i, PetscInt j) { // x ⊗ x summed: far from a product
    return j == 0 && i % (side + 1) == 0 ? 1 / std::sqrt(static_cast<double>(side)) : 0.0;
  };
  for (const SketchKind kind : tensor_kinds)
    for (const std::int64_t d : {8, 16, 32}) {
      const double bound = 9.0 / static_cast<double>(d);
      for (const int nonzeros : {1, 4}) {
        const double worst[] = {moment(kind, d, 4, unit, nonzeros) / 16,
                                moment(kind, d, 4, flat, nonzeros) / 16,
                                moment(kind, d, 1, diagonal, nonzeros)};
        std::printf("%-14s d = %2lld, %d nonzeros: second moment over the bound %.2f %.2f %.2f\n",
                    name_of(kind), static_cast<long long>(d), nonzeros, worst[0] / bound,
                    worst[1] / bound, worst[2] / bound);
        for (const double w : worst)
          CHECK(w <= bound);
        if (kind != SketchKind::TensorSketch)
          break; // has no number of nonzeros
      }
    }
}

} // namespace
