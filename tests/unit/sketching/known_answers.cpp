// SPDX-License-Identifier: BSD-2-Clause
// Constants that no change of the library may alter: a sketch is known by its seed, in result files
// and on other machines. By another implementation of Philox4x32-10, which gives the vectors of
// Random123, and of the definitions of the sketches; of the normals that gave the leading digits
// (within 4 units of 2⁻⁵³ max(1, |x|)), and the last bits are ours.
#include "harness/mpi_test.h"
#include "sketching/isa.h"
#include "sketching/sketch_columns.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace {

using namespace lathe::sketching;

constexpr std::uint64_t odd_seed = 0x123456789abcdef;

TEST_CASE("known answers of Philox through every instruction set", "[sketching]") {
  struct Known {
    std::uint64_t seed, stream;
    std::int64_t index;
    std::array<std::uint32_t, 4> words;
  };
  const Known known[] = {
      {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}, // of Random123
      {~0ULL, ~0ULL, 1, {0x933684c8, 0x53e5a0af, 0xd2fd021a, 0xb4c93c70}},
      {0x299f31d0a4093822,
       0x0370734413198a2e,
       (std::int64_t{1} << 40) + 3,
       {0x032242a2, 0x87f4a698, 0xf8a838fc, 0x943082a5}},
      {odd_seed,
       0x4400000000000000,
       std::int64_t{1} << 55,
       {0x3cfae5b9, 0xdb4998bc, 0xe251bdc2, 0x75447ee9}}};
  for (const Isa *const *isa = available_isas(); *isa; ++isa)
    for (const Known &k : known) {
      std::array<double, 128> signs{};
      std::array<std::uint32_t, 4> words{};
      (*isa)->signs(k.seed, k.stream, 128 * k.index, 128, signs.data());
      for (std::size_t b = 0; b < signs.size(); ++b)
        words[b / 32] |= static_cast<std::uint32_t>(signs[b] < 0 ? 1 : 0) << (b % 32);
      CAPTURE((*isa)->name, k.seed, k.stream, k.index);
      CHECK(words == k.words);
    }
}

TEST_CASE("known columns of a SparseStack on every instruction set", "[sketching]") {
  struct Known {
    std::uint64_t seed;
    std::int64_t column;
    std::array<int, 8> places; // sign·(row + 1)
  };
  const Known known[] = {{42, 0, {6, -33, -71, -95, 113, -147, -175, -200}},
                         {42, 7, {-19, 27, 64, 95, 109, 131, 171, 183}},
                         {42, 999, {23, 49, -65, 78, 124, 145, -169, -183}},
                         {odd_seed, 0, {24, 37, -74, -78, -107, -127, -161, 189}},
                         {odd_seed, 7, {-14, 39, -65, -90, -122, -134, 174, 189}},
                         {odd_seed, 999, {-23, -46, 59, 82, 103, 130, 164, 181}}};
  for (const Known &k : known) {
    std::vector<double> expected(200), found(200);
    for (const int place : k.places)
      expected[static_cast<std::size_t>(std::abs(place) - 1)] =
          (place < 0 ? -1 : 1) / std::sqrt(8.0);
    SketchColumns columns({.rows = 200, .columns = 1000, .seed = k.seed});
    columns.column(k.column, found.data());
    CAPTURE(k.seed, k.column);
    CHECK(found == expected);
    for (const Isa *const *isa = available_isas(); *isa; ++isa) {
      std::array<Code, 8> codes{};
      std::array<int, 8> places{};
      (*isa)->codes({.seed = k.seed, .rows = 200, .nonzeros = 8}, k.column, 1, codes.data());
      std::transform(codes.begin(), codes.end(), places.begin(),
                     [](Code c) { return (c % 2 != 0 ? -1 : 1) * (static_cast<int>(c / 2) + 1); });
      CAPTURE((*isa)->name);
      CHECK(places == k.places);
    }
  }
}

TEST_CASE("known normals on every instruction set, bit by bit", "[sketching]") {
  struct Known {
    std::uint64_t seed;
    std::int64_t column, row;
    double normal;
  };
  const Known known[] = {{42, 0, 0, -0x1.8488c55fbaee2p+0},
                         {42, 7, 9, 0x1.48194cd924247p-2},
                         {42, 999, 250, -0x1.805387f8b9c15p-5},
                         {42, std::int64_t{1} << 33, 255, -0x1.147392c6a5644p-2},
                         {odd_seed, 0, 0, 0x1.71b8632c0c7dbp+0},
                         {odd_seed, 7, 9, 0x1.a473917d5e10ap-5},
                         {odd_seed, 999, 250, 0x1.1e0179a2d1333p+0},
                         {odd_seed, std::int64_t{1} << 33, 255, -0x1.0f38b097feeebp+0}};
  for (const Known &k : known) {
    for (const Isa *const *isa = available_isas(); *isa; ++isa) {
      std::array<double, 256> column{};
      (*isa)->entries({.seed = k.seed, .rows = 256}, k.column, 1, column.data());
      CAPTURE((*isa)->name, k.seed, k.column, k.row);
      CHECK(column[static_cast<std::size_t>(k.row)] == k.normal);
    }
    if (k.column >= 1000)
      continue;
    std::array<double, 256> column{};
    SketchColumns columns(
        {.kind = SketchKind::Gaussian, .rows = 256, .columns = 1000, .seed = k.seed});
    columns.column(k.column, column.data());
    CHECK(column[static_cast<std::size_t>(k.row)] == k.normal / 16); // √256
  }
}

TEST_CASE("known columns of an SRHT", "[sketching]") {
  struct Known {
    std::uint64_t seed;
    std::int64_t column;
    std::array<double, 10> sums; // of 64 signs, over √64·√10
  };
  const Known known[] = {{42, 0, {-2, -6, -10, 10, 2, -2, 6, -2, -10, -2}},
                         {42, 7, {6, -6, -2, 10, -6, -2, -2, 6, -2, -2}},
                         {42, 49, {10, -10, 2, -10, -10, -6, -6, 2, 2, 2}},
                         {odd_seed, 0, {2, -14, 10, 2, -2, -6, -6, 2, 2, 10}},
                         {odd_seed, 7, {2, -14, -6, 10, -2, 2, 2, 2, -6, 2}},
                         {odd_seed, 49, {6, -2, -2, -2, -14, 14, 6, -2, -18, 6}}};
  for (const Known &k : known) {
    std::array<double, 10> column{}, sums{};
    SketchColumns columns({.kind = SketchKind::Srht, .rows = 10, .columns = 50, .seed = k.seed});
    columns.column(k.column, column.data());
    for (std::size_t r = 0; r < sums.size(); ++r)
      sums[r] = std::round(column[r] * 8 * std::sqrt(10.0));
    CAPTURE(k.seed, k.column);
    CHECK(sums == k.sums);
    for (std::size_t r = 0; r < sums.size(); ++r)
      CHECK(std::fabs(column[r] - sums[r] / 8 / std::sqrt(10.0)) <= 0x1p-53 * std::fabs(column[r]));
  }
}

TEST_CASE("the cosine transform of 1, 2, 3", "[sketching]") {
  // As many rows as columns and one round: S is a permutation of C·D.
  const Sketch s{
      .kind = SketchKind::SrctCosine, .rows = 3, .columns = 3, .seed = odd_seed, .rounds = 1};
  std::array<double, 3> x{}, y{};
  isa().signs(s.seed, 0x4400000000000000, 0, 3, x.data());
  for (std::size_t j = 0; j < 3; ++j)
    x[j] *= static_cast<double>(j + 1);
  SketchColumns columns(s);
  columns.apply(x.data(), y.data());
  std::sort(y.begin(), y.end());
  CAPTURE(y[0], y[1], y[2]);
  CHECK(std::fabs(y[0] + std::sqrt(2.0)) <= 4e-16);
  CHECK(std::fabs(y[1]) <= 4e-16);
  CHECK(std::fabs(y[2] - 2 * std::sqrt(3.0)) <= 9e-16);
}

} // namespace
