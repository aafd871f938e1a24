// SPDX-License-Identifier: BSD-2-Clause
// Golub-Kahan bidiagonalisation from a random start: a lower bound of ‖A‖₂ with its vector, and an
// upper bound that fails with a probability known beforehand, from the same products.
//
// Source of the upper bound: van Dorsselaer, Hochstenbach, van der Vorst, SIAM J. Matrix Anal.
// Appl. 22 (2000) 837-852; Hochstenbach, J. Sci. Comput. 57 (2013). After k steps v_{k+1} =
// p_k(AᴴA)v₁ with
//   p_k(x) = Π_j (x − θ_j²) / Π_j α_j β_j,   θ_j the singular values of the bidiagonal matrix.
// The component γ₁ of v₁ along the top singular vector satisfies 1 ≥ |γ₁| p_k(σ₁²), and |γ₁| ≥ δ
// with probability 1 − ε when v₁ is uniform on the sphere; so σ₁ is at most the root s > θ₁ of
// p_k(s²) = 1/δ.
#pragma once
#include "lipschitz/linear_operator.h"
#include <vector>

namespace lathe::lipschitz {

/// δ with P(|γ₁| < δ) = ε for a uniform unit vector of length n: δ² is the ε-quantile of
/// Beta(½, (n−1)/2), for complex vectors of Beta(1, n−1). n ≥ 1, 0 < ε < 1.
double smallest_component(double n, double failure_probability, bool complex_vector);

/// Rounding of the recurrence hides components below about 1000 units in the last place: the
/// smallest ε for which the bound may be used with one start vector. Below it, take b independent
/// vectors with ε^(1/b) each and the largest of their bounds: it fails only if all fail.
double failure_probability_floor(double n, bool complex_vector);

/// Root s of p_k(s²) = 1/δ, rounded up with the allowance for the rounding of k steps. alpha and
/// beta have k ≥ 1 entries each.
double probabilistic_upper(const std::vector<double> &alpha, const std::vector<double> &beta,
                           double delta);

/// The bidiagonalisation itself, resumable. Both bases are kept and reorthogonalised (twice is
/// enough), since a repeated Ritz value would distort p_k. Memory: k·(m + n) scalars; work: two
/// products and 4k(m + n) flops a step. Class R0 when A is assembled().
class GolubKahan {
public:
  /// `stream` numbers independent start vectors; they live in the smaller of the two spaces.
  GolubKahan(LinearOperator &A, std::uint64_t seed, std::uint64_t stream);

  /// Until `steps` steps in all are done or the Krylov space is exhausted. Collective.
  /// err  FP  the operator returned NaN or Inf
  PetscErrorCode Advance(int steps);

  [[nodiscard]] int steps() const { return static_cast<int>(alpha_.size()); }
  /// The Krylov space is invariant: largest() is ‖A‖₂ up to rounding, unless v₁ had no component
  /// along its vector (probability zero).
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  /// Largest singular value θ₁ of the bidiagonal matrix, and the residual β_k·|last component of
  /// its left vector|, after Evaluate(). Both in units of 2^exponent.
  [[nodiscard]] double largest() const { return largest_; }
  [[nodiscard]] double residual() const { return residual_; }
  [[nodiscard]] double upper(double failure_probability) const;
  PetscErrorCode Evaluate();
  /// Right Ritz vector in the domain of A, from the last Evaluate(). Collective (one product when
  /// the start vector lives in the range).
  PetscErrorCode RightVector(std::vector<PetscScalar> &x);

private:
  PetscErrorCode Start();
  PetscErrorCode Orthonormalise(const std::vector<PetscScalar> &basis, std::size_t count,
                                std::vector<PetscScalar> &w, double *norm);

  LinearOperator &A_;
  bool adjoint_; // start vector lives in the range of A
  std::uint64_t seed_, stream_;
  std::size_t inner_, outer_; // local lengths of the right and left bases
  std::vector<PetscScalar> right_, left_, work_;
  std::vector<double> alpha_, beta_, ritz_;
  bool started_ = false, exhausted_ = false;
  double largest_ = 0, residual_ = 0;
};

} // namespace lathe::lipschitz
