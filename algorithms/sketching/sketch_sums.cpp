// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketch_sums.h"
#include "core/error.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

namespace {

// MPI counts are 32 bits wide.
PetscErrorCode SumOverRanks(MPI_Comm comm, std::vector<double> &sums) {
  constexpr std::size_t chunk = std::size_t{1} << 28;
  PetscFunctionBegin;
  for (std::size_t at = 0; at < sums.size(); at += chunk)
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sums.data() + at,
                               static_cast<int>(std::min(chunk, sums.size() - at)), MPI_DOUBLE,
                               MPI_SUM, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

SketchSums::SketchSums(const Sketch &sketch, std::int64_t columns, bool panels)
    : sparse_{.seed = sketch.seed,
              .rows = sketch.rows,
              .nonzeros = nonzeros_of(sketch),
              .distinct = sketch.kind == SketchKind::SparseSign},
      columns_(columns), terms_(std::max<std::int64_t>(sketch.columns, 1)), panels_(panels),
      reproducible_(sketch.reproducible) {
  const std::int64_t levels = !panels || reproducible_ ? 2 : 1;
  sums_.resize(
      static_cast<std::size_t>(levels * sparse_.rows * (panels ? padded(columns) : columns)));
}

PetscErrorCode SketchSums::Agree(MPI_Comm comm, std::vector<double> &largest, bool *finite) {
  PetscFunctionBegin;
  *finite = true;
  if (!reproducible_)
    PetscFunctionReturn(PETSC_SUCCESS);
  for (double &x : largest)
    x = std::isfinite(x) ? x : HUGE_VAL; // NaN is not ordered
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest.data(), static_cast<int>(largest.size()),
                             MPI_DOUBLE, MPI_MAX, comm));
  *finite = std::all_of(largest.begin(), largest.end(), [](double x) { return std::isfinite(x); });
  LatheGuard(comm, {
    rounding_.assign(static_cast<std::size_t>(padded(columns_)), ColumnRounding(terms_, 0));
    for (std::size_t j = 0; j < largest.size(); ++j)
      rounding_[j] = ColumnRounding(terms_, largest[j]);
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

double SketchSums::value(std::int64_t r, std::int64_t j) const {
  const auto at = [this](std::int64_t k) { return sums_[static_cast<std::size_t>(k)]; };
  double sum = 0;
  if (panels_) {
    const PanelPlace place = panel_place(sparse_.rows, columns_, reproducible_ ? 2 : 1, r, j);
    sum = reproducible_ ? at(place.high) + at(place.low) : at(place.high);
  } else {
    sum = at(2 * (j * sparse_.rows + r)) + at(2 * (j * sparse_.rows + r) + 1);
  }
  return sum / std::sqrt(static_cast<double>(sparse_.nonzeros));
}

PetscErrorCode SketchSums::Finish(MPI_Comm comm, std::vector<PetscScalar> &sa) {
  PetscFunctionBegin;
  PetscCall(SumOverRanks(comm, sums_));
  LatheGuard(comm, sa.resize(static_cast<std::size_t>(sparse_.rows * (columns_ / scalar_parts))));
  auto *out = reinterpret_cast<double *>(sa.data());
  for (std::int64_t j = 0; j < columns_; ++j) {
    const double back = rounding_.empty() ? 1 : 1 / rounding(j)->factor;
    double *column = out + (j / scalar_parts) * sparse_.rows * scalar_parts + j % scalar_parts;
    for (std::int64_t r = 0; r < sparse_.rows; ++r)
      column[r * scalar_parts] = value(r, j) * back;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
