// SPDX-License-Identifier: BSD-2-Clause
#include "conv_cases.h"
#include "harness/mpi_test.h"
#include "lipschitz/conv_norm.h"
#include "lipschitz/frequency_max.h"
#include <cmath>

using namespace lathe;
using namespace lathe::test;
namespace lip = lathe::lipschitz;

TEST_CASE("the embedding alone bounds the norm for every geometry", "[conv][embedding]") {
  int violations = 0;
  for (auto i = static_cast<std::uint64_t>(mpi_rank()); i < 1200;
       i += static_cast<std::uint64_t>(mpi_size())) {
    const Layer l = random_layer(29, i);
    const auto g = lip::convolution_geometry(l.view());
    const auto torus = lip::convolution_torus(g);
    lip::FrequencyMaximum m;
    const PetscErrorCode code =
        lip::FrequencyMaximumFind(PETSC_COMM_SELF, g, l.weight.data(), 0, torus.extent, &m);
    const double sigma = svd_norm(explicit_operator(l));
    violations += code != PETSC_SUCCESS || m.upper * torus.factor < sigma * (1 - 1e-13);
  }
  CHECK_ALL(violations == 0);
}

TEST_CASE("zero padding: distance of the embedding from the norm", "[conv][embedding]") {
  // Box kernel of 3×3 ones: norm (1 + 2 cos(π/(n+1)))², the worst case known.
  for (const auto &[n, ratio] : {std::pair<PetscInt, double>{8, 1.10}, {32, 1.01}, {64, 1.003}}) {
    const Layer l = layer_2d(1, 1, 3, n, 1, LATHE_PADDING_ZEROS, std::vector<double>(9, 1.0));
    const auto g = lip::convolution_geometry(l.view());
    lip::FrequencyMaximum m;
    PETSC_OK(lip::FrequencyMaximumFind(PETSC_COMM_WORLD, g, l.weight.data(), 0,
                                       lip::convolution_torus(g).extent, &m));
    const double side = 1 + 2 * std::cos(std::acos(-1.0) / static_cast<double>(n + 1));
    INFO("n " << n << " upper/norm " << m.upper / (side * side));
    CHECK_ALL(m.upper >= side * side);
    CHECK_ALL(m.upper <= ratio * side * side);
  }
}

TEST_CASE("zero padding: the embedding is within 10 % at n = 8, 1 % at n = 32",
          "[conv][embedding]") {
  // Gaussian and smooth kernels of 3×3 taps with several channels, and sign patterns of the box.
  // Up to n = 12 the norm is the explicit operator's; beyond, the bracket's own lower bound stands
  // for it, which only makes the test harder.
  double worst_small = 0, worst_large = 0;
  for (std::uint64_t i = 0; i < 120; ++i) {
    const bool large = i % 4 == 3;
    const auto pick = [&](std::uint64_t n, std::uint64_t draw) {
      return static_cast<PetscInt>(random::below(n, 61, i, draw));
    };
    const PetscInt n = large ? 32 + pick(9, 0) : 8 + pick(5, 0);
    const PetscInt cout = 1 + pick(large ? 6 : 2, 1), cin = 1 + pick(large ? 6 : 2, 2);
    Layer l = normal_layer(cout, cin, 3, n, 1, LATHE_PADDING_ZEROS, 900 + i);
    for (std::size_t e = 0; e < l.weight.size(); ++e)
      if (i % 3 == 0) // smooth, or a pattern of signs
        l.weight[e] = i % 2 == 0 ? 1 + 0.2 * l.weight[e] : (l.weight[e] < 0 ? -1.0 : 1.0);
    const auto g = lip::convolution_geometry(l.view());
    lip::FrequencyMaximum m;
    PETSC_OK(lip::FrequencyMaximumFind(PETSC_COMM_WORLD, g, l.weight.data(), 0,
                                       lip::convolution_torus(g).extent, &m));
    double norm = 0;
    if (large) {
      LatheNormBracket b{};
      const LatheConvolution view = l.view();
      PETSC_OK(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, nullptr, &b));
      norm = b.lower;
    } else {
      norm = svd_norm(explicit_operator(l));
    }
    CHECK_ALL(m.upper >= norm * (1 - 1e-13));
    (large ? worst_large : worst_small) =
        std::max(large ? worst_large : worst_small, m.upper / norm);
  }
  INFO("largest upper/norm: " << worst_small << " for 8 to 12 points, " << worst_large
                              << " for 32 to 40");
  CHECK_ALL(worst_small <= 1.10);
  CHECK_ALL(worst_large <= 1.01);
}

TEST_CASE("Gram, moment and LAPACK bounds agree with the certified one", "[conv][gram]") {
  for (std::uint64_t i = 0; i < 60; ++i) {
    Layer l = random_layer(31, i);
    if (i % 6 == 5)
      std::fill(l.geometry.input, l.geometry.input + 3, 0);
    const LatheConvolution view = l.view();
    double previous = HUGE_VAL;
    LatheNormBracket certified{}, svd{};
    PETSC_OK(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, nullptr, &certified));
    const auto of = [&](LatheConvolutionMethod method, int steps) {
      const LatheConvolutionOptions o = {method, 1e-6, steps};
      LatheNormBracket b{};
      PETSC_OK(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, &o, &b));
      return b;
    };
    svd = of(LATHE_CONVOLUTION_SVD, 0);
    CHECK_ALL(svd.upper >= certified.lower * (1 - 1e-13));
    for (const int t : {0, 2, 5, 9}) {
      const LatheNormBracket gram = of(LATHE_CONVOLUTION_GRAM, t);
      const LatheNormBracket moment = of(LATHE_CONVOLUTION_MOMENT, t);
      CHECK_ALL(gram.upper >= svd.upper * (1 - 1e-13));
      CHECK_ALL(gram.upper <= previous * (1 + 1e-13));
      CHECK_ALL(moment.upper <= gram.upper * (1 + 1e-12)); // only `moment` is rounded up
      CHECK_ALL(moment.upper >= svd.upper * (1 - 1e-13));
      CHECK_ALL(gram.lower <= gram.upper);
      previous = gram.upper;
    }
    CHECK_ALL(previous <= svd.upper * std::pow(40.0, 1.0 / 1024)); // c^(1/p)
  }
}

TEST_CASE("the gradient is the derivative of the Gram bound", "[conv][gram]") {
  for (std::uint64_t i = 0; i < 24; ++i) {
    Layer l = random_layer(37, i);
    for (double &w : l.weight)
      w = std::isfinite(w) && w != 0 ? w / std::max(1.0, std::fabs(w)) * (1 + 0.3 * std::sin(w))
                                     : 0.4;
    std::vector<double> gradient(l.weight.size()), scratch(l.weight.size());
    double bound = 0;
    LatheConvolution view = l.view();
    PETSC_OK(LatheConvolutionNormGradient(PETSC_COMM_WORLD, &view, 3, &bound, gradient.data()));
    double euler = 0; // homogeneous of degree one
    for (std::size_t e = 0; e < gradient.size(); ++e)
      euler += gradient[e] * l.weight[e];
    CHECK_ALL(std::fabs(euler - bound) <= 1e-12 * bound);
    // One-sided maxima over frequencies may have kinks: a subgradient of a convex function lies
    // below it.
    Layer moved = l;
    double step = 0;
    for (std::size_t e = 0; e < gradient.size(); ++e) {
      const double h = 1e-3 * random::normal(41, i, e);
      moved.weight[e] += h;
      step += h * gradient[e];
    }
    double value = 0;
    view = moved.view();
    PETSC_OK(LatheConvolutionNormGradient(PETSC_COMM_WORLD, &view, 3, &value, scratch.data()));
    CHECK_ALL(value >= bound + step - 1e-12 * bound);
    CHECK_ALL(value <= bound + step + 1e-2 * bound);
    const double h = 1e-5; // central difference along the same direction
    double ends[2] = {0, 0};
    for (const int side : {0, 1}) {
      Layer near = l;
      for (std::size_t e = 0; e < gradient.size(); ++e)
        near.weight[e] += (side == 0 ? -h : h) * (moved.weight[e] - l.weight[e]) / 1e-3;
      view = near.view();
      PETSC_OK(
          LatheConvolutionNormGradient(PETSC_COMM_WORLD, &view, 3, &ends[side], scratch.data()));
    }
    const double slope = (ends[1] - ends[0]) / (2 * h);
    CHECK_ALL(std::fabs(slope - step / 1e-3) <= 1e-7 * bound);
  }
}

TEST_CASE("a rescaled layer is 1-Lipschitz", "[conv][rescaling]") {
  for (std::uint64_t i = 0; i < 60; ++i) {
    Layer l = random_layer(43, i);
    l.geometry.padding_mode = LATHE_PADDING_ZEROS;
    const LatheConvolution view = l.view();
    const std::size_t row = l.weight.size() / static_cast<std::size_t>(l.geometry.cout);
    for (const int t : {1, 2, 3}) {
      std::vector<double> r(static_cast<std::size_t>(l.geometry.cout));
      PETSC_OK(LatheConvolutionRescaling(&view, t, r.data()));
      Layer scaled = l;
      for (std::size_t e = 0; e < scaled.weight.size(); ++e)
        scaled.weight[e] /= r[e / row];
      const double sigma = svd_norm(explicit_operator(scaled));
      CHECK_ALL(sigma <= 1 + 1e-12);
    }
  }
}

TEST_CASE("the supremum of a kernel whose taps are zero but for one", "[conv][supremum]") {
  Layer l = layer_2d(3, 2, 3, 7, 1, LATHE_PADDING_ZEROS, std::vector<double>(54));
  for (std::size_t e = 0; e < l.weight.size(); ++e)
    l.weight[e] = e % 9 == 5 ? 1 : 0;
  LatheNormBracket sup{};
  const LatheConvolution view = l.view();
  PETSC_OK(LatheConvolutionSupremum(PETSC_COMM_WORLD, &view, 1e-12, &sup));
  CHECK_ALL(sup.lower <= std::sqrt(6.0));
  CHECK_ALL(sup.upper >= std::sqrt(6.0));
  CHECK_ALL(sup.upper <= sup.lower * (1 + 1e-13));
}

TEST_CASE("the supremum bounds the operator of every extent, and large ones come near",
          "[conv][supremum]") {
  double nearest = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    Layer l = random_layer(71, i);
    l.geometry.padding_mode = LATHE_PADDING_ZEROS;
    INFO(describe(l));
    LatheNormBracket sup{};
    const LatheConvolution view = l.view();
    PETSC_OK(LatheConvolutionSupremum(PETSC_COMM_WORLD, &view, 1e-8, &sup));
    CHECK_ALL(sup.lower <= sup.upper);
    CHECK_ALL(sup.upper <= sup.lower * (1 + 1e-8));
    for (const PetscInt more : {0, 1, 4}) {
      Layer larger = l;
      for (int d = 0; d < l.geometry.ndim; ++d)
        larger.geometry.input[d] += l.geometry.ndim == 3 ? more / 4 : more;
      CHECK_ALL(svd_norm(explicit_operator(larger)) <= sup.upper * (1 + 1e-13));
    }
    if (l.geometry.ndim == 1 && sup.upper > 0) {
      Layer large = l;
      large.geometry.input[0] = 160;
      nearest = std::max(nearest, sup.lower / svd_norm(explicit_operator(large)));
    }
  }
  WARN("supremum over the norm of 160 points: at most " << nearest);
  CHECK_ALL(nearest <= 1.01);
}

TEST_CASE("norms of all frequencies", "[conv][map]") {
  const Layer l = layer_2d(3, 4, 3, 10, 1, LATHE_PADDING_CIRCULAR, lcg(108, 907));
  const LatheConvolution view = l.view();
  lip::FrequencyNorms map;
  PETSC_OK(lip::ConvolutionFrequencyNorms(PETSC_COMM_WORLD, &view, 64, &map));
  CHECK_ALL(map.norm.size() == 52); // (100 + 4)/2
  CHECK_ALL(map.frequency.size() == map.norm.size());
  CHECK_ALL(std::fabs(*std::max_element(map.norm.begin(), map.norm.end()) / 6.367985941741533 - 1) <
            1e-14);
}
