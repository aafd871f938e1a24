// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/hermitian_lanczos.h"
#include "core/random.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

namespace lathe::lipschitz {
namespace {

using dense::Real;
using dense::View;

template <class T> double squared_norm(std::size_t n, const T *x) noexcept {
  double s = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double re = std::real(x[i]);
    const double im = std::imag(x[i]);
    s += re * re + im * im;
  }
  return s;
}

template <class T> void scale(std::size_t n, double factor, const T *x, T *y) noexcept {
  const auto f = static_cast<Real<T>>(factor);
  for (std::size_t i = 0; i < n; ++i)
    y[i] = f * x[i];
}

template <class T> double real_dot(std::size_t n, const T *x, const T *y) noexcept {
  double s = 0;
  for (std::size_t i = 0; i < n; ++i)
    s += static_cast<double>(std::real(x[i])) * std::real(y[i]) +
         static_cast<double>(std::imag(x[i])) * std::imag(y[i]);
  return s;
}

template <class T>
void random_vector(std::size_t n, std::uint64_t seed, std::uint64_t stream, T *x) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    if constexpr (dense::is_complex<T>)
      x[i] = T(static_cast<Real<T>>(random::normal(seed, stream, 2 * i)),
               static_cast<Real<T>>(random::normal(seed, stream, 2 * i + 1)));
    else
      x[i] = static_cast<T>(random::normal(seed, stream, i));
  }
}

/// Eigenvalues of the tridiagonal matrix (a, b) that exceed x: positive pivots of T − xI.
int count_above(std::size_t n, const double *a, const double *b, double x, double tiny) noexcept {
  int count = 0;
  double d = 1;
  for (std::size_t i = 0; i < n; ++i) {
    d = a[i] - x - (i > 0 ? b[i - 1] * b[i - 1] / d : 0.0);
    if (std::fabs(d) < tiny)
      d = -tiny;
    count += d > 0 ? 1 : 0;
  }
  return count;
}

/// k-th largest eigenvalue (k = 1, 2) in [low, high] by bisection to `width`.
double bisect(std::size_t n, const double *a, const double *b, int k, double low, double high,
              double width) noexcept {
  const double tiny = std::max(high, 1e-290) * 1e-18;
  while (high - low > width) {
    const double middle = low + 0.5 * (high - low);
    if (middle <= low || middle >= high)
      break;
    (count_above(n, a, b, middle, tiny) >= k ? low : high) = middle;
  }
  return low;
}

/// Unit eigenvector s of the tridiagonal matrix for its eigenvalue near theta by the twisted
/// factorisation (Dhillon and Parlett, 2004); theta is improved by the Rayleigh correction.
/// scratch: 2n entries.
void twisted_vector(std::size_t n, const double *a, const double *b, double &theta, double *s,
                    double *scratch) noexcept {
  if (n == 1) {
    theta = a[0];
    s[0] = 1;
    return;
  }
  double *forward = scratch;
  double *backward = scratch + n;
  const double tiny = std::max(std::fabs(theta), 1e-290) * 1e-18;
  const auto guard = [tiny](double d) { return std::fabs(d) < tiny ? -tiny : d; };
  for (std::size_t i = 0; i < n; ++i)
    forward[i] = guard(a[i] - theta - (i > 0 ? b[i - 1] * b[i - 1] / forward[i - 1] : 0.0));
  for (std::size_t i = n; i-- > 0;)
    backward[i] = guard(a[i] - theta - (i + 1 < n ? b[i] * b[i] / backward[i + 1] : 0.0));
  std::size_t twist = 0;
  double gamma = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < n; ++i) {
    const double g = forward[i] + backward[i] - (a[i] - theta);
    if (std::fabs(g) < std::fabs(gamma)) {
      gamma = g;
      twist = i;
    }
  }
  s[twist] = 1;
  double norm = 1;
  for (std::size_t i = twist; i-- > 0;) {
    s[i] = -b[i] * s[i + 1] / forward[i];
    norm += s[i] * s[i];
  }
  for (std::size_t i = twist + 1; i < n; ++i) {
    s[i] = -b[i - 1] * s[i - 1] / backward[i];
    norm += s[i] * s[i];
  }
  theta += gamma / norm;
  const double inverse = 1 / std::sqrt(norm);
  for (std::size_t i = 0; i < n; ++i)
    s[i] *= inverse;
}

/// Steps between two looks at the tridiagonal matrix: each costs some 60 Sturm counts.
std::size_t check_interval(std::size_t step) noexcept {
  return std::max<std::size_t>(4, step / 5);
}

} // namespace

template <class T>
HermitianLanczos<T>::HermitianLanczos(std::size_t order, int max_steps)
    : n_(order), capacity_(std::min(order, static_cast<std::size_t>(std::max(max_steps, 1)))),
      basis_(n_ * capacity_), coefficients_(capacity_), work_(n_), alpha_(capacity_),
      beta_(capacity_), ritz_(capacity_), scratch_(2 * capacity_) {}

template <class T>
LanczosResult HermitianLanczos<T>::cycle(const Product &product, double tolerance, T *x,
                                         double floor) {
  LanczosResult result;
  constexpr double u = std::numeric_limits<Real<T>>::epsilon() / 2;
  double low = floor, row_sum = 0;
  std::size_t next_check = std::min<std::size_t>(capacity_, 4);
  std::copy(x, x + n_, basis_.begin());
  for (std::size_t j = 0; j < capacity_; ++j) {
    const T *v = basis_.data() + j * n_;
    T *w = work_.data();
    product(v, w);
    ++result.products;
    alpha_[j] = real_dot(n_, v, w);
    for (int pass = 0; pass < 2; ++pass) { // "twice is enough" (Giraud et al., 2005)
      dense::gemv<T>('C', n_, j + 1, 1, basis_.data(), n_, w, 0, coefficients_.data());
      dense::gemv<T>('N', n_, j + 1, -1, basis_.data(), n_, coefficients_.data(), 1, w);
    }
    const double beta = std::sqrt(squared_norm(n_, w));
    beta_[j] = beta;
    row_sum = std::max(row_sum, alpha_[j] + beta + (j > 0 ? beta_[j - 1] : 0.0));
    low = std::max(low, alpha_[j]);
    const bool invariant = !(beta > 8 * u * low);
    const bool last = invariant || j + 1 == capacity_;
    if (last || j + 1 == next_check) {
      next_check += check_interval(j + 1);
      const std::size_t k = j + 1;
      const double *a = alpha_.data();
      const double *b = beta_.data();
      const double high = std::max(low, row_sum) * (1 + 1e-15);
      double theta = bisect(k, a, b, 1, low, high, 1e-14 * high);
      low = std::max(low, theta);
      const double second =
          k > 1 ? bisect(k, a, b, 2, -high, theta, 0.05 * (high - low) + 1e-4 * theta) : 0.0;
      twisted_vector(k, a, b, theta, ritz_.data(), scratch_.data());
      const double r = beta * std::fabs(ritz_[k - 1]);
      const double gap = std::max(theta - second, r);
      result.value = theta;
      result.error = gap > 0 ? r * r / gap : 0.0;
      result.converged = invariant || result.error <= tolerance * theta;
      if (result.converged || last) {
        for (std::size_t i = 0; i < k; ++i)
          coefficients_[i] = static_cast<Real<T>>(ritz_[i]);
        dense::gemv<T>('N', n_, k, 1, basis_.data(), n_, coefficients_.data(), 0, x);
        scale(n_, 1 / std::sqrt(squared_norm(n_, x)), x, x);
        return result;
      }
    }
    scale(n_, 1 / beta, w, basis_.data() + (j + 1) * n_);
  }
  return result;
}

template <class T>
LanczosResult HermitianLanczos<T>::run(View<const T> g, const LanczosOptions &options, T *x,
                                       bool warm) {
  const Product product = [&g, this](const T *v, T *w) {
    dense::hemv<T>('L', n_, 1, g.data, g.ld, v, 0, w);
  };
  return run(product, options, x, warm);
}

template <class T>
LanczosResult HermitianLanczos<T>::run(const Product &product, const LanczosOptions &options, T *x,
                                       bool warm) {
  LanczosResult total;
  if (n_ == 0)
    return total;
  double norm = warm ? std::sqrt(squared_norm(n_, x)) : 0.0;
  if (!(norm > 0 && std::isfinite(norm))) {
    random_vector(n_, options.seed, options.stream, x);
    norm = std::sqrt(squared_norm(n_, x));
  }
  scale(n_, 1 / norm, x, x);
  double floor = 0;
  for (int restart = 0; restart <= options.max_restarts && !total.converged; ++restart) {
    const LanczosResult one = cycle(product, options.tolerance, x, floor);
    total.value = one.value;
    total.error = one.error;
    total.converged = one.converged;
    total.products += one.products;
    if (!std::isfinite(one.value))
      return total;
    floor = std::max(0.0, one.value * (1 - 1e-6));
  }
  return total;
}

template <class T> double rayleigh_lower(View<const T> g, const T *x, T *work) noexcept {
  const std::size_t n = g.rows;
  double squared = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const T *column = g.column(j);
    squared += squared_norm(1, column + j) + 2 * squared_norm(n - j - 1, column + j + 1);
  }
  const double order = static_cast<double>(n);
  const double frobenius = sqrt_up(mul_up(squared, add_up(1, gamma_up(order * order + 4))));
  dense::hemv<T>('L', n, 1, g.data, g.ld, x, 0, work);
  const double quotient = real_dot(n, x, work);
  const double norm2 = squared_norm(n, x);
  const double sum = gamma_up(2 * order + 4);
  const double norm2_up = mul_up(norm2, add_up(1, sum));
  const double norm2_down = mul_down(norm2, sub_down(1, sum));
  if (!(norm2_down > 0) || !std::isfinite(quotient))
    return 0;
  const double gamma = dense::is_complex<T>
                           ? mul_up(std::numbers::sqrt2 + 1e-15, gamma_up(4 * order + 8))
                           : gamma_up(2 * order + 4);
  const double underflow = 8 * (order + 1) * (order + 1) * smallest_subnormal;
  const double error = add_up(mul_up(mul_up(gamma, frobenius), norm2_up), underflow);
  const double numerator = sub_down(quotient, error);
  return numerator > 0 ? std::max(0.0, down(numerator / norm2_up)) : 0.0;
}

template class HermitianLanczos<float>;
template class HermitianLanczos<double>;
template class HermitianLanczos<std::complex<float>>;
template class HermitianLanczos<std::complex<double>>;
template double rayleigh_lower<double>(View<const double>, const double *, double *) noexcept;
template double rayleigh_lower<std::complex<double>>(View<const std::complex<double>>,
                                                     const std::complex<double> *,
                                                     std::complex<double> *) noexcept;

} // namespace lathe::lipschitz
