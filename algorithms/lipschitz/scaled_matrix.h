// SPDX-License-Identifier: BSD-2-Clause
// A dense matrix brought into the middle of double's range by an exact power of two, and the sums
// over its entries that the rounding bounds of this family need.
#pragma once
#include "core/dense.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <optional>
#include <vector>

namespace lathe::lipschitz {

/// The type that kernels compute in: double or complex<double>.
template <class T>
using Wide = std::conditional_t<dense::is_complex<T>, std::complex<double>, double>;

/// Largest |Re|, |Im| of the entries, or the first entry (column by column) that is not finite.
struct EntryScan {
  double largest = 0;
  bool finite = true;
  std::size_t row = 0, column = 0; ///< of the first entry that is not finite
};

template <class T> EntryScan scan_entries(dense::View<const T> a) noexcept {
  using R = dense::Real<T>;
  constexpr std::size_t parts = dense::is_complex<T> ? 2 : 1, lanes = 8;
  EntryScan scan;
  for (std::size_t j = 0; j < a.cols; ++j) {
    const R *x = reinterpret_cast<const R *>(a.column(j)); // complex<R> is R[2] by the standard
    const std::size_t length = parts * a.rows;
    R largest[lanes] = {}, poison[lanes] = {};
    std::size_t i = 0;
    for (; i + lanes <= length; i += lanes)
      for (std::size_t l = 0; l < lanes; ++l) {
        const R v = std::fabs(x[i + l]);
        largest[l] = largest[l] < v ? v : largest[l];
        poison[l] += v * R(0); // NaN as soon as one entry is not finite
      }
    for (; i < length; ++i) {
      const R v = std::fabs(x[i]);
      largest[0] = largest[0] < v ? v : largest[0];
      poison[0] += v * R(0);
    }
    R sum = 0;
    for (std::size_t l = 0; l < lanes; ++l) {
      scan.largest = std::max(scan.largest, static_cast<double>(largest[l]));
      sum += poison[l];
    }
    if (sum == 0)
      continue;
    scan.finite = false;
    scan.column = j;
    for (std::size_t q = length; q-- > 0;)
      if (!std::isfinite(x[q]))
        scan.row = q / parts;
    return scan;
  }
  return scan;
}

/// A = 2^exponent · view, exact but for entries that underflow: those are off by at most 2⁻¹⁰⁷⁵
/// where the largest entry is near 1. Matrices of T = Wide<T> whose largest entry lies in
/// [2⁻¹⁰⁰, 2¹⁰⁰] are not copied.
template <class T> class ScaledMatrix {
public:
  ScaledMatrix(dense::View<const T> a, double largest) {
    const int binary = largest > 0 ? std::ilogb(largest) : 0;
    if constexpr (std::is_same_v<T, Wide<T>>) {
      if (-100 <= binary && binary < 100) {
        view_ = a;
        return;
      }
    }
    exponent_ = binary;
    copy_.resize(a.rows * a.cols);
    // Two factors: 2^-exponent alone overflows when all entries are subnormal.
    const double first = std::ldexp(1.0, -binary / 2);
    const double second = std::ldexp(1.0, -binary + binary / 2);
    for (std::size_t j = 0; j < a.cols; ++j)
      for (std::size_t i = 0; i < a.rows; ++i) {
        const Wide<T> x = a(i, j);
        const Wide<T> y = x * first * second;
        copy_[i + j * a.rows] = y;
        exact_ = exact_ && (binary <= 0 || y / second / first == x);
      }
    view_ = {copy_.data(), a.rows, a.cols, a.rows};
  }
  [[nodiscard]] dense::View<const Wide<T>> view() const noexcept { return view_; }
  [[nodiscard]] int exponent() const noexcept { return exponent_; }
  /// No entry underflowed.
  [[nodiscard]] bool exact() const noexcept { return exact_; }

private:
  std::vector<Wide<T>> copy_;
  dense::View<const Wide<T>> view_;
  int exponent_ = 0;
  bool exact_ = true;
};

/// x·2^e rounded up or down; x ≥ 0. Overflow gives +∞ upwards and the largest double downwards.
inline double ldexp_up(double x, int e) noexcept {
  const double y = std::ldexp(x, e);
  return std::ldexp(y, -e) < x ? up(y) : y;
}
inline double ldexp_down(double x, int e) noexcept {
  const double y = std::ldexp(x, e);
  if (std::isinf(y))
    return std::numeric_limits<double>::max();
  return std::ldexp(y, -e) > x ? down(y) : y;
}

/// √2 for complex arithmetic, else 1, rounded up: γ-bounds of complex inner products of length k
/// are √2·γ_2k (each component is a real inner product of twice the length).
template <class W> double dot_gamma(double k) noexcept {
  if constexpr (dense::is_complex<W>)
    return mul_up(std::numbers::sqrt2 + 1e-15, gamma_up(2 * k));
  else
    return gamma_up(k);
}

/// Σ|a_ij|², each column by eight partial sums; relative error ≤ γ of sum_of_squares_terms.
template <class W> double sum_of_squares(dense::View<const W> a) noexcept {
  constexpr std::size_t parts = dense::is_complex<W> ? 2 : 1, lanes = 8;
  double total = 0;
  for (std::size_t j = 0; j < a.cols; ++j) {
    const double *x = reinterpret_cast<const double *>(a.column(j));
    const std::size_t length = parts * a.rows;
    double s[lanes] = {};
    std::size_t i = 0;
    for (; i + lanes <= length; i += lanes)
      for (std::size_t l = 0; l < lanes; ++l)
        s[l] += x[i + l] * x[i + l];
    for (; i < length; ++i)
      s[0] += x[i] * x[i];
    total += ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
  }
  return total;
}
/// Roundings that a term of sum_of_squares can meet.
template <class W> double sum_of_squares_terms(dense::View<const W> a) noexcept {
  const double parts = dense::is_complex<W> ? 2 : 1;
  return parts * static_cast<double>(a.rows) / 8 + 16 + static_cast<double>(a.cols);
}

/// ‖A‖_F rounded up, of a matrix without entries of extreme size (2⁻⁴⁰⁰ … 2⁴⁰⁰ are safe).
template <class W> double frobenius_up(dense::View<const W> a) noexcept {
  const double growth = add_up(1, gamma_up(sum_of_squares_terms(a) + 2));
  const double lost = 4 * static_cast<double>(a.rows * a.cols) * smallest_subnormal;
  return sqrt_up(add_up(mul_up(sum_of_squares(a), growth), lost));
}

/// Upper bound of ‖|A|‖₁·‖|A|‖_∞ ≥ ‖|A|‖₂².
template <class W> double one_infinity_product_up(dense::View<const W> a) {
  std::vector<double> rows(a.rows);
  double one = 0;
  for (std::size_t j = 0; j < a.cols; ++j) {
    const W *x = a.column(j);
    double s[4] = {};
    for (std::size_t i = 0; i < a.rows; ++i) {
      double v = std::fabs(std::real(x[i]));
      if constexpr (dense::is_complex<W>)
        v += std::fabs(std::imag(x[i])); // at most √2·|x|
      rows[i] += v;
      s[i % 4] += v;
    }
    one = std::max(one, (s[0] + s[1]) + (s[2] + s[3]));
  }
  const double infinity = rows.empty() ? 0.0 : *std::max_element(rows.begin(), rows.end());
  const double growth = add_up(1, gamma_up(static_cast<double>(a.rows + a.cols) + 8));
  return mul_up(mul_up(one, infinity), growth);
}

} // namespace lathe::lipschitz
