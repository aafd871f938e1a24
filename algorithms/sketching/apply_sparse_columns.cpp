// SPDX-License-Identifier: BSD-2-Clause
// S·[A b] for S with ζ entries ±1 a column.
#include "core/error.h"
#include "sketching/aligned_rows.h"
#include "sketching/column_source.h"
#include "sketching/isa.h"
#include "sketching/sketch_kernels.h"
#include "sketching/sketch_input.h"
#include <algorithm>
#include <bit>
#include <cmath>

namespace lathe::sketching {

namespace {

// Up to here dense columns are summed one by one instead of in panels of vectors.
constexpr std::int64_t few_columns = 4;
// Rows whose codes are kept while single columns are added.
constexpr std::int64_t code_rows = 1024;
// The same for sparse columns: d sums of a column stay in cache meanwhile, which a row-wise scatter
// over d × n sums does not manage (four times as fast at d = 4000, n = 1000).
constexpr std::int64_t sparse_code_rows = 16384;

std::vector<Code> room_for(std::int64_t codes) {
  return std::vector<Code>(static_cast<std::size_t>(codes));
}

void add_columns(ColumnCodes &source, const ColumnRows &a, std::size_t group, SketchSums &sums) {
  const SparseColumns &s = source.shape();
  std::vector<Code> codes = room_for(code_rows * s.nonzeros);
  for (std::int64_t i = 0; i < a.rows && a.columns > 0; i += code_rows) {
    const std::int64_t rows = std::min(code_rows, a.rows - i);
    source.codes(a.first + i, rows, codes.data());
    for (std::int64_t j = 0; j < a.columns; ++j)
      add_column(s, codes.data(), rows, nullptr, a.column[j] + i * a.stride, a.stride,
                 sums.rounding(group, j), sums.pairs(group, j));
  }
}

void add_sparse(ColumnCodes &source, const SparseRows &a, std::size_t group, SketchSums &sums) {
  const SparseColumns &s = source.shape();
  std::vector<Code> codes = room_for(sparse_code_rows * s.nonzeros);
  ColumnsOfBlock block;
  for (std::int64_t i = 0; i < a.rows(); i += sparse_code_rows) {
    const std::int64_t end = std::min(a.rows(), i + sparse_code_rows);
    source.codes(a.first() + i, end - i, codes.data());
    for (const SparsePart &p : a.parts()) {
      if (!p.matrix)
        continue;
      block.sort(p, i, end);
      for (PetscInt j = 0; j < p.columns; ++j)
        for (int part = 0; part < scalar_parts && block.count(j) > 0; ++part) {
          const std::int64_t to = p.global_column(j) * scalar_parts + part;
          add_column(s, codes.data(), block.count(j), block.rows(j),
                     reinterpret_cast<const double *>(block.values(j)) + part, scalar_parts,
                     sums.rounding(group, to), sums.pairs(group, to));
        }
    }
  }
}

PetscErrorCode AddPanels(ColumnCodes &source, const SketchInput &in, bool reproducible,
                         SketchSums &sums) {
  const SparseColumns &s = source.shape();
  AlignedRows aligned;
  PetscFunctionBegin;
  if (reproducible)
    PetscCall(aligned.Create(in.comm, in.dense, in.ranges, block_rows(s)));
  LatheGuard(in.comm, {
    std::vector<Code> work = room_for(work_codes(s));
    std::vector<double> block(static_cast<std::size_t>(work_sums(s)));
    const auto add = [&](const ColumnRows &rows) {
      for (std::int64_t i = 0; i < rows.rows; i += block_rows(s)) {
        const std::int64_t count = std::min(block_rows(s), rows.rows - i);
        source.codes(rows.first + i, count, work.data());
        isa().add_block(s, rows, i, count, sums.rounding(0), work.data(), block.data(),
                        sums.panels(0));
      }
    };
    if (!reproducible)
      add(in.dense);
    for (const ColumnRows &rows : aligned.regions())
      add(rows);
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode ApplySparseColumns(const Sketch &sketch, const SketchInput &in,
                                  std::vector<PetscScalar> &sa) {
  const SparseColumns s = sparse_columns_of(sketch);
  const std::int64_t m = std::max<std::int64_t>(sketch.columns, 1);
  const bool panels = in.dense.columns > few_columns;
  const SketchSums::Group single{SumLayout::Pairs, in.matrix_columns(), m, 0};
  const SketchSums::Group blocks{
      SumLayout::Panels, in.matrix_columns(), (m + block_rows(s) - 1) / block_rows(s),
      static_cast<int>(std::bit_width(static_cast<std::uint64_t>(block_rows(s))))};
  PetscFunctionBegin;
  LatheGuard(in.comm, {
    ColumnCodes source(sketch);
    SketchSums sums(s.rows, sketch.reproducible, std::sqrt(static_cast<double>(s.nonzeros)),
                    {panels ? blocks : single, {SumLayout::Pairs, in.vector.columns, m, 0}});
    std::vector<double> largest;
    bool finite = true;
    if (sketch.reproducible)
      largest_entries(in, largest);
    PetscCall(sums.Agree(in.comm, largest, &finite));
    if (!finite)
      PetscCall(RefuseNonfinite(in));
    if (in.sparse)
      add_sparse(source, *in.sparse, 0, sums);
    else if (panels)
      PetscCall(AddPanels(source, in, sketch.reproducible, sums));
    else
      add_columns(source, in.dense, 0, sums);
    add_columns(source, in.vector, 1, sums);
    const double entries = static_cast<double>(in.rows() * (in.dense.columns + in.vector.columns)) +
                           (in.sparse ? scalar_parts * in.sparse->entries() : 0);
    PetscCall(PetscLogFlops(s.nonzeros * entries));
    PetscCall(sums.Finish(in.comm, sa));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
