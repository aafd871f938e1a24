// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/direct_bound.h"
#include "core/error.h"
#include "core/interruption.h"
#include "lipschitz/gram_product.h"
#include "lipschitz/gram_rows.h"
#include "lipschitz/hermitian_upper.h"
#include "lipschitz/rounding.h"
#include "lipschitz/scaled_matrix.h"
#include "lipschitz/shift_invert.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::lipschitz {
namespace {

constexpr double most_vertices = 0x1p28; // of nested_dissection
constexpr double most_entries = 0x1p31 - 1;
// BLAS multiplies that much faster than a scatter into a sparse row, measured.
constexpr double scatter_cost = 12;

// Run f on rank 0, where it may run out of memory; *ok is what it returned, on every rank.
template <class F> PetscErrorCode OnRoot(MPI_Comm comm, bool *ok, F &&f) {
  int rank = 0, status = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (rank == 0) {
    try {
      status = f() ? 1 : 0;
    } catch (const std::bad_alloc &) {
      PetscCall(
          PetscInfo(nullptr, "rank 0 has not enough memory to factor: another bound is tried\n"));
    }
  }
  PetscCallMPI(MPI_Bcast(&status, 1, MPI_INT, 0, comm));
  PetscCall(StopTogether(comm)); // rank 0 may have left early
  *ok = status == 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void append(const RowView &rows, std::size_t count, std::int32_t shift,
            SparseRows<PetscScalar> &h) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = rows.offset[i]; k < rows.offset[i + 1]; ++k) {
      h.column.push_back(static_cast<std::int32_t>(rows.column[k]) + shift);
      h.value.push_back(rows.value[k]);
    }
    h.offset.push_back(h.column.size());
  }
}

} // namespace

struct DirectBound::Factored {
  SparseRows<PetscScalar> h;
  SparseCholesky<PetscScalar> factor;
};

DirectBound::DirectBound(LinearOperator &A, double absolute) : A_(A), absolute_(absolute) {}
DirectBound::~DirectBound() = default;

PetscErrorCode DirectBound::GatherHere(const RowMatrix &M, PetscInt first, PetscInt count,
                                       RowBlock *rows) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(A_.comm(), &rank));
  std::vector<PetscInt> wanted(rank == 0 ? static_cast<std::size_t>(count) : 0);
  std::iota(wanted.begin(), wanted.end(), first);
  PetscCall(rows->Fetch(A_.comm(), M, wanted));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The chosen Hermitian matrix, on rank 0.
PetscErrorCode DirectBound::Represent() {
  RowBlock rows, below;
  RowMatrix product;
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(A_.comm(), &rank));
  const PetscInt m = A_.global_rows(), n = A_.global_columns();
  PetscInt order = n;
  if (kind_ == Representation::gram) {
    MatHandle formed;
    GramRows gram;
    order = wide_ ? m : n;
    PetscCall(gram.Create(A_.comm(), A_.matrix(wide_), A_.matrix(!wide_)));
    gamma_ = gram.gamma();
    PetscCall(gram.Form(static_cast<PetscInt>(A_.domain(wide_)), &formed));
    PetscCall(product.Create(formed));
    PetscCall(GatherHere(product, 0, order, &rows));
  } else {
    PetscCall(GatherHere(A_.matrix(false), 0, m, &rows));
    if (kind_ == Representation::augmented)
      PetscCall(GatherHere(A_.matrix(true), 0, n, &below));
  }
  bool ok = false;
  PetscCall(OnRoot(A_.comm(), &ok, [&] {
    factored_ = std::make_unique<Factored>();
    SparseRows<PetscScalar> &h = factored_->h;
    if (kind_ == Representation::augmented) { // rows of A, columns behind them
      append(rows.view(), static_cast<std::size_t>(m), static_cast<std::int32_t>(m), h);
      append(below.view(), static_cast<std::size_t>(n), 0, h);
    } else {
      append(rows.view(), static_cast<std::size_t>(order), 0, h);
    }
    return true;
  }));
  if (!ok)
    factored_.reset();
  represented_ = ok;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DirectBound::Predict(double fill, bool *feasible) {
  PetscFunctionBegin;
  *feasible = false;
  const double nonzeros = A_.matrix(false).global_entries();
  const double budget = fill * nonzeros;
  const auto m = static_cast<double>(A_.global_rows()),
             n = static_cast<double>(A_.global_columns());
  double stored = nonzeros, order = n;
  if (A_.hermitian()) {
    kind_ = Representation::hermitian;
  } else {
    const double tall = A_.matrix(false).row_squares(), wide = A_.matrix(true).row_squares();
    wide_ = wide < tall || (wide == tall && m < n);
    stored = std::min(tall, wide);
    order = wide_ ? m : n;
    kind_ = Representation::gram;
    if (stored > 2 * budget) { // the Gram matrix alone may exceed the budget
      kind_ = Representation::augmented;
      stored = 2 * nonzeros;
      order = m + n;
    }
  }
  if (!(budget >= order) || order >= most_vertices || stored >= most_entries) {
    PetscCall(PetscInfo(nullptr, "no sparse factorisation: order %g, %g entries, budget %g\n",
                        order, stored, budget));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Represent());
  if (!represented_)
    PetscFunctionReturn(PETSC_SUCCESS);
  double found[2] = {0, 0};
  PetscCall(OnRoot(A_.comm(), feasible, [&] {
    const bool fits = factored_->factor.analyse(factored_->h, budget);
    found[0] = factored_->factor.entries();
    found[1] = factored_->factor.multiplications();
    return fits;
  }));
  PetscCallMPI(MPI_Bcast(found, 2, MPI_DOUBLE, 0, A_.comm()));
  if (*feasible)
    sparse_cost_ = found[1];
  PetscCall(PetscInfo(nullptr, "sparse factor of order %g: %s %g entries, budget %g\n", order,
                      *feasible ? "" : "more than", *feasible ? found[0] : budget, budget));
  PetscFunctionReturn(PETSC_SUCCESS);
}

double DirectBound::dense_cost() const {
  const auto m = static_cast<double>(A_.global_rows()),
             n = static_cast<double>(A_.global_columns());
  const double c = std::min(m, n), k = std::max(m, n);
  const double squares = A_.matrix(m < n).row_squares();
  return c * c * c / 6 + std::min(0.5 * c * c * k, scatter_cost * squares);
}

// Local part to rank 0, in order.
PetscErrorCode DirectBound::ToRoot(bool adjoint, const std::vector<PetscScalar> &x,
                                   std::vector<PetscScalar> *all) {
  PetscFunctionBegin;
  PetscCall(CountParts(adjoint));
  all->resize(static_cast<std::size_t>(A_.global_domain(adjoint)));
  PetscCallMPI(MPI_Gatherv(x.data(), static_cast<int>(x.size()), MPIU_SCALAR, all->data(),
                           count_.data(), start_.data(), MPIU_SCALAR, 0, A_.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DirectBound::FromRoot(bool adjoint, const PetscScalar *all,
                                     std::vector<PetscScalar> *x) {
  PetscFunctionBegin;
  PetscCall(CountParts(adjoint));
  x->resize(A_.domain(adjoint));
  PetscCallMPI(MPI_Scatterv(all, count_.data(), start_.data(), MPIU_SCALAR, x->data(),
                            static_cast<int>(x->size()), MPIU_SCALAR, 0, A_.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DirectBound::CountParts(bool adjoint) {
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(A_.comm(), &size));
  const int mine = static_cast<int>(A_.domain(adjoint));
  count_.resize(static_cast<std::size_t>(size));
  start_.resize(count_.size());
  PetscCallMPI(MPI_Allgather(&mine, 1, MPI_INT, count_.data(), 1, MPI_INT, A_.comm()));
  std::exclusive_scan(count_.begin(), count_.end(), start_.begin(), 0);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// ‖A‖₂ from a bound of the computed Gram matrix's top eigenvalue.
double DirectBound::gram_upper(double squared, double gamma) const {
  const double lost = add_up(mul_up(gamma, mul_up(absolute_, absolute_)), 0x1p-900);
  return sqrt_up(add_up(squared, lost));
}

PetscErrorCode DirectBound::Sparse(double tolerance, double upper,
                                   const std::vector<PetscScalar> &start, DirectResult *result) {
  PetscFunctionBegin;
  std::vector<PetscScalar> image, first, second;
  const bool gram = kind_ == Representation::gram, augmented = kind_ == Representation::augmented;
  if (augmented || (gram && wide_)) {
    image.resize(A_.domain(true));
    PetscCall(A_.Apply(false, start.data(), image.data()));
    PetscCall(ToRoot(true, image, &first));
  }
  if (augmented || !(gram && wide_))
    PetscCall(ToRoot(false, start, &second));
  double found = 0;
  bool ok = false;
  std::vector<PetscScalar> top;
  PetscCall(OnRoot(A_.comm(), &ok, [&] {
    // σ² ≤ (1 + 1.8·tolerance)q gives σ ≤ (1 + 0.9·tolerance)√q; the rest is for the Gram matrix.
    first.insert(first.end(), second.begin(), second.end());
    const double known = gram ? mul_up(upper, upper) : upper;
    auto r = shift_invert<PetscScalar>(factored_->h, factored_->factor,
                                       kind_ == Representation::hermitian, up(known * (1 + 1e-15)),
                                       (gram ? 1.8 : 0.9) * tolerance, first);
    found = r.upper;
    top = std::move(r.x);
    return !top.empty();
  }));
  PetscCallMPI(MPI_Bcast(&found, 1, MPI_DOUBLE, 0, A_.comm()));
  result->gram = gram;
  if (!ok)
    PetscFunctionReturn(PETSC_SUCCESS);
  result->upper = gram ? gram_upper(found, gamma_) : add_up(found, 0x1p-900);
  const std::size_t skipped = augmented ? static_cast<std::size_t>(A_.global_rows()) : 0;
  PetscCall(RightVector(gram && wide_, top.empty() ? nullptr : top.data() + skipped, &result->x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// From a vector on rank 0 in the domain of A, or in its range.
PetscErrorCode DirectBound::RightVector(bool range, const PetscScalar *top,
                                        std::vector<PetscScalar> *x) {
  PetscFunctionBegin;
  PetscCall(FromRoot(range, top, x));
  if (range) {
    std::vector<PetscScalar> y(A_.domain(false));
    PetscCall(A_.Apply(true, x->data(), y.data()));
    x->swap(y);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Rows of G computed where they live, their upper triangle sent to rank 0.
PetscErrorCode DirectBound::ScatteredGram(bool wide, std::vector<PetscScalar> *g) {
  GramRows gram;
  int size = 1, rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(A_.comm(), &size));
  PetscCallMPI(MPI_Comm_rank(A_.comm(), &rank));
  PetscCall(gram.Create(A_.comm(), A_.matrix(wide), A_.matrix(!wide)));
  const auto c = static_cast<std::size_t>(A_.global_domain(wide));
  const auto first = static_cast<std::size_t>(A_.domain_begin(wide));
  std::vector<PetscScalar> mine;
  gram.each([&](std::size_t local, std::span<const PetscInt> columns, const PetscScalar *row) {
    const std::size_t j = first + local, at = mine.size();
    mine.resize(at + c - j);
    for (const PetscInt k : columns) // row j right of the diagonal is column j below it, conjugated
      if (static_cast<std::size_t>(k) >= j)
        mine[at + static_cast<std::size_t>(k) - j] = PetscConj(row[k]);
  });
  std::vector<int> count(static_cast<std::size_t>(size)), start(count);
  const int own = static_cast<int>(mine.size());
  PetscCallMPI(MPI_Gather(&own, 1, MPI_INT, count.data(), 1, MPI_INT, 0, A_.comm()));
  std::exclusive_scan(count.begin(), count.end(), start.begin(), 0);
  std::vector<PetscScalar> packed(rank == 0 ? c * (c + 1) / 2 : 0);
  PetscCallMPI(MPI_Gatherv(mine.data(), own, MPIU_SCALAR, packed.data(), count.data(), start.data(),
                           MPIU_SCALAR, 0, A_.comm()));
  if (rank == 0)
    for (std::size_t j = 0, at = 0; j < c; at += c - j, ++j)
      std::copy_n(packed.data() + at, c - j, g->data() + j + j * c);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// G summed on rank 0 over blocks of rows, by BLAS: for matrices with few zeros.
PetscErrorCode DirectBound::BlockedGram(bool wide, std::vector<PetscScalar> *g) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(A_.comm(), &rank));
  const RowMatrix &M = A_.matrix(wide);
  const PetscInt rows = A_.global_domain(!wide);
  const auto c = static_cast<std::size_t>(A_.global_domain(wide));
  std::vector<PetscScalar> block(rank == 0 ? c * gram_block : 0), scratch(rank == 0 ? c * c : 0);
  for (PetscInt first = 0; first < rows; first += static_cast<PetscInt>(gram_block)) {
    RowBlock fetched;
    const PetscInt count = std::min(static_cast<PetscInt>(gram_block), rows - first);
    PetscCall(GatherHere(M, first, count, &fetched));
    if (rank != 0)
      continue;
    const RowView v = fetched.view();
    const auto height = static_cast<std::size_t>(count);
    std::fill(block.begin(), block.end(), PetscScalar(0));
    for (std::size_t i = 0; i < height; ++i)
      for (std::size_t k = v.offset[i]; k < v.offset[i + 1]; ++k)
        block[i + static_cast<std::size_t>(v.column[k]) * height] = v.value[k];
    dense::herk<PetscScalar>('L', 'C', c, height, 1, block.data(), height, 0, scratch.data(), c);
    for (std::size_t k = 0; k < c * c; ++k)
      (*g)[k] += scratch[k];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode DirectBound::Dense(double tolerance, std::uint64_t seed,
                                  const std::vector<PetscScalar> &start, DirectResult *result) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(A_.comm(), &rank));
  const bool wide = A_.global_rows() < A_.global_columns();
  const auto c = static_cast<std::size_t>(A_.global_domain(wide));
  const auto k = static_cast<double>(A_.global_domain(!wide));
  std::vector<PetscScalar> g, first, image;
  bool ok = false;
  PetscCall(OnRoot(A_.comm(), &ok, [&] {
    g.assign(c * c, PetscScalar(0));
    return true;
  }));
  if (!ok)
    PetscFunctionReturn(PETSC_SUCCESS);
  const bool blocked = 0.5 * static_cast<double>(c) * static_cast<double>(c) * k <
                       scatter_cost * A_.matrix(wide).row_squares();
  double gamma = 0;
  if (blocked) {
    PetscCall(BlockedGram(wide, &g));
    gamma = gram_gamma<PetscScalar>(static_cast<std::size_t>(k), c);
  } else {
    PetscCall(ScatteredGram(wide, &g));
    gamma = dot_gamma<PetscScalar>(A_.longest_row(!wide) + 2);
  }
  if (wide) {
    image.resize(A_.domain(true));
    PetscCall(A_.Apply(false, start.data(), image.data()));
  }
  PetscCall(ToRoot(wide, wide ? image : start, &first));
  double found = 0;
  std::vector<PetscScalar> top;
  PetscCall(OnRoot(A_.comm(), &ok, [&] {
    const double error = mul_up(gamma, mul_up(absolute_, absolute_));
    HermitianTop<PetscScalar> r =
        hermitian_top<PetscScalar>({g.data(), c, c, c}, 1.8 * tolerance, error, first.data(), seed);
    found = r.upper;
    top = std::move(r.x);
    return true;
  }));
  if (!ok)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCallMPI(MPI_Bcast(&found, 1, MPI_DOUBLE, 0, A_.comm()));
  result->gram = true;
  result->upper = gram_upper(found, gamma);
  PetscCall(RightVector(wide, top.data(), &result->x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
