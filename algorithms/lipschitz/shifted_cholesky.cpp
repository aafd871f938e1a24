// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/shifted_cholesky.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <complex>
#include <limits>
#include <numbers>

namespace lathe::lipschitz {
namespace {

using dense::Real;
using dense::View;

/// Factor the diagonal block a (order n); LAPACK's info, or the first pivot that is not a positive
/// finite number: OpenBLAS compares with `<= 0` only, which lets a NaN pass.
template <class T> std::size_t factor_diagonal(std::size_t n, T *a, std::size_t lda) noexcept {
  const int info = dense::potrf('L', n, a, lda);
  if (info != 0)
    return info > 0 ? static_cast<std::size_t>(info) : 1;
  for (std::size_t i = 0; i < n; ++i) {
    const auto d = std::real(a[i + i * lda]);
    if (!(d > 0 && std::isfinite(d)))
      return i + 1;
  }
  return 0;
}

/// Subtract from the block column at `first` what the factored columns contribute: one product of
/// inner dimension cholesky_block at a time into `panel`, then one explicit subtraction, so that no
/// entry meets more than 256 + (number of blocks) roundings.
template <class T>
void update_block_column(std::size_t n, std::size_t first, std::size_t width, T *a,
                         T *panel) noexcept {
  const std::size_t rows = n - first;
  for (std::size_t p = 0; p < first; p += cholesky_block) {
    const T *left = a + first + p * n;
    dense::herk<T>('L', 'N', width, cholesky_block, 1, left, n, 0, panel, rows);
    if (rows > width)
      dense::gemm<T>('N', 'C', rows - width, width, cholesky_block, 1, left + width, n, left, n, 0,
                     panel + width, rows);
    for (std::size_t j = 0; j < width; ++j) {
      T *column = a + first + (first + j) * n;
      const T *update = panel + j * rows;
      for (std::size_t i = j; i < rows; ++i)
        column[i] -= update[i];
    }
  }
}

/// Factor the n×n lower triangle in place; 0, or the order of the first bad minor.
template <class T> std::size_t factor(std::size_t n, T *a, T *panel) noexcept {
  if (n <= cholesky_block)
    return factor_diagonal(n, a, n);
  for (std::size_t first = 0; first < n; first += cholesky_block) {
    const std::size_t width = std::min(cholesky_block, n - first);
    update_block_column(n, first, width, a, panel);
    T *diagonal = a + first + first * n;
    if (const std::size_t bad = factor_diagonal(width, diagonal, n); bad != 0)
      return first + bad;
    if (first + width < n)
      dense::trsm<T>('R', 'L', 'C', n - first - width, width, diagonal, n, diagonal + width, n);
  }
  return 0;
}

/// B x = (0, …, 0, b_kk − ‖L⁻¹b‖², ∗) with x = (−L⁻ᴴL⁻¹b, 1, 0, …): row `pivot` of the factor holds
/// (L⁻¹b)ᴴ when the factorisation stops there, so xᴴBx ≤ 0.
template <class T>
void negative_direction(std::size_t n, std::size_t pivot, const T *factor, T *x) noexcept {
  const std::size_t k = pivot - 1;
  std::fill(x, x + n, T(0));
  for (std::size_t j = 0; j < k; ++j)
    if constexpr (dense::is_complex<T>)
      x[j] = -std::conj(factor[k + j * n]);
    else
      x[j] = -factor[k + j * n];
  if (k > 0)
    dense::trsm<T>('L', 'L', 'C', k, 1, factor, n, x, n);
  x[k] = 1;
}

} // namespace

template <class T>
double cholesky_slack(std::size_t n, double trace, double largest_diagonal,
                      std::size_t terms) noexcept {
  using R = Real<T>;
  constexpr double u = std::numeric_limits<R>::epsilon() / 2;
  constexpr double eta = std::numeric_limits<R>::denorm_min();
  const auto k = static_cast<double>(terms);
  const double gamma = dense::is_complex<T>
                           ? mul_up(std::numbers::sqrt2 + 1e-15, gamma_up(2 * k, u))
                           : gamma_up(k, u);
  if (!(gamma < 1))
    return std::numeric_limits<double>::infinity();
  const double relative = div_up(gamma, down(1 - gamma));
  const double order = static_cast<double>(n);
  const double underflow = mul_up(mul_up(6 * order, 2 * order + largest_diagonal + 1), eta);
  return add_up(mul_up(relative, std::max(trace, 0.0)), underflow);
}

template <class T>
ShiftedCholesky shifted_cholesky(View<const T> g, double tau, T *work, T *panel,
                                 T *direction) noexcept {
  using R = Real<T>;
  const std::size_t n = g.rows;
  const R shift = static_cast<R>(tau);
  double trace = 0, largest = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const T *from = g.column(j);
    T *to = work + j * n;
    for (std::size_t i = j + 1; i < n; ++i)
      to[i] = -from[i];
    const R d = shift - std::real(from[j]);
    to[j] = d;
    trace = add_up(trace, static_cast<double>(d));
    largest = std::max(largest, static_cast<double>(d));
  }
  ShiftedCholesky result;
  result.upper = std::numeric_limits<double>::infinity();
  result.pivot = factor(n, work, panel);
  result.positive = result.pivot == 0;
  if (result.positive) {
    // Forming the diagonal rounds once: |fl(τ − g) − (τ − g)| ≤ u·fl(τ − g).
    constexpr double u = std::numeric_limits<R>::epsilon() / 2;
    const double slack = add_up(cholesky_slack<T>(n, trace, largest), mul_up(u, largest));
    result.upper = add_up(static_cast<double>(shift), slack);
  } else if (direction) {
    negative_direction(n, result.pivot, work, direction);
  }
  return result;
}

#define LATHE_INSTANTIATE(T)                                                                       \
  template double cholesky_slack<T>(std::size_t, double, double, std::size_t) noexcept;            \
  template ShiftedCholesky shifted_cholesky<T>(View<const T>, double, T *, T *, T *) noexcept;
LATHE_INSTANTIATE(float)
LATHE_INSTANTIATE(double)
LATHE_INSTANTIATE(std::complex<float>)
LATHE_INSTANTIATE(std::complex<double>)
#undef LATHE_INSTANTIATE

} // namespace lathe::lipschitz
