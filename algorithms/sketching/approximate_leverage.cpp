// SPDX-License-Identifier: BSD-2-Clause
#include "core/dense.h"
#include "core/error.h"
#include "core/random.h"
#include "sketching/leverage.h"
#include "sketching/normal_factor.h"
#include "sketching/replicate.h"
#include "sketching/sparse_rows.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::sketching {
namespace {

// A·D·P·C⁻¹ with orthonormal columns: P from a sketch, C from its Gram matrix.
PetscErrorCode Orthogonalizer(const LocalRows &rows, Mat A, std::uint64_t seed, SketchedFactor *p,
                              NormalFactor *c) {
  const double cut = 30 * std::numeric_limits<double>::epsilon();
  bool definite = false;
  PetscFunctionBegin;
  PetscCall(p->Create(A, rows, nullptr, 0, {.seed = seed}));
  if (!(p->condition() < 1 / cut))
    PetscCall(p->Truncate(cut));
  PetscCall(c->Create(rows, nullptr, *p, &definite));
  for (double larger = 1e-13; !definite && larger < 1; larger *= 100) {
    PetscCall(p->Truncate(larger));
    PetscCall(c->Create(rows, nullptr, *p, &definite));
  }
  PetscCheck(definite, rows.comm(), PETSC_ERR_LIB,
             "The Gram matrix of the sketched basis is not positive definite; take the exact "
             "leverage scores");
  PetscFunctionReturn(PETSC_SUCCESS);
}

// x (n × k, row by row, on every rank) ← D·P·C⁻¹·G, G Gaussian over √k, or I where k is the rank.
PetscErrorCode Directions(MPI_Comm comm, const SketchedFactor &p, const NormalFactor &c,
                          std::size_t k, bool exact, std::uint64_t seed, std::vector<double> *x) {
  constexpr std::uint64_t stream = 0x6c65766572616765;
  const std::size_t r = p.rank(), n = p.cols();
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &me));
  x->resize(n * k);
  if (me == 0) {
    std::vector<double> g(r * k);
    for (std::size_t i = 0; i < g.size(); ++i)
      g[i] = exact ? static_cast<double>(i % r == i / r)
                   : random::normal(seed, stream, i) / std::sqrt(static_cast<double>(k));
    dense::trsm('L', 'U', 'N', r, k, c.triangle().data(), r, g.data(), r);
    for (std::size_t j = 0; j < k; ++j) {
      std::vector<double> v(g.begin() + static_cast<std::ptrdiff_t>(r * j),
                            g.begin() + static_cast<std::ptrdiff_t>(r * (j + 1)));
      p.multiply(&v);
      for (std::size_t i = 0; i < n; ++i)
        (*x)[i * k + j] = p.scale()[i] * v[i];
    }
  }
  PetscCall(CopyFromFirst(comm, x->data(), x->size()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

double square(const std::vector<double> &v) {
  double sum = 0;
  for (const double x : v)
    sum += x * x;
  return sum;
}

// ‖a_i·X‖² from the entries of row i.
PetscErrorCode SparseNorms(Mat A, const std::vector<double> &x, std::size_t k, double *scores) {
  SparseRows sparse;
  PetscFunctionBegin;
  PetscCall(sparse.Open(A));
  std::vector<double> product(k);
  for (std::int64_t i = 0; i < sparse.rows(); ++i) {
    std::fill(product.begin(), product.end(), 0.0);
    for (const SparsePart &part : sparse.parts())
      for (PetscInt e = part.matrix ? part.offset[i] : 0; part.matrix && e < part.offset[i + 1];
           ++e) {
        const double value = PetscRealPart(part.value[e]);
        const double *row =
            x.data() + static_cast<std::size_t>(part.global_column(part.column[e])) * k;
        for (std::size_t j = 0; j < k; ++j)
          product[j] += value * row[j];
      }
    scores[i] = square(product);
  }
  PetscCall(sparse.Close());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The same by tiles of dense rows.
PetscErrorCode DenseNorms(const LocalRows &rows, const std::vector<double> &x, std::size_t k,
                          double *scores) {
  constexpr std::size_t at_once = 256;
  const std::size_t n = rows.cols();
  std::vector<double> tile(at_once * n), product(at_once * k);
  PetscFunctionBegin;
  for (std::size_t first = 0; first < rows.rows(); first += at_once) {
    const std::size_t count = std::min(at_once, rows.rows() - first);
    PetscCall(rows.Copy(first, count, nullptr, tile.data(), at_once));
    dense::gemm('N', 'T', count, k, n, 1.0, tile.data(), at_once, x.data(), k, 0.0, product.data(),
                at_once);
    for (std::size_t i = 0; i < count; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < k; ++j)
        sum += product[i + j * at_once] * product[i + j * at_once];
      scores[first + i] = sum;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode ApproximateLeverageScores(Mat A, double epsilon, std::uint64_t seed, Vec scores) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt m = 0;
  PetscInt n = 0;
  PetscInt local = 0;
  MatStorage storage = MatStorage::Other;
  PetscScalar *out = nullptr;
  PetscFunctionBegin;
  PetscCheck(epsilon > 0 && epsilon < 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "accuracy %g of approximate leverage scores must lie in (0, 1) (-epsilon)", epsilon);
  PetscCall(MatGetSize(A, &m, &n));
  PetscCheck(
      m >= n && n >= 1, comm, PETSC_ERR_ARG_SIZ,
      "Leverage scores need at least as many rows as columns, and a column, not %" PetscInt_FMT
      " x %" PetscInt_FMT,
      m, n);
  PetscCall(VecGetLocalSize(scores, &local));
  PetscCall(StorageOf(A, &storage));
  LatheGuard(comm, {
    LocalRows rows;
    SketchedFactor p;
    NormalFactor c;
    std::vector<double> x;
    PetscCall(rows.Create(A));
    LatheCheckAll(comm, static_cast<std::size_t>(local) == rows.rows(), PETSC_ERR_ARG_SIZ,
                  "A rank has %zu rows of the matrix and %lld of the scores", rows.rows(),
                  static_cast<long long>(local));
    PetscCall(Orthogonalizer(rows, A, seed, &p, &c));
    const double exponent = epsilon * epsilon / 4 - epsilon * epsilon * epsilon / 6;
    const double wanted = std::ceil(std::log(200.0) / exponent);
    const bool exact = wanted >= static_cast<double>(p.rank());
    const std::size_t k = exact ? p.rank() : static_cast<std::size_t>(wanted);
    PetscCall(Directions(comm, p, c, k, exact, seed, &x));
    std::vector<double> norms(rows.rows());
    if (storage == MatStorage::Sparse)
      PetscCall(SparseNorms(A, x, k, norms.data()));
    else
      PetscCall(DenseNorms(rows, x, k, norms.data()));
    PetscCall(VecGetArrayWrite(scores, &out));
    std::copy(norms.begin(), norms.end(), out);
    PetscCall(VecRestoreArrayWrite(scores, &out));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
