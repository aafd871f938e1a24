// SPDX-License-Identifier: BSD-2-Clause
// Sketches of tensor structure, S (d × m) with m = m₁·…·m_q, made of q sketches S_k (d × m_k):
//
//   TensorSketch   column (i₁, …, i_q) is the circular convolution of the columns i_k of
//   SparseStack
//                  sketches S_k, part by part of the stack: row Σ h_k(i_k) mod the rows of the
//                  part, sign Π s_k(i_k). nonzeros = 1: as in Pham and Pagh (KDD 2013); more stack
//                  independent ones, as SparseStack does with CountSketches.
//   KroneckerSrht  √(1/d) R (T₁ ⊗ … ⊗ T_q), T_k the signs and Hadamard transforms of Srht, R of
//                  d rows drawn with replacement (Jin, Kolda, Ward, Inf. Inference 2021): row r is
//                  the product of rows r of the S_k.
//   KhatriRao      row r is √(1/d) g_r1 ⊗ … ⊗ g_rq, independent standard normal vectors (Sun, Guo,
//                  Tropp, Udell, arXiv:2105.00105).
//
// The rows of a matrix that such a sketch is applied to are numbered as those of A₁ ⊗ A₂ ⊗ … ⊗ A_q
// (MatSeqAIJKron): i = ((i₁·m₂) + i₂)·m₃ + …, the last index running fastest. Where the matrix is a
// Kronecker or Khatri-Rao product of matrices A_k, it need not be formed:
//
//   Sketch s{.kind = SketchKind::TensorSketch, .rows = 400, .columns = 900 * 1200,
//            .factors = {900, 1200}};
//   PetscCall(SketchApplyKhatriRao(s, {a1, a2}, sa));   // S·(A₁ ⊙ A₂), columns a₁ⱼ ⊗ a₂ⱼ
//
// The same matrix in every place sketches the monomials of degree q in its rows (the polynomial
// kernel).
#pragma once
#include "sketching/sketch.h"
#include <array>
#include <petscmat.h>
#include <vector>

namespace lathe::sketching {

using MultiIndex = std::array<std::int64_t, max_factors>;
/// (i₁, …) of a row number.
inline MultiIndex multi_index(const std::vector<std::int64_t> &sizes, std::int64_t i) noexcept {
  MultiIndex index{};
  for (std::size_t k = sizes.size(); k-- > 0; i /= sizes[k])
    index[k] = i % sizes[k];
  return index;
}

/// S_k, k from 0: SparseStack, Srht (with replacement) or Gaussian, of a seed of its own.
Sketch factor_of(const Sketch &sketch, int k) noexcept;

/// SketchApplyKhatriRao - S·(A₁ ⊙ … ⊙ A_q), d × n: column j is S·(a₁ⱼ ⊗ … ⊗ a_qⱼ).
/// Collective on the communicator of the factors.
///   in   sketch   of tensor structure; columns, the product of the m_k, up to 2⁶²
///        factors  A_k, m_k × n, as SketchApply takes them; one may stand in several places
///   out  sa       d × n, column-major, the same on every rank
/// Class R0 as SketchApply is. Cost: q sketches of the factors, and then d products (KroneckerSrht,
/// KhatriRao) or q + 1 Fourier transforms of length d (TensorSketch) a column, the columns dealt to
/// the ranks; nothing of size m. Memory on every rank: (q + 2)·d·n numbers.
/// Accuracy: 1e-14 of the norm of the column of the product (worst met by tests 6e-16).
///   err  ARG_SIZ, ARG_OUTOFRANGE  factors that do not fit; as SketchApply
PetscErrorCode SketchApplyKhatriRao(const Sketch &sketch, const std::vector<Mat> &factors,
                                    std::vector<PetscScalar> &sa);

/// SketchApplyKronecker - S·(A₁ ⊗ … ⊗ A_q), d × (n₁·…·n_q), the last column index running fastest.
/// As SketchApplyKhatriRao; memory: 2·d·n₁·…·n_q numbers.
PetscErrorCode SketchApplyKronecker(const Sketch &sketch, const std::vector<Mat> &factors,
                                    std::vector<PetscScalar> &sa);

} // namespace lathe::sketching
