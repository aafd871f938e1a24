// SPDX-License-Identifier: BSD-2-Clause
// What holds at every point, without reference values: Wronskian, no seams, the same bits for one
// value, any batch, any instruction set and any rank.
#include "bessel/bessel_ratio.h"
#include "bessel/isa.h"
#include "bessel/log_bessel.h"
#include "bessel/log_bessel_batch.h"
#include "core/layout.h"
#include "core/random.h"
#include "unit/bessel/reference.h"
#include <bit>
#include <cstdint>

using namespace lathe;
using namespace lathe::bessel;
using test::Errors;

namespace {

struct Points {
  std::vector<double> v, x;
};

// Every regime: whole range of a double, the ellipse, its surroundings, the limits.
Points points(std::size_t count) {
  Points p;
  for (std::uint64_t j = 0; j < count; ++j) {
    const double a = random::uniform(11, 0, j), b = random::uniform(11, 1, j);
    switch (j % 9) {
    case 0:
      p.v.push_back(18 * a), p.x.push_back(31 * b);
      break;
    case 1:
      p.v.push_back(150 * a), p.x.push_back(150 * b);
      break;
    case 2:
      p.v.push_back(1e4 * a), p.x.push_back(1e4 * b);
      break;
    case 3:
      p.v.push_back(std::pow(10, 16 * a - 8)), p.x.push_back(std::pow(10, 600 * b - 300));
      break;
    case 4:
      p.v.push_back(3 * a), p.x.push_back(std::pow(10, 4 * b - 3));
      break;
    case 5:
      p.v.push_back(std::floor(40 * a) / 2), p.x.push_back(40 * b);
      break;
    case 6:
      p.v.push_back(std::pow(10, 6 * a)), p.x.push_back(p.v.back() * (0.5 + b));
      break;
    case 7: // subnormal numbers and squares among them
      p.v.push_back(j % 2 ? 20 * a : std::pow(10, 630 * a - 323.3));
      p.x.push_back(std::pow(10, 630 * b - 323.3));
      break;
    default: {
      const double special[] = {0.0, -0.0,   5e-324, 1e308, HUGE_VAL, std::nan(""), -1.0, 0x1p-400,
                                1.0, 1e-310, 14.8,   24.6,  180.0,    0.5,          2.0,  12.0};
      p.v.push_back(special[static_cast<int>(16 * a)]);
      p.x.push_back(special[static_cast<int>(16 * b)]);
    }
    }
  }
  return p;
}

std::uint64_t mix(std::uint64_t hash, double y) {
  // NaNs differ in sign between compilers; they count as one.
  const auto bits = std::isnan(y) ? 0x7ff8000000000000u : std::bit_cast<std::uint64_t>(y);
  return (hash ^ bits) * 0x9e3779b97f4a7c15u + (hash >> 29);
}

// Results of every function, one point at a time.
std::vector<double> all_scalar(const Isa &f, double v, double x, double r) {
  const auto i = f.log_i_derivatives(v, x), k = f.log_k_derivatives(v, x);
  return {f.log_i(v, x),
          f.log_k(v, x),
          f.log_i_fast(v, x),
          f.log_k_fast(v, x),
          i.value,
          i.dx,
          i.dv,
          i.dxx,
          k.value,
          k.dx,
          k.dv,
          k.dxx,
          f.i_ratio(v, x),
          f.i_ratio_complement(v, x),
          f.inverse_i_ratio(v, r),
          f.inverse_i_ratio_complement(v, r)};
}

// The same by batches of the given length.
std::vector<std::vector<double>> all_batched(const Isa &f, const Points &p,
                                             const std::vector<double> &r, std::size_t chunk) {
  const std::size_t n = p.v.size();
  std::vector<std::vector<double>> out(16, std::vector<double>(n));
  std::vector<LogBesselDerivatives> i(n), k(n);
  for (std::size_t s = 0; s < n; s += chunk) {
    const std::size_t m = std::min(chunk, n - s);
    const Operand v = {p.v.data() + s, false}, x = {p.x.data() + s, false},
                  ratio = {r.data() + s, false};
    f.batch(v, x, out[0].data() + s, out[1].data() + s, m);
    f.batch_fast(v, x, out[2].data() + s, nullptr, m);
    f.batch_fast(v, x, nullptr, out[3].data() + s, m);
    f.batch_i_derivatives(v, x, i.data() + s, m);
    f.batch_k_derivatives(v, x, k.data() + s, m);
    f.batch_i_ratio(v, x, out[12].data() + s, out[13].data() + s, m);
    f.batch_inverse(v, ratio, out[14].data() + s, m);
    f.batch_inverse_complement(v, ratio, out[15].data() + s, m);
  }
  for (std::size_t j = 0; j < n; ++j) {
    out[4][j] = i[j].value, out[5][j] = i[j].dx, out[6][j] = i[j].dv, out[7][j] = i[j].dxx;
    out[8][j] = k[j].value, out[9][j] = k[j].dx, out[10][j] = k[j].dv, out[11][j] = k[j].dxx;
  }
  return out;
}

std::vector<double> ratios(std::size_t n) {
  std::vector<double> r;
  for (std::uint64_t j = 0; j < n; ++j) {
    const double a = random::uniform(12, 0, j);
    const double special[] = {0.0, 1.0, 0.5, 1e-300, 2.0, -0.1, std::nan(""), 1e-12};
    r.push_back(j % 16 == 0 ? special[(j / 16) % 8] : a);
  }
  return r;
}

} // namespace

TEST_CASE("Wronskian on a million points", "[bessel]") {
  // I_v K_{v+1} + I_{v+1} K_v = 1/x, in logarithms; v + 1 is exact.
  const std::size_t n = 1000000;
  std::vector<double> v(n), next(n), x(n), i(n), k(n), i1(n), k1(n);
  for (std::uint64_t j = 0; j < n; ++j) {
    const double a = random::uniform(13, 0, j), b = random::uniform(13, 1, j);
    const double order = j % 2 ? 40 * a : std::pow(10, 9 * a - 3);
    v[j] = std::ldexp(std::round(std::ldexp(order, 20)), -20);
    next[j] = v[j] + 1;
    x[j] = j % 4 < 2 ? 50 * b + 0x1p-40 : std::pow(10, 16 * b - 8);
  }
  REQUIRE(log_bessel_ik(v, x, i, k));
  REQUIRE(log_bessel_ik(next, x, i1, k1));
  Errors residual("Wronskian");
  for (std::size_t j = 0; j < n; ++j) {
    const long double a = static_cast<long double>(i[j]) + k1[j],
                      b = static_cast<long double>(i1[j]) + k[j];
    const long double large = std::max(a, b), small = std::min(a, b);
    const long double sum =
        large + std::log1p(std::exp(small - large)) + std::log(static_cast<long double>(x[j]));
    const long double scale = std::max({1.0L, std::abs(static_cast<long double>(i[j])),
                                        std::abs(static_cast<long double>(k1[j]))});
    residual.add(test::error_eps(static_cast<double>(sum), 0, scale), v[j], x[j]);
  }
  residual.check(8.0);
}

TEST_CASE("no seam where one expansion hands over to the next", "[bessel]") {
  Errors errors("steps across seams");
  const auto step = [&](double v0, double x0, double v1, double x1) {
    const auto i = log_bessel_i_derivatives(v0, x0), k = log_bessel_k_derivatives(v0, x0);
    const long double dv = static_cast<long double>(v1) - v0,
                      dx = static_cast<long double>(x1) - x0;
    for (const auto &[d, y] : {std::pair{i, log_bessel_i(v1, x1)}, {k, log_bessel_k(v1, x1)}}) {
      const long double expected = d.value + d.dv * dv + d.dx * dx;
      errors.add(test::error_eps(y, expected, std::max(1.0L, std::abs(expected))), v0, x0);
    }
  };
  const auto both_ways = [&](double v, double x) {
    for (const double to : {0.0, HUGE_VAL}) {
      step(v, x, v, std::nextafter(x, to));
      step(v, x, std::nextafter(v, to), x);
    }
  };
  for (const double x : {0x1p-400, 0x1p-399, 0.5, 1.0, 2.0, 4.0, 5.0, 12.0, 180.0})
    for (std::uint64_t j = 0; j < 300; ++j) {
      const double v = (x == 180 ? 300 : 15) * random::uniform(14, 0, j);
      both_ways(v, x);
      both_ways(x == 180 ? 180 : std::floor(v) + 0.5, x == 180 ? v + 1e-3 : x);
      both_ways(std::floor(v), x);
      both_ways(0x1p-400, x * (1 + v));
    }
  for (const auto &[a, b] : {std::pair{14.8, 24.6}, {17.5, 30.0}})
    for (std::uint64_t j = 0; j < 2000; ++j) {
      const double t = 1.5707963267948966 * random::uniform(14, 1, j);
      both_ways(a * std::cos(t), b * std::sin(t));
      both_ways(a * std::cos(t) * (1 + 1e-15), b * std::sin(t));
    }
  REQUIRE(errors.size() > 40000);
  errors.check(3.0);
}

TEST_CASE("one at a time, in batches of any length, on every instruction set: the same bits",
          "[bessel][bits]") {
  const Points p = points(6001);
  const std::vector<double> r = ratios(p.v.size());
  std::vector<std::uint64_t> expected(16, 0);
  for (std::size_t j = 0; j < p.v.size(); ++j) {
    const auto y = all_scalar(isa(), p.v[j], p.x[j], r[j]);
    for (std::size_t f = 0; f < 16; ++f)
      expected[f] = mix(expected[f], y[f]);
  }
  for (const Isa *const *which = available_isas(); *which; ++which) {
    std::vector<std::uint64_t> scalar(16, 0);
    for (std::size_t j = 0; j < p.v.size(); ++j) {
      const auto y = all_scalar(**which, p.v[j], p.x[j], r[j]);
      for (std::size_t f = 0; f < 16; ++f)
        scalar[f] = mix(scalar[f], y[f]);
    }
    INFO("instruction set " << (*which)->name);
    CHECK(scalar == expected);
    for (const std::size_t chunk :
         {std::size_t{6001}, std::size_t{2048}, std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
      INFO("batches of " << chunk);
      const auto batched = all_batched(**which, p, r, chunk);
      for (std::size_t f = 0; f < 16; ++f) {
        std::uint64_t hash = 0;
        for (const double y : batched[f])
          hash = mix(hash, y);
        INFO("function " << f);
        CHECK(hash == expected[f]);
      }
    }
  }
}

TEST_CASE("one order or one argument for a whole batch: the same bits", "[bessel][bits]") {
  const Points p = points(3000);
  std::vector<double> i(3000), k(3000);
  std::size_t wrong = 0;
  const auto differ = [](double a, double b) { return mix(0, a) != mix(0, b); };
  for (const double one : {0.0, 0.5, 1.3, 14.9, 40.0, 1e5, 0.1, 3.0, 20.0, -1.0}) {
    REQUIRE(log_bessel_ik(Values(&one, 1), p.x, i, k));
    for (std::size_t j = 0; j < 3000; ++j)
      wrong += differ(i[j], log_bessel_i(one, p.x[j])) + differ(k[j], log_bessel_k(one, p.x[j]));
    REQUIRE(log_bessel_k(Values(&one, 1), p.x, k));
    for (std::size_t j = 0; j < 3000; ++j)
      wrong += differ(k[j], log_bessel_k(one, p.x[j]));
    REQUIRE(log_bessel_ik(p.v, Values(&one, 1), i, k));
    for (std::size_t j = 0; j < 3000; ++j)
      wrong += differ(i[j], log_bessel_i(p.v[j], one)) + differ(k[j], log_bessel_k(p.v[j], one));
  }
  CHECK(wrong == 0);
}

TEST_CASE("arrays of K ratios and log 0F1 are those of one at a time", "[bessel][bits]") {
  const std::vector<double> v{0, 0.25, 7.5, 40, 1e10}, x{1e-300, 0.1, 12, 400, 1e200}, one{2.5};
  std::vector<double> k(5), f(5), k_one(5), f_one(5);
  REQUIRE((bessel_k_ratio(v, x, k) && log_hyp0f1(v, x, f)));
  REQUIRE((bessel_k_ratio(one, x, k_one) && log_hyp0f1(v, one, f_one)));
  for (std::size_t i = 0; i < v.size(); ++i) {
    CHECK(k[i] == bessel_k_ratio(v[i], x[i]));
    CHECK(k_one[i] == bessel_k_ratio(2.5, x[i]));
    CHECK((f[i] == log_hyp0f1(v[i], x[i]) || (std::isnan(f[i]) && v[i] == 0)));
    CHECK((f_one[i] == log_hyp0f1(v[i], 2.5) || (std::isnan(f_one[i]) && v[i] == 0)));
  }
  std::vector<double> short_one(4);
  CHECK_FALSE(bessel_k_ratio(v, x, short_one));
  CHECK_FALSE(log_hyp0f1(v, x, short_one));
}

TEST_CASE("lengths that do not fit are refused", "[bessel]") {
  const std::vector<double> two(2, 1.0), three(3, 1.0);
  std::vector<double> out(3, -7.0), short_out(2, -7.0);
  CHECK_FALSE(log_bessel_i(two, three, out));
  CHECK_FALSE(log_bessel_k(three, two, out));
  CHECK_FALSE(log_bessel_ik(three, three, out, short_out));
  CHECK_FALSE(inverse_bessel_i_ratio(two, three, out));
  CHECK_FALSE(bessel_i_ratio(Values(), three, out));
  CHECK(out == std::vector<double>(3, -7.0));
  CHECK(log_bessel_i(Values(), Values(), std::span<double>()));
}

TEST_CASE("blocks of points on ranks: the same bits as on one", "[bessel][bits]") {
  const Points p = points(4000);
  const Range mine = block_range(4000, test::mpi_size(), test::mpi_rank());
  std::vector<double> whole(4000), part(4000, 0.0);
  REQUIRE_ALL(log_bessel_k(p.v, p.x, whole));
  const auto first = static_cast<std::size_t>(mine.begin),
             n = static_cast<std::size_t>(mine.end - mine.begin);
  REQUIRE_ALL(log_bessel_k(Values(p.v).subspan(first, n), Values(p.x).subspan(first, n),
                           std::span<double>(part).subspan(first, n)));
  std::uint64_t wrong = 0;
  for (std::size_t j = first; j < first + n; ++j)
    wrong += mix(0, part[j]) != mix(0, whole[j]);
  CHECK_ALL(wrong == 0);
}
