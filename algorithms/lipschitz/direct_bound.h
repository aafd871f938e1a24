// SPDX-License-Identifier: BSD-2-Clause
// Certificates of ‖A‖₂ by factorisation, for matrices with entries. One Hermitian matrix stands for
// A; its factorisation on rank 0, of rows gathered there in global order, has the same bits on
// every number of ranks (class R0 for one BLAS library), and the answer goes to all.
//
//   representation         top eigenvalue   when
//   A itself, both signs   ‖A‖₂             A = Aᴴ, entry by entry
//   AᴴA or AAᴴ             ‖A‖₂²            the one with fewer products, if it can be sparse
//   [0 A; Aᴴ 0]            ‖A‖₂             both Gram matrices are full (dense rows and columns)
//   dense AᴴA or AAᴴ       ‖A‖₂²            min(m, n) within the dense limit
//
// Both bounds are rigorous: sparse_cholesky.h and hermitian_upper.h for the factorisation,
// γ·‖|A|‖₂² for the rounding of a Gram matrix.
#pragma once
#include "core/row_block.h"
#include "lipschitz/linear_operator.h"
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace lathe::lipschitz {

struct DirectResult {
  double upper = std::numeric_limits<double>::infinity(); ///< of ‖2^-e·A‖₂
  std::vector<PetscScalar> x; ///< local part of a vector in the domain of A; empty: none
  bool gram = false;          ///< a Gram matrix was formed
};

class DirectBound {
public:
  /// A must be assembled() and not zero(); `absolute` ≥ ‖2^-e·|A|‖₂.
  DirectBound(LinearOperator &A, double absolute);

  /// Choose the sparse representation, gather and order it on rank 0 and predict the factor; false
  /// when it would have more than fill·nnz(A) entries. Collective. Memory on rank 0: the
  /// representation.
  PetscErrorCode Predict(double fill, bool *feasible);
  /// Multiplications of the predicted factorisation; of a dense one.
  [[nodiscard]] double sparse_cost() const { return sparse_cost_; }
  [[nodiscard]] double dense_cost() const;

  /// After Predict() said feasible. `start`: local part of an approximate right singular vector.
  PetscErrorCode Sparse(double tolerance, double upper, const std::vector<PetscScalar> &start,
                        DirectResult *result);
  /// Memory on rank 0: 2·min(m, n)² scalars, elsewhere the rows of A that meet the rank's columns.
  PetscErrorCode Dense(double tolerance, std::uint64_t seed, const std::vector<PetscScalar> &start,
                       DirectResult *result);

  DirectBound(const DirectBound &) = delete;
  DirectBound &operator=(const DirectBound &) = delete;
  ~DirectBound();

private:
  enum class Representation { hermitian, gram, augmented };
  struct Factored; // lives on rank 0
  PetscErrorCode GatherHere(const RowMatrix &M, PetscInt first, PetscInt count, RowBlock *rows);
  PetscErrorCode Represent();
  PetscErrorCode ScatteredGram(bool wide, std::vector<PetscScalar> *g);
  PetscErrorCode BlockedGram(bool wide, std::vector<PetscScalar> *g);
  PetscErrorCode CountParts(bool adjoint);
  PetscErrorCode ToRoot(bool adjoint, const std::vector<PetscScalar> &x,
                        std::vector<PetscScalar> *all);
  PetscErrorCode FromRoot(bool adjoint, const PetscScalar *all, std::vector<PetscScalar> *x);
  PetscErrorCode RightVector(bool range, const PetscScalar *top, std::vector<PetscScalar> *x);
  [[nodiscard]] double gram_upper(double squared, double gamma) const;

  LinearOperator &A_;
  double absolute_;
  Representation kind_ = Representation::hermitian;
  bool wide_ = false, represented_ = false; // wide: the Gram matrix is AAᴴ
  double gamma_ = 0;                        // of the sparse Gram matrix
  double sparse_cost_ = std::numeric_limits<double>::infinity();
  std::unique_ptr<Factored> factored_;
  std::vector<int> count_, start_; // of the ranks' parts of a vector
};

} // namespace lathe::lipschitz
