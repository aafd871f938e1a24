// SPDX-License-Identifier: BSD-2-Clause
// S·[A b] for S with every entry from the generator: Gaussian, Rademacher and KhatriRao.
#include "core/dense.h"
#include "core/error.h"
#include "sketching/aligned_rows.h"
#include "sketching/column_source.h"
#include "sketching/isa.h"
#include "sketching/sketch_input.h"
#include <algorithm>
#include <bit>
#include <cmath>

namespace lathe::sketching {

namespace {

// Products of blocks of rows by BLAS, each block's product split and added.
class BlockProducts {
public:
  BlockProducts(const Sketch &sketch, std::int64_t columns)
      : source_(sketch), rows_(sketch.rows),
        operator_(static_cast<std::size_t>(entry_rows(rows_) * entry_columns)),
        product_(static_cast<std::size_t>(rows_ * columns)),
        packed_(static_cast<std::size_t>(entry_columns * columns)) {}

  void add(const ColumnRows &a, SketchSums &sums) {
    for (std::int64_t i = 0; i < a.rows; i += dense_block_rows) {
      const std::int64_t end = std::min(a.rows, i + dense_block_rows);
      for (std::int64_t k = i; k < end; k += entry_columns)
        multiply(a, k, std::min(entry_columns, end - k), k > i);
      for (std::int64_t j = 0; j < a.columns; ++j)
        isa().add_scaled(product_.data() + j * rows_, rows_, 1, sums.rounding(0, j),
                         sums.column(0, j), sums.column(0, j) + sums.low_parts(0));
    }
  }

private:
  // product ← [product +] S(:, rows)·A(rows, :)
  void multiply(const ColumnRows &a, std::int64_t first, std::int64_t rows, bool more) {
    source_.entries(a.first + first, rows, operator_.data());
    for (std::int64_t j = 0; j < a.columns; ++j)
      for (std::int64_t i = 0; i < rows; ++i)
        packed_[static_cast<std::size_t>(j * rows + i)] = a.column[j][(first + i) * a.stride];
    const auto d = static_cast<std::size_t>(rows_), n = static_cast<std::size_t>(a.columns),
               k = static_cast<std::size_t>(rows);
    dense::gemm('N', 'N', d, n, k, 1.0, operator_.data(),
                static_cast<std::size_t>(entry_rows(rows_)), packed_.data(), k, more ? 1.0 : 0.0,
                product_.data(), d);
  }

  ColumnEntries source_;
  std::int64_t rows_;
  std::vector<double> operator_, product_, packed_;
};

// A sparse matrix or what stands beside it: every product of two entries split and added.
void add_by_entries(const Sketch &s, const SketchInput &in, SketchSums &sums) {
  constexpr std::int64_t rows_at_once = 16;
  ColumnEntries source(s);
  const std::int64_t pitch = entry_rows(s.rows), first = in.sparse->first();
  std::vector<double> columns(static_cast<std::size_t>(pitch * rows_at_once));
  const auto add = [&](std::int64_t k, std::int64_t j, double x) {
    isa().add_scaled(columns.data() + k * pitch, s.rows, x, sums.rounding(0, j), sums.column(0, j),
                     sums.column(0, j) + sums.low_parts(0));
  };
  for (std::int64_t i = 0; i < in.rows(); i += rows_at_once) {
    const std::int64_t rows = std::min(rows_at_once, in.rows() - i);
    source.entries(first + i, rows, columns.data());
    for (const SparsePart &p : in.sparse->parts())
      for (std::int64_t k = 0; k < rows && p.matrix; ++k)
        for (PetscInt e = p.offset[i + k]; e < p.offset[i + k + 1]; ++e)
          for (int part = 0; part < scalar_parts; ++part)
            add(k, p.global_column(p.column[e]) * scalar_parts + part,
                reinterpret_cast<const double *>(p.value + e)[part]);
    for (std::int64_t j = 0; j < in.vector.columns; ++j)
      for (std::int64_t k = 0; k < rows; ++k)
        add(k, in.matrix_columns() + j, in.vector.column[j][(i + k) * in.vector.stride]);
  }
}

PetscErrorCode AddProducts(const Sketch &sketch, const SketchInput &in, SketchSums &sums) {
  std::vector<const double *> column;
  ColumnRows all = in.vector_or_dense();
  AlignedRows aligned;
  PetscFunctionBegin;
  LatheGuard(in.comm, {
    column.assign(in.dense.column, in.dense.column + in.dense.columns);
    column.insert(column.end(), in.vector.column, in.vector.column + in.vector.columns);
    all.column = column.data();
    all.columns = in.columns();
    BlockProducts products(sketch, all.columns);
    if (sketch.reproducible) {
      PetscCall(aligned.Create(in.comm, all, in.ranges, dense_block_rows));
      for (const ColumnRows &rows : aligned.regions())
        products.add(rows, sums);
    } else {
      products.add(all, sums);
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode ApplyEntries(const Sketch &sketch, const SketchInput &in,
                            std::vector<PetscScalar> &sa) {
  const std::int64_t m = std::max<std::int64_t>(sketch.columns, 1);
  SketchSums::Group group{SumLayout::Columns, in.columns(), m, 0};
  PetscFunctionBegin;
  if (!in.sparse) {
    group.terms = (m + dense_block_rows - 1) / dense_block_rows;
    group.growth += static_cast<int>(std::bit_width(std::uint64_t{dense_block_rows}));
  }
  LatheGuard(in.comm, {
    group.growth += ColumnEntries(sketch).growth();
    SketchSums sums(sketch.rows, sketch.reproducible, std::sqrt(static_cast<double>(sketch.rows)),
                    {group});
    std::vector<double> largest;
    bool finite = true;
    if (sketch.reproducible)
      largest_entries(in, largest);
    PetscCall(sums.Agree(in.comm, largest, &finite));
    if (!finite)
      PetscCall(RefuseNonfinite(in));
    if (in.sparse)
      add_by_entries(sketch, in, sums);
    else
      PetscCall(AddProducts(sketch, in, sums));
    const double entries = static_cast<double>(in.rows() * (in.dense.columns + in.vector.columns)) +
                           (in.sparse ? scalar_parts * in.sparse->entries() : 0);
    PetscCall(PetscLogFlops(2.0 * static_cast<double>(sketch.rows) * entries));
    PetscCall(sums.Finish(in.comm, sa));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
