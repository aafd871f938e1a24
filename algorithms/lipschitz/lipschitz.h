/* SPDX-License-Identifier: BSD-2-Clause
 * Collective interface of the family, for C and C++: certified brackets of the spectral norm of
 * PETSc matrices, convolutions and networks. The C++ kernels have headers of their own. */
#pragma once
#include "core/petsc_compat.h"
#include "lipschitz/norm_bracket.h"
#include <petscmat.h>

/** One entry of the trace that a norm computation leaves; see LatheNormOptions.monitor. */
typedef struct {
  const char *method;  /* stage that was finished */
  double lower, upper; /* best bracket so far */
  LatheCertificate certificate;
  double seconds;     /* since the start of the computation */
  long long products; /* products with A and Aᴴ so far */
} LatheNormStep;

/** What LatheMatNormBracket aims for. Fill with LatheNormOptionsSetDefaults first. */
typedef struct {
  double tolerance;             /* stop once upper ≤ (1 + tolerance)·lower; > 0 */
  LatheCertificate certificate; /* weakest acceptable kind of `upper` */
  double failure_probability;   /* for probabilistic bounds; in (0, 1) */
  PetscInt lanczos_steps;       /* at most; ≥ 1 */
  PetscInt gram_steps;          /* sparse Gram products at most; 0 to 2 */
  PetscReal gram_fill;     /* most nonzeros of AᴴA (then of (AᴴA)²) as predicted by Σ(entries
                            * of a row)², as a multiple of nnz(A) (nnz(AᴴA)); ≥ 1 */
  PetscReal factor_fill;   /* most nonzeros of a sparse Cholesky factor, as a multiple of
                            * nnz(A); ≥ 0, 0: none */
  PetscInt dense_limit;    /* min(m, n) up to which a dense Gram matrix may be factored */
  unsigned long long seed; /* of the counter-based start vector */
  PetscBool warn;          /* one line on stderr when `certificate` cannot be reached */
  PetscBool print;         /* one line on stdout a stage */
  PetscErrorCode (*monitor)(const LatheNormStep *step, void *context); /* every rank; or NULL */
  void *monitor_context;
} LatheNormOptions;

/** Geometry of a convolution y[o, p] = Σ_{i,a} K[o, i, a]·x[i, s·p + δ·a − pad] (cross-correlation,
 *  as in deep-learning frameworks), 1 to 3 spatial dimensions. Weights are row-major
 *  (cout, cin/groups, k₁, …). */
typedef enum {
  LATHE_PADDING_ZEROS = 0,
  LATHE_PADDING_CIRCULAR = 1,
  LATHE_PADDING_REFLECT = 2,
  LATHE_PADDING_REPLICATE = 3
} LathePadding;

typedef struct {
  int ndim;             /* spatial dimensions, 1 to 3; entries of the arrays beyond are ignored */
  PetscInt cout, cin;   /* channels of output and input; ≥ 0 */
  PetscInt groups;      /* divides cin and cout; ≥ 1 */
  PetscInt kernel[3];   /* taps along each axis; ≥ 1 */
  PetscInt stride[3];   /* ≥ 1 */
  PetscInt dilation[3]; /* ≥ 1 */
  PetscInt padding[3];  /* added on both sides of each axis; ≥ 0 */
  LathePadding padding_mode;
  PetscInt input[3];    /* spatial extent; all 0: the bound must hold for every extent */
  const double *weight; /* not owned; the same on every rank */
} LatheConvolution;

/** Method of LatheConvolutionNormBracket. */
typedef enum {
  LATHE_CONVOLUTION_CHOLESKY = 0, /* symbol-Gram-Cholesky: a bracket, rigorous */
  LATHE_CONVOLUTION_GRAM = 1, /* Gram iteration at every frequency: Schatten bound, deterministic */
  LATHE_CONVOLUTION_MOMENT = 2, /* the same with the moment improvement */
  LATHE_CONVOLUTION_SVD = 3     /* LAPACK at every frequency: the peer */
} LatheConvolutionMethod;

typedef struct {
  LatheConvolutionMethod method;
  double tolerance; /* relative width wanted of the bracket of the frequency maximum; > 0 */
  int gram_steps;   /* for GRAM and MOMENT; ≥ 0 */
} LatheConvolutionOptions;

#ifdef __cplusplus
extern "C" {
#endif

/** LatheNormOptionsSetDefaults - tolerance 1e-6, certificate probabilistic (which never means an
 *  estimate), failure probability 1e-12, 100 Lanczos steps, 1 sparse Gram product of fill 20,
 *  factorisation fill 50, dense limit 4096, seed 1, warnings on. Not collective. */
PETSC_EXTERN PetscErrorCode LatheNormOptionsSetDefaults(LatheNormOptions *options);

/** LatheNormOptionsSetFromOptions - override from the options database. Collective on comm.
 *  opt  -<prefix>lathe_norm_tolerance -<prefix>lathe_norm_certificate
 *       -<prefix>lathe_norm_failure_probability -<prefix>lathe_norm_lanczos_steps
 *       -<prefix>lathe_norm_gram_steps -<prefix>lathe_norm_gram_fill
 *       -<prefix>lathe_norm_factor_fill -<prefix>lathe_norm_dense_limit -<prefix>lathe_norm_seed
 *       -<prefix>lathe_norm_warn -<prefix>lathe_norm_monitor
 *  err  ARG_OUTOFRANGE with the option's name, the value and the allowed range */
PETSC_EXTERN PetscErrorCode LatheNormOptionsSetFromOptions(MPI_Comm comm, const char *prefix,
                                                           LatheNormOptions *options);

/** LatheMatNormBracket - certified bracket of ‖A‖₂. Collective on A.
 *  in   A        m×n, any type with entries (AIJ, BAIJ, SBAIJ, NEST, dense), or with MatMult and
 *                MatMultTranspose or MatMultHermitianTranspose
 *  in   options  NULL: defaults, then the options database with A's prefix
 *  out  bracket  the tightest found; its `certificate` is never weaker than asked, unless no method
 *                for this matrix can reach it: then the best weaker one is returned with its own
 *                kind in `certificate`, and a line on stderr unless options->warn is false. A width
 *                above the tolerance is no error; read it from the bracket.
 *  err  FP a NaN or Inf entry (row and column named) or product; ARG_OUTOFRANGE an option;
 *       ARG_WRONGSTATE not assembled; SUP no product with the adjoint
 *  The lower bound of a matrix with entries is rigorous, that of a matrix-free operator is true up
 *  to the rounding of its products. Class R0 for matrices with entries (where a factorisation gave
 *  the bound: for one BLAS library and number of its threads), R2 for others.
 *  See operator_norm.h for the policy, its costs and its sources. */
PETSC_EXTERN PetscErrorCode LatheMatNormBracket(Mat A, const LatheNormOptions *options,
                                                LatheNormBracket *bracket);

/** LatheMatNormBracketWithVectors - the same, and the witness of `lower`: ‖Av‖₂ = lower up to
 *  rounding with ‖v‖₂ = 1, u = Av/‖Av‖₂, the largest component of v real and positive.
 *  in   u, v  vectors as MatCreateVecs(A, &v, &u) makes them, or NULL; zero for a zero matrix */
PETSC_EXTERN PetscErrorCode LatheMatNormBracketWithVectors(Mat A, const LatheNormOptions *options,
                                                           LatheNormBracket *bracket, Vec u, Vec v);

/** LatheConvolutionCheck - refuse an impossible geometry, with the value and the allowed range.
 *  Collective on comm (every rank passes the same layer). */
PETSC_EXTERN PetscErrorCode LatheConvolutionCheck(MPI_Comm comm, const LatheConvolution *layer);

/** LatheConvolutionNormBracket - certified bracket of the spectral norm of a convolution layer.
 *  Collective on comm; class R0 (the same bits for every number of ranks). See conv_norm.h. */
PETSC_EXTERN PetscErrorCode LatheConvolutionNormBracket(MPI_Comm comm,
                                                        const LatheConvolution *layer,
                                                        const LatheConvolutionOptions *options,
                                                        LatheNormBracket *bracket);

/** LatheConvolutionSupremum - bracket of sup_ω ‖D(ω)‖₂, which bounds the layer's norm for every
 *  input extent with zero padding, and with circular padding at stride 1 and padding ≤ span/2.
 *  Collective on comm; class R0. */
PETSC_EXTERN PetscErrorCode LatheConvolutionSupremum(MPI_Comm comm, const LatheConvolution *layer,
                                                     double tolerance, LatheNormBracket *bracket);

/** LatheConvolutionNormGradient - gradient with respect to the weights of the Gram bound
 *  (Schatten-2^(t+1) norm of the symbol at its largest frequency); gradient has the weights' shape.
 *  Collective on comm; class R0. */
PETSC_EXTERN PetscErrorCode LatheConvolutionNormGradient(MPI_Comm comm,
                                                         const LatheConvolution *layer,
                                                         int gram_steps, double *bound,
                                                         double *gradient);

/** LatheConvolutionRescaling - factors r[cout] > 0 such that the layer with row o divided by r[o]
 * has norm at most 1 for every extent with zero padding (spectral rescaling); gram_steps 1 to 4.
 * Not collective. */
PETSC_EXTERN PetscErrorCode LatheConvolutionRescaling(const LatheConvolution *layer, int gram_steps,
                                                      double *factors);

/** MatCreateConvolution - the layer as an explicit sparse matrix (MATAIJ), rows (o, p) and columns
 *  (i, x) row-major; all paddings, strides, dilations and groups. Collective on comm. */
PETSC_EXTERN PetscErrorCode MatCreateConvolution(MPI_Comm comm, const LatheConvolution *layer,
                                                 Mat *A);

#ifdef __cplusplus
}
#endif
