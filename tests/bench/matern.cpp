// SPDX-License-Identifier: BSD-2-Clause
// Assembly of a Matérn covariance matrix against the same loop over Boost's and GSL's Bessel
// functions, and the rate of matrix-free products. Gate: all agree to 1e-12.
#include "bessel/matern_covariance.h"
#include "core/random.h"
#include "timing.h"
#include <boost/math/special_functions/bessel.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstdio>
#include <vector>
#if __has_include(<gsl/gsl_sf_bessel.h>)
#include <gsl/gsl_sf_bessel.h>
#define LATHE_GSL
#endif

using namespace lathe;
using namespace lathe::bessel;

namespace {

int failures = 0;

using Policy = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

double boost_correlation(double nu, double z) {
  if (z == 0)
    return 1;
  return std::pow(2.0, 1 - nu) / boost::math::tgamma(nu, Policy()) * std::pow(z, nu) *
         boost::math::cyl_bessel_k(nu, z, Policy());
}

#ifdef LATHE_GSL
double gsl_correlation(double nu, double z) {
  if (z == 0)
    return 1;
  return std::exp((1 - nu) * std::log(2.0) - std::lgamma(nu) + nu * std::log(z) +
                  gsl_sf_bessel_lnKnu(nu, z));
}
#endif

struct Problem {
  std::vector<double> x;
  Sites sites;
  MaternParameters p;
  Problem(std::size_t n, double nu) : p{1.5, 0.2, nu, 0.01} {
    for (std::size_t k = 0; k < 2 * n; ++k)
      x.push_back(random::uniform(1, 0, k));
    sites = {x.data(), n, 2};
  }
};

// Lower triangle, column by column.
void assemble(const Problem &problem, std::vector<double> &a) {
  const std::size_t n = problem.sites.count;
  const MaternCovariance covariance(problem.p);
  for (std::size_t j = 0; j < n; ++j)
    covariance.row(problem.sites, MaternComponent::value, j, j, n - j, a.data() + j + j * n);
}

template <class F>
void assemble_with(const Problem &problem, F &&correlation, std::vector<double> &a) {
  const std::size_t n = problem.sites.count;
  const double scale = std::sqrt(2 * problem.p.smoothness) / problem.p.range;
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i)
      a[i + j * n] = problem.p.variance *
                         correlation(problem.p.smoothness, scale * problem.sites.distance(i, j)) +
                     (i == j ? problem.p.nugget : 0);
}

void compare(std::size_t n, double nu, double bar) {
  const Problem problem(n, nu);
  std::vector<double> a(n * n), b(n * n);
  const auto run = [&](const char *peer, auto &&correlation) {
    const bench::Comparison c = bench::alternate(
        7, [&] { assemble(problem, a); }, [&] { assemble_with(problem, correlation, b); });
    double worst = 0;
    for (std::size_t k = 0; k < a.size(); ++k)
      worst = std::max(worst, std::abs(a[k] - b[k]));
    failures += worst < 1e-12 ? 0 : 1;
    const double entries = 0.5 * static_cast<double>(n) * static_cast<double>(n + 1);
    char name[64], size[32];
    std::snprintf(name, sizeof name, "matern_assembly_nu_%g", nu);
    std::snprintf(size, sizeof size, "%zux%zu", n, n);
    std::printf("%-24s %-10s %6s %8.1f ns %8.1f ns %6.2f [%.2f, %.2f]  difference %.1e %s\n", name,
                size, peer, 1e9 * c.ours.median / entries, 1e9 * c.peer.median / entries,
                c.ratio.median, c.ratio.min, c.ratio.max, worst,
                worst < 1e-12 ? "ok" : "GATE FAILED");
    bench::bench_line(name, size, c, peer, bar);
  };
  run("boost", boost_correlation);
#ifdef LATHE_GSL
  run("gsl", gsl_correlation);
#endif
}

// One row of a product of the matrix-free form.
void shell_rate(std::size_t n, double nu) {
  const Problem problem(n, nu);
  const MaternCovariance covariance(problem.p);
  std::vector<double> row(n), seconds;
  double sum = 0;
  for (int repeat = 0; repeat < 7; ++repeat)
    seconds.push_back(bench::seconds([&] {
      for (std::size_t i = 0; i < n; i += 8) {
        covariance.row(problem.sites, MaternComponent::value, i, std::size_t{0}, n, row.data());
        for (std::size_t j = 0; j < n; ++j)
          sum += row[j] * problem.x[j];
      }
    }));
  const double terms = std::ceil(static_cast<double>(n) / 8) * static_cast<double>(n);
  std::printf("matrix-free product, n = %zu, nu = %g: %.1f ns a term, %.1f million terms a second "
              "(sum %g)\n",
              n, nu, 1e9 * bench::spread(seconds).median / terms,
              1e-6 * terms / bench::spread(seconds).median, sum);
}

} // namespace

/// Optional argument: number of sites.
int main(int argc, char **argv) {
  const std::size_t n = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2000;
  for (const double nu : {0.5, 0.8, 1.5, 2.3})
    compare(n, nu, nu == 0.8 ? 2 : 0);
  shell_rate(n, 0.8);
  return failures == 0 ? 0 : 1;
}
