// SPDX-License-Identifier: BSD-2-Clause
// Sums of row directions, from which everything about von Mises-Fisher distributions is estimated:
// the only quantity that ranks exchange. Class R0 for every distribution and grouping of the rows.
#pragma once
#include "bessel/vmf_estimate.h"
#include "bessel/vmf_fit.h"
#include "bessel/vmf_rows.h"
#include "core/exact_sum.h"
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace lathe::bessel {

/// K weighted sums S_k = Σ_i w_ik x_i/‖x_i‖ with 0 ≤ w ≤ 1, and Σw, Σw².
class ResultantSums {
public:
  /// global_rows ≤ 2⁴⁰: most rows that all ranks together add to one sum. Memory: 16·K·dim bytes.
  ResultantSums(std::size_t components, std::size_t dim, std::int64_t global_rows);

  void clear();
  /// S_k += Σ_r scale[r]·x_r; scale = weight/‖x_r‖. Weights are added apart.
  template <class T> void add(std::size_t k, const RowGroup<T> &x, const double *scale) {
    add_rows(x, scale, dim_, rounding_, high_.data() + k * dim_, low_.data() + k * dim_);
  }
  void add_weight(std::size_t k, double weight) {
    weight_[k].add(weight);
    squared_weight_[k].add_product(weight, weight);
  }
  /// The same for `rows` rows of weight 1.
  void add_unit_weights(std::size_t k, std::int64_t rows) {
    weight_[k].add(static_cast<double>(rows));
    squared_weight_[k].add(static_cast<double>(rows));
  }
  /// Rows of smaller weight change no bit of S_k and may be left out of `add`.
  [[nodiscard]] double negligible() const { return std::ldexp(rounding_.cut_low, -54); }

  /// Sums over all ranks, everywhere. Collective on comm; two Allreduces of 8·K·dim bytes.
  PetscErrorCode AllReduce(MPI_Comm comm);

  [[nodiscard]] std::size_t components() const { return weight_.size(); }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] double weight(std::size_t k) const { return weight_[k].value(); }
  [[nodiscard]] double squared_weight(std::size_t k) const { return squared_weight_[k].value(); }
  /// ‖S_k‖²; and (Σw)² − ‖S_k‖², without cancellation.
  [[nodiscard]] double squared_length(std::size_t k) const;
  [[nodiscard]] double squared_length_deficit(std::size_t k) const;
  /// mean ← S_k/‖S_k‖ (dim numbers); false, and mean unchanged, when S_k = 0.
  bool direction(std::size_t k, double *mean) const;
  /// One sum of all rows: S = Σ_k S_k.
  [[nodiscard]] ResultantSums total() const;
  /// Estimates from S_k; weight(k) must be positive.
  [[nodiscard]] LatheVmfEstimate estimate(std::size_t k) const;

private:
  [[nodiscard]] double entry(std::size_t k, std::size_t i) const {
    return high_[k * dim_ + i] + low_[k * dim_ + i];
  }
  [[nodiscard]] ExactSum exact_squared_length(std::size_t k) const;

  std::size_t dim_;
  PreRounding rounding_;
  std::vector<double> high_, low_; // K × dim
  std::vector<ExactSum> weight_, squared_weight_;
};

/// f(pointer to the first row), float or double.
template <class F> auto visit_rows(const LatheVmfRows &rows, F &&f) {
  return rows.single_precision ? f(rows.single_precision) : f(rows.double_precision);
}

/// body(group, first, count) for each group of local rows.
template <class T, class Body>
void for_row_groups(const T *data, std::size_t local, std::size_t dim, Body &&body) {
  for (std::size_t first = 0; first < local; first += row_group) {
    const std::size_t count = std::min(row_group, local - first);
    RowGroup<T> x;
    for (std::size_t r = 0; r < row_group; ++r)
      x[r] = data + (first + (r < count ? r : 0)) * dim;
    body(x, first, count);
  }
}

/// Lengths of rows, and the first that cannot be used. A row shorter than 2⁻¹⁰⁰⁰ counts as zero.
class RowScan {
public:
  /// Rows must have length 1 within 10⁻⁵ unless `normalize`.
  explicit RowScan(bool normalize) : normalize_(normalize) {}

  /// inverse[r] = 1/‖x_r‖ of global row `row` + r, r < count; 0 for a zero row and for one that
  /// cannot be used, and for r ≥ count.
  template <class T>
  void inverse_lengths(const RowGroup<T> &x, std::size_t count, std::size_t dim, std::int64_t row,
                       double *inverse);
  [[nodiscard]] std::int64_t rows() const { return rows_; } // that count
  [[nodiscard]] std::int64_t zero_rows() const { return zero_rows_; }
  /// Raise the error of the first row that cannot be used, if there is one. Collective.
  PetscErrorCode Check(MPI_Comm comm) const;
  /// Check, then sum the counts over the ranks. Collective; once.
  PetscErrorCode Finish(MPI_Comm comm);

private:
  template <class T> double judge(const T *x, std::size_t dim, std::int64_t row);

  bool normalize_;
  std::int64_t rows_ = 0, zero_rows_ = 0;
  PetscErrorCode problem_ = PETSC_SUCCESS;
  std::string message_;
};

/// Row numbers: first of this rank, and all.
PetscErrorCode NumberRows(MPI_Comm comm, std::int64_t local, std::int64_t *first,
                          std::int64_t *global);

/// Shape and pointers of rows, the same verdict on every rank. Collective.
PetscErrorCode CheckRows(MPI_Comm comm, const LatheVmfRows &rows);

/// One line on rank 0's stderr when all rows have one direction, so that κ is infinite. Collective.
PetscErrorCode WarnIfPointlike(MPI_Comm comm, const LatheVmfEstimate &estimate);

/// One pass over local rows: adds row i to sum label[i] (to sum 0 without labels; a negative label
/// leaves it out of the sums). Not collective.
void add_labelled_rows(const LatheVmfRows &rows, std::int64_t first, const std::int32_t *label,
                       RowScan *scan, ResultantSums *sums);

} // namespace lathe::bessel
