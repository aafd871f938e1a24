// SPDX-License-Identifier: BSD-2-Clause
// Largest eigenvalue of one dense Hermitian matrix from both sides: Lanczos below, shifted Cholesky
// above.
#pragma once
#include "core/dense.h"
#include <cstdint>
#include <vector>

namespace lathe::lipschitz {

template <class T> struct HermitianTop {
  double upper = 0;    ///< rigorous for the stored matrix; +∞ when no factorisation succeeded
  double quotient = 0; ///< Rayleigh quotient of x, to rounding
  std::vector<T> x;    ///< unit vector
  int factorizations = 0;
};

/// λ_max(G) ≤ upper for Hermitian G (n×n, lower triangle), G ⪰ 0 up to rounding, scaled so that
/// λ_max lies in 2⁻²⁰⁰ … 2²⁰⁰.
///  in  tolerance  stop once upper + error ≤ (1 + tolerance)·quotient; a failed factorisation names
///                 a better vector (clustered or missed eigenvalues)
///  in  error      what the caller will add to `upper`, e.g. the rounding of G itself
///  in  start      n entries or null: the first Lanczos vector
/// T: double or complex<double>. Cost n³/3 a factorisation, n² a Lanczos step; memory 2n² and 200
/// to 600 vectors. Class R0 for one BLAS library.
template <class T>
HermitianTop<T> hermitian_top(dense::View<const T> g, double tolerance, double error = 0,
                              const T *start = nullptr, std::uint64_t seed = 0);

/// λ_max(B) ≤ result for symmetric B (n×n, column-major, lower triangle read), B ⪰ 0 up to
/// rounding, of any scale. Usually within 1e-12 relative; at worst ‖B‖_F. Not finite entries: +∞.
double hermitian_upper(std::size_t n, const double *b);

} // namespace lathe::lipschitz
