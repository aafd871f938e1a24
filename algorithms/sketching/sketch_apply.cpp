// SPDX-License-Identifier: BSD-2-Clause
#include "core/citation.h"
#include "core/error.h"
#include "core/handle.h"
#include "sketching/sketch_columns.h"
#include "sketching/sketch_input.h"

namespace lathe::sketching {

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
  case SketchKind::Gaussian:
  case SketchKind::Rademacher:
    PetscCall(Cite("MartinssonTropp2020"));
    break;
  case SketchKind::Srht:
  case SketchKind::SrctCosine:
    PetscCall(Cite("Tropp2011"));
    break;
  case SketchKind::SrctCirculant:
    PetscCall(Cite("SongYeYinZhang2023"));
    break;
  case SketchKind::BlockSrht:
    PetscCall(Cite("BalabanovBeaupereGrigoriLederer2023"));
    break;
  case SketchKind::TensorSketch:
    PetscCall(Cite("PhamPagh2013 AvronNguyenWoodruff2014"));
    break;
  case SketchKind::KroneckerSrht:
    PetscCall(Cite("JinKoldaWard2021"));
    break;
  case SketchKind::KhatriRao:
    PetscCall(Cite("SunGuoTroppUdell2021"));
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

PetscErrorCode Apply(const Sketch &sketch, const SketchInput &in, std::vector<PetscScalar> &sa) {
  PetscFunctionBegin;
  PetscCall(CiteKind(sketch.kind));
  switch (sketch.kind) {
  case SketchKind::SparseStack:
  case SketchKind::SparseSign:
  case SketchKind::CountSketch:
  case SketchKind::TensorSketch:
    PetscCall(ApplySparseColumns(sketch, in, sa));
    break;
  case SketchKind::Gaussian:
  case SketchKind::Rademacher:
  case SketchKind::KhatriRao:
    PetscCall(ApplyEntries(sketch, in, sa));
    break;
  case SketchKind::BlockSrht:
    PetscCall(ApplyBlocks(sketch, in, sa));
    break;
  case SketchKind::Srht:
  case SketchKind::SrctCosine:
  case SketchKind::SrctCirculant:
  case SketchKind::KroneckerSrht:
    PetscCall(ApplyTransform(sketch, in, sa));
    break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode AddVector(Vec b, DenseColumns &columns, const PetscScalar **array) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(VecGetOwnershipRange(b, &begin, &end));
  PetscCall(VecGetArrayRead(b, array));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(b)), {
    columns.set_rows(begin, end - begin);
    columns.add(*array);
  });
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
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(a)), {
    columns.set_rows(begin, end - begin);
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

// A matrix that only knows products: row r of S·A is Aᵀ times row r of S.
PetscErrorCode ApplyByProducts(const Sketch &sketch, Mat a, Vec b, std::vector<PetscScalar> &sa) {
  VecHandle x, y, all;
  ScatterHandle gather;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscInt n = 0;
  std::vector<PetscScalar> sb;
  const auto d = static_cast<std::size_t>(sketch.rows);
  PetscFunctionBegin;
  PetscCall(MatGetSize(a, nullptr, &n));
  PetscCall(MatCreateVecs(a, y.out(), x.out()));
  PetscCall(VecScatterCreateToAll(y, gather.out(), all.out()));
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(a)), {
    SketchColumns columns(sketch);
    std::vector<double> unit(d);
    std::vector<double> row(static_cast<std::size_t>(end - begin));
    sa.assign(d * static_cast<std::size_t>(n), 0);
    for (std::size_t r = 0; r < d; ++r) {
      unit[r] = 1;
      columns.transposed(unit.data(), begin, end - begin, row.data());
      unit[r] = 0;
      PetscScalar *to = nullptr;
      PetscCall(VecGetArrayWrite(x, &to));
      std::copy(row.begin(), row.end(), to);
      PetscCall(VecRestoreArrayWrite(x, &to));
      PetscCall(MatMultTranspose(a, x, y));
      PetscCall(VecScatterBegin(gather, y, all, INSERT_VALUES, SCATTER_FORWARD));
      PetscCall(VecScatterEnd(gather, y, all, INSERT_VALUES, SCATTER_FORWARD));
      const PetscScalar *from = nullptr;
      PetscCall(VecGetArrayRead(all, &from));
      for (PetscInt j = 0; j < n; ++j)
        sa[r + d * static_cast<std::size_t>(j)] = from[j];
      PetscCall(VecRestoreArrayRead(all, &from));
    }
    if (b)
      PetscCall(SketchApply(sketch, b, sb));
    sa.insert(sa.end(), sb.begin(), sb.end());
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode StorageOf(Mat a, MatStorage *storage) {
  const auto object = reinterpret_cast<PetscObject>(a);
  PetscBool dense = PETSC_FALSE;
  PetscBool sequential = PETSC_FALSE;
  PetscBool distributed = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompareAny(object, &dense, MATSEQDENSE, MATMPIDENSE, ""));
  PetscCall(PetscObjectBaseTypeCompare(object, MATSEQAIJ, &sequential));
  PetscCall(PetscObjectBaseTypeCompare(object, MATMPIAIJ, &distributed));
  *storage = dense                       ? MatStorage::Dense
             : sequential || distributed ? MatStorage::Sparse
                                         : MatStorage::Other;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchApply(const Sketch &sketch, Mat a, Vec b, std::vector<PetscScalar> &sa) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(a));
  PetscInt m = 0;
  PetscInt n = 0;
  MatStorage storage = MatStorage::Other;
  const PetscScalar *matrix_array = nullptr;
  const PetscScalar *vector_array = nullptr;
  DenseColumns matrix;
  DenseColumns vector;
  SparseRows sparse;
  SketchInput in;
  PetscFunctionBegin;
  in.comm = comm;
  PetscCall(MatGetSize(a, &m, &n));
  PetscCall(CheckSketch(comm, sketch, m));
  if (b)
    PetscCall(CheckLayout(a, b));
  PetscCall(StorageOf(a, &storage));
  if (storage == MatStorage::Other) {
    PetscCall(ApplyByProducts(sketch, a, b, sa));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(MatGetOwnershipRanges(a, &in.ranges));
  if (storage == MatStorage::Dense) {
    PetscCall(AddDense(a, matrix, &matrix_array));
    in.dense = matrix.view();
  } else {
    PetscCall(sparse.Open(a));
    in.sparse = &sparse;
    in.sparse_columns = std::int64_t{n} * scalar_parts;
  }
  if (b) {
    PetscCall(AddVector(b, vector, &vector_array));
    in.vector = vector.view();
  }
  PetscCall(Apply(sketch, in, sa));
  if (b)
    PetscCall(VecRestoreArrayRead(b, &vector_array));
  if (storage == MatStorage::Dense)
    PetscCall(MatDenseRestoreArrayRead(a, &matrix_array));
  else
    PetscCall(sparse.Close());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchApply(const Sketch &sketch, Vec b, std::vector<PetscScalar> &sb) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(b));
  PetscInt m = 0;
  const PetscScalar *array = nullptr;
  DenseColumns vector;
  SketchInput in;
  PetscFunctionBegin;
  in.comm = comm;
  PetscCall(VecGetSize(b, &m));
  PetscCall(CheckSketch(comm, sketch, m));
  PetscCall(VecGetOwnershipRanges(b, &in.ranges));
  PetscCall(AddVector(b, vector, &array));
  in.vector = vector.view();
  PetscCall(Apply(sketch, in, sb));
  PetscCall(VecRestoreArrayRead(b, &array));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
