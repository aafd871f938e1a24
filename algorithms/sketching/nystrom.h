// SPDX-License-Identifier: BSD-2-Clause
// Nyström approximation of a symmetric positive semidefinite matrix,
//   A⟨Ω⟩ = AΩ (ΩᵀAΩ)⁺ (AΩ)ᵀ = U·diag(λ)·Uᵀ ≤ A,
// in the stable form of Tropp, Yurtsever, Udell, Cevher (NeurIPS 2017): A + νI is approximated,
// with ν = 2⁻⁵²‖AΩ‖_F/√n, and ν is subtracted from the eigenvalues.
#pragma once
#include "sketching/block_operator.h"
#include <vector>

namespace lathe::sketching {

/// Y = AΩ ← AΩ + νΩ and c ← chol(ΩᵀY), upper triangular, ΩᵀY = cᵀc. ν is enlarged up to a
/// hundredfold where rounding wants it. *definite: false, and c is of no use, when ΩᵀAΩ is not
/// positive semidefinite even so; Y = 0 gives ν = 0 and *definite = false.
/// err  ARG_WRONG when ΩᵀAΩ is not symmetric to 1e-5, so A is not
PetscErrorCode NystromCore(TallView Omega, TallView Y, std::vector<double> *c, double *nu,
                           bool *definite);

/// U·diag(λ)·Uᵀ with orthonormal columns U and λ₁ ≥ λ₂ ≥ … > 0.
struct LowRank {
  MultiVector vectors;
  std::vector<double> values;
};

/// F·Fᵀ as U·diag(λ)·Uᵀ for F = Y·c⁻¹ (c upper triangular, or empty: the identity); Y is
/// overwritten. Eigenvalues are lowered by `nu`, those that end ≤ 0 left out. Accurate to 2⁻⁵²λ₁
/// each.
PetscErrorCode Eigendecompose(TallView Y, const std::vector<double> &c, double nu, LowRank *result);

struct NystromOptions {
  PetscInt rank = 50; ///< columns of Ω, at first; 1 to the order of A
  double mu = 0; ///< approximate A − mu·I, of which mu·I was added to the matrix meant; ≥ 0
  double tolerance = 0; ///< double the rank until λ_last ≤ max(mu, tolerance·λ₁); 0: never
  PetscInt max_rank = 1000; ///< and not above this; ≥ rank where doubling is on
  std::uint64_t seed = 1;
};

/// Approximate A − mu·I from `rank` products with Gaussian vectors by global index. R0 where
/// products with A are. *definite: false when A − mu·I is seen not to be positive semidefinite;
/// *result is then of no use. Cost: rank products and 12 n·rank² flops (twice with doubling).
/// Memory: 4·rank vectors. err  as NystromCore; ARG_OUTOFRANGE an option, named as those of
/// -pc_type nystrom
PetscErrorCode Nystrom(BlockOperator &A, const NystromOptions &options, LowRank *result,
                       bool *definite);

/// Preconditioner for A = K + mu·I from K ≈ U·diag(λ)·Uᵀ:
///   P⁻¹ = U·diag(top/(λ + mu))·Uᵀ + (I − UUᵀ),   top = λ_last + mu
/// (Frangella, Tropp, Udell, SIAM J. Matrix Anal. Appl. 44 (2023)), and its powers: det P and P^-½
/// in log-determinants. There the best top is the geometric mean of what A has beyond U, which log
/// P^-½AP^-½ then differs the least from.
class LowRankPreconditioner {
public:
  LowRankPreconditioner() = default;
  LowRankPreconditioner(LowRank approximation, double mu, double top);

  /// Y ← P^power·X, power −1 or −½. Collective; two Allreduces; class R0.
  PetscErrorCode Apply(double power, TallView x, TallView y);
  [[nodiscard]] double log_determinant() const;
  [[nodiscard]] const std::vector<double> &values() const { return k_.values; }
  [[nodiscard]] double top() const { return top_; }
  void set_top(double top) { top_ = top; }

private:
  LowRank k_;
  double mu_ = 0, top_ = 1;
};

} // namespace lathe::sketching
