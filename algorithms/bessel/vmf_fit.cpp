// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf_fit.h"
#include "bessel/vmf.h"
#include "bessel/vmf_mixture.h"
#include "bessel/vmf_sampler.h"
#include "core/citation.h"
#include "core/error.h"
#include "core/interruption.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe::bessel {
namespace {

// Every rank holds the same options, so every rank finds the same fault.
PetscErrorCode CheckOptions(MPI_Comm comm, const LatheVmfOptions &o) {
  PetscFunctionBegin;
  PetscCheck(o.components >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "components is %" PetscInt_FMT "; must be at least 1", o.components);
  PetscCheck(o.estimator == LATHE_VMF_CORRECTED || o.estimator == LATHE_VMF_MLE, comm,
             PETSC_ERR_ARG_OUTOFRANGE, "estimator is %d; must be corrected (0) or mle (1)",
             static_cast<int>(o.estimator));
  PetscCheck(o.tolerance > 0 && std::isfinite(o.tolerance), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "tolerance is %g; must be > 0 and finite", o.tolerance);
  PetscCheck(o.max_steps >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "max_steps is %" PetscInt_FMT "; must be at least 1", o.max_steps);
  PetscCheck(o.kappa_max > 0 && std::isfinite(o.kappa_max), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "kappa_max is %g; must be > 0 and finite", o.kappa_max);
  PetscCheck(o.stream < (1ULL << 32), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "stream is %llu; must be below 2^32", o.stream);
  PetscFunctionReturn(PETSC_SUCCESS);
}

double chosen(LatheVmfEstimator estimator, const LatheVmfEstimate &e) {
  return estimator == LATHE_VMF_MLE ? e.kappa_mle : e.kappa_corrected;
}

PetscErrorCode Allocate(const LatheVmfRows &rows, PetscInt components, LatheVmfModel *model) {
  PetscFunctionBegin;
  *model = LatheVmfModel{};
  model->components = components;
  model->dim = rows.dim;
  PetscCall(PetscCalloc1(static_cast<std::size_t>(components), &model->component));
  PetscCall(PetscCalloc1(static_cast<std::size_t>(components) * static_cast<std::size_t>(rows.dim),
                         &model->mean));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FitOne(MPI_Comm comm, const LatheVmfRows &rows, const LatheVmfOptions &options,
                      LatheVmfModel *model) {
  std::int64_t first = 0, global = 0;
  PetscFunctionBegin;
  PetscCall(NumberRows(comm, rows.local, &first, &global));
  RowScan scan(options.normalize);
  ResultantSums sums(1, static_cast<std::size_t>(rows.dim), global);
  add_labelled_rows(rows, first, nullptr, &scan, &sums);
  PetscCall(scan.Finish(comm));
  PetscCheck(scan.rows() >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "no row is left: %lld rows, %lld of them zero", static_cast<long long>(global),
             static_cast<long long>(scan.zero_rows()));
  PetscCall(sums.AllReduce(comm));
  PetscCall(Allocate(rows, 1, model));
  LatheVmfComponent &c = model->component[0];
  c.weight = 1;
  c.estimate = sums.estimate(0);
  PetscCall(WarnIfPointlike(comm, c.estimate));
  c.kappa = chosen(options.estimator, c.estimate);
  if (!sums.direction(0, model->mean)) // the rows cancel: any direction is as good
    model->mean[0] = 1;
  model->rows = scan.rows();
  model->zero_rows = scan.zero_rows();
  model->log_likelihood = vmf_log_likelihood(rows.dim, c.kappa, c.estimate.resultant_complement,
                                             static_cast<double>(model->rows));
  model->converged = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// EM until the mean log-likelihood grows by less than the tolerance; `sums` are those of the last
/// expectation.
PetscErrorCode Maximise(MPI_Comm comm, const ScannedRows &rows, const LatheVmfOptions &options,
                        Mixture *mixture, ResultantSums *sums, LatheVmfModel *model) {
  double last = -std::numeric_limits<double>::infinity();
  PetscFunctionBegin;
  for (PetscInt step = 0;; ++step) {
    double now = 0;
    PetscCall(StopTogether(comm));
    PetscCall(Expectation(comm, rows, *mixture, sums, &now));
    if (options.monitor) {
      const LatheVmfStep entry = {step, now};
      PetscCall(options.monitor(&entry, options.monitor_context));
    }
    maximise(*sums, options.kappa_max, mixture);
    model->steps = step + 1;
    model->converged =
        now - last <= options.tolerance * static_cast<double>(rows.used) ? PETSC_TRUE : PETSC_FALSE;
    if (model->converged || model->steps == options.max_steps)
      PetscFunctionReturn(PETSC_SUCCESS);
    last = now;
  }
}

PetscErrorCode FitMixture(MPI_Comm comm, const LatheVmfRows &rows, const LatheVmfOptions &options,
                          LatheVmfModel *model) {
  ScannedRows scanned;
  Mixture mixture;
  const auto components = static_cast<std::size_t>(options.components);
  const auto dim = static_cast<std::size_t>(rows.dim);
  PetscFunctionBegin;
  PetscCall(Cite("BanerjeeDhillonGhoshSra2005 ArthurVassilvitskii2007"));
  PetscCall(ScanRows(comm, rows, options.normalize, &scanned));
  PetscCheck(scanned.used >= options.components, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%lld rows that are not zero cannot hold %" PetscInt_FMT
             " components; components must be at most the number of rows",
             static_cast<long long>(scanned.used), options.components);
  PetscCall(StartMixture(comm, scanned, components, options.kappa_max, options.seed, options.stream,
                         &mixture));
  ResultantSums sums(components, dim, scanned.global);
  LatheVmfModel found{};
  PetscCall(Maximise(comm, scanned, options, &mixture, &sums, &found));
  std::vector<LatheVmfEstimate> estimate(components);
  for (std::size_t k = 0; k < components; ++k)
    if (mixture.weight[k] > 0) {
      estimate[k] = sums.estimate(k);
      mixture.kappa[k] = std::min(options.kappa_max, chosen(options.estimator, estimate[k]));
    } else {
      ++found.empty;
    }
  PetscCall(Expectation(comm, scanned, mixture, nullptr, &found.log_likelihood));
  PetscCall(Allocate(rows, options.components, model));
  found.components = model->components;
  found.dim = model->dim;
  found.component = model->component;
  found.mean = model->mean;
  found.rows = scanned.used;
  found.zero_rows = scanned.zero;
  *model = found;
  std::vector<std::size_t> order(components);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return mixture.weight[a] > mixture.weight[b];
  });
  for (std::size_t k = 0; k < components; ++k) {
    const std::size_t from = order[k];
    model->component[k] = {mixture.weight[from], mixture.kappa[from], estimate[from]};
    std::copy_n(mixture.mean.data() + from * dim, dim, model->mean + k * dim);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Fit(MPI_Comm comm, const LatheVmfRows &rows, const LatheVmfOptions &options,
                   LatheVmfModel *model) {
  PetscFunctionBegin;
  PetscCall(CheckOptions(comm, options));
  PetscCall(CheckRows(comm, rows));
  if (options.components == 1)
    PetscCall(FitOne(comm, rows, options, model));
  else
    PetscCall(FitMixture(comm, rows, options, model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Local rows of a Mat, row-major, real parts; the first entry that is not real in *row, *column.
PetscErrorCode CopyRows(Mat matrix, std::vector<double> *values, PetscInt *row, PetscInt *column) {
  PetscInt begin = 0, end = 0, dim = 0;
  PetscFunctionBegin;
  *row = -1;
  *column = -1;
  PetscCall(MatGetOwnershipRange(matrix, &begin, &end));
  PetscCall(MatGetSize(matrix, nullptr, &dim));
  values->assign(static_cast<std::size_t>(end - begin) * static_cast<std::size_t>(dim), 0.0);
  for (PetscInt i = begin; i < end; ++i) {
    PetscInt count = 0;
    const PetscInt *columns = nullptr;
    const PetscScalar *entries = nullptr;
    double *mine =
        values->data() + static_cast<std::size_t>(i - begin) * static_cast<std::size_t>(dim);
    PetscCall(MatGetRow(matrix, i, &count, &columns, &entries));
    for (PetscInt j = 0; j < count; ++j) {
      mine[columns[j]] = PetscRealPart(entries[j]);
      if (PetscImaginaryPart(entries[j]) != 0 && *row < 0) {
        *row = i;
        *column = columns[j];
      }
    }
    PetscCall(MatRestoreRow(matrix, i, &count, &columns, &entries));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

template <class T>
void assign(const T *data, const LatheVmfRows &rows, const Mixture &mixture, PetscInt *component,
            double *probability, double *log_density) {
  const std::size_t components = mixture.components();
  const MixtureDensity density(mixture);
  std::vector<double> posterior(row_group * components);
  for_row_groups(data, static_cast<std::size_t>(rows.local), mixture.dim,
                 [&](const RowGroup<T> &x, std::size_t first, std::size_t count) {
                   double inverse[row_group];
                   double log_f[row_group];
                   RowScan(true).inverse_lengths(x, count, mixture.dim, 0, inverse);
                   density(x, inverse, posterior.data(), log_f);
                   for (std::size_t r = 0; r < count; ++r) {
                     const double *p = posterior.data() + r * components;
                     const auto best = std::max_element(p, p + components) - p;
                     const bool zero = inverse[r] == 0;
                     if (component)
                       component[first + r] = zero ? -1 : static_cast<PetscInt>(best);
                     if (probability)
                       probability[first + r] = zero ? 0 : p[best];
                     if (log_density)
                       log_density[first + r] =
                           zero ? std::numeric_limits<double>::quiet_NaN() : log_f[r];
                   }
                 });
}

} // namespace
} // namespace lathe::bessel

PetscErrorCode LatheVmfOptionsSetDefaults(LatheVmfOptions *options) {
  PetscFunctionBegin;
  PetscCheck(options, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "options is NULL");
  *options = LatheVmfOptions{};
  options->components = 1;
  options->estimator = LATHE_VMF_CORRECTED;
  options->normalize = PETSC_FALSE;
  options->tolerance = 1e-8;
  options->max_steps = 500;
  options->kappa_max = 1e8;
  options->seed = 1;
  options->stream = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVmfFit(MPI_Comm comm, const LatheVmfRows *rows, const LatheVmfOptions *options,
                           LatheVmfModel *model) {
  LatheVmfOptions defaults;
  PetscFunctionBegin;
  PetscCheck(rows && model, comm, PETSC_ERR_ARG_NULL, "rows and model must not be NULL");
  if (!options) {
    PetscCall(LatheVmfOptionsSetDefaults(&defaults));
    options = &defaults;
  }
  LatheGuard(comm, PetscCall(lathe::bessel::Fit(comm, *rows, *options, model)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVmfModelDestroy(LatheVmfModel *model) {
  PetscFunctionBegin;
  if (!model)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscFree(model->component));
  PetscCall(PetscFree(model->mean));
  *model = LatheVmfModel{};
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVmfFitMat(Mat matrix, const LatheVmfOptions *options, LatheVmfModel *model) {
  PetscInt row = -1, column = -1, local = 0, dim = 0;
  PetscFunctionBegin;
  PetscCheck(matrix, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "the matrix is NULL");
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(matrix));
  PetscCall(MatGetLocalSize(matrix, &local, nullptr));
  PetscCall(MatGetSize(matrix, nullptr, &dim));
  LatheGuard(comm, {
    std::vector<double> values;
    PetscCall(lathe::bessel::CopyRows(matrix, &values, &row, &column));
    LatheCheckAll(comm, row < 0, PETSC_ERR_ARG_WRONG,
                  "entry (row %lld, column %lld) is not real; directions must be real",
                  static_cast<long long>(row), static_cast<long long>(column));
    const LatheVmfRows rows = {local, dim, nullptr, values.data()};
    PetscCall(LatheVmfFit(comm, &rows, options, model));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVmfAssign(const LatheVmfRows *rows, const LatheVmfModel *model,
                              PetscInt *component, double *probability, double *log_density) {
  PetscFunctionBegin;
  PetscCheck(rows && model, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "rows and model must not be NULL");
  PetscCall(lathe::bessel::CheckRows(PETSC_COMM_SELF, *rows));
  PetscCheck(rows->dim == model->dim, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ,
             "rows have %" PetscInt_FMT " dimensions, the model has %" PetscInt_FMT, rows->dim,
             model->dim);
  LatheGuard(PETSC_COMM_SELF, {
    lathe::bessel::Mixture mixture;
    mixture.dim = static_cast<std::size_t>(model->dim);
    mixture.mean.assign(model->mean, model->mean + static_cast<std::size_t>(model->components) *
                                                       static_cast<std::size_t>(model->dim));
    for (PetscInt k = 0; k < model->components; ++k) {
      mixture.kappa.push_back(model->component[k].kappa);
      mixture.weight.push_back(model->component[k].weight);
    }
    lathe::bessel::visit_rows(*rows, [&](const auto *data) {
      lathe::bessel::assign(data, *rows, mixture, component, probability, log_density);
    });
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVmfSample(PetscInt dim, const double *mean, double kappa,
                              unsigned long long seed, unsigned long long stream, PetscInt64 first,
                              PetscInt count, double *rows) {
  PetscFunctionBegin;
  PetscCheck(mean && (rows || count == 0), PETSC_COMM_SELF, PETSC_ERR_ARG_NULL,
             "mean and rows must not be NULL");
  PetscCheck(dim >= 2, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "dim is %" PetscInt_FMT "; must be at least 2", dim);
  PetscCheck(kappa >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "kappa is %g; must be at least 0", kappa);
  PetscCheck(stream < (1ULL << 32), PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "stream is %llu; must be below 2^32", stream);
  PetscCheck(first >= 0 && count >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "first is %lld and count %lld; must be at least 0", static_cast<long long>(first),
             static_cast<long long>(count));
  const auto p = static_cast<std::size_t>(dim);
  const double length = lathe::bessel::row_norm(mean, p);
  PetscCheck(length > 0 && std::isfinite(length), PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "mean has length %g; must be finite and not 0", length);
  PetscCall(lathe::Cite("Wood1994"));
  LatheGuard(PETSC_COMM_SELF, {
    const lathe::bessel::VmfSampler sampler({mean, p}, kappa, seed, stream);
    for (PetscInt i = 0; i < count; ++i)
      sampler.sample(static_cast<std::uint64_t>(first + i), rows + static_cast<std::size_t>(i) * p);
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}
