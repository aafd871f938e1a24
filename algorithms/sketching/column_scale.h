// SPDX-License-Identifier: BSD-2-Clause
// Powers of two, one a column, that bring the largest entry of each into [1, 2). What is computed
// from columns times such factors neither over- nor underflows, and has the same bits whatever
// power of two a column, or the whole matrix, is multiplied by.
#pragma once
#include "sketching/multivector.h"
#include <cmath>

namespace lathe::sketching {

class ColumnScale {
public:
  /// From the largest entries over all ranks: one pass over A, one reduction. Collective; class R0.
  PetscErrorCode Create(TallView A);

  /// Column j is of the size of 2^exponent; −1022 for smaller ones, as 2^1074 is no number, and for
  /// zeros.
  [[nodiscard]] int exponent(std::size_t j) const { return exponent_[j]; }
  [[nodiscard]] double factor(std::size_t j) const { return std::scalbn(1.0, -exponent_[j]); }
  [[nodiscard]] int largest() const;
  /// Every exponent at least this: what else the columns are to be scaled with.
  void raise(int least);

  /// scaled ← the columns of A that `columns` names, in that order, times their factors. Not
  /// collective.
  void load(TallView A, const std::vector<std::size_t> &columns, TallView scaled) const;
  /// All of them.
  void load(TallView A, TallView scaled) const;

private:
  std::vector<int> exponent_;
};

} // namespace lathe::sketching
