// SPDX-License-Identifier: BSD-2-Clause
// -mat_type sketch: a random d × m matrix that is never stored, with products from both sides.
#include "sketching/sketch.h"
#include "core/error.h"
#include "core/handle.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "sketching/sketch_columns.h"
#include "sketching/tensor_sketch.h"
#include "solver_types.h"
#include <algorithm>
#include <memory>
#include <new>
#include <petsc/private/matimpl.h>
#include <string>

namespace {

using namespace lathe::sketching;

struct Data {
  Sketch sketch;
  std::unique_ptr<SketchColumns> columns; // after MatSetUp
  lathe::ScatterHandle gather;            // of a vector with d entries
  lathe::VecHandle gathered;
  std::vector<PetscInt> row_columns; // what MatGetRow handed out
  std::vector<PetscScalar> row_values;
};

PetscObject object(Mat S) {
  return reinterpret_cast<PetscObject>(S);
}
Data &self_of(Mat S) {
  return *static_cast<Data *>(S->data);
}

PetscErrorCode MatSetUp_Sketch(Mat S) {
  const MPI_Comm comm = PetscObjectComm(object(S));
  Data &self = self_of(S);
  lathe::VecHandle y;
  PetscFunctionBegin;
  PetscCall(PetscLayoutSetUp(S->rmap));
  PetscCall(PetscLayoutSetUp(S->cmap));
  self.sketch.rows = S->rmap->N;
  self.sketch.columns = S->cmap->N;
  PetscCall(CheckSketch(comm, self.sketch, S->cmap->N));
  LatheGuard(comm, self.columns = std::make_unique<SketchColumns>(self.sketch));
  PetscCall(MatCreateVecs(S, nullptr, y.out()));
  PetscCall(VecScatterCreateToAll(y, self.gather.out(), self.gathered.out()));
  S->preallocated = PETSC_TRUE;
  S->assembled = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatMult_Sketch(Mat S, Vec x, Vec y) {
  Data &self = self_of(S);
  std::vector<PetscScalar> all;
  PetscScalar *out = nullptr;
  PetscFunctionBegin;
  PetscCheck(self.columns, PetscObjectComm(object(S)), PETSC_ERR_ARG_WRONGSTATE,
             "Call MatSetUp first");
  PetscCall(SketchApply(self.sketch, x, all));
  PetscCall(VecGetArrayWrite(y, &out));
  std::copy_n(all.begin() + S->rmap->rstart, S->rmap->n, out);
  PetscCall(VecRestoreArrayWrite(y, &out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// out ← the rows of this rank of Sᵀy, y with all d entries.
PetscErrorCode Transposed(Mat S, const PetscScalar *y, PetscScalar *out) {
  constexpr int parts = sizeof(PetscScalar) / sizeof(double);
  Data &self = self_of(S);
  PetscFunctionBegin;
  LatheGuard(PETSC_COMM_SELF, {
    std::vector<double> in(static_cast<std::size_t>(S->rmap->N));
    std::vector<double> x(static_cast<std::size_t>(S->cmap->n));
    for (int part = 0; part < parts; ++part) {
      for (std::size_t r = 0; r < in.size(); ++r)
        in[r] = reinterpret_cast<const double *>(y + r)[part];
      self.columns->transposed(in.data(), S->cmap->rstart, S->cmap->n, x.data());
      for (std::size_t k = 0; k < x.size(); ++k)
        reinterpret_cast<double *>(out + k)[part] = x[k];
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatMultTranspose_Sketch(Mat S, Vec y, Vec x) {
  Data &self = self_of(S);
  const PetscScalar *in = nullptr;
  PetscScalar *out = nullptr;
  PetscFunctionBegin;
  PetscCheck(self.columns, PetscObjectComm(object(S)), PETSC_ERR_ARG_WRONGSTATE,
             "Call MatSetUp first");
  PetscCall(VecScatterBegin(self.gather, y, self.gathered, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecScatterEnd(self.gather, y, self.gathered, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecGetArrayRead(self.gathered, &in));
  PetscCall(VecGetArrayWrite(x, &out));
  PetscCall(Transposed(S, in, out));
  PetscCall(VecRestoreArrayWrite(x, &out));
  PetscCall(VecRestoreArrayRead(self.gathered, &in));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatGetRow_Sketch(Mat S, PetscInt row, PetscInt *count, PetscInt **columns,
                                PetscScalar **values) {
  Data &self = self_of(S);
  PetscFunctionBegin;
  PetscCheck(self.columns, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "Call MatSetUp first");
  LatheGuard(PETSC_COMM_SELF, {
    std::vector<double> unit(static_cast<std::size_t>(S->rmap->N));
    std::vector<double> entries(static_cast<std::size_t>(S->cmap->N));
    unit[static_cast<std::size_t>(row)] = 1;
    self.columns->transposed(unit.data(), 0, S->cmap->N, entries.data());
    self.row_columns.clear();
    self.row_values.clear();
    for (std::size_t j = 0; j < entries.size(); ++j)
      if (entries[j] != 0) {
        self.row_columns.push_back(static_cast<PetscInt>(j));
        self.row_values.push_back(entries[j]);
      }
  });
  *count = static_cast<PetscInt>(self.row_values.size());
  if (columns)
    *columns = self.row_columns.data();
  if (values)
    *values = self.row_values.data();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatRestoreRow_Sketch(Mat, PetscInt, PetscInt *, PetscInt **, PetscScalar **) {
  return PETSC_SUCCESS;
}

PetscErrorCode MatGetValues_Sketch(Mat S, PetscInt m, const PetscInt *rows, PetscInt n,
                                   const PetscInt *columns, PetscScalar *values) {
  Data &self = self_of(S);
  PetscFunctionBegin;
  PetscCheck(self.columns, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONGSTATE, "Call MatSetUp first");
  LatheGuard(PETSC_COMM_SELF, {
    std::vector<double> column(static_cast<std::size_t>(S->rmap->N));
    for (PetscInt j = 0; j < n; ++j) {
      if (columns[j] < 0)
        continue;
      PetscCheck(columns[j] < S->cmap->N, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
                 "Column %" PetscInt_FMT " of %" PetscInt_FMT, columns[j], S->cmap->N);
      self.columns->column(columns[j], column.data());
      for (PetscInt i = 0; i < m; ++i)
        if (rows[i] >= 0 && rows[i] < S->rmap->N)
          values[i * n + j] = column[static_cast<std::size_t>(rows[i])];
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The rows of this rank of a matrix that every rank has, by columns.
PetscErrorCode CopyOwnRows(const std::vector<PetscScalar> &all, Mat C) {
  PetscScalar *out = nullptr;
  PetscInt stride = 0;
  PetscFunctionBegin;
  PetscCall(MatDenseGetLDA(C, &stride));
  PetscCall(MatDenseGetArrayWrite(C, &out));
  for (PetscInt j = 0; j < C->cmap->N; ++j)
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(j) * C->rmap->N + C->rmap->rstart,
                C->rmap->n, out + static_cast<std::ptrdiff_t>(j) * stride);
  PetscCall(MatDenseRestoreArrayWrite(C, &out));
  PetscCall(MatAssemblyBegin(C, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(C, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// S·B, Sᵀ·B and B·Sᵀ as products of PETSc, the result dense.
PetscErrorCode NumericLeft(Mat C) {
  std::vector<PetscScalar> all;
  PetscFunctionBegin;
  PetscCall(SketchApply(self_of(C->product->A).sketch, C->product->B, all));
  PetscCall(CopyOwnRows(all, C));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NumericTransposed(Mat C) {
  const Mat S = C->product->A;
  const Mat B = C->product->B;
  PetscFunctionBegin;
  for (PetscInt j = 0; j < C->cmap->N; ++j) {
    Vec y = nullptr;
    Vec x = nullptr;
    PetscCall(MatDenseGetColumnVecRead(B, j, &y));
    PetscCall(MatDenseGetColumnVecWrite(C, j, &x));
    PetscCall(MatMultTranspose(S, y, x));
    PetscCall(MatDenseRestoreColumnVecWrite(C, j, &x));
    PetscCall(MatDenseRestoreColumnVecRead(B, j, &y));
  }
  PetscCall(MatAssemblyBegin(C, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(C, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NumericRight(Mat C) {
  lathe::MatHandle product;
  PetscFunctionBegin;
  PetscCall(SketchApplyRight(self_of(C->product->B).sketch, C->product->A, product.out()));
  PetscCall(MatCopy(product, C, SAME_NONZERO_PATTERN));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Symbolic(Mat C) {
  const Mat A = C->product->A;
  const Mat B = C->product->B;
  const bool transposed = C->product->type == MATPRODUCT_AtB;
  const bool right = C->product->type == MATPRODUCT_ABt;
  const PetscLayout rows = transposed ? A->cmap : A->rmap;
  const PetscLayout columns = right ? B->rmap : B->cmap;
  PetscFunctionBegin;
  PetscCall(MatSetSizes(C, rows->n, columns->n, rows->N, columns->N));
  PetscCall(MatSetType(C, MATDENSE));
  PetscCall(MatSetUp(C));
  C->ops->productnumeric = right ? NumericRight : transposed ? NumericTransposed : NumericLeft;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ProductWithSketchLeft(Mat C) {
  PetscBool dense = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompareAny(object(C->product->B), &dense, MATSEQDENSE, MATMPIDENSE, ""));
  if (C->product->type == MATPRODUCT_AB || (C->product->type == MATPRODUCT_AtB && dense))
    C->ops->productsymbolic = Symbolic;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ProductWithSketchRight(Mat C) {
  PetscFunctionBegin;
  if (C->product->type == MATPRODUCT_ABt)
    C->ops->productsymbolic = Symbolic;
  PetscFunctionReturn(PETSC_SUCCESS);
}

constexpr SketchKind kinds[] = {
    SketchKind::SparseStack,  SketchKind::SparseSign,    SketchKind::CountSketch,
    SketchKind::Gaussian,     SketchKind::Rademacher,    SketchKind::Srht,
    SketchKind::SrctCosine,   SketchKind::SrctCirculant, SketchKind::BlockSrht,
    SketchKind::TensorSketch, SketchKind::KroneckerSrht, SketchKind::KhatriRao};
constexpr int kind_count = static_cast<int>(std::size(kinds));

PetscErrorCode SetFactors(Mat S, PetscInt count, const PetscInt sizes[]) {
  PetscFunctionBegin;
  PetscCheck(count >= 1 && count <= max_factors, PetscObjectComm(object(S)),
             PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " factors of a sketch; must be 1 to %d (-mat_sketch_factors)", count,
             max_factors);
  PetscCheck(!self_of(S).columns, PetscObjectComm(object(S)), PETSC_ERR_ARG_WRONGSTATE,
             "Factors of a sketch (-mat_sketch_factors) after MatSetUp");
  for (PetscInt k = 0; k < count; ++k)
    PetscCheck(sizes[k] >= 1, PetscObjectComm(object(S)), PETSC_ERR_ARG_OUTOFRANGE,
               "Factor %" PetscInt_FMT " of a sketch has %" PetscInt_FMT
               " rows; must be >= 1 (-mat_sketch_factors)",
               k, sizes[k]);
  auto &factors = self_of(S).sketch.factors;
  factors = {};
  std::copy_n(sizes, count, factors.begin());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatSetFromOptions_Sketch(Mat S, LatheOptionItems PetscOptionsObject) {
  Data &self = self_of(S);
  Sketch &sketch = self.sketch;
  const char *names[kind_count];
  PetscInt kind = 0;
  PetscInt rows = S->rmap->N;
  PetscInt seed = static_cast<PetscInt>(sketch.seed);
  PetscInt nonzeros = sketch.nonzeros;
  PetscInt rounds = sketch.rounds;
  PetscInt block = static_cast<PetscInt>(sketch.block);
  PetscBool set = PETSC_FALSE;
  PetscBool set_rows = PETSC_FALSE;
  PetscInt factors[max_factors + 1] = {}; // one more, to know when there are too many
  PetscInt factor_count = max_factors + 1;
  PetscBool set_factors = PETSC_FALSE;
  PetscBool reproducible = sketch.reproducible ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionBegin;
  for (int k = 0; k < kind_count; ++k) {
    names[k] = name_of(kinds[k]);
    if (kinds[k] == sketch.kind)
      kind = k;
  }
  PetscOptionsHeadBegin(PetscOptionsObject, "Sketch options");
  PetscCall(PetscOptionsEList("-mat_sketch_type", "kind of the sketch", "LatheMatCreateSketch",
                              names, kind_count, names[kind], &kind, &set));
  if (set)
    sketch.kind = kinds[kind];
  PetscCall(PetscOptionsInt("-mat_sketch_rows", "rows d, >= 1", "LatheMatCreateSketch", rows, &rows,
                            &set_rows));
  PetscCall(PetscOptionsInt("-mat_sketch_seed", ">= 0", "LatheMatCreateSketch", seed, &seed, &set));
  PetscCheck(seed >= 0, PetscObjectComm(object(S)), PETSC_ERR_ARG_OUTOFRANGE,
             "-mat_sketch_seed %" PetscInt_FMT "; must be >= 0", seed);
  if (set)
    sketch.seed = static_cast<std::uint64_t>(seed);
  PetscCall(
      PetscOptionsIntArray("-mat_sketch_factors",
                           "m1,m2,... of tensor_sketch, kronecker_srht and khatri_rao, 1 to 6 "
                           "numbers whose product is m",
                           "LatheMatSketchSetFactors", factors, &factor_count, &set_factors));
  PetscCall(PetscOptionsInt("-mat_sketch_nnz",
                            "entries a column of sparse_stack, sparse_sign and tensor_sketch, 1 to "
                            "min(d, 64)",
                            "LatheMatCreateSketch", nonzeros, &nonzeros, nullptr));
  PetscCall(PetscOptionsInt("-mat_sketch_rounds",
                            "of srht, srct_cosine, block_srht and kronecker_srht, 1 to 8",
                            "LatheMatCreateSketch", rounds, &rounds, nullptr));
  PetscCall(PetscOptionsInt("-mat_sketch_block", "rows of a block of block_srht",
                            "LatheMatCreateSketch", block, &block, nullptr));
  PetscCall(PetscOptionsBool("-mat_sketch_reproducible", "the same bits on every number of ranks",
                             "LatheMatCreateSketch", reproducible, &reproducible, nullptr));
  PetscOptionsHeadEnd();
  const auto clamped = [](PetscInt x) {
    return static_cast<int>(std::clamp<PetscInt>(x, -1, PETSC_MPI_INT_MAX));
  };
  sketch.nonzeros = clamped(nonzeros);
  sketch.rounds = clamped(rounds);
  sketch.block = block;
  sketch.reproducible = reproducible == PETSC_TRUE;
  if (set_factors)
    PetscCall(SetFactors(S, factor_count, factors));
  if (set_rows) {
    PetscCheck(rows >= 1, PetscObjectComm(object(S)), PETSC_ERR_ARG_OUTOFRANGE,
               "-mat_sketch_rows %" PetscInt_FMT "; must be >= 1", rows);
    PetscCheck(!self.columns || rows == S->rmap->N, PetscObjectComm(object(S)),
               PETSC_ERR_ARG_WRONGSTATE, "-mat_sketch_rows after MatSetUp");
    PetscLayout layout = nullptr;
    PetscCall(
        PetscLayoutCreateFromSizes(PetscObjectComm(object(S)), PETSC_DECIDE, rows, 1, &layout));
    PetscCall(PetscLayoutReference(layout, &S->rmap));
    PetscCall(PetscLayoutDestroy(&layout));
  }
  if (self.columns)
    PetscCall(MatSetUp_Sketch(S));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatDuplicate_Sketch(Mat S, MatDuplicateOption, Mat *copy) {
  PetscFunctionBegin;
  PetscCall(MatCreate(PetscObjectComm(object(S)), copy));
  PetscCall(MatSetSizes(*copy, S->rmap->n, S->cmap->n, S->rmap->N, S->cmap->N));
  PetscCall(MatSetType(*copy, "sketch"));
  self_of(*copy).sketch = self_of(S).sketch;
  PetscCall(MatSetUp(*copy));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatView_Sketch(Mat S, PetscViewer viewer) {
  const Sketch &sketch = self_of(S).sketch;
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(
      PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (!ascii)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscViewerASCIIPrintf(viewer, "%s, seed %llu%s", name_of(sketch.kind),
                                   static_cast<unsigned long long>(sketch.seed),
                                   sketch.reproducible ? ", reproducible" : ""));
  if (nonzeros_of(sketch) > 0)
    PetscCall(PetscViewerASCIIPrintf(viewer, ", %d nonzeros a column", nonzeros_of(sketch)));
  if (is_transform(sketch.kind) && sketch.kind != SketchKind::SrctCirculant)
    PetscCall(PetscViewerASCIIPrintf(viewer, ", %d rounds", sketch.rounds));
  for (int k = 0; k < factor_count(sketch); ++k)
    PetscCall(PetscViewerASCIIPrintf(
        viewer, "%s%lld", k == 0 ? ", factors " : " x ",
        static_cast<long long>(sketch.factors.at(static_cast<std::size_t>(k)))));
  PetscCall(PetscViewerASCIIPrintf(viewer, "\n"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

constexpr const char *product_partners[] = {MATSEQDENSE, MATMPIDENSE, MATSEQAIJ, MATMPIAIJ,
                                            MATSHELL};

std::string product_name(const char *a, const char *b) {
  return std::string("MatProductSetFromOptions_") + a + "_" + b + "_C";
}

PetscErrorCode ComposeProducts(Mat S, bool compose) {
  PetscFunctionBegin;
  for (const char *partner : product_partners) {
    const std::string left = product_name("sketch", partner),
                      right = product_name(partner, "sketch");
    PetscCall(PetscObjectComposeFunction(object(S), left.c_str(),
                                         compose ? ProductWithSketchLeft : nullptr));
    PetscCall(PetscObjectComposeFunction(object(S), right.c_str(),
                                         compose ? ProductWithSketchRight : nullptr));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatDestroy_Sketch(Mat S) {
  PetscFunctionBegin;
  PetscCall(ComposeProducts(S, false));
  delete static_cast<Data *>(S->data);
  S->data = nullptr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode MatCreate_Sketch(Mat S) {
  PetscFunctionBegin;
  auto *self = new (std::nothrow) Data;
  PetscCheck(self, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a Mat");
  S->data = self;
  S->ops->setup = MatSetUp_Sketch;
  S->ops->mult = MatMult_Sketch;
  S->ops->multtranspose = MatMultTranspose_Sketch;
  S->ops->getrow = MatGetRow_Sketch;
  S->ops->restorerow = MatRestoreRow_Sketch;
  S->ops->getvalues = MatGetValues_Sketch;
  S->ops->duplicate = MatDuplicate_Sketch;
  S->ops->setfromoptions = MatSetFromOptions_Sketch;
  S->ops->view = MatView_Sketch;
  S->ops->destroy = MatDestroy_Sketch;
  PetscCall(ComposeProducts(S, true));
  PetscCall(PetscObjectChangeTypeName(object(S), "sketch"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatCreateSketch(MPI_Comm comm, PetscInt rows, PetscInt local_columns,
                                    PetscInt columns, const char *kind, PetscInt64 seed, Mat *S) {
  lathe::MatHandle created;
  int found = -1;
  PetscFunctionBegin;
  PetscCall(LatheInitializePackage());
  PetscCheck(seed >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE, "Seed %lld; must be >= 0",
             static_cast<long long>(seed));
  for (int k = 0; k < kind_count && kind; ++k)
    if (std::string(kind) == name_of(kinds[k]))
      found = k;
  PetscCheck(!kind || found >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "No sketch is called %s; see -mat_sketch_type in -help", kind);
  PetscCall(MatCreate(comm, created.out()));
  PetscCall(MatSetSizes(created, PETSC_DECIDE, local_columns, rows, columns));
  PetscCall(MatSetType(created, "sketch"));
  Sketch &sketch = self_of(created).sketch;
  sketch.seed = static_cast<std::uint64_t>(seed);
  if (found >= 0)
    sketch.kind = kinds[found];
  *S = created.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatSketchSetFactors(Mat S, PetscInt count, const PetscInt sizes[]) {
  PetscBool same = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompare(object(S), "sketch", &same));
  PetscCheck(same, PetscObjectComm(object(S)), PETSC_ERR_ARG_WRONG,
             "Mat of another type; choose it with -mat_type sketch");
  PetscCall(SetFactors(S, count, sizes));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatSketchMultFactors(Mat S, LatheFactorProduct product, PetscInt count,
                                         const Mat factors[], Mat *C) {
  const MPI_Comm comm = PetscObjectComm(object(S));
  PetscBool same = PETSC_FALSE;
  std::vector<PetscScalar> all;
  lathe::MatHandle result;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompare(object(S), "sketch", &same));
  PetscCheck(same, comm, PETSC_ERR_ARG_WRONG,
             "Mat of another type; choose it with -mat_type sketch");
  PetscCheck(self_of(S).columns, comm, PETSC_ERR_ARG_WRONGSTATE, "Call MatSetUp first");
  PetscCheck(count >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " factors of a product; must be >= 1", count);
  LatheGuard(comm, {
    const std::vector<Mat> list(factors, factors + count);
    PetscCall(product == LATHE_KRONECKER ? SketchApplyKronecker(self_of(S).sketch, list, all)
                                         : SketchApplyKhatriRao(self_of(S).sketch, list, all));
  });
  const auto columns = static_cast<PetscInt>(all.size() / static_cast<std::size_t>(S->rmap->N));
  PetscCall(
      MatCreateDense(comm, S->rmap->n, PETSC_DECIDE, S->rmap->N, columns, nullptr, result.out()));
  PetscCall(CopyOwnRows(all, result));
  *C = result.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}
