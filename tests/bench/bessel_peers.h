// SPDX-License-Identifier: BSD-2-Clause
// What else computes log I_v(x) and log K_v(x), one point a call, one file a library.
#pragma once
#include <string>
#include <vector>

namespace lathe::bench {

using LogBessel = double (*)(double v, double x);

struct BesselPeer {
  const char *name;
  LogBessel log_i, log_k;
  bool loops_in_order; // takes time proportional to v or x: 0.1 s a call at 10⁶
};

/// Boost in double and in long double (its default), libstdc++, the seed algorithm, and GSL where
/// the build found it.
const std::vector<BesselPeer> &bessel_peers();
const BesselPeer *find_bessel_peer(const std::string &name); // nullptr: not in this build

} // namespace lathe::bench
