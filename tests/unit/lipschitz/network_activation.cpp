// SPDX-License-Identifier: BSD-2-Clause
#include "harness/mpi_test.h"
#include "lipschitz/activation.h"
#include <limits>

using namespace lathe::lipschitz;

TEST_CASE("activation constants are the exact suprema rounded upward", "[network][activation]") {
  // 40-digit roots of the second derivative (mpmath), in 64-bit mantissas here.
  const struct {
    double stored;
    long double exact;
  } constants[] = {{activation::gelu_constant, 1.128904145185154786340744442261973312332L},
                   {activation::gelu_tanh_constant, 1.128993068658771765455904470399553845734L},
                   {activation::silu_constant, 1.099839320128866916958184924320570972131L},
                   {activation::mish_constant, 1.088498161251727861228293627392125787158L},
                   {activation::selu_constant, 1.758099340847376859940217520812319342065L},
                   {activation::sixth_up, 1.0L / 6}};
  for (const auto &c : constants) {
    CAPTURE(c.exact);
    CHECK(static_cast<long double>(c.stored) >= c.exact);
    CHECK(static_cast<long double>(std::nextafter(c.stored, 0.0)) < c.exact);
  }
}

TEST_CASE("activation slopes: derivative of the value, bounded by the constant and reaching it",
          "[network][activation]") {
  for (std::size_t k = 0; k < activation_names.size(); ++k) {
    const auto f = static_cast<Activation>(k);
    CHECK(activation_from_name(activation_names[k]) == f);
    if (f == Activation::softmax)
      continue;
    for (const double parameter : {0.3, 1.0, 1.7}) {
      const double constant = activation::lipschitz_constant(f, parameter);
      const bool monotone = activation::is_monotone(f, parameter);
      double steepest = 0, lowest = 1, worst = 0;
      for (int i = -64000; i <= 64000; ++i) {
        const double x = (i + 0.123) / 8000.0; // 8000: a maximum is met to 1e-9
        const auto p = activation::evaluate(f, parameter, x);
        steepest = std::max(steepest, std::abs(p.slope));
        lowest = std::min(lowest, p.slope);
        if (i % 64 == 0) {
          const double h = 1e-6;
          const double difference = (activation::evaluate(f, parameter, x + h).value -
                                     activation::evaluate(f, parameter, x - h).value) /
                                    (2 * h);
          worst = std::max(worst, std::abs(difference - p.slope));
        }
      }
      INFO(activation_names[k] << " parameter " << parameter << ": steepest " << steepest
                               << ", constant " << constant << ", worst difference quotient "
                               << worst);
      CHECK(steepest <= constant);
      CHECK(steepest >= constant * (1 - 4e-4)); // softplus and softsign only approach theirs
      CHECK((lowest >= 0) == monotone);
      CHECK(worst < 1e-8);
    }
  }
  CHECK_FALSE(activation_from_name("swishish"));
}
