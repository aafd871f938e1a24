// SPDX-License-Identifier: BSD-2-Clause
// Residual and gradient of 200000 rows in double-double, of every instruction set, against sums
// without rounding.
#include "harness/mpi_test.h"
#include "unit/sketching/dense_gradient.h"
#include <cstdio>

#ifndef PETSC_USE_COMPLEX

namespace {

using namespace lathe;
using namespace lathe::sketching;
using namespace lathe::test;

TEST_CASE("double-double residual and gradient of 200000 rows", "[sketching]") {
  if (mpi_size() > 1)
    return; // of rows on one rank
  const std::size_t m = 200000, n = 5;
  LeastSquares p{.m = m, .n = n, .a = std::vector<double>(m * n), .b = std::vector<double>(m)};
  for (std::size_t i = 0; i < m; ++i) {
    p.b[i] = random::uniform(63, 1, i);
    for (std::size_t j = 0; j < n; ++j)
      p.at(i, j) = random::uniform(63, 2 + j, i) - 0.25;
  }
  ExpansionVector x(2, n);
  for (std::size_t j = 0; j < n; ++j) {
    x.add(j, random::normal(63, 9, j));
    x.add(j, random::normal(63, 10, j) * 0x1p-54);
  }
  std::vector<Big> exact(n);
  for (std::size_t i = 0; i < m; ++i) {
    Big r = p.b[i];
    for (std::size_t j = 0; j < n; ++j)
      for (int k = 0; k < 2; ++k)
        r -= Big(p.at(i, j)) * x.get(j).term[static_cast<std::size_t>(k)];
    for (std::size_t j = 0; j < n; ++j)
      exact[j] += r * p.at(i, j);
  }
  const auto error = [&](const ExpansionVector &g) { // relative, of the vector
    Big square = 0, size = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const Expansion found = g.get(j);
      const Big e = Big(found.term[0]) + found.term[1] - exact[j];
      square += e * e;
      size += exact[j] * exact[j];
    }
    return static_cast<double>(sqrt(Big(square / size)));
  };
  // Of a kernel without lanes, whose numbers are one sum each: the roundings of 200000 additions.
  // The passes over a matrix call it for strips of rows.
  const double single_sums = 0.1 * static_cast<double>(m) * 0x1p-105;
  for (const NormalIsa *const *isa = available_normal_isas(); *isa; ++isa) {
    NormalRows rows;
    const ExpansionVector g = dense_gradient(**isa, p, x, &rows);
    std::printf("gradient of 200000 rows in double-double, %s: relative error %.1e\n", (*isa)->name,
                error(g));
    CAPTURE((*isa)->name);
    CHECK(error(g) <= ((*isa)->lanes > 1 ? 1e-28 : single_sums));
  }
  for (const char *type : {MATDENSE, MATAIJ}) {
    Distributed d;
    LocalRows rows;
    ExpansionVector g(2, n);
    double norm2 = 0;
    PETSC_OK(Distribute(p, type, &d));
    PETSC_OK(rows.Create(d.a));
    PETSC_OK(rows.NormalResidual({.x = &x, .b = p.b.data()}, &g, &norm2));
    std::printf("… through a %s matrix: %.1e\n", type, error(g));
    CAPTURE(type);
    CHECK(error(g) <= 1e-28);
  }
}

} // namespace

#endif
