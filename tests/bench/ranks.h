// SPDX-License-Identifier: BSD-2-Clause
// Share of the ideal speedup on the ranks of the world.
#pragma once
#include "timing.h"
#include <array>
#include <mpi.h>

namespace lathe::bench {

/// alone() on every rank at the same time, so that both runs meet the same load of the memory, then
/// together(), in turn; processor time of the slowest rank. Collective on the world.
template <class F, class G> Comparison efficiency(int repeats, F &&alone, G &&together) {
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  std::vector<double> one, all, share;
  for (int i = 0; i <= repeats; ++i) {
    std::array<double, 2> t{seconds(alone), 0};
    MPI_Barrier(MPI_COMM_WORLD);
    t[1] = seconds(together);
    MPI_Allreduce(MPI_IN_PLACE, t.data(), 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (i == 0)
      continue; // warm-up
    one.push_back(t[0]);
    all.push_back(t[1]);
    share.push_back(t[0] / (t[1] * size));
  }
  return {spread(all), spread(one), spread(share)};
}

/// On rank 0: the numbers for people, and the line that `./lathe bench` collects.
inline void report_efficiency(const std::string &name, const std::string &shape,
                              const Comparison &c, double bar) {
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (rank != 0)
    return;
  std::printf("%s %s on %d ranks: %.4f s, alone %.4f s: efficiency %.2f [%.2f, %.2f] (bar %.3g)\n",
              name.c_str(), shape.c_str(), size, c.ours.median, c.peer.median, c.ratio.median,
              c.ratio.min, c.ratio.max, bar);
  bench_line(name + "_ranks_" + std::to_string(size), shape, c, "one_rank", bar);
}

} // namespace lathe::bench
