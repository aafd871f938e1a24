// SPDX-License-Identifier: BSD-2-Clause
// What the kernels need to know of a description.
#pragma once
#include "sketching/gaussian.h"
#include "sketching/sketch.h"
#include "sketching/sparse_stack.h"

namespace lathe::sketching {

/// Of a sketch with nonzeros_of(sketch) > 0; of a tensor sketch the shape only.
inline SparseColumns sparse_columns_of(const Sketch &sketch) noexcept {
  return {.seed = sketch.seed,
          .rows = sketch.rows,
          .nonzeros = nonzeros_of(sketch),
          .distinct = sketch.kind == SketchKind::SparseSign};
}

/// Of a Gaussian or Rademacher sketch.
inline DenseEntries entries_of(const Sketch &sketch) noexcept {
  return {.seed = sketch.seed, .rows = sketch.rows, .normal = sketch.kind == SketchKind::Gaussian};
}

} // namespace lathe::sketching
