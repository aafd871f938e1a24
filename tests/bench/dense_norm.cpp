// SPDX-License-Identifier: BSD-2-Clause
// Certified dense bracket against LAPACK's values-only gesdd on Gaussian matrices, one BLAS thread.
// Gate: the bracket holds LAPACK's value (up to its own error), is rigorous and as narrow as asked.
#include "lipschitz/dense_norm.h"
#include "timing.h"
#include "unit/lipschitz/dense_matrices.h"
#include <cmath>
#include <cstdlib>
#include <limits>

using namespace lathe;
using namespace lathe::lipschitz;
using test::Matrix;

namespace {

int failures = 0;

template <class T>
void compare(const char *scalar, std::size_t m, std::size_t n, int repeats, double bar) {
  const Matrix<T> a = test::gaussian<T>(m, n, 7 * m + n);
  DenseNormOptions options;
  options.tolerance = 1e-10;
  NormBracket bracket{};
  DenseNormReport report;
  std::vector<dense::Real<T>> s(std::min(m, n));
  Matrix<T> copy = a;
  const auto ours = [&] { bracket = dense_norm(a.view(), options, &report); };
  const auto peer = [&] {
    copy.entries = a.entries;
    dense::singular_values<T>(m, n, copy.entries.data(), m, s.data());
  };
  const bench::Comparison c = bench::alternate(repeats, ours, peer);
  // What BLAS alone needs for the same matrix: the rank-k update at its own rate.
  const bool tall = m >= n;
  const std::size_t small = std::min(m, n), large = std::max(m, n);
  Matrix<Wide<T>> wide(m, n), g(small, small);
  std::copy(a.entries.begin(), a.entries.end(), wide.entries.begin());
  std::vector<double> rank_k;
  for (int i = 0; i < repeats; ++i)
    rank_k.push_back(bench::seconds([&] {
      dense::herk<Wide<T>>('L', tall ? 'C' : 'N', small, large, 1, wide.entries.data(), m, 0,
                           g.entries.data(), small);
    }));
  const double flops = (dense::is_complex<T> ? 4.0 : 1.0) * static_cast<double>(small * small) *
                       static_cast<double>(large);
  const double herk = bench::spread(rank_k).median;
  const double eps = std::numeric_limits<dense::Real<T>>::epsilon();
  const double lapack = static_cast<double>(s[0]);
  const double width = relative_width(bracket);
  const double error = 10 * std::sqrt(static_cast<double>(large)) * eps; // LAPACK's own
  const bool holds = bracket.lower <= lapack * (1 + error) &&
                     lapack <= bracket.upper * (1 + error) && width <= options.tolerance * 1.001 &&
                     bracket.certificate == LATHE_CERTIFICATE_RIGOROUS;
  failures += holds ? 0 : 1;
  const std::string size = std::to_string(m) + "x" + std::to_string(n);
  std::printf("%-16s %-10s %9.4f %9.4f %6.2f [%5.2f, %5.2f]  %9.4f %6.1f  %8.1e %4d %2d  %s\n",
              scalar, size.c_str(), c.ours.median, c.peer.median, c.ratio.median, c.ratio.min,
              c.ratio.max, herk, flops / herk * 1e-9, width, report.lanczos_products,
              report.factorizations, holds ? "ok" : "GATE FAILED");
  bench::bench_line(std::string("dense_norm_") + scalar, size, c, "gesdd_values", bar);
}

} // namespace

/// Optional argument: largest min(m, n) to run.
int main(int argc, char **argv) {
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  const std::size_t limit = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100000;
  std::printf("%-16s %-10s %9s %9s %6s %14s  %9s %6s  %8s %4s %2s\n", "scalar", "size", "ours s",
              "gesdd s", "ratio", "[min, max]", "herk s", "GF/s", "width", "lz", "ch");
  const auto run = [&](auto tag, const char *scalar, std::size_t m, std::size_t n, int repeats,
                       double bar) {
    if (std::min(m, n) <= limit)
      compare<decltype(tag)>(scalar, m, n, repeats, bar);
  };
  run(double{}, "double", 64, 64, 31, 0);
  run(double{}, "double", 512, 512, 11, 2.5);
  run(double{}, "double", 1024, 1024, 7, 4);
  run(double{}, "double", 2048, 512, 7, 0);
  run(double{}, "double", 2000, 2000, 7, 6);
  run(float{}, "float", 512, 512, 11, 0);
  run(float{}, "float", 1024, 1024, 7, 0);
  run(std::complex<double>{}, "complex_double", 512, 512, 7, 0);
  run(std::complex<double>{}, "complex_double", 1024, 1024, 7, 0);
  run(std::complex<float>{}, "complex_float", 512, 512, 7, 0);
  return failures == 0 ? 0 : 1;
}
