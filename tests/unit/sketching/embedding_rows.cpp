// SPDX-License-Identifier: BSD-2-Clause
// The rule for the rows of a sketch, of every kind: its formulas, that it asks for more where more
// is wanted, and that subspaces are embedded as it says, for several dimensions, ε and δ.
#include "core/dense.h"
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "sketching/distortion.h"
#include "unit/sketching/tensor_matrices.h"
#include <algorithm>
#include <cmath>
#include <cstdio>

#ifndef PETSC_USE_COMPLEX

namespace {

using namespace lathe::sketching;
using lathe::MatHandle;

Sketch described(int kind, std::int64_t m = 1024) {
  Sketch s{.kind = static_cast<SketchKind>(kind), .columns = m};
  if (is_tensor(s.kind))
    s.factors = {32, m / 32};
  return s;
}

constexpr int kind_count = static_cast<int>(SketchKind::KhatriRao) + 1;

TEST_CASE("rows for an embedding follow their formulas and grow with what is asked",
          "[sketching]") {
  const auto gaussian = [](double n, double e, double d) {
    return std::pow((std::sqrt(n) + std::sqrt(2 * std::log(2 / d))) / e, 2);
  };
  const auto variance = [](double n, double e, double d) {
    return 1 / (d * std::pow(2 * e - e * e, 2)) * n * n;
  };
  for (const std::int64_t n : {1, 10, 50, 200})
    for (const double e : {0.1, 0.3, 0.5, 0.9})
      for (const double d : {0.5, 0.1, 1e-3})
        for (int kind = 0; kind < kind_count; ++kind) {
          const Sketch s = described(kind);
          const auto [rows, guarantee] = embedding_rows(s, n, e, d);
          const auto x = static_cast<double>(n);
          const bool sparse = s.kind == SketchKind::CountSketch;
          const double formula = s.kind == SketchKind::Gaussian ? gaussian(x, e, d)
                                 : is_tensor(s.kind)            ? 9 * variance(x, e, d)
                                 : sparse                       ? (1 + 1 / x) * variance(x, e, d)
                                                                : 1.5 * gaussian(x, e, d);
          CAPTURE(name_of(s.kind), n, e, d, rows, formula);
          // Whole rows, of TensorSketch whole parts.
          CHECK(static_cast<double>(rows) >= formula * (1 - 1e-14));
          CHECK(static_cast<double>(rows) <=
                formula * (1 + 1e-14) + (s.kind == SketchKind::TensorSketch ? s.nonzeros : 1));
          CHECK(guarantee == (s.kind == SketchKind::Gaussian || sparse || is_tensor(s.kind)
                                  ? Guarantee::Theorem
                                  : Guarantee::Measured));
          CHECK(embedding_rows(s, n + 1, e, d).rows >= rows);
          CHECK(embedding_rows(s, n, e / 1.1, d).rows >= rows);
          CHECK(embedding_rows(s, n, e, d / 2).rows >= rows);
          Sketch weak = s;
          weak.rounds = 1;
          weak.nonzeros = 4;
          if (s.kind != SketchKind::TensorSketch) // whose parts are then fewer
            CHECK(embedding_rows(weak, n, e, d).rows >= rows);
        }
  // One round of an SRHT where Tropp's theorem holds.
  Sketch one = described(static_cast<int>(SketchKind::Srht));
  one.rounds = 1;
  CHECK(embedding_rows(one, 50, 0.6, 0.1).guarantee == Guarantee::Theorem);
  CHECK(embedding_rows(one, 50, 0.5, 0.1).guarantee == Guarantee::Measured);
  CHECK(embedding_rows(one, 20, 0.6, 0.1).guarantee == Guarantee::Measured);
}

TEST_CASE("rows by the rule embed for several dimensions, epsilon and delta", "[sketching]") {
  struct Wanted {
    PetscInt n;
    double epsilon, delta;
  };
  const PetscInt m = 1024;
  const int trials = 20;
  for (const Wanted &w : {Wanted{3, 0.5, 0.2}, Wanted{10, 0.7, 0.05}, Wanted{30, 0.6, 0.3}})
    for (const bool coherent : {false, true}) {
      // Orthonormal: unit vectors, or cosines, which are spread over all rows.
      const auto entry = [&](PetscInt i, PetscInt j) {
        if (coherent)
          return i == j ? 1.0 : 0.0;
        return std::sqrt(2.0 / m) *
               std::cos(M_PI * static_cast<double>((2 * i + 1) * (j + 1)) / (2.0 * m));
      };
      MatHandle q;
      PETSC_OK(lathe::test::CreateMatrix(PETSC_COMM_SELF, m, w.n, entry, true, false, q.out()));
      for (int kind = 0; kind < kind_count; ++kind) {
        Sketch s = described(kind);
        s.rows = embedding_rows(s, w.n, w.epsilon, w.delta).rows;
        const bool transform = s.kind == SketchKind::Srht || s.kind == SketchKind::SrctCosine ||
                               s.kind == SketchKind::SrctCirculant;
        if (s.rows > (transform ? m : 4 * m))
          continue; // the theorem asks for more than there is
        int failures = 0;
        for (s.seed = 0; s.seed < trials; ++s.seed) {
          std::vector<PetscScalar> sa;
          std::vector<double> values(static_cast<std::size_t>(w.n));
          PETSC_OK(SketchApply(s, q, sa));
          (void)lathe::dense::singular_values(static_cast<std::size_t>(s.rows),
                                              static_cast<std::size_t>(w.n), sa.data(),
                                              static_cast<std::size_t>(s.rows), values.data());
          failures += values.back() < 1 - w.epsilon || values.front() > 1 + w.epsilon ? 1 : 0;
        }
        CAPTURE(name_of(s.kind), w.n, w.epsilon, w.delta, coherent, s.rows, failures);
        CHECK(failures <= w.delta * trials);
      }
    }
}

} // namespace

#endif
