// SPDX-License-Identifier: BSD-2-Clause
// A zero-padded layer is the direct sum of its sections: the same norm, no sections too many, and
// brackets that dilations, paddings and kernels larger than the input do not widen.
#include "lipschitz/conv_sections.h"
#include "conv_cases.h"
#include "harness/mpi_test.h"

namespace {

namespace lip = lathe::lipschitz;
namespace random = lathe::random;
using namespace lathe::test;

// As random_layer, with dilations and paddings beyond the input.
Layer wild_layer(std::uint64_t index) {
  Layer l = random_layer(91, index);
  LatheConvolution &g = l.geometry;
  g.padding_mode = LATHE_PADDING_ZEROS;
  for (int i = 0; i < g.ndim; ++i) {
    const auto pick = [&](std::uint64_t largest, std::uint64_t what) {
      return static_cast<PetscInt>(
          random::below(largest + 1, 92, index, what + static_cast<std::uint64_t>(i)));
    };
    g.stride[i] = pick(4, 0) == 0 ? 2 + pick(1, 3) : 1;
    g.dilation[i] = 1 + pick(g.ndim == 1 ? 8 : 4, 6);
    const PetscInt span = (g.kernel[i] - 1) * g.dilation[i];
    g.padding[i] = pick(static_cast<std::uint64_t>(span) + 3, 9);
    while (g.input[i] + 2 * g.padding[i] < span + 1)
      ++g.padding[i];
  }
  return l;
}

Layer layer_of(const lip::LayerSection &s, const Layer &whole) {
  Layer l = whole;
  for (int i = 0; i < l.geometry.ndim; ++i) {
    const lip::ConvolutionAxis &a = s.geometry.axis[i];
    l.geometry.kernel[i] = static_cast<PetscInt>(a.kernel);
    l.geometry.stride[i] = static_cast<PetscInt>(a.stride);
    l.geometry.dilation[i] = static_cast<PetscInt>(a.dilation);
    l.geometry.padding[i] = static_cast<PetscInt>(a.padding);
    l.geometry.input[i] = static_cast<PetscInt>(a.input);
  }
  if (!s.weight.empty())
    l.weight = s.weight;
  return l;
}

Layer square_layer(PetscInt channels, PetscInt k, PetscInt dilation, PetscInt padding, PetscInt n) {
  Layer l;
  l.geometry = {2,
                channels,
                channels,
                1,
                {k, k, 1},
                {1, 1, 1},
                {dilation, dilation, 1},
                {padding, padding, 0},
                LATHE_PADDING_ZEROS,
                {n, n, 1},
                nullptr};
  for (std::size_t e = 0; e < static_cast<std::size_t>(channels * channels * k * k); ++e)
    l.weight.push_back(random::normal(93, 0, e));
  return l;
}

LatheNormBracket bracket_of(const Layer &l) {
  const LatheConvolution view = l.view();
  LatheNormBracket b{};
  PETSC_OK(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, nullptr, &b));
  return b;
}

} // namespace

TEST_CASE("the norm of a zero-padded layer is the largest of its sections'", "[conv][sections]") {
  int wrong = 0, trimmed = 0, several = 0;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    const Layer l = wild_layer(i);
    const double norm = svd_norm(explicit_operator(l));
    const std::vector<lip::LayerSection> sections =
        lip::layer_sections(lip::convolution_geometry(l.view()), l.weight.data());
    double largest = 0;
    bool whole = true;
    for (const lip::LayerSection &s : sections) {
      const Layer part = layer_of(s, l);
      REQUIRE(static_cast<std::int64_t>(part.weight.size()) == s.geometry.weights());
      largest = std::max(largest, svd_norm(explicit_operator(part)));
      whole = whole && s.geometry.input_points() ==
                           l.view().input[0] * l.view().input[1] * l.view().input[2];
      for (int d = 0; d < l.geometry.ndim; ++d)
        if (l.geometry.stride[d] == 1) {
          CHECK(s.geometry.axis[d].dilation == 1);
          CHECK(s.geometry.axis[d].padding <= s.geometry.axis[d].kernel - 1);
        }
    }
    trimmed += whole ? 0 : 1;
    several += sections.size() > 1 ? 1 : 0;
    if (!(std::fabs(largest - norm) <= 1e-13 * norm)) {
      ++wrong;
      UNSCOPED_INFO(describe(l) << ": " << sections.size() << " sections, " << largest << " for "
                                << norm);
    }
  }
  CHECK(wrong == 0);
  CHECK(trimmed > 300); // of 1500: the cases are those that matter
  CHECK(several > 100);
}

TEST_CASE("a layer with nothing to leave out stays as it is", "[conv][sections]") {
  for (const PetscInt padding : {0, 1, 2}) {
    const Layer l = square_layer(2, 3, 1, padding, 9);
    const auto s = lip::layer_sections(lip::convolution_geometry(l.view()), l.weight.data());
    REQUIRE(s.size() == 1);
    CHECK(s[0].weight.empty());
    CHECK(s[0].geometry.axis[0].padding == padding);
    CHECK(s[0].geometry.axis[1].input == 9);
  }
}

TEST_CASE("dilated layers have the brackets of the layers that they interleave",
          "[conv][sections]") {
  // The middle one: rates of atrous spatial pyramids on 33×33 points.
  for (const auto &[channels, dilation, n] : {std::tuple<PetscInt, PetscInt, PetscInt>{4, 6, 50},
                                              {16, 24, 33},
                                              {16, 12, 33},
                                              {16, 36, 33}}) {
    const Layer l = square_layer(channels, 3, dilation, dilation, n);
    const LatheNormBracket b = bracket_of(l);
    INFO(describe(l) << ": " << b.method << ' ' << b.upper / b.lower);
    CHECK_ALL(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
    CHECK_ALL(b.lower <= b.upper);
    CHECK_ALL(b.upper <= 1.01 * b.lower);
  }
  const Layer dilated = square_layer(5, 3, 7, 7, 21), plain = square_layer(5, 3, 1, 1, 3);
  CHECK_ALL(bracket_of(dilated).upper == bracket_of(plain).upper);
  CHECK_ALL(bracket_of(dilated).lower == bracket_of(plain).lower);
}

TEST_CASE("sections take no time for points", "[conv][sections]") {
  lip::ConvolutionGeometry g;
  g.cout = g.cin = 1;
  g.axis[0] = {.kernel = 3, .stride = 1, .dilation = 1 << 29, .padding = 1 << 29, .input = 1 << 30};
  const double weight[3] = {1, 2, 3};
  const auto s = lip::layer_sections(g, weight); // 2²⁹ layers of two points, all alike
  REQUIRE(s.size() == 1);
  CHECK(s[0].geometry.axis[0].input == 2);
  CHECK(s[0].geometry.axis[0].padding == 1);
}

TEST_CASE("padding costs nothing, however wide", "[conv][sections]") {
  Layer wide = square_layer(3, 3, 1, 1 << 14, 10), full = square_layer(3, 3, 1, 2, 10);
  CHECK_ALL(bracket_of(wide).upper == bracket_of(full).upper);
  CHECK_ALL(bracket_of(wide).lower == bracket_of(full).lower);
}

TEST_CASE("kernels larger than the input count as far as they reach", "[conv][sections]") {
  // 31 taps an axis around one point: the middle tap.
  Layer l = square_layer(1, 31, 1, 15, 1);
  const LatheNormBracket b = bracket_of(l);
  const double tap = std::fabs(l.weight[15 * 31 + 15]);
  CHECK_ALL(b.lower <= tap);
  CHECK_ALL(tap <= b.upper);
  CHECK_ALL(b.upper <= b.lower * (1 + 1e-14));
}
