// SPDX-License-Identifier: BSD-2-Clause
// Which expansion log_bessel_i and log_bessel_k use at a point, for figures and tests.
#pragma once
#include "bessel/kernels/expansions.h"

namespace lathe::bessel {

/// far, outer, rim: Debye's expansion with 8, 16, 20 terms. middle: power series for I, polynomial
/// patches for K; origin: K by logarithms. edge: v or x is 0, infinite or outside the domain.
enum class Region { edge, far, outer, rim, middle, origin };
inline constexpr const char *region_names[] = {"edge", "far", "outer", "rim", "middle", "origin"};

inline Region region(double v, double x) noexcept {
  if (!kernel::is_regular(v, x))
    return Region::edge;
  constexpr Region debye[] = {Region::far, Region::outer, Region::rim};
  if (!kernel::is_middle(v, x))
    return debye[kernel::debye_length(v, x)];
  return kernel::k_region(v, x) == 3 ? Region::origin : Region::middle;
}

} // namespace lathe::bessel
