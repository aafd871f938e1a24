// SPDX-License-Identifier: BSD-2-Clause
// Pre-rounded sums: any order, any grouping over ranks, the stated error.
#include "core/prerounded.h"
#include "core/exact_sum.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using lathe::PreRounding;

struct Sum {
  double high = 0, low = 0;
  void add(const PreRounding &rounding, double t) {
    const double h = rounding.high_part(t);
    high += h;
    low += rounding.low_part(t, h);
  }
};

TEST_CASE("pre-rounded sums do not depend on the order", "[core]") {
  for (const std::int64_t n : {1, 2, 3, 1000, 4096, 100000}) {
    const PreRounding rounding(n);
    std::vector<double> terms(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < terms.size(); ++i)
      terms[i] = std::clamp(lathe::random::normal(3, 0, i) *
                                std::exp2(-40 * lathe::random::uniform(3, 1, i)),
                            -2.0, 2.0);
    terms[0] = 2;
    Sum forward, backward, halves[2];
    lathe::ExactSum exact;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      forward.add(rounding, terms[i]);
      backward.add(rounding, terms[terms.size() - 1 - i]);
      halves[i % 2].add(rounding, terms[i]);
      exact.add(terms[i]);
    }
    CHECK(forward.high == backward.high);
    CHECK(forward.low == backward.low);
    CHECK(forward.high == halves[0].high + halves[1].high);
    CHECK(forward.low == halves[0].low + halves[1].low);
    exact.add(-forward.high);
    exact.add(-forward.low);
    const int m = static_cast<int>(std::floor(std::log2(static_cast<double>(n)))) + 2;
    CHECK(std::abs(exact.value()) <= static_cast<double>(n) * std::ldexp(1, 2 * m - 107));
  }
}

// The worst case: every term at the bound, with its sign.
TEST_CASE("pre-rounded sums hold the largest terms exactly", "[core]") {
  for (const double sign : {1.0, -1.0}) {
    const std::int64_t n = 1 << 16;
    const PreRounding rounding(n);
    const double t = sign * 0x1.fffffffffffffp0;
    Sum sum;
    for (std::int64_t i = 0; i < n; ++i)
      sum.add(rounding, t);
    CHECK(sum.high == static_cast<double>(n) * rounding.high_part(t));
    CHECK(sum.low == static_cast<double>(n) * rounding.low_part(t, rounding.high_part(t)));
  }
}

} // namespace
