// SPDX-License-Identifier: BSD-2-Clause
// Alternating timings of two ways to do the same thing, in one process.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace lathe::bench {

/// Seconds that f() takes.
template <class F> double seconds(F &&f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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

} // namespace lathe::bench
