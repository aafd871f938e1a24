// SPDX-License-Identifier: BSD-2-Clause
// Largest eigenvalue of a Hermitian positive semidefinite matrix from below, with its witness.
//
// Lanczos in the Krylov space of a start vector, every basis vector orthogonalised twice against
// all others, so no ghost Ritz values. It stops when the classical estimate
//   λ_max − θ ≤ r²/(θ − θ₂),   r = β_j·|s_j|  (Parlett, The Symmetric Eigenvalue Problem, §11.7),
// with the second Ritz value θ₂ in the place of the second eigenvalue, falls below
// tolerance·θ. The estimate is fooled when the start is orthogonal to the top eigenvector; a
// failing shifted Cholesky factorisation then names a direction to restart from
// (shifted_cholesky.h).
#pragma once
#include "core/dense.h"
#include <cstdint>
#include <functional>
#include <vector>

namespace lathe::lipschitz {

struct LanczosOptions {
  int max_steps = 200;      ///< vectors in the basis before a restart from the Ritz vector; ≥ 1
  int max_restarts = 2;     ///< ≥ 0
  double tolerance = 1e-14; ///< estimated relative error of the eigenvalue at which to stop
  std::uint64_t seed = 0;   ///< of the Philox start vector …
  std::uint64_t stream = 0; ///< … e.g. the number of the matrix in a family
};

struct LanczosResult {
  double value = 0; ///< Ritz value; ≤ λ_max up to rounding
  double error = 0; ///< estimate of λ_max − value
  int products = 0; ///< products with the matrix
  bool converged = false;
};

/// Workspace and algorithm for matrices of one order; reusable, so that a sweep over many matrices
/// allocates once. T: float, double and their complex types.
template <class T> class HermitianLanczos {
public:
  /// y ← G·x for a positive semidefinite operator.
  using Product = std::function<void(const T *x, T *y)>;

  /// Memory: order × min(order, max_steps) entries of T.
  explicit HermitianLanczos(std::size_t order, int max_steps = 200);

  /// Bound λ_max(G) from below.
  ///  in      g     order×order, lower triangle, entries of magnitude 2⁻²⁰⁰ … 2²⁰⁰ (2⁻⁴⁰ … 2⁴⁰ for
  ///                float); scale by a power of two first. G = 0 gives value 0.
  ///  in/out  x     order entries. In: the start vector if `warm` (replaced by the random one when
  ///                zero or not finite). Out: unit vector with xᴴGx = value up to rounding.
  /// Cost: one hemv and 8·order·j flops for step j. Class R0 for one BLAS library.
  LanczosResult run(dense::View<const T> g, const LanczosOptions &options, T *x, bool warm = false);
  /// The same of an operator, for example an inverse.
  LanczosResult run(const Product &product, const LanczosOptions &options, T *x, bool warm = false);

private:
  LanczosResult cycle(const Product &product, double tolerance, T *x, double floor);
  std::size_t n_;
  std::size_t capacity_;
  std::vector<T> basis_, coefficients_, work_;
  std::vector<double> alpha_, beta_, ritz_, scratch_;
};

/// Rigorous lower bound of λ_max of the stored G (lower triangle, imaginary part of the diagonal
/// ignored): (fl(xᴴGx) − γ·‖G‖_F·‖x‖²)/‖x‖², rounded down. `work`: order entries. One hemv and one
/// pass over G; T double or complex<double>.
template <class T> double rayleigh_lower(dense::View<const T> g, const T *x, T *work) noexcept;

} // namespace lathe::lipschitz
