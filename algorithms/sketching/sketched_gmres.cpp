// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketched_gmres.h"
#include "core/error.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

namespace {

// A new vector that is shorter than this part of what it came from is none.
constexpr double vanished = 0x1p-48;

// Panels of sketched vectors: an estimate is late by at most a quarter of the steps.
std::size_t panel_of(std::size_t columns) {
  return std::clamp<std::size_t>(columns / 4, 1, 16);
}

} // namespace

PetscErrorCode SketchedArnoldi::Create(Vec like, const SketchedGmresOptions &options) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(like));
  const double rows = std::max(std::ceil(options.factor * static_cast<double>(options.restart + 1)),
                               static_cast<double>(options.nonzeros));
  PetscFunctionBegin;
  PetscCheck(rows <= static_cast<double>(KrylovSketch::max_rows), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A basis of %" PetscInt_FMT " vectors needs a sketch of %g rows; at most %lld "
             "(-ksp_gmres_restart)",
             options.restart, rows, static_cast<long long>(KrylovSketch::max_rows));
  options_ = options;
  condition_ = 0;
  d_ = static_cast<std::size_t>(rows);
  PetscCall(VecDuplicate(like, like_.out()));
  PetscCall(sketch_.Create(like, static_cast<std::int64_t>(d_), static_cast<int>(options.nonzeros),
                           static_cast<std::uint64_t>(options.seed)));
  basis_.clear();
  owned_.clear();
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Vectors come when they are needed: many solves end long before the restart.
PetscErrorCode SketchedArnoldi::Grow(std::size_t count) {
  PetscFunctionBegin;
  while (owned_.size() < count) {
    owned_.emplace_back();
    PetscCall(VecDuplicate(like_, owned_.back().out()));
    basis_.push_back(owned_.back());
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchedArnoldi::Sketch(std::size_t first, std::size_t count) {
  PetscFunctionBegin;
  PetscCall(sketch_.Apply(basis_.data() + first, count, sketched_.data() + first * d_));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Column j of H and vector j + 1. One reduction: the length of the new vector follows from
// Pythagoras, and is computed only where that cancels; H holds whatever it was divided by.
PetscErrorCode SketchedArnoldi::TruncatedStep(std::size_t j, const Apply &apply, bool *broke) {
  const std::size_t count =
      std::min<std::size_t>(j + 1, static_cast<std::size_t>(options_.truncate));
  const std::size_t first = j + 1 - count;
  PetscFunctionBegin;
  PetscCall(Grow(j + 2));
  const Vec w = basis_[j + 1];
  PetscCall(apply(basis_[j], w));
  std::vector<Vec> with(basis_.begin() + static_cast<std::ptrdiff_t>(first),
                        basis_.begin() + static_cast<std::ptrdiff_t>(j + 2)); // and w itself
  std::vector<PetscScalar> dots(count + 1);
  PetscCall(VecMDot(w, static_cast<PetscInt>(count + 1), with.data(), dots.data()));
  const double square = PetscRealPart(dots[count]);
  double rest = square;
  PetscScalar *h = h_.data() + j * static_cast<std::size_t>(options_.restart + 1);
  for (std::size_t i = 0; i < count; ++i) {
    h[first + i] = dots[i];
    rest -= PetscRealPart(dots[i] * PetscConj(dots[i]));
    dots[i] = -dots[i];
  }
  PetscCall(VecMAXPY(w, static_cast<PetscInt>(count), dots.data(), with.data()));
  PetscReal length = std::sqrt(std::max(rest, 0.0));
  if (!(rest > 1e-4 * square))
    PetscCall(VecNorm(w, NORM_2, &length));
  *broke = !(length > vanished * std::sqrt(square));
  h[j + 1] = *broke ? 0 : length;
  if (!*broke)
    PetscCall(VecScale(w, 1 / length));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchedArnoldi::TruncatedCycle(std::size_t most, const Apply &apply,
                                               const Observe &observe) {
  const std::size_t pitch = static_cast<std::size_t>(options_.restart + 1);
  std::vector<PetscScalar> column(d_);
  bool stop = false;
  bool broke = false;
  PetscFunctionBegin;
  while (!stop && !broke && least_squares_.columns() < most) {
    const std::size_t before = least_squares_.columns();
    std::size_t j = before;
    const std::size_t end = std::min(most, before + panel_of(before));
    for (; j < end && !broke; ++j)
      PetscCall(TruncatedStep(j, apply, &broke));
    const std::size_t vectors = j + (broke ? 0 : 1); // known by now
    if (vectors > before + 1)
      PetscCall(Sketch(before + 1, vectors - before - 1));
    for (std::size_t k = before; k < j; ++k) {
      std::fill(column.begin(), column.end(), 0);
      for (std::size_t i =
               k + 1 - std::min<std::size_t>(k + 1, static_cast<std::size_t>(options_.truncate));
           i < std::min(k + 2, vectors); ++i)
        for (std::size_t r = 0; r < d_; ++r)
          column[r] += h_[i + k * pitch] * sketched_[r + i * d_];
      if (!least_squares_.append(column.data())) {
        broke = true; // the solution lies in the columns so far, or A is singular
        break;
      }
    }
    double condition = least_squares_.condition();
    for (; condition > static_cast<double>(options_.cond_max) && least_squares_.columns() > 1;
         condition = least_squares_.condition()) {
      least_squares_.shrink(least_squares_.columns() - 1);
      broke = true;
    }
    condition_ = std::max(condition_, condition);
    for (shown_ = std::min(before, least_squares_.columns()); shown_ < least_squares_.columns();) {
      ++shown_;
      PetscCall(observe(columns(), residual(columns()), &stop));
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Column j of H and vector j + 1, orthonormal to the others after the sketch.
PetscErrorCode SketchedArnoldi::RandomizedStep(std::size_t j, const Apply &apply, bool *broke) {
  const std::size_t pitch = static_cast<std::size_t>(options_.restart + 1);
  PetscFunctionBegin;
  PetscCall(Grow(j + 2));
  const Vec w = basis_[j + 1];
  PetscScalar *own = sketched_.data() + (j + 1) * d_;
  PetscScalar *h = h_.data() + j * pitch;
  PetscCall(apply(basis_[j], w));
  PetscCall(Sketch(j + 1, 1));
  const double before = length_of(own, d_);
  project(sketched_.data(), j + 1, d_, own, h);
  std::vector<PetscScalar> minus(h, h + j + 1);
  for (PetscScalar &x : minus)
    x = -x;
  PetscCall(VecMAXPY(w, static_cast<PetscInt>(j + 1), minus.data(), basis_.data()));
  PetscCall(Sketch(j + 1, 1));
  const double length = length_of(own, d_);
  *broke = !(length > vanished * before);
  h[j + 1] = *broke ? 0 : length;
  if (*broke)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(VecScale(w, 1 / length));
  for (std::size_t r = 0; r < d_; ++r)
    own[r] /= length;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchedArnoldi::RandomizedCycle(std::size_t most, const Apply &apply,
                                                const Observe &observe) {
  const std::size_t pitch = static_cast<std::size_t>(options_.restart + 1);
  bool stop = false;
  bool broke = false;
  PetscFunctionBegin;
  for (std::size_t j = 0; j < most && !stop && !broke; ++j) {
    PetscCall(RandomizedStep(j, apply, &broke));
    if (!least_squares_.append(h_.data() + j * pitch))
      break;
    ++shown_;
    PetscCall(observe(columns(), residual(columns()), &stop));
  }
  condition_ = std::max(condition_, least_squares_.condition());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchedArnoldi::Cycle(Vec r, double norm, PetscInt most, const Apply &apply,
                                      const Observe &observe) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(r));
  const auto restart = static_cast<std::size_t>(options_.restart);
  const std::size_t columns = std::min(static_cast<std::size_t>(most), restart);
  PetscFunctionBegin;
  shown_ = 0;
  LatheGuard(comm, {
    sketched_.resize(d_ * (restart + 1));
    h_.assign((restart + 1) * restart, 0);
    PetscCall(Grow(1));
    PetscCall(VecCopy(r, basis_[0]));
    PetscCall(VecScale(basis_[0], 1 / norm));
    PetscCall(Sketch(0, 1));
    if (options_.randomized) {
      const double length = length_of(sketched_.data(), d_);
      PetscCall(VecScale(basis_[0], 1 / length));
      for (std::size_t k = 0; k < d_; ++k)
        sketched_[k] /= length;
      std::vector<PetscScalar> rhs(restart + 1);
      rhs[0] = norm * length;
      least_squares_.start(restart + 1, restart, rhs.data());
      PetscCall(RandomizedCycle(columns, apply, observe));
    } else {
      std::vector<PetscScalar> rhs(sketched_.begin(),
                                   sketched_.begin() + static_cast<std::ptrdiff_t>(d_));
      for (PetscScalar &x : rhs)
        x *= norm;
      least_squares_.start(d_, restart, rhs.data());
      PetscCall(TruncatedCycle(columns, apply, observe));
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchedArnoldi::Correction(PetscInt count, Vec z) {
  PetscFunctionBegin;
  std::vector<PetscScalar> y(static_cast<std::size_t>(count));
  least_squares_.solve(y.size(), y.data());
  PetscCall(VecSet(z, 0));
  PetscCall(VecMAXPY(z, count, y.data(), basis_.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
