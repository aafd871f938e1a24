// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/collatz_wielandt.h"
#include "core/exact_sum.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::lipschitz {
namespace {

// A reducible matrix drives components of v to zero and its ratios to 0/0; entries below this share
// of the largest one cost a bound no digit that matters.
constexpr double smallest_share = 1e-14;

// Steps in a row without any gain after which the bound is given up: inside a grid the ratios stay
// what they are until the boundary has been felt everywhere, n/2 steps for n×n points.
constexpr int patience = 5;

void lift(std::vector<PetscReal> &v, double largest) {
  for (PetscReal &x : v)
    x = std::max(x / largest, smallest_share);
}

} // namespace

CollatzWielandt::CollatzWielandt(LinearOperator &A)
    : A_(A), v_(A.domain(false), 1.0), w_(A.domain(true)), next_(A.domain(false)),
      upper_(std::numeric_limits<double>::infinity()) {}

PetscErrorCode CollatzWielandt::Step() {
  ExactSum norms[2];
  double largest[2] = {0, 0}; // ratio, component of the next vector
  PetscFunctionBegin;
  PetscCall(A_.ApplyAbsolute(false, v_.data(), w_.data()));
  PetscCall(A_.ApplyAbsolute(true, w_.data(), next_.data()));
  for (std::size_t j = 0; j < v_.size(); ++j) {
    largest[0] = std::max(largest[0], next_[j] / v_[j]);
    largest[1] = std::max(largest[1], next_[j]);
    norms[0].add_product(v_[j], v_[j]);
  }
  for (const PetscReal x : w_)
    norms[1].add_product(x, x);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest, 2, MPI_DOUBLE, MPI_MAX, A_.comm()));
  PetscCall(ExactSum::AllReduce(A_.comm(), norms, 2));
  // Roundings: a row of A, a row of Aᴴ (each as many as it has entries), one division. Products
  // that underflow lose less than 2⁻⁹⁰⁰, since components of v are at least 1e-14.
  const double roundings = A_.matrix(false).longest_row() + A_.matrix(true).longest_row() + 3;
  const double square = add_up(mul_up(largest[0], up(1 + gamma_up(roundings))), 0x1p-900);
  upper_ = std::min(upper_, sqrt_up(square));
  absolute_lower_ = std::max(absolute_lower_, std::sqrt(norms[1].value() / norms[0].value()));
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
