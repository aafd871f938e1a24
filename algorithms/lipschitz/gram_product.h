// SPDX-License-Identifier: BSD-2-Clause
// The Gram matrix of the smaller side with a rounding bound that does not grow with the larger one.
#pragma once
#include "core/dense.h"

namespace lathe::lipschitz {

/// Rows (or columns) whose products BLAS may sum in any order; blocks are added explicitly.
inline constexpr std::size_t gram_block = 512;

/// Lower triangle of G = fl(AᴴA) when rows ≥ cols, else fl(AAᴴ); G c×c with c = min(rows, cols),
/// leading dimension c, diagonal real. `scratch`: c×c, used when the larger side exceeds
/// `block`. W: double or complex<double>.
/// Cost: c²·max(rows, cols) multiplications.
template <class W>
void gram_product(dense::View<const W> a, W *g, W *scratch,
                  std::size_t block = gram_block) noexcept;

/// γ with |fl(G) − G| ≤ γ·|A|ᴴ|A| entry by entry (up to underflow), hence
/// ‖fl(G) − G‖₂ ≤ γ·‖|A|‖₂²; rounded up. K = min(k, block) + ⌈k/block⌉ roundings for inner
/// dimension k, whatever order BLAS sums in (Higham, Accuracy and Stability, §3.1).
template <class W>
double gram_gamma(std::size_t rows, std::size_t cols, std::size_t block = gram_block) noexcept;

/// Bound of the part of ‖fl(G) − G‖₂ that comes from underflow.
double gram_underflow(std::size_t rows, std::size_t cols) noexcept;

} // namespace lathe::lipschitz
