// SPDX-License-Identifier: BSD-2-Clause
// Rows of features to a von Mises-Fisher distribution: against the time in which this processor
// reads the same array (the bound of the memory, measured in the same run), and against plain loops
// in double precision without reproducible sums. With mpiexec -n P also the efficiency of P ranks
// on the same rows, in processor time.
//   bench_vmf_fit [repeats]
#include "bench/ranks.h"
#include "bench/timing.h"
#include "bessel/vmf.h"
#include "bessel/vmf_fit.h"
#include "bessel/vmf_sampler.h"
#include "core/layout.h"
#include <cmath>
#include <cstdlib>
#include <slepcsys.h>
#include <vector>

namespace {

using namespace lathe;
using namespace lathe::bessel;

struct Sample {
  PetscInt dim;
  std::int64_t count;
  double kappa;
  std::vector<float> rows;

  Sample(PetscInt p, std::int64_t n)
      : dim(p), count(n), kappa(static_cast<double>(p)), rows(static_cast<std::size_t>(p * n)) {
    const VmfSampler sampler(uniform_direction(static_cast<std::size_t>(p), 1, 1, 0), kappa, 1, 0);
    std::vector<double> row(static_cast<std::size_t>(p));
    for (std::int64_t i = 0; i < n; ++i) {
      sampler.sample(static_cast<std::uint64_t>(i), row.data());
      for (PetscInt j = 0; j < p; ++j)
        rows[static_cast<std::size_t>(i * p + j)] =
            static_cast<float>(row[static_cast<std::size_t>(j)]);
    }
  }
  [[nodiscard]] LatheVmfRows part(Range r) const {
    return {static_cast<PetscInt>(r.size()), dim, rows.data() + r.begin * dim, nullptr};
  }
};

// The bound: every cache line once, 32 additions for each.
float read_all(const std::vector<float> &x) {
  constexpr std::size_t lanes = 64;
  float sum[lanes] = {};
  for (std::size_t i = 0; i + lanes <= x.size(); i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sum[lane] += x[i + lane];
  float total = 0;
  for (const float s : sum)
    total += s;
  return total;
}

// What one writes at first: length, then the sum of scaled rows.
double plain_resultant(const Sample &s) {
  const auto dim = static_cast<std::size_t>(s.dim);
  std::vector<double> sum(dim, 0.0);
  for (std::int64_t i = 0; i < s.count; ++i) {
    const float *x = s.rows.data() + i * s.dim;
    double squares[8] = {};
    for (std::size_t j = 0; j + 8 <= dim; j += 8)
      for (std::size_t lane = 0; lane < 8; ++lane)
        squares[lane] += static_cast<double>(x[j + lane]) * static_cast<double>(x[j + lane]);
    double squared = 0;
    for (const double q : squares)
      squared += q;
    const double scale = 1 / std::sqrt(squared);
    for (std::size_t j = 0; j < dim; ++j)
      sum[j] += scale * static_cast<double>(x[j]);
  }
  double squared = 0;
  for (const double v : sum)
    squared += v * v;
  return std::sqrt(squared) / static_cast<double>(s.count);
}

/// A_p(kappa) as scipy.stats.vonmises_fisher forms it: "inf" where it is no number; "" without
/// SciPy.
std::string scipy_ratio(PetscInt dim, double kappa) {
  const char *python = std::getenv("LATHE_PYTHON");
  char command[400], answer[64] = "";
  std::snprintf(command, sizeof command,
                "%s -W ignore -c 'from scipy.special import ive; r = ive(%.17g, %.17g) / "
                "ive(%.17g, %.17g); print(\"inf\" if r != r else abs(r - %.17g))' 2>/dev/null",
                python ? python : "/usr/bin/python3", 0.5 * static_cast<double>(dim), kappa,
                0.5 * static_cast<double>(dim) - 1, kappa,
                vmf_mean_resultant(static_cast<std::int64_t>(dim), kappa));
  FILE *pipe = popen(command, "r");
  if (pipe && std::fscanf(pipe, "%63s", answer) != 1)
    answer[0] = 0;
  if (pipe)
    pclose(pipe);
  return answer;
}

struct Fit {
  LatheVmfModel m{};
  Fit() = default;
  Fit(const Fit &) = delete;
  Fit &operator=(const Fit &) = delete;
  ~Fit() { (void)LatheVmfModelDestroy(&m); }
};

PetscErrorCode Throughput(const Sample &s, int repeats) {
  PetscFunctionBegin;
  const LatheVmfRows all = s.part({0, s.count});
  LatheVmfEstimate estimate{};
  double plain = 0;
  float total = 0;
  const auto fit = [&] {
    Fit f;
    if (LatheVmfFit(PETSC_COMM_SELF, &all, nullptr, &f.m) == PETSC_SUCCESS)
      estimate = f.m.component[0].estimate;
  };
  const auto bound = bench::alternate(repeats, fit, [&] { total += read_all(s.rows); });
  const auto loops = bench::alternate(repeats, fit, [&] { plain = plain_resultant(s); });
  const bool correct = std::abs(estimate.resultant - plain) < 1e-13 &&
                       std::abs(estimate.kappa_corrected - s.kappa) < 5 * estimate.kappa_std_error;
  const double bytes = static_cast<double>(s.rows.size() * sizeof(float));
  const std::string size = std::to_string(s.count) + "x" + std::to_string(s.dim);
  std::printf("%-12s fit %.4f s (%.2f GB/s, %.0f rows/s), reading %.4f s (%.2f GB/s): %.2f "
              "[%.2f, %.2f], plain loops %.4f s: %.2f, %s (%g)\n",
              size.c_str(), bound.ours.median, 1e-9 * bytes / bound.ours.median,
              static_cast<double>(s.count) / bound.ours.median, bound.peer.median,
              1e-9 * bytes / bound.peer.median, bound.ratio.median, bound.ratio.min,
              bound.ratio.max, loops.peer.median, loops.ratio.median, correct ? "correct" : "WRONG",
              static_cast<double>(total));
  bench::bench_line("vmf_fit", size, bound, "memory_read", 0.3);
  bench::bench_line("vmf_fit", size, loops, "plain_loops", 0.7);
  PetscCheck(correct, PETSC_COMM_SELF, PETSC_ERR_PLIB, "the fit misses the resultant or kappa");
  if (s.dim == 32768)
    std::printf("ACCURACY\tkappa from %lld rows in 32768 dimensions\tgenerated, kappa %g\t%.3g\t"
                "standard errors\t4\tscipy.special.ive\t%s\n",
                static_cast<long long>(s.count), s.kappa,
                std::abs(estimate.kappa_corrected - s.kappa) / estimate.kappa_std_error,
                scipy_ratio(s.dim, s.kappa).c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Time of a step of EM, from runs with 2 and 6 steps.
PetscErrorCode Mixture(const Sample &s, PetscInt components) {
  PetscFunctionBegin;
  const LatheVmfRows all = s.part({0, s.count});
  LatheVmfOptions o;
  PetscCall(LatheVmfOptionsSetDefaults(&o));
  o.components = components;
  o.tolerance = 1e-300;
  double time[2];
  for (int i = 0; i < 2; ++i) {
    o.max_steps = i == 0 ? 2 : 6;
    Fit f;
    PetscErrorCode code = PETSC_SUCCESS;
    time[i] = bench::seconds([&] { code = LatheVmfFit(PETSC_COMM_SELF, &all, &o, &f.m); });
    PetscCall(code);
  }
  std::printf("%lldx%lld, %lld components: %.4f s a step of EM\n", static_cast<long long>(s.count),
              static_cast<long long>(s.dim), static_cast<long long>(components),
              0.25 * (time[1] - time[0]));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// All rows on every rank beside their blocks.
PetscErrorCode Efficiency(const Sample &s, int repeats, int size, int rank) {
  PetscFunctionBegin;
  const LatheVmfRows all = s.part({0, s.count});
  const LatheVmfRows mine = s.part(block_range(s.count, size, rank));
  double one = 0, shared = 0; // kappa
  const auto fit = [](MPI_Comm comm, const LatheVmfRows &rows, double *kappa) {
    Fit f;
    (void)LatheVmfFit(comm, &rows, nullptr, &f.m);
    *kappa = f.m.component[0].kappa;
  };
  const bench::Comparison c = bench::efficiency(
      repeats, [&] { fit(PETSC_COMM_SELF, all, &one); },
      [&] { fit(PETSC_COMM_WORLD, mine, &shared); });
  PetscCheck(one == shared, PETSC_COMM_SELF, PETSC_ERR_PLIB, "other bits on %d ranks", size);
  // 3.3 times on 4 ranks
  bench::report_efficiency("vmf_fit", std::to_string(s.count) + "x" + std::to_string(s.dim), c,
                           0.825);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  PetscFunctionBeginUser;
  PetscCall(SlepcInitialize(&argc, &argv, nullptr, nullptr));
  const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  int size = 1, rank = 0;
  MPI_Comm_size(PETSC_COMM_WORLD, &size);
  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  const Sample wide(2048, 16384); // 128 MiB
  if (size == 1) {
    PetscCall(Throughput(wide, repeats));
    PetscCall(Throughput(Sample(32768, 1024), repeats));
    PetscCall(Throughput(Sample(16, 1 << 20), repeats));
    PetscCall(Mixture(wide, 10));
  } else {
    PetscCall(Efficiency(wide, repeats, size, rank));
  }
  PetscCall(SlepcFinalize());
  PetscFunctionReturn(PETSC_SUCCESS);
}
