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

// Sums of the columns over strips of rows. Within a strip the last term of a sum is not normalized
// and its rounding errors grow with the square of the rows: 200000 of them at once lose 1e-28 of a
// sum in two terms. A strip has enough entries to hide the additions of its sums.
std::vector<Expansion> sum_strips(NormalKernel kernel, NormalRows &m, std::size_t lanes,
                                  int terms) {
  constexpr std::size_t least_rows = 16384, least_entries = 64; // of all columns together
  const auto width = static_cast<std::size_t>(terms);
  const std::size_t entries = m.offset ? m.offset[m.rows] : m.rows * m.cols;
  const std::size_t sparse_rows = entries ? least_entries * m.cols * m.rows / entries : 0;
  const std::size_t strip = std::max(least_rows, sparse_rows), rows = m.rows;
  std::vector<double> part(width * m.cols * lanes);
  std::vector<Expansion> total(m.cols);
  m.sum = part.data();
  const auto advance = [&](auto &p) { p = p ? p + m.rows : nullptr; };
  for (std::size_t first = 0; first < rows; first += strip) {
    m.rows = std::min(strip, rows - first);
    std::fill(part.begin(), part.end(), 0.0);
    kernel(m);
    for (std::size_t j = 0; j < m.cols; ++j)
      for (std::size_t k = width; k-- > 0;) // small ones first
        for (std::size_t l = 0; l < lanes; ++l)
          total[j].add(part[(width * j + k) * lanes + l], terms);
    advance(m.dense);
    advance(m.offset);
    advance(m.b);
    advance(m.weight);
    advance(m.residual);
  }
  return total;
}

} // namespace

PetscErrorCode LocalRows::Create(Mat A) {
  const char *type = nullptr;
  PetscBool dense = PETSC_FALSE, rows = PETSC_FALSE, product = PETSC_FALSE,
            transposed = PETSC_FALSE;
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
  PetscCall(MatGetType(A, &type));
  PetscCall(MatHasOperation(A, MATOP_GET_ROW, &rows));
  operator_ = dense || rows ? nullptr : A;
  if (operator_) {
    PetscCall(MatHasOperation(A, MATOP_MULT, &product));
    PetscCall(MatHasOperation(A, MATOP_MULT_TRANSPOSE, &transposed));
    PetscCheck(product && transposed, comm_, PETSC_ERR_SUP,
               "Least squares needs the rows of the matrix or its products, and type %s lacks %s",
               type, product ? "MatMultTranspose" : "MatMult");
  } else if (!dense) {
    sparse_ = std::make_shared<RowMatrix>();
    PetscCall(sparse_->Create(A));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LocalRows::Products(const NormalTerms &terms, ExpansionVector *g,
                                   double *norm2) const {
  VecHandle x, r;
  PetscScalar *values = nullptr;
  PetscInt begin = 0, end = 0;
  const PetscInt *ranges = nullptr;
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm_, &rank));
  PetscCallMPI(MPI_Comm_size(comm_, &size));
  PetscCall(MatCreateVecs(operator_, x.out(), r.out()));
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(end - begin);
  const auto scale = [&](std::size_t j) { return terms.scale ? terms.scale[j] : 1.0; };
  PetscCall(VecGetArrayWrite(x, &values));
  for (std::size_t j = 0; j < count; ++j)
    values[j] = terms.x->value[first + j] * scale(first + j);
  PetscCall(VecRestoreArrayWrite(x, &values));
  PetscCall(MatMult(operator_, x, r));
  PetscCall(VecGetArray(r, &values));
  double square = 0;
  for (std::size_t i = 0; i < rows_; ++i) {
    const double head = (terms.b ? terms.b[i] : 0.0) - doubles(values)[i];
    if (terms.residual)
      terms.residual[i] = head;
    doubles(values)[i] = terms.weight ? terms.weight[i] * head : head;
    square += head * doubles(values)[i];
  }
  PetscCall(VecRestoreArray(r, &values));
  PetscCall(MatMultTranspose(operator_, r, x));
  PetscCall(VecGetOwnershipRanges(x, &ranges));
  std::vector<int> counts, begins;
  for (int q = 0; q < size; ++q) {
    counts.push_back(static_cast<int>(ranges[q + 1] - ranges[q]));
    begins.push_back(static_cast<int>(ranges[q]));
  }
  const VecRead part(x);
  PetscCallMPI(MPI_Gatherv(part.data(), static_cast<int>(count), MPI_DOUBLE, g->value.data(),
                           counts.data(), begins.data(), MPI_DOUBLE, 0, comm_));
  PetscCallMPI(MPI_Reduce(&square, norm2, 1, MPI_DOUBLE, MPI_SUM, 0, comm_));
  for (std::size_t j = 0; rank == 0 && j < cols_; ++j)
    g->value[j] *= scale(j);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Entries by products with unit vectors, n of them.
PetscErrorCode LocalRows::LargestByProducts(std::vector<double> *largest,
                                            std::string *where) const {
  VecHandle x, r;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(operator_, x.out(), r.out()));
  for (std::size_t j = 0; j < cols_; ++j) {
    PetscReal size = 0;
    PetscCall(VecSet(x, 0));
    PetscCall(VecSetValue(x, static_cast<PetscInt>(j), 1, INSERT_VALUES));
    PetscCall(VecAssemblyBegin(x));
    PetscCall(VecAssemblyEnd(x));
    PetscCall(MatMult(operator_, x, r));
    PetscCall(VecNorm(r, NORM_INFINITY, &size));
    (*largest)[j] = static_cast<double>(size);
    if (!std::isfinite(size) && where->empty())
      *where = Format("Column %zu of the matrix is not finite", j);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

double LocalRows::entries() const {
  return sparse_ ? sparse_->global_entries()
                 : static_cast<double>(global_rows_) * static_cast<double>(cols_);
}

PetscErrorCode LocalRows::NormalResidual(const NormalTerms &terms, ExpansionVector *g,
                                         double *norm2) const {
  const ExpansionVector &x = *terms.x;
  const NormalIsa &isa = normal_isa();
  const auto level = static_cast<std::size_t>(x.terms) - 1;
  const std::size_t width = static_cast<std::size_t>(x.terms);
  int rank = 0;
  PetscFunctionBegin;
  if (operator_) {
    PetscCheck(x.terms == 1, comm_, PETSC_ERR_SUP, "Products are known in one double only");
    PetscCall(Products(terms, g, norm2));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCallMPI(MPI_Comm_rank(comm_, &rank));
  NormalRows m;
  m.rows = rows_;
  m.b = terms.b;
  m.weight = terms.weight;
  m.residual = terms.residual;
  std::vector<double> sums(width * cols_ + width); // the last number is norm2
  const auto keep = [&](std::size_t j, Expansion total) {
    total.normalize(x.terms);
    std::copy_n(total.term.begin(), width, sums.begin() + static_cast<std::ptrdiff_t>(width * j));
  };
  if (dense_) {
    const DenseRead a(dense_);
    // Not set to zero: most of it is never touched.
    const std::unique_ptr<double[]> tile(new double[tile_rows(cols_) * cols_]);
    m.cols = cols_;
    m.dense = a.data();
    m.ld = a.ld();
    m.scale = terms.scale;
    m.x = x.head();
    m.tile = tile.get();
    const std::vector<Expansion> total = sum_strips(isa.dense[level], m, isa.lanes, x.terms);
    for (std::size_t j = 0; j < cols_; ++j)
      keep(j, total[j]);
  } else {
    // A rank sees the columns that it has entries in.
    const std::vector<PetscInt> &needed = sparse_->needed_columns();
    const RowView view = sparse_->view();
    std::vector<double> near_x(width * needed.size()), near_scale;
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
    const NormalKernel kernel = (sizeof(PetscInt) == 4 ? isa.sparse32 : isa.sparse64)[level];
    const std::vector<Expansion> total = sum_strips(kernel, m, 1, x.terms);
    for (std::size_t p = 0; p < needed.size(); ++p)
      keep(static_cast<std::size_t>(needed[p]), total[p]);
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
  if (operator_) {
    PetscCall(LargestByProducts(largest, &where));
  } else if (dense_) {
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
