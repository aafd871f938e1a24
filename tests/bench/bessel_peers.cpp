// SPDX-License-Identifier: BSD-2-Clause
#include "bessel_peers.h"
#include "bessel_seed.h"
#include <boost/math/special_functions/bessel.hpp>
#include <cmath>
#include <limits>
#ifdef LATHE_BENCH_GSL
#include <gsl/gsl_errno.h>
#include <gsl/gsl_sf_bessel.h>
#endif

namespace lathe::bench {
namespace {

namespace bm = boost::math::policies;

// No exceptions: a failure is a value that is not finite.
using Quiet =
    bm::policy<bm::domain_error<bm::ignore_error>, bm::pole_error<bm::ignore_error>,
               bm::overflow_error<bm::ignore_error>, bm::underflow_error<bm::ignore_error>,
               bm::denorm_error<bm::ignore_error>, bm::evaluation_error<bm::ignore_error>,
               bm::rounding_error<bm::ignore_error>,
               bm::indeterminate_result_error<bm::ignore_error>>;
using InDouble = bm::normalise<Quiet, bm::promote_double<false>>::type;

constexpr double failed = std::numeric_limits<double>::quiet_NaN();

double boost_double_i(double v, double x) {
  return std::log(boost::math::cyl_bessel_i(v, x, InDouble()));
}
double boost_double_k(double v, double x) {
  return std::log(boost::math::cyl_bessel_k(v, x, InDouble()));
}
double boost_long_i(double v, double x) {
  return static_cast<double>(std::log(boost::math::cyl_bessel_i(
      static_cast<long double>(v), static_cast<long double>(x), Quiet())));
}
double boost_long_k(double v, double x) {
  return static_cast<double>(std::log(boost::math::cyl_bessel_k(
      static_cast<long double>(v), static_cast<long double>(x), Quiet())));
}

double libstdcxx_i(double v, double x) {
  try {
    return std::log(std::cyl_bessel_i(v, x));
  } catch (const std::exception &) {
    return failed;
  }
}
double libstdcxx_k(double v, double x) {
  try {
    return std::log(std::cyl_bessel_k(v, x));
  } catch (const std::exception &) {
    return failed;
  }
}

#ifdef LATHE_BENCH_GSL
double gsl_i(double v, double x) {
  gsl_sf_result r;
  return gsl_sf_bessel_Inu_scaled_e(v, x, &r) == GSL_SUCCESS ? std::log(r.val) + x : failed;
}
double gsl_k(double v, double x) {
  gsl_sf_result r;
  return gsl_sf_bessel_lnKnu_e(v, x, &r) == GSL_SUCCESS ? r.val : failed;
}
#endif

} // namespace

const std::vector<BesselPeer> &bessel_peers() {
  static const std::vector<BesselPeer> peers = [] {
    std::vector<BesselPeer> list{{"boost_double", boost_double_i, boost_double_k, true},
                                 {"boost_long_double", boost_long_i, boost_long_k, true},
                                 {"libstdc++", libstdcxx_i, libstdcxx_k, true},
                                 {"seed_algorithm", seed::log_i, seed::log_k, false}};
#ifdef LATHE_BENCH_GSL
    gsl_set_error_handler_off();
    list.push_back({"gsl", gsl_i, gsl_k, true});
#endif
    return list;
  }();
  return peers;
}

const BesselPeer *find_bessel_peer(const std::string &name) {
  for (const BesselPeer &p : bessel_peers())
    if (p.name == name)
      return &p;
  return nullptr;
}

} // namespace lathe::bench
