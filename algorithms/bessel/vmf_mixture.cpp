// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf_mixture.h"
#include "bessel/vmf.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::bessel {

PetscErrorCode ScanRows(MPI_Comm comm, const LatheVmfRows &rows, bool normalize,
                        ScannedRows *scanned) {
  PetscFunctionBegin;
  scanned->rows = &rows;
  PetscCall(NumberRows(comm, rows.local, &scanned->first, &scanned->global));
  RowScan scan(normalize);
  const auto dim = static_cast<std::size_t>(rows.dim);
  scanned->inverse_length.resize(static_cast<std::size_t>(rows.local));
  visit_rows(rows, [&]<class T>(const T *data) {
    for_row_groups(
        data, scanned->inverse_length.size(), dim,
        [&](const RowGroup<T> &x, std::size_t first, std::size_t count) {
          double inverse[row_group];
          scan.inverse_lengths(x, count, dim, scanned->first + static_cast<std::int64_t>(first),
                               inverse);
          std::copy_n(inverse, count,
                      scanned->inverse_length.begin() + static_cast<std::ptrdiff_t>(first));
        });
  });
  PetscCall(scan.Finish(comm));
  scanned->used = scan.rows();
  scanned->zero = scan.zero_rows();
  PetscFunctionReturn(PETSC_SUCCESS);
}

MixtureDensity::MixtureDensity(const Mixture &mixture)
    : mixture_(mixture), log_peak_(mixture.components()) {
  for (std::size_t k = 0; k < log_peak_.size(); ++k)
    log_peak_[k] = std::log(mixture.weight[k]) +
                   vmf_log_peak(static_cast<std::int64_t>(mixture.dim), mixture.kappa[k]);
}

template <class T>
void MixtureDensity::operator()(const RowGroup<T> &x, const double *inverse_length,
                                double *responsibility, double *log_density) const {
  const std::size_t components = mixture_.components();
  for (std::size_t k = 0; k < components; ++k) {
    double dot[row_group] = {};
    if (mixture_.weight[k] > 0 && mixture_.kappa[k] > 0)
      row_dots(x, mixture_.mean.data() + k * mixture_.dim, mixture_.dim, dot);
    for (std::size_t r = 0; r < row_group; ++r) {
      const double cosine = std::clamp(dot[r] * inverse_length[r], -1.0, 1.0);
      responsibility[r * components + k] = log_peak_[k] - mixture_.kappa[k] * (1 - cosine);
    }
  }
  for (std::size_t r = 0; r < row_group; ++r) {
    double *mine = responsibility + r * components;
    const double largest = *std::max_element(mine, mine + components);
    double sum = 0;
    for (std::size_t k = 0; k < components; ++k) {
      mine[k] = std::exp(mine[k] - largest);
      sum += mine[k];
    }
    for (std::size_t k = 0; k < components; ++k)
      mine[k] /= sum;
    log_density[r] = largest + std::log(sum);
  }
}

template void MixtureDensity::operator()(const RowGroup<float> &, const double *, double *,
                                         double *) const;
template void MixtureDensity::operator()(const RowGroup<double> &, const double *, double *,
                                         double *) const;

namespace {

template <class T>
void expectation(const T *data, const ScannedRows &rows, const Mixture &mixture,
                 ResultantSums *sums, ExactSum *log_likelihood) {
  const std::size_t components = mixture.components();
  const MixtureDensity density(mixture);
  std::vector<double> responsibility(row_group * components);
  const double negligible = sums ? sums->negligible() : 0;
  for_row_groups(data, rows.inverse_length.size(), mixture.dim,
                 [&](const RowGroup<T> &x, std::size_t first, std::size_t count) {
                   double inverse[row_group] = {};
                   double log_density[row_group];
                   std::copy_n(rows.inverse_length.data() + first, count, inverse);
                   density(x, inverse, responsibility.data(), log_density);
                   for (std::size_t r = 0; r < count; ++r)
                     if (inverse[r] > 0)
                       log_likelihood->add(log_density[r]);
                   for (std::size_t k = 0; sums && k < components; ++k) {
                     double scale[row_group] = {};
                     bool takes_part = false;
                     for (std::size_t r = 0; r < count; ++r) {
                       const double weight =
                           inverse[r] > 0 ? responsibility[r * components + k] : 0;
                       sums->add_weight(k, weight);
                       scale[r] = weight * inverse[r];
                       takes_part = takes_part || weight > negligible;
                     }
                     if (takes_part)
                       sums->add(k, x, scale);
                   }
                 });
}

} // namespace

PetscErrorCode Expectation(MPI_Comm comm, const ScannedRows &rows, const Mixture &mixture,
                           ResultantSums *sums, double *log_likelihood) {
  PetscFunctionBegin;
  if (sums)
    sums->clear();
  ExactSum total;
  visit_rows(*rows.rows, [&](const auto *data) { expectation(data, rows, mixture, sums, &total); });
  PetscCall(ExactSum::AllReduce(comm, &total, 1));
  *log_likelihood = total.value();
  if (sums)
    PetscCall(sums->AllReduce(comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void maximise(const ResultantSums &sums, double kappa_max, Mixture *mixture) {
  constexpr double vanished = 1e-6; // rows
  double total = 0;
  for (std::size_t k = 0; k < mixture->components(); ++k) {
    const double weight = sums.weight(k);
    mixture->weight[k] = weight < vanished ? 0 : weight;
    total += mixture->weight[k];
  }
  for (std::size_t k = 0; k < mixture->components(); ++k) {
    mixture->kappa[k] = 0;
    if (mixture->weight[k] == 0)
      continue;
    mixture->weight[k] /= total;
    if (sums.direction(k, mixture->mean.data() + k * mixture->dim))
      mixture->kappa[k] = std::min(kappa_max, sums.estimate(k).kappa_mle);
  }
}

} // namespace lathe::bessel
