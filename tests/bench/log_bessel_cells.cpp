// SPDX-License-Identifier: BSD-2-Clause
// Every log-Bessel function over the whole double range: time a value in cells of 0.2 decades of v
// and x, the worst cell beside the median one. No function loops in v or x, so none should be much
// slower: bar 4.
//   bench_log_bessel_cells [generic|avx2|avx512 [cells]]
// `cells` prints every cell.
#include "timing.h"
#include "unit/bessel/kernel_calls.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace {

using namespace lathe;
using namespace lathe::bench;
using namespace lathe::test;

constexpr std::size_t points = 256; // in a cell

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

double once(const KernelCall &f, const Cell &c) {
  static Results o(points);
  return seconds([&] {
           for (int k = 0; k < 4; ++k)
             f.run(c, o);
         }) /
         4;
}

/// Shortest of several turns: other programs only lengthen one.
double shortest(const KernelCall &f, const Cell &c) {
  double best = once(f, c);
  for (int turn = 0; turn < 7; ++turn)
    best = std::min(best, once(f, c));
  return best;
}

/// Time of cell a over that of cell b, in turns.
double quotient(const KernelCall &f, const Cell &a, const Cell &b) {
  double best_a = shortest(f, a), best_b = shortest(f, b);
  for (int turn = 0; turn < 30; ++turn) {
    best_a = std::min(best_a, once(f, a));
    best_b = std::min(best_b, once(f, b));
  }
  return best_a / best_b;
}

void measure(const KernelCall &f, const std::vector<Cell> &all, bool print_cells) {
  std::vector<double> times;
  for (const Cell &c : all)
    times.push_back(shortest(f, c));
  // A moment that the machine was slow must not make a cell the worst: measured again beside a
  // median cell until they agree.
  const double median = spread(times).median;
  const auto middle = static_cast<std::size_t>(std::min_element(times.begin(), times.end(),
                                                                [median](double a, double b) {
                                                                  return std::abs(a - median) <
                                                                         std::abs(b - median);
                                                                }) -
                                               times.begin());
  for (bool agreed = false; !agreed;) {
    double &most = *std::max_element(times.begin(), times.end());
    const double again =
        median * quotient(f, all[static_cast<std::size_t>(&most - times.data())], all[middle]);
    agreed = again > 0.98 * most;
    most = std::min(most, again);
  }
  const auto worst =
      static_cast<std::size_t>(std::max_element(times.begin(), times.end()) - times.begin());
  const Spread s = spread(times);
  const double ns = 1e9 / static_cast<double>(points), ratio = s.median / s.max;
  std::printf("%-28s worst %7.1f ns at v = %8.2g, x = %8.2g | median %6.1f ns | %5.2f times%s\n",
              f.name, s.max * ns, std::pow(10, all[worst].log_v), std::pow(10, all[worst].log_x),
              s.median * ns, 1 / ratio, ratio < 0.25 ? "  BELOW THE BAR" : "");
  bench_line(std::string("cells_") + f.name, std::to_string(all.size()) + " cells",
             {{s.max, s.max, s.max}, {s.median, s.min, s.max}, {ratio, ratio, ratio}},
             "median_cell", 0.25);
  std::fflush(stdout);
  for (std::size_t i = 0; print_cells && i < all.size(); ++i)
    std::printf("%s\t%g\t%g\t%.2f\n", f.name, std::pow(10, all[i].log_v),
                std::pow(10, all[i].log_x), times[i] * ns);
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
  const std::vector<Cell> all = cells(exponents(), points);
  std::printf("instruction set %s, %zu cells\n", chosen->name, all.size());
  for (const KernelCall &f : every_kernel(*chosen))
    measure(f, all, argc > 2);
  return 0;
}
