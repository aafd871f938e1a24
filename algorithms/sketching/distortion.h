// SPDX-License-Identifier: BSD-2-Clause
// How many rows a sketch needs, and how well one keeps the norms of a given subspace.
#pragma once
#include "sketching/sketch.h"

namespace lathe::sketching {

/// What stands behind a number of rows.
enum class Guarantee {
  Theorem, ///< for every subspace of that dimension, with probability 1 − δ
  Measured ///< on coherent and incoherent subspaces over 200 seeds (tests); the theory has the
           ///< order
};
struct EmbeddingRows {
  std::int64_t rows;
  Guarantee guarantee;
};

/// Rows d such that all singular values of S Q, Q an orthonormal basis of n vectors of R^m, lie in
/// [1 − ε, 1 + ε] with probability at least 1 − δ. 0 < ε < 1, 0 < δ < 1, n ≥ 1.
///   Gaussian          (√n + √(2 log(2/δ)))²/ε²; theorem (Davidson, Szarek, Handbook of the
///                     Geometry of Banach Spaces I, 2001, II.13)
///   CountSketch       (n² + n)/(δ (2ε − ε²)²); theorem (Nelson, Nguyên, FOCS 2013)
///   Srht, 1 round     4 (√n + √(8 log(m n)))² log n where ε ≥ 0.6 and δ ≥ 3/n; theorem (Tropp,
///                     Adv. Adapt. Data Anal. 2011, Theorem 3.1: [0.40, 1.48])
///   TensorSketch, KroneckerSrht, KhatriRao
///                     n² 3^q/(δ (2ε − ε²)²), for q factors; theorem, by a second moment. Singular
///                     values lie in [1 − ε, 1 + ε] where ‖E‖ ≤ 2ε − ε², E = (SQ)ᵀSQ − I, and
///                     E‖E‖_F² ≤ 3^q n²/d:
///                     - for independent signs on the q factors E⟨u, s₁ ⊗ … ⊗ s_q⟩⁴ ≤ 3^q‖u‖⁴,
///                       factor by factor (Khinchin's and Minkowski's inequalities);
///                     - KroneckerSrht, KhatriRao: each row of √d·S is such a product (after
///                       orthogonal transforms of the factors, where there are two rounds), and
///                       given the signs the rows are independent, or drawn without replacement, of
///                       mean covariance I. E‖E‖_F² ≤ n² sup E⟨u, s⟩⁴/d;
///                     - TensorSketch: two different row numbers meet in a bucket with probability
///                       1/d, whatever the signs, so that E⟨Su, Sv⟩² is at most ⟨u, v⟩² +
///                       E⟨|u|, s⟩²⟨|v|, s⟩²/d; ζ independent ones of d/ζ rows over √ζ have the
///                       same variance. (Avron, Nguyên, Woodruff, NeurIPS 2014: 2 + 3^q for hash
///                       functions of limited independence.)
///                     In practice d of order n does: README.md
///   other             1.5·(√n + √(2 log(2/δ)))²/ε²; measured. Below ζ = 8, or with one round,
///   more.
EmbeddingRows embedding_rows(const Sketch &sketch, std::int64_t n, double epsilon,
                             double delta) noexcept;

/// Extreme ratios ‖S v‖/‖v‖ over the range of A.
struct Distortion {
  double smallest = 0, largest = 0;
  std::int64_t rank = 0; ///< of S·A, to a relative 10⁻¹³
};

/// SketchDistortion - measure a sketch on a matrix: with S A = Q R, the singular values of A R⁻¹
/// are the reciprocals of the ratios, and A R⁻¹ is well conditioned when S is any good, however bad
/// A is. smallest is 0 when S loses a direction of the range of A. Collective on A; one sketch, one
/// more pass over A, a reduction of n² numbers. Relative accuracy 10⁻¹² while largest/smallest ≤
/// 100. Class R2.
///   in   a  MATDENSE or MATAIJ, real scalars, n ≤ d columns
///   err  SUP complex scalars, another type; ARG_SIZ n > d; as SketchApply
PetscErrorCode SketchDistortion(const Sketch &sketch, Mat a, Distortion *distortion);

} // namespace lathe::sketching
