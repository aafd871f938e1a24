// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketch.h"
#include "sketching/sparse_stack.h"
#include <algorithm>
#include <limits>
#include <string>

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
  case SketchKind::TensorSketch:
    return "tensor_sketch";
  case SketchKind::KroneckerSrht:
    return "kronecker_srht";
  case SketchKind::KhatriRao:
    return "khatri_rao";
  }
  return "unknown";
}

int nonzeros_of(const Sketch &sketch) noexcept {
  switch (sketch.kind) {
  case SketchKind::SparseStack:
  case SketchKind::SparseSign:
  case SketchKind::TensorSketch:
    return sketch.nonzeros;
  case SketchKind::CountSketch:
    return 1;
  default:
    return 0;
  }
}

bool is_transform(SketchKind kind) noexcept {
  return kind == SketchKind::Srht || kind == SketchKind::SrctCosine ||
         kind == SketchKind::SrctCirculant || kind == SketchKind::BlockSrht ||
         kind == SketchKind::KroneckerSrht;
}

bool is_tensor(SketchKind kind) noexcept {
  return kind == SketchKind::TensorSketch || kind == SketchKind::KroneckerSrht ||
         kind == SketchKind::KhatriRao;
}

int factor_count(const Sketch &sketch) noexcept {
  return static_cast<int>(std::find(sketch.factors.begin(), sketch.factors.end(), 0) -
                          sketch.factors.begin());
}

namespace {

std::string text_of(const Sketch &sketch) {
  std::string text;
  for (int k = 0; k < factor_count(sketch); ++k) {
    text.append(k > 0 ? "," : "");
    text.append(std::to_string(sketch.factors.at(static_cast<std::size_t>(k))));
  }
  return text;
}

// Kinds of tensor structure need factors that make the columns, others have none.
PetscErrorCode CheckFactors(MPI_Comm comm, const Sketch &sketch) {
  const int count = factor_count(sketch);
  constexpr std::int64_t most = std::int64_t{1} << 62;
  std::int64_t product = 1;
  PetscFunctionBegin;
  if (!is_tensor(sketch.kind)) {
    PetscCheck(count == 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
               "A %s sketch has no factors, %s were given (-mat_sketch_factors, -mat_sketch_type "
               "tensor_sketch)",
               name_of(sketch.kind), text_of(sketch).c_str());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCheck(count >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A %s sketch without factors; give 1 to %d numbers of rows whose product is %lld "
             "(-mat_sketch_factors)",
             name_of(sketch.kind), max_factors, static_cast<long long>(sketch.columns));
  for (int k = 0; k < count; ++k) {
    const std::int64_t size = sketch.factors.at(static_cast<std::size_t>(k));
    PetscCheck(size >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
               "Factor %d of a %s sketch has %lld rows; must be >= 1 (-mat_sketch_factors)", k,
               name_of(sketch.kind), static_cast<long long>(size));
    PetscCheck(product <= most / size, comm, PETSC_ERR_ARG_OUTOFRANGE,
               "The factors %s of a %s sketch have a product above 2^62 (-mat_sketch_factors)",
               text_of(sketch).c_str(), name_of(sketch.kind));
    product *= size;
  }
  PetscCheck(product == sketch.columns, comm, PETSC_ERR_ARG_SIZ,
             "The factors %s of a %s sketch have the product %lld, not its %lld columns "
             "(-mat_sketch_factors)",
             text_of(sketch).c_str(), name_of(sketch.kind), static_cast<long long>(product),
             static_cast<long long>(sketch.columns));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode CheckSketch(MPI_Comm comm, const Sketch &sketch, std::int64_t m) {
  constexpr auto most_rows = static_cast<std::int64_t>(std::numeric_limits<std::int32_t>::max());
  const std::int64_t most_columns = std::int64_t{1} << (is_tensor(sketch.kind) ? 62 : 40);
  const std::int64_t most = std::min<std::int64_t>(sketch.rows, max_nonzeros);
  const bool fftw =
      sketch.kind == SketchKind::SrctCosine || sketch.kind == SketchKind::SrctCirculant;
  const bool sparse = nonzeros_of(sketch) != 0 || sketch.kind == SketchKind::SparseStack ||
                      sketch.kind == SketchKind::SparseSign ||
                      sketch.kind == SketchKind::TensorSketch;
  const bool rounds = is_transform(sketch.kind) && sketch.kind != SketchKind::SrctCirculant;
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
  PetscCall(CheckFactors(comm, sketch));
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
