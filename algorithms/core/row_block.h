// SPDX-License-Identifier: BSD-2-Clause
// Whole rows of a distributed sparse matrix where they are needed, wherever they are stored.
#pragma once
#include "core/row_matrix.h"

namespace lathe {

class RowBlock {
public:
  /// Fetch the rows `wanted` (increasing global indices; each rank its own list) of A. Collective
  /// on comm. Where one rank owns all of A and wants all of it, nothing is copied, and A must
  /// outlive *this. Memory elsewhere: the entries fetched and, while they travel, once more.
  /// Requires fewer than 2³¹ entries to leave or reach a rank (err SUP).
  PetscErrorCode Fetch(MPI_Comm comm, const RowMatrix &A, const std::vector<PetscInt> &wanted);

  [[nodiscard]] RowView view() const { return view_; }

private:
  std::vector<std::size_t> offset_;
  std::vector<PetscInt> column_;
  std::vector<PetscScalar> value_;
  RowView view_;
};

} // namespace lathe
