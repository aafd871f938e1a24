// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/normal_factor.h"
#include "core/dense.h"
#include "sketching/replicate.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

// A block of A and its product stay in a level-2 cache of 1 MiB.
std::size_t block_rows(std::size_t n) {
  return std::max<std::size_t>(256, 65536 / std::max<std::size_t>(n, 1));
}

PetscErrorCode AddRows(const LocalRows &rows, const double *weight, const SketchedFactor &p,
                       std::vector<double> *g) {
  PetscFunctionBegin;
  const std::size_t n = p.cols(), r = p.rank(), block = block_rows(n);
  std::vector<double> tile(block * n), other(p.triangular() ? 0 : block * r);
  double *product = p.triangular() ? tile.data() : other.data();
  for (std::size_t i = 0; i < rows.rows(); i += block) {
    const std::size_t count = std::min(block, rows.rows() - i);
    PetscCall(rows.Copy(i, count, p.scale().data(), tile.data(), block));
    if (weight)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t l = 0; l < count; ++l)
          tile[l + j * block] *= std::sqrt(weight[i + l]);
    p.multiply_rows(count, tile.data(), block, product);
    dense::herk('U', 'C', r, count, 1.0, product, block, 1.0, g->data(), r);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// PᵀE²P, from the rows that have an entry.
void add_appended(const SketchedFactor &p, std::vector<double> *g) {
  const std::size_t n = p.cols(), r = p.rank();
  std::vector<double> tile(n * n), other(p.triangular() ? 0 : n * r);
  std::size_t count = 0;
  for (std::size_t j = 0; j < n; ++j)
    if (p.appended()[j] > 0)
      tile[count++ + j * n] = p.appended()[j];
  if (count == 0)
    return;
  double *product = p.triangular() ? tile.data() : other.data();
  p.multiply_rows(count, tile.data(), n, product);
  dense::herk('U', 'C', r, count, 1.0, product, n, 1.0, g->data(), r);
}

} // namespace

PetscErrorCode NormalFactor::Create(const LocalRows &rows, const double *weight,
                                    const SketchedFactor &p, bool *definite) {
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(rows.comm(), &me));
  rank_ = p.rank();
  c_.assign(rank_ * rank_, 0.0);
  PetscCall(AddRows(rows, weight, p, &c_));
  std::vector<double> packed;
  packed.reserve(rank_ * (rank_ + 1) / 2);
  for (std::size_t j = 0; j < rank_; ++j)
    packed.insert(packed.end(), c_.begin() + static_cast<std::ptrdiff_t>(j * rank_),
                  c_.begin() + static_cast<std::ptrdiff_t>(j * rank_ + j + 1));
  PetscCall(SumToFirst(rows.comm(), packed.data(), packed.size()));
  int info = 0;
  if (me == 0) {
    for (std::size_t j = 0, from = 0; j < rank_; from += ++j)
      std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(from), j + 1,
                  c_.begin() + static_cast<std::ptrdiff_t>(j * rank_));
    add_appended(p, &c_);
    info = dense::potrf('U', rank_, c_.data(), rank_);
  }
  PetscCallMPI(MPI_Bcast(&info, 1, MPI_INT, 0, rows.comm()));
  *definite = info == 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void NormalFactor::solve(const SketchedFactor &p, std::vector<double> *v) const {
  p.multiply_transposed(v);
  dense::trsm('L', 'U', 'T', rank_, 1, c_.data(), rank_, v->data(), rank_);
  dense::trsm('L', 'U', 'N', rank_, 1, c_.data(), rank_, v->data(), rank_);
  p.multiply(v);
}

std::vector<double> NormalFactor::root(const SketchedFactor &p) const {
  const std::size_t n = p.cols();
  std::vector<double> b(n * n, 0.0);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t k = 0; k <= j; ++k) {
      const double r = p.r()[k + j * n];
      for (std::size_t i = 0; i <= k; ++i)
        b[i + j * n] += c_[i + k * n] * r;
    }
  return b;
}

} // namespace lathe::sketching
