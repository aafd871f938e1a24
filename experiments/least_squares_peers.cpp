// SPDX-License-Identifier: BSD-2-Clause
#include "least_squares_peers.h"
#include <limits>

extern "C" {
void dgels_(const char *, const int *, const int *, const int *, double *, const int *, double *,
            const int *, double *, const int *, int *);
void dgelsd_(const int *, const int *, const int *, double *, const int *, double *, const int *,
             double *, const double *, int *, double *, const int *, int *, int *);
}

namespace least_squares {

PeerSolution solve_dgels(const Problem &p) {
  const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), ld = std::max(m, n), one = 1;
  const int query = -1;
  std::vector<double> a(p.a), x(p.b);
  x.resize(static_cast<std::size_t>(ld));
  double best = 0;
  int info = 0;
  dgels_("N", &m, &n, &one, a.data(), &m, x.data(), &ld, &best, &query, &info);
  const int size = static_cast<int>(best);
  std::vector<double> work(static_cast<std::size_t>(size));
  dgels_("N", &m, &n, &one, a.data(), &m, x.data(), &ld, work.data(), &size, &info);
  x.resize(info >= 0 ? p.n : 0);
  if (info > 0)
    std::fill(x.begin(), x.end(), std::numeric_limits<double>::quiet_NaN());
  return {.x = std::move(x)};
}

PeerSolution solve_dgelsd(const Problem &p) {
  const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), ld = std::max(m, n), one = 1;
  const int query = -1;
  std::vector<double> a(p.a), x(p.b), s(std::min(p.m, p.n));
  x.resize(static_cast<std::size_t>(ld));
  const double cut = 1e-16;
  double best = 0;
  int rank = 0, integers = 0, info = 0;
  dgelsd_(&m, &n, &one, a.data(), &m, x.data(), &ld, s.data(), &cut, &rank, &best, &query,
          &integers, &info);
  const int size = static_cast<int>(best);
  std::vector<double> work(static_cast<std::size_t>(size));
  std::vector<int> iwork(static_cast<std::size_t>(std::max(integers, 1)));
  dgelsd_(&m, &n, &one, a.data(), &m, x.data(), &ld, s.data(), &cut, &rank, work.data(), &size,
          iwork.data(), &info);
  x.resize(info == 0 ? p.n : 0);
  return {std::move(x), static_cast<double>(rank)};
}

PeerSolution solve_tsqr(const Problem &p) {
  const std::size_t n = p.n, width = n + 1, block = std::max<std::size_t>(4 * n, 512);
  const std::size_t height = width + block;
  std::vector<double> w(height * width), tau(width), x(n);
  std::size_t above = 0;
  for (std::size_t first = 0; first < p.m; first += block) {
    const std::size_t count = std::min(block, p.m - first);
    for (std::size_t j = 0; j < width; ++j) {
      double *column = w.data() + j * height;
      std::fill(column + std::min(j + 1, above), column + above, 0.0);
      const double *source = (j < n ? p.a.data() + j * p.m : p.b.data()) + first;
      std::copy_n(source, count, column + above);
    }
    // Rows of zeros stand below m ≤ n rows: without them no reflector would reach b.
    const std::size_t rows = std::max(above + count, width);
    lathe::dense::qr(rows, width, w.data(), height, tau.data());
    above = width;
  }
  std::copy_n(w.data() + n * height, n, x.begin());
  lathe::dense::trsm('L', 'U', 'N', n, 1, w.data(), height, x.data(), n);
  return {.x = std::move(x)};
}

} // namespace least_squares
