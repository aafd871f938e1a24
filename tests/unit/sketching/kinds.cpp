// SPDX-License-Identifier: BSD-2-Clause
// Kinds of sketches against naive definitions; columns, transposes, normals, transforms.
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "sketching/isa.h"
#include "sketching/sketch_input.h"
#include "sketching/sketch_columns.h"
#include "sketching/trigonometric.h"
#include <bit>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <numeric>
#include <vector>

namespace {

using namespace lathe::sketching;
using lathe::MatHandle;
using lathe::VecHandle;

// Bits of the generator as signs, by the definition in isa.h.
double sign_bit(std::uint64_t seed, std::uint64_t stream, std::int64_t k) {
  const auto index = static_cast<std::uint64_t>(k);
  const auto word = lathe::random::words(seed, stream, index / 128)[index / 32 % 4];
  return (word >> (index % 32) & 1) != 0 ? -1 : 1;
}

using Square = std::vector<long double>; // n × n, by columns

Square transform_matrix(SketchKind kind, std::int64_t n, std::uint64_t seed) {
  Square t(static_cast<std::size_t>(n * n));
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < n; ++i) {
      long double x = 0;
      if (kind == SketchKind::SrctCosine)
        x = std::sqrt((i == 0 ? 1.0L : 2.0L) / static_cast<long double>(n)) *
            std::cos(std::numbers::pi_v<long double> * static_cast<long double>((2 * j + 1) * i) /
                     static_cast<long double>(2 * n));
      else if (kind == SketchKind::SrctCirculant)
        x = sign_bit(seed, 0x4300000000000000, (i - j + n) % n);
      else
        x = std::popcount(static_cast<std::uint64_t>(i & j)) % 2 != 0 ? -1 : 1;
      t[static_cast<std::size_t>(i + n * j)] = x;
    }
  return t;
}

// The definition of trigonometric.h, as a d × m matrix by columns.
std::vector<long double> naive_transform_sketch(const Sketch &s) {
  const bool block = s.kind == SketchKind::BlockSrht;
  const std::int64_t m = s.columns, d = s.rows;
  const std::int64_t n =
      s.kind == SketchKind::Srht
          ? static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(m)))
      : block ? block_length(s)
              : m;
  const int rounds = s.kind == SketchKind::SrctCirculant ? 1 : s.rounds;
  const Square t = transform_matrix(s.kind, n, s.seed);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  for (std::int64_t k = 0; k < d; ++k)
    std::swap(rows[static_cast<std::size_t>(k)],
              rows[static_cast<std::size_t>(k) +
                   lathe::random::below(static_cast<std::uint64_t>(n - k), s.seed,
                                        0x5000000000000000, static_cast<std::uint64_t>(k))]);
  std::vector<long double> result(static_cast<std::size_t>(d * m));
  for (std::int64_t i = 0; i < m; ++i) {
    const std::int64_t b = block ? i / n : 0;
    std::vector<long double> x(static_cast<std::size_t>(n)), y(x);
    x[static_cast<std::size_t>(i - b * n)] = 1;
    for (int round = 0; round < rounds; ++round) {
      std::fill(y.begin(), y.end(), 0);
      for (std::int64_t j = 0; j < n; ++j) {
        const long double value =
            x[static_cast<std::size_t>(j)] *
            sign_bit(s.seed, 0x4400000000000000 + static_cast<std::uint64_t>(round), b * n + j);
        for (std::int64_t k = 0; k < n && value != 0; ++k)
          y[static_cast<std::size_t>(k)] += t[static_cast<std::size_t>(k + n * j)] * value;
      }
      const bool hadamard = block || s.kind == SketchKind::Srht;
      for (long double &value : y)
        value /= hadamard && round > 0 ? std::sqrt(static_cast<long double>(n)) : 1.0L;
      x = y;
    }
    const long double scale =
        s.kind == SketchKind::SrctCosine
            ? std::sqrt(static_cast<long double>(m) / static_cast<long double>(d))
            : 1 / std::sqrt(static_cast<long double>(d));
    for (std::int64_t r = 0; r < d; ++r)
      result[static_cast<std::size_t>(r + d * i)] =
          x[static_cast<std::size_t>(rows[static_cast<std::size_t>(r)])] * scale *
          (block ? sign_bit(s.seed, 0x4c00000000000000 + static_cast<std::uint64_t>(b), r) : 1);
  }
  return result;
}

std::vector<double> explicit_matrix(const Sketch &s) {
  SketchColumns columns(s);
  std::vector<double> matrix(static_cast<std::size_t>(s.rows * s.columns));
  for (std::int64_t i = 0; i < s.columns; ++i)
    columns.column(i, matrix.data() + s.rows * i);
  return matrix;
}

constexpr SketchKind all_kinds[] = {
    SketchKind::SparseStack, SketchKind::SparseSign,    SketchKind::CountSketch,
    SketchKind::Gaussian,    SketchKind::Rademacher,    SketchKind::Srht,
    SketchKind::SrctCosine,  SketchKind::SrctCirculant, SketchKind::BlockSrht};

TEST_CASE("transforms are those of their definition", "[sketching]") {
  double worst = 0;
  for (const SketchKind kind :
       {SketchKind::Srht, SketchKind::SrctCosine, SketchKind::SrctCirculant, SketchKind::BlockSrht})
    for (const int rounds : {1, 2, 3}) {
      const Sketch s{
          .kind = kind, .rows = 37, .columns = 150, .seed = 21, .rounds = rounds, .block = 128};
      const auto expected = naive_transform_sketch(s);
      const auto found = explicit_matrix(s);
      for (std::size_t k = 0; k < found.size(); ++k)
        worst = std::max(worst, std::abs(static_cast<double>(found[k] - expected[k])));
    }
  CHECK(worst < 4e-15);
}

TEST_CASE("whole columns are dealt in rounds that MPI's counts hold", "[sketching]") {
  constexpr std::int64_t most = 2147483647;
  for (const int ranks : {1, 2, 7, 1000, 100000})
    for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{1000}, std::int64_t{8388608},
                                    std::int64_t{300000000}, most})
      for (const std::int64_t columns : {1, 3, 1000, 2000000000})
        for (const std::int64_t share : {std::int64_t{0}, (rows + ranks - 1) / ranks, rows}) {
          const ColumnDealing d = column_dealing(columns, rows, share, ranks);
          CAPTURE(ranks, rows, columns, share, d.width, d.ranks);
          CHECK((d.width >= 1 && d.ranks >= 1 && d.ranks <= ranks));
          CHECK(d.width * rows <= std::max(most, rows)); // got by a rank in a round
          CHECK(d.width * d.ranks * share <= most);      // sent by one
          CHECK(d.width <= std::max<std::int64_t>((columns + ranks - 1) / ranks, 1));
          if (share * ranks * ((columns + ranks - 1) / ranks) <= most)
            CHECK(d.ranks == ranks); // nobody is idle without need
        }
}

TEST_CASE("the Hadamard transform of any length", "[sketching]") {
  for (const Isa *const *isa = available_isas(); *isa; ++isa)
    for (std::int64_t n = 1; n <= 32768; n *= 2) {
      std::vector<double> x(static_cast<std::size_t>(n), 0.0);
      const std::int64_t i = n / 3, j = 3 * n / 4; // integers: exact
      x[static_cast<std::size_t>(i)] = 5;
      x[static_cast<std::size_t>(j)] += 3;
      (*isa)->hadamard(x.data(), n);
      bool right = true;
      for (std::int64_t k = 0; k < n; ++k)
        right =
            right && x[static_cast<std::size_t>(k)] ==
                         (std::popcount(static_cast<std::uint64_t>(i & k)) % 2 != 0 ? -5 : 5) +
                             (std::popcount(static_cast<std::uint64_t>(j & k)) % 2 != 0 ? -3 : 3);
      CHECK(right);
    }
  double x[4] = {1, 2, 3, 4};
  isa().hadamard(x, 4);
  CHECK((x[0] == 10 && x[1] == -2 && x[2] == -4 && x[3] == 0));
}

TEST_CASE("normals of every instruction set have the same bits and are those of libm",
          "[sketching]") {
  const DenseEntries s{.seed = 77, .rows = 1024};
  const std::int64_t pitch = entry_rows(s.rows), count = 200;
  std::vector<double> first;
  for (const Isa *const *isa = available_isas(); *isa; ++isa) {
    std::vector<double> x(static_cast<std::size_t>(pitch * count));
    (*isa)->entries(s, 5, count, x.data());
    if (first.empty())
      first = x;
    CHECK(x == first);
  }
  double worst = 0, sum = 0, square = 0, fourth = 0;
  for (std::int64_t k = 0; k < count; ++k)
    for (std::int64_t r = 0; r < pitch; ++r) {
      const double x = first[static_cast<std::size_t>(k * pitch + r)];
      const std::int64_t p = r / 16 * 8 + r % 8;
      const auto w = lathe::random::words(77, 0x4e00000000000005 + static_cast<std::uint64_t>(k),
                                          static_cast<std::uint64_t>(p));
      const auto bits = [](std::uint32_t high, std::uint32_t low) {
        return static_cast<long double>(static_cast<std::uint64_t>(high) << 21 | low >> 11);
      };
      const auto u = static_cast<double>((bits(w[0], w[1]) + 0.5L) * 0x1p-53L);
      const long double angle = 2 * std::numbers::pi_v<long double> * bits(w[2], w[3]) * 0x1p-53L;
      const long double exact = std::sqrt(-2 * std::log(static_cast<long double>(u))) *
                                (r % 16 < 8 ? std::cos(angle) : std::sin(angle));
      worst = std::max(worst, std::abs(static_cast<double>(x - exact)) /
                                  std::max(1.0, std::abs(static_cast<double>(exact))));
      sum += x;
      square += x * x;
      fourth += x * x * x * x;
    }
  const auto n = static_cast<double>(first.size());
  if (lathe::test::mpi_rank() == 0)
    std::printf("worst error of a normal: %.2g units of 2^-53 max(1, |x|)\n", worst * 0x1p53);
  CHECK(worst < 4 * 0x1p-53);
  CHECK(std::abs(sum / std::sqrt(n)) < 4);
  CHECK(std::abs((square - n) / std::sqrt(2 * n)) < 4);
  CHECK(std::abs((fourth - 3 * n) / std::sqrt(96 * n)) < 4);
}

TEST_CASE("signs of every instruction set are the bits of the generator", "[sketching]") {
  for (const Isa *const *isa = available_isas(); *isa; ++isa)
    for (const std::int64_t count : {1, 7, 128, 1000, 3000}) {
      std::vector<double> x(static_cast<std::size_t>(count));
      (*isa)->signs(9, 3, 256, count, x.data());
      bool right = true;
      for (std::int64_t k = 0; k < count; ++k)
        right = right && x[static_cast<std::size_t>(k)] == sign_bit(9, 3, 256 + k);
      CHECK(right);
    }
}

TEST_CASE("the transpose is the transpose of the columns", "[sketching]") {
  for (const SketchKind kind : all_kinds) {
    const Sketch s{.kind = kind, .rows = 45, .columns = 333, .seed = 5, .block = 64};
    const auto matrix = explicit_matrix(s);
    std::vector<double> y(45), x(200);
    for (std::size_t r = 0; r < y.size(); ++r)
      y[r] = lathe::random::normal(1, 0, r);
    SketchColumns columns(s);
    columns.transposed(y.data(), 100, 200, x.data());
    double worst = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      long double sum = 0;
      for (std::size_t r = 0; r < y.size(); ++r)
        sum += static_cast<long double>(matrix[r + 45 * (k + 100)]) * y[r];
      worst = std::max(worst, std::abs(static_cast<double>(x[k] - sum)));
    }
    CAPTURE(name_of(kind), worst);
    CHECK(worst < 1e-13);
  }
}

TEST_CASE("a column has length one, or nearly", "[sketching]") {
  for (const SketchKind kind : all_kinds) {
    const Sketch s{.kind = kind, .rows = 400, .columns = 1000, .seed = 8};
    std::vector<double> x(400);
    SketchColumns columns(s);
    columns.column(123, x.data());
    const double square = std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
    const bool exact =
        nonzeros_of(s) > 0 || kind == SketchKind::Rademacher || kind == SketchKind::SrctCirculant;
    CAPTURE(name_of(kind), square);
    CHECK(square == Approx(1).margin(exact ? 1e-14 : 0.3));
  }
}

} // namespace
