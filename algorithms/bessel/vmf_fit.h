/* SPDX-License-Identifier: BSD-2-Clause
 * Collective interface: von Mises-Fisher distributions and mixtures of them fitted to the rows of a
 * dense matrix that is distributed by rows, and samples. For C and C++. */
#pragma once
#include "bessel/vmf_estimate.h"
#include "core/petsc_compat.h"
#include <petscmat.h>

/** The rows of this rank: local × dim numbers, row-major, float or double (exactly one of the two
 *  pointers is set, the same one on every rank; both may be NULL where local is 0). Ranks hold
 *  consecutive rows in the order of their numbers. The arrays are borrowed and never copied. */
typedef struct {
  PetscInt local; /* ≥ 0 */
  PetscInt dim;   /* p ≥ 2, the same on every rank */
  const float *single_precision;
  const double *double_precision;
} LatheVmfRows;

/** One entry of the trace of expectation maximisation. */
typedef struct {
  PetscInt step;         /* 0: the starting model */
  double log_likelihood; /* of the model before the step, summed over the rows */
} LatheVmfStep;

/** Which of the two estimates of LatheVmfEstimate becomes `kappa`. */
typedef enum { LATHE_VMF_CORRECTED = 0, LATHE_VMF_MLE = 1 } LatheVmfEstimator;

typedef struct {
  PetscInt components;         /* K ≥ 1 */
  LatheVmfEstimator estimator; /* of the model that is returned; EM itself maximises likelihood */
  PetscBool normalize;     /* scale every row to length 1; else rows of other length are refused */
  double tolerance;        /* EM ends when the mean log-likelihood of a row grows by less; > 0 */
  PetscInt max_steps;      /* of EM; ≥ 1 */
  double kappa_max;        /* bound of every κ of a mixture of K ≥ 2; > 0 */
  unsigned long long seed; /* of the start */
  unsigned long long stream; /* another start for every value; < 2³² */
  PetscErrorCode (*monitor)(const LatheVmfStep *step, void *context); /* every rank; or NULL */
  void *monitor_context;
} LatheVmfOptions;

typedef struct {
  double weight; /* share of the rows; 0 for a component that lost all of them */
  double kappa;  /* by the chosen estimator */
  LatheVmfEstimate estimate;
} LatheVmfComponent;

/** A fitted model, the same bits on every rank and on every number of ranks. */
typedef struct {
  PetscInt components, dim;
  LatheVmfComponent *component; /* K, decreasing weight */
  double *mean;                 /* K × dim, row-major, rows of length 1 */
  double log_likelihood;        /* of this model, summed over the rows that are not zero */
  PetscInt64 rows, zero_rows;   /* rows that count, and zero rows, which are left out */
  PetscInt steps;               /* of EM; 0 for K = 1 */
  PetscInt empty;               /* components with weight 0 */
  PetscBool converged;
} LatheVmfModel;

#ifdef __cplusplus
extern "C" {
#endif

/** LatheVmfOptionsSetDefaults - 1 component, corrected, no scaling, tolerance 1e-8, 500 steps,
 *  κ ≤ 1e8, seed 1, stream 0. Not collective. */
PETSC_EXTERN PetscErrorCode LatheVmfOptionsSetDefaults(LatheVmfOptions *options);

/** LatheVmfFit - maximum-likelihood von Mises-Fisher model of the rows. One component: one pass.
 *  More: expectation maximisation (Banerjee, Dhillon, Ghosh, Sra, JMLR 6, 2005, soft assignments)
 *  from a spherical k-means++ start: centres are rows drawn with probability proportional to
 *  1 − (largest cosine to a centre), weights the shares of the nearest centres, κ common, from
 * pairs of rows with the same centre. The log-likelihood never falls, up to its rounding (κ·2⁻⁵² a
 * row). Standard errors of a component are those of its own rows, weighted as they are assigned in
 * the end: what is unknown about the assignment is not in them, so where components overlap they
 * are too small. A component left with less than 10⁻⁶ rows is switched off (weight 0, κ 0, counted
 * in `empty`). Not converging is no error: see `converged`.
 *
 *  Cost: one pass 2 reads of the local rows (one from cache); a step of EM 2·K·dim operations a row
 *  and 8·dim for each component that takes part in it. Memory:
 *  K (40·dim + 12 kB) and for K > 1 36 bytes a local row; the rows are not copied. Communication:
 *  two sums of 8·K·dim bytes a step. Reproducibility R0.
 *
 *  Collective on comm. `model` is filled; free it with LatheVmfModelDestroy.
 *  err  ARG_OUTOFRANGE  an option or a shape (the message has its range); an entry that is NaN or
 *       infinite (row and column); a row of another length than 1 (number and length) unless
 *       normalize is set; fewer rows that are not zero than components
 *       ARG_SIZ, ARG_WRONG  ranks disagree about dim or precision */
PETSC_EXTERN PetscErrorCode LatheVmfFit(MPI_Comm comm, const LatheVmfRows *rows,
                                        const LatheVmfOptions *options, LatheVmfModel *model);
PETSC_EXTERN PetscErrorCode LatheVmfModelDestroy(LatheVmfModel *model);

/** LatheVmfFitMat - the same for the rows of a MATDENSE or any type with MatGetRow, of real
 * numbers. The local rows are copied (8 bytes an entry). */
PETSC_EXTERN PetscErrorCode LatheVmfFitMat(Mat rows, const LatheVmfOptions *options,
                                           LatheVmfModel *model);

/** LatheVmfAssign - the component with the largest posterior probability for each local row (−1 for
 *  a zero row), that probability, and the log density of the row; each array may be NULL. Not
 *  collective. */
PETSC_EXTERN PetscErrorCode LatheVmfAssign(const LatheVmfRows *rows, const LatheVmfModel *model,
                                           PetscInt *component, double *probability,
                                           double *log_density);

/** LatheVmfSample - rows `first` to `first + count` of the sample that (mean, κ, seed, stream)
 * names: count × dim numbers, row-major. mean: dim numbers, not all 0; κ ≥ 0, +∞ allowed; stream <
 * 2³². Not collective; class R0, since a row depends on its number alone. */
PETSC_EXTERN PetscErrorCode LatheVmfSample(PetscInt dim, const double *mean, double kappa,
                                           unsigned long long seed, unsigned long long stream,
                                           PetscInt64 first, PetscInt count, double *rows);

#ifdef __cplusplus
}
#endif
