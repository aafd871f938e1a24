// SPDX-License-Identifier: BSD-2-Clause
// log I and log K against Boost, GSL, libstdc++, SciPy and the seed algorithm: one process, one
// thread, in turn. Gates: the reference values to the documented bounds, and on each
// workload agreement with an independent peer to what that peer can do.
//   bench_log_bessel [repeats]
#include "bessel/bessel_ratio.h"
#include "bessel/log_bessel.h"
#include "bessel/log_bessel_batch.h"
#include "bessel_accuracy.h"
#include "bessel_peers.h"
#include "bessel_seed.h"
#include "core/random.h"
#include "scipy_process.h"
#include "timing.h"
#include <cmath>
#include <csignal>
#include <slepcsys.h>

namespace {

using namespace lathe;
using namespace lathe::bench;

int repeats = 9;
int failures = 0;

void expect(bool holds, const char *what) {
  if (!holds)
    std::printf("GATE FAILED: %s\n", what);
  failures += holds ? 0 : 1;
}

struct Workload {
  std::string name;
  std::vector<double> v, x;
  std::vector<double> out, other; // results of lathe and of whoever took the last turn
};

Workload uniform(const char *name, double v0, double v1, double x0, double x1,
                 std::size_t n = 1 << 14) {
  Workload w{.name = name, .v = {}, .x = {}, .out = {}, .other = {}};
  for (std::size_t i = 0; i < n; ++i) {
    w.v.push_back(v0 + (v1 - v0) * random::uniform(3, 0, i));
    w.x.push_back(x0 + (x1 - x0) * random::uniform(3, 1, i));
  }
  w.out.resize(n);
  w.other.resize(n);
  return w;
}

void call_all(LogBessel f, Workload &w, std::vector<double> &out) {
  for (std::size_t i = 0; i < w.v.size(); ++i)
    out[i] = f(w.v[i], w.x[i]);
}

/// Largest difference in units of 2⁻⁵² max(1, |peer|), of 2⁻⁵² (v + x) where `plain`: the terms
/// that cancel in a peer without extended precision are as large as that.
double difference(const Workload &w, bool plain = false) {
  double worst = 0;
  for (std::size_t i = 0; i < w.out.size(); ++i) {
    const double size = plain ? w.v[i] + w.x[i] : std::fmax(1.0, std::fabs(w.other[i]));
    worst = std::fmax(worst, std::fabs(w.out[i] - w.other[i]) / (0x1p-52 * size));
  }
  return worst;
}

void show(const std::string &name, const std::string &size, std::size_t n, const Comparison &c,
          const std::string &peer, double bar) {
  const double ns = 1e9 / static_cast<double>(n);
  std::printf("%-18s %-16s %7.1f ns | %-18s %9.1f ns | %7.2fx [%.2f, %.2f] (bar %.3g)%s\n",
              name.c_str(), size.c_str(), c.ours.median * ns, peer.c_str(), c.peer.median * ns,
              c.ratio.median, c.ratio.min, c.ratio.max, bar,
              c.ratio.median >= bar ? "" : "  BELOW THE BAR");
  bench_line(name, size, c, peer, bar);
  std::fflush(stdout);
}

/// lathe's own time against a fixed one; bar 0: a figure for orientation, measured on a machine
/// with AVX-512.
void show_limit(const std::string &name, const std::string &size, std::size_t n, Spread ours,
                double limit_ns, double bar) {
  const double limit = limit_ns * 1e-9 * static_cast<double>(n);
  const Comparison c{
      ours, {limit, limit, limit}, {limit / ours.median, limit / ours.max, limit / ours.min}};
  show(name, size, n, c, "limit_" + std::to_string(static_cast<int>(limit_ns)) + "ns", bar);
}

template <class F> Spread time_alone(F &&f) {
  f();
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i)
    times.push_back(seconds(f));
  return spread(times);
}

struct Bar {
  const char *peer;
  double ratio;
};

/// Whole spans against peers, one function. `trusted`: the peer that confirms the values, to
/// `tolerance` eps.
void batch(Workload &w, bool is_i, const std::vector<Bar> &bars, double limit_ns,
           const char *trusted, double tolerance) {
  const auto ours = [&] {
    if (is_i)
      bessel::log_bessel_i(w.v, w.x, w.out);
    else
      bessel::log_bessel_k(w.v, w.x, w.out);
  };
  const char *name = is_i ? "log_bessel_i" : "log_bessel_k";
  for (const Bar &bar : bars) {
    const BesselPeer *peer = find_bessel_peer(bar.peer);
    if (!peer)
      continue;
    const LogBessel f = is_i ? peer->log_i : peer->log_k;
    const Comparison c = alternate(repeats, ours, [&] { call_all(f, w, w.other); });
    show(name, w.name, w.v.size(), c, bar.peer, bar.ratio);
  }
  show_limit(name, w.name, w.v.size(), time_alone(ours), limit_ns, 0);
  const BesselPeer *judge = find_bessel_peer(trusted);
  call_all(is_i ? judge->log_i : judge->log_k, w, w.other);
  const double apart = difference(w, judge->name == std::string("seed_algorithm"));
  std::printf("%s %s: %.2g from %s (gate %g)\n", name, w.name.c_str(), apart, trusted, tolerance);
  expect(apart <= tolerance, "values of a workload");
}

/// One call a point.
void scalar(Workload &w, bool is_i, const std::vector<Bar> &bars) {
  const LogBessel mine = is_i ? static_cast<LogBessel>(bessel::log_bessel_i<>)
                              : static_cast<LogBessel>(bessel::log_bessel_k<>);
  const char *name = is_i ? "log_bessel_i_scalar" : "log_bessel_k_scalar";
  const auto ours = [&] { call_all(mine, w, w.out); };
  for (const Bar &bar : bars)
    if (const BesselPeer *peer = find_bessel_peer(bar.peer)) {
      const LogBessel f = is_i ? peer->log_i : peer->log_k;
      const Comparison c = alternate(repeats, ours, [&] { call_all(f, w, w.other); });
      show(name, w.name, w.v.size(), c, bar.peer, bar.ratio);
    }
  show_limit(name, w.name, w.v.size(), time_alone(ours), 130, 1);
}

void together(Workload &w) {
  const auto both = [&] { bessel::log_bessel_ik(w.v, w.x, w.out, w.other); };
  const Comparison i = alternate(repeats, both, [&] { bessel::log_bessel_i(w.v, w.x, w.out); });
  show("log_bessel_ik", w.name, w.v.size(), i, "log_bessel_i", 1 / 1.2);
  const Comparison k = alternate(repeats, both, [&] { bessel::log_bessel_k(w.v, w.x, w.out); });
  show("log_bessel_ik", w.name, w.v.size(), k, "log_bessel_k", 1 / 1.2);
  const auto fast = [&] {
    bessel::log_bessel_ik<bessel::Accuracy::fast>(w.v, w.x, w.out, w.other);
  };
  show("log_bessel_ik_fast", w.name, w.v.size(), alternate(repeats, fast, both), "log_bessel_ik",
       0);
}

void scipy(Workload &w) {
  const char *python = std::getenv("LATHE_PYTHON");
  ScipyProcess child(python ? python : "/usr/bin/python3", LATHE_BENCH "/scipy_log_bessel.py", w.v,
                     w.x);
  for (const char *function : {"i", "k"}) {
    const bool is_i = *function == 'i';
    if (child.run(function) < 0) {
      std::printf("no SciPy: set LATHE_PYTHON or install python3-scipy\n");
      return;
    }
    std::vector<double> a, b, r;
    for (int i = 0; i < repeats; ++i) {
      a.push_back(seconds([&] {
        if (is_i)
          bessel::log_bessel_i(w.v, w.x, w.out);
        else
          bessel::log_bessel_k(w.v, w.x, w.out);
      }));
      b.push_back(child.run(function));
      r.push_back(b.back() / a.back());
    }
    show(std::string("log_bessel_") + function, w.name, w.v.size(),
         {spread(a), spread(b), spread(r)}, "scipy", is_i ? 20 : 0);
    w.other = child.result(w.v.size());
    expect(difference(w) <= 500, "values of SciPy");
  }
}

/// x with I_{p/2}(x)/I_{p/2-1}(x) = r, the concentration of von Mises and Fisher.
void inverse_ratio() {
  for (const double p : {64.0, 256.0, 2048.0, 32768.0}) {
    Workload w = uniform("", p / 2 - 1, p / 2 - 1, 0.05, 0.98);
    w.name = "p=" + std::to_string(static_cast<int>(p));
    const auto ours = [&] { bessel::inverse_bessel_i_ratio(w.v, w.x, w.out); };
    const auto theirs = [&] {
      for (std::size_t i = 0; i < w.x.size(); ++i)
        w.other[i] = seed::kappa(p, w.x[i]);
    };
    const Comparison c = alternate(repeats, ours, theirs);
    show("inverse_ratio", w.name, w.v.size(), c, "seed_algorithm", 0);
    show_limit("inverse_ratio", w.name, w.v.size(), time_alone(ours), 80, 1);
    bool good = true;
    for (std::size_t i = 0; i < w.x.size(); ++i)
      good = good && std::fabs(bessel::bessel_i_ratio(w.v[i], w.out[i]) - w.x[i]) <= 1e-14;
    expect(good, "inverse ratio");
  }
}

void speed() {
  Workload small = uniform("0..150", 0, 150, 0, 150);
  Workload large = uniform("150..1e4", 150, 1e4, 150, 1e4);
  Workload middle = uniform("v<20,x<32", 0, 20, 0, 32);
  batch(small, true,
        {{"boost_double", 12},
         {"boost_long_double", 0},
         {"gsl", 12},
         {"libstdc++", 0},
         {"seed_algorithm", 3}},
        25, "boost_long_double", 3.7);
  batch(small, false,
        {{"boost_double", 10},
         {"boost_long_double", 0},
         {"gsl", 8},
         {"libstdc++", 0},
         {"seed_algorithm", 10}},
        25, "boost_long_double", 3.7);
  scipy(small);
  batch(middle, true, {{"boost_double", 0}, {"gsl", 0}, {"seed_algorithm", 0}}, 35,
        "boost_long_double", 3.8);
  batch(middle, false, {{"boost_double", 6}, {"gsl", 6}, {"seed_algorithm", 200}}, 35,
        "boost_long_double", 3.9);
  batch(large, true, {{"seed_algorithm", 3}}, 18, "seed_algorithm", 1e4); // its error there: 2e3
  batch(large, false, {{"gsl", 300}, {"seed_algorithm", 0}}, 18, "seed_algorithm", 8);
  together(large);
  together(small);
  scalar(small, true, {{"boost_double", 3}});
  scalar(small, false, {{"boost_double", 3}});
  scalar(middle, true, {{"boost_double", 1.6}, {"gsl", 1.6}});
  scalar(middle, false, {{"boost_double", 1.6}, {"gsl", 1.6}});
  scalar(large, true, {{"seed_algorithm", 1 / 1.6}});
  scalar(large, false, {{"seed_algorithm", 1 / 1.6}});
  inverse_ratio();
}

} // namespace

int main(int argc, char **argv) {
  PetscFunctionBeginUser;
  PetscCall(SlepcInitialize(&argc, &argv, nullptr, nullptr));
  std::signal(SIGPIPE, SIG_IGN); // a Python without SciPy ends early
  repeats = argc > 1 ? std::max(7, std::atoi(argv[1])) : repeats;
  speed();
  bool good = false;
  PetscCall(BesselAccuracy(&good));
  expect(good, "errors on the reference values");
  PetscCall(SlepcFinalize());
  PetscFunctionReturn(failures == 0 ? PETSC_SUCCESS : PETSC_ERR_PLIB);
}
