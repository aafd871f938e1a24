// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/gram_rows.h"
#include "lipschitz/collatz_wielandt.h"
#include "lipschitz/scaled_matrix.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe::lipschitz {
namespace {

constexpr double least_gain = 1e-3;
constexpr int passes = 12; // each costs a Gram product

PetscReal modulus_up(PetscScalar z) {
  if constexpr (std::is_same_v<PetscScalar, PetscReal>)
    return PetscAbsScalar(z);
  else
    return up(PetscAbsScalar(z));
}

// Every rank's part of a vector, in order.
PetscErrorCode Replicate(MPI_Comm comm, const std::vector<PetscReal> &mine,
                         std::vector<PetscReal> *all) {
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  std::vector<int> count(static_cast<std::size_t>(size)), start(count);
  const int own = static_cast<int>(mine.size());
  PetscCallMPI(MPI_Allgather(&own, 1, MPI_INT, count.data(), 1, MPI_INT, comm));
  std::exclusive_scan(count.begin(), count.end(), start.begin(), 0);
  PetscCallMPI(MPI_Allgatherv(mine.data(), own, MPIU_REAL, all->data(), count.data(), start.data(),
                              MPIU_REAL, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode GramRows::Create(MPI_Comm comm, const RowMatrix &M, const RowMatrix &N) {
  PetscFunctionBegin;
  comm_ = comm;
  M_ = &M;
  N_ = &N;
  PetscCall(rows_.Fetch(comm, M, N.needed_columns()));
  PetscInt columns = 0;
  const auto last = N.first_row() + static_cast<PetscInt>(N.rows());
  PetscCallMPI(MPI_Allreduce(&last, &columns, 1, MPIU_INT, MPI_MAX, comm));
  sum_.assign(static_cast<std::size_t>(columns), PetscScalar(0));
  seen_.assign(static_cast<std::size_t>(columns), false);
  PetscFunctionReturn(PETSC_SUCCESS);
}

void GramRows::accumulate(std::size_t j) {
  const RowView m = rows_.view();
  touched_.clear();
  for (std::size_t k = N_->row_begin(j); k < N_->row_begin(j + 1); ++k) {
    const std::size_t i = N_->position(k);
    const PetscScalar factor = N_->value(k);
    for (std::size_t l = m.offset[i]; l < m.offset[i + 1]; ++l) {
      const auto c = static_cast<std::size_t>(m.column[l]);
      if (!seen_[c]) {
        seen_[c] = true;
        touched_.push_back(m.column[l]);
      }
      sum_[c] += times(factor, m.value[l]);
    }
  }
  for (const PetscInt c : touched_)
    seen_[static_cast<std::size_t>(c)] = false;
}

double GramRows::gamma() const {
  return dot_gamma<PetscScalar>(N_->longest_row() + 2);
}

PetscErrorCode GramRows::Bound(const AbsoluteProduct &absolute, int steps, double enough,
                               double *squared) {
  PetscFunctionBegin;
  const std::size_t n = N_->rows();
  std::vector<PetscReal> v(n, 1.0), all(sum_.size()), next(n), modulus(n);
  for (int step = 0; step < steps; ++step) {
    PetscCall(Replicate(comm_, v, &all));
    PetscCall(absolute(v.data(), modulus.data()));
    double longest = 0;
    each([&](std::size_t j, std::span<const PetscInt> columns, const PetscScalar *row) {
      PetscReal s = 0;
      for (const PetscInt c : columns)
        s += modulus_up(row[c]) * all[static_cast<std::size_t>(c)];
      next[j] = s;
      longest = std::max(longest, static_cast<double>(columns.size()));
    });
    // Every sum is of nonnegative terms. |fl(G)|v, then the rounding of G itself.
    const double terms = M_->longest_row() + N_->longest_row() + 4;
    const double lost = mul_up(gamma(), up(1 + gamma_up(terms)));
    double largest[3] = {0, 0, longest}; // ratios, next, longest row of G
    for (std::size_t j = 0; j < v.size(); ++j)
      largest[1] = std::max(largest[1], next[j]);
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest + 1, 2, MPI_DOUBLE, MPI_MAX, comm_));
    const double growth = up(1 + gamma_up(largest[2] + 4));
    for (std::size_t j = 0; j < v.size(); ++j)
      largest[0] = std::max(
          largest[0], div_up(add_up(mul_up(next[j], growth), mul_up(lost, modulus[j])), v[j]));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest, 1, MPI_DOUBLE, MPI_MAX, comm_));
    const double bound = add_up(largest[0], 0x1p-900);
    const bool gained = bound < *squared * (1 - least_gain);
    *squared = std::min(*squared, bound);
    if (*squared <= enough || (step > 0 && !gained) || !(largest[1] > 0))
      break;
    for (std::size_t j = 0; j < v.size(); ++j)
      v[j] = std::max(next[j] / largest[1], smallest_share);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GramRows::Form(PetscInt local, MatHandle *G) {
  PetscFunctionBegin;
  std::vector<PetscInt> start{0}, column;
  std::vector<PetscScalar> value;
  std::vector<PetscInt> sorted;
  each([&](std::size_t, std::span<const PetscInt> touched, const PetscScalar *row) {
    sorted.assign(touched.begin(), touched.end());
    std::sort(sorted.begin(), sorted.end());
    for (const PetscInt c : sorted) {
      column.push_back(c);
      value.push_back(row[c]);
    }
    start.push_back(static_cast<PetscInt>(column.size()));
  });
  const auto global = static_cast<PetscInt>(sum_.size());
  PetscCall(MatCreate(comm_, G->out()));
  PetscCall(MatSetSizes(*G, local, local, global, global));
  PetscCall(MatSetType(*G, MATAIJ));
  PetscCall(MatSeqAIJSetPreallocationCSR(*G, start.data(), column.data(), value.data()));
  PetscCall(MatMPIAIJSetPreallocationCSR(*G, start.data(), column.data(), value.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GramBound(LinearOperator &A, bool wide, PetscInt steps, double fill, double absolute,
                         double enough, double *upper, int *products) {
  GramRows first;
  MatHandle formed;
  RowMatrix G;
  PetscFunctionBegin;
  double squared = std::numeric_limits<double>::infinity();
  std::vector<PetscReal> image(A.domain(!wide));
  const auto through_A = [&](const PetscReal *x, PetscReal *y) {
    PetscFunctionBegin;
    PetscCall(A.ApplyAbsolute(wide, x, image.data()));
    PetscCall(A.ApplyAbsolute(!wide, image.data(), y));
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  PetscCall(first.Create(A.comm(), A.matrix(wide), A.matrix(!wide)));
  PetscCall(first.Bound(through_A, passes, mul_down(enough, enough), &squared));
  *upper = sqrt_up(squared);
  *products = 1;
  if (steps < 2 || *upper <= enough)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(first.Form(static_cast<PetscInt>(A.domain(wide)), &formed));
  PetscCall(G.Create(formed));
  if (G.row_squares() > fill * G.global_entries()) {
    PetscCall(PetscInfo(nullptr, "no second Gram product: %g entries predicted, %g allowed\n",
                        G.row_squares(), fill * G.global_entries()));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  GramRows second; // of fl(G), which is Hermitian to the last bit
  std::vector<PetscReal> middle(G.rows());
  const auto through_G = [&](const PetscReal *x, PetscReal *y) {
    PetscFunctionBegin;
    PetscCall(G.MultiplyAbsolute(x, middle.data()));
    PetscCall(G.MultiplyAbsolute(middle.data(), y));
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  const double lost = mul_up(first.gamma(), mul_up(absolute, absolute));
  const double goal = sub_down(mul_down(enough, enough), lost);
  squared = std::numeric_limits<double>::infinity();
  PetscCall(second.Create(A.comm(), G, G));
  PetscCall(second.Bound(through_G, passes, mul_down(goal, goal), &squared));
  *upper = std::min(*upper, sqrt_up(add_up(sqrt_up(squared), add_up(lost, 0x1p-900))));
  *products = 2;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
