// SPDX-License-Identifier: BSD-2-Clause
// sup_ω‖D(ω)‖₂ to any tolerance by certified cells.
//
// Centred, uᴴD(ω)v is a trigonometric polynomial of exponential type d_i = reach_i/2 along axis i.
// If |f| ≤ M = |f(ω*)|, then |f(ω)| ≥ M·cos(Σ d_i|ω_i − ω*_i|) as long as the sum is at most π/2
// (Bernstein and Szegő). Hence a cell with centre ω_j and half-widths h_i that holds a maximum has
// M ≤ ‖D(ω_j)‖/cos θ, θ = Σ d_i·h_i; and a cell whose centre is certified to have
// ‖D(ω_j)‖ ≤ T·cos θ holds no maximum above T. Cells that fail are cut in three along each axis;
// near a maximum with curvature a bounded number survives at each level, while θ falls threefold.
#include "core/citation.h"
#include "core/error.h"
#include "core/interruption.h"
#include "core/layout.h"
#include "lipschitz/conv_norm.h"
#include "lipschitz/frequency.h"
#include "lipschitz/frequency_max.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>

namespace lathe::lipschitz {
namespace {

constexpr double cell_budget = 2e10; // multiplications on all ranks; about ten seconds of one core

struct Cell {
  std::int64_t group = 0;
  Lattice j{0, 0, 0};
};

struct Best {
  double value = 0; // ‖D‖² at its centre, by Lanczos
  Cell cell;
  Lattice extent{1, 1, 1};
};

class Supremum {
public:
  Supremum(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight, int exponent)
      : comm_(comm), geometry_(g), weight_(weight), exponent_(exponent) {}

  PetscErrorCode Run(double tolerance, double *lower, double *upper, bool *met) {
    PetscFunctionBegin;
    PetscCallMPI(MPI_Comm_rank(comm_, &rank_));
    PetscCallMPI(MPI_Comm_size(comm_, &size_));
    const Symbol first = make_symbol(geometry_, weight_, 0, exponent_);
    Lattice extent{1, 1, 1};
    for (int i = 0; i < 3; ++i) {
      reach_[i] = first.reach[i];
      extent[i] = reach_[i] > 0 ? 8 * reach_[i] : 1;
    }
    const auto c = static_cast<double>(first.cols), m = static_cast<double>(first.rows);
    cost_ = 4 * c * c * m + 4 * static_cast<double>(first.count()) * c * m;
    floor_ = 8 * c * (c + m + 64) * unit_roundoff; // what a factorisation cannot resolve
    FrequencyMaximum grid;
    PetscCall(FrequencyMaximumFind(comm_, geometry_, weight_, exponent_, extent, &grid));
    *lower = grid.lower;
    *upper = grid.upper;
    *met = true;
    if (grid.lower <= 0 || extent == Lattice{1, 1, 1})
      PetscFunctionReturn(PETSC_SUCCESS);
    best_ = {grid.lower * grid.lower, {grid.group, grid.frequency}, extent};
    PetscCall(Refine(extent, std::max(tolerance, floor_), upper, met));
    PetscCall(LowerBound(lower));
    *upper = std::max(*upper, *lower);
    PetscFunctionReturn(PETSC_SUCCESS);
  }

private:
  // θ = Σ d_i·π/N_i, rounded up.
  [[nodiscard]] double angle(const Lattice &extent) const noexcept {
    double theta = 0;
    for (int i = 0; i < 3; ++i)
      theta +=
          static_cast<double>(reach_[i]) / 2 * std::numbers::pi / static_cast<double>(extent[i]);
    return theta * (1 + 0x1p-49);
  }

  PetscErrorCode Refine(Lattice extent, double tolerance, double *upper, bool *met) {
    PetscFunctionBegin;
    std::vector<Cell> cells;
    const HalfSpectrum spectrum(extent);
    for (std::int64_t g = 0; g < geometry_.groups; ++g)
      for (std::int64_t k = 0; k < spectrum.size(); ++k)
        cells.push_back({g, spectrum[k]});
    double certified = 0; // no eliminated cell holds a maximum above this
    double spent = 0;
    for (int level = 0;; ++level) {
      const double theta = angle(extent);
      const double cosine = std::cos(theta) * (1 - 0x1p-50);
      const double target = std::sqrt(best_.value) * (1 + tolerance / 2);
      certified = std::max(certified, up(target));
      spent += static_cast<double>(cells.size()) * cost_;
      std::vector<char> survives;
      PetscCall(Test(cells, extent, target * cosine, level, &survives));
      std::vector<Cell> next;
      for (std::size_t i = 0; i < cells.size(); ++i)
        if (survives[i])
          next.push_back(cells[i]);
      if (next.empty())
        break;
      std::size_t children = next.size();
      for (int i = 0; i < 3; ++i)
        children *= reach_[i] > 0 ? 3 : 1;
      // Past this angle the cells are smaller than rounding can tell apart.
      const bool stop = theta * theta < 0.1 * tolerance || extent[0] > (INT64_C(1) << 50) ||
                        spent + static_cast<double>(children) * cost_ > cell_budget;
      if (stop) {
        double bound = 0;
        PetscCall(CellBound(next, extent, cosine, &bound));
        certified = std::max(certified, bound);
        *met = certified <= std::sqrt(best_.value) * (1 + 2 * tolerance);
        break;
      }
      cells = Split(next);
      for (int i = 0; i < 3; ++i)
        extent[i] *= reach_[i] > 0 ? 3 : 1;
    }
    // Axis by axis, sup ≤ grid maximum/Π cos(d_i·π/N_i) on the first grid: tighter where nothing
    // could be eliminated.
    double product = 1;
    for (int i = 0; i < 3; ++i)
      product *= reach_[i] > 0 ? std::cos(std::numbers::pi / 16) * (1 - 0x1p-50) : 1;
    *upper = std::min(certified, up(div_up(*upper, product) * (1 + 0x1p-50)));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  [[nodiscard]] std::vector<Cell> Split(const std::vector<Cell> &cells) const {
    std::vector<Cell> out;
    for (const Cell &cell : cells) {
      Lattice shift{};
      const auto range = [&](int i) { return reach_[i] > 0 ? std::int64_t{1} : std::int64_t{0}; };
      for (shift[0] = -range(0); shift[0] <= range(0); ++shift[0])
        for (shift[1] = -range(1); shift[1] <= range(1); ++shift[1])
          for (shift[2] = -range(2); shift[2] <= range(2); ++shift[2]) {
            Cell child = cell;
            for (int i = 0; i < 3; ++i)
              child.j[i] = (reach_[i] > 0 ? 3 * cell.j[i] : cell.j[i]) + shift[i];
            out.push_back(child);
          }
    }
    return out;
  }

  FrequencyNorm &Norm(std::int64_t group) {
    if (group != group_) {
      norm_.reset();
      symbol_ = std::make_unique<Symbol>(make_symbol(geometry_, weight_, group, exponent_));
      norm_ = std::make_unique<FrequencyNorm>(*symbol_, absolute_norm(*symbol_));
      group_ = group;
    }
    return *norm_;
  }

  // Which cells may hold a norm above `threshold` at their centre; raises best_ by the way. Every
  // decision of a level is taken against the same threshold, so it does not depend on the ranks.
  PetscErrorCode Test(const std::vector<Cell> &cells, const Lattice &extent, double threshold,
                      int level, std::vector<char> *survives) {
    PetscFunctionBegin;
    const Phases phases(extent);
    survives->assign(cells.size(), 0);
    double value = 0;
    std::int64_t where = INT64_MAX;
    const Range mine = block_range(static_cast<std::int64_t>(cells.size()), size_, rank_);
    for (std::int64_t i = mine.begin; i < mine.end && !stop_asked(); ++i) {
      const Cell &cell = cells[static_cast<std::size_t>(i)];
      FrequencyNorm &norm = Norm(cell.group);
      norm.set(phases, cell.j);
      if (norm.below(threshold * threshold))
        continue;
      (*survives)[static_cast<std::size_t>(i)] = 1;
      if (level == 0)
        continue; // the grid's maximum is known
      const double estimate = norm.largest(false, static_cast<std::uint64_t>(i));
      if (estimate > value) {
        value = estimate;
        where = i;
      }
    }
    PetscCall(StopTogether(comm_));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, survives->data(), static_cast<int>(survives->size()),
                               MPI_CHAR, MPI_MAX, comm_));
    double largest = value;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, comm_));
    if (value < largest)
      where = INT64_MAX;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &where, 1, MPI_INT64_T, MPI_MIN, comm_));
    if (largest > best_.value)
      best_ = {largest, cells[static_cast<std::size_t>(where)], extent};
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  // max over cells of a rigorous ‖D(centre)‖/cos θ.
  PetscErrorCode CellBound(const std::vector<Cell> &cells, const Lattice &extent, double cosine,
                           double *bound) {
    PetscFunctionBegin;
    const Phases phases(extent);
    const Range mine = block_range(static_cast<std::int64_t>(cells.size()), size_, rank_);
    for (std::int64_t i = mine.begin; i < mine.end && !stop_asked(); ++i) {
      const Cell &cell = cells[static_cast<std::size_t>(i)];
      FrequencyNorm &norm = Norm(cell.group);
      norm.set(phases, cell.j);
      int tries = 0;
      const double estimate = norm.largest(false, static_cast<std::uint64_t>(i));
      *bound = std::max(*bound, div_up(norm.upper(estimate, UpperBound::quick, tries), cosine));
    }
    PetscCall(StopTogether(comm_));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, bound, 1, MPI_DOUBLE, MPI_MAX, comm_));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  PetscErrorCode LowerBound(double *lower) {
    PetscFunctionBegin;
    if (rank_ == 0) {
      FrequencyNorm &norm = Norm(best_.cell.group);
      norm.set(Phases(best_.extent), best_.cell.j);
      (void)norm.largest(false, 0);
      *lower = std::max(*lower, norm.lower());
    }
    PetscCallMPI(MPI_Bcast(lower, 1, MPI_DOUBLE, 0, comm_));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  MPI_Comm comm_;
  const ConvolutionGeometry &geometry_;
  const double *weight_;
  int exponent_;
  int rank_ = 0, size_ = 1;
  Lattice reach_{0, 0, 0};
  double cost_ = 0, floor_ = 0;
  Best best_;
  std::int64_t group_ = -1;
  std::unique_ptr<Symbol> symbol_;
  std::unique_ptr<FrequencyNorm> norm_;
};

struct TapBox {
  ConvolutionGeometry geometry;
  std::vector<double> weight;
};

// The smallest box of taps outside of which all weights are zero. On the whole grid the norm does
// not see where the box lies, and the symbol of one tap is constant: cells could never tell its
// points apart.
TapBox without_zero_taps(const ConvolutionGeometry &g, const double *weight) {
  const std::int64_t taps = g.taps();
  const std::array<std::int64_t, 3> k{g.axis[0].kernel, g.axis[1].kernel, g.axis[2].kernel};
  std::array<std::int64_t, 3> low = k, high{-1, -1, -1};
  const auto place = [&](std::int64_t tap) {
    return std::array<std::int64_t, 3>{tap / (k[1] * k[2]), tap / k[2] % k[1], tap % k[2]};
  };
  for (std::int64_t e = 0; e < g.weights(); ++e)
    for (int i = 0; i < 3 && weight[e] != 0; ++i) {
      low[i] = std::min(low[i], place(e % taps)[i]);
      high[i] = std::max(high[i], place(e % taps)[i]);
    }
  TapBox kept{g, {}};
  if (high[0] < 0)
    low = {0, 0, 0}, high = {0, 0, 0};
  for (int i = 0; i < 3; ++i)
    kept.geometry.axis[i].kernel = high[i] - low[i] + 1;
  for (std::int64_t e = 0; e < g.weights(); ++e) {
    const auto at = place(e % taps);
    bool inside = true;
    for (int i = 0; i < 3; ++i)
      inside = inside && low[i] <= at[i] && at[i] <= high[i];
    if (inside)
      kept.weight.push_back(weight[e]);
  }
  return kept;
}

} // namespace

PetscErrorCode SymbolSupremum(MPI_Comm comm, const ConvolutionGeometry &geometry,
                              const double *weight, int exponent, double tolerance, double *lower,
                              double *upper, bool *met) {
  PetscFunctionBegin;
  LatheGuard(comm, {
    const TapBox box = without_zero_taps(geometry, weight);
    Supremum supremum(comm, box.geometry, box.weight.data(), exponent);
    PetscCall(supremum.Run(tolerance, lower, upper, met));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz

extern "C" PetscErrorCode LatheConvolutionSupremum(MPI_Comm comm, const LatheConvolution *layer,
                                                   double tolerance, LatheNormBracket *bracket) {
  using namespace lathe::lipschitz;
  PetscFunctionBegin;
  PetscCall(LatheConvolutionCheck(comm, layer));
  LatheCheckAll(comm, tolerance > 0 && tolerance < 1, PETSC_ERR_ARG_OUTOFRANGE,
                "tolerance %g; allowed: between 0 and 1", tolerance);
  PetscCall(lathe::Cite("Rump2006 Rump2011"));
  const ConvolutionGeometry geometry = convolution_geometry(*layer);
  const int exponent = weight_exponent(layer->weight, geometry.weights());
  *bracket = {0, 0, LATHE_CERTIFICATE_RIGOROUS, 0, "zero", 0, 0};
  if (geometry.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  double lower = 0, upper = 0;
  bool met = true;
  PetscCall(
      SymbolSupremum(comm, geometry, layer->weight, exponent, tolerance, &lower, &upper, &met));
  bracket->lower = scale_down(lower, exponent);
  bracket->upper = scale_up(upper, exponent);
  if (upper > 0)
    bracket->method = "supremum_cells";
  if (!met)
    PetscCall(PetscInfo(nullptr,
                        "supremum: the bracket is as wide as %g after the budget of cells\n",
                        relative_width(*bracket)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
