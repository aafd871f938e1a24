/* SPDX-License-Identifier: BSD-2-Clause
 * The result of every routine of this family: lower ≤ ‖A‖₂ ≤ upper, and how sure that is.
 * Valid C and C++; no PETSc. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/** How far a bracket can be trusted, best first.
 *  - RIGOROUS      true for the stored numbers; every rounding error is inside the bracket
 *  - DETERMINISTIC true in exact arithmetic; rounding errors (a modest multiple of 2⁻⁵³) are not
 *                  bounded
 *  - PROBABILISTIC upper fails with probability at most `failure_probability` over the start vector
 *  - ESTIMATE      no bound: upper may lie below the norm */
typedef enum {
  LATHE_CERTIFICATE_RIGOROUS = 0,
  LATHE_CERTIFICATE_DETERMINISTIC = 1,
  LATHE_CERTIFICATE_PROBABILISTIC = 2,
  LATHE_CERTIFICATE_ESTIMATE = 3
} LatheCertificate;

/** lower ≤ ‖A‖₂ ≤ upper, in the unit of the entries of A. `method` names the algorithm that gave
 *  `upper`; it points to static storage. */
typedef struct {
  double lower;
  double upper;
  LatheCertificate certificate;
  double failure_probability; /* of `upper`; 0 unless PROBABILISTIC */
  const char *method;         /* "cholesky", "collatz_wielandt", … */
  int gram_steps;             /* Gram products formed */
  long long products;         /* products with A or Aᴴ; 0 where A is dense */
} LatheNormBracket;

#ifdef __cplusplus
}

namespace lathe::lipschitz {

using Certificate = LatheCertificate;
using NormBracket = LatheNormBracket;

/// Name as it stands in options and result files: rigorous, deterministic, probabilistic, estimate.
inline const char *name(Certificate c) noexcept {
  switch (c) {
  case LATHE_CERTIFICATE_RIGOROUS:
    return "rigorous";
  case LATHE_CERTIFICATE_DETERMINISTIC:
    return "deterministic";
  case LATHE_CERTIFICATE_PROBABILISTIC:
    return "probabilistic";
  default:
    return "estimate";
  }
}

/// (upper − lower)/lower; 0 for the exact bracket [0, 0].
inline double relative_width(const NormBracket &b) noexcept {
  return b.upper == b.lower ? 0.0 : (b.upper - b.lower) / b.lower;
}

} // namespace lathe::lipschitz
#endif
