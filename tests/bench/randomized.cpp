// SPDX-License-Identifier: BSD-2-Clause
// Traces, low-rank preconditioners, row scores and p-norm regression against what stands in for
// them without a sketch: plain Girard-Hutchinson, a Cholesky factorisation, CG with PCJACOBI,
// LAPACK's QR factorisation, iteratively reweighted least squares. One thread. A gate in each.
//   bench_randomized [part: traces, systems, rows, regression; default all]
#include "core/dense.h"
#include "core/handle.h"
#include "harness/entry_matrix.h"
#include "lathe.h"
#include "sketching/leverage.h"
#include "sketching/lp_regression.h"
#include "solvers/kernel_system.h"
#include "timing.h"
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <petscksp.h>
#include <string>

using namespace lathe;
using namespace lathe::sketching;

namespace {

constexpr int repeats = 7;
int failures = 0;

void must(PetscErrorCode code) {
  if (code != PETSC_SUCCESS)
    std::abort();
}

void report(const char *name, const std::string &size, const bench::Comparison &c, const char *peer,
            double bar, bool good, const std::string &facts) {
  failures += good ? 0 : 1;
  std::printf("%-22s %-22s %9.4f s  %-22s %9.4f s  ratio %6.2f [%.2f, %.2f] bar %g  %s%s\n", name,
              size.c_str(), c.ours.median, peer, c.peer.median, c.ratio.median, c.ratio.min,
              c.ratio.max, bar, facts.c_str(), good ? "" : "  GATE FAILED");
  bench::bench_line(name, size, c, peer, bar);
}

std::string facts(const char *format, double a, double b) {
  char text[200];
  std::snprintf(text, sizeof text, format, a, b);
  return text;
}

// --- traces -------------------------------------------------------------------------------------

/// Mean of zᵀAz over sign vectors, by MatMult.
double plain_trace(Mat A, int probes) {
  VecHandle z, y;
  must(MatCreateVecs(A, z.out(), y.out()));
  PetscInt n = 0;
  must(VecGetSize(z, &n));
  double sum = 0;
  for (int k = 0; k < probes; ++k) {
    PetscScalar *values = nullptr, product = 0;
    must(VecGetArrayWrite(z, &values));
    for (PetscInt i = 0; i < n; ++i)
      values[i] = random::sign(77, static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(i));
    must(VecRestoreArrayWrite(z, &values));
    must(MatMult(A, z, y));
    must(VecDot(z, y, &product));
    sum += PetscRealPart(product);
  }
  return sum / probes;
}

void traces() {
  const PetscInt n = 2000;
  const int products = 120;
  MatHandle A;
  must(test::Kernel(n, 3, 1e-2, A.out()));
  const double truth = static_cast<double>(n) * 1.01;
  for (const auto method : {LATHE_TRACE_XTRACE, LATHE_TRACE_XNYSTRACE}) {
    LatheTraceEstimate e{};
    double plain = 0;
    const auto c = bench::alternate(
        repeats, [&] { must(LatheMatTrace(A, method, products, 1, &e)); },
        [&] { plain = plain_trace(A, products); });
    const double error = std::abs(e.value / truth - 1), other = std::abs(plain / truth - 1);
    report(method == LATHE_TRACE_XTRACE ? "xtrace" : "xnystrace", "kernel 2000, m = 120", c,
           "girard_hutchinson", 0, error <= 5 * e.standard_error / truth + 1e-14 && error < other,
           facts("relative errors %.1e %.1e", error, other));
  }
  const double mu = 1e-2;
  LatheQuadratureOptions options;
  LatheSpectralSum sum{};
  must(LatheQuadratureOptionsSetDefaults(&options));
  std::vector<double> factor(static_cast<std::size_t>(n * n));
  const auto size = static_cast<std::size_t>(n);
  double exact = 0;
  const auto c = bench::alternate(
      repeats, [&] { must(LatheMatLogDeterminant(A, 300, mu, &options, &sum)); },
      [&] {
        const PetscScalar *a = nullptr;
        must(MatDenseGetArrayRead(A, &a));
        std::copy_n(a, n * n, factor.begin());
        must(MatDenseRestoreArrayRead(A, &a));
        if (dense::potrf('U', size, factor.data(), size) != 0)
          std::abort();
        exact = 0;
        for (std::size_t i = 0; i < size; ++i)
          exact += 2 * std::log(factor[i * (size + 1)]);
      });
  const double off = std::abs(sum.value - exact);
  report("log_determinant", "kernel 2000, rank 300", c, "dpotrf", 0,
         off <= 5 * sum.standard_error && off <= 1e-3 * std::abs(exact),
         facts("relative error %.1e, standard error %.1e", off / std::abs(exact),
               sum.standard_error / std::abs(exact)));
}

// --- kernel systems -----------------------------------------------------------------------------

struct Solved {
  PetscInt iterations = 0;
  bool converged = false;
};

Solved solve(Mat A, Vec b, Vec x, const std::string &options) {
  Handle<KSP, KSPDestroy> ksp;
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  Solved s;
  must(PetscOptionsInsertString(nullptr, options.c_str()));
  must(KSPCreate(PETSC_COMM_SELF, ksp.out()));
  must(KSPSetOperators(ksp, A, A));
  must(KSPSetType(ksp, KSPCG));
  must(KSPSetNormType(ksp, KSP_NORM_UNPRECONDITIONED));
  must(KSPSetTolerances(ksp, 1e-8, 0, 1e10, 2000));
  must(KSPSetFromOptions(ksp));
  must(PetscOptionsClear(nullptr));
  must(KSPSolve(ksp, b, x));
  must(KSPGetIterationNumber(ksp, &s.iterations));
  must(KSPGetConvergedReason(ksp, &reason));
  s.converged = reason > 0;
  return s;
}

void systems() {
  const PetscInt n = 2000;
  for (const test::KernelCase &k : test::kernel_cases) {
    MatHandle A;
    VecHandle b, x;
    must(test::Kernel(n, k.width, k.mu, A.out()));
    must(MatCreateVecs(A, x.out(), b.out()));
    for (PetscInt i = 0; i < n; ++i)
      must(VecSetValue(b, i, random::normal(12, 5, static_cast<std::uint64_t>(i)), INSERT_VALUES));
    must(VecAssemblyBegin(b));
    must(VecAssemblyEnd(b));
    for (const char *pc : {"nystrom", "rpcholesky"}) {
      const int table = std::string(pc) == "nystrom" ? k.nystrom[1] : k.rpcholesky[1];
      char options[200];
      std::snprintf(options, sizeof options, "-pc_type %s -pc_%s_mu %g -pc_%s_rank 300", pc, pc,
                    k.mu, pc);
      Solved ours, peer;
      const auto c = bench::alternate(
          repeats, [&] { ours = solve(A, b, x, options); },
          [&] { peer = solve(A, b, x, "-pc_type jacobi"); });
      report(pc, facts("width %g, mu %g", k.width, k.mu), c, "cg, pc jacobi", 1,
             ours.converged && ours.iterations <= 1.2 * table,
             facts("iterations %.0f %.0f", static_cast<double>(ours.iterations),
                   static_cast<double>(peer.iterations)));
    }
  }
}

// --- rows ---------------------------------------------------------------------------------------

struct Rows {
  MatHandle matrix;
  TallMatrix tall;
  Rows(PetscInt m, PetscInt n) {
    const auto entry = [](PetscInt i, PetscInt j) {
      return random::normal(3, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i)) *
             (i % 10 == 0 ? 20.0 : 1.0);
    };
    must(test::CreateMatrix(PETSC_COMM_SELF, m, n, entry, true, false, matrix.out()));
    must(tall.Create(matrix));
  }
  [[nodiscard]] std::size_t m() const { return tall.rows().local(); }
  [[nodiscard]] std::size_t n() const { return tall.cols(); }
};

/// ‖row of D·A·R⁻¹‖², R from LAPACK's QR factorisation of D·A.
std::vector<double> lapack_leverage(Rows &A, const std::vector<double> &d) {
  const std::size_t m = A.m(), n = A.n();
  std::vector<double> scaled(m * n), r, tau(n), scores(m);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = 0; i < m; ++i)
      scaled[i + j * m] = d[i] * A.tall.view().column(j)[i];
  r = scaled;
  dense::qr(m, n, r.data(), m, tau.data());
  dense::trsm('R', 'U', 'N', m, n, r.data(), m, scaled.data(), m);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = 0; i < m; ++i)
      scores[i] += scaled[i + j * m] * scaled[i + j * m];
  return scores;
}

double worst(const std::vector<double> &a, const std::vector<double> &b) {
  double w = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    w = std::max(w, std::abs(a[i] / b[i] - 1));
  return w;
}

void rows() {
  Rows A(100000, 100);
  std::vector<double> tau(A.m()), peer;
  const std::vector<double> one(A.m(), 1.0);
  std::size_t rank = 0;
  auto c = bench::alternate(
      repeats, [&] { must(LeverageScores(A.tall, 0, tau.data(), &rank)); },
      [&] { peer = lapack_leverage(A, one); });
  const double sum = std::accumulate(tau.begin(), tau.end(), 0.0);
  report("leverage", "100000x100", c, "lapack_qr", 0,
         worst(tau, peer) <= 1e-12 && std::abs(sum - 100) <= 1e-10,
         facts("difference %.1e, sum off by %.1e", worst(tau, peer), std::abs(sum - 100)));

  VecHandle about;
  must(MatCreateVecs(A.matrix, nullptr, about.out()));
  c = bench::alternate(
      repeats, [&] { must(ApproximateLeverageScores(A.matrix, 0, 0.6, 5, about)); },
      [&] { peer = lapack_leverage(A, one); });
  const PetscScalar *a = nullptr;
  must(VecGetArrayRead(about, &a));
  std::size_t outside = 0;
  for (std::size_t i = 0; i < tau.size(); ++i)
    outside += std::abs(PetscRealPart(a[i]) / tau[i] - 1) > 0.6 ? 1U : 0U;
  must(VecRestoreArrayRead(about, &a));
  report("leverage_approximate", "100000x100, eps .6", c, "lapack_qr", 1,
         outside <= tau.size() / 100,
         facts("%.2f %% of the rows outside", 100 * static_cast<double>(outside) / 1e5, 0));

  Rows B(20000, 40);
  std::vector<double> w(B.m()), other;
  double residual = 1;
  c = bench::alternate(
      repeats, [&] { must(LewisWeights(B.tall, 1, w.data(), &residual)); },
      [&] { // Cohen and Peng's iteration, a factorisation a step
        other.assign(B.m(), 1.0);
        for (double off = 1; off > 1e-13;) {
          std::vector<double> d(B.m());
          for (std::size_t i = 0; i < d.size(); ++i)
            d[i] = 1 / std::sqrt(other[i]);
          const std::vector<double> scores = lapack_leverage(B, d);
          off = worst(scores, other);
          for (std::size_t i = 0; i < d.size(); ++i)
            other[i] = std::sqrt(other[i] * scores[i]);
        }
      });
  report("lewis_weights", "20000x40, p = 1", c, "cohen_peng_lapack", 1,
         residual <= 1e-13 && worst(w, other) <= 1e-11,
         facts("residual %.1e, difference %.1e", residual, worst(w, other)));

  Rows C(1500, 5);
  std::vector<double> sensitivity(C.m()), exact;
  c = bench::alternate(
      1, [&] { must(ApproximateLpSensitivities(C.tall, 1, 0.5, 1, sensitivity.data())); },
      [&] { must(LpSensitivities(C.tall, 1, {}, &exact)); });
  report("sensitivities_approximate", "1500x5, p = 1, eps .5", c, "all rows", 1,
         worst(sensitivity, exact) <= 1, facts("worst %.2f", worst(sensitivity, exact), 0));
}

// --- regression ---------------------------------------------------------------------------------

/// Reweighted normal equations from x = 0 until the objective stays.
double reweighted(Rows &A, const std::vector<double> &b, double p) {
  const std::size_t m = A.m(), n = A.n();
  const double *a = A.tall.view().data;
  std::vector<double> r = b, scaled(m * n), gram(n * n), x(n);
  double before = HUGE_VAL, value = HUGE_VAL;
  for (int step = 0; step < 500; ++step) {
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = 0; i < m; ++i)
        scaled[i + j * m] = std::pow(std::max(std::abs(r[i]), 1e-12), p / 2 - 1) * a[i + j * m];
    dense::herk('U', 'C', n, m, 1.0, scaled.data(), m, 0.0, gram.data(), n);
    for (std::size_t j = 0; j < n; ++j) {
      x[j] = 0;
      for (std::size_t i = 0; i < m; ++i)
        x[j] += scaled[i + j * m] * std::pow(std::max(std::abs(r[i]), 1e-12), p / 2 - 1) * b[i];
    }
    if (dense::potrf('U', n, gram.data(), n) != 0)
      std::abort();
    dense::trsm('L', 'U', 'C', n, 1, gram.data(), n, x.data(), n);
    dense::trsm('L', 'U', 'N', n, 1, gram.data(), n, x.data(), n);
    r = b;
    dense::gemv('N', m, n, -1.0, a, m, x.data(), 1.0, r.data());
    double sum = 0;
    for (const double e : r)
      sum += std::pow(std::abs(e), p);
    before = value;
    value = std::pow(sum, 1 / p);
    if (before - value <= 1e-13 * value)
      break;
  }
  return value;
}

void regression() {
  Rows A(20000, 20);
  std::vector<double> b;
  for (std::size_t i = 0; i < A.m(); ++i)
    b.push_back(random::normal(9, 9, i) * (i % 31 == 0 ? 100.0 : 1.0));
  for (const double p : {1.0, 1.2, 1.5}) {
    std::vector<double> x;
    LpSolution s;
    double peer = 0;
    const auto c = bench::alternate(
        repeats, [&] { must(LpRegression(A.tall, b.data(), p, {}, &x, &s)); },
        [&] { peer = reweighted(A, b, p); });
    report("lp_regression", facts("20000x20, p = %g", p, 0), c, "reweighted_normal", 1,
           s.converged && s.objective <= peer * (1 + 1e-12),
           facts("gap %.1e, above ours: peer %.1e", 1 - s.lower_bound / s.objective,
                 peer / s.objective - 1));
  }
}

} // namespace

int main(int argc, char **argv) {
  const std::string part = argc > 1 ? argv[1] : "all";
  if (PetscInitialize(&argc, &argv, nullptr, nullptr) != PETSC_SUCCESS ||
      LatheInitializePackage() != PETSC_SUCCESS)
    return 2;
  const std::pair<const char *, void (*)()> parts[] = {
      {"traces", traces}, {"systems", systems}, {"rows", rows}, {"regression", regression}};
  for (const auto &[name, run] : parts)
    if (part == "all" || part == name)
      run();
  const PetscErrorCode code = PetscFinalize();
  return failures == 0 && code == PETSC_SUCCESS ? 0 : 1;
}
