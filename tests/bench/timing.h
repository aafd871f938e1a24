// SPDX-License-Identifier: BSD-2-Clause
// Alternating timings of two ways to do the same thing, in one process.
#pragma once
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

namespace lathe::bench {

/// Processor seconds of this process so far, all its threads together.
inline double processor_time() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Processor seconds that f() takes: what other programs do on the machine does not count, and a
/// peer that starts threads gains nothing by them.
template <class F> double seconds(F &&f) {
  const double start = processor_time();
  f();
  return processor_time() - start;
}

struct Spread {
  double median = 0, min = 0, max = 0;
};

inline Spread spread(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return {x[x.size() / 2], x.front(), x.back()};
}

struct Comparison {
  Spread ours, peer, ratio;
};

/// Run ours and peer in turn `repeats` times after one warm-up of each; the ratio peer/ours is
/// taken pair by pair, so that a busy moment of the machine meets both.
template <class F, class G> Comparison alternate(int repeats, F &&ours, G &&peer) {
  std::vector<double> a, b, r;
  ours();
  peer();
  for (int i = 0; i < repeats; ++i) {
    a.push_back(seconds(ours));
    b.push_back(seconds(peer));
    r.push_back(b.back() / a.back());
  }
  return {spread(a), spread(b), spread(r)};
}

/// The line that `./lathe bench` collects; bar 0: none.
inline void bench_line(const std::string &name, const std::string &size, const Comparison &c,
                       const std::string &peer, double bar) {
  std::printf("BENCH\t%s\t%s\t%.6g\t%s\t%.6g\t%.3g\t%g\n", name.c_str(), size.c_str(),
              c.ours.median, peer.c_str(), c.peer.median, c.ratio.median, bar);
}

/// A row of the accuracy table: the worst error over `cases`, in `unit`, beside the promised bound
/// and the worst error of a peer on the same cases (NaN: no peer; inf: the peer fails somewhere).
inline void accuracy_line(const std::string &name, const std::string &cases, double worst,
                          const std::string &unit, double bound, const std::string &peer = "",
                          double peer_worst = std::numeric_limits<double>::quiet_NaN()) {
  std::printf("ACCURACY\t%s\t%s\t%.3g\t%s\t%.3g\t%s\t%.3g\n", name.c_str(), cases.c_str(), worst,
              unit.c_str(), bound, peer.c_str(), peer_worst);
}

} // namespace lathe::bench
