// SPDX-License-Identifier: BSD-2-Clause
#include "core/citation.h"
#include "core/error.h"
#include "sketching/isa.h"
#include "sketching/sketch_sums.h"
#include <algorithm>
#include <array>
#include <cmath>

namespace lathe::sketching {

namespace {

// Up to here columns are summed one by one instead of in panels of vectors.
constexpr std::int64_t few_columns = 4;

PetscErrorCode CiteKind(SketchKind kind) {
  PetscFunctionBegin;
  switch (kind) {
  case SketchKind::SparseStack:
    PetscCall(Cite("CamanoEpperlyMeyerTropp2025"));
    break;
  case SketchKind::SparseSign:
    PetscCall(Cite("Cohen2016"));
    break;
  case SketchKind::CountSketch:
    PetscCall(Cite("ClarksonWoodruff2017"));
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Name the first entry of this rank that is not finite. Collective.
PetscErrorCode RefuseNonfinite(MPI_Comm comm, std::int64_t row, std::int64_t column) {
  PetscFunctionBegin;
  LatheCheckAll(comm, row < 0, PETSC_ERR_FP,
                "Entry %lld of column %lld (counted from 0; a vector follows the columns of its "
                "matrix) is not finite; a sketch needs finite numbers",
                static_cast<long long>(row), static_cast<long long>(column));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Columns of a dense matrix and a vector, as reals.
struct DenseColumns {
  std::vector<const double *> column;
  ColumnRows rows;
  void add(const PetscScalar *x) {
    for (int part = 0; part < scalar_parts; ++part)
      column.push_back(reinterpret_cast<const double *>(x) + part);
    rows.column = column.data();
    rows.columns = static_cast<std::int64_t>(column.size());
    rows.stride = scalar_parts;
  }
};

PetscErrorCode FindNonfinite(MPI_Comm comm, const ColumnRows &a) {
  PetscFunctionBegin;
  std::int64_t row = -1, column = -1;
  for (std::int64_t j = 0; j < a.columns && row < 0; ++j)
    for (std::int64_t i = 0; i < a.rows && row < 0; ++i)
      if (!std::isfinite(a.column[j][i * a.stride])) {
        row = a.first + i;
        column = j / a.stride;
      }
  PetscCall(RefuseNonfinite(comm, row, column));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ApplyToColumns(MPI_Comm comm, const Sketch &sketch, const ColumnRows &a,
                              std::vector<PetscScalar> &sa) {
  const bool panels = a.columns > few_columns;
  bool finite = true;
  PetscFunctionBegin;
  LatheGuard(comm, {
    SketchSums sums(sketch, a.columns, panels);
    std::vector<double> largest(static_cast<std::size_t>(a.columns));
    std::vector<Code> codes(2);
    if (sketch.reproducible)
      isa().largest(a, largest.data());
    PetscCall(sums.Agree(comm, largest, &finite));
    if (!finite)
      PetscCall(FindNonfinite(comm, a));
    if (panels)
      isa().add_rows(sums.sparse(), a, sums.rounding(), codes.data(), nullptr, sums.panels());
    for (std::int64_t i = 0; i < a.rows && !panels; i += sorted_rows) {
      const std::int64_t rows = std::min(sorted_rows, a.rows - i);
      isa().codes(sums.sparse(), a.first + i, rows, codes.data());
      for (std::int64_t j = 0; j < a.columns; ++j)
        add_column(sums.sparse(), codes.data(), rows, nullptr, a.column[j] + i * a.stride, a.stride,
                   sums.rounding(j), sums.pairs(j));
    }
    PetscCall(PetscLogFlops(static_cast<double>(sums.sparse().nonzeros) *
                            static_cast<double>(a.rows * a.columns)));
    PetscCall(sums.Finish(comm, sa));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// A sequential AIJ matrix, and the global numbers of its columns when they are not its own.
struct SparsePart {
  Mat matrix = nullptr;
  const PetscInt *global = nullptr;
  PetscInt first = 0; // of the columns, when global is nullptr
  PetscInt rows = 0;
  const PetscInt *offset = nullptr, *column = nullptr;
  const PetscScalar *value = nullptr;

  PetscErrorCode Open() {
    PetscBool done = PETSC_FALSE;
    PetscFunctionBegin;
    PetscCall(MatGetRowIJ(matrix, 0, PETSC_FALSE, PETSC_FALSE, &rows, &offset, &column, &done));
    PetscCheck(done, PETSC_COMM_SELF, PETSC_ERR_SUP, "A matrix without access to its rows");
    PetscCall(MatSeqAIJGetArrayRead(matrix, &value));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode Close() {
    PetscBool done = PETSC_FALSE;
    PetscFunctionBegin;
    PetscCall(MatSeqAIJRestoreArrayRead(matrix, &value));
    PetscCall(MatRestoreRowIJ(matrix, 0, PETSC_FALSE, PETSC_FALSE, &rows, &offset, &column, &done));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  [[nodiscard]] std::int64_t global_column(std::size_t k) const {
    return global ? global[column[k]] : first + column[k];
  }
};

// Rows begin … end − 1 of a SparsePart by columns: their d sums stay in cache while a column is
// added, which a row-wise scatter over d × n sums does not manage.
class ColumnsOfBlock {
public:
  void sort(const SparsePart &a, std::int64_t begin, std::int64_t end, std::int64_t columns) {
    const auto from = static_cast<std::size_t>(a.offset[begin]);
    const auto to = static_cast<std::size_t>(a.offset[end]);
    start_.assign(static_cast<std::size_t>(columns) + 1, 0);
    for (std::size_t k = from; k < to; ++k)
      ++start_[static_cast<std::size_t>(a.column[k]) + 1];
    for (std::size_t j = 1; j < start_.size(); ++j)
      start_[j] += start_[j - 1];
    row_.resize(to - from);
    value_.resize(to - from);
    place_.assign(start_.begin(), start_.end() - 1);
    for (std::int64_t i = begin; i < end; ++i)
      for (auto k = static_cast<std::size_t>(a.offset[i]);
           k < static_cast<std::size_t>(a.offset[i + 1]); ++k) {
        const std::size_t place = place_[static_cast<std::size_t>(a.column[k])]++;
        row_[place] = static_cast<std::uint32_t>(i - begin);
        value_[place] = a.value[k];
      }
  }
  // Of column j of the part, into the sums of column `to` of the matrix.
  void add(SketchSums &sums, const Code *codes, std::size_t j, std::int64_t to) const {
    const std::size_t from = start_[j], count = start_[j + 1] - from;
    if (count == 0)
      return;
    for (int part = 0; part < scalar_parts; ++part)
      add_column(sums.sparse(), codes, static_cast<std::int64_t>(count), row_.data() + from,
                 reinterpret_cast<const double *>(value_.data() + from) + part, scalar_parts,
                 sums.rounding(to * scalar_parts + part), sums.pairs(to * scalar_parts + part));
  }

private:
  std::vector<std::size_t> start_, place_;
  std::vector<std::uint32_t> row_;
  std::vector<PetscScalar> value_;
};

// The blocks of rows whose codes are kept while their columns are added.
constexpr std::int64_t sparse_block = 16384;

class SparseRows {
public:
  PetscErrorCode Open(Mat a) {
    PetscBool sequential = PETSC_FALSE;
    PetscInt begin = 0;
    PetscFunctionBegin;
    PetscCall(PetscObjectBaseTypeCompare(reinterpret_cast<PetscObject>(a), MATSEQAIJ, &sequential));
    PetscCall(MatGetOwnershipRange(a, &begin, nullptr));
    first_ = begin;
    PetscCall(MatGetOwnershipRangeColumn(a, &part_[0].first, nullptr));
    if (sequential)
      part_[0].matrix = a;
    else
      PetscCall(MatMPIAIJGetSeqAIJ(a, &part_[0].matrix, &part_[1].matrix, &part_[1].global));
    for (SparsePart &p : part_)
      if (p.matrix)
        PetscCall(p.Open());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode Close() {
    PetscFunctionBegin;
    for (SparsePart &p : part_)
      if (p.matrix)
        PetscCall(p.Close());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  template <class F> void for_each(F &&f) const {
    for (const SparsePart &p : part_)
      for (std::int64_t i = 0; i < p.rows; ++i)
        for (auto k = static_cast<std::size_t>(p.offset[i]);
             k < static_cast<std::size_t>(p.offset[i + 1]); ++k)
          f(first_ + i, p.global_column(k), p.value[k]);
  }
  void add_to(SketchSums &sums) const {
    ColumnsOfBlock block;
    std::vector<Code> codes(static_cast<std::size_t>(sparse_block * sums.sparse().nonzeros));
    for (std::int64_t i = 0; i < part_[0].rows; i += sparse_block) {
      const std::int64_t end = std::min<std::int64_t>(part_[0].rows, i + sparse_block);
      isa().codes(sums.sparse(), first_ + i, end - i, codes.data());
      for (const SparsePart &p : part_) {
        if (!p.matrix)
          continue;
        PetscInt columns = 0;
        (void)MatGetLocalSize(p.matrix, nullptr, &columns);
        block.sort(p, i, end, columns);
        for (PetscInt j = 0; j < columns; ++j)
          block.add(sums, codes.data(), static_cast<std::size_t>(j),
                    p.global ? p.global[j] : p.first + j);
      }
    }
  }
  [[nodiscard]] double entries() const {
    double sum = 0;
    for (const SparsePart &p : part_)
      sum += p.matrix ? static_cast<double>(p.offset[p.rows]) : 0;
    return sum;
  }

private:
  std::array<SparsePart, 2> part_; // columns of this rank, columns of others
  std::int64_t first_ = 0;
};

PetscErrorCode ApplyToSparse(const Sketch &sketch, Mat a, const DenseColumns &b,
                             std::vector<PetscScalar> &sa) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(a));
  SparseRows rows;
  PetscInt n = 0;
  bool finite = true;
  PetscFunctionBegin;
  PetscCall(MatGetSize(a, nullptr, &n));
  PetscCall(rows.Open(a));
  LatheGuard(comm, {
    const std::int64_t matrix_columns = std::int64_t{n} * scalar_parts;
    SketchSums sums(sketch, matrix_columns + b.rows.columns, false);
    std::vector<double> largest(static_cast<std::size_t>(matrix_columns + b.rows.columns));
    std::int64_t bad_row = -1;
    std::int64_t bad_column = -1;
    const auto survey = [&](std::int64_t i, std::int64_t j, PetscScalar x) {
      for (int part = 0; part < scalar_parts; ++part) {
        const double size = std::abs(reinterpret_cast<const double *>(&x)[part]);
        double &most = largest[static_cast<std::size_t>(j * scalar_parts + part)];
        if (std::isfinite(size)) {
          most = std::max(most, size);
        } else if (bad_row < 0) {
          most = size;
          bad_row = i;
          bad_column = j;
        }
      }
    };
    if (sketch.reproducible) {
      rows.for_each(survey);
      for (std::int64_t j = 0; j < b.rows.columns; j += scalar_parts)
        for (std::int64_t i = 0; i < b.rows.rows; ++i)
          survey(b.rows.first + i, n + j / scalar_parts,
                 reinterpret_cast<const PetscScalar *>(b.rows.column[j])[i]);
      if (bad_row >= 0)
        largest[static_cast<std::size_t>(bad_column * scalar_parts)] = HUGE_VAL;
    }
    PetscCall(sums.Agree(comm, largest, &finite));
    if (!finite)
      PetscCall(RefuseNonfinite(comm, bad_row, bad_column));
    rows.add_to(sums);
    std::vector<Code> codes(static_cast<std::size_t>(sorted_rows * sums.sparse().nonzeros));
    for (std::int64_t i = 0; i < b.rows.rows && b.rows.columns > 0; i += sorted_rows) {
      const std::int64_t count = std::min(sorted_rows, b.rows.rows - i);
      isa().codes(sums.sparse(), b.rows.first + i, count, codes.data());
      for (std::int64_t j = 0; j < b.rows.columns; ++j)
        add_column(sums.sparse(), codes.data(), count, nullptr,
                   b.rows.column[j] + i * b.rows.stride, b.rows.stride,
                   sums.rounding(matrix_columns + j), sums.pairs(matrix_columns + j));
    }
    PetscCall(PetscLogFlops(sums.sparse().nonzeros * scalar_parts * rows.entries()));
    PetscCall(sums.Finish(comm, sa));
  });
  PetscCall(rows.Close());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode AddVector(Vec b, DenseColumns &columns, const PetscScalar **array) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(VecGetOwnershipRange(b, &begin, &end));
  PetscCall(VecGetArrayRead(b, array));
  columns.rows.first = begin;
  columns.rows.rows = end - begin;
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(b)), columns.add(*array));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode AddDense(Mat a, DenseColumns &columns, const PetscScalar **array) {
  PetscInt n = 0;
  PetscInt stride = 0;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(MatGetSize(a, nullptr, &n));
  PetscCall(MatGetOwnershipRange(a, &begin, &end));
  PetscCall(MatDenseGetLDA(a, &stride));
  PetscCall(MatDenseGetArrayRead(a, array));
  columns.rows.first = begin;
  columns.rows.rows = end - begin;
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(a)), {
    for (PetscInt j = 0; j < n; ++j)
      columns.add(*array + static_cast<std::ptrdiff_t>(j) * stride);
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CheckLayout(Mat a, Vec b) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(a));
  PetscInt rows = 0;
  PetscInt entries = 0;
  PetscFunctionBegin;
  PetscCall(MatGetLocalSize(a, &rows, nullptr));
  PetscCall(VecGetLocalSize(b, &entries));
  LatheCheckAll(comm, rows == entries, PETSC_ERR_ARG_SIZ,
                "A rank has %lld rows of the matrix and %lld entries of the vector",
                static_cast<long long>(rows), static_cast<long long>(entries));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SketchApply(const Sketch &sketch, Mat a, Vec b, std::vector<PetscScalar> &sa) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(a));
  const auto object = reinterpret_cast<PetscObject>(a);
  PetscBool dense = PETSC_FALSE;
  PetscBool sparse = PETSC_FALSE;
  PetscInt m = 0;
  MatType type = nullptr;
  const PetscScalar *matrix_array = nullptr;
  const PetscScalar *vector_array = nullptr;
  DenseColumns columns;
  PetscFunctionBegin;
  PetscCall(MatGetSize(a, &m, nullptr));
  PetscCall(CheckSketch(comm, sketch, m));
  if (b)
    PetscCall(CheckLayout(a, b));
  PetscCall(CiteKind(sketch.kind));
  PetscCall(MatGetType(a, &type));
  PetscCall(PetscObjectTypeCompareAny(object, &dense, MATSEQDENSE, MATMPIDENSE, ""));
  PetscCall(PetscObjectBaseTypeCompare(object, MATSEQAIJ, &sparse));
  if (!sparse)
    PetscCall(PetscObjectBaseTypeCompare(object, MATMPIAIJ, &sparse));
  PetscCheck(dense || sparse, comm, PETSC_ERR_SUP,
             "A sketch of a matrix of type %s; MatConvert it to MATDENSE or MATAIJ",
             type ? type : "none");
  if (dense)
    PetscCall(AddDense(a, columns, &matrix_array));
  if (b)
    PetscCall(AddVector(b, columns, &vector_array));
  if (dense)
    PetscCall(ApplyToColumns(comm, sketch, columns.rows, sa));
  else
    PetscCall(ApplyToSparse(sketch, a, columns, sa));
  if (b)
    PetscCall(VecRestoreArrayRead(b, &vector_array));
  if (dense)
    PetscCall(MatDenseRestoreArrayRead(a, &matrix_array));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchApply(const Sketch &sketch, Vec b, std::vector<PetscScalar> &sb) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(b));
  PetscInt m = 0;
  const PetscScalar *array = nullptr;
  DenseColumns columns;
  PetscFunctionBegin;
  PetscCall(VecGetSize(b, &m));
  PetscCall(CheckSketch(comm, sketch, m));
  PetscCall(CiteKind(sketch.kind));
  PetscCall(AddVector(b, columns, &array));
  PetscCall(ApplyToColumns(comm, sketch, columns.rows, sb));
  PetscCall(VecRestoreArrayRead(b, &array));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
