// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/hermitian_upper.h"
#include "lipschitz/hermitian_lanczos.h"
#include "lipschitz/rounding.h"
#include "lipschitz/shifted_cholesky.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::lipschitz {
namespace {

constexpr int max_attempts = 12;

} // namespace

template <class T>
HermitianTop<T> hermitian_top(dense::View<const T> g, double tolerance, double error,
                              const T *start, std::uint64_t seed) {
  const std::size_t n = g.rows;
  HermitianTop<T> top;
  top.upper = std::numeric_limits<double>::infinity();
  std::vector<T> x(n), work(n * n), panel(n > cholesky_block ? n * cholesky_block : 0);
  if (start)
    std::copy_n(start, n, x.begin());
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i)
    trace += std::real(g(i, i));
  const double order = static_cast<double>(n);
  HermitianLanczos<T> lanczos(n);
  LanczosOptions options;
  options.tolerance = std::max(0.1 * tolerance, 2 * order * unit_roundoff);
  options.seed = seed;
  const auto search = [&](bool warm) { // whether the quotient rose
    const LanczosResult found = lanczos.run(g, options, x.data(), warm);
    const bool rose = found.value > top.quotient * (1 + 4 * unit_roundoff);
    if (rose || top.x.empty()) {
      top.quotient = std::max(found.value, 0.0);
      top.x = x;
    }
    return rose;
  };
  search(start != nullptr);
  double margin = (4 * order + 32) * unit_roundoff;
  for (; top.factorizations < max_attempts && top.quotient > 0; ++top.factorizations) {
    const double goal = top.quotient * (1 + 0.9 * tolerance);
    const double least = top.quotient * (1 + margin);
    const double most = std::max(goal, least);
    const double slack =
        error + cholesky_slack<T>(n, order * most - trace, most) + 4 * unit_roundoff * most;
    const double tau = std::max(goal * (1 - 16 * unit_roundoff) - slack, least);
    const ShiftedCholesky tried = shifted_cholesky<T>(g, tau, work.data(), panel.data(), x.data());
    if (tried.positive) {
      top.upper = tried.upper;
      ++top.factorizations;
      break;
    }
    // The factorisation's own rounding, or an eigenvector that Lanczos has missed: only in the
    // second case does the direction of negative curvature raise the quotient.
    if (!search(true))
      margin = 2 * margin + 2 * slack / least;
  }
  return top;
}

double hermitian_upper(std::size_t n, const double *b) {
  double largest = 0;
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      const double x = std::abs(b[i + j * n]);
      if (!std::isfinite(x))
        return std::numeric_limits<double>::infinity();
      largest = std::max(largest, x);
    }
  if (largest == 0)
    return 0;
  const int exponent = std::ilogb(largest);
  std::vector<double> g(n * n);
  double square = 0;
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      const double v = g[i + j * n] = std::ldexp(b[i + j * n], -exponent);
      square += (i == j ? 1 : 2) * v * v;
    }
  const auto count = static_cast<double>(n) * static_cast<double>(n);
  const double frobenius = sqrt_up(mul_up(square, add_up(1, 2 * gamma_up(count + 2))));
  const HermitianTop<double> top = hermitian_top<double>({g.data(), n, n, n}, 1e-14);
  return up(std::ldexp(std::min(frobenius, top.upper), exponent)); // may round a subnormal
}

template HermitianTop<double> hermitian_top<double>(dense::View<const double>, double, double,
                                                    const double *, std::uint64_t);
template HermitianTop<std::complex<double>>
hermitian_top<std::complex<double>>(dense::View<const std::complex<double>>, double, double,
                                    const std::complex<double> *, std::uint64_t);

} // namespace lathe::lipschitz
