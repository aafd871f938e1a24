// SPDX-License-Identifier: BSD-2-Clause
// Entries of S on demand, and products with its transpose. Kernels: no PETSc objects.
#pragma once
#include "sketching/column_source.h"
#include <memory>
#include <vector>

namespace lathe::sketching {

class Mixing;

/// S by columns. Memory: a column; for transforms (1 + rounds) times their length. Construction may
/// throw bad_alloc; preconditions: CheckSketch.
class SketchColumns {
public:
  explicit SketchColumns(const Sketch &sketch);
  ~SketchColumns();
  SketchColumns(const SketchColumns &) = delete;
  SketchColumns &operator=(const SketchColumns &) = delete;

  /// out[r] ← S(r, i), d numbers. Cost: d numbers, for transforms a transform.
  void column(std::int64_t i, double *out);

  /// out ← S·x, x of m numbers on this rank. Cost as for a matrix; sums in the order of the
  /// columns.
  void apply(const double *x, double *out);

  /// x[k] ← Σ_r S(r, first + k)·y[r] for k < count. Cost: ζ or d products a number, or one
  /// transform of the whole length. Class R0: x[k] depends on k and y only.
  void transposed(const double *y, std::int64_t first, std::int64_t count, double *x);

private:
  void transposed_sparse(const double *y, std::int64_t first, std::int64_t count, double *x);
  void transposed_dense(const double *y, std::int64_t first, std::int64_t count, double *x);
  void transposed_mixing(const double *y, std::int64_t first, std::int64_t count, double *x);

  Sketch sketch_;
  double divisor_ = 1;
  std::vector<double> room_;
  // One of them, by the kind.
  std::unique_ptr<ColumnCodes> codes_;
  std::unique_ptr<ColumnEntries> entries_;
  std::unique_ptr<Mixing> mixing_;
};

} // namespace lathe::sketching
