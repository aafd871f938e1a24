// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/lp_basis.h"
#include "core/dense.h"
#include "core/exact_sum.h"
#include "core/interruption.h"
#include "sketching/row_basis.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::sketching {
namespace {

/// A double in two halves of 26 bits, whose products are exact (Dekker, Numerische Mathematik 18,
/// 1971): an fma would be a call of a function on processors that may not have it.
struct Halves {
  double value, high, low;
  explicit Halves(double v) noexcept : value(v) {
    const double c = 134217729 * v; // 2²⁷ + 1
    high = c - (c - v);
    low = v - high;
  }
};

/// h + l ← h + l − a·(b + b_low) with a relative error of 2⁻¹⁰⁴ of the larger of the two.
inline void subtract_product(double &h, double &l, const Halves &a, const Halves &b,
                             double b_low) noexcept {
  const double p = a.value * b.value;
  const double e = ((a.high * b.high - p) + a.high * b.low + a.low * b.high) + a.low * b.low;
  const TwoSum sum(h, -p);
  const TwoSum result(sum.s, l + (sum.e - (e + a.value * b_low)));
  h = result.s;
  l = result.e;
}

/// h + l ← (h + l)/d.
inline void divide(double &h, double &l, const Halves &d) noexcept {
  const double q = h / d.value;
  double rest = h;
  double rest_low = l;
  subtract_product(rest, rest_low, d, Halves(q), 0);
  const TwoSum result(q, (rest + rest_low) / d.value);
  h = result.s;
  l = result.e;
}

constexpr auto tile = static_cast<std::size_t>(RowBlocks::height);

} // namespace

PetscErrorCode LpBasis::Create(TallMatrix &A) {
  PetscFunctionBegin;
  A_ = &A;
  PetscCall(scale_.Create(A.view()));
  columns_.resize(A.cols());
  std::iota(columns_.begin(), columns_.end(), std::size_t{0});
  for (;;) {
    PetscCall(StopTogether(A.rows().comm()));
    std::vector<std::size_t> kept;
    basis_ = MultiVector(A.rows(), columns_.size());
    scale_.load(A.view(), columns_, basis_.view());
    PetscCall(Orthonormalize(basis_.view(), &kept));
    for (std::size_t &j : kept)
      j = columns_[j];
    columns_ = kept;
    const std::size_t r = columns_.size();
    basis_.resize(r);
    MultiVector scaled(A.rows(), r);
    scale_.load(A.view(), columns_, scaled.view());
    PetscCall(Triangle(basis_.view(), scaled.view(), &triangle_));
    solve_rows(scaled.view(), triangle_);
    basis_ = scaled;
    PetscCall(Orthonormalize(basis_.view(), &order_));
    if (order_.size() == r) {
      std::vector<double> all(r * r);
      PetscCall(InnerProduct(basis_.view(), scaled.view(), all.data(), Entries::at_most_one));
      correction_.assign(r * r, 0);
      for (std::size_t j = 0; j < r; ++j)
        std::copy_n(all.data() + order_[j] * r, j + 1, correction_.data() + j * r);
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    std::vector<std::size_t> fewer; // a condition beyond 1e15: less one column or more
    for (const std::size_t j : order_)
      fewer.push_back(columns_[j]);
    columns_ = fewer;
  }
}

void LpBasis::Residual(const double *b, const ExpansionVector &x, double *e, double *rest) const {
  const TallView A = A_->view();
  std::vector<double> high(tile), low(tile);
  for (std::size_t first = 0; first < A.rows.local(); first += tile) {
    const std::size_t rows = std::min(tile, A.rows.local() - first);
    std::copy_n(b + first, rows, high.data());
    std::fill_n(low.data(), rows, 0.0);
    for (std::size_t j = 0; j < columns_.size(); ++j) {
      const double f = scale_.factor(columns_[j]);
      const double *a = A.column(columns_[j]) + first;
      const Halves v(x.value[j]);
      const double v_low = x.value[x.n + j];
      for (std::size_t i = 0; i < rows; ++i)
        subtract_product(high[i], low[i], Halves(f * a[i]), v, v_low);
    }
    std::copy_n(high.data(), rows, e + first);
    if (rest)
      std::copy_n(low.data(), rows, rest + first);
  }
}

void LpBasis::Add(const std::vector<double> &y, ExpansionVector *x) const {
  const std::size_t r = columns_.size();
  std::vector<double> w = y;
  if (r == 0)
    return;
  dense::trsm('L', 'U', 'N', r, 1, correction_.data(), r, w.data(), r);
  std::vector<double> high(r), low(r);
  for (std::size_t i = 0; i < r; ++i)
    high[order_[i]] = w[i];
  for (std::size_t j = r; j-- > 0;) {
    divide(high[j], low[j], Halves(triangle_[j + j * r]));
    for (std::size_t i = 0; i < j; ++i)
      subtract_product(high[i], low[i], Halves(triangle_[i + j * r]), Halves(high[j]), low[j]);
  }
  for (std::size_t j = 0; j < r; ++j) {
    x->add(j, high[j]);
    x->add(j, low[j]);
  }
}

PetscErrorCode LpBasis::Against(TallView u, std::vector<double> *h) const {
  const TallView A = A_->view();
  const std::size_t r = columns_.size();
  PetscFunctionBegin;
  h->assign(r, 0);
  if (r == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> g(r);
  for (std::size_t j = 0; j < r; ++j) {
    ExactSum sum;
    const double f = scale_.factor(columns_[j]);
    for (std::size_t i = 0; i < A.rows.local(); ++i) {
      const double a = f * A.column(columns_[j])[i];
      sum.add_product(a, u.column(0)[i]);
      sum.add_product(a, u.column(1)[i]);
    }
    PetscCall(ExactSum::AllReduce(A.rows.comm(), &sum, 1));
    g[j] = sum.value();
  }
  dense::trsm('L', 'U', 'T', r, 1, triangle_.data(), r, g.data(), r);
  for (std::size_t i = 0; i < r; ++i)
    (*h)[i] = g[order_[i]];
  dense::trsm('L', 'U', 'T', r, 1, correction_.data(), r, h->data(), r);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
