// SPDX-License-Identifier: BSD-2-Clause
// Largest eigenvalue of a sparse Hermitian matrix from both sides, serial. A Cholesky factorisation
// of τI − H that runs to its end proves λ_max(H) ≤ τ + rounding (sparse_cholesky.h), and its
// triangles invert: Lanczos with (τI − H)⁻¹ finds the eigenvalue below τ in a few steps however
// close its neighbours are (Ericsson and Ruhe, Math. Comp. 35 (1980)).
#pragma once
#include "core/sparse_cholesky.h"
#include <limits>

namespace lathe::lipschitz {

template <class T> struct ShiftInvertResult {
  double upper = std::numeric_limits<double>::infinity(); ///< rigorous for the stored matrix
  double quotient = 0;                                    ///< |Rayleigh quotient| of x, to rounding
  std::vector<T> x;                                       ///< unit vector
  int factorizations = 0, solves = 0;
};

/// Bracket of λ_max(H), or with `both_sides` of max(λ_max(H), λ_max(−H)) = ‖H‖₂.
///  in  h          diagonal real; scaled so that the norm is of order 1 (2⁻⁵⁰ … 2⁵⁰)
///  in  factor     after a successful analyse(h)
///  in  upper      a bound known before; also of the other side
///  in  tolerance  stop once upper ≤ (1 + tolerance)·quotient; met down to about 10⁻¹²
///  in  start      order(h) entries or empty: an approximate eigenvector
/// Cost: usually two factorisations and some ten solutions with the factor; with both_sides one
/// factorisation more, unless Gershgorin's circles of −H settle it. Memory beyond the factor: 24
/// vectors. Class R0 for one BLAS library.
template <class T>
ShiftInvertResult<T> shift_invert(const SparseRows<T> &h, SparseCholesky<T> &factor,
                                  bool both_sides, double upper, double tolerance,
                                  const std::vector<T> &start);

} // namespace lathe::lipschitz
