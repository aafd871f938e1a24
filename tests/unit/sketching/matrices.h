// SPDX-License-Identifier: BSD-2-Clause
// Matrices for the tests of traces and low-rank approximations, the same on every number of ranks.
#pragma once
#include "core/handle.h"
#include "core/random.h"
#include "harness/entry_matrix.h"
#include <functional>
#include <vector>

namespace lathe::test {

/// Column-major n×n matrix as an entry function.
inline std::function<double(PetscInt, PetscInt)> stored(const std::vector<double> &a, PetscInt n) {
  return [&a, n](PetscInt i, PetscInt j) { return a[static_cast<std::size_t>(i + j * n)]; };
}

/// m×n standard normals, column-major.
inline std::vector<double> gaussian(PetscInt m, PetscInt n, std::uint64_t seed) {
  std::vector<double> g(static_cast<std::size_t>(m * n));
  for (std::size_t i = 0; i < g.size(); ++i)
    g[i] = random::normal(seed, 77, i);
  return g;
}

} // namespace lathe::test
