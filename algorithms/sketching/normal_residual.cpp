// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/normal_residual.h"
#include "core/error.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace lathe::sketching {
namespace {

class DenseRead {
public:
  explicit DenseRead(Mat A) : A_(A) {
    if (A_ && (MatDenseGetLDA(A_, &lda_) || MatDenseGetArrayRead(A_, &a_)))
      a_ = nullptr;
  }
  ~DenseRead() {
    if (a_)
      (void)MatDenseRestoreArrayRead(A_, &a_);
  }
  DenseRead(const DenseRead &) = delete;
  DenseRead &operator=(const DenseRead &) = delete;
  [[nodiscard]] const double *data() const { return doubles(a_); }
  [[nodiscard]] std::size_t ld() const { return static_cast<std::size_t>(lda_); }

private:
  Mat A_;
  const PetscScalar *a_ = nullptr;
  PetscInt lda_ = 0;
};

// MPI_Op: sums of expansions, as many terms as the datatype has doubles.
void add_expansions(void *in, void *inout, int *count, MPI_Datatype *type) {
  int bytes = 0;
  MPI_Type_size(*type, &bytes);
  const int terms = bytes / static_cast<int>(sizeof(double));
  const auto *a = static_cast<const double *>(in);
  auto *b = static_cast<double *>(inout);
  for (int j = 0; j < *count; ++j, a += terms, b += terms) {
    Expansion sum;
    std::copy_n(b, terms, sum.term.begin());
    for (int k = terms; k-- > 0;)
      sum.add(a[k], terms);
    sum.normalize(terms);
    std::copy_n(sum.term.begin(), terms, b);
  }
}

PetscErrorCode ReduceExpansions(MPI_Comm comm, std::vector<double> &sums, int terms) {
  int rank = 0;
  MPI_Datatype type = MPI_DATATYPE_NULL;
  MPI_Op op = MPI_OP_NULL;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Type_contiguous(terms, MPI_DOUBLE, &type));
  PetscCallMPI(MPI_Type_commit(&type));
  PetscCallMPI(MPI_Op_create(add_expansions, 1, &op));
  PetscCallMPI(MPI_Reduce(rank == 0 ? MPI_IN_PLACE : sums.data(), sums.data(),
                          static_cast<int>(sums.size()) / terms, type, op, 0, comm));
  PetscCallMPI(MPI_Op_free(&op));
  PetscCallMPI(MPI_Type_free(&type));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LocalRows::Create(Mat A) {
  PetscBool dense = PETSC_FALSE;
  PetscInt m = 0, n = 0, local = 0, begin = 0;
  PetscFunctionBegin;
  PetscCall(PetscObjectGetComm(reinterpret_cast<PetscObject>(A), &comm_));
  PetscCheck(sizeof(PetscScalar) == sizeof(double), comm_, PETSC_ERR_SUP,
             "Least squares needs a PETSc with real scalars of double precision; this one has %d "
             "bytes a scalar",
             static_cast<int>(sizeof(PetscScalar)));
  PetscCall(MatGetSize(A, &m, &n));
  PetscCall(MatGetLocalSize(A, &local, nullptr));
  PetscCall(MatGetOwnershipRange(A, &begin, nullptr));
  global_rows_ = m;
  first_row_ = begin;
  rows_ = static_cast<std::size_t>(local);
  cols_ = static_cast<std::size_t>(n);
  PetscCall(PetscObjectTypeCompareAny(reinterpret_cast<PetscObject>(A), &dense, MATSEQDENSE,
                                      MATMPIDENSE, ""));
  dense_ = dense ? A : nullptr;
  sparse_.reset();
  if (!dense) {
    sparse_ = std::make_shared<RowMatrix>();
    PetscCall(sparse_->Create(A));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LocalRows::NormalResidual(const NormalTerms &terms, ExpansionVector *g,
                                         double *norm2) const {
  const ExpansionVector &x = *terms.x;
  const NormalIsa &isa = normal_isa();
  const auto level = static_cast<std::size_t>(x.terms) - 1;
  const std::size_t width = static_cast<std::size_t>(x.terms);
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm_, &rank));
  NormalRows m;
  m.rows = rows_;
  m.b = terms.b;
  m.weight = terms.weight;
  m.residual = terms.residual;
  std::vector<double> sums(width * cols_ + width); // the last number is norm2
  if (dense_) {
    const DenseRead a(dense_);
    std::vector<double> tile(normal_tile_rows(x.terms, cols_) * cols_),
        lanes(width * cols_ * isa.lanes);
    m.cols = cols_;
    m.dense = a.data();
    m.ld = a.ld();
    m.scale = terms.scale;
    m.x = x.head();
    m.tile = tile.data();
    m.sum = lanes.data();
    isa.dense[level](m);
    for (std::size_t j = 0; j < cols_; ++j) {
      Expansion total;
      for (std::size_t k = width; k-- > 0;) // small ones first
        for (std::size_t l = 0; l < isa.lanes; ++l)
          total.add(lanes[(width * j + k) * isa.lanes + l], x.terms);
      total.normalize(x.terms);
      std::copy_n(total.term.begin(), width, sums.begin() + static_cast<std::ptrdiff_t>(width * j));
    }
  } else {
    // A rank sees the columns that it has entries in.
    const std::vector<PetscInt> &needed = sparse_->needed_columns();
    const RowView view = sparse_->view();
    std::vector<double> near_x(width * needed.size()), near_scale, near_sums(near_x.size());
    for (std::size_t p = 0; p < needed.size(); ++p) {
      for (std::size_t k = 0; k < width; ++k)
        near_x[k * needed.size() + p] = x.value[k * cols_ + static_cast<std::size_t>(needed[p])];
      if (terms.scale)
        near_scale.push_back(terms.scale[static_cast<std::size_t>(needed[p])]);
    }
    m.cols = needed.size();
    m.offset = view.offset;
    m.value = doubles(view.value);
    m.column = view.column;
    m.scale = terms.scale ? near_scale.data() : nullptr;
    m.x = near_x.data();
    m.sum = near_sums.data();
    (sizeof(PetscInt) == 4 ? isa.sparse32 : isa.sparse64)[level](m);
    for (std::size_t p = 0; p < needed.size(); ++p) {
      Expansion total;
      for (std::size_t k = width; k-- > 0;)
        total.add(near_sums[width * p + k], x.terms);
      total.normalize(x.terms);
      std::copy_n(total.term.begin(), width,
                  sums.begin() +
                      static_cast<std::ptrdiff_t>(width * static_cast<std::size_t>(needed[p])));
    }
  }
  sums[width * cols_] = m.norm2;
  PetscCall(ReduceExpansions(comm_, sums, x.terms));
  if (rank == 0) {
    for (std::size_t j = 0; j < cols_; ++j)
      for (std::size_t k = 0; k < width; ++k)
        g->value[k * cols_ + j] = sums[width * j + k];
    *norm2 = sums[width * cols_];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LocalRows::Copy(std::size_t first, std::size_t count, const double *scale,
                               double *tile, std::size_t ld) const {
  PetscFunctionBegin;
  if (dense_) {
    const DenseRead a(dense_);
    for (std::size_t j = 0; j < cols_; ++j) {
      const double *column = a.data() + j * a.ld() + first;
      const double s = scale ? scale[j] : 1;
      for (std::size_t i = 0; i < count; ++i)
        tile[i + j * ld] = s * column[i];
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (std::size_t j = 0; j < cols_; ++j)
    std::fill_n(tile + j * ld, count, 0.0);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t p = sparse_->row_begin(first + i); p < sparse_->row_begin(first + i + 1);
         ++p) {
      const auto j = static_cast<std::size_t>(sparse_->global_column(p));
      tile[i + j * ld] = PetscRealPart(sparse_->value(p)) * (scale ? scale[j] : 1);
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LocalRows::LargestInColumns(std::vector<double> *largest) const {
  std::string where;
  PetscFunctionBegin;
  largest->assign(cols_, 0.0);
  const auto see = [&](std::size_t i, std::size_t j, double x) {
    if (!std::isfinite(x) && where.empty())
      where = Format("Entry (%lld, %lld) is %g; least squares needs finite entries",
                     static_cast<long long>(first_row_) + static_cast<long long>(i),
                     static_cast<long long>(j), x);
    (*largest)[j] = std::max((*largest)[j], std::fabs(x));
  };
  if (dense_) {
    const DenseRead a(dense_);
    for (std::size_t j = 0; j < cols_; ++j)
      for (std::size_t i = 0; i < rows_; ++i)
        see(i, j, a.data()[i + j * a.ld()]);
  } else {
    for (std::size_t i = 0; i < rows_; ++i)
      for (std::size_t p = sparse_->row_begin(i); p < sparse_->row_begin(i + 1); ++p)
        see(i, static_cast<std::size_t>(sparse_->global_column(p)),
            PetscRealPart(sparse_->value(p)));
  }
  LatheCheckAll(comm_, where.empty(), PETSC_ERR_FP, "%s", where.c_str());
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, largest->data(), static_cast<int>(cols_), MPI_DOUBLE,
                             MPI_MAX, comm_));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
