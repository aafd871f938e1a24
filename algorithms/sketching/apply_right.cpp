// SPDX-License-Identifier: BSD-2-Clause
// A·Sᵀ: the rows of A are sketched, each where it lies.
#include "core/error.h"
#include "core/handle.h"
#include "sketching/column_source.h"
#include "sketching/sketch_columns.h"
#include "sketching/sparse_rows.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

namespace {

// The rows of a dense or sparse matrix on this rank, by columns in the order of their numbers: so a
// row is summed in the same order on every number of ranks.
class RowsByColumn {
public:
  PetscErrorCode Open(Mat a, bool dense) {
    PetscInt local = 0;
    PetscInt n = 0;
    PetscFunctionBegin;
    matrix_ = a;
    PetscCall(MatGetLocalSize(a, &local, nullptr));
    PetscCall(MatGetSize(a, nullptr, &n));
    rows_ = local;
    columns_ = n;
    if (dense) {
      PetscInt stride = 0;
      PetscCall(MatDenseGetLDA(a, &stride));
      PetscCall(MatDenseGetArrayRead(a, &array_));
      stride_ = stride;
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    PetscCall(sparse_.Open(a));
    LatheGuard(PETSC_COMM_SELF, {
      for (std::size_t p = 0; p < 2; ++p)
        if (sparse_.parts()[p].matrix)
          by_column_[p].sort(sparse_.parts()[p], 0, rows_);
    });
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode Close() {
    PetscFunctionBegin;
    if (array_)
      PetscCall(MatDenseRestoreArrayRead(matrix_, &array_));
    else
      PetscCall(sparse_.Close());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  // f(row, value) for the entries of column j, rows from 0.
  template <class F> void for_column(std::int64_t j, F &&f) const {
    if (array_) {
      for (std::int64_t i = 0; i < rows_; ++i)
        f(i, array_[i + j * stride_]);
      return;
    }
    for (std::size_t p = 0; p < 2; ++p) {
      const SparsePart &part = sparse_.parts()[p];
      const std::int64_t own = part.matrix ? part.own_column(j) : -1;
      for (std::int64_t k = 0; own >= 0 && k < by_column_[p].count(own); ++k)
        f(by_column_[p].rows(own)[k], by_column_[p].values(own)[k]);
    }
  }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t columns() const { return columns_; }

private:
  Mat matrix_ = nullptr;
  std::int64_t rows_ = 0, columns_ = 0, stride_ = 0;
  const PetscScalar *array_ = nullptr;
  SparseRows sparse_;
  ColumnsOfBlock by_column_[2];
};

// out: rows × d, by columns, not yet divided.
void add_sparse_columns(const Sketch &sketch, const RowsByColumn &a, PetscScalar *out,
                        std::int64_t stride) {
  ColumnCodes source(sketch);
  const SparseColumns &s = source.shape();
  std::vector<Code> codes(static_cast<std::size_t>(s.nonzeros));
  for (std::int64_t j = 0; j < a.columns(); ++j) {
    source.codes(j, 1, codes.data());
    for (const Code code : codes) {
      PetscScalar *to = out + static_cast<std::int64_t>(code / 2) * stride;
      const PetscReal sign = code % 2 != 0 ? -1 : 1;
      a.for_column(j, [&](std::int64_t i, PetscScalar x) { to[i] += sign * x; });
    }
  }
  const PetscReal root = std::sqrt(static_cast<PetscReal>(s.nonzeros));
  for (std::int64_t r = 0; r < s.rows; ++r)
    for (std::int64_t i = 0; i < a.rows(); ++i)
      out[i + r * stride] /= root;
}

void add_entries(const Sketch &sketch, const RowsByColumn &a, PetscScalar *out,
                 std::int64_t stride) {
  SketchColumns columns(sketch);
  std::vector<double> column(static_cast<std::size_t>(sketch.rows));
  std::vector<PetscScalar> rows(static_cast<std::size_t>(sketch.rows * a.rows())); // d × rows
  for (std::int64_t j = 0; j < a.columns(); ++j) {
    columns.column(j, column.data());
    a.for_column(j, [&](std::int64_t i, PetscScalar x) {
      PetscScalar *to = rows.data() + i * sketch.rows;
      for (std::size_t r = 0; r < column.size(); ++r)
        to[r] += column[r] * x;
    });
  }
  for (std::int64_t i = 0; i < a.rows(); ++i)
    for (std::int64_t r = 0; r < sketch.rows; ++r)
      out[i + r * stride] = rows[static_cast<std::size_t>(r + i * sketch.rows)];
}

// Some rows at a time are made dense and transformed.
void add_transforms(const Sketch &sketch, const RowsByColumn &a, PetscScalar *out,
                    std::int64_t stride) {
  constexpr int parts = sizeof(PetscScalar) / sizeof(double);
  const auto n = static_cast<std::size_t>(a.columns());
  SketchColumns columns(sketch);
  std::vector<double> row(n), sums(static_cast<std::size_t>(sketch.rows));
  std::vector<PetscScalar> all(n * static_cast<std::size_t>(a.rows())); // a row after the other
  for (std::int64_t j = 0; j < a.columns(); ++j)
    a.for_column(j, [&](std::int64_t i, PetscScalar x) {
      all[static_cast<std::size_t>(j) + n * static_cast<std::size_t>(i)] = x;
    });
  for (std::int64_t i = 0; i < a.rows(); ++i)
    for (int part = 0; part < parts; ++part) {
      const auto *from =
          reinterpret_cast<const double *>(all.data() + n * static_cast<std::size_t>(i));
      for (std::size_t j = 0; j < n; ++j)
        row[j] = from[parts * j + static_cast<std::size_t>(part)];
      columns.apply(row.data(), sums.data());
      for (std::int64_t r = 0; r < sketch.rows; ++r)
        reinterpret_cast<double *>(out + i + r * stride)[part] = sums[static_cast<std::size_t>(r)];
    }
}

// A matrix that only knows products: a column of the result at a time.
PetscErrorCode ApplyByProducts(const Sketch &sketch, Mat a, Mat as) {
  VecHandle x, y;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(a, x.out(), y.out()));
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(a)), {
    SketchColumns columns(sketch);
    std::vector<double> unit(static_cast<std::size_t>(sketch.rows));
    std::vector<double> row(static_cast<std::size_t>(end - begin));
    for (std::int64_t r = 0; r < sketch.rows; ++r) {
      unit[static_cast<std::size_t>(r)] = 1;
      columns.transposed(unit.data(), begin, end - begin, row.data());
      unit[static_cast<std::size_t>(r)] = 0;
      PetscScalar *to = nullptr;
      PetscCall(VecGetArrayWrite(x, &to));
      std::copy(row.begin(), row.end(), to);
      PetscCall(VecRestoreArrayWrite(x, &to));
      Vec column = nullptr;
      PetscCall(MatDenseGetColumnVecWrite(as, static_cast<PetscInt>(r), &column));
      PetscCall(MatMult(a, x, column));
      PetscCall(MatDenseRestoreColumnVecWrite(as, static_cast<PetscInt>(r), &column));
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SketchApplyRight(const Sketch &sketch, Mat a, Mat *as) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(a));
  const auto d = static_cast<PetscInt>(sketch.rows);
  PetscInt rows = 0;
  PetscInt m = 0;
  PetscInt n = 0;
  PetscInt stride = 0;
  PetscScalar *out = nullptr;
  MatStorage storage = MatStorage::Other;
  MatHandle result;
  RowsByColumn source;
  PetscFunctionBegin;
  PetscCall(MatGetSize(a, &m, &n));
  PetscCall(MatGetLocalSize(a, &rows, nullptr));
  PetscCall(CheckSketch(comm, sketch, n));
  PetscCall(StorageOf(a, &storage));
  PetscCall(MatCreateDense(comm, rows, PETSC_DECIDE, m, d, nullptr, result.out()));
  if (storage == MatStorage::Other) {
    PetscCall(ApplyByProducts(sketch, a, result));
  } else {
    PetscCall(source.Open(a, storage == MatStorage::Dense));
    PetscCall(MatDenseGetLDA(result, &stride));
    PetscCall(MatDenseGetArray(result, &out));
    LatheGuard(comm, {
      if (nonzeros_of(sketch) > 0)
        add_sparse_columns(sketch, source, out, stride);
      else if (is_transform(sketch.kind))
        add_transforms(sketch, source, out, stride);
      else
        add_entries(sketch, source, out, stride);
    });
    PetscCall(MatDenseRestoreArray(result, &out));
    PetscCall(source.Close());
  }
  PetscCall(MatAssemblyBegin(result, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(result, MAT_FINAL_ASSEMBLY));
  *as = result.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
