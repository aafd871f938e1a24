// SPDX-License-Identifier: BSD-2-Clause
#include "conv_cases.h"
#include "core/handle.h"
#include "harness/mpi_test.h"
#include <cmath>

using namespace lathe;
using namespace lathe::test;

namespace {

LatheNormBracket bracket_of(MPI_Comm comm, const Layer &l) {
  LatheNormBracket b{};
  const LatheConvolution view = l.view();
  PETSC_OK(LatheConvolutionNormBracket(comm, &view, nullptr, &b));
  return b;
}

} // namespace

TEST_CASE("the explicit matrix is the operator of the definition", "[conv][matrix]") {
  for (std::uint64_t i = 0; i < 60; ++i) {
    const Layer l = random_layer(101, i);
    INFO(describe(l));
    const DenseOperator<> reference = explicit_operator(l);
    MatHandle a;
    const LatheConvolution view = l.view();
    PETSC_OK(MatCreateConvolution(PETSC_COMM_WORLD, &view, a.out()));
    PetscInt rows = 0, cols = 0, begin = 0, end = 0;
    PETSC_OK(MatGetSize(a, &rows, &cols));
    PETSC_OK(MatGetOwnershipRange(a, &begin, &end));
    REQUIRE_ALL(rows == static_cast<PetscInt>(reference.rows));
    REQUIRE_ALL(cols == static_cast<PetscInt>(reference.cols));
    double largest = 0;
    for (const double v : reference.a)
      largest = std::max(largest, std::fabs(v));
    double worst = 0; // coinciding taps are added in another order
    for (PetscInt r = begin; r < end; ++r)
      for (PetscInt c = 0; c < cols; ++c) {
        PetscScalar v = 0;
        if (MatGetValue(a, r, c, &v) != PETSC_SUCCESS)
          worst = 1e300;
        worst = std::max(worst, std::fabs(PetscRealPart(v) -
                                          reference.a[static_cast<std::size_t>(r + c * rows)]));
      }
    CHECK_ALL(worst <= 1e-14 * largest);
  }
}

TEST_CASE("worked values", "[conv][norm]") {
  const auto weights = lcg(3 * 4 * 3 * 3, 907);
  const auto circular = [&](PetscInt n) {
    return bracket_of(PETSC_COMM_WORLD, layer_2d(3, 4, 3, n, 1, LATHE_PADDING_CIRCULAR, weights));
  };
  const auto holds = [](const LatheNormBracket &b, double value, double width) {
    // The reference is rounded to double.
    return b.lower <= value * (1 + 4e-16) && b.upper >= value * (1 - 4e-16) &&
           b.upper - b.lower <= width * value;
  };
  CHECK_ALL(holds(circular(10), 6.367985941741533, 1e-13));
  CHECK_ALL(holds(circular(11), 6.383024991934966, 1e-13));
  CHECK_ALL(holds(circular(2), 5.7593481846727235, 1e-13)); // n < k: the kernel wraps
  const LatheNormBracket zeros =
      bracket_of(PETSC_COMM_WORLD, layer_2d(3, 4, 3, 10, 1, LATHE_PADDING_ZEROS, weights));
  CHECK_ALL(holds(zeros, 6.21230077667558, 1e-11));
  LatheNormBracket sup{};
  const Layer every = layer_2d(3, 4, 3, 0, 1, LATHE_PADDING_ZEROS, weights);
  const LatheConvolution view = every.view();
  PETSC_OK(LatheConvolutionSupremum(PETSC_COMM_WORLD, &view, 1e-10, &sup));
  INFO("supremum " << sup.lower << " " << sup.upper);
  CHECK_ALL(sup.lower >= 6.420282651764142);
  CHECK_ALL(sup.upper >= sup.lower);
  CHECK_ALL(sup.upper <= sup.lower * (1 + 1e-9));
  const LatheNormBracket all = bracket_of(PETSC_COMM_WORLD, every);
  CHECK_ALL(all.upper >= 6.420282651764142);
}

TEST_CASE("the same bits on every number of ranks", "[conv][norm][mpi]") {
  for (std::uint64_t i = 0; i < 42; ++i) {
    Layer l = i < 30 ? random_layer(13, i)
              : i > 39 // several blocks of channels and points for each rank, the last ones short
                  ? normal_layer(80, 70, 3, 20, static_cast<PetscInt>(i - 39),
                                 i % 2 ? LATHE_PADDING_REFLECT : LATHE_PADDING_ZEROS, i)
                  : normal_layer(static_cast<PetscInt>(4 + i), 9, 3, 12, 1,
                                 i % 2 ? LATHE_PADDING_ZEROS : LATHE_PADDING_CIRCULAR, i);
    if (i == 35) // ties everywhere: an orthogonal layer
      for (std::size_t e = 0; e < l.weight.size(); ++e)
        l.weight[e] = (e % 9 == 4 && e / 9 / 9 == e / 9 % 9) ? 1 : 0;
    if (i % 5 == 4 && i < 40)
      std::fill(l.geometry.input, l.geometry.input + 3, 0);
    INFO(describe(l));
    const LatheNormBracket together = bracket_of(PETSC_COMM_WORLD, l);
    const LatheNormBracket alone = bracket_of(PETSC_COMM_SELF, l);
    CHECK_ALL(together.lower == alone.lower);
    CHECK_ALL(together.upper == alone.upper);
  }
}

TEST_CASE("traps of other implementations", "[conv][norm]") {
  SECTION("a frequency with zero symbol, a zero kernel") {
    const Layer laplacian =
        layer_2d(1, 1, 3, 8, 1, LATHE_PADDING_CIRCULAR, {-1, -1, -1, -1, 8, -1, -1, -1, -1});
    const LatheNormBracket b = bracket_of(PETSC_COMM_WORLD, laplacian);
    CHECK_ALL(b.lower <= 12 && b.upper >= 12 && b.upper < 12 * (1 + 1e-12));
    const LatheNormBracket z =
        bracket_of(PETSC_COMM_WORLD,
                   layer_2d(2, 2, 3, 8, 1, LATHE_PADDING_ZEROS, std::vector<double>(36, 0.0)));
    CHECK_ALL(z.lower == 0 && z.upper == 0 && z.certificate == LATHE_CERTIFICATE_RIGOROUS);
  }
  SECTION("huge and tiny weights") {
    for (const int exponent : {1010, -1010, -1060}) {
      std::vector<double> w = lcg(3 * 4 * 3 * 3, 907);
      for (double &x : w)
        x = std::ldexp(x, exponent);
      const LatheNormBracket b = bracket_of(
          PETSC_COMM_WORLD, layer_2d(3, 4, 3, 10, 1, LATHE_PADDING_CIRCULAR, std::move(w)));
      // At 2^−1060 the weights themselves are rounded to 14 bits or fewer.
      const double tolerance = exponent == -1060 ? 1e-3 : 1e-13;
      CHECK_ALL(std::fabs(std::ldexp(b.lower, -exponent) / 6.367985941741533 - 1) < tolerance);
      CHECK_ALL(std::fabs(std::ldexp(b.upper, -exponent) / 6.367985941741533 - 1) < tolerance);
      CHECK_ALL(b.lower <= b.upper);
    }
  }
  SECTION("circular padding can lie below zero padding") {
    Layer l;
    l.geometry = {
        1,         1,      1, 1, {3, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 0, 0}, LATHE_PADDING_ZEROS,
        {7, 1, 1}, nullptr};
    l.weight = {-1, 2, -1};
    const LatheNormBracket zeros = bracket_of(PETSC_COMM_WORLD, l);
    l.geometry.padding_mode = LATHE_PADDING_CIRCULAR;
    const LatheNormBracket circular = bracket_of(PETSC_COMM_WORLD, l);
    CHECK_ALL(zeros.lower > circular.upper);
    CHECK_ALL(std::fabs(zeros.upper - 3.847759065022573512) < 1e-13);
    CHECK_ALL(std::fabs(circular.upper - 3.801937735804838) < 1e-13);
  }
}

TEST_CASE("taps that only meet padding do not count", "[conv][norm]") {
  SECTION("dilation beyond the input: the centre tap is all there is") {
    Layer l = normal_layer(16, 16, 3, 33, 36, LATHE_PADDING_ZEROS, 4);
    l.geometry.dilation[0] = l.geometry.dilation[1] = 36;
    DenseOperator<> centre{16, 16, {}};
    for (std::size_t e = 4; e < l.weight.size(); e += 9)
      centre.a.push_back(l.weight[e]);
    const double norm = svd_norm(centre);
    const LatheNormBracket b = bracket_of(PETSC_COMM_WORLD, l);
    INFO(b.lower << ' ' << b.upper << ' ' << norm);
    CHECK_ALL(b.lower <= norm * (1 + 1e-14));
    CHECK_ALL(b.upper >= norm * (1 - 1e-14));
    CHECK_ALL(b.upper <= b.lower * (1 + 1e-10));
    for (std::size_t e = 0; e < l.weight.size(); ++e) // what does not act has no scale either
      if (e % 9 != 4)
        l.weight[e] = 1e300;
    const LatheNormBracket same = bracket_of(PETSC_COMM_WORLD, l);
    CHECK_ALL(same.lower == b.lower);
    CHECK_ALL(same.upper == b.upper);
  }
  SECTION("strides that step over the input: no tap acts") {
    Layer l;
    l.geometry = {
        1,         1,      1, 1, {1, 1, 1}, {9, 1, 1}, {1, 1, 1}, {4, 0, 0}, LATHE_PADDING_ZEROS,
        {4, 1, 1}, nullptr};
    l.weight = {3};
    const LatheNormBracket b = bracket_of(PETSC_COMM_WORLD, l);
    CHECK_ALL(b.lower == 0 && b.upper == 0 && std::string(b.method) == "zero");
  }
  SECTION("every small geometry: an axis acts where its explicit operator does") {
    for (PetscInt n = 1; n <= 3; ++n)
      for (PetscInt k = 1; k <= 4; ++k)
        for (PetscInt s = 1; s <= 4; ++s)
          for (PetscInt d = 1; d <= 3; ++d)
            for (PetscInt p = 0; p <= 6; ++p)
              for (PetscInt tap = 0; tap < k && n + 2 * p > (k - 1) * d; ++tap) {
                Layer l;
                l.geometry = {1,         1,         1,
                              1,         {k, 1, 1}, {s, 1, 1},
                              {d, 1, 1}, {p, 0, 0}, LATHE_PADDING_ZEROS,
                              {n, 1, 1}, nullptr};
                l.weight.assign(static_cast<std::size_t>(k), 0.0);
                l.weight[static_cast<std::size_t>(tap)] = 1;
                const LatheNormBracket b = bracket_of(PETSC_COMM_SELF, l);
                const bool acts = svd_norm(explicit_operator(l)) > 0;
                INFO(describe(l) << " tap " << tap);
                REQUIRE((b.upper > 0) == acts);
              }
  }
}

TEST_CASE("impossible layers are refused with the value and the range", "[conv][refusal]") {
  const auto message = [](const LatheConvolution &g) {
    return catch_error([&] { return LatheConvolutionCheck(PETSC_COMM_WORLD, &g); }).message;
  };
  const Layer good = normal_layer(4, 4, 3, 8, 1, LATHE_PADDING_ZEROS, 1);
  CHECK_ALL(message(good.view()).empty());
  const auto with = [&](auto change) {
    LatheConvolution g = good.view();
    change(g);
    return message(g);
  };
  const auto has = [](const std::string &text, const char *part) {
    return text.find(part) != std::string::npos;
  };
  CHECK_ALL(has(with([](LatheConvolution &g) { g.ndim = 4; }), "4 spatial dimensions"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.groups = 3; }), "groups = 3 must divide"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.groups = 0; }), "groups = 0"));
  CHECK_ALL(
      has(with([](LatheConvolution &g) { g.stride[1] = 0; }), "stride = 0 on the second axis"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.dilation[0] = -1; }), "dilation = -1"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.kernel[0] = 0; }), "kernel = 0"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.padding[0] = -1; }), "padding = -1"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.input[0] = 0; }), "input = 0"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.dilation[0] = 5; }), "empty output"));
  CHECK_ALL(has(with([](LatheConvolution &g) {
                  g.padding_mode = LATHE_PADDING_REFLECT;
                  g.padding[0] = 8;
                }),
                "reflect padding 8"));
  CHECK_ALL(has(with([](LatheConvolution &g) {
                  g.padding_mode = LATHE_PADDING_CIRCULAR;
                  g.padding[0] = 9;
                }),
                "circular padding 9"));
  CHECK_ALL(has(with([](LatheConvolution &g) { g.weight = nullptr; }), "no weights"));
  Layer bad = good;
  bad.weight[17] = std::nan("");
  CHECK_ALL(has(message(bad.view()), "weight 17"));
  LatheNormBracket b{};
  const LatheConvolution view = good.view();
  const LatheConvolutionOptions options = {LATHE_CONVOLUTION_CHOLESKY, 0, 5};
  CHECK_ALL(has(catch_error([&] {
                  return LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, &options, &b);
                }).message,
                "tolerance 0"));
}

TEST_CASE("enough channels for the single-precision screen", "[conv][norm][mpi]") {
  for (const PetscInt channels : {16, 33, 48}) {
    const Layer l = normal_layer(channels, channels + 3, 3, 10, 1, LATHE_PADDING_CIRCULAR, 77);
    const LatheConvolution view = l.view();
    const LatheConvolutionOptions options = {LATHE_CONVOLUTION_SVD, 1e-6, 0};
    LatheNormBracket lapack{};
    PETSC_OK(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &view, &options, &lapack));
    const LatheNormBracket together = bracket_of(PETSC_COMM_WORLD, l);
    const LatheNormBracket alone = bracket_of(PETSC_COMM_SELF, l);
    CHECK_ALL(together.lower <= lapack.upper * (1 + 1e-14));
    CHECK_ALL(together.upper >= lapack.upper * (1 - 1e-14));
    CHECK_ALL(together.upper <= together.lower * (1 + 1e-12));
    CHECK_ALL(together.lower == alone.lower);
    CHECK_ALL(together.upper == alone.upper);
  }
}

TEST_CASE("width of circulant layers", "[conv][norm]") {
  // (channels, bar): rounding is all that separates the two sides.
  for (const auto &[channels, n, bar] : {std::tuple<PetscInt, PetscInt, double>{3, 4, 2e-14},
                                         {16, 4, 3e-14},
                                         {64, 4, 5e-14},
                                         {256, 4, 1e-13},
                                         {512, 2, 2e-13}}) {
    const LatheNormBracket b = bracket_of(
        PETSC_COMM_WORLD, normal_layer(channels, channels, 3, n, 1, LATHE_PADDING_CIRCULAR, 5));
    WARN(channels << " channels: width " << (b.upper - b.lower) / b.lower);
    CHECK_ALL(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
    CHECK_ALL(b.upper <= b.lower * (1 + bar));
  }
  // One tap: a dense matrix.
  const LatheNormBracket b =
      bracket_of(PETSC_COMM_WORLD, normal_layer(512, 512, 1, 2, 0, LATHE_PADDING_CIRCULAR, 5));
  WARN("512 channels, 1x1: width " << (b.upper - b.lower) / b.lower);
  CHECK_ALL(b.upper <= b.lower * (1 + 2e-13));
}

TEST_CASE("zero padding costs at most 10 % from 8 points on and 1 % from 32 on", "[conv][norm]") {
  double small = 0, large = 0;
  for (PetscInt n = 8; n <= 40; ++n)
    for (const bool box : {false, true}) {
      Layer l = normal_layer(8, 8, 3, n, 1, LATHE_PADDING_ZEROS, 5);
      if (box)
        std::fill(l.weight.begin(), l.weight.end(), 1.0);
      const LatheNormBracket b = bracket_of(PETSC_COMM_WORLD, l);
      double &worst = n < 32 ? small : large;
      worst = std::max(worst, b.upper / b.lower);
    }
  WARN("worst upper/lower " << small << " for 8 <= n < 32, " << large << " for 32 <= n <= 40");
  CHECK_ALL(small <= 1.10);
  CHECK_ALL(large <= 1.01);
}
