// SPDX-License-Identifier: BSD-2-Clause
#include "core/citation.h"
#include "core/error.h"
#include "sketching/sketch_input.h"

namespace lathe::sketching {

namespace {

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
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Apply(const Sketch &sketch, const SketchInput &in, std::vector<PetscScalar> &sa) {
  PetscFunctionBegin;
  PetscCall(CiteKind(sketch.kind));
  switch (sketch.kind) {
  case SketchKind::SparseStack:
  case SketchKind::SparseSign:
  case SketchKind::CountSketch:
    PetscCall(ApplySparseColumns(sketch, in, sa));
    break;
  case SketchKind::Gaussian:
  case SketchKind::Rademacher:
    PetscCall(ApplyEntries(sketch, in, sa));
    break;
  case SketchKind::BlockSrht:
    PetscCall(ApplyBlocks(sketch, in, sa));
    break;
  case SketchKind::Srht:
  case SketchKind::SrctCosine:
  case SketchKind::SrctCirculant:
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

enum class Storage { Dense, Sparse, Other };

PetscErrorCode StorageOf(Mat a, Storage *storage) {
  const auto object = reinterpret_cast<PetscObject>(a);
  PetscBool dense = PETSC_FALSE;
  PetscBool sequential = PETSC_FALSE;
  PetscBool distributed = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompareAny(object, &dense, MATSEQDENSE, MATMPIDENSE, ""));
  PetscCall(PetscObjectBaseTypeCompare(object, MATSEQAIJ, &sequential));
  PetscCall(PetscObjectBaseTypeCompare(object, MATMPIAIJ, &distributed));
  *storage = dense ? Storage::Dense : sequential || distributed ? Storage::Sparse : Storage::Other;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode SketchApply(const Sketch &sketch, Mat a, Vec b, std::vector<PetscScalar> &sa) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(a));
  PetscInt m = 0;
  PetscInt n = 0;
  Storage storage = Storage::Other;
  MatType type = nullptr;
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
  PetscCall(MatGetType(a, &type));
  PetscCall(StorageOf(a, &storage));
  PetscCheck(storage != Storage::Other, comm, PETSC_ERR_SUP,
             "A sketch of a matrix of type %s; MatConvert it to MATDENSE or MATAIJ",
             type ? type : "none");
  PetscCall(MatGetOwnershipRanges(a, &in.ranges));
  if (storage == Storage::Dense) {
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
  if (storage == Storage::Dense)
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
