// SPDX-License-Identifier: BSD-2-Clause
// Columns of a sketch by their numbers, those of a tensor sketch put together from the columns of
// its factors (tensor_sketch.h). Kernels: no PETSc.
#pragma once
#include "sketching/gaussian.h"
#include "sketching/sketch.h"
#include "sketching/sparse_stack.h"
#include <vector>

namespace lathe::sketching {

/// Rows and signs of the entries of a sketch with nonzeros_of(sketch) > 0. Construction may throw
/// bad_alloc.
class ColumnCodes {
public:
  explicit ColumnCodes(const Sketch &sketch);
  /// d and ζ; the codes themselves only through codes().
  [[nodiscard]] const SparseColumns &shape() const { return shape_; }
  /// out[k·ζ + z] ← entry z of column first + k, k < count.
  void codes(std::int64_t first, std::int64_t count, Code *out) noexcept;

private:
  void combine(const Code *with, std::int64_t count, Code *codes) const noexcept;

  SparseColumns shape_;
  std::vector<SparseColumns> factors_; // empty: not a tensor sketch
  std::vector<std::int64_t> sizes_;    // columns of each
  std::vector<Code> before_, one_;     // of all factors but the last; of one of them
};

/// Entries of a Gaussian, Rademacher or KhatriRao sketch, not yet divided by √d.
class ColumnEntries {
public:
  explicit ColumnEntries(const Sketch &sketch);
  /// out[k·entry_rows(d) + r] ← entry r of column first + k, k < count.
  void entries(std::int64_t first, std::int64_t count, double *out) noexcept;
  /// No entry is larger than 2^growth().
  [[nodiscard]] int growth() const { return growth_; }

private:
  std::int64_t rows_;
  std::vector<DenseEntries> factors_; // one: not a tensor sketch
  std::vector<std::int64_t> sizes_;
  std::vector<double> before_, one_;
  int growth_;
};

} // namespace lathe::sketching
