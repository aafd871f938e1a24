// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketch_input.h"
#include "core/error.h"
#include "sketching/isa.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

namespace {

struct Place {
  std::int64_t row = -1, column = -1;
};

// The first entry of some dense columns that is not finite; `first`: number of the first column.
void find(const ColumnRows &a, std::int64_t first, Place &place) {
  for (std::int64_t j = 0; j < a.columns && place.row < 0; ++j)
    for (std::int64_t i = 0; i < a.rows && place.row < 0; ++i)
      if (!std::isfinite(a.column[j][i * a.stride]))
        place = {a.first + i, (first + j) / scalar_parts};
}

const double *parts_of(const PetscScalar &x) {
  return reinterpret_cast<const double *>(&x);
}

} // namespace

void largest_entries(const SketchInput &in, std::vector<double> &largest) {
  largest.assign(static_cast<std::size_t>(in.columns()), 0);
  isa().largest(in.dense, largest.data());
  isa().largest(in.vector, largest.data() + in.matrix_columns());
  if (!in.sparse)
    return;
  in.sparse->for_each([&](std::int64_t, std::int64_t j, const PetscScalar &x) {
    for (int part = 0; part < scalar_parts; ++part) {
      double &most = largest[static_cast<std::size_t>(j * scalar_parts + part)];
      const double size = std::abs(parts_of(x)[part]);
      most = size <= most ? most : size; // a NaN is kept
      if (std::isnan(size))
        most = HUGE_VAL;
    }
  });
}

PetscErrorCode RefuseNonfinite(const SketchInput &in) {
  Place place;
  PetscFunctionBegin;
  find(in.dense, 0, place);
  if (in.sparse)
    in.sparse->for_each([&](std::int64_t i, std::int64_t j, const PetscScalar &x) {
      for (int part = 0; part < scalar_parts; ++part)
        if (place.row < 0 && !std::isfinite(parts_of(x)[part]))
          place = {i, j};
    });
  find(in.vector, in.matrix_columns(), place);
  LatheCheckAll(in.comm, place.row < 0, PETSC_ERR_FP,
                "Entry %lld of column %lld (counted from 0; a vector follows the columns of its "
                "matrix) is not finite; a sketch needs finite numbers",
                static_cast<long long>(place.row), static_cast<long long>(place.column));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
