// SPDX-License-Identifier: BSD-2-Clause
// Every log-Bessel function over the whole double range: time a value in cells of 0.2 decades of v
// and x, the worst cell beside the median one. No function loops in v or x, so none should be much
// slower: bar 4.
//   bench_log_bessel_cells [generic|avx2|avx512 [cells]]
// `cells` prints every cell.
#include "bessel/isa.h"
#include "core/random.h"
#include "timing.h"
#include <cmath>
#include <cstring>
#include <functional>

namespace {

using namespace lathe;
using namespace lathe::bench;
using bessel::LogBesselDerivatives;

constexpr std::size_t points = 256; // in a cell

struct Cell {
  double v0, x0; // its lower corner
  std::vector<double> v, x, r;
  mutable std::vector<double> a, b;
  mutable std::vector<LogBesselDerivatives> d;

  [[nodiscard]] bessel::Operand order() const { return {v.data(), false}; }
  [[nodiscard]] bessel::Operand argument() const { return {x.data(), false}; }
  [[nodiscard]] bessel::Operand ratio() const { return {r.data(), false}; }
};

/// Decimal exponents: every decade fifth about the seams, sparser to both ends of the range.
std::vector<double> exponents() {
  std::vector<double> e{-323.5, -320, -315, -310, -308.2, -307.9, -305, -300, -292, -250, -200};
  for (const double more : {-170.0, -162.0, -158.0, -154.0, -150.0, -130.0, -100.0, -50.0, -30.0})
    e.push_back(more);
  for (const double more : {-20.0, -16.5, -12.0, -8.5, -6.0, -4.0})
    e.push_back(more);
  for (int i = -15; i <= 16; ++i)
    e.push_back(0.2 * i);
  for (const double more :
       {4.0, 5.0, 6.0, 8.0, 12.0, 16.0, 30.0, 100.0, 154.0, 200.0, 300.0, 308.0})
    e.push_back(more);
  return e;
}

std::vector<Cell> cells() {
  std::vector<Cell> all;
  for (const double a : exponents())
    for (const double b : exponents()) {
      Cell c{.v0 = std::pow(10, a),
             .x0 = std::pow(10, b),
             .v = {},
             .x = {},
             .r = {},
             .a = std::vector<double>(points),
             .b = std::vector<double>(points),
             .d = std::vector<LogBesselDerivatives>(points)};
      for (std::size_t i = 0; i < points; ++i) {
        c.v.push_back(std::pow(10, a + 0.2 * random::uniform(5, 0, i)));
        c.x.push_back(std::pow(10, b + 0.2 * random::uniform(5, 1, i)));
        c.r.push_back(c.x[i] < 1 ? c.x[i] : 1 / (1 + 1 / c.x[i])); // in (0, 1]
      }
      all.push_back(std::move(c));
    }
  return all;
}

using Call = std::function<void(const Cell &)>;

template <class F> Call each(F f) {
  return [f](const Cell &c) {
    for (std::size_t i = 0; i < points; ++i)
      c.a[i] = f(c.v[i], c.x[i]);
  };
}
template <class F> Call each_ratio(F f) {
  return [f](const Cell &c) {
    for (std::size_t i = 0; i < points; ++i)
      c.a[i] = f(c.v[i], c.r[i]);
  };
}
template <class F> Call each_derivatives(F f) {
  return [f](const Cell &c) {
    for (std::size_t i = 0; i < points; ++i)
      c.d[i] = f(c.v[i], c.x[i]);
  };
}

struct Function {
  const char *name;
  Call call;
};

std::vector<Function> functions(const bessel::Isa &f) {
  return {
      {"log_i", each(f.log_i)},
      {"log_k", each(f.log_k)},
      {"log_ik",
       [f](const Cell &c) {
         for (std::size_t i = 0; i < points; ++i)
           f.log_ik(c.v[i], c.x[i], &c.a[i], &c.b[i]);
       }},
      {"log_i_fast", each(f.log_i_fast)},
      {"log_k_fast", each(f.log_k_fast)},
      {"log_i_derivatives", each_derivatives(f.log_i_derivatives)},
      {"log_k_derivatives", each_derivatives(f.log_k_derivatives)},
      {"i_ratio", each(f.i_ratio)},
      {"i_ratio_complement", each(f.i_ratio_complement)},
      {"k_ratio", each(f.k_ratio)},
      {"inverse_i_ratio", each_ratio(f.inverse_i_ratio)},
      {"inverse_i_ratio_complement", each_ratio(f.inverse_i_ratio_complement)},
      {"log_hyp0f1", each(f.log_hyp0f1)},
      {"batch_i",
       [f](const Cell &c) { f.batch(c.order(), c.argument(), c.a.data(), nullptr, points); }},
      {"batch_k",
       [f](const Cell &c) { f.batch(c.order(), c.argument(), nullptr, c.b.data(), points); }},
      {"batch_ik",
       [f](const Cell &c) { f.batch(c.order(), c.argument(), c.a.data(), c.b.data(), points); }},
      {"batch_fast_ik",
       [f](const Cell &c) {
         f.batch_fast(c.order(), c.argument(), c.a.data(), c.b.data(), points);
       }},
      {"batch_i_derivatives",
       [f](const Cell &c) { f.batch_i_derivatives(c.order(), c.argument(), c.d.data(), points); }},
      {"batch_k_derivatives",
       [f](const Cell &c) { f.batch_k_derivatives(c.order(), c.argument(), c.d.data(), points); }},
      {"batch_i_ratio",
       [f](const Cell &c) {
         f.batch_i_ratio(c.order(), c.argument(), c.a.data(), c.b.data(), points);
       }},
      {"batch_inverse",
       [f](const Cell &c) { f.batch_inverse(c.order(), c.ratio(), c.a.data(), points); }},
      {"batch_inverse_complement",
       [f](const Cell &c) {
         f.batch_inverse_complement(c.order(), c.ratio(), c.a.data(), points);
       }},
  };
}

/// Shortest of several turns: other programs only lengthen one.
double shortest(const Call &call, const Cell &c) {
  call(c);
  double best = 1;
  for (int turn = 0; turn < 7; ++turn)
    best = std::min(best, seconds([&] {
                            for (int k = 0; k < 4; ++k)
                              call(c);
                          }) / 4);
  return best;
}

void measure(const Function &f, const std::vector<Cell> &all, bool print_cells) {
  std::vector<double> times;
  for (const Cell &c : all)
    times.push_back(shortest(f.call, c));
  for (std::size_t again = 0; again < 3; ++again) // a moment that the machine was slow
    for (std::size_t i = 0; i < all.size(); ++i)
      if (times[i] == *std::max_element(times.begin(), times.end()))
        times[i] = std::min(times[i], shortest(f.call, all[i]));
  const auto worst =
      static_cast<std::size_t>(std::max_element(times.begin(), times.end()) - times.begin());
  const Spread s = spread(times);
  const double ns = 1e9 / static_cast<double>(points), ratio = s.median / s.max;
  std::printf("%-28s worst %7.1f ns at v = %8.2g, x = %8.2g | median %6.1f ns | %5.2f times%s\n",
              f.name, s.max * ns, all[worst].v0, all[worst].x0, s.median * ns, 1 / ratio,
              ratio < 0.25 ? "  BELOW THE BAR" : "");
  bench_line(std::string("cells_") + f.name, std::to_string(all.size()) + " cells",
             {{s.max, s.max, s.max}, {s.median, s.min, s.max}, {ratio, ratio, ratio}},
             "median_cell", 0.25);
  std::fflush(stdout);
  for (std::size_t i = 0; print_cells && i < all.size(); ++i)
    std::printf("%s\t%g\t%g\t%.2f\n", f.name, all[i].v0, all[i].x0, times[i] * ns);
}

} // namespace

int main(int argc, char **argv) {
  const bessel::Isa *chosen = argc > 1 ? nullptr : &bessel::isa();
  for (const bessel::Isa *const *which = bessel::available_isas(); argc > 1 && *which; ++which)
    if (std::strcmp((*which)->name, argv[1]) == 0)
      chosen = *which;
  if (!chosen) {
    std::fprintf(stderr, "this processor has no instruction set %s\n", argv[1]);
    return 1;
  }
  const std::vector<Cell> all = cells();
  std::printf("instruction set %s, %zu cells\n", chosen->name, all.size());
  for (const Function &f : functions(*chosen))
    measure(f, all, argc > 2);
  return 0;
}
