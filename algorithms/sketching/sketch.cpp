// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketch.h"
#include "sketching/sparse_stack.h"
#include <algorithm>
#include <limits>

namespace lathe::sketching {

const char *name_of(SketchKind kind) noexcept {
  switch (kind) {
  case SketchKind::SparseStack:
    return "sparse_stack";
  case SketchKind::SparseSign:
    return "sparse_sign";
  case SketchKind::CountSketch:
    return "count_sketch";
  }
  return "unknown";
}

int nonzeros_of(const Sketch &sketch) noexcept {
  return sketch.kind == SketchKind::CountSketch ? 1 : sketch.nonzeros;
}

PetscErrorCode CheckSketch(MPI_Comm comm, const Sketch &sketch, std::int64_t m) {
  constexpr auto most_rows = static_cast<std::int64_t>(std::numeric_limits<std::int32_t>::max());
  constexpr std::int64_t most_columns = std::int64_t{1} << 40;
  const std::int64_t most = std::min<std::int64_t>(sketch.rows, max_nonzeros);
  PetscFunctionBegin;
  PetscCheck(sketch.rows >= 1 && sketch.rows <= most_rows, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A sketch with %lld rows; must be 1 to %lld (-mat_sketch_rows)",
             static_cast<long long>(sketch.rows), static_cast<long long>(most_rows));
  PetscCheck(sketch.columns >= 0 && sketch.columns <= most_columns, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A sketch with %lld columns; must be 0 to %lld",
             static_cast<long long>(sketch.columns), static_cast<long long>(most_columns));
  PetscCheck(nonzeros_of(sketch) >= 1 && nonzeros_of(sketch) <= most, comm,
             PETSC_ERR_ARG_OUTOFRANGE,
             "A %s sketch of %lld rows with %d nonzeros a column; must be 1 to %lld "
             "(-mat_sketch_nnz)",
             name_of(sketch.kind), static_cast<long long>(sketch.rows), sketch.nonzeros,
             static_cast<long long>(most));
  PetscCheck(sketch.columns == m, comm, PETSC_ERR_ARG_SIZ,
             "A sketch with %lld columns does not fit a matrix or vector of %lld rows",
             static_cast<long long>(sketch.columns), static_cast<long long>(m));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
