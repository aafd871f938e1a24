// SPDX-License-Identifier: BSD-2-Clause
// Prints a hash of every log-Bessel function over the whole double range, one line a function: of
// each table of the library that this processor can run, or with LATHE_BESSEL_OWN of the one that
// is compiled and linked beside (compilers.sh).
#include "kernel_calls.h"
#include <bit>
#include <cstdint>
#include <cstdio>

namespace {

using namespace lathe;
using namespace lathe::test;

std::uint64_t mix(std::uint64_t hash, double y) {
  // Compilers may choose another NaN.
  const auto bits = std::isnan(y) ? std::uint64_t{0x7ff8} << 48 : std::bit_cast<std::uint64_t>(y);
  return (hash ^ bits) * 0x9e3779b97f4a7c15u + (hash >> 29);
}

void print(const bessel::Isa &isa, const std::vector<Cell> &all, std::size_t points) {
  for (const KernelCall &f : every_kernel(isa)) {
    std::uint64_t hash = 0;
    Results out(points);
    for (const Cell &c : all) {
      f.run(c, out);
      for (std::size_t i = 0; i < points; ++i) {
        const bessel::LogBesselDerivatives &d = out.d[i];
        for (const double y : {out.a[i], out.b[i], d.value, d.dx, d.dv, d.dxx})
          hash = mix(hash, y);
      }
    }
    std::printf("%s %016llx\n", f.name, static_cast<unsigned long long>(hash));
  }
}

} // namespace

int main() {
  constexpr std::size_t points = 7;
  std::vector<double> exponents{-323.5, -315, -308, -300, -162, -100, -30, -17, -9};
  for (int i = -12; i <= 14; ++i)
    exponents.push_back(0.25 * i);
  for (const double more : {4.0, 6.0, 12.0, 20.0, 50.0, 100.0, 160.0, 300.0})
    exponents.push_back(more);
  const std::vector<Cell> all = cells(exponents, points);
#ifdef LATHE_BESSEL_OWN
  print({bessel::scalar_generic, bessel::batch_generic, bessel::derivatives_generic, "own"}, all,
        points);
#else
  for (const bessel::Isa *const *isa = bessel::available_isas(); *isa; ++isa)
    print(**isa, all, points);
#endif
  return 0;
}
