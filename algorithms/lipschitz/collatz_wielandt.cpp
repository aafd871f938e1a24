// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/collatz_wielandt.h"
#include "core/prerounded.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::lipschitz {
namespace {

// Steps in a row without any gain after which the bound is given up: inside a grid the ratios stay
// what they are until the boundary has been felt everywhere, n/2 steps for n×n points.
constexpr int patience = 5;

void lift(std::vector<PetscReal> &v, double largest) {
  for (PetscReal &x : v)
    x = std::max(x / largest, smallest_share);
}

// Σ (factor·x_i)², |factor·x_i| ≤ 1, in two exact parts: the same on every number of ranks.
void sum_squares(const std::vector<PetscReal> &x, double factor, const PreRounding &rounding,
                 double *high_part, double *low_part) {
  constexpr std::size_t lanes = 4; // sums are exact, so any number of lanes agrees
  double high[lanes] = {}, low[lanes] = {};
  const auto term = [&](std::size_t lane, double v) {
    const double t = (factor * v) * (factor * v), h = rounding.high_part(t);
    high[lane] += h;
    low[lane] += rounding.low_part(t, h);
  };
  std::size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      term(lane, x[i + lane]);
  for (; i < x.size(); ++i)
    term(0, x[i]);
  *high_part = (high[0] + high[1]) + (high[2] + high[3]);
  *low_part = (low[0] + low[1]) + (low[2] + low[3]);
}

} // namespace

CollatzWielandt::CollatzWielandt(LinearOperator &A)
    : A_(A), v_(A.domain(false), 1.0), w_(A.domain(true)), next_(A.domain(false)),
      upper_(std::numeric_limits<double>::infinity()) {}

PetscErrorCode CollatzWielandt::Step() {
  double largest[3] = {0, 0, 0}; // ratio, component of the next vector, component of w
  double sums[4] = {};           // ‖v‖², ‖w‖²
  PetscFunctionBegin;
  PetscCall(A_.ApplyAbsolute(false, v_.data(), w_.data()));
  PetscCall(A_.ApplyAbsolute(true, w_.data(), next_.data()));
  for (std::size_t j = 0; j < v_.size(); ++j) {
    largest[0] = std::max(largest[0], next_[j] / v_[j]);
    largest[1] = std::max(largest[1], next_[j]);
  }
  for (const PetscReal x : w_)
    largest[2] = std::max(largest[2], x);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest, 3, MPI_DOUBLE, MPI_MAX, A_.comm()));
  const int exponent = largest[2] > 0 ? std::ilogb(largest[2]) + 1 : 0;
  sum_squares(v_, 1, PreRounding(A_.global_columns()), &sums[0], &sums[1]);
  sum_squares(w_, std::ldexp(1.0, -exponent), PreRounding(A_.global_rows()), &sums[2], &sums[3]);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sums, 4, MPI_DOUBLE, MPI_SUM, A_.comm()));
  // Roundings: a row of A, a row of Aᴴ (each as many as it has entries), one division. Products
  // that underflow lose less than 2⁻⁹⁰⁰, since components of v are at least 1e-14.
  const double roundings = A_.longest_row(false) + A_.longest_row(true) + 3;
  const double square = add_up(mul_up(largest[0], up(1 + gamma_up(roundings))), 0x1p-900);
  upper_ = std::min(upper_, sqrt_up(square));
  const double quotient = std::sqrt((sums[2] + sums[3]) / (sums[0] + sums[1]));
  absolute_lower_ = std::max(absolute_lower_, std::ldexp(quotient, exponent));
  lift(next_, largest[1]);
  ++steps_;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CollatzWielandt::Iterate(int steps, double tolerance) {
  PetscFunctionBegin;
  for (int step = 0, idle = 0; step < steps && idle < patience; ++step) {
    const double before = upper_;
    PetscCall(Step());
    v_.swap(next_);
    idle = upper_ < before ? 0 : idle + 1;
    if (upper_ <= (1 + tolerance) * absolute_lower_)
      break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CollatzWielandt::TryVector(const std::vector<PetscReal> &start) {
  double largest = 0;
  PetscFunctionBegin;
  for (const PetscReal x : start)
    largest = std::max(largest, x);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, A_.comm()));
  if (!(largest > 0))
    PetscFunctionReturn(PETSC_SUCCESS);
  const std::vector<PetscReal> kept = v_;
  const double before = upper_;
  v_ = start;
  lift(v_, largest);
  PetscCall(Step());
  if (upper_ < before)
    v_.swap(next_);
  else
    v_ = kept;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
