// SPDX-License-Identifier: BSD-2-Clause
// A sketch of the vectors of a Krylov method: the same one applied some hundred times.
#pragma once
#include "core/petsc_compat.h"
#include "sketching/sparse_stack.h"
#include <cstdint>
#include <petscvec.h>
#include <vector>

namespace lathe::sketching {

/// SparseStack sketches of Vecs of one layout, with the codes of the rows of this rank kept: 2ζ
/// bytes a row, which spares their generation in every step.
class KrylovSketch {
public:
  /// Collective. Preconditions: 1 ≤ nonzeros ≤ min(rows, 64), rows ≤ max_rows.
  PetscErrorCode Create(Vec like, std::int64_t rows, int nonzeros, std::uint64_t seed);
  /// out ← S·[x₀ … x_{count−1}], d × count, column-major, on every rank. Collective; one reduction.
  PetscErrorCode Apply(const Vec *x, std::size_t count, PetscScalar *out);
  [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(shape_.rows); }

  static constexpr std::int64_t max_rows = 32767;

private:
  SparseColumns shape_;
  std::vector<std::uint16_t> codes_;
  std::vector<PetscScalar> sums_; // of positive and of negative entries, row by row
};

} // namespace lathe::sketching
