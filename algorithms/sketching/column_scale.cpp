// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/column_scale.h"
#include <algorithm>
#include <numeric>

namespace lathe::sketching {

PetscErrorCode ColumnScale::Create(TallView A) {
  PetscFunctionBegin;
  std::vector<double> largest(A.cols);
  for (std::size_t j = 0; j < A.cols; ++j)
    for (std::size_t i = 0; i < A.rows.local(); ++i)
      largest[j] = std::max(largest[j], std::abs(A.column(j)[i]));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest.data(), static_cast<int>(A.cols), MPI_DOUBLE,
                             MPI_MAX, A.rows.comm()));
  exponent_.clear();
  for (const double v : largest) // 2^1022 is finite: columns of subnormal numbers stay below 1
    exponent_.push_back(std::max(std::ilogb(v), -1022));
  PetscFunctionReturn(PETSC_SUCCESS);
}

int ColumnScale::largest() const {
  return *std::max_element(exponent_.begin(), exponent_.end());
}

void ColumnScale::raise(int least) {
  for (int &e : exponent_)
    e = std::max(e, least);
}

void ColumnScale::load(TallView A, const std::vector<std::size_t> &columns, TallView scaled) const {
  for (std::size_t j = 0; j < columns.size(); ++j) {
    const double f = factor(columns[j]);
    std::transform(A.column(columns[j]), A.column(columns[j]) + A.rows.local(), scaled.column(j),
                   [f](double a) { return f * a; });
  }
}

void ColumnScale::load(TallView A, TallView scaled) const {
  std::vector<std::size_t> all(A.cols);
  std::iota(all.begin(), all.end(), std::size_t{0});
  load(A, all, scaled);
}

} // namespace lathe::sketching
