/* SPDX-License-Identifier: BSD-2-Clause
 * Stochastic estimates of traces of square PETSc matrices and of functions of symmetric ones, each
 * with the standard error that its own samples show. C and C++. */
#pragma once
#include "core/petsc_compat.h"
#include <petscmat.h>

/** How the trace is estimated from m products with A. */
typedef enum {
  LATHE_TRACE_GIRARD_HUTCHINSON = 0, /**< mean of ωᵀAω over m random sign vectors; error ∝ m^-½ */
  LATHE_TRACE_HUTCHPP = 1,   /**< Hutch++: m/3 for a range, m/3 for its trace, m/3 for the rest */
  LATHE_TRACE_XTRACE = 2,    /**< leave-one-out low-rank approximation, exchangeable; any A */
  LATHE_TRACE_XNYSTRACE = 3, /**< the same by Nyström approximation; A symmetric ≥ 0 */
} LatheTraceMethod;

typedef struct {
  double value;
  double standard_error; /**< of `value`, from the spread of its samples: 0 where they agree, as
                              two vectors of n signs do by chance once in 2ⁿ⁻¹ draws. The samples
                              of the leave-one-out methods share what they have of the range, and
                              it is then up to 4 times too small: XNysTrace where eigenvalues decay
                              slowly, both from n/2 vectors on */
  long long matvecs;     /**< products with A that were used */
} LatheTraceEstimate;

/** f in tr f(A). */
typedef enum {
  LATHE_SPECTRAL_LOG = 0,     /**< log x: the log-determinant; A positive definite */
  LATHE_SPECTRAL_INVERSE = 1, /**< 1/x: the trace of the inverse; A positive definite */
  LATHE_SPECTRAL_POWER = 2,   /**< |x|^p, p > 0: p-th power of the Schatten p-norm */
  LATHE_SPECTRAL_EXP = 3      /**< e^x: the Estrada index of a graph's adjacency matrix */
} LatheSpectralFunction;

/** What LatheMatSpectralSum aims for. Fill with LatheQuadratureOptionsSetDefaults first. */
typedef struct {
  PetscInt probes;         /* random vectors; ≥ 2 */
  PetscInt max_steps;      /* Lanczos steps of each at most; ≥ 1 */
  double tolerance;        /* stop a probe once a step changes its quadrature by less, relatively */
  double power;            /* p of LATHE_SPECTRAL_POWER; > 0 */
  unsigned long long seed; /* of the probes */
} LatheQuadratureOptions;

typedef struct {
  double value, standard_error;
  double quadrature_error; /**< largest change in the last step of a probe, scaled as `value` */
  long long matvecs;
  PetscInt steps;      /**< Lanczos steps of the longest probe */
  PetscBool converged; /**< every probe met the tolerance */
} LatheSpectralSum;

#ifdef __cplusplus
extern "C" {
#endif

/** LatheMatTrace - estimate the trace of A from at most `matvecs` products. Collective on A.
 *  Girard-Hutchinson and Hutch++ draw signs, the others vectors on the sphere of radius √n, from
 *  (seed, column, row) alone. R0 where products with A are (AIJ, BAIJ and dense matrices always, by
 *  rows copied from A), else as reproducible as MatMult.
 *
 *  Which method: XTrace or XNysTrace when eigenvalues decay, Girard-Hutchinson when they do not.
 *  Memory: 3·matvecs/2 vectors (32 for Girard-Hutchinson). Cost beside the products: 4 to 12
 *  n·matvecs² flops.
 *
 *  in   A        n x n, any type with MatMult; symmetric positive semidefinite for XNysTrace
 *       matvecs  ≥ 2, 6, 4, 2 by method; the vectors they allow (all, a third, a half, all) ≤ n
 *                but for Girard-Hutchinson
 *  err  ARG_SIZ not square; ARG_OUTOFRANGE matvecs; FP a product or the trace is not finite;
 *       ARG_WRONG XNysTrace of a matrix that is not symmetric or has a negative eigenvalue, as far
 *       as the samples show; SUP complex scalars
 *  Sources: Girard 1987; Meyer, Musco, Musco, Woodruff, SOSA 2021; Epperly, Tropp, Webber, SIAM J.
 *  Matrix Anal. Appl. 45 (2024), with their rescaled residuals. */
PETSC_EXTERN PetscErrorCode LatheMatTrace(Mat A, LatheTraceMethod method, PetscInt matvecs,
                                          unsigned long long seed, LatheTraceEstimate *estimate);

/** LatheMatTraceWithVectors - the same with test vectors of the caller: the columns of Omega, a
 *  MATDENSE with the row layout of A. Girard-Hutchinson, XTrace and XNysTrace use all k of them
 *  (XTrace: 2k products); Hutch++ the first ⌈k/2⌉ for the range, the others for the rest.
 *  XTrace and XNysTrace rescale residuals as is right for isotropic vectors of length √n or
 *  Gaussian ones. */
PETSC_EXTERN PetscErrorCode LatheMatTraceWithVectors(Mat A, LatheTraceMethod method, Mat Omega,
                                                     LatheTraceEstimate *estimate);

/** LatheQuadratureOptionsSetDefaults - 20 probes, at most 100 steps, tolerance 1e-8, power 1, seed
 *  1. Not collective. */
PETSC_EXTERN PetscErrorCode LatheQuadratureOptionsSetDefaults(LatheQuadratureOptions *options);

/** LatheMatSpectralSum - tr f(A) of a symmetric matrix by stochastic Lanczos quadrature (Ubaru,
 *  Chen, Saad, SIAM J. Matrix Anal. Appl. 38 (2017)): the mean over random sign vectors z of the
 *  Gauss quadrature of zᵀf(A)z from Lanczos steps, each vector orthogonalised against all others.
 *  Up to 32 probes run in step and share their reductions. Collective on A; reproducible as
 *  LatheMatTrace. Memory: max_steps vectors, or up to 512 MB on all ranks where that is more.
 *
 *  The standard error covers the random probes. The quadrature error is an estimate, not a bound; a
 *  probe that uses up max_steps leaves converged = PETSC_FALSE and a usable value.
 *  in   A  symmetric (not checked); Schatten norms of another matrix: give MatCreateNormal(A) and
 *          half the power
 *  Eigenvalues are seen to 2⁻⁵²‖A‖, so that a sum of 1/x is good to that over the smallest one.
 *  err  ARG_OUTOFRANGE an option, or a Ritz value ≤ 2⁻⁵¹ of the largest where f needs a positive
 *       definite A; FP the sum overflows; others as LatheMatTrace */
PETSC_EXTERN PetscErrorCode LatheMatSpectralSum(Mat A, LatheSpectralFunction f,
                                                const LatheQuadratureOptions *options,
                                                LatheSpectralSum *sum);

/** LatheMatLogDeterminant - log det A of a symmetric positive definite matrix: with the Nyström
 *  preconditioner P of rank k (algorithms/sketching/nystrom.h)
 *    log det A = log det P + tr log(P^-½ A P^-½),
 *  the first term exact, the second by Lanczos quadrature. Its variance and its number of steps
 *  fall with the eigenvalues that P takes away. Collective on A; reproducible as LatheMatTrace.
 *  Memory: 4·rank vectors beside that of LatheMatSpectralSum. sum->matvecs counts the rank products
 *  of P and of one quadrature that finds the level of its other directions, too.
 *  in   rank of P, 0 (none: LatheMatSpectralSum) to n
 *       mu   a known lower bound of the smallest eigenvalue, as the σ² of K + σ²I, or 0
 *  err  ARG_OUTOFRANGE an option, or A − mu·I is seen not to be positive semidefinite */
PETSC_EXTERN PetscErrorCode LatheMatLogDeterminant(Mat A, PetscInt rank, double mu,
                                                   const LatheQuadratureOptions *options,
                                                   LatheSpectralSum *sum);

/** LatheMatCreateFunction - f(A) as a matrix of type shell: its MatMult runs Lanczos from the
 *  vector until a step changes the result by less than tolerance, relatively, or max_steps;
 *  MatMatMult with a MATDENSE runs up to 32 columns in step. Then any of the methods above, and not
 *  only the quadrature, estimates tr f(A): far better where f(A) decays. A must outlive *F.
 *  Collective; the caller destroys *F. Memory as LatheMatSpectralSum.
 *  in   options  max_steps, tolerance, power
 *  err  as LatheMatSpectralSum, at the product */
PETSC_EXTERN PetscErrorCode LatheMatCreateFunction(Mat A, LatheSpectralFunction f,
                                                   const LatheQuadratureOptions *options, Mat *F);
/** LatheMatFunctionGetMatvecs - products with A so far, and whether all of them met the tolerance.
 */
PETSC_EXTERN PetscErrorCode LatheMatFunctionGetMatvecs(Mat F, long long *matvecs,
                                                       PetscBool *converged);

#ifdef __cplusplus
}
#endif
