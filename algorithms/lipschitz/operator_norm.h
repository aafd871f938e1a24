// SPDX-License-Identifier: BSD-2-Clause
// The policy of LatheMatNormBracket: cheap bounds first, stop as soon as an acceptable upper bound
// is within the tolerance of the lower one.
//
//   stage             upper bound                        kind            cost
//   norms             Collatz-Wielandt at v = 1          rigorous        2 products
//   collatz_wielandt  |A| by power iteration             rigorous        ≤ 40 products
//   lanczos           random start, no component missed  probabilistic   2 products a step
//   sparse_cholesky   τI − H factors, H stands for A     rigorous        2 factorisations
//   cholesky          τI − AᴴA factors, dense            rigorous        min(m,n)³/3 + AᴴA
//   sparse_gram       |AᴴA|, then |(AᴴA)²|, streamed     rigorous        Σ(entries of a row)² a
//   pass
//
// Of the two factorisations (direct_bound.h) the cheaper one that the limits allow is done: the
// sparse one when its factor, predicted exactly, has at most factor_fill·nnz(A) entries, the dense
// one when min(m, n) ≤ dense_limit. Either meets tolerances down to about 10⁻¹². The streamed Gram
// bound (gram_rows.h) is the last resort, for gram_steps products whose predicted entries
// Σ(entries of a row)² are at most gram_fill times those of their factor. A request that accepts
// probability continues Lanczos first where it converges, the others break it off after a trial.
//
// The lower bound is ‖Ax‖/‖x‖ of the best vector any stage has met. Stages that cannot give the
// asked certificate are used for the lower bound only.
#pragma once
#include "lipschitz/collatz_wielandt.h"
#include "lipschitz/lanczos_bound.h"
#include "lipschitz/lipschitz.h"
#include <array>
#include <memory>

namespace lathe::lipschitz {

/// One computation: all bounds are of 2^-exponent·A until Result().
class NormSearch {
public:
  NormSearch(LinearOperator &A, const LatheNormOptions &options);
  PetscErrorCode Run();
  [[nodiscard]] NormBracket result() const;
  [[nodiscard]] const std::vector<PetscScalar> &witness() const { return witness_; }
  /// The asked kind of certificate was out of reach for this matrix.
  [[nodiscard]] bool downgraded() const;

private:
  struct Upper {
    double value, failure_probability;
    const char *method;
  };
  PetscErrorCode AbsoluteStages();
  PetscErrorCode LargestEntryColumn();
  PetscErrorCode SmallestShape();
  PetscErrorCode LanczosStage(int most_steps);
  PetscErrorCode LanczosUpper();
  PetscErrorCode RevisitAbsolute();
  PetscErrorCode DirectStage();
  PetscErrorCode GramStage();
  PetscErrorCode OfferVector(const std::vector<PetscScalar> &x);
  PetscErrorCode Report(const char *stage);
  void offer(Certificate kind, double upper, const char *method, double failure_probability = 0);
  [[nodiscard]] bool acceptable(Certificate kind) const { return kind <= options_.certificate; }
  [[nodiscard]] bool accepts_probability() const {
    return acceptable(LATHE_CERTIFICATE_PROBABILISTIC);
  }
  [[nodiscard]] bool meets(double upper) const {
    return upper <= (1 + options_.tolerance) * lower_;
  }
  [[nodiscard]] bool done() const;
  [[nodiscard]] Certificate best_kind() const;

  LinearOperator &A_;
  const LatheNormOptions &options_;
  std::array<Upper, 3> upper_; // by kind
  double lower_ = 0;
  std::vector<PetscScalar> witness_; // may be empty on a rank that owns no columns
  bool has_witness_ = false;         // the same on every rank
  std::unique_ptr<CollatzWielandt> absolute_;
  std::vector<GolubKahan> lanczos_;
  int repeats_ = 1;
  int gram_steps_ = 0;
  bool hopeless_ = false; // more Lanczos steps will not reach the tolerance
  bool factored_ = false; // a factorisation has given what rounding allows
  double start_ = 0;
};

} // namespace lathe::lipschitz
