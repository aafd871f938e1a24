// SPDX-License-Identifier: BSD-2-Clause
#include "bessel_accuracy.h"
#include "bessel/log_bessel_batch.h"
#include "bessel_peers.h"
#include "core/error.h"
#include "driver/column_file.h"
#include "timing.h"
#include <cmath>

namespace lathe::bench {
namespace {

/// Peers that loop in the order would take hours on the rows beyond.
constexpr double longest_loop = 1e4;

struct Reference {
  std::vector<double> v, x, value, remainder;
};

/// E = |got − exact| / (2⁻⁵² max(1, |exact|)) of each row; infinite where the answer is not finite.
struct Errors {
  std::vector<double> all; // of the rows that were run and are finite
  int failures = 0, skipped = 0;

  void add(double got, double exact, double remainder) {
    if (std::isfinite(got))
      all.push_back(std::fabs(got - exact - remainder) /
                    (0x1p-52 * std::fmax(1.0, std::fabs(exact))));
    else
      ++failures;
  }
  [[nodiscard]] double quantile(double share) {
    std::sort(all.begin(), all.end());
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  }
};

Errors errors_of(const Reference &r, LogBessel f, bool loops) {
  Errors e;
  for (std::size_t i = 0; i < r.v.size(); ++i)
    if (loops && r.v[i] > longest_loop)
      ++e.skipped;
    else
      e.add(f(r.v[i], r.x[i]), r.value[i], r.remainder[i]);
  return e;
}

void print(const char *function, const char *name, Errors &e) {
  std::printf("log %s  %-18s max %9.3g  p99 %9.3g  median %6.3g  not finite %4d  not run %4d\n",
              function, name, e.quantile(1), e.quantile(0.99), e.quantile(0.5), e.failures,
              e.skipped);
}

/// One function; true when lathe keeps its bounds.
bool compare(const char *function, const Reference &r, bool is_i) {
  Errors ours;
  std::vector<double> got(r.v.size());
  if (is_i)
    bessel::log_bessel_i(r.v, r.x, got);
  else
    bessel::log_bessel_k(r.v, r.x, got);
  for (std::size_t i = 0; i < got.size(); ++i)
    ours.add(got[i], r.value[i], r.remainder[i]);
  print(function, "lathe", ours);
  const std::string quantity = std::string("log_bessel_") + function;
  const std::string rows = std::to_string(r.v.size()) + " reference rows";
  for (const BesselPeer &peer : bessel_peers()) {
    Errors theirs = errors_of(r, is_i ? peer.log_i : peer.log_k, peer.loops_in_order);
    print(function, peer.name, theirs);
    accuracy_line(quantity,
                  rows + (theirs.skipped ? ", " + std::to_string(theirs.skipped) +
                                               " of them too slow for the peer"
                                         : ""),
                  ours.quantile(1), "eps", 3, peer.name,
                  theirs.failures ? HUGE_VAL : theirs.quantile(1));
  }
  return ours.failures == 0 && ours.quantile(1) <= 3 && ours.quantile(0.99) <= 1.25 &&
         ours.quantile(0.5) <= 0.25;
}

} // namespace

PetscErrorCode BesselAccuracy(bool *good) {
  PetscFunctionBegin;
  driver::ColumnTable table;
  const std::vector<driver::ColumnRequest> requests{{.name = "v"},
                                                    {.name = "x"},
                                                    {.name = "log_i", .with_remainder = true},
                                                    {.name = "log_k", .with_remainder = true}};
  PetscCall(
      driver::ReadColumns(PETSC_COMM_SELF, LATHE_REFERENCE "/log_bessel.csv", requests, &table));
  const auto &c = table.columns;
  *good = compare("i", {c[0].values, c[1].values, c[2].values, c[2].remainders}, true);
  *good = compare("k", {c[0].values, c[1].values, c[3].values, c[3].remainders}, false) && *good;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::bench
