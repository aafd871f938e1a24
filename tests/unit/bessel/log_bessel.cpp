// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/log_bessel.h"
#include "unit/bessel/reference.h"

using namespace lathe;
using namespace lathe::bessel;
using test::Errors;

TEST_CASE("log I and log K against 6,140 reference values", "[bessel]") {
  const test::ReferenceTable table("log_bessel.csv");
  REQUIRE(table.value.size() == 6140);
  Errors i("log I"), k("log K"), i_outer("log I outside the ellipse"),
      k_outer("log K outside the ellipse"), i_fast("log I, fast"), k_fast("log K, fast");
  for (const auto &row : table.value) {
    const auto v = static_cast<double>(row[1]), x = static_cast<double>(row[2]);
    double log_i = 0, log_k = 0, fast_i = 0, fast_k = 0;
    log_bessel_ik(v, x, &log_i, &log_k);
    CHECK(std::isfinite(log_i));
    CHECK(std::isfinite(log_k));
    CHECK(log_i == log_bessel_i(v, x));
    CHECK(log_k == log_bessel_k(v, x));
    i.add(test::mixed_eps(log_i, row[3]), v, x);
    k.add(test::mixed_eps(log_k, row[4]), v, x);
    if (!test::inside_ellipse(v, x) && v <= 1e12) {
      i_outer.add(test::mixed_eps(log_i, row[3]), v, x);
      k_outer.add(test::mixed_eps(log_k, row[4]), v, x);
    }
    log_bessel_ik<Accuracy::fast>(v, x, &fast_i, &fast_k);
    CHECK(fast_i == log_bessel_i<Accuracy::fast>(v, x));
    CHECK(fast_k == log_bessel_k<Accuracy::fast>(v, x));
    const long double w = std::max(1.0L, static_cast<long double>(std::hypot(v, x)));
    i_fast.add(test::error_eps(fast_i, row[3], std::max(w, std::abs(row[3]))), v, x);
    k_fast.add(test::error_eps(fast_k, row[4], std::max(w, std::abs(row[4]))), v, x);
  }
  for (const Errors *e : {&i, &k}) {
    e->check(3.0);
    CHECK(e->quantile(0.99) <= 1.25);
    CHECK(e->quantile(0.5) <= 0.25);
  }
  i_outer.check(0.75);
  k_outer.check(0.75);
  i_fast.check(4.0);
  k_fast.check(4.0);
}
