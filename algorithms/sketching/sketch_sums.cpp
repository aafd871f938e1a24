// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketch_sums.h"
#include "core/error.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

namespace {

// In pieces of 16 MB: a reduction in place keeps a copy of what it is called with.
PetscErrorCode SumOverRanks(MPI_Comm comm, std::vector<double> &sums) {
  constexpr std::size_t chunk = std::size_t{1} << 21;
  PetscFunctionBegin;
  for (std::size_t at = 0; at < sums.size(); at += chunk)
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sums.data() + at,
                               static_cast<int>(std::min(chunk, sums.size() - at)), MPI_DOUBLE,
                               MPI_SUM, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::int64_t size_of(const SketchSums::Group &g, std::int64_t rows, bool reproducible) {
  const std::int64_t levels = reproducible || g.layout == SumLayout::Pairs ? 2 : 1;
  return levels * rows * (g.layout == SumLayout::Panels ? padded(g.columns) : g.columns);
}

} // namespace

SketchSums::SketchSums(std::int64_t rows, bool reproducible, double divisor,
                       const std::vector<Group> &groups)
    : rows_(rows), reproducible_(reproducible), divisor_(divisor) {
  std::int64_t size = 0;
  for (const Group &g : groups) {
    part_.push_back({g, static_cast<std::size_t>(size), {}});
    size += size_of(g, rows, reproducible);
  }
  sums_.resize(static_cast<std::size_t>(size));
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
    std::size_t k = 0;
    for (Part &p : part_) {
      p.rounding.assign(static_cast<std::size_t>(padded(p.columns)), ColumnRounding(p.terms, 0));
      for (std::size_t j = 0; j < static_cast<std::size_t>(p.columns); ++j)
        p.rounding[j] = ColumnRounding(p.terms, largest[k++], p.growth);
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

double SketchSums::value(const Part &p, std::int64_t r, std::int64_t j) const {
  const auto at = [&](std::int64_t k) { return sums_[p.offset + static_cast<std::size_t>(k)]; };
  if (p.layout == SumLayout::Pairs)
    return at(2 * (j * rows_ + r)) + at(2 * (j * rows_ + r) + 1);
  PanelPlace place{j * rows_ + r, (p.columns + j) * rows_ + r};
  if (p.layout == SumLayout::Panels)
    place = panel_place(rows_, p.columns, reproducible_ ? 2 : 1, r, j);
  return reproducible_ ? at(place.high) + at(place.low) : at(place.high);
}

PetscErrorCode SketchSums::Finish(MPI_Comm comm, std::vector<PetscScalar> &sa) {
  std::int64_t columns = 0;
  PetscFunctionBegin;
  PetscCall(SumOverRanks(comm, sums_));
  for (const Part &p : part_)
    columns += p.columns;
  LatheGuard(comm, sa.resize(static_cast<std::size_t>(rows_ * (columns / scalar_parts))));
  auto *out = reinterpret_cast<double *>(sa.data());
  std::int64_t k = 0;
  for (const Part &p : part_)
    for (std::int64_t j = 0; j < p.columns; ++j, ++k) {
      const double back =
          p.rounding.empty() ? 1 : 1 / p.rounding[static_cast<std::size_t>(j)].factor;
      double *column = out + (k / scalar_parts) * rows_ * scalar_parts + k % scalar_parts;
      // −0 becomes 0, as where another rank has added its 0.
      for (std::int64_t r = 0; r < rows_; ++r)
        column[r * scalar_parts] = value(p, r, j) / divisor_ * back + 0.0;
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
