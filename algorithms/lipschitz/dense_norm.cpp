// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/dense_norm.h"
#include "lipschitz/gram_iteration.h"
#include "lipschitz/gram_product.h"
#include "lipschitz/hermitian_lanczos.h"
#include "lipschitz/residual_bound.h"
#include "lipschitz/shifted_cholesky.h"
#include "lipschitz/vector_norm.h"
#include <algorithm>
#include <cstdio>
#include <limits>

namespace lathe::lipschitz {
namespace {

using dense::View;

NormBracket exact_bracket(double lower, double upper) noexcept {
  return {lower, upper, LATHE_CERTIFICATE_RIGOROUS, 0, "exact", 0, 0};
}

NormBracket refuse(DenseNormReport &report, DenseNormStatus status, const char *format, auto... v) {
  char text[200];
  std::snprintf(text, sizeof text, format, v...);
  report.status = status;
  report.message = text;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return {nan, nan, LATHE_CERTIFICATE_ESTIMATE, 0, "none", 0, 0};
}

/// Norm of n entries of W as an interval.
template <class W> NormInterval norm_of(std::size_t n, const W *x) noexcept {
  return vector_norm(dense::is_complex<W> ? 2 * n : n, reinterpret_cast<const double *>(x));
}

/// The computation on a scaled matrix with min(m, n) ≥ 2 and a nonzero entry.
template <class W> class Bracketer {
public:
  Bracketer(View<const W> a, const DenseNormOptions &options, DenseNormReport &report)
      : a_(a), options_(options), report_(report), tall_(a.rows >= a.cols),
        c_(std::min(a.rows, a.cols)), k_(std::max(a.rows, a.cols)), lanczos_(c_, lanczos_steps),
        x_(c_), image_(k_) {}

  NormBracket by_cholesky() {
    std::vector<W> g(c_ * c_), work(c_ * c_);
    gram_product(a_, g.data(), work.data());
    double trace = 0;
    for (std::size_t i = 0; i < c_; ++i)
      trace = add_up(trace, std::real(g[i + i * c_]));
    const double gamma = gram_gamma<W>(a_.rows, a_.cols);
    bound_absolute(div_up(add_up(trace, gram_underflow(a_.rows, a_.cols)), sub_down(1, gamma)));
    const View<const W> gram = {g.data(), c_, c_, c_};
    search(gram, false);
    NormBracket bracket = {
        lower_, sqrt_up(absolute_squared_), LATHE_CERTIFICATE_RIGOROUS, 0, "entry_norms", 1, 0};
    if (bracket.upper <= (1 + options_.tolerance) * lower_)
      return bracket; // diagonal, permutation, rank one: the free bound is already sharp
    const double gram_error =
        add_up(mul_up(gamma, absolute_squared_), gram_underflow(a_.rows, a_.cols));
    const double upper = certify(gram, trace, gram_error, work.data());
    bracket.lower = lower_; // a failed factorisation names a better vector
    if (upper < bracket.upper) {
      bracket.upper = upper;
      bracket.method = "cholesky";
    }
    return bracket;
  }

  NormBracket by_gram() {
    GramIteration<W> iteration(a_);
    const double squares = sum_of_squares(a_);
    const double lost = 4 * static_cast<double>(a_.rows * a_.cols) * smallest_subnormal;
    bound_absolute(
        mul_up(add_up(squares, lost), add_up(1, gamma_up(2 + sum_of_squares_terms(a_)))));
    iteration.step();
    search(iteration.iterate(), false);
    while (iteration.steps() < options_.gram_steps)
      iteration.step();
    NormBracket bracket = {lower_, 0, LATHE_CERTIFICATE_RIGOROUS, 0, "gram", iteration.steps(), 0};
    if (options_.method == DenseNormMethod::moment) {
      bracket.upper = iteration.moment();
      bracket.method = "moment";
    } else {
      bracket.upper = iteration.upper(true);
    }
    return bracket;
  }

  [[nodiscard]] const std::vector<W> &witness() const noexcept { return witness_; }

private:
  static constexpr int lanczos_steps = 200;
  static constexpr int max_attempts = 12;

  /// absolute_squared_ ≥ ‖|A|‖₂², from ‖A‖_F² and ‖A‖₁‖A‖_∞.
  void bound_absolute(double frobenius_squared) {
    absolute_squared_ = std::min(frobenius_squared, one_infinity_product_up(a_));
  }

  /// Largest eigenvalue of the Gram matrix from below; keeps the vector with the best ‖Av‖/‖v‖.
  /// Returns whether the eigenvalue rose.
  bool search(View<const W> gram, bool warm) {
    LanczosOptions lanczos;
    const double floor = 2 * static_cast<double>(c_) * unit_roundoff;
    lanczos.tolerance = std::max(0.25 * options_.tolerance, floor);
    lanczos.seed = options_.seed;
    lanczos.max_steps = lanczos_steps;
    const LanczosResult found = lanczos_.run(gram, lanczos, x_.data(), warm);
    report_.lanczos_products += found.products;
    const double lower = quotient_down(x_.data());
    if (lower > lower_ || witness_.empty()) {
      lower_ = lower;
      witness_ = x_;
    }
    const bool rose = quotient_ > eigenvalue_ * (1 + 4 * unit_roundoff);
    eigenvalue_ = std::max(eigenvalue_, quotient_);
    return rose;
  }

  /// ‖Av‖/‖v‖ rounded down: |fl(Av) − Av| ≤ γ_c·|A||v|, and ‖|A||v|‖ ≤ ‖|A|‖₂‖v‖.
  double quotient_down(const W *v) {
    dense::gemv<W>(tall_ ? 'N' : 'C', a_.rows, a_.cols, 1, a_.data, a_.ld, v, 0, image_.data());
    const NormInterval image = norm_of(k_, image_.data());
    const double norm = norm_of(c_, v).upper;
    quotient_ = norm > 0 ? (image.lower / norm) * (image.lower / norm) : 0;
    const double gamma = dot_gamma<W>(static_cast<double>(c_) + 2);
    const double underflow =
        8 * static_cast<double>(k_) * static_cast<double>(c_ + 1) * smallest_subnormal;
    const double error = add_up(mul_up(mul_up(gamma, sqrt_up(absolute_squared_)), norm), underflow);
    const double numerator = sub_down(image.lower, error);
    return numerator > 0 && norm > 0 ? down(numerator / norm) : 0.0;
  }

  /// Rigorous upper bound by shifted Cholesky; +∞ when every attempt failed.
  double certify(View<const W> gram, double trace, double gram_error, W *work) {
    std::vector<W> panel(c_ > cholesky_block ? c_ * cholesky_block : 0);
    const double c = static_cast<double>(c_);
    double margin = (4 * c + 32) * unit_roundoff;
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
      const double goal = lower_ * (1 + options_.tolerance);
      const double least = eigenvalue_ * (1 + margin);
      const double most = std::max(goal * goal, least);
      const double slack =
          gram_error + cholesky_slack<W>(c_, c * most - trace, most) + 4 * unit_roundoff * most;
      // The margin covers the roundings from here to the square root of the result.
      const double tau = std::max(goal * goal * (1 - 16 * unit_roundoff) - slack, least);
      const ShiftedCholesky tried = shifted_cholesky<W>(gram, tau, work, panel.data(), x_.data());
      ++report_.factorizations;
      if (tried.positive) {
        const double upper = sqrt_up(add_up(tried.upper, gram_error));
        return upper <= goal ? upper : std::min(upper, sharpen(tau, work));
      }
      // The factorisation's own rounding, or a top eigenvector that Lanczos has missed: only in the
      // second case does its direction of negative curvature raise the eigenvalue.
      if (!search(gram, true))
        margin = 2 * margin + 2 * slack / least;
    }
    return std::numeric_limits<double>::infinity();
  }

  /// Both ends anew, without the a-priori bounds of rounding: the quotient of the witness with
  /// products in twice the precision, √(τ + ‖residual‖) of the factor.
  double sharpen(double tau, const W *factor) {
    std::vector<W> adjoint(tall_ ? 0 : k_ * c_);
    View<const W> tall = a_;
    if (!tall_) {
      for (std::size_t j = 0; j < k_; ++j)
        for (std::size_t i = 0; i < c_; ++i)
          if constexpr (dense::is_complex<W>)
            adjoint[j + i * k_] = std::conj(a_(i, j));
          else
            adjoint[j + i * k_] = a_(i, j);
      tall = {adjoint.data(), k_, c_, k_};
    }
    lower_ = std::max(lower_, quotient_lower<W>(tall, witness_.data(), sqrt_up(absolute_squared_)));
    return sqrt_up(residual_bound<W>(tall, tau, {factor, c_, c_, c_}));
  }

  View<const W> a_;
  const DenseNormOptions &options_;
  DenseNormReport &report_;
  bool tall_;
  std::size_t c_, k_;
  HermitianLanczos<W> lanczos_;
  std::vector<W> x_, image_, witness_;
  double absolute_squared_ = 0, lower_ = 0;
  double quotient_ = 0;   // ‖Av‖²/‖v‖² of the last vector
  double eigenvalue_ = 0; // the largest of them
};

/// A row or a column: its Euclidean norm.
template <class W> NormBracket vector_bracket(View<const W> a) {
  std::vector<W> x(a.rows * a.cols);
  for (std::size_t j = 0; j < a.cols; ++j)
    std::copy(a.column(j), a.column(j) + a.rows, x.begin() + static_cast<long>(j * a.rows));
  if (x.size() == 1 && !dense::is_complex<W>)
    return exact_bracket(std::abs(x[0]), std::abs(x[0]));
  const NormInterval norm = norm_of(x.size(), x.data());
  return exact_bracket(norm.lower, norm.upper);
}

} // namespace

template <class T>
NormBracket dense_norm(View<const T> a, const DenseNormOptions &options, DenseNormReport *report,
                       std::vector<Wide<T>> *witness) {
  using W = Wide<T>;
  DenseNormReport local;
  DenseNormReport &result = report ? *report : local;
  result = {};
  if (!(options.tolerance > 0))
    return refuse(result, DenseNormStatus::bad_tolerance,
                  "tolerance is %g; it must be positive (DenseNormOptions::tolerance)",
                  options.tolerance);
  if (options.method != DenseNormMethod::cholesky &&
      (options.gram_steps < 1 || options.gram_steps > max_gram_steps))
    return refuse(result, DenseNormStatus::bad_gram_steps,
                  "gram_steps is %d; allowed: 1 to %d (DenseNormOptions::gram_steps)",
                  options.gram_steps, max_gram_steps);
  const EntryScan scan = scan_entries(a);
  if (!scan.finite) {
    result.row = scan.row;
    result.column = scan.column;
    return refuse(result, DenseNormStatus::not_finite,
                  "entry (%zu, %zu) is %g%+gi; it must be finite", scan.row, scan.column,
                  static_cast<double>(std::real(a(scan.row, scan.column))),
                  static_cast<double>(std::imag(a(scan.row, scan.column))));
  }
  const std::size_t c = std::min(a.rows, a.cols);
  if (scan.largest == 0) {
    if (witness)
      witness->assign(c, W(1 / std::sqrt(static_cast<double>(std::max<std::size_t>(c, 1)))));
    return exact_bracket(0, 0);
  }
  const ScaledMatrix<T> scaled(a, scan.largest);
  NormBracket bracket;
  if (c == 1) {
    bracket = vector_bracket(scaled.view());
    if (witness)
      witness->assign(1, W(1));
  } else {
    Bracketer<W> bracketer(scaled.view(), options, result);
    bracket =
        options.method == DenseNormMethod::cholesky ? bracketer.by_cholesky() : bracketer.by_gram();
    if (witness)
      *witness = bracketer.witness();
  }
  if (scaled.exponent() != 0) {
    // Entries that underflowed while scaling moved the norm by at most √(mn)·2⁻¹⁰⁷⁴ of a norm ≥ 1.
    const bool exact = scaled.exact();
    bracket.lower = ldexp_down(exact ? bracket.lower : down(bracket.lower), scaled.exponent());
    bracket.upper = ldexp_up(exact ? bracket.upper : up(bracket.upper), scaled.exponent());
  }
  return bracket;
}

#define LATHE_INSTANTIATE(T)                                                                       \
  template NormBracket dense_norm<T>(View<const T>, const DenseNormOptions &, DenseNormReport *,   \
                                     std::vector<Wide<T>> *);
LATHE_INSTANTIATE(float)
LATHE_INSTANTIATE(double)
LATHE_INSTANTIATE(std::complex<float>)
LATHE_INSTANTIATE(std::complex<double>)
#undef LATHE_INSTANTIATE

} // namespace lathe::lipschitz
