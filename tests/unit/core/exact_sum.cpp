// SPDX-License-Identifier: BSD-2-Clause
#include "core/exact_sum.h"
#include "core/layout.h"
#include "core/random.h"
#include "core/unit_dot.h"
#include "harness/mpi_test.h"
#include <boost/multiprecision/cpp_int.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace lathe;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double tiny = 0x1p-1074;
constexpr double huge = std::numeric_limits<double>::max();

double sum_of(std::initializer_list<double> terms, Rounding rounding = Rounding::nearest) {
  ExactSum s;
  for (const double x : terms)
    s.add(x);
  return s.value(rounding);
}

double random_double(std::uint64_t stream, std::uint64_t i, int spread) {
  const int e = static_cast<int>(random::below(2 * spread + 1, 7, stream + 1, i)) - spread;
  return std::ldexp(random::normal(7, stream, i), e);
}

// Exact reference: integers in units of 2^-2400.
using Integer = boost::multiprecision::cpp_int;
Integer units(double x) {
  int e = 0;
  const double f = std::frexp(std::abs(x), &e);
  Integer n = static_cast<std::int64_t>(std::ldexp(f, 53));
  n <<= e - 53 + 1200;
  return x < 0 ? Integer(-n) : n;
}

} // namespace

TEST_CASE("exact sums are rounded once, at every scale", "[core][exact_sum]") {
  CHECK(sum_of({}) == 0);
  CHECK(sum_of({1, 1e100, 1, -1e100}) == 2);
  CHECK(sum_of({huge, huge, -huge}) == huge);
  CHECK(sum_of({huge, huge}) == inf);
  CHECK(sum_of({huge, huge}, Rounding::down) == huge);
  CHECK(sum_of({-huge, -huge}, Rounding::up) == -huge);
  CHECK(sum_of({tiny, tiny, -tiny}) == tiny);
  CHECK(sum_of({0x1p-1022, -tiny}) == 0x1p-1022 - tiny);
  CHECK(sum_of({1, 0x1p-53}) == 1);                     // tie to even
  CHECK(sum_of({1, 0x1p-53, tiny}) == 1 + 0x1p-52);     // just above the tie
  CHECK(sum_of({1 + 0x1p-52, 0x1p-53}) == 1 + 0x1p-51); // tie to even, upwards
  CHECK(sum_of({1, tiny}, Rounding::up) == 1 + 0x1p-52);
  CHECK(sum_of({1, tiny}, Rounding::down) == 1);
  CHECK(sum_of({-1, -tiny}, Rounding::down) == -1 - 0x1p-52);
  CHECK(sum_of({-1, -tiny}, Rounding::up) == -1);
  CHECK(sum_of({inf, -1}) == inf);
  CHECK(sum_of({-inf, huge}) == -inf);
  CHECK(std::isnan(sum_of({inf, -inf})));
  CHECK(std::isnan(sum_of({1, NAN})));
}

TEST_CASE("exact dot products", "[core][exact_sum]") {
  ExactSum s;
  s.add_product(huge, huge); // 2^2048 or so, beyond double
  s.add_product(-huge, huge);
  s.add_product(tiny, tiny); // 2^-2148
  CHECK(s.value() == 0);
  CHECK(s.value(Rounding::up) == tiny);
  s.add_product(3, 7);
  CHECK(s.value() == 21);
  s.add_product(0, inf);
  CHECK(std::isnan(s.value()));
}

TEST_CASE("exact sums agree with integer arithmetic", "[core][exact_sum]") {
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    ExactSum s, negated;
    Integer exact = 0;
    const int spread = trial % 2 ? 500 : 5;
    for (std::uint64_t i = 0; i < 50; ++i) {
      const double x = random_double(trial * 4, i, spread);
      s.add(x);
      negated.add(-x);
      exact += units(x);
    }
    const double value = s.value(), low = s.value(Rounding::down), high = s.value(Rounding::up);
    CHECK(low <= value);
    CHECK(value <= high);
    CHECK(negated.value() == -value);
    CHECK(units(low) <= exact);
    CHECK(exact <= units(high));
    CHECK((low == high || std::nextafter(low, inf) == high));
    CHECK(abs(units(value) - exact) <= std::min(abs(units(low) - exact), abs(units(high) - exact)));
  }
}

TEST_CASE("sums and unit dots have the same bits on every number of ranks", "[core][exact_sum]") {
  const std::int64_t n = 1000;
  const Range mine = block_range(n, test::mpi_size(), test::mpi_rank());
  ExactSum serial, parallel;
  std::vector<PetscScalar> x, y, all_x, all_y;
  double norm = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(i);
    const double a = random::normal(1, 0, u), b = random::normal(1, 1, u);
    norm += a * a;
    all_x.push_back(a);
    all_y.push_back(b);
    serial.add_product(a, b);
    if (mine.contains(i))
      parallel.add_product(a, b);
  }
  PETSC_OK(ExactSum::AllReduce(PETSC_COMM_WORLD, &parallel, 1));
  CHECK_ALL(parallel.value() == serial.value());
  const double unit = 1 / (std::sqrt(norm) * 1.1);
  ExactSum exact;
  for (std::int64_t i = 0; i < n; ++i) {
    all_x[i] *= unit;
    all_y[i] *= unit;
    exact.add_product(PetscRealPart(all_x[i]), PetscRealPart(all_y[i]));
    if (mine.contains(i)) {
      x.push_back(all_x[i]);
      y.push_back(all_y[i]);
    }
  }
  PetscScalar h = 0, h_serial = 0;
  PETSC_OK(UnitDots(PETSC_COMM_WORLD, x.data(), 1, y.data(), x.size(), &h));
  PETSC_OK(UnitDots(PETSC_COMM_SELF, all_x.data(), 1, all_y.data(), all_x.size(), &h_serial));
  CHECK_ALL(h == h_serial);
  CHECK_ALL(PetscAbsScalar(h - exact.value()) <= 0x1p-53 * 2); // Σ of product roundings ≤ 2⁻⁵³
}
