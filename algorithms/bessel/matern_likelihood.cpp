// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/matern_likelihood.h"
#include "core/citation.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/exact_sum.h"
#include "core/random.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lathe::bessel {
namespace {

constexpr std::size_t block = 64; // columns; fixed, so that no BLAS call depends on the ranks

struct Ranks {
  MPI_Comm comm;
  int rank = 0, size = 1;
};

PetscErrorCode FindRanks(MPI_Comm comm, Ranks *ranks) {
  PetscFunctionBegin;
  ranks->comm = comm;
  PetscCallMPI(MPI_Comm_rank(comm, &ranks->rank));
  PetscCallMPI(MPI_Comm_size(comm, &ranks->size));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// f(first column, number of columns) for the blocks of this rank.
template <class F> void for_blocks(const Ranks &ranks, std::size_t n, F &&f) {
  for (std::size_t first = block * static_cast<std::size_t>(ranks.rank); first < n;
       first += block * static_cast<std::size_t>(ranks.size))
    f(first, std::min(block, n - first));
}

PetscErrorCode CheckData(MPI_Comm comm, const MaternData &data, const MaternParameters &p) {
  PetscFunctionBegin;
  const auto positive = [](double x) { return x > 0 && std::isfinite(x); };
  LatheCheckAll(comm, data.sites.count > 0 && data.sites.dimension > 0, PETSC_ERR_ARG_OUTOFRANGE,
                "No sites, or sites without coordinates");
  LatheCheckAll(comm,
                positive(p.variance) && positive(p.range) && positive(p.smoothness) &&
                    p.nugget >= 0 && std::isfinite(p.nugget),
                PETSC_ERR_ARG_OUTOFRANGE,
                "Matern variance %g, range %g, smoothness %g, nugget %g; the first three must be > "
                "0, the nugget >= 0, all finite",
                p.variance, p.range, p.smoothness, p.nugget);
  std::size_t bad = 0;
  while (bad < data.sites.count && std::isfinite(data.observations[bad]))
    ++bad;
  LatheCheckAll(comm, bad == data.sites.count, PETSC_ERR_FP, "Observation %zu is not finite", bad);
  bad = 0;
  while (bad < data.sites.count * data.sites.dimension &&
         std::isfinite(data.sites.coordinates[bad]))
    ++bad;
  LatheCheckAll(comm, bad == data.sites.count * data.sites.dimension, PETSC_ERR_FP,
                "Coordinate %zu of site %zu is not finite", bad % data.sites.dimension,
                bad / data.sites.dimension);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Lower triangle of a matrix of which every rank has set its blocks of columns, the rest being 0.
PetscErrorCode ShareColumns(const Ranks &ranks, std::size_t n, std::vector<double> *a) {
  PetscFunctionBegin;
  if (ranks.size > 1)
    for (std::size_t first = 0; first < n; first += block)
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, a->data() + first * n,
                                 static_cast<int>(std::min(block, n - first) * n), MPI_DOUBLE,
                                 MPI_SUM, ranks.comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Lower triangles, column-major; the derivatives only on the columns of this rank unless shared.
struct Covariances {
  std::vector<double> value, by_range, by_smoothness;
};

PetscErrorCode Assemble(const Ranks &ranks, const MaternData &data, const MaternParameters &p,
                        bool derivatives, Covariances *c) {
  const std::size_t n = data.sites.count;
  PetscFunctionBegin;
  LatheGuard(ranks.comm, {
    const MaternCovariance covariance(p);
    c->value.assign(n * n, 0);
    if (derivatives) {
      c->by_range.assign(n * n, 0);
      c->by_smoothness.assign(n * n, 0);
    }
    for_blocks(ranks, n, [&](std::size_t first, std::size_t count) {
      for (std::size_t j = first; j < first + count; ++j) {
        const std::size_t at = j + j * n;
        if (derivatives)
          covariance.row_with_derivatives(data.sites, j, j, n - j, c->value.data() + at,
                                          c->by_range.data() + at, c->by_smoothness.data() + at);
        else
          covariance.row(data.sites, MaternComponent::value, j, j, n - j, c->value.data() + at);
      }
    });
  });
  PetscCall(ShareColumns(ranks, n, &c->value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Gradient from the factor L, α and the derivatives on the columns of this rank.
PetscErrorCode Gradient(const Ranks &ranks, const MaternParameters &p, std::size_t n,
                        const std::vector<double> &factor, const std::vector<double> &alpha,
                        const Covariances &c, std::array<double, matern_parameters> *gradient) {
  std::array<ExactSum, matern_parameters> sums;
  PetscFunctionBegin;
  LatheGuard(ranks.comm, {
    std::vector<double> inverse(n * block);
    const MaternCovariance covariance(p);
    for_blocks(ranks, n, [&](std::size_t first, std::size_t count) {
      // Rows from `first` on of Σ⁻¹ depend on the trailing part of L alone.
      const std::size_t rows = n - first;
      const double *trailing = factor.data() + first + first * n;
      std::fill(inverse.begin(), inverse.end(), 0.0);
      for (std::size_t j = 0; j < count; ++j)
        inverse[j + j * rows] = 1;
      dense::trsm('L', 'L', 'N', rows, count, trailing, n, inverse.data(), rows);
      dense::trsm('L', 'L', 'T', rows, count, trailing, n, inverse.data(), rows);
      for (std::size_t j = 0; j < count; ++j) {
        const std::size_t column = first + j, at = column * n;
        double by_range = 0, by_smoothness = 0, by_variance = 0, by_nugget = 0;
        for (std::size_t i = column; i < n; ++i) {
          // Both triangles; the nugget is no part of the derivative by the variance.
          const double pair = alpha[i] * alpha[column] - inverse[i - first + j * rows];
          const double weight = i == column ? 0.5 * pair : pair;
          by_range += weight * c.by_range[i + at];
          by_smoothness += weight * c.by_smoothness[i + at];
          by_variance += weight * (i == column ? p.variance : c.value[i + at]);
          if (i == column)
            by_nugget = weight;
        }
        sums[0].add(by_variance / p.variance);
        sums[1].add(by_range);
        sums[2].add(by_smoothness);
        sums[3].add(by_nugget);
      }
    });
  });
  PetscCall(ExactSum::AllReduce(ranks.comm, sums.data(), matern_parameters));
  for (std::size_t k = 0; k < sums.size(); ++k)
    (*gradient)[k] = sums[k].value();
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Σ_i x_i y_i, exact but for the last rounding.
double exact_dot(const double *x, const double *y, std::size_t n) {
  ExactSum sum;
  for (std::size_t i = 0; i < n; ++i)
    sum.add_product(x[i], y[i]);
  return sum.value();
}

// Largest eigenvalue of what `apply` does in place, from below.
template <class F> double power_iteration(std::size_t n, F &&apply) {
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = 1 + 0.1 * random::normal(1, 0, i);
  double value = 0;
  for (int step = 0; step < 60; ++step) {
    const double norm = std::sqrt(exact_dot(x.data(), x.data(), n));
    for (double &v : x)
      v /= norm;
    apply(x);
    value = std::sqrt(exact_dot(x.data(), x.data(), n));
  }
  return value;
}

// Fill the upper triangle from the lower one.
void symmetrize(std::size_t n, std::vector<double> *a) {
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = 0; i < j; ++i)
      (*a)[i + j * n] = (*a)[j + i * n];
}

// W_k = L⁻¹ D_k L⁻ᵀ on the blocks of this rank; F_kl = ½ Σ W_k W_l.
void add_information(const Ranks &ranks, std::size_t n, const std::vector<double> &factor,
                     const std::array<const double *, 3> &derivatives,
                     std::array<ExactSum, 10> *sums) {
  std::vector<double> q(n * block);
  std::array<std::vector<double>, matern_parameters> w;
  for (auto &x : w)
    x.resize(n * block);
  for_blocks(ranks, n, [&](std::size_t first, std::size_t count) {
    std::fill(q.begin(), q.end(), 0.0);
    for (std::size_t j = 0; j < count; ++j)
      q[first + j + j * n] = 1;
    dense::trsm('L', 'L', 'T', n, count, factor.data(), n, q.data(), n);
    for (std::size_t k = 0; k < derivatives.size(); ++k)
      dense::gemm('N', 'N', n, count, n, 1.0, derivatives[k], n, q.data(), n, 0.0, w[k].data(), n);
    w[3] = q; // by the nugget: the identity
    for (auto &x : w)
      dense::trsm('L', 'L', 'N', n, count, factor.data(), n, x.data(), n);
    for (std::size_t j = 0; j < count; ++j) {
      std::size_t pair = 0;
      for (std::size_t k = 0; k < w.size(); ++k)
        for (std::size_t l = 0; l <= k; ++l) {
          double sum = 0;
          for (std::size_t i = 0; i < n; ++i)
            sum += w[k][i + j * n] * w[l][i + j * n];
          (*sums)[pair++].add(0.5 * sum);
        }
    }
  });
}

} // namespace

PetscErrorCode LatheMaternLogLikelihood(MPI_Comm comm, const MaternData &data,
                                        const MaternParameters &p, bool gradient,
                                        MaternLikelihood *result) {
  const std::size_t n = data.sites.count;
  Ranks ranks{comm};
  Covariances c;
  std::vector<double> factor, alpha;
  PetscFunctionBegin;
  *result = {};
  result->gradient.fill(std::numeric_limits<double>::quiet_NaN());
  PetscCall(CheckData(comm, data, p));
  PetscCall(Cite("MardiaMarshall1984 Stein1999"));
  PetscCall(FindRanks(comm, &ranks));
  PetscCall(Assemble(ranks, data, p, gradient, &c));
  LatheGuard(comm, {
    if (gradient)
      factor = c.value;
    else
      factor.swap(c.value);
    alpha.assign(data.observations, data.observations + n);
    result->definite = dense::potrf('L', n, factor.data(), n) == 0;
  });
  if (!result->definite) {
    result->value = -std::numeric_limits<double>::infinity();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  dense::trsm('L', 'L', 'N', n, 1, factor.data(), n, alpha.data(), n);
  result->quadratic = exact_dot(alpha.data(), alpha.data(), n);
  ExactSum logs;
  for (std::size_t j = 0; j < n; ++j)
    logs.add(2 * std::log(factor[j + j * n]));
  result->log_determinant = logs.value();
  result->value = -0.5 * (result->quadratic + result->log_determinant +
                          static_cast<double>(n) * std::log(2 * std::numbers::pi));
  if (gradient) {
    dense::trsm('L', 'L', 'T', n, 1, factor.data(), n, alpha.data(), n);
    PetscCall(Gradient(ranks, p, n, factor, alpha, c, &result->gradient));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode
LatheMaternFisherInformation(MPI_Comm comm, const MaternData &data, const MaternParameters &p,
                             std::array<double, matern_parameters * matern_parameters> *information,
                             double *condition) {
  const std::size_t n = data.sites.count;
  Ranks ranks{comm};
  Covariances c;
  std::vector<double> factor;
  std::array<ExactSum, 10> sums;
  bool definite = false;
  PetscFunctionBegin;
  PetscCall(CheckData(comm, data, p));
  PetscCall(FindRanks(comm, &ranks));
  PetscCall(Assemble(ranks, data, p, true, &c));
  PetscCall(ShareColumns(ranks, n, &c.by_range));
  PetscCall(ShareColumns(ranks, n, &c.by_smoothness));
  LatheGuard(comm, {
    factor = c.value;
    definite = dense::potrf('L', n, factor.data(), n) == 0;
    for (auto *a : {&c.value, &c.by_range, &c.by_smoothness})
      symmetrize(n, a);
  });
  PetscCheck(definite, comm, PETSC_ERR_NOT_CONVERGED,
             "The covariance matrix is not positive definite in double precision; a nugget helps");
  LatheGuard(comm, {
    const double largest = power_iteration(n, [&](std::vector<double> &x) {
      const std::vector<double> y = x;
      dense::gemv('N', n, n, 1.0, c.value.data(), n, y.data(), 0.0, x.data());
    });
    const double inverse = power_iteration(n, [&](std::vector<double> &x) {
      dense::trsm('L', 'L', 'N', n, 1, factor.data(), n, x.data(), n);
      dense::trsm('L', 'L', 'T', n, 1, factor.data(), n, x.data(), n);
    });
    *condition = largest * inverse;
    for (std::size_t j = 0; j < n; ++j) {
      c.value[j + j * n] = p.variance;
      for (std::size_t i = 0; i < n; ++i)
        c.value[i + j * n] /= p.variance;
    }
    add_information(ranks, n, factor, {c.value.data(), c.by_range.data(), c.by_smoothness.data()},
                    &sums);
  });
  PetscCall(ExactSum::AllReduce(comm, sums.data(), 10));
  std::size_t pair = 0;
  for (std::size_t k = 0; k < matern_parameters; ++k)
    for (std::size_t l = 0; l <= k; ++l, ++pair)
      (*information)[k * 4 + l] = (*information)[l * 4 + k] = sums[pair].value();
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::bessel
