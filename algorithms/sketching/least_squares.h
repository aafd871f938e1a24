/* SPDX-License-Identifier: BSD-2-Clause
 * Least squares to the last bit, distributed over rows: min ‖b − A·x‖, weighted, with a ridge, of
 * minimum norm where A has more columns than rows or dependent ones. For C and C++.
 *
 * Preconditioned normal equations (pne; Ipsen, arXiv:2507.18466): R from a QR factorisation of a
 * sketch S·A, G = (A·R⁻¹)ᵀ(A·R⁻¹) = CᵀC by blocks of rows, and x ← x + R⁻¹C⁻¹C⁻ᵀR⁻ᵀAᵀ(b − A·x),
 * with residual and gradient accumulated, and x kept, in as many doubles a number as `refine` says.
 */
#pragma once
#include "core/petsc_compat.h"
#include <petscmat.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How residual, gradient and x are kept while x is refined. Condition numbers κ are those of A
 * with columns scaled to equal norms; ε = κ²·‖r‖/(‖A‖·‖x‖) + κ. */
typedef enum {
  LATHE_REFINE_NONE = 0,   /**< no refinement: the solution of the normal equations */
  LATHE_REFINE_DOUBLE = 1, /**< two steps in double: backward stable */
  LATHE_REFINE_DD = 2, /**< double-double: the last bit while ε < 10¹⁵, 10³¹/ε digits beyond */
  LATHE_REFINE_QUAD = 3, /**< triple-double: the last bit up to κ = 10¹⁴ */
  LATHE_REFINE_AUTO = 4  /**< dd; double where only products with A are known */
} LatheRefine;

/** How corrections are found; the sketch is the same. All take every `refine` except the last two,
 *  which know no residual of their own. */
typedef enum {
  LATHE_LS_PNE = 0,     /**< directly, by a Cholesky factorisation of (A·R⁻¹)ᵀ(A·R⁻¹) */
  LATHE_LS_SPIR = 1,    /**< by conjugate gradients: products with A only, for large sparse A and
                             matrices without rows (Epperly, Meier, Nakatsukasa,
                             arXiv:2406.03468) */
  LATHE_LS_FOSSILS = 2, /**< by the heavy-ball method (same paper) */
  LATHE_LS_ITERATIVE_SKETCHING = 3, /**< one heavy-ball iteration: forward stable only */
  LATHE_LS_SKETCH_AND_SOLVE = 4 /**< x' of min ‖S·(b − A·x)‖: a few percent above the least
                                     residual norm, and |x' − x|_j ≤ 4.5·‖b − A·x‖·‖A⁺‖/√d for
                                     every j in 99 % of draws with a dense sketch of d rows, the
                                     default here (Song, Ye, Yin, Zhang, ICML 2023) */
} LatheLeastSquaresMethod;

typedef enum {
  LATHE_LS_CONVERGED = 1,      /**< the corrections have become too small to be seen */
  LATHE_LS_STAGNATED = 2,      /**< they no longer shrink: `digits` says what was attained,
                                0 and backward_error infinite where x overflows */
  LATHE_LS_RANK_DEFICIENT = 3, /**< converged to the solution of minimum norm of rank `rank` */
  LATHE_LS_STEPS_SPENT = -1    /**< max_refinements were not enough */
} LatheLeastSquaresReason;

typedef struct {
  LatheLeastSquaresMethod method; /**< pne */
  LatheRefine refine;             /**< auto */
  PetscReal factor;   /**< rows of the sketch over columns of A, > 0, raised with a warning to n + 8
                          rows at least; 0, the default: 2 for pne, else 12 to 32, for sparse A 3 to
                          12, where time is least */
  PetscInt nonzeros;  /**< of a column of the sketch, 1 to 64; 0, the default: 8, for sparse A and
                          methods other than pne 4 */
  const char *sketch; /**< kind of the sketch, as LatheMatCreateSketch names them, without tensor
                          structure; NULL, the default: sparse_stack, for sketch_and_solve srht or,
                          where A is not dense, gaussian */
  unsigned long long seed;  /**< 1 */
  PetscReal ridge;          /**< λ ≥ 0 of min ‖b − A·x‖² + λ‖x‖²: 0 */
  PetscInt max_refinements; /**< passes over A after the first: 40 */
} LatheLeastSquaresOptions;

typedef struct {
  LatheLeastSquaresReason reason;
  PetscInt refinements; /**< passes over A in the precision of `refine`, without the first */
  PetscInt iterations;  /**< inner ones of spir and fossils, steps of iterative sketching */
  PetscInt rank;        /**< of A */
  PetscReal residual_norm; /**< ‖b − A·x‖ of the x returned (weighted where weights are given) */
  PetscReal backward_error; /**< relative, of Karlson and Waldén, for A with columns scaled to equal
                                 norms; see sketching/backward_error.h */
  PetscReal digits;         /**< correct decimal digits of x, normwise, from the last correction */
  PetscReal cond_estimate;  /**< κ, within a factor of 3 */
} LatheLeastSquaresResult;

PETSC_EXTERN PetscErrorCode LatheLeastSquaresOptionsSetDefaults(LatheLeastSquaresOptions *options);
/** Read -<prefix>lathe_ls_method, _refine none|double|dd|quad|auto, _factor, _nnz, _sketch, _seed,
 * _ridge and _max_refinements. Collective on comm. err  ARG_OUTOFRANGE with name, value and range
 */
PETSC_EXTERN PetscErrorCode LatheLeastSquaresOptionsSetFromOptions(
    MPI_Comm comm, const char *prefix, LatheLeastSquaresOptions *options);

/** LatheLeastSquares - x with min ‖b − A·x‖² + λ‖x‖², of least norm among several.
 *  Collective on A.
 *  in   A        m × n, MATDENSE or any type with MatGetRow; for spir and fossils, with `refine`
 *                not beyond double, any with MatMult and MatMultTranspose (d products with the
 *                transpose make the sketch); real scalars. Or MATNORMAL of such an A: then
 *                AᵀA·x = b is solved, with dd to the last bit while κ < 10⁷
 *       b        m, in the layout of A's rows
 *       weights  NULL, or m numbers w ≥ 0: min Σ w_i (b − A·x)_i²; m ≥ n
 *       options  NULL for the defaults
 *  out  x        n, in the layout of A's columns
 *       result   may be NULL; the same on every rank
 *  Accuracy (refine): with |x_j| the components and κ, ε above, dd: ‖error‖ ≤ 1.2e-16·‖x‖ and every
 *  component within 1 ulp while ε < 1e14; quad: ‖error‖ ≤ 2e-16·‖x‖ for κ ≤ 1e14. Backward error:
 *  ≤ 2e-16 from `double` on.
 *  Class: R0 where every digit is correct, hence whatever ranks, seed and sketch; else R2.
 *  Cost: a sketch, 2mn² + 2dn² operations, and for each refinement 4mn that wait for memory;
 *  memory beside A, on each rank: 2(d + n)n numbers and 64 MB, d = factor·n
 *  (m < n: A once more).
 *  Messages: a reduction of 2dn numbers (sketch; in pieces of 16 MB), one of n(n + 1)/2, and for a
 *  refinement a reduction of 2n (quad: 3n) and a broadcast of n.
 *  spir and fossils: no 2mn² term, but 4mn (4·nnz) for each of 15 to 30 inner iterations a
 *  refinement, with a broadcast and a reduction of n numbers; backward error ≤ 2e-15 with `double`.
 *  err  FP an entry is not finite (named); ARG_OUTOFRANGE, ARG_SIZ; SUP complex scalars */
PETSC_EXTERN PetscErrorCode LatheLeastSquares(Mat A, Vec b, Vec weights, Vec x,
                                              const LatheLeastSquaresOptions *options,
                                              LatheLeastSquaresResult *result);

/** LatheMatLeastSquares - the same for each column of B, with one sketch and one factorisation.
 *  Collective on A.
 *  in   B        m × k, MATDENSE, rows in the layout of A's rows
 *  out  X        n × k, MATDENSE, rows in the layout of A's columns; column j has the bits that
 *                LatheLeastSquares gives for column j of B alone
 *       results  NULL or k results */
PETSC_EXTERN PetscErrorCode LatheMatLeastSquares(Mat A, Mat B, Vec weights, Mat X,
                                                 const LatheLeastSquaresOptions *options,
                                                 LatheLeastSquaresResult results[]);

/** Name of a reason, "converged" …; of a refinement, "none", "double", "dd", "quad",
 *  "auto". */
PETSC_EXTERN const char *LatheLeastSquaresReasonName(LatheLeastSquaresReason reason);
PETSC_EXTERN const char *LatheRefineName(LatheRefine refine);
/** "pne", "spir", "fossils", "iterative_sketching", "sketch_and_solve". */
PETSC_EXTERN const char *LatheLeastSquaresMethodName(LatheLeastSquaresMethod method);

#ifdef __cplusplus
}
#endif
