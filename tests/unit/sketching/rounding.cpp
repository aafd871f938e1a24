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

TEST_CASE("sums that do not depend on their order are also more accurate", "[sketching]") {
  constexpr PetscInt m = 400000, n = 5, d = 20;
  const auto entry = [](PetscInt i, PetscInt j) {
    return 1 + random::normal(51, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i));
  };
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
  double worst_plain = 0, worst_exact = 0;
  for (std::size_t r = 0; r < d; ++r) {
    unit[r] = 1;
    columns.transposed(unit.data(), 0, m, row.data());
    unit[r] = 0;
    for (std::size_t j = 0; j < n; ++j) {
      ExactSum sum;
      for (std::size_t i = 0; i < m; ++i) // entries are ±1/√8 and 0; the signs alone are exact
        if (row[i] != 0)
          sum.add(std::copysign(entry(static_cast<PetscInt>(i), static_cast<PetscInt>(j)), row[i]));
      const double value = sum.value() / std::sqrt(8.0);
      worst_plain = std::max(worst_plain, std::fabs(plain[r + j * d] - value));
      worst_exact = std::max(worst_exact, std::fabs(exact[r + j * d] - value));
    }
  }
  std::printf("rounding errors: plain %.2e, exact sums %.2e\n", worst_plain, worst_exact);
  CHECK(worst_exact <= worst_plain / 10);
}

#endif
