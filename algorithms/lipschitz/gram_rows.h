// SPDX-License-Identifier: BSD-2-Clause
// Rows of the Gram matrix G = MᴴM of a sparse matrix, one after another (Gustavson, ACM TOMS 4
// (1978)): row j is the sum over i of conj(m_ij)·(row i of M), in the order of i, so its bits do
// not depend on the number of ranks (class R0). The whole of G need not exist:
//   ‖M‖₂² = ‖G‖₂ ≤ ‖|G|‖₂ ≤ max_j (|G|v)_j / v_j   for every v > 0,
// which is never above the bound from |M|ᴴ|M| and far below it where signs cancel.
#pragma once
#include "core/row_block.h"
#include "lipschitz/linear_operator.h"
#include <functional>
#include <span>

namespace lathe::lipschitz {

class GramRows {
public:
  /// G of M, given with its adjoint N; rank p holds the rows of G that are its rows of N.
  /// Collective on comm. M and N must outlive *this. Memory: the rows of M that meet this rank's
  /// columns (none on one rank), and 16 bytes a column.
  PetscErrorCode Create(MPI_Comm comm, const RowMatrix &M, const RowMatrix &N);

  /// visit(j, columns, row) for each local row j: its columns in the order of their first term,
  /// and row[c] for c among them.
  template <class F> void each(F &&visit) {
    for (std::size_t j = 0; j < N_->rows(); ++j) {
      accumulate(j);
      visit(j, std::span<const PetscInt>(touched_), sum_.data());
      for (const PetscInt c : touched_)
        sum_[static_cast<std::size_t>(c)] = 0;
    }
  }

  /// γ with |fl(G) − G| ≤ γ·|M|ᴴ|M| entry by entry, rounded up.
  [[nodiscard]] double gamma() const;

  /// y ← |N||M|x on local parts; collective.
  using AbsoluteProduct = std::function<PetscErrorCode(const PetscReal *x, PetscReal *y)>;

  /// Improve *squared ≥ ‖M‖₂², rigorously, by at most `steps` steps of the iteration above; ends
  /// once *squared ≤ enough, or a step gains less than 1e-3. Collective. Cost of a step: Σ(entries
  /// of a row of M)² multiplications; memory: one vector on every rank.
  PetscErrorCode Bound(const AbsoluteProduct &absolute, int steps, double enough, double *squared);

  /// G as a matrix with N's distribution of rows, `local` of them here. Collective.
  PetscErrorCode Form(PetscInt local, MatHandle *G);

private:
  void accumulate(std::size_t j);

  MPI_Comm comm_ = MPI_COMM_NULL;
  const RowMatrix *M_ = nullptr, *N_ = nullptr;
  RowBlock rows_;
  std::vector<PetscScalar> sum_;
  std::vector<PetscInt> touched_;
  std::vector<bool> seen_;
};

/// *upper ≥ ‖2^-e·A‖₂ from |G|, G = AᴴA (wide: AAᴴ), and when `steps` is 2 from |G²|, for which G
/// is formed; the last product never is. Rigorous. A is assembled(), absolute ≥ ‖2^-e·|A|‖₂.
///  in   fill      a second product is left out when Σ(entries of a row of G)² > fill·nnz(G)
///  in   enough    stop at *upper ≤ enough
///  out  products  1 or 2
/// Collective.
PetscErrorCode GramBound(LinearOperator &A, bool wide, PetscInt steps, double fill, double absolute,
                         double enough, double *upper, int *products);

} // namespace lathe::lipschitz
