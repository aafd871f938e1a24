// SPDX-License-Identifier: BSD-2-Clause
// log K, its derivatives and its ratio where x is subnormal or nearly so and v close to half an odd
// integer: powers of x/2 overflow there although no result does.
#include "bessel/bessel_ratio.h"
#include "bessel/log_bessel.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>

using namespace lathe;
using namespace lathe::bessel;

namespace {

struct Point {
  double v, x, log_k; // log_k rounded from 22 digits (ball arithmetic)
};

const Point points[] = {
    {0x1.003bfc65858b6p-1, 0x0.0507d50543eedp-1022, 356.71423990992554},
    {0x1.0523b83d131e3p-1, 0x0.0006623dc9becp-1022, 366.23349749600362},
    {0x1.0593fc444352p-1, 0x0.0000000226dc3p-1022, 373.06869671752168},
    {0x1.07abbd1d0145dp-1, 0x0.000000001acf6p-1022, 377.60348019743122},
    {0x1.206167c13b749p+2, 0x0.00000016a62b8p-1022, 3282.7735096421643},
    {0x1.3039115be848dp+3, 0x0.0000000000f31p-1022, 7016.3841886698401},
    {0x1.a111418371b87p+2, 0x0.0000000668786p-1022, 4758.3472900980187},
    {0x1.e00047ff151c3p+2, 0x0.00000000085e7p-1022, 5517.0358434096124},
    {0x1.fcc66c70e98a6p-2, 0x0.0000000067148p-1022, 363.66952753705732},
    {0x1.fcd037538c204p-2, 0x0.000000188292ap-1022, 361.65521360766729},
    {0x1.ep+2, 0x0.0000000b9a4a3p-1022, 5472.984003062229},
    {0x1.90a8fa8e58a6ap+3, 0x0.000000000000fp-1022, 9313.7213091269205},
    {0x1.a0c307a5e25cp+2, 0x0.00000000a15e8p-1022, 4769.9574983518514},
    {0x1.048b17b30ac29p-1, 0x0.00000087e8239p-1022, 369.48661961700105},
    {0x1.b0132fe60eb19p+3, 0x1.737d9ba5e8d44p-1020, 9571.1971193311638},
    {0x1.ed7d372826adbp-2, 0x0.0000000001b51p-1022, 354.74604806728087},
    {0x1.b043caec8c7f2p+3, 0x0.00000c583eb12p-1022, 9789.9333341888123},
    {0x1.c004b12144795p+1, 0x0.05f74061c8819p-1022, 2495.5804888732077},
    {0x1.0576c75e7268ap-1, 0x0.0000000000056p-1022, 378.10237992499975},
    {0x1.d04169359c500p+3, 0x0.00000003d7ea3p-1022, 10612.915693747218},
    {0x1.9030f0b974cbdp+3, 0x0.000000000fc58p-1022, 9198.1570428826926},
    {0x1.a0574c6084387p+2, 0x0.000000000e719p-1022, 4780.8345012832888},
    {0x1.101cc17ab1cf6p+3, 0x0.0000000000128p-1022, 6296.7233416270146},
    {0x1.60deb598b948ep+2, 0x0.000000000000fp-1022, 4096.7168739652334},
};

} // namespace

TEST_CASE("log K at tiny arguments near half-integer orders", "[bessel]") {
  double worst = 0;
  for (const Point &p : points) {
    const double error = std::fabs(log_bessel_k(p.v, p.x) - p.log_k) / (p.log_k * 0x1p-52);
    INFO("v = " << p.v << ", x = " << p.x << ": " << error);
    CHECK(error <= 3);
    worst = std::max(worst, error);
  }
  WARN("worst error " << worst << " eps");
}

TEST_CASE("no NaN from tiny arguments", "[bessel]") {
  int bad = 0;
  double v = 0, x = 0;
  for (std::uint64_t i = 0; i < 200000; ++i) {
    v = static_cast<double>(random::below(15, 3, 0, i)) + 0.5 +
        0.02 * (random::uniform(3, 1, i) - 0.5);
    x = std::ldexp(1 + random::uniform(3, 2, i),
                   -1074 + static_cast<int>(random::below(64, 3, 3, i)));
    const LogBesselDerivatives d = log_bessel_k_derivatives(v, x);
    // ∂x log K = −v/x overflows below about v·2^-1024; nothing else does.
    const bool fine = std::isfinite(d.value) && !std::isnan(d.dx) && std::isfinite(d.dv) &&
                      !std::isnan(d.dxx) && !std::isnan(bessel_k_ratio(v, x));
    bad += fine ? 0 : 1;
    if (!fine && bad == 1)
      UNSCOPED_INFO("first at v = " << v << ", x = " << x << ": " << d.value << " " << d.dx << " "
                                    << d.dv << " " << d.dxx);
  }
  CHECK(bad == 0);
}
