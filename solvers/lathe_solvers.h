/* SPDX-License-Identifier: BSD-2-Clause
 * What the registered types of lathe offer beyond the interface of their class, for C and C++. */
#pragma once
#include "lipschitz/norm_bracket.h"
#include "sketching/least_squares.h"
#include <petscksp.h>
#include <petscmat.h>
#include <slepcsvd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** LatheKSPGetEigenvalueBracket - certified bracket of the largest eigenvalue of the preconditioned
 *  operator M⁻¹A that a KSP of type certifiedchebyshev works with. Not collective.
 *  in   ksp      of type certifiedchebyshev, after KSPSetUp
 *  out  bracket  `upper` is the upper end of the Chebyshev interval
 *  err  ARG_WRONG for another type, ARG_WRONGSTATE before KSPSetUp */
PETSC_EXTERN PetscErrorCode LatheKSPGetEigenvalueBracket(KSP ksp, LatheNormBracket *bracket);

/** LatheSVDGetNormBracket - certified bracket of the largest singular value of the operator of an
 *  SVD of type gram. Not collective.
 *  in   svd      of type gram, after SVDSolve
 *  out  bracket  `lower` is what SVDGetSingularTriplet returns
 *  err  ARG_WRONG for another type, ARG_WRONGSTATE before SVDSolve */
PETSC_EXTERN PetscErrorCode LatheSVDGetNormBracket(SVD svd, LatheNormBracket *bracket);

/** LatheKSPGetLeastSquaresResult - backward error, digits, rank, condition of the last solve of a
 * KSP of type pne, spir or fossils. Not collective. err  ARG_WRONG for another type, ARG_WRONGSTATE
 * before KSPSolve */
PETSC_EXTERN PetscErrorCode LatheKSPGetLeastSquaresResult(KSP ksp, LatheLeastSquaresResult *result);

/** How a matrix of type matern keeps its entries. */
typedef enum {
  LATHE_MATERN_SHELL = 0, /**< not at all: O(n) memory a rank, every product computes them anew */
  LATHE_MATERN_DENSE = 1, /**< n²/ranks numbers a rank */
  LATHE_MATERN_TAPER = 2  /**< sparse: times a Wendland function of the taper radius */
} LatheMaternForm;

/** The covariance matrix itself or its derivative by one parameter. */
typedef enum {
  LATHE_MATERN_VALUE = 0,
  LATHE_MATERN_BY_VARIANCE = 1,
  LATHE_MATERN_BY_RANGE = 2,
  LATHE_MATERN_BY_SMOOTHNESS = 3,
  LATHE_MATERN_BY_NUGGET = 4
} LatheMaternComponent;

/** LatheMatCreateMatern - covariance matrix C of n sites in d dimensions,
 *    C_ij = variance·M_ν(√(2ν) |x_i - x_j|/range) + nugget·[i = j] (bessel/matern_covariance.h).
 *  Products have the same bits on every number of ranks and in every form with an infinite taper
 *  (class R0). Symmetric; cost of a product in shell form: n²/ranks correlations of about 200 ns.
 *  MatConvert to MATDENSE (shell, dense) or MATAIJ (taper) gives a matrix that direct solvers take;
 *  MatGetDiagonal and MatGetRow work in every form.
 *  Options: -mat_matern_nu -mat_matern_range -mat_matern_variance -mat_matern_nugget
 *  -mat_matern_form shell|dense|taper -mat_matern_taper, read by MatSetFromOptions.
 *  With -mat_type matern alone: compose the coordinates before MatSetUp,
 *  PetscObjectCompose((PetscObject)A, "coordinates", (PetscObject)coordinates).
 *  Collective on comm.
 *  in   coordinates  block size d, site by site; its layout is that of the rows
 *       nu           smoothness ν > 0
 *       range, variance > 0; nugget >= 0
 *       taper        radius for the form of that name, see LatheMatMaternSetForm
 *  out  A            the caller destroys it
 *  err  ARG_OUTOFRANGE a parameter; FP a coordinate that is not finite; ARG_SIZ coordinates that do
 *       not fit the rows. MatSetValues is not supported (SUP). */
PETSC_EXTERN PetscErrorCode LatheMatCreateMatern(MPI_Comm comm, Vec coordinates, PetscReal nu,
                                                 PetscReal range, PetscReal variance,
                                                 PetscReal nugget, LatheMaternForm form,
                                                 PetscReal taper, Mat *A);

/** Coordinates of a matrix of type matern; as PetscObjectCompose. Takes effect at MatSetUp. */
PETSC_EXTERN PetscErrorCode LatheMatMaternSetCoordinates(Mat A, Vec coordinates);
/** Parameters; stored entries are computed anew. Collective. */
PETSC_EXTERN PetscErrorCode LatheMatMaternSetParameters(Mat A, PetscReal nu, PetscReal range,
                                                        PetscReal variance, PetscReal nugget);
/** Any pointer may be NULL. Not collective. */
PETSC_EXTERN PetscErrorCode LatheMatMaternGetParameters(Mat A, PetscReal *nu, PetscReal *range,
                                                        PetscReal *variance, PetscReal *nugget);
/** Form, and the radius of the taper (> 0, in units of the coordinates; PETSC_INFINITY: no taper,
 *  all entries kept), which the other forms ignore. Collective. */
PETSC_EXTERN PetscErrorCode LatheMatMaternSetForm(Mat A, LatheMaternForm form, PetscReal taper);
/** New matrix with the sites, form and parameters of A that is the derivative of the covariance by
 *  one parameter; symmetric, not definite. Collective; the caller destroys *D. */
PETSC_EXTERN PetscErrorCode LatheMatMaternCreateDerivative(Mat A, LatheMaternComponent component,
                                                           Mat *D);

/** LatheMatCreateSketch - random d × m matrix S, d ≪ m, E SᵀS = I, that is never stored
 *  (sketching/sketch.h). MatMult, MatMultTranspose, MatGetRow, MatGetValues, and as products of
 * PETSc with MATDENSE and MATAIJ: MatMatMult(S, B), MatTransposeMatMult(S, dense B) and
 *  MatMatTransposeMult(B, S), the result dense. Class R0 with -mat_sketch_reproducible (default).
 *  Options, read by MatSetFromOptions: -mat_sketch_type sparse_stack|sparse_sign|count_sketch|
 *  gaussian|rademacher|srht|srct_cosine|srct_circulant|block_srht|tensor_sketch|kronecker_srht|
 *  khatri_rao, -mat_sketch_rows, _seed, _nnz, _rounds, _block, _factors, _reproducible. The same by
 * MatSetSizes(S, PETSC_DECIDE, m local, d, m) and -mat_type sketch. Collective on comm. in   rows d
 *       local_columns  of this rank, or PETSC_DECIDE
 *       columns        m
 *       kind           as -mat_sketch_type; NULL: sparse_stack
 *       seed           >= 0
 *  out  S              call MatSetFromOptions or not, then MatSetUp; the caller destroys it
 *  err  ARG_OUTOFRANGE, at MatSetUp too, with the option; MatSetValues is not supported (SUP) */
PETSC_EXTERN PetscErrorCode LatheMatCreateSketch(MPI_Comm comm, PetscInt rows,
                                                 PetscInt local_columns, PetscInt columns,
                                                 const char *kind, PetscInt64 seed, Mat *S);

/** LatheMatSketchSetFactors - m₁ … m_q, whose product is m, of a sketch of kind tensor_sketch,
 *  kronecker_srht or khatri_rao: its columns are numbered as the rows of A₁ ⊗ … ⊗ A_q
 *  (sketching/tensor_sketch.h), for a field on a grid of nz × ny × nx points nz, ny, nx. As
 *  -mat_sketch_factors m1,m2,…; before MatSetUp. Collective. err  ARG_OUTOFRANGE not 1 to 6
 *  numbers >= 1; at MatSetUp ARG_SIZ another product than m */
PETSC_EXTERN PetscErrorCode LatheMatSketchSetFactors(Mat S, PetscInt count, const PetscInt sizes[]);

/** Products of matrices A₁ … A_q with m₁ … m_q rows. */
typedef enum {
  LATHE_KHATRI_RAO = 0, /**< column j is a₁ⱼ ⊗ … ⊗ a_qⱼ; n columns like every factor */
  LATHE_KRONECKER = 1   /**< A₁ ⊗ … ⊗ A_q; n₁·…·n_q columns */
} LatheFactorProduct;

/** LatheMatSketchMultFactors - S times a product of matrices that is never formed, MATDENSE with
 *  the rows of S: for m₁ = m₂ = 1000 it reads two matrices of 1000 rows in the place of one of 10⁶.
 *  Class R0; cost and memory: sketching/tensor_sketch.h. Where m does not fit a PetscInt, use
 *  SketchApplyKhatriRao of C++. Collective.
 *  in   S        of kind tensor_sketch, kronecker_srht or khatri_rao, after MatSetUp
 *       factors  count matrices, m_k × n_k, MATDENSE, MATAIJ or any type with MatMultTranspose; one
 *                may stand in several places
 *  out  C        the caller destroys it
 *  err  ARG_WRONG another kind; ARG_SIZ factors that do not fit */
PETSC_EXTERN PetscErrorCode LatheMatSketchMultFactors(Mat S, LatheFactorProduct product,
                                                      PetscInt count, const Mat factors[], Mat *C);

#ifdef __cplusplus
}
#endif
