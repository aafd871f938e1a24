// SPDX-License-Identifier: BSD-2-Clause
// What exact sums save: rounding errors of a sketch with and without them.
#include "core/exact_sum.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "sketching/sketch.h"
#include "sketching/sketch_columns.h"
#include "unit/sketching/matrices.h"
#include <cmath>
#include <cstdio>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::sketching;

namespace {

double entry(PetscInt i, PetscInt j) {
  return 1 + random::normal(51, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i));
}

struct Errors {
  double running = 0, plain = 0, exact = 0;
};

/// Largest distance of an entry of S·A to its exact value, for n columns.
Errors errors(PetscInt n) {
  constexpr PetscInt m = 400000, d = 20;
  MatHandle a;
  PETSC_OK(test::CreateMatrix(PETSC_COMM_SELF, m, n, entry, true, false, a.out()));
  Sketch s{.rows = d, .columns = m, .seed = 3};
  std::vector<PetscScalar> plain, exact;
  s.reproducible = false;
  PETSC_OK(SketchApply(s, a, plain));
  s.reproducible = true;
  PETSC_OK(SketchApply(s, a, exact));
  SketchColumns columns(s);
  std::vector<double> unit(d, 0.0), row(m);
  Errors worst;
  for (std::size_t r = 0; r < d; ++r) {
    unit[r] = 1;
    columns.transposed(unit.data(), 0, m, row.data());
    unit[r] = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
      ExactSum sum;
      double running = 0;                 // a loop over the rows, as other libraries sum
      for (std::size_t i = 0; i < m; ++i) // entries are ±1/√8 and 0; the signs alone are exact
        if (row[i] != 0) {
          const double x = entry(static_cast<PetscInt>(i), static_cast<PetscInt>(j));
          sum.add(row[i] > 0 ? x : -x);
          running += row[i] > 0 ? x : -x;
        }
      const double value = sum.value() / std::sqrt(8.0);
      worst.running = std::max(worst.running, std::fabs(running / std::sqrt(8.0) - value));
      worst.plain = std::max(worst.plain, std::fabs(plain[r + j * d] - value));
      worst.exact = std::max(worst.exact, std::fabs(exact[r + j * d] - value));
    }
  }
  return worst;
}

} // namespace

TEST_CASE("sums that do not depend on their order are also more accurate", "[sketching]") {
  const Errors few = errors(2);  // every entry is split
  const Errors many = errors(5); // sums over blocks of rows are, and plain sums have them too
  std::printf("rounding errors, running, plain and exact sums: by entry %.1e %.1e %.1e, "
              "by block %.1e %.1e %.1e\n",
              few.running, few.plain, few.exact, many.running, many.plain, many.exact);
  CHECK(few.exact <= few.plain / 10);
  CHECK(few.exact <= few.running / 10);
  CHECK(many.exact <= many.running / 10);
  CHECK(many.exact <= many.plain / 1.5);
}

#endif
