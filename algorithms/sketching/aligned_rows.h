// SPDX-License-Identifier: BSD-2-Clause
// Rows in blocks that begin at multiples of a size, whatever the distribution: a block belongs to
// the rank of its first row, which gets the rest of it from its neighbours. What is computed block
// by block then does not depend on the ranks.
#pragma once
#include "core/petsc_compat.h"
#include "sketching/sparse_stack.h"
#include <vector>

namespace lathe::sketching {

class AlignedRows {
public:
  /// Collective on comm. `mine`: columns of the rows of this rank, which stay where they are and
  /// must outlive *this; `ranges`: first rows of all ranks and their number m, as
  /// MatGetOwnershipRanges gives them. At most block − 1 rows leave a rank and arrive at it.
  PetscErrorCode Create(MPI_Comm comm, const ColumnRows &mine, const PetscInt *ranges,
                        std::int64_t block);

  /// The blocks of this rank, as at most two runs of rows.
  [[nodiscard]] const std::vector<ColumnRows> &regions() const { return regions_; }

private:
  std::vector<ColumnRows> regions_;
  std::vector<const double *> whole_, last_; // columns of the regions
  std::vector<double> sent_, received_;
};

} // namespace lathe::sketching
