// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/appended_qr.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

namespace {

// Σ conj(x_i)·y_i, in four sums.
PetscScalar conjugate_dot(const PetscScalar *x, const PetscScalar *y, std::size_t n) {
  PetscScalar sum[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (std::size_t l = 0; l < 4; ++l)
      sum[l] += PetscConj(x[i + l]) * y[i + l];
  for (; i < n; ++i)
    sum[0] += PetscConj(x[i]) * y[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

void subtract(PetscScalar factor, const PetscScalar *x, std::size_t n, PetscScalar *y) {
  for (std::size_t i = 0; i < n; ++i)
    y[i] -= factor * x[i];
}

} // namespace

double length_of(const PetscScalar *v, std::size_t rows) noexcept {
  return std::sqrt(PetscRealPart(conjugate_dot(v, v, rows)));
}

void project(const PetscScalar *q, std::size_t count, std::size_t rows, PetscScalar *v,
             PetscScalar *h) {
  std::vector<PetscScalar> part(count);
  std::fill_n(h, count, 0);
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < count; ++i)
      part[i] = conjugate_dot(q + i * rows, v, rows);
    for (std::size_t i = 0; i < count; ++i) {
      h[i] += part[i];
      subtract(part[i], q + i * rows, rows, v);
    }
  }
}

void AppendedQr::start(std::size_t rows, std::size_t most, const PetscScalar *b) {
  rows_ = rows;
  most_ = most;
  columns_ = 0;
  q_.resize(rows * most);
  r_.assign(most * most, 0);
  g_.resize(most);
  residual_.resize(most + 1);
  rest_.assign(b, b + rows);
  residual_[0] = length_of(b, rows);
}

bool AppendedQr::append(const PetscScalar *column) {
  constexpr double dependent = 0x1p-50;
  const std::size_t j = columns_;
  PetscScalar *own = q_.data() + j * rows_;
  PetscScalar *r = r_.data() + j * most_;
  std::copy_n(column, rows_, own);
  const double before = length_of(own, rows_);
  project(q_.data(), j, rows_, own, r);
  const double after = length_of(own, rows_);
  if (!(after > dependent * before))
    return false;
  r[j] = after;
  for (std::size_t i = 0; i < rows_; ++i)
    own[i] /= after;
  g_[j] = conjugate_dot(own, rest_.data(), rows_);
  subtract(g_[j], own, rows_, rest_.data());
  residual_[j + 1] = length_of(rest_.data(), rows_);
  ++columns_;
  return true;
}

void AppendedQr::shrink(std::size_t columns) {
  for (; columns_ > columns; --columns_)
    subtract(-g_[columns_ - 1], q(columns_ - 1), rows_, rest_.data());
}

void AppendedQr::multiply(std::vector<PetscScalar> &v) const {
  for (std::size_t i = 0; i < columns_; ++i) { // R v, from the top
    PetscScalar sum = 0;
    for (std::size_t j = i; j < columns_; ++j)
      sum += r(i, j) * v[j];
    v[i] = sum;
  }
  for (std::size_t j = columns_; j-- > 0;) { // Rᴴ v, from the bottom
    v[j] = conjugate_dot(r_.data() + j * most_, v.data(), j + 1);
  }
}

void AppendedQr::divide(std::vector<PetscScalar> &v) const {
  for (std::size_t j = 0; j < columns_; ++j)
    v[j] = (v[j] - conjugate_dot(r_.data() + j * most_, v.data(), j)) / r(j, j);
  for (std::size_t j = columns_; j-- > 0;) {
    v[j] /= r(j, j);
    subtract(v[j], r_.data() + j * most_, j, v.data());
  }
}

double AppendedQr::condition() const {
  if (columns_ == 0)
    return 1;
  double size[2] = {};
  for (const bool inverse : {false, true}) {
    std::vector<PetscScalar> v(columns_);
    for (std::size_t k = 0; k < columns_; ++k)
      v[k] = k % 2 == 0 ? 1 : -1 / static_cast<double>(k + 1);
    for (int step = 0; step < 4; ++step) {
      const double length = length_of(v.data(), columns_);
      for (PetscScalar &x : v)
        x /= length;
      inverse ? divide(v) : multiply(v);
    }
    size[inverse ? 1 : 0] = std::sqrt(length_of(v.data(), columns_));
  }
  return size[0] * size[1];
}

void AppendedQr::solve(std::size_t columns, PetscScalar *y) const {
  std::copy_n(g_.data(), columns, y);
  for (std::size_t j = columns; j-- > 0;) {
    y[j] /= r(j, j);
    subtract(y[j], r_.data() + j * most_, j, y);
  }
}

} // namespace lathe::sketching
