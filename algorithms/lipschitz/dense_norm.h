// SPDX-License-Identifier: BSD-2-Clause
// Certified bracket of the spectral norm of a dense matrix.
//
// With c = min(m, n): the Gram matrix G of the smaller side (one rank-k update), a Lanczos vector v
// of G for the lower bound ‖Av‖/‖v‖, one Cholesky factorisation of τI − G for the upper bound √τ.
// Both ends include every rounding error, so they hold for the stored numbers. This costs
// c²·max(m, n) + c³/3 multiplications, where a singular value decomposition without vectors needs
// 4/3·c³ in memory-bound reductions after a QR factorisation, and certifies nothing.
#pragma once
#include "core/dense.h"
#include "lipschitz/norm_bracket.h"
#include "lipschitz/scaled_matrix.h"
#include <cstdint>
#include <string>
#include <vector>

namespace lathe::lipschitz {

enum class DenseNormMethod {
  cholesky, ///< the bracket above; rigorous
  gram,     ///< upper = Schatten-2^(t+1) norm, t = gram_steps, rounded up; rigorous
  moment    ///< upper = moment bound from the same products, never above that; rigorous
};

struct DenseNormOptions {
  /// Stop once upper ≤ (1 + tolerance)·lower; > 0. Where a-priori bounds of the rounding (about
  /// 2⁻⁵³·min(c, 256)·c in the worst case) do not reach that, the residual of the factorisation is
  /// computed, at three times the cost of the rest; then the floor is some 2⁻⁵¹·c.
  double tolerance = 1e-14;
  DenseNormMethod method = DenseNormMethod::cholesky;
  int gram_steps = 6;     ///< products of methods gram and moment; 1 … 60
  std::uint64_t seed = 0; ///< of the Lanczos start vector
};

enum class DenseNormStatus { ok, not_finite, bad_tolerance, bad_gram_steps };

/// What dense_norm found besides the bracket.
struct DenseNormReport {
  DenseNormStatus status = DenseNormStatus::ok;
  std::size_t row = 0, column = 0; ///< of the entry that is not finite (0-based)
  int lanczos_products = 0;        ///< products with the Gram matrix
  int factorizations = 0;          ///< shifted Cholesky attempts
  /// Text of a status other than ok: what is wrong, the value, the allowed range.
  std::string message;
};

/// Bracket lower ≤ ‖A‖₂ ≤ upper of the stored m×n matrix.
///  in   a        any shape and leading dimension; entries from subnormal to the largest finite
///                number (scaled by an exact power of two). T: float, double and their complex
///                types; float is promoted, so its bracket has double's width.
///  in   options  see DenseNormOptions
///  out  report   or null
///  out  witness  or null: the vector v of length c behind `lower`, right (m ≥ n) or left singular
/// Width (upper − lower)/lower, method cholesky: at most 5e-14 at c = 64 and 2e-13 at c = 512,
/// clustered singular values included. upper ≤ (1 + tolerance)·lower holds exactly for tolerances
/// from that width on; from 1e-13·c on (c ≤ 64; 2e-11 at c = 512) at the lower cost. Zero and empty
/// matrices: [0, 0]; 1×1 real: exact; rows, columns within one unit in the last place, exact where
/// the norm is a double. Norms beyond the largest double: upper = +∞. On a status other than ok the
/// bracket is [NaN, NaN] and an estimate. Memory: 2c² + (200 + 256)·c entries, and a copy of A
/// unless T is double or complex<double> with its largest entry in [2⁻¹⁰⁰, 2¹⁰⁰]. Class R0 for one
/// BLAS library. Throws std::bad_alloc.
template <class T>
NormBracket dense_norm(dense::View<const T> a, const DenseNormOptions &options = {},
                       DenseNormReport *report = nullptr, std::vector<Wide<T>> *witness = nullptr);

} // namespace lathe::lipschitz
