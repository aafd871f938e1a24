// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf_resultant.h"
#include "bessel/vmf.h"
#include "core/error.h"
#include <cmath>

namespace lathe::bessel {

ResultantSums::ResultantSums(std::size_t components, std::size_t dim, std::int64_t global_rows)
    : dim_(dim), rounding_(global_rows), high_(components * dim), low_(components * dim),
      weight_(components), squared_weight_(components) {}

void ResultantSums::clear() {
  std::fill(high_.begin(), high_.end(), 0.0);
  std::fill(low_.begin(), low_.end(), 0.0);
  std::fill(weight_.begin(), weight_.end(), ExactSum());
  std::fill(squared_weight_.begin(), squared_weight_.end(), ExactSum());
}

PetscErrorCode ResultantSums::AllReduce(MPI_Comm comm) {
  PetscFunctionBegin;
  constexpr std::size_t piece = std::size_t{1} << 28; // MPI counts in int
  for (std::vector<double> *sums : {&high_, &low_})
    for (std::size_t at = 0; at < sums->size(); at += piece)
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sums->data() + at,
                                 static_cast<int>(std::min(piece, sums->size() - at)), MPI_DOUBLE,
                                 MPI_SUM, comm));
  PetscCall(ExactSum::AllReduce(comm, weight_.data(), static_cast<int>(weight_.size())));
  PetscCall(
      ExactSum::AllReduce(comm, squared_weight_.data(), static_cast<int>(squared_weight_.size())));
  PetscFunctionReturn(PETSC_SUCCESS);
}

ExactSum ResultantSums::exact_squared_length(std::size_t k) const {
  ExactSum sum;
  for (std::size_t i = k * dim_; i < (k + 1) * dim_; ++i) {
    sum.add_product(high_[i], high_[i]);
    sum.add_product(2 * high_[i], low_[i]);
    sum.add_product(low_[i], low_[i]);
  }
  return sum;
}

double ResultantSums::squared_length(std::size_t k) const {
  return exact_squared_length(k).value();
}

double ResultantSums::squared_length_deficit(std::size_t k) const {
  ExactSum sum = exact_squared_length(k);
  const double w = weight(k);
  sum.add_product(-w, w);
  return -sum.value();
}

bool ResultantSums::direction(std::size_t k, double *mean) const {
  const double length = std::sqrt(squared_length(k));
  if (!(length > 0))
    return false;
  for (std::size_t i = 0; i < dim_; ++i)
    mean[i] = entry(k, i) / length;
  return true;
}

ResultantSums ResultantSums::total() const {
  ResultantSums sum(1, dim_, 0);
  sum.rounding_ = rounding_;
  for (std::size_t k = 0; k < components(); ++k) {
    for (std::size_t i = 0; i < dim_; ++i) { // exact, since the parts of all rows together are
      sum.high_[i] += high_[k * dim_ + i];
      sum.low_[i] += low_[k * dim_ + i];
    }
    sum.weight_[0].add(weight_[k]);
    sum.squared_weight_[0].add(squared_weight_[k]);
  }
  return sum;
}

LatheVmfEstimate ResultantSums::estimate(std::size_t k) const {
  const double w = weight(k);
  const double resultant = std::min(1.0, std::sqrt(squared_length(k)) / w);
  const double complement = squared_length_deficit(k) / (w * w * (1 + resultant));
  return vmf_estimate(static_cast<std::int64_t>(dim_), resultant, std::max(0.0, complement),
                      w * w / squared_weight(k));
}

// --- rows
// -----------------------------------------------------------------------------------------

constexpr double unit_tolerance = 1e-5; // rows scaled in single precision are within 10⁻⁶

template <class T> double RowScan::judge(const T *x, std::size_t dim, std::int64_t row) {
  constexpr double zero = 0x1p-1000; // 1/length must be finite
  const double length = row_norm(x, dim);
  if (length < zero) {
    ++zero_rows_;
    return 0;
  }
  if (std::isfinite(length) && (normalize_ || std::abs(length - 1) <= unit_tolerance)) {
    ++rows_;
    return 1 / length;
  }
  if (problem_ != PETSC_SUCCESS)
    return 0;
  const T *bad = std::find_if(x, x + dim, [](T value) { return !std::isfinite(value); });
  problem_ = PETSC_ERR_ARG_OUTOFRANGE;
  if (bad != x + dim) {
    message_ =
        Format("row %lld, column %lld is %g; entries must be finite", static_cast<long long>(row),
               static_cast<long long>(bad - x), static_cast<double>(*bad));
  } else {
    message_ = Format("row %lld has length %.8g; rows must have length 1 within 1e-5 unless "
                      "normalize is set (-normalize)",
                      static_cast<long long>(row), length);
  }
  return 0;
}

template <class T>
void RowScan::inverse_lengths(const RowGroup<T> &x, std::size_t count, std::size_t dim,
                              std::int64_t row, double *inverse) {
  // Nearly all groups are full and without doubt.
  const double least = normalize_ ? 0x1p-449 : 1 - 0.9 * unit_tolerance;
  const double most = normalize_ ? 0x1p499 : 1 + 0.9 * unit_tolerance;
  double length[row_group];
  row_norms(x, dim, length);
  bool plain = count == row_group;
  for (std::size_t r = 0; r < row_group; ++r) {
    plain = plain && length[r] >= least && length[r] <= most;
    inverse[r] = 1 / length[r];
  }
  if (plain) {
    rows_ += static_cast<std::int64_t>(row_group);
    return;
  }
  for (std::size_t r = 0; r < row_group; ++r)
    inverse[r] = r < count ? judge(x[r], dim, row + static_cast<std::int64_t>(r)) : 0;
}
template void RowScan::inverse_lengths(const RowGroup<float> &, std::size_t, std::size_t,
                                       std::int64_t, double *);
template void RowScan::inverse_lengths(const RowGroup<double> &, std::size_t, std::size_t,
                                       std::int64_t, double *);

PetscErrorCode RowScan::Check(MPI_Comm comm) const {
  PetscFunctionBegin;
  LatheCheckAll(comm, problem_ == PETSC_SUCCESS, problem_, "%s", message_.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RowScan::Finish(MPI_Comm comm) {
  PetscFunctionBegin;
  PetscCall(Check(comm));
  std::int64_t counts[2] = {rows_, zero_rows_};
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, counts, 2, MPI_INT64_T, MPI_SUM, comm));
  rows_ = counts[0];
  zero_rows_ = counts[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NumberRows(MPI_Comm comm, std::int64_t local, std::int64_t *first,
                          std::int64_t *global) {
  PetscFunctionBegin;
  *first = 0;
  PetscCallMPI(MPI_Scan(&local, first, 1, MPI_INT64_T, MPI_SUM, comm));
  *first -= local;
  PetscCallMPI(MPI_Allreduce(&local, global, 1, MPI_INT64_T, MPI_SUM, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CheckRows(MPI_Comm comm, const LatheVmfRows &rows) {
  PetscFunctionBegin;
  LatheCheckAll(comm, rows.local >= 0, PETSC_ERR_ARG_OUTOFRANGE,
                "local is %lld rows; must be at least 0", static_cast<long long>(rows.local));
  LatheCheckAll(comm, rows.dim >= 2, PETSC_ERR_ARG_OUTOFRANGE,
                "rows have %lld dimensions; a von Mises-Fisher distribution needs at least 2",
                static_cast<long long>(rows.dim));
  const bool both = rows.single_precision && rows.double_precision;
  const bool neither = !rows.single_precision && !rows.double_precision;
  LatheCheckAll(comm, !both && !(neither && rows.local > 0), PETSC_ERR_ARG_WRONG,
                "%s of single_precision and double_precision %s set; must be exactly one",
                both ? "both" : "neither", both ? "are" : "is");
  std::int64_t same[4] = {rows.dim, -rows.dim, rows.single_precision ? 1 : 0,
                          rows.double_precision ? 1 : 0};
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, same, 4, MPI_INT64_T, MPI_MAX, comm));
  PetscCheck(same[0] == -same[1], comm, PETSC_ERR_ARG_SIZ,
             "ranks have rows of %lld to %lld dimensions; must be the same everywhere",
             static_cast<long long>(-same[1]), static_cast<long long>(same[0]));
  PetscCheck(same[2] + same[3] <= 1, comm, PETSC_ERR_ARG_WRONG,
             "some ranks have rows in single precision, others in double; must be the same "
             "everywhere");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WarnIfPointlike(MPI_Comm comm, const LatheVmfEstimate &estimate) {
  PetscFunctionBegin;
  if (estimate.resultant == 1)
    PetscCall(PetscFPrintf(comm, PETSC_STDERR,
                           "lathe: warning: all rows have the same direction (R = 1), so the "
                           "maximum-likelihood kappa is infinite\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

template <class T>
void add_labelled(const T *data, const LatheVmfRows &rows, std::int64_t first_row,
                  const std::int32_t *label, RowScan *scan, ResultantSums *sums) {
  const auto dim = static_cast<std::size_t>(rows.dim);
  const std::int64_t before = scan->rows();
  for_row_groups(data, static_cast<std::size_t>(rows.local), dim,
                 [&](const RowGroup<T> &x, std::size_t first, std::size_t count) {
                   double inverse[row_group];
                   scan->inverse_lengths(x, count, dim,
                                         first_row + static_cast<std::int64_t>(first), inverse);
                   if (!label) {
                     sums->add(0, x, inverse);
                     return;
                   }
                   std::int32_t owner[row_group];
                   for (std::size_t r = 0; r < row_group; ++r)
                     owner[r] = inverse[r] > 0 ? label[first + r] : -1;
                   for (std::size_t r = 0; r < count; ++r) {
                     if (owner[r] < 0)
                       continue;
                     const auto k = static_cast<std::size_t>(owner[r]);
                     double scale[row_group] = {};
                     std::int64_t together = 0;
                     for (std::size_t other = r; other < count; ++other)
                       if (owner[other] == static_cast<std::int32_t>(k)) {
                         scale[other] = inverse[other];
                         ++together;
                         owner[other] = -1;
                       }
                     sums->add_unit_weights(k, together);
                     sums->add(k, x, scale);
                   }
                 });
  if (!label)
    sums->add_unit_weights(0, scan->rows() - before);
}

} // namespace

void add_labelled_rows(const LatheVmfRows &rows, std::int64_t first, const std::int32_t *label,
                       RowScan *scan, ResultantSums *sums) {
  visit_rows(rows, [&](const auto *data) { add_labelled(data, rows, first, label, scan, sums); });
}

} // namespace lathe::bessel
