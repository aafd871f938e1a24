// SPDX-License-Identifier: BSD-2-Clause
// Randomly pivoted Cholesky factorisation: K ≈ F·Fᵀ of rank k from k rows of K and its diagonal.
#pragma once
#include "sketching/nystrom.h"

namespace lathe::sketching {

struct RpCholeskyOptions {
  PetscInt rank = 50;  ///< 1 to the order of A
  PetscInt block = 32; ///< pivots that are drawn at a time; ≥ 1
  double mu = 0;       ///< factor A − mu·I; ≥ 0
  std::uint64_t seed = 1;
};

/// F of at most `rank` columns with K = A − mu·I ≈ F·Fᵀ ≤ K; each pivot is row i with the
/// probability that its diagonal entry has in the trace of the residual K − F·Fᵀ. Pivots are drawn
/// in blocks and rejected where the earlier ones of the block have used their entry up, which gives
/// the law of single draws (Epperly, Tropp, Webber, arXiv:2410.03969). Ends early when the
/// residual's trace is below n·2⁻⁵² of the trace. A needs MatGetRow (AIJ, dense, matern, …) and
/// must be symmetric.
///
/// *definite: false when a diagonal entry of the residual is negative beyond rounding: K is not
/// positive semidefinite; *F is then of no use. Class R0: rows and draws are by global index.
/// Cost: rank rows of A and n·rank² multiplications. Memory: rank + block vectors, and block whole
/// rows on every rank. Collective on A.
/// err  ARG_OUTOFRANGE an option, named as those of -pc_type rpcholesky; SUP A has no rows
PetscErrorCode RpCholesky(Mat A, const RpCholeskyOptions &options, MultiVector *F, bool *definite);

} // namespace lathe::sketching
