// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include "sketching/normal_residual.h"
#include "unit/sketching/least_squares_problems.h"

namespace lathe::test {

/// Aᵀ·W·(b − A·x) by the dense kernel of one instruction set, with the terms of x; its squared norm
/// and, where rows->residual is given, the residual are left in *rows.
inline sketching::ExpansionVector dense_gradient(const sketching::NormalIsa &isa,
                                                 const LeastSquares &p,
                                                 const sketching::ExpansionVector &x,
                                                 sketching::NormalRows *rows) {
  const auto width = static_cast<std::size_t>(x.terms);
  std::vector<double> tile(sketching::tile_rows(p.n) * p.n), sums(width * p.n * isa.lanes);
  rows->rows = p.m;
  rows->cols = p.n;
  rows->dense = p.a.data();
  rows->ld = p.m;
  rows->x = x.head();
  rows->b = p.b.data();
  rows->weight = p.weight.empty() ? nullptr : p.weight.data();
  rows->tile = tile.data();
  rows->sum = sums.data();
  isa.dense[width - 1](*rows);
  rows->tile = rows->sum = nullptr;
  sketching::ExpansionVector g(x.terms, p.n);
  for (std::size_t j = 0; j < p.n; ++j) {
    sketching::Expansion total;
    for (std::size_t l = 0; l < width * isa.lanes; ++l)
      total.add(sums[width * j * isa.lanes + l], x.terms);
    total.normalize(x.terms);
    g.set(j, total);
  }
  return g;
}

} // namespace lathe::test
