// SPDX-License-Identifier: BSD-2-Clause
#include "core/random.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>
#include <vector>

using namespace lathe;
using Words = std::array<std::uint32_t, 4>;

TEST_CASE("Random: known answers of Philox4x32-10 (Random123 1.14, kat_vectors)") {
  CHECK(random::words(0, 0, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(random::words(~0ULL, ~0ULL, ~0ULL) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  // counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0: the words of π
  CHECK(random::words(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("Random: open_unit stays inside (0, 1) and is exact") {
  CHECK(random::open_unit(0, 0) == 0x1p-53);
  CHECK(random::open_unit(0xffffffff, 0xffffffff) == 1 - 0x1p-53);
  CHECK(random::open_unit(0x80000000, 0) == 0.5 + 0x1p-53);
  CHECK(random::open_unit(0, 0xfff) == 0x1p-53); // the low 12 bits are not used
}

TEST_CASE("Random: seeds, streams and indices are independent of each other and of order") {
  const double x = random::uniform(1, 2, 3);
  CHECK(random::uniform(1, 2, 3) == x);
  CHECK(random::uniform(1, 2, 4) != x);
  CHECK(random::uniform(1, 3, 3) != x);
  CHECK(random::uniform(2, 2, 3) != x);
  CHECK(random::uniform(1, 2, 3 + (1ULL << 32)) != x); // the high words count
  CHECK(random::uniform(1, 2 + (1ULL << 32), 3) != x);
  CHECK(random::uniform(1 + (1ULL << 32), 2, 3) != x);
}

namespace {

// Kolmogorov-Smirnov distance of a sample to a continuous distribution, times √n.
template <class Cdf> double ks(std::vector<double> x, Cdf cdf) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]);
    worst = std::max({worst, std::abs(f - static_cast<double>(i) / n),
                      std::abs(f - static_cast<double>(i + 1) / n)});
  }
  return worst * std::sqrt(n);
}

} // namespace

TEST_CASE("Random: distributions of uniform and normal, 200000 draws at fixed seeds") {
  const std::uint64_t n = 200000;
  std::vector<double> u(n), z(n);
  double correlation = 0, m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    u[i] = random::uniform(20, 1, i);
    z[i] = random::normal(20, 2, i);
    m1 += z[i];
    m2 += z[i] * z[i];
    m3 += z[i] * z[i] * z[i];
    m4 += z[i] * z[i] * z[i] * z[i];
    if (i > 0)
      correlation += (u[i] - 0.5) * (u[i - 1] - 0.5) * 12;
  }
  const auto count = static_cast<double>(n);
  const double root = std::sqrt(count);
  // 1.95 is exceeded with probability 0.001; moments: 4 standard deviations
  CHECK(ks(u, [](double x) { return x; }) < 1.95);
  CHECK(ks(z, [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }) < 1.95);
  CHECK(std::abs(m1 / root) < 4);
  CHECK(std::abs(m2 - count) / root < 4 * std::sqrt(2.0));
  CHECK(std::abs(m3) / root < 4 * std::sqrt(15.0));
  CHECK(std::abs(m4 - 3 * count) / root < 4 * std::sqrt(96.0));
  CHECK(std::abs(correlation) / root < 4);
}

TEST_CASE("Random: signs and integers below n") {
  const std::uint64_t n = 70000;
  double sum = 0;
  std::array<double, 7> counts{};
  for (std::uint64_t i = 0; i < n; ++i) {
    const double s = random::sign(5, 0, i);
    REQUIRE((s == 1 || s == -1));
    sum += s;
    const std::uint64_t k = random::below(7, 5, 1, i);
    REQUIRE(k < 7);
    ++counts[k];
  }
  CHECK(std::abs(sum) < 4 * std::sqrt(static_cast<double>(n)));
  double chi2 = 0;
  for (const double c : counts)
    chi2 += (c - 10000) * (c - 10000) / 10000;
  CHECK(chi2 < 22.46); // 6 degrees of freedom, probability 0.001
  CHECK(random::below(1, 9, 9, 9) == 0);
  // n = 3·2⁶²: a remainder of 64-bit words would put half the weight on the first third
  const std::uint64_t wide = 3ULL << 62;
  double first = 0;
  for (std::uint64_t i = 0; i < n; ++i)
    first += random::below(wide, 6, 0, i) < (1ULL << 62) ? 1 : 0;
  const double mean = static_cast<double>(n) / 3;
  CHECK(std::abs(first - mean) < 4 * std::sqrt(mean * 2 / 3));
}
