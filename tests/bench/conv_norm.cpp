// SPDX-License-Identifier: BSD-2-Clause
// Norm of a convolution: the certified bracket against LAPACK (zgesdd, values only) at every
// half-spectrum frequency and against plain batched Gram iteration (five products in single
// precision, as lip4conv does), in one process, one thread, alternating.
//   bench_conv_norm [repeats]
#include "bench/timing.h"
#include "core/dense.h"
#include "core/random.h"
#include "lipschitz/conv_gram.h"
#include "lipschitz/conv_norm.h"
#include <cmath>
#include <cstdlib>
#include <slepcsys.h>

namespace {

using namespace lathe;
using namespace lathe::lipschitz;

struct Case {
  PetscInt cout, cin, k, n;
  double svd_bar, gram_bar;
};

// Five Gram products of each symbol in single precision, normalised by the Frobenius norm.
float plain_gram(const Symbol &s, const Complex *d) {
  using Z = std::complex<float>;
  static std::vector<Z> m, next;
  m.assign(d, d + s.rows * s.cols);
  float log_norm = 0;
  std::size_t inner = s.rows;
  for (int t = 0; t < 5; ++t) {
    float norm = 0;
    for (const Z &z : m)
      norm += std::norm(z);
    norm = std::sqrt(norm);
    if (norm == 0)
      return 0;
    for (Z &z : m)
      z /= norm;
    log_norm = 2 * (log_norm + std::log(norm));
    next.resize(s.cols * s.cols);
    dense::gemm('C', 'N', s.cols, s.cols, inner, Z(1), m.data(), inner, m.data(), inner, Z(0),
                next.data(), s.cols);
    m.swap(next);
    inner = s.cols;
  }
  float norm = 0;
  for (const Z &z : m)
    norm += std::norm(z);
  return std::exp(log_norm / 32) * std::pow(std::sqrt(norm), 1.0F / 32);
}

PetscErrorCode Run(const Case &c, int repeats) {
  std::vector<double> w(static_cast<std::size_t>(c.cout * c.cin * c.k * c.k));
  PetscFunctionBegin;
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = random::normal(31, 0, i) / std::sqrt(static_cast<double>(c.cin * c.k * c.k));
  const LatheConvolution layer = {2,
                                  c.cout,
                                  c.cin,
                                  1,
                                  {c.k, c.k, 1},
                                  {1, 1, 1},
                                  {1, 1, 1},
                                  {c.k / 2, c.k / 2, 0},
                                  LATHE_PADDING_CIRCULAR,
                                  {c.n, c.n, 1},
                                  w.data()};
  const ConvolutionGeometry g = convolution_geometry(layer);
  const ConvolutionTorus torus = convolution_torus(g);
  LatheNormBracket bracket{};
  SpectrumPeak svd, gram;
  const auto ours = [&] {
    (void)LatheConvolutionNormBracket(PETSC_COMM_SELF, &layer, nullptr, &bracket);
  };
  const auto lapack = [&] {
    (void)SweepSpectrum(PETSC_COMM_SELF, g, w.data(), 0, torus.extent, lapack_norm, &svd, nullptr);
  };
  const auto plain = [&] {
    (void)SweepSpectrum(PETSC_COMM_SELF, g, w.data(), 0, torus.extent, plain_gram, &gram, nullptr);
  };
  const int svd_repeats = c.cin >= 256 ? 1 : repeats; // zgesdd takes ten seconds there
  const bench::Comparison a = bench::alternate(svd_repeats, ours, lapack);
  const bench::Comparison b = bench::alternate(c.cin >= 256 ? 3 : repeats, ours, plain);
  const std::string size = std::to_string(c.cout) + "x" + std::to_string(c.cin) + "x" +
                           std::to_string(c.k) + "x" + std::to_string(c.k) + "_n" +
                           std::to_string(c.n);
  const bool correct =
      bracket.lower <= svd.value * (1 + 1e-13) && bracket.upper >= svd.value * (1 - 1e-13);
  std::printf("%-18s bracket %.4f s [%.4f, %.4f] width %.1e | zgesdd %.4f s: %.1fx [%.1f, %.1f] "
              "(bar %g) | Gram f32 %.4f s, error %+.1e: %.1fx [%.1f, %.1f] (bar %g) | %s\n",
              size.c_str(), b.ours.median, b.ours.min, b.ours.max, relative_width(bracket),
              a.peer.median, a.ratio.median, a.ratio.min, a.ratio.max, c.svd_bar, b.peer.median,
              gram.value / svd.value - 1, b.ratio.median, b.ratio.min, b.ratio.max, c.gram_bar,
              correct ? "correct" : "WRONG");
  bench::bench_line("conv_norm", size, a, "zgesdd", c.svd_bar);
  bench::bench_line("conv_norm", size, b, "gram_f32_t5", c.gram_bar);
  std::fflush(stdout);
  PetscCheck(correct, PETSC_COMM_SELF, PETSC_ERR_PLIB, "bracket misses LAPACK's value");
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The 3×3 and 7×7 layers of ResNet-18 at 224×224, with their true zero padding and strides.
PetscErrorCode ResNet18() {
  struct Entry {
    PetscInt cout, cin, k, stride, n;
    int times;
  };
  double total = 0;
  PetscFunctionBegin;
  for (const Entry &e :
       {Entry{64, 3, 7, 2, 224, 1}, Entry{64, 64, 3, 1, 56, 4}, Entry{128, 64, 3, 2, 56, 1},
        Entry{128, 128, 3, 1, 28, 3}, Entry{256, 128, 3, 2, 28, 1}, Entry{256, 256, 3, 1, 14, 3},
        Entry{512, 256, 3, 2, 14, 1}, Entry{512, 512, 3, 1, 7, 3}}) {
    std::vector<double> w(static_cast<std::size_t>(e.cout * e.cin * e.k * e.k));
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] = random::normal(37, 0, i) / std::sqrt(static_cast<double>(e.cin * e.k * e.k));
    const LatheConvolution layer = {2,
                                    e.cout,
                                    e.cin,
                                    1,
                                    {e.k, e.k, 1},
                                    {e.stride, e.stride, 1},
                                    {1, 1, 1},
                                    {e.k / 2, e.k / 2, 0},
                                    LATHE_PADDING_ZEROS,
                                    {e.n, e.n, 1},
                                    w.data()};
    LatheNormBracket b{};
    PetscErrorCode code = PETSC_SUCCESS;
    const double t = bench::seconds(
        [&] { code = LatheConvolutionNormBracket(PETSC_COMM_SELF, &layer, nullptr, &b); });
    PetscCall(code);
    total += t * e.times;
    std::printf("ResNet-18 %ldx%ldx%ldx%ld s%ld n%ld: %.3f s, [%.6f, %.6f] %s\n",
                static_cast<long>(e.cout), static_cast<long>(e.cin), static_cast<long>(e.k),
                static_cast<long>(e.k), static_cast<long>(e.stride), static_cast<long>(e.n), t,
                b.lower, b.upper, b.method);
  }
  std::printf("ResNet-18, 17 layers, zero padding: %.3f s\n", total);
  std::printf("BENCH\tconv_norm_resnet18\tzeros\t%.6g\tnone\t0\t0\t0\n", total);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  PetscFunctionBeginUser;
  PetscCall(SlepcInitialize(&argc, &argv, nullptr, nullptr));
  const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  int rank = 0;
  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  for (const Case &c :
       {Case{64, 64, 3, 32, 10, 10}, Case{64, 64, 3, 56, 10, 20}, Case{64, 3, 7, 224, 15, 15},
        Case{128, 128, 3, 32, 15, 15}, Case{256, 256, 3, 32, 15, 15}})
    if (rank == 0)
      PetscCall(Run(c, repeats));
  if (rank == 0)
    PetscCall(ResNet18());
  PetscCall(SlepcFinalize());
  PetscFunctionReturn(PETSC_SUCCESS);
}
