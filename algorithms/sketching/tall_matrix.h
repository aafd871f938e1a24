// SPDX-License-Identifier: BSD-2-Clause
// A tall PETSc matrix as a multivector: for what needs all entries of its rows, as their
// importance.
#pragma once
#include "sketching/block_operator.h"

namespace lathe::sketching {

class TallMatrix {
public:
  /// Copy A (m × n, m ≥ 1, n ≥ 1; any type with MatGetRow) into dense rows. Memory: m·n/ranks
  /// doubles, twice while it is copied. Collective on A. err  FP an entry is not finite, with its
  /// place; SUP complex scalars or no rows
  PetscErrorCode Create(Mat A);

  [[nodiscard]] TallView view() { return rows_.view(); }
  [[nodiscard]] const RowBlocks &rows() const { return layout_.rows(); }
  [[nodiscard]] std::size_t cols() const { return cols_; }
  /// Vecs in the layout of the rows of A.
  [[nodiscard]] ColumnLayout &layout() { return layout_; }

private:
  ColumnLayout layout_;
  MultiVector rows_;
  std::size_t cols_ = 0;
};

/// x, one column, on every rank. Collective.
PetscErrorCode GatherColumn(TallView x, std::vector<double> *whole);

} // namespace lathe::sketching
