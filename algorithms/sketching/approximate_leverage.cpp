// SPDX-License-Identifier: BSD-2-Clause
#include "core/citation.h"
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

// The rows whose scores are wanted: of W^(1/2)·A, with the ridge lambda.
struct Weighted {
  Mat A = nullptr;
  LocalRows rows = {};
  const double *weight = nullptr; // of this rank's rows; null: 1
  double lambda = 0;
};

// W^(1/2)·A·D·P·C⁻¹ with orthonormal columns: P from a sketch, C from its Gram matrix.
PetscErrorCode Orthogonalizer(const Weighted &w, std::uint64_t seed, SketchedFactor *p,
                              NormalFactor *c) {
  const LocalRows &rows = w.rows;
  const double cut = 30 * std::numeric_limits<double>::epsilon();
  bool definite = false;
  PetscFunctionBegin;
  PetscCall(p->Create(w.A, rows, w.weight, w.lambda, {.seed = seed}));
  if (!(p->condition() < 1 / cut))
    PetscCall(p->Truncate(cut));
  PetscCall(c->Create(rows, w.weight, *p, &definite));
  for (double larger = 1e-13; !definite && larger < 1; larger *= 100) {
    PetscCall(p->Truncate(larger));
    PetscCall(c->Create(rows, w.weight, *p, &definite));
  }
  PetscCheck(definite, rows.comm(), PETSC_ERR_LIB,
             "The Gram matrix of the sketched basis is not positive definite; take the exact "
             "leverage scores");
  PetscFunctionReturn(PETSC_SUCCESS);
}

// x (n × k, row by row, on every rank) ← P·C⁻¹·G, G Gaussian over √k, or I where k is the rank.
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
        (*x)[i * k + j] = v[i];
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

// ‖a_i·D·X‖² from the entries of row i, D = diag(scale).
PetscErrorCode SparseNorms(Mat A, const std::vector<double> &scale, const std::vector<double> &x,
                           std::size_t k, double *scores) {
  SparseRows sparse;
  PetscFunctionBegin;
  PetscCall(sparse.Open(A));
  std::vector<double> product(k);
  for (std::int64_t i = 0; i < sparse.rows(); ++i) {
    std::fill(product.begin(), product.end(), 0.0);
    for (const SparsePart &part : sparse.parts())
      for (PetscInt e = part.matrix ? part.offset[i] : 0; part.matrix && e < part.offset[i + 1];
           ++e) {
        const auto column = static_cast<std::size_t>(part.global_column(part.column[e]));
        const double value = PetscRealPart(part.value[e]) * scale[column];
        const double *row = x.data() + column * k;
        for (std::size_t j = 0; j < k; ++j)
          product[j] += value * row[j];
      }
    scores[i] = square(product);
  }
  PetscCall(sparse.Close());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The same by tiles of dense rows.
PetscErrorCode DenseNorms(const LocalRows &rows, const std::vector<double> &scale,
                          const std::vector<double> &x, std::size_t k, double *scores) {
  constexpr std::size_t at_once = 256;
  const std::size_t n = rows.cols();
  std::vector<double> tile(at_once * n), product(at_once * k);
  PetscFunctionBegin;
  for (std::size_t first = 0; first < rows.rows(); first += at_once) {
    const std::size_t count = std::min(at_once, rows.rows() - first);
    PetscCall(rows.Copy(first, count, scale.data(), tile.data(), at_once));
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

PetscErrorCode CheckArguments(Mat A, double epsilon) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt m = 0;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCheck(epsilon > 0 && epsilon < 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "accuracy %g of approximate scores must lie in (0, 1) (-epsilon)", epsilon);
  PetscCall(MatGetSize(A, &m, &n));
  PetscCheck(m >= n && n >= 1, comm, PETSC_ERR_ARG_SIZ,
             "Row scores need at least as many rows as columns, and a column, not %" PetscInt_FMT
             " x %" PetscInt_FMT,
             m, n);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CheckLayout(const LocalRows &rows, Vec scores) {
  PetscInt local = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(scores, &local));
  LatheCheckAll(rows.comm(), static_cast<std::size_t>(local) == rows.rows(), PETSC_ERR_ARG_SIZ,
                "A rank has %zu rows of the matrix and %lld of the scores", rows.rows(),
                static_cast<long long>(local));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Scores(const Weighted &w, double epsilon, std::uint64_t seed,
                      std::vector<double> *scores) {
  MatStorage storage = MatStorage::Other;
  SketchedFactor p;
  NormalFactor c;
  std::vector<double> x;
  PetscFunctionBegin;
  PetscCall(StorageOf(w.A, &storage));
  PetscCall(Orthogonalizer(w, seed, &p, &c));
  const double exponent = epsilon * epsilon / 4 - epsilon * epsilon * epsilon / 6;
  const double wanted = std::ceil(std::log(200.0) / exponent);
  const bool exact = wanted >= static_cast<double>(p.rank());
  const std::size_t k = exact ? p.rank() : static_cast<std::size_t>(wanted);
  PetscCall(Directions(w.rows.comm(), p, c, k, exact, seed, &x));
  scores->resize(w.rows.rows());
  if (storage == MatStorage::Sparse)
    PetscCall(SparseNorms(w.A, p.scale(), x, k, scores->data()));
  else
    PetscCall(DenseNorms(w.rows, p.scale(), x, k, scores->data()));
  for (std::size_t i = 0; i < scores->size(); ++i)
    (*scores)[i] = std::min((*scores)[i] * (w.weight ? w.weight[i] : 1), 1.0); // NaN stays
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Put(const std::vector<double> &values, Vec v) {
  PetscScalar *out = nullptr;
  PetscFunctionBegin;
  PetscCall(VecGetArrayWrite(v, &out));
  std::copy(values.begin(), values.end(), out);
  PetscCall(VecRestoreArrayWrite(v, &out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The power of τ/w in the last step, p > 2. By then the rows that make up S = W^(½−1/p)·A have
// settled, but in logarithms w ← τ leaves 1 − 2/p a step of the error of any other row, far from
// its weight where rows are of very unequal size. With S given, the weight of a row that S does not
// notice (τ ≪ 1) is (a_iᵀ(SᵀS)⁻¹a_i)^(p/2) = w·(τ/w)^(p/2), that of one with a direction of its own
// (τ = 1) is τ: Newton's method, what the others do left out.
double last_power(double p, double tau) {
  return (p / 2) / (1 + (p / 2 - 1) * tau);
}

} // namespace

PetscErrorCode ApproximateLeverageScores(Mat A, double lambda, double epsilon, std::uint64_t seed,
                                         Vec scores) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscFunctionBegin;
  PetscCheck(lambda >= 0 && std::isfinite(lambda), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "ridge lambda %g must be >= 0 and finite (-lambda)", lambda);
  PetscCall(CheckArguments(A, epsilon));
  LatheGuard(comm, {
    Weighted w{.A = A, .lambda = lambda};
    std::vector<double> values;
    PetscCall(w.rows.Create(A));
    PetscCall(CheckLayout(w.rows, scores));
    PetscCall(Scores(w, epsilon, seed, &values));
    PetscCall(Put(values, scores));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ApproximateLewisWeights(Mat A, double p, double epsilon, std::uint64_t seed,
                                       Vec weights) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscFunctionBegin;
  PetscCheck(p >= 1 && std::isfinite(p), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "p = %g of Lewis weights must be >= 1 and finite (-p)", p);
  PetscCall(CheckArguments(A, epsilon));
  PetscCall(Cite("CohenPeng2015"));
  LatheGuard(comm, {
    Weighted w{.A = A};
    std::vector<double> lewis, tau, weight;
    PetscCall(w.rows.Create(A));
    PetscCall(CheckLayout(w.rows, weights));
    PetscCall(Scores(w, epsilon, seed, &lewis));
    const double m = static_cast<double>(w.rows.global_rows());
    const double factor = p < 2 ? 1 - p / 2 : 1 - 2 / p; // of the contraction, in logarithms
    const double steps = std::log(std::log(m + 2) / epsilon) / -std::log(factor);
    const double last = factor > 0 ? std::floor(steps) + 1 : 0; // p = 2: no step
    weight.resize(std::max<std::size_t>(lewis.size(), 1));      // not null on a rank without rows
    for (int step = 1; step <= last; ++step) {
      const bool to_power = p > 2 && step == last; // of p/2, errors of the scores too
      std::transform(lewis.begin(), lewis.end(), weight.begin(),
                     [p](double v) { return v > 0 ? std::pow(v, 1 - 2 / p) : 0; });
      w.weight = weight.data();
      PetscCall(Scores(w, to_power ? std::pow(1 + epsilon, 2 / p) - 1 : epsilon,
                       seed + static_cast<std::uint64_t>(step), &tau));
      for (std::size_t i = 0; i < lewis.size(); ++i)
        if (lewis[i] > 0)
          lewis[i] *=
              std::pow(tau[i] / lewis[i], to_power ? last_power(p, tau[i]) : std::min(p / 2, 1.0));
    }
    PetscCall(Put(lewis, weights));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
