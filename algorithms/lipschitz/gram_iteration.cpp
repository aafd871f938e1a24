// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/gram_iteration.h"
#include "lipschitz/gram_product.h"
#include "lipschitz/moment_bound.h"
#include <algorithm>
#include <complex>
#include <limits>

namespace lathe::lipschitz {
namespace {

using dense::View;

/// Scale the lower triangle by 2^-shift and copy it to the upper one.
template <class W> void scale_and_mirror(std::size_t n, double factor, W *g) noexcept {
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      g[i + j * n] *= factor;
      if constexpr (dense::is_complex<W>)
        g[j + i * n] = std::conj(g[i + j * n]);
      else
        g[j + i * n] = g[i + j * n];
    }
}

/// Largest absolute row sum; for Hermitian matrices an upper bound of the 2-norm.
template <class W> double infinity_norm(View<const W> m) noexcept {
  double largest = 0;
  for (std::size_t j = 0; j < m.cols; ++j) { // columns: the matrix is Hermitian
    double sum = 0;
    for (std::size_t i = 0; i < m.rows; ++i)
      sum += std::abs(m(i, j));
    largest = std::max(largest, sum);
  }
  return largest;
}

} // namespace

template <class W>
GramIteration<W>::GramIteration(View<const W> a, bool keep)
    : a_(a), c_(std::min(a.rows, a.cols)), keep_(keep),
      scratch_(std::max(a.rows, a.cols) > gram_block ? c_ * c_ : 0) {}

template <class W> View<const W> GramIteration<W>::iterate() const noexcept {
  return levels_.empty() ? a_ : View<const W>{iterates_.back().data(), c_, c_, c_};
}

template <class W> void GramIteration<W>::step() {
  const View<const W> from = iterate();
  std::vector<W> next;
  if (!keep_ && iterates_.size() == 2) {
    next = std::move(iterates_.front());
    iterates_.erase(iterates_.begin());
  }
  next.resize(c_ * c_);
  gram_product(from, next.data(), scratch_.data());
  double trace = 0, largest = 0;
  for (std::size_t i = 0; i < c_; ++i) {
    const double d = std::real(next[i + i * c_]);
    trace = add_up(trace, d);
    largest = std::max(largest, d);
  }
  Level level;
  level.shift = largest > 0 ? std::ilogb(largest) : 0;
  // ‖A‖_F² ≤ tr Ĝ/(1 − γ), and ‖|A|ᴴ|A|‖₂ ≤ ‖A‖_F².
  const double gamma = gram_gamma<W>(from.rows, from.cols);
  const double error = add_up(mul_up(div_up(gamma, sub_down(1, gamma)), trace),
                              gram_underflow(from.rows, from.cols));
  level.error = add_up(std::ldexp(error, -level.shift),
                       static_cast<double>(c_) * smallest_subnormal); // the scaling's underflow
  scale_and_mirror(c_, std::ldexp(1.0, -level.shift), next.data());
  iterates_.push_back(std::move(next));
  levels_.push_back(level);
}

template <class W> double GramIteration<W>::last_norm(bool infinity, bool round_up) const {
  const View<const W> m = iterate();
  const double squares = sum_of_squares(m);
  const auto grown = [round_up](double x, double terms) {
    return round_up ? mul_up(x, add_up(1, gamma_up(terms))) : x;
  };
  // The products that underflow: at most one subnormal an entry.
  const double lost = round_up ? 4 * static_cast<double>(m.rows * m.cols) * smallest_subnormal : 0;
  double norm = std::sqrt(grown(squares, sum_of_squares_terms(m)) + lost);
  if (round_up)
    norm = up(up(norm));
  if (infinity && levels_.empty())
    norm = std::min(norm, sqrt_up(one_infinity_product_up(m)));
  else if (infinity)
    norm = std::min(norm, grown(infinity_norm(m), static_cast<double>(c_) + 8));
  return norm;
}

template <class W> double GramIteration<W>::bound(bool infinity) const {
  double b = last_norm(infinity, false);
  for (std::size_t j = levels_.size(); j-- > 0;)
    b = std::sqrt(std::ldexp(b, levels_[j].shift));
  return b;
}

template <class W> double GramIteration<W>::upper(bool infinity) const {
  double b = last_norm(infinity, true);
  for (std::size_t j = levels_.size(); j-- > 0;)
    b = sqrt_up(std::ldexp(add_up(b, levels_[j].error), levels_[j].shift));
  return b;
}

template <class W> double GramIteration<W>::moment() const {
  const double schatten = upper(true);
  const std::size_t t = levels_.size();
  if (t < 2 || !(schatten > 0))
    return schatten;
  // H = M_{t−2}ᴴM_{t−2}·2^-shift in exact arithmetic, which is semidefinite. The errors of a level
  // are sums over entries, so they bound Frobenius norms as well.
  const View<const W> g = {iterates_[iterates_.size() - 2].data(), c_, c_, c_};
  const int shift = levels_.back().shift;
  double b = moment_bound<W>(
      {g, levels_[t - 2].error, iterate(), shift, std::ldexp(levels_.back().error, shift)});
  for (std::size_t j = t - 1; j-- > 0;) {
    const double gram = j + 2 == t ? b : add_up(b, levels_[j].error); // H has no rounding error
    b = sqrt_up(std::ldexp(gram, levels_[j].shift));
  }
  return std::min(b, schatten);
}

template <class W> double GramIteration<W>::gradient(W *out, std::size_t ld) const {
  const std::size_t t = levels_.size();
  // b[j] with B_t^(2^j) = 2^E_j·b[j] where M_j = 2^-E_j·(power of A): the exponents cancel in
  // ∂B_t = (M_0/b_0)(M_1/b_1)…(M_t/b_t), whose factors commute.
  std::vector<double> b(t + 1);
  b[t] = last_norm(false, false);
  for (std::size_t j = t; j-- > 0;)
    b[j] = std::sqrt(std::ldexp(b[j + 1], levels_[j].shift));
  if (!(b[0] > 0)) {
    for (std::size_t j = 0; j < a_.cols; ++j)
      std::fill(out + j * ld, out + j * ld + a_.rows, W(0));
    return b[0];
  }
  std::vector<W> product, next(t > 1 ? c_ * c_ : 0);
  if (t > 0)
    product = iterates_[0];
  for (std::size_t j = 2; j <= t; ++j) {
    dense::gemm<W>('N', 'N', c_, c_, c_, 1 / b[j], product.data(), c_, iterates_[j - 1].data(), c_,
                   0, next.data(), c_);
    std::swap(product, next);
  }
  const W factor = t > 0 ? 1 / (b[0] * b[1]) : 1.0;
  if (t == 0) {
    for (std::size_t j = 0; j < a_.cols; ++j)
      for (std::size_t i = 0; i < a_.rows; ++i)
        out[i + j * ld] = a_(i, j) / b[0];
  } else if (a_.rows >= a_.cols) {
    dense::gemm<W>('N', 'N', a_.rows, c_, c_, factor, a_.data, a_.ld, product.data(), c_, 0, out,
                   ld);
  } else {
    dense::gemm<W>('N', 'N', c_, a_.cols, c_, factor, product.data(), c_, a_.data, a_.ld, 0, out,
                   ld);
  }
  return b[0];
}

namespace {

/// Run `t` steps on the scaled matrix and hand the iteration to `use`, whose result is in units of
/// the scaled matrix; scaled back to nearest or, where entries or the result underflow, upwards.
template <class T, class Use>
double iterate_scaled(View<const T> a, int steps, bool keep, bool round_up, Use use) {
  const EntryScan scan = scan_entries(a);
  if (!scan.finite || steps < 0 || steps > max_gram_steps)
    return std::numeric_limits<double>::quiet_NaN();
  const ScaledMatrix<T> scaled(a, scan.largest);
  GramIteration<Wide<T>> iteration(scaled.view(), keep);
  for (int j = 0; j < steps && scan.largest > 0; ++j)
    iteration.step();
  const double result = use(iteration);
  if (!round_up)
    return std::ldexp(result, scaled.exponent());
  // Entries that underflowed moved the norm by at most √(mn)·2⁻¹⁰⁷⁴ of a norm ≥ 1.
  return ldexp_up(scaled.exact() ? result : up(result), scaled.exponent());
}

} // namespace

template <class T> double gram_bound(View<const T> a, int steps, bool infinity) {
  return iterate_scaled(a, steps, false, false, [&](const auto &it) { return it.bound(infinity); });
}
template <class T> double gram_upper_bound(View<const T> a, int steps, bool infinity) {
  return iterate_scaled(a, steps, false, true, [&](const auto &it) { return it.upper(infinity); });
}
template <class T>
double gram_gradient(View<const T> a, int steps, Wide<T> *gradient, std::size_t ld) {
  return iterate_scaled(a, steps, true, false,
                        [&](const auto &it) { return it.gradient(gradient, ld); });
}
template <class T> double gram_moment_bound(View<const T> a, int steps) {
  return iterate_scaled(a, steps, false, true, [](const auto &it) { return it.moment(); });
}

template class GramIteration<double>;
template class GramIteration<std::complex<double>>;
#define LATHE_INSTANTIATE(T)                                                                       \
  template double gram_bound<T>(View<const T>, int, bool);                                         \
  template double gram_upper_bound<T>(View<const T>, int, bool);                                   \
  template double gram_gradient<T>(View<const T>, int, Wide<T> *, std::size_t);                    \
  template double gram_moment_bound<T>(View<const T>, int);
LATHE_INSTANTIATE(float)
LATHE_INSTANTIATE(double)
LATHE_INSTANTIATE(std::complex<float>)
LATHE_INSTANTIATE(std::complex<double>)
#undef LATHE_INSTANTIATE

} // namespace lathe::lipschitz
