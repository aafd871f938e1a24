// SPDX-License-Identifier: BSD-2-Clause
// Norm of a convolution: the certified bracket against LAPACK (zgesdd, values only) at every
// half-spectrum frequency and against plain Gram iteration (five products in single precision) as
// lip4conv publishes it, in PyTorch where that is installed and on the same BLAS as ours; one
// thread, alternating. On more than one rank: the share of the ideal speedup.
//   [mpiexec -n 2] bench_conv_norm [repeats]
#include "bench/peer_process.h"
#include "bench/ranks.h"
#include "bench/timing.h"
#include "core/dense.h"
#include "core/random.h"
#include "lipschitz/conv_gram.h"
#include "lipschitz/conv_norm.h"
#include <cmath>
#include <cstdlib>
#include <functional>
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

std::vector<double> normal_weights(std::uint64_t seed, PetscInt cout, PetscInt cin, PetscInt k) {
  std::vector<double> w(static_cast<std::size_t>(cout * cin * k * k));
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = random::normal(seed, 0, i) / std::sqrt(static_cast<double>(cin * k * k));
  return w;
}

LatheConvolution square_layer(const std::vector<double> &w, PetscInt cout, PetscInt cin, PetscInt k,
                              PetscInt stride, PetscInt n, LathePadding mode) {
  return {2,    cout,      cin,     1, {k, k, 1}, {stride, stride, 1}, {1, 1, 1}, {k / 2, k / 2, 0},
          mode, {n, n, 1}, w.data()};
}

// Operations per second of a large real product on this thread.
template <class T> double gemm_rate() {
  constexpr std::size_t n = 512;
  std::vector<T> a(n * n, T(0.5)), b(n * n, T(0.25)), c(n * n);
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const double t = bench::seconds(
        [&] { dense::gemm<T>('N', 'N', n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n); });
    best = std::max(best, 2.0 * n * n * n / t);
  }
  return best;
}

// Seconds that the operations of the bracket take at the rate of matrix products: coefficients in
// double precision; Gram matrices and Cholesky factorisations in single.
double hardware_bound(const Case &c, const Lattice &extent) {
  const auto small = static_cast<double>(std::min(c.cin, c.cout));
  const auto large = static_cast<double>(std::max(c.cin, c.cout)), k = static_cast<double>(c.k);
  const double taps = k * k, offsets = (2 * k - 1) * (2 * k - 1);
  const auto frequencies = static_cast<double>(HalfSpectrum(extent).size());
  return (taps * taps + taps) * small * small * large / gemm_rate<double>() +
         frequencies * (small * small * offsets + 4.0 / 3 * small * small * small) /
             gemm_rate<float>();
}

// lip4conv's method as its users run it; ratio 0 without PyTorch.
bench::Comparison against_torch(const Case &c, const std::vector<double> &w, int repeats,
                                const std::function<void()> &ours, double *value) {
  static bench::PeerProcess peer("/usr/bin/python3", LATHE_TORCH_GRAM);
  bench::Comparison result;
  if (!peer.alive())
    return result;
  (void)peer.ask("load " + std::to_string(c.cout) + " " + std::to_string(c.cin) + " " +
                     std::to_string(c.k) + " " + std::to_string(c.n),
                 w);
  std::vector<double> a, b, r;
  for (int i = 0; i <= repeats; ++i) {
    const double mine = bench::seconds(ours);
    double theirs = 0;
    if (std::sscanf(peer.ask("run 5").c_str(), "%lf %lf", &theirs, value) != 2)
      return {};
    if (i == 0)
      continue; // warm-up
    a.push_back(mine);
    b.push_back(theirs);
    r.push_back(theirs / mine);
  }
  return r.empty() ? result
                   : bench::Comparison{bench::spread(a), bench::spread(b), bench::spread(r)};
}

PetscErrorCode Run(const Case &c, int repeats) {
  PetscFunctionBegin;
  const std::vector<double> w = normal_weights(31, c.cout, c.cin, c.k);
  const LatheConvolution layer =
      square_layer(w, c.cout, c.cin, c.k, 1, c.n, LATHE_PADDING_CIRCULAR);
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
  const bool large = c.cin >= 256; // zgesdd takes ten seconds there
  const bench::Comparison a = bench::alternate(large ? 1 : repeats, ours, lapack);
  const bench::Comparison b = bench::alternate(large ? 3 : repeats, ours, plain);
  double torch = 0;
  const bench::Comparison t = against_torch(c, w, large ? 3 : repeats, ours, &torch);
  const std::string size = std::to_string(c.cout) + "x" + std::to_string(c.cin) + "x" +
                           std::to_string(c.k) + "x" + std::to_string(c.k) + "_n" +
                           std::to_string(c.n);
  const bool correct =
      bracket.lower <= svd.value * (1 + 1e-13) && bracket.upper >= svd.value * (1 - 1e-13);
  const auto row = [](const char *peer, const bench::Comparison &x, double error, double bar) {
    std::printf("  %-12s %9.4f s, error %+.1e: %5.1fx [%.1f, %.1f] (bar %g)\n", peer, x.peer.median,
                error, x.ratio.median, x.ratio.min, x.ratio.max, bar);
  };
  std::printf("%-18s bracket %.4f s [%.4f, %.4f], %.4f s at the rate of products; width %.1e, %s\n",
              size.c_str(), b.ours.median, b.ours.min, b.ours.max, hardware_bound(c, torus.extent),
              relative_width(bracket), correct ? "correct" : "WRONG");
  row("zgesdd", a, 0, c.svd_bar);
  row("Gram, BLAS", b, gram.value / svd.value - 1, c.gram_bar);
  bench::bench_line("conv_norm", size, a, "zgesdd", c.svd_bar);
  bench::bench_line("conv_norm", size, b, "gram_f32_t5_blas", 0);
  if (t.ratio.median > 0) {
    row("Gram, torch", t, torch / svd.value - 1, c.gram_bar);
    bench::bench_line("conv_norm", size, t, "gram_f32_t5_torch", c.gram_bar);
  }
  std::fflush(stdout);
  PetscCheck(correct, PETSC_COMM_SELF, PETSC_ERR_PLIB, "bracket misses LAPACK's value");
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The convolutions of ResNet-18 at 224×224, shortcuts included, with their true zero padding and
// strides. The peer in PyTorch knows no strides: it gets the frequencies of the strided torus, but
// not the s² times as many columns that the symbol has there.
PetscErrorCode ResNet18() {
  struct Entry {
    PetscInt cout, cin, k, stride, n;
    int times;
  };
  double total = 0, peer_total = 0, torch_total = 0;
  PetscFunctionBegin;
  for (const Entry &e :
       {Entry{64, 3, 7, 2, 224, 1}, Entry{64, 64, 3, 1, 56, 4}, Entry{128, 64, 3, 2, 56, 1},
        Entry{128, 128, 3, 1, 28, 3}, Entry{256, 128, 3, 2, 28, 1}, Entry{256, 256, 3, 1, 14, 3},
        Entry{512, 256, 3, 2, 14, 1}, Entry{512, 512, 3, 1, 7, 3}, Entry{128, 64, 1, 2, 56, 1},
        Entry{256, 128, 1, 2, 28, 1}, Entry{512, 256, 1, 2, 14, 1}}) {
    const std::vector<double> w = normal_weights(37, e.cout, e.cin, e.k);
    const LatheConvolution layer =
        square_layer(w, e.cout, e.cin, e.k, e.stride, e.n, LATHE_PADDING_ZEROS);
    const ConvolutionGeometry g = convolution_geometry(layer);
    LatheNormBracket b{};
    SpectrumPeak gram;
    PetscErrorCode code = PETSC_SUCCESS;
    const auto ours = [&] {
      code = LatheConvolutionNormBracket(PETSC_COMM_SELF, &layer, nullptr, &b);
    };
    const auto plain = [&] {
      (void)SweepSpectrum(PETSC_COMM_SELF, g, w.data(), 0, convolution_torus(g).extent, plain_gram,
                          &gram, nullptr);
    };
    const bench::Comparison c = bench::alternate(3, ours, plain);
    PetscCall(code);
    total += c.ours.median * e.times;
    peer_total += c.peer.median * e.times;
    double value = 0;
    torch_total +=
        against_torch({e.cout, e.cin, e.k, e.n / e.stride, 0, 0}, w, 1, ours, &value).peer.median *
        e.times;
    std::printf("ResNet-18 %ldx%ldx%ldx%ld s%ld n%ld: %.3f s, [%.6f, %.6f] %s; Gram, BLAS %.3f s\n",
                static_cast<long>(e.cout), static_cast<long>(e.cin), static_cast<long>(e.k),
                static_cast<long>(e.k), static_cast<long>(e.stride), static_cast<long>(e.n),
                c.ours.median, b.lower, b.upper, b.method, c.peer.median);
  }
  std::printf("ResNet-18, 20 layers, zero padding, lower bounds of the operators included: %.3f s; "
              "Gram, BLAS, of the same tori %.3f s: %.1fx; Gram, torch %.3f s: %.1fx (bar 6)\n",
              total, peer_total, peer_total / total, torch_total, torch_total / total);
  std::printf("BENCH\tconv_norm_resnet18\tzeros\t%.6g\tgram_f32_t5_blas\t%.6g\t%.3g\t0\n", total,
              peer_total, peer_total / total);
  if (torch_total > 0)
    std::printf("BENCH\tconv_norm_resnet18\tzeros\t%.6g\tgram_f32_t5_torch\t%.6g\t%.3g\t6\n", total,
                torch_total, torch_total / total);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Parallel(int repeats, LathePadding mode) {
  const std::string name =
      mode == LATHE_PADDING_ZEROS ? "256x256x3x3_n32_zeros" : "256x256x3x3_n32";
  PetscFunctionBegin;
  const std::vector<double> w = normal_weights(31, 256, 256, 3);
  const LatheConvolution layer = square_layer(w, 256, 256, 3, 1, 32, mode);
  LatheNormBracket one{}, all{};
  const bench::Comparison c = bench::efficiency(
      repeats, [&] { (void)LatheConvolutionNormBracket(PETSC_COMM_SELF, &layer, nullptr, &one); },
      [&] { (void)LatheConvolutionNormBracket(PETSC_COMM_WORLD, &layer, nullptr, &all); });
  PetscCheck(one.lower == all.lower && one.upper == all.upper, PETSC_COMM_WORLD, PETSC_ERR_PLIB,
             "the bracket depends on the number of ranks");
  bench::report_efficiency("conv_norm", name, c, 0.8);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  PetscFunctionBeginUser;
  PetscCall(SlepcInitialize(&argc, &argv, nullptr, nullptr));
  const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  int size = 1;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
  if (size > 1) {
    for (const LathePadding mode : {LATHE_PADDING_CIRCULAR, LATHE_PADDING_ZEROS})
      PetscCall(Parallel(repeats, mode));
  } else {
    for (const Case &c :
         {Case{64, 64, 3, 32, 10, 10}, Case{64, 64, 3, 56, 10, 20}, Case{64, 3, 7, 224, 15, 15},
          Case{128, 128, 3, 32, 15, 15}, Case{256, 256, 3, 32, 15, 15}, Case{512, 512, 3, 14, 0, 8},
          Case{512, 512, 3, 7, 0, 4}})
      PetscCall(Run(c, repeats));
    PetscCall(ResNet18());
  }
  PetscCall(SlepcFinalize());
  PetscFunctionReturn(PETSC_SUCCESS);
}
