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
  case SketchKind::Gaussian:
    return "gaussian";
  case SketchKind::Rademacher:
    return "rademacher";
  case SketchKind::Srht:
    return "srht";
  case SketchKind::SrctCosine:
    return "srct_cosine";
  case SketchKind::SrctCirculant:
    return "srct_circulant";
  case SketchKind::BlockSrht:
    return "block_srht";
  }
  return "unknown";
}

int nonzeros_of(const Sketch &sketch) noexcept {
  switch (sketch.kind) {
  case SketchKind::SparseStack:
  case SketchKind::SparseSign:
    return sketch.nonzeros;
  case SketchKind::CountSketch:
    return 1;
  default:
    return 0;
  }
}

bool is_transform(SketchKind kind) noexcept {
  return kind == SketchKind::Srht || kind == SketchKind::SrctCosine ||
         kind == SketchKind::SrctCirculant || kind == SketchKind::BlockSrht;
}

PetscErrorCode CheckSketch(MPI_Comm comm, const Sketch &sketch, std::int64_t m) {
  constexpr auto most_rows = static_cast<std::int64_t>(std::numeric_limits<std::int32_t>::max());
  constexpr std::int64_t most_columns = std::int64_t{1} << 40;
  const std::int64_t most = std::min<std::int64_t>(sketch.rows, max_nonzeros);
  const bool fftw =
      sketch.kind == SketchKind::SrctCosine || sketch.kind == SketchKind::SrctCirculant;
  const bool sparse = nonzeros_of(sketch) != 0 || sketch.kind == SketchKind::SparseStack ||
                      sketch.kind == SketchKind::SparseSign;
  const bool rounds = sketch.kind == SketchKind::SrctCosine || sketch.kind == SketchKind::Srht ||
                      sketch.kind == SketchKind::BlockSrht;
  const auto print = [](std::int64_t x) { return static_cast<long long>(x); };
  PetscFunctionBegin;
  PetscCheck(sketch.rows >= 1 && sketch.rows <= most_rows, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A sketch with %lld rows; must be 1 to %lld (-mat_sketch_rows)", print(sketch.rows),
             print(most_rows));
  PetscCheck(sketch.columns >= 0 && sketch.columns <= most_columns, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A sketch with %lld columns; must be 0 to %lld", print(sketch.columns),
             print(most_columns));
  PetscCheck(sketch.columns == m, comm, PETSC_ERR_ARG_SIZ,
             "A sketch with %lld columns does not fit a matrix or vector of %lld rows",
             print(sketch.columns), print(m));
  if (sparse)
    PetscCheck(nonzeros_of(sketch) >= 1 && nonzeros_of(sketch) <= most, comm,
               PETSC_ERR_ARG_OUTOFRANGE,
               "A %s sketch of %lld rows with %d nonzeros a column; must be 1 to %lld "
               "(-mat_sketch_nnz)",
               name_of(sketch.kind), print(sketch.rows), sketch.nonzeros, print(most));
  PetscCheck(!rounds || (sketch.rounds >= 1 && sketch.rounds <= 8), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A %s sketch of %d rounds; must be 1 to 8 (-mat_sketch_rounds)", name_of(sketch.kind),
             sketch.rounds);
  PetscCheck(sketch.kind != SketchKind::BlockSrht ||
                 (sketch.block >= 1 && sketch.block <= most_rows / 2),
             comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A block_srht sketch with blocks of %lld rows; must be 1 to %lld (-mat_sketch_block)",
             print(sketch.block), print(most_rows / 2));
  PetscCheck(!fftw || (sketch.rows <= sketch.columns && sketch.columns <= most_rows), comm,
             PETSC_ERR_ARG_OUTOFRANGE,
             "A %s sketch of %lld rows and %lld columns; at most as many rows as columns and at "
             "most %lld columns (-mat_sketch_rows, -mat_sketch_type srht)",
             name_of(sketch.kind), print(sketch.rows), print(sketch.columns), print(most_rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
