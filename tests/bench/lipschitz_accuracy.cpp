// SPDX-License-Identifier: BSD-2-Clause
// Worst errors of the spectral-norm family against 50 digits, beside LAPACK's and those of plain
// Gram iteration, which promises an upper bound and ignores rounding. No timing.
//   bench_lipschitz_accuracy [cases]
#include "lipschitz/conv_norm.h"
#include "lipschitz/dense_norm.h"
#include "lipschitz/gram_iteration.h"
#include "timing.h"
#include "unit/lipschitz/conv_cases.h"
#include "unit/lipschitz/high_precision.h"
#include "unit/lipschitz/special_matrices.h"
#include <cmath>
#include <cstdlib>
#include <slepcsys.h>

namespace {

using namespace lathe;
using namespace lathe::lipschitz;
using test::Matrix;
using test::Mp;

/// ‖A‖_F and t products in plain double precision, rescaled through logarithms as published.
double plain_gram(const Matrix<double> &a, int steps) {
  Matrix<double> m = a;
  double log_scale = 0;
  const auto frobenius = [&m] {
    double s = 0;
    for (const double e : m.entries)
      s += e * e;
    return std::sqrt(s);
  };
  for (int t = 0; t < steps; ++t) {
    const double norm = frobenius();
    for (double &e : m.entries)
      e /= norm;
    log_scale = 2 * (log_scale + std::log(norm));
    Matrix<double> g(m.cols, m.cols);
    dense::gemm('C', 'N', m.cols, m.cols, m.rows, 1.0, m.entries.data(), m.rows, m.entries.data(),
                m.rows, 0.0, g.entries.data(), m.cols);
    m = g;
  }
  const double root = std::ldexp(1.0, -steps);
  return std::exp(root * log_scale) * std::pow(frobenius(), root);
}

struct Worst {
  double width = 0, schatten = 0, gradient = 0;
  int outside = 0, lapack_below = 0, gram_outside = 0, plain_below = 0;
};

double distance(double x, const Mp &exact) {
  return static_cast<double>(abs(Mp(x) / exact - 1));
}

void dense_case(std::uint64_t seed, Worst &worst) {
  const std::size_t m = 2 + random::below(7, seed, 50, 0), n = 2 + random::below(7, seed, 50, 1);
  const Matrix<double> a = test::gaussian<double>(m, n, seed);
  const test::MpMatrix x = test::embed(a.view());
  const Mp exact = test::spectral_norm(x);
  const Mp low = exact * (1 - Mp(test::mp_accuracy)), high = exact * (1 + Mp(test::mp_accuracy));
  const NormBracket b = dense_norm(a.view());
  worst.outside += Mp(b.upper) < low || Mp(b.lower) > high ? 1 : 0;
  worst.width = std::max(worst.width, relative_width(b) / static_cast<double>(std::min(m, n)));
  Matrix<double> copy = a;
  std::vector<double> s(std::min(m, n));
  dense::singular_values<double>(m, n, copy.entries.data(), m, s.data());
  worst.lapack_below += Mp(s[0]) < low ? 1 : 0;
  const int t = static_cast<int>(random::below(11, seed, 50, 2));
  const Mp schatten = test::schatten_norm(x, t, 1);
  worst.schatten = std::max(worst.schatten, distance(gram_bound(a.view(), t), schatten) / (t + 1));
  worst.gram_outside += Mp(gram_upper_bound(a.view(), t)) < low ? 1 : 0;
  worst.plain_below += Mp(plain_gram(a, 12)) < low ? 1 : 0;
  std::vector<double> gradient(m * n);
  const test::MpMatrix truth = test::schatten_gradient(x, t, 1);
  (void)gram_gradient(a.view(), t, gradient.data(), m);
  Mp difference = 0, size = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const Mp d = Mp(gradient[i]) - truth.entries[i];
    difference += d * d;
    size += truth.entries[i] * truth.entries[i];
  }
  worst.gradient = std::max(worst.gradient, static_cast<double>(sqrt(difference / size)));
}

PetscErrorCode Convolutions(std::uint64_t cases, double &width, int &outside) {
  PetscFunctionBeginUser;
  for (std::uint64_t i = 0; i < cases; ++i) {
    const auto mode = i % 2 ? LATHE_PADDING_CIRCULAR : LATHE_PADDING_ZEROS;
    const test::Layer l =
        test::normal_layer(1 + static_cast<PetscInt>(i % 2), 2, 2, 2, 1, mode, 900 + i);
    const test::DenseOperator<> op = test::explicit_operator(l);
    test::MpMatrix x(op.rows, op.cols);
    std::copy(op.a.begin(), op.a.end(), x.entries.begin());
    const Mp exact = test::spectral_norm(x);
    LatheNormBracket b{};
    const LatheConvolution view = l.view();
    PetscCall(LatheConvolutionNormBracket(PETSC_COMM_SELF, &view, nullptr, &b));
    outside += Mp(b.upper) < exact * (1 - Mp(test::mp_accuracy)) ||
                       Mp(b.lower) > exact * (1 + Mp(test::mp_accuracy))
                   ? 1
                   : 0;
  }
  const test::Layer wide = test::normal_layer(64, 64, 3, 32, 1, LATHE_PADDING_CIRCULAR, 4);
  const LatheConvolution view = wide.view();
  const LatheConvolutionOptions tight = {LATHE_CONVOLUTION_CHOLESKY, 1e-12, 5};
  LatheNormBracket b{};
  PetscCall(LatheConvolutionNormBracket(PETSC_COMM_SELF, &view, &tight, &b));
  width = relative_width(b);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

// What GMP throws for want of memory ends the process, as it should.
int main(int argc, char **argv) { // NOLINT(bugprone-exception-escape)
  PetscFunctionBeginUser;
  PetscCall(SlepcInitialize(&argc, &argv, nullptr, nullptr));
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2000;
  Worst worst;
  for (std::uint64_t seed = 0; seed < cases; ++seed)
    dense_case(7000000 + seed, worst);
  double width = 0;
  int outside = 0;
  PetscCall(Convolutions(cases / 10, width, outside));
  const std::string dense = std::to_string(cases) + " dense matrices, 50 digits";
  const auto share = [cases](int count) { return count / static_cast<double>(cases); };
  bench::accuracy_line("norm outside its bracket", dense, share(worst.outside), "share of cases", 0,
                       "gesdd below the norm", share(worst.lapack_below));
  bench::accuracy_line("norm above the Gram bound", dense, share(worst.gram_outside),
                       "share of cases", 0, "plain Gram iteration", share(worst.plain_below));
  bench::accuracy_line("width of the bracket", dense, worst.width, "relative, over min(m, n)",
                       1e-13);
  bench::accuracy_line("Schatten bound B_t, t to 10", dense, worst.schatten, "relative, over t + 1",
                       4e-15);
  bench::accuracy_line("gradient of B_t", dense, worst.gradient, "relative", 1e-12);
  bench::accuracy_line("norm outside its bracket",
                       std::to_string(cases / 10) + " convolutions, 50 digits",
                       outside / static_cast<double>(cases / 10), "share of cases", 0);
  bench::accuracy_line("width of the bracket", "convolution 64x64x3x3, n = 32", width, "relative",
                       1e-12);
  PetscCall(SlepcFinalize());
  return worst.outside + worst.gram_outside + outside == 0 ? 0 : 1;
}
