// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketched_factor.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/random.h"
#include "sketching/length.h"
#include "sketching/replicate.h"

#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

constexpr std::uint64_t power_stream = 0x504f574552000000;
constexpr int power_steps = 12;

} // namespace

// All rows of A on rank 0, in their order.
static PetscErrorCode GatherRows(const LocalRows &rows, std::vector<double> *all) {
  int size = 1, me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(rows.comm(), &size));
  PetscCallMPI(MPI_Comm_rank(rows.comm(), &me));
  const std::size_t m = static_cast<std::size_t>(rows.global_rows()), n = rows.cols();
  std::vector<double> mine(rows.rows() * n);
  PetscCall(rows.Copy(0, rows.rows(), nullptr, mine.data(), std::max<std::size_t>(rows.rows(), 1)));
  const int height = static_cast<int>(rows.rows());
  std::vector<int> heights(static_cast<std::size_t>(size)), begins(heights.size());
  PetscCallMPI(MPI_Gather(&height, 1, MPI_INT, heights.data(), 1, MPI_INT, 0, rows.comm()));
  for (std::size_t q = 1; q < begins.size(); ++q)
    begins[q] = begins[q - 1] + heights[q - 1];
  all->resize(me == 0 ? m * n : 0);
  for (std::size_t j = 0; j < n; ++j)
    PetscCallMPI(MPI_Gatherv(mine.data() + j * rows.rows(), height, MPI_DOUBLE,
                             me == 0 ? all->data() + j * m : nullptr, heights.data(), begins.data(),
                             MPI_DOUBLE, 0, rows.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// W^(1/2)·A, for its sketch only.
static PetscErrorCode CreateWeighted(Mat A, const double *weight, std::size_t count,
                                     MatHandle *out) {
  VecHandle root;
  PetscFunctionBegin;
  PetscCall(MatDuplicate(A, MAT_COPY_VALUES, out->out()));
  PetscCall(MatCreateVecs(A, nullptr, root.out()));
  PetscScalar *x = nullptr;
  PetscCall(VecGetArrayWrite(root, &x));
  for (std::size_t i = 0; i < count; ++i)
    x[i] = std::sqrt(weight[i]);
  PetscCall(VecRestoreArrayWrite(root, &x));
  PetscCall(MatDiagonalScale(*out, root, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

// W^(1/2)·A of a matrix known by its products.
struct WeightedProducts {
  Mat a = nullptr;
  VecHandle root, product;
  MatHandle shell;

  PetscErrorCode Create(Mat A, const double *weight, std::size_t count) {
    PetscInt m = 0, n = 0, rows = 0, columns = 0;
    PetscScalar *x = nullptr;
    PetscFunctionBegin;
    a = A;
    PetscCall(MatCreateVecs(A, nullptr, root.out()));
    PetscCall(VecDuplicate(root, product.out()));
    PetscCall(VecGetArrayWrite(root, &x));
    for (std::size_t i = 0; i < count; ++i)
      x[i] = std::sqrt(weight[i]);
    PetscCall(VecRestoreArrayWrite(root, &x));
    PetscCall(MatGetLocalSize(A, &m, &n));
    PetscCall(MatGetSize(A, &rows, &columns));
    PetscCall(MatCreateShell(PetscObjectComm(reinterpret_cast<PetscObject>(A)), m, n, rows, columns,
                             this, shell.out()));
    PetscCall(MatShellSetOperation(shell, MATOP_MULT_TRANSPOSE,
                                   reinterpret_cast<void (*)()>(MultiplyTransposed)));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  static PetscErrorCode MultiplyTransposed(Mat shell, Vec x, Vec y) {
    WeightedProducts *self = nullptr;
    PetscFunctionBegin;
    PetscCall(MatShellGetContext(shell, static_cast<void *>(&self)));
    PetscCall(VecPointwiseMult(self->product, self->root, x));
    PetscCall(MatMultTranspose(self->a, self->product, y));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
};

} // namespace

// *sa ← S·A or A on rank 0, *height numbers a column.
PetscErrorCode SketchedFactor::Collect(Mat A, const LocalRows &rows, const double *weight,
                                       const SketchSize &size, std::vector<double> *sa,
                                       std::size_t *height) {
  MatHandle weighted;
  WeightedProducts products;
  PetscFunctionBegin;
  const auto m = static_cast<std::size_t>(rows.global_rows());
  const double wanted = rows_wanted(size.factor, n_);
  if (weight && rows.has_entries()) {
    PetscCall(CreateWeighted(A, weight, rows.rows(), &weighted));
    A = weighted;
  } else if (weight) {
    PetscCall(products.Create(A, weight, rows.rows()));
    A = products.shell;
  }
  if (wanted >= static_cast<double>(m)) {
    LocalRows all;
    std::vector<double> largest;
    PetscCall(all.Create(A));
    PetscCall(all.LargestInColumns(&largest));
    PetscCall(GatherRows(all, sa));
    *height = m;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  sketch_ = {.kind = size.kind,
             .rows = static_cast<std::int64_t>(std::ceil(wanted)),
             .columns = rows.global_rows(),
             .seed = size.seed,
             .nonzeros = size.nonzeros};
  ratio_ = static_cast<double>(n_) / static_cast<double>(sketch_.rows);
  std::vector<PetscScalar> product;
  PetscCall(SketchApply(sketch_, A, product));
  sa->assign(doubles(product.data()), doubles(product.data()) + product.size());
  *height = static_cast<std::size_t>(sketch_.rows);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Scale of each column, and the rows below S·A.
PetscErrorCode SketchedFactor::FindZeros(const LocalRows &rows, std::vector<double> *sa,
                                         std::size_t height, double ridge) {
  PetscFunctionBegin;
  std::vector<double> size(n_), largest;
  if (me_ == 0)
    for (std::size_t j = 0; j < n_; ++j)
      size[j] = length(sa->data() + j * height, height);
  PetscCall(CopyFromFirst(comm_, size.data(), n_));
  const double root = std::sqrt(ridge);
  if (std::any_of(size.begin(), size.end(), [](double s) { return !(s > 0); }))
    PetscCall(rows.LargestInColumns(&largest));
  scale_.assign(n_, 1.0);
  appended_.assign(n_, 0.0);
  range_norm_ = 0;
  zeros_ = 0;
  zero_columns_.clear();
  for (std::size_t j = 0; j < n_; ++j) {
    PetscCheck(std::isfinite(size[j]), comm_, PETSC_ERR_FP,
               "Column %lld of the matrix has entries too large to be added, infinite or NaN",
               static_cast<long long>(j));
    const bool zero = !(size[j] > 0) && !(largest[j] > 0);
    const double whole = std::max({size[j], size[j] > 0 ? 0 : largest[j], root});
    if (whole > 0) // 2^1074, what a column of smallest subnormals asks for, is no double
      scale_[j] = std::scalbn(1.0, std::min(-std::ilogb(whole), 1022));
    range_norm_ = std::hypot(range_norm_, size[j] * scale_[j]);
    appended_[j] = root * scale_[j];
    if (zero)
      zero_columns_.push_back(j);
    if (zero && !(ridge > 0)) {
      appended_[j] = 1;
      ++zeros_;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchedFactor::Create(Mat A, const LocalRows &rows, const double *weight,
                                      double ridge, const SketchSize &size) {
  std::vector<double> sa;
  std::size_t height = 0;
  PetscFunctionBegin;
  comm_ = rows.comm();
  PetscCallMPI(MPI_Comm_rank(comm_, &me_));
  n_ = rows.cols();
  sketch_ = {};
  ratio_ = 0;
  null_.clear();
  PetscCall(Collect(A, rows, weight, size, &sa, &height));
  PetscCall(FindZeros(rows, &sa, height, ridge));
  r_.assign(n_ * n_, 0.0);
  if (me_ == 0) {
    const bool more =
        std::any_of(appended_.begin(), appended_.end(), [](double e) { return e > 0; });
    const std::size_t h = std::max(height + (more ? n_ : 0), n_);
    std::vector<double> tau(n_);
    if (h > height) {
      std::vector<double> stacked(h * n_, 0.0);
      for (std::size_t j = 0; j < n_; ++j)
        std::copy_n(sa.data() + j * height, height, stacked.data() + j * h);
      sa.swap(stacked);
    }
    for (std::size_t j = 0; j < n_; ++j) {
      for (std::size_t i = 0; i < height; ++i)
        sa[i + j * h] *= scale_[j];
      if (more)
        sa[height + j + j * h] = appended_[j];
    }
    dense::qr(h, n_, sa.data(), h, tau.data());
    for (std::size_t j = 0; j < n_; ++j)
      std::copy_n(sa.data() + j * h, j + 1, r_.data() + j * n_);
    estimate();
    if (size.keep) {
      q_ = std::move(sa);
      tau_ = std::move(tau);
    }
  }
  PetscCall(CopyFromFirst(comm_, r_.data(), r_.size()));
  double facts[2] = {norm_, condition_};
  PetscCall(CopyFromFirst(comm_, facts, 2));
  norm_ = facts[0];
  condition_ = facts[1];
  rank_ = n_;
  triangular_ = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchedFactor::Start(const LocalRows &rows, const double *weight, const double *b,
                                     std::vector<double> *y, double *fitted) const {
  VecHandle v;
  PetscScalar *x = nullptr;
  PetscFunctionBegin;
  PetscCall(VecCreateMPI(comm_, static_cast<PetscInt>(rows.rows()),
                         static_cast<PetscInt>(rows.global_rows()), v.out()));
  PetscCall(VecGetArrayWrite(v, &x));
  for (std::size_t i = 0; i < rows.rows(); ++i)
    x[i] = weight ? std::sqrt(weight[i]) * b[i] : b[i];
  PetscCall(VecRestoreArrayWrite(v, &x));
  std::vector<double> sb;
  if (sketch_.rows > 0) {
    std::vector<PetscScalar> product;
    PetscCall(SketchApply(sketch_, v, product));
    sb.assign(doubles(product.data()), doubles(product.data()) + product.size());
  } else {
    PetscCall(Replicate(v, &sb));
  }
  y->assign(n_, 0.0);
  *fitted = 0;
  if (me_ == 0 && n_ > 0) {
    const std::size_t height = q_.size() / n_;
    sb.resize(height, 0.0); // the appended rows
    dense::multiply_qt(height, n_, q_.data(), height, tau_.data(), sb.data());
    *fitted = length(sb.data(), n_);
    if (triangular_) {
      std::copy_n(sb.begin(), n_, y->begin());
      multiply(y);
    } else { // R⁺ = P·Pᵀ·Rᵀ
      dense::gemv('T', n_, n_, 1.0, r_.data(), n_, sb.data(), 0.0, y->data());
      multiply_transposed(y);
      multiply(y);
    }
  }
  y->push_back(*fitted);
  PetscCall(CopyFromFirst(comm_, y->data(), y->size()));
  *fitted = y->back();
  y->pop_back();
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Power method for RᵀR and its inverse.
void SketchedFactor::estimate() {
  norm_ = condition_ = 0;
  for (std::size_t j = 0; j < n_; ++j)
    if (r_[j + j * n_] == 0)
      condition_ = INFINITY;
  std::vector<double> v(n_), u(n_);
  const auto start = [&] {
    for (std::size_t i = 0; i < n_; ++i)
      v[i] = random::normal(0, power_stream, i);
  };
  const auto unit = [&] {
    const double size = length(v);
    for (double &x : v)
      x /= size;
  };
  start();
  for (int k = 0; k < power_steps && n_ > 0; ++k) {
    unit();
    dense::gemv('N', n_, n_, 1.0, r_.data(), n_, v.data(), 0.0, u.data());
    norm_ = std::max(norm_, length(u));
    dense::gemv('T', n_, n_, 1.0, r_.data(), n_, u.data(), 0.0, v.data());
  }
  if (condition_ > 0 || n_ == 0)
    return;
  double inverse = 0;
  start();
  for (int k = 0; k < power_steps; ++k) {
    unit();
    dense::trsm('L', 'U', 'T', n_, 1, r_.data(), n_, v.data(), n_);
    inverse = std::max(inverse, length(v));
    if (!(inverse < 1e300))
      break;
    unit();
    dense::trsm('L', 'U', 'N', n_, 1, r_.data(), n_, v.data(), n_);
  }
  condition_ = norm_ * inverse;
}

PetscErrorCode SketchedFactor::Truncate(double cut) {
  PetscFunctionBegin;
  std::vector<double> s(n_), vt(n_ * n_), copy = r_;
  int info = 0;
  if (me_ == 0)
    info = dense::right_singular_vectors(n_, copy.data(), n_, s.data(), vt.data());
  LatheCheckAll(comm_, info == 0, PETSC_ERR_LIB, "LAPACK gesdd failed with info %d", info);
  PetscCall(CopyFromFirst(comm_, s.data(), n_));
  PetscCall(CopyFromFirst(comm_, vt.data(), vt.size()));
  rank_ = 0;
  while (rank_ < n_ && s[rank_] > cut * s[0])
    ++rank_;
  p_.resize(n_ * rank_);
  for (std::size_t k = 0; k < rank_; ++k)
    for (std::size_t j = 0; j < n_; ++j)
      p_[j + k * n_] = vt[k + j * n_] / s[k];
  null_.clear();
  for (std::size_t k = rank_; k < n_; ++k) {
    std::vector<double> v(n_);
    for (std::size_t j = 0; j < n_; ++j)
      v[j] = scale_[j] * vt[k + j * n_];
    for (const std::size_t j : zero_columns_)
      v[j] = 0;
    for (int pass = 0; pass < 3; ++pass) {
      const double size = length(v);
      for (double &e : v)
        e = size > 0 ? e / size : 0;
      if (pass < 2)
        remove_null(v.data());
    }
    null_.insert(null_.end(), v.begin(), v.end());
  }
  triangular_ = false;
  norm_ = n_ > 0 ? s[0] : 0;
  condition_ = rank_ > 0 ? s[0] / s[rank_ - 1] : 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void SketchedFactor::remove_null(double *x) const {
  for (std::size_t k = 0; k + n_ <= null_.size() && n_ > 0; k += n_) {
    const double *q = null_.data() + k;
    double product = 0;
    for (std::size_t j = 0; j < n_; ++j)
      product += q[j] * x[j];
    for (std::size_t j = 0; j < n_; ++j)
      x[j] -= product * q[j];
  }
}

void SketchedFactor::multiply_rows(std::size_t count, double *tile, std::size_t ld,
                                   double *product) const {
  if (triangular_)
    dense::trsm('R', 'U', 'N', count, n_, r_.data(), n_, tile, ld);
  else
    dense::gemm('N', 'N', count, rank_, n_, 1.0, tile, ld, p_.data(), n_, 0.0, product, ld);
}

void SketchedFactor::multiply(std::vector<double> *v) const {
  if (triangular_) {
    dense::trsm('L', 'U', 'N', n_, 1, r_.data(), n_, v->data(), n_);
  } else {
    std::vector<double> out(n_);
    dense::gemv('N', n_, rank_, 1.0, p_.data(), n_, v->data(), 0.0, out.data());
    *v = std::move(out);
  }
  for (const std::size_t j : zero_columns_)
    (*v)[j] = 0; // but for rounding errors of the factorisation it is
}

void SketchedFactor::multiply_transposed(std::vector<double> *v) const {
  if (triangular_) {
    dense::trsm('L', 'U', 'T', n_, 1, r_.data(), n_, v->data(), n_);
    return;
  }
  std::vector<double> out(rank_);
  dense::gemv('T', n_, rank_, 1.0, p_.data(), n_, v->data(), 0.0, out.data());
  *v = std::move(out);
}

} // namespace lathe::sketching
