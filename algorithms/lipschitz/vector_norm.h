// SPDX-License-Identifier: BSD-2-Clause
// Euclidean norm between two doubles that are equal or neighbours.
#pragma once
#include "core/dense.h"
#include <cstddef>

namespace lathe::lipschitz {

struct NormInterval {
  double lower = 0, upper = 0;
};

/// lower ≤ ‖x‖₂ ≤ upper for n doubles, stride apart, |x_i| ≤ 2¹²⁰, not all below 2⁻¹²⁰. The sum of
/// squares is kept in two doubles: relative error below n·2⁻¹⁰⁴. lower = upper when the norm is a
/// double and the sum was exact; else upper ≤ lower + 2 units in the last place.
NormInterval vector_norm(std::size_t n, const double *x) noexcept;

/// ‖Ax‖/‖x‖ rounded down, for entries of order 1 and absolute ≥ ‖|A|‖₂: the sums of products are
/// taken in twice the precision (Ogita, Rump, Oishi, SIAM J. Sci. Comput. 26 (2005)), so that one
/// rounding of each remains and γ² of |A||x|. 0 for x = 0. W: double or complex<double>.
template <class W> double quotient_lower(dense::View<const W> a, const W *x, double absolute);

} // namespace lathe::lipschitz
