// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/gram_batch.h"
#include "conv_cases.h"
#include "harness/mpi_test.h"
#include "lipschitz/conv_gram.h"
#include "lipschitz/conv_norm.h"
#include "lipschitz/shifted_cholesky.h"
#include <cmath>
#include <complex>
#include <limits>

using namespace lathe;
using namespace lathe::test;
namespace lip = lathe::lipschitz;
using Cd = std::complex<double>;

namespace {

std::size_t at(std::size_t i, std::size_t j) {
  return 2 * (i * (i + 1) / 2 + j);
}

// −G with G = XᴴX/n for Gaussian X, another in each lane: eigenvalues between about 0 and 4.
std::vector<lip::Lanes> minus_wishart(std::size_t n) {
  std::vector<lip::Lanes> b(n * (n + 1));
  for (std::size_t l = 0; l < lip::lanes; ++l) {
    std::vector<Cd> x(n * n), g(n * n);
    for (std::size_t e = 0; e < x.size(); ++e)
      x[e] = {random::normal(3, l, 2 * e), random::normal(3, l, 2 * e + 1)};
    const double scale = 1 / (2 * static_cast<double>(n));
    dense::herk('L', 'C', n, n, scale, x.data(), n, 0.0, g.data(), n);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = j; i < n; ++i) {
        b[at(i, j)].at[l] = static_cast<float>(-g[i + j * n].real());
        b[at(i, j) + 1].at[l] = static_cast<float>(i == j ? 0.0 : -g[i + j * n].imag());
      }
  }
  return b;
}

// Largest entry of |LLᴴ − B| over |L||L|ᵀ in one lane.
double backward_error(std::size_t n, float shift, const std::vector<lip::Lanes> &b,
                      const std::vector<lip::Lanes> &factor, std::size_t l) {
  const auto entry = [&](const std::vector<lip::Lanes> &m, std::size_t i, std::size_t j) {
    return Cd(static_cast<double>(m[at(i, j)].at[l]), static_cast<double>(m[at(i, j) + 1].at[l]));
  };
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      Cd sum = i == j ? -entry(b, i, j) - static_cast<double>(shift) : -entry(b, i, j);
      double size = 0;
      for (std::size_t k = 0; k <= j; ++k) {
        const Cd product = entry(factor, i, k) * std::conj(entry(factor, j, k));
        sum += product;
        size += std::abs(product);
      }
      worst = std::max(worst, std::abs(sum) / size);
    }
  return worst;
}

} // namespace

TEST_CASE("eight factorisations at once have the proven backward error", "[conv][lanes]") {
  for (const std::size_t n : {1U, 2U, 3U, 7U, 8U, 9U, 16U, 31U, 33U, 64U, 67U, 130U}) {
    const std::vector<lip::Lanes> b = minus_wishart(n);
    auto factor = b;
    const float shift = 12; // above every eigenvalue, at n = 1 too
    REQUIRE(lip::lane_cholesky(n, shift, factor.data()) == 0xFFU);
    const auto terms = static_cast<double>(lip::lane_cholesky_terms(n));
    // √2·γ_2K, and the diagonal entries round once when the shift is added.
    const double bound = (std::sqrt(2.0) * 2 * terms + 2) * 0x1p-24;
    for (std::size_t l = 0; l < lip::lanes; ++l)
      CHECK(backward_error(n, shift, b, factor, l) <= bound);
  }
}

TEST_CASE("an indefinite lane, a NaN and an infinity fail alone", "[conv][lanes]") {
  for (const std::size_t n : {1U, 5U, 8U, 20U, 40U}) {
    auto b = minus_wishart(n);
    b[at(n - 1, n - 1)].at[1] = -100;
    b[at(n / 2, 0)].at[3] = std::numeric_limits<float>::quiet_NaN();
    b[at(n - 1, n / 2)].at[6] = std::numeric_limits<float>::infinity();
    // The infinity is off the diagonal unless n = 1, where the pivot itself is infinite and NaN
    // follows only in what it divides.
    const unsigned expected =
        n == 1 ? 0xFFU & ~(1U << 1 | 1U << 3) : 0xFFU & ~(1U << 1 | 1U << 3 | 1U << 6);
    CHECK(lip::lane_cholesky(n, 12, b.data()) == expected);
  }
}

TEST_CASE("single-precision certificates hold and are sharp", "[conv][lanes]") {
  // Slack that the header states, at c = 64 and below; 3-D, strided and wrapped layers too.
  double worst = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto channels = static_cast<PetscInt>(1 + random::below(40, 5, i, 0));
    const Layer l = i < 30 ? random_layer(53, i)
                           : normal_layer(channels, channels + 5, 3, 9, 1, LATHE_PADDING_ZEROS, i);
    const auto g = lip::convolution_geometry(l.view());
    const auto torus = lip::convolution_torus(g);
    const int exponent = lip::weight_exponent(l.weight.data(), g.weights());
    const lip::Symbol symbol = lip::make_symbol(g, l.weight.data(), 0, exponent);
    const double absolute = lip::absolute_norm(symbol);
    const lip::Phases phases(torus.extent);
    const lip::HalfSpectrum spectrum(torus.extent);
    lip::SymbolGram gram(symbol, torus.extent);
    gram.accumulate(symbol, 0, 1);
    lip::GramBatch batch(gram, gram.error(symbol, phases, 0) * absolute * absolute, absolute);
    std::vector<double> work(2 * symbol.rows * symbol.cols);
    std::vector<Cd> d(symbol.rows * symbol.cols);
    for (std::int64_t k = 0; k < spectrum.size(); k += static_cast<std::int64_t>(lip::lanes)) {
      std::array<lip::Lattice, lip::lanes> j{};
      std::array<double, lip::lanes> square{};
      const auto count = static_cast<std::size_t>(
          std::min<std::int64_t>(static_cast<std::int64_t>(lip::lanes), spectrum.size() - k));
      for (std::size_t f = 0; f < count; ++f) {
        j[f] = spectrum[k + static_cast<std::int64_t>(f)];
        lip::evaluate_symbol(symbol, phases, j[f], work.data(), d.data());
        square[f] = std::pow(lip::lapack_norm(symbol, d.data()), 2);
      }
      const double largest = *std::max_element(square.begin(), square.end());
      if (!(largest > 1e-6))
        continue;
      // Just below and just above the value of each lane, and above all of them.
      for (std::size_t f = 0; f < count; ++f)
        for (const double factor : {1 - 1e-6, 1 + 1e-9}) {
          const double target = square[f] * factor;
          batch.evaluate(phases, j.data(), count);
          const unsigned bits = batch.certify(target);
          for (std::size_t q = 0; q < count; ++q) {
            CHECK(batch.upper()[q] >= square[q] * (1 - 1e-12));
            CHECK(batch.estimate()[q] <= batch.upper()[q]);
            if ((bits >> q & 1U) != 0)
              CHECK(square[q] <= target * (1 + 1e-12));
          }
        }
      // Relative to ‖Σ|W_a|‖², which is what rounding is measured by.
      for (double slack = 1e-6;; slack *= 2) {
        batch.evaluate(phases, j.data(), count);
        const unsigned all = (1U << count) - 1;
        if ((batch.certify(largest + slack * absolute * absolute) & all) == all) {
          worst = std::max(worst, slack);
          break;
        }
        REQUIRE(slack < 1);
      }
    }
  }
  INFO("largest slack " << worst << " of the squared norm of the absolute values");
  CHECK(worst <= 2e-4);
}
