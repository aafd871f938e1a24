// SPDX-License-Identifier: BSD-2-Clause
// Bounds of zero-padded layers that know the layer's extent: above the explicit operator for every
// geometry, near its norm, exact where the theory says so, the same on any number of ranks.
#include "conv_cases.h"
#include "harness/mpi_test.h"
#include "lipschitz/conv_upper.h"
#include "lipschitz/frequency.h"
#include "lipschitz/symbol.h"
#include <cmath>

namespace {

namespace lip = lathe::lipschitz;
namespace random = lathe::random;
using namespace lathe::test;

double upper_of(MPI_Comm comm, const Layer &l, double least = 0) {
  double upper = 0;
  const int exponent =
      lip::weight_exponent(l.weight.data(), static_cast<std::int64_t>(l.weight.size()));
  if (lip::OperatorUpper(comm, lip::convolution_geometry(l.view()), l.weight.data(), exponent,
                         std::ldexp(least, -exponent), &upper) != PETSC_SUCCESS)
    return NAN;
  return std::ldexp(upper, exponent);
}

// The same extent, taps, dilation and padding along every axis.
Layer cube(int ndim, PetscInt channels, PetscInt k, PetscInt dilation, PetscInt n,
           std::uint64_t seed) {
  Layer l;
  LatheConvolution &g = l.geometry;
  g = {ndim,      channels,  channels,
       1,         {1, 1, 1}, {1, 1, 1},
       {1, 1, 1}, {0, 0, 0}, LATHE_PADDING_ZEROS,
       {1, 1, 1}, nullptr};
  auto taps = static_cast<std::size_t>(channels * channels);
  for (int i = 0; i < ndim; ++i) {
    g.kernel[i] = k;
    g.dilation[i] = dilation;
    g.padding[i] = (k - 1) * dilation / 2;
    g.input[i] = n;
    taps *= static_cast<std::size_t>(k);
  }
  for (std::size_t e = 0; e < taps; ++e)
    l.weight.push_back(random::normal(seed, 0, e));
  return l;
}

} // namespace

TEST_CASE("restricted spectra bound the operator of every zero-padded geometry", "[conv][upper]") {
  int violations = 0, cases = 0;
  for (std::uint64_t i = 0; cases < 300; ++i) {
    Layer l = random_layer(77, i);
    l.geometry.padding_mode = LATHE_PADDING_ZEROS;
    const double norm = svd_norm(explicit_operator(l));
    const double upper = upper_of(PETSC_COMM_SELF, l);
    if (!(upper >= norm * (1 - 1e-13))) {
      ++violations;
      UNSCOPED_INFO(describe(l) << ": upper " << upper << " norm " << norm);
    }
    ++cases;
  }
  CHECK(violations == 0);
}

TEST_CASE("the bracket of a zero-padded layer: 10 % from 8 points on, 1 % from 32, any dimension",
          "[conv][upper]") {
  // Normal weights, boxes, and taps (1, 0, 1) along every axis: two interleaved layers.
  double small = 0, large = 0, smallest_one = 0;
  struct Case {
    int ndim;
    PetscInt channels, dilation, n;
  };
  for (const Case &c : {Case{1, 2, 1, 8},
                        {1, 2, 2, 600},
                        {2, 1, 1, 8},
                        {2, 12, 1, 8},
                        {2, 12, 1, 11},
                        {2, 2, 2, 20},
                        {2, 9, 1, 17},
                        {3, 1, 1, 9},
                        {3, 2, 1, 8},
                        {3, 2, 1, 9},
                        {3, 1, 2, 16},
                        {2, 1, 1, 32},
                        {2, 3, 1, 33},
                        {2, 1, 2, 32},
                        {2, 3, 2, 32},
                        {2, 3, 3, 36}})
    for (const int kind : {0, 1, 2}) {
      Layer l = cube(c.ndim, c.channels, 3, c.dilation, c.n, 31);
      const std::size_t taps = l.weight.size() / static_cast<std::size_t>(c.channels * c.channels);
      for (std::size_t e = 0; kind > 0 && e < l.weight.size(); ++e) {
        bool even = true; // every index of the tap
        for (std::size_t t = e % taps, i = 0; i < 3; ++i, t /= 3)
          even = even && t % 3 != 1;
        l.weight[e] = kind == 1 || even ? 1 : 0;
      }
      const LatheConvolution view = l.view();
      LatheNormBracket b;
      PETSC_OK(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, nullptr, &b));
      CHECK_ALL(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
      CHECK_ALL(b.lower <= b.upper);
      INFO(describe(l) << " kind " << kind << ": " << b.method << ' ' << b.upper / b.lower);
      double &worst = kind == 2 ? smallest_one : (c.n < 32 ? small : large);
      worst = std::max(worst, b.upper / b.lower);
      CHECK_ALL(b.upper <= (c.n < 32 ? 1.10 : 1.01) * b.lower);
    }
  WARN("worst upper/lower: " << small << " below 32 points, " << large << " from there on, "
                             << smallest_one << " with taps (1, 0, 1)");
}

TEST_CASE("restricted spectra of products of kernels come near the norm", "[conv][upper]") {
  // Box of 3^d taps, norm (1 + 2 cos(pi/(n + 1)))^d: known for every extent.
  for (const auto &[ndim, n, share] : {std::tuple<int, PetscInt, double>{1, 8, 1.004},
                                       {2, 8, 1.0075},
                                       {3, 8, 1.0112},
                                       {3, 24, 1.0006},
                                       {2, 100, 1.00002}}) {
    Layer l = cube(ndim, 1, 3, 1, n, 1);
    std::fill(l.weight.begin(), l.weight.end(), 1.0);
    const double norm =
        std::pow(1 + 2 * std::cos(std::acos(-1.0) / static_cast<double>(n + 1)), ndim);
    const double upper = upper_of(PETSC_COMM_WORLD, l);
    INFO(ndim << "-D, " << n << " points: " << upper / norm);
    CHECK_ALL(upper >= norm * (1 - 1e-14));
    CHECK_ALL(upper <= share * norm);
  }
}

TEST_CASE("restricted spectra have the same bits on any number of ranks", "[conv][upper]") {
  for (std::uint64_t i = 0; i < 24; ++i) {
    Layer l = i < 20 ? random_layer(78, i) : cube(2, 6, 3, 2, 20, i);
    l.geometry.padding_mode = LATHE_PADDING_ZEROS;
    INFO(describe(l));
    const double alone = upper_of(PETSC_COMM_SELF, l);
    CHECK_ALL(upper_of(PETSC_COMM_WORLD, l) == alone);
    for (const double share : {0.6, 0.95}) // groups below that
      CHECK_ALL(upper_of(PETSC_COMM_WORLD, l, share * alone) ==
                upper_of(PETSC_COMM_SELF, l, share * alone));
  }
}

TEST_CASE("groups below what is known do not count, and none is lost", "[conv][upper]") {
  // Depthwise: 40 channels, the 23rd is largest.
  Layer l = cube(2, 1, 3, 1, 12, 5);
  l.geometry.cout = l.geometry.cin = l.geometry.groups = 40;
  l.weight.resize(40 * 9);
  for (std::size_t e = 0; e < l.weight.size(); ++e)
    l.weight[e] = random::normal(5, 1, e) * (e / 9 == 22 ? 1.5 : 0.5);
  Layer one = cube(2, 1, 3, 1, 12, 5);
  std::copy_n(l.weight.begin() + 22 * 9, 9, one.weight.begin());
  const double alone = upper_of(PETSC_COMM_WORLD, one);
  CHECK_ALL(upper_of(PETSC_COMM_WORLD, l) == Approx(alone).epsilon(1e-12));
  CHECK_ALL(upper_of(PETSC_COMM_WORLD, l, 10 * alone) == Approx(10 * alone).epsilon(1e-12));
}

TEST_CASE("long kernels are restricted on long axes too", "[conv][upper]") {
  // All ones, as many taps as points: the circulant alone leaves 22 %.
  Layer l = cube(1, 1, 600, 1, 600, 1);
  l.geometry.padding[0] = 599;
  std::fill(l.weight.begin(), l.weight.end(), 1.0);
  const LatheConvolution view = l.view();
  LatheNormBracket b;
  PETSC_OK(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, nullptr, &b));
  INFO(b.lower << ' ' << b.upper << ' ' << b.method);
  CHECK_ALL(b.upper <= (1 + 1e-4) * b.lower);
}

TEST_CASE("restricted spectra do without a bound where there is none to gain", "[conv][upper]") {
  Layer l = cube(1, 2, 2, 1, 12, 8);
  l.geometry.stride[0] = 2; // no two outputs meet
  l.geometry.padding[0] = 0;
  CHECK_ALL(std::isinf(upper_of(PETSC_COMM_WORLD, l)));
  l = cube(1, 1, 3, 1, 3000, 9); // one line, but m³ = 2.7e10
  CHECK_ALL(std::isinf(upper_of(PETSC_COMM_WORLD, l)));
  l = cube(2, 1, 3, 1, 1000, 10); // the second axis could gain, but 2e7 frequencies
  l.geometry.input[0] = 20000;
  CHECK_ALL(std::isinf(upper_of(PETSC_COMM_WORLD, l)));
}

TEST_CASE("equal groups count once", "[conv][upper]") {
  Layer l = cube(2, 3, 3, 1, 10, 6);
  const double alone = upper_of(PETSC_COMM_WORLD, l);
  const std::vector<double> weight = l.weight;
  l.geometry.cout = l.geometry.cin = 3 * 4;
  l.geometry.groups = 4;
  for (int copy = 1; copy < 4; ++copy)
    l.weight.insert(l.weight.end(), weight.begin(), weight.end());
  CHECK_ALL(upper_of(PETSC_COMM_WORLD, l) == alone);
  std::swap(l.weight[2 * weight.size()], l.weight[2 * weight.size() + 1]); // no longer equal
  Layer third = cube(2, 3, 3, 1, 10, 6);
  std::swap(third.weight[0], third.weight[1]);
  const double other = upper_of(PETSC_COMM_WORLD, third);
  CHECK_ALL(upper_of(PETSC_COMM_WORLD, l) == Approx(std::max(alone, other)).epsilon(1e-12));
}

TEST_CASE("one channel on one side: the symbol is a vector", "[conv][upper]") {
  for (const auto &[cout, cin] : {std::pair<PetscInt, PetscInt>{1, 1}, {1, 5}, {4, 1}})
    for (const double scale : {1.0, 0x1p-300, 0.0}) { // some taps far below the others
      Layer l = cube(2, 1, 3, 1, 9, 12);
      l.geometry.cout = cout;
      l.geometry.cin = cin;
      l.weight.clear();
      for (std::size_t e = 0; e < static_cast<std::size_t>(cout * cin * 9); ++e)
        l.weight.push_back(random::normal(12, 3, e) * (e % 2 == 0 ? 1 : scale));
      const double norm = svd_norm(explicit_operator(l));
      const double upper = upper_of(PETSC_COMM_WORLD, l);
      INFO(describe(l) << ": " << upper / norm);
      CHECK_ALL(upper >= norm * (1 - 1e-13));
      CHECK_ALL(upper <= 1.1 * norm);
    }
}

TEST_CASE("the trace bounds a norm through the error of every eigenvalue", "[conv][upper]") {
  // e·[0 1; 1 0] is at distance e from e·[1 1; 1 1], whose norm is 2e and not its trace 0 + e.
  lip::Symbol symbol;
  symbol.rows = symbol.cols = 2;
  symbol.position = {lip::Lattice{0, 0, 0}};
  symbol.taps.assign(4, 1.0);
  lip::FrequencyNorm norm(symbol, 2);
  const double e = 0x1p-20;
  const std::array<double, 3> re{0, e, 0}, im{0, 0, 0};
  norm.set_packed(re.data(), im.data(), e);
  CHECK(norm.coarse_upper(0) >= std::sqrt(2 * e));
}
