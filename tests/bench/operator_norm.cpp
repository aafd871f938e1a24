// SPDX-License-Identifier: BSD-2-Clause
// Certified brackets of sparse matrices against SLEPc's uncertified largest singular value (cross
// and trlanczos, tolerance 1e-10), one process, one BLAS thread. Gate: kind and width of the
// bracket as asked, and SLEPc's value, which is a lower bound up to rounding, not above `upper`.
#include "core/handle.h"
#include "driver/generators.h"
#include "lipschitz/lipschitz.h"
#include "timing.h"
#include <slepcsvd.h>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace {

using namespace lathe;
using SvdHandle = Handle<SVD, SVDDestroy>;

int failures = 0;

LatheNormOptions options(LatheCertificate certificate, double tolerance) {
  LatheNormOptions o;
  PetscCallAbort(PETSC_COMM_SELF, LatheNormOptionsSetDefaults(&o));
  o.certificate = certificate;
  o.tolerance = tolerance;
  o.warn = PETSC_FALSE;
  return o;
}

PetscErrorCode Slepc(Mat A, SVDType type, double *sigma) {
  SvdHandle svd;
  PetscInt converged = 0;
  PetscFunctionBegin;
  PetscCall(SVDCreate(PETSC_COMM_SELF, svd.out()));
  PetscCall(SVDSetOperators(svd, A, nullptr));
  PetscCall(SVDSetType(svd, type));
  PetscCall(SVDSetTolerances(svd, 1e-10, 10000));
  PetscCall(SVDSolve(svd));
  PetscCall(SVDGetConverged(svd, &converged));
  PetscCheck(converged > 0, PETSC_COMM_SELF, PETSC_ERR_NOT_CONVERGED, "SLEPc did not converge");
  PetscCall(SVDGetSingularTriplet(svd, 0, sigma, nullptr, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct Goal {
  const char *name, *generator;
  PetscInt n;
  LatheNormOptions options;
  double width;   // of the bracket, against SLEPc's value
  double seconds; // bar for our time
  double ratio;   // bar for peer/ours
};

PetscErrorCode Compare(const Goal &goal, SVDType peer, int repeats) {
  MatHandle A;
  LatheNormBracket b{};
  double sigma = 0;
  PetscFunctionBegin;
  PetscCall(GenerateMatrix(PETSC_COMM_SELF, goal.generator, goal.n, 1, A.out()));
  const bench::Comparison c = bench::alternate(
      repeats, [&] { PetscCallAbort(PETSC_COMM_SELF, LatheMatNormBracket(A, &goal.options, &b)); },
      [&] { PetscCallAbort(PETSC_COMM_SELF, Slepc(A, peer, &sigma)); });
  const double above = b.upper / sigma - 1, below = b.lower / sigma - 1;
  // SLEPc stops at a residual of 1e-10; its value is right to far more.
  const bool holds = above >= -1e-12 && above <= goal.width && below <= 1e-9 &&
                     b.certificate <= goal.options.certificate;
  failures += holds ? 0 : 1;
  std::printf("%-24s %-10s %9.4f s (bar %5.2f %s) %9.3f s %7.1fx  %+9.1e %+9.1e %-13s %-16s %s\n",
              goal.name, peer, c.ours.median, goal.seconds,
              goal.seconds == 0               ? "none"
              : c.ours.median <= goal.seconds ? "met"
                                              : "MISSED",
              c.peer.median, c.ratio.median, above, below, lathe::lipschitz::name(b.certificate),
              b.method, holds ? "ok" : "GATE FAILED");
  bench::bench_line(goal.name, std::string(goal.generator) + " " + std::to_string(goal.n), c, peer,
                    goal.ratio);
  PetscFunctionReturn(PETSC_SUCCESS);
}

double status_kib(const char *field) {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;)
    if (word == field) {
      double kib = 0;
      in >> kib;
      return kib;
    }
  return 0;
}

PetscErrorCode NoteGram(const LatheNormStep *step, void *context) {
  PetscFunctionBegin;
  if (std::strcmp(step->method, "sparse_gram") == 0)
    *static_cast<bool *>(context) = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Peak of the streamed Gram bound beside the Gram matrix that it does not form.
PetscErrorCode Memory() {
  MatHandle A;
  LatheNormBracket b{};
  MatInfo info;
  bool streamed = false;
  PetscFunctionBegin;
  PetscCall(GenerateMatrix(PETSC_COMM_SELF, "gaussian", 200000, 1, A.out()));
  PetscCall(MatGetInfo(A, MAT_LOCAL, &info));
  LatheNormOptions o = options(LATHE_CERTIFICATE_RIGOROUS, 1e-9);
  o.lanczos_steps = 1;
  o.factor_fill = 0;
  o.dense_limit = 0;
  o.monitor = NoteGram;
  o.monitor_context = &streamed;
  std::ofstream("/proc/self/clear_refs") << 5; // the peak starts anew here
  const double before = status_kib("VmRSS:");
  PetscCall(LatheMatNormBracket(A, &o, &b));
  const double growth = (status_kib("VmHWM:") - before) * 1024;
  const double entry = sizeof(PetscScalar) + sizeof(PetscInt);
  const double matrix = info.nz_used * entry, gram = 100.0 * 200000 * entry; // 10 entries a row
  const bool holds = growth <= 6 * matrix && streamed;
  failures += holds ? 0 : 1;
  std::printf("streamed Gram bound of gaussian 200000: peak %.1f MB over A's own %.1f MB (bar 6 of "
              "those; AᴴA would take %.0f MB)  %s %s\n",
              growth * 1e-6, matrix * 1e-6, gram * 1e-6, b.method, holds ? "ok" : "GATE FAILED");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Run(int repeats) {
  PetscFunctionBegin;
  PetscCall(Memory()); // first, while the process is small
  std::printf("%-24s %-10s %11s %16s %11s %8s  %9s %9s\n", "goal", "peer", "ours", "", "peer",
              "ratio", "upper-1", "lower-1");
  LatheNormOptions few = options(LATHE_CERTIFICATE_PROBABILISTIC, 1e-3);
  few.failure_probability = 1e-9;
  few.lanczos_steps = 70;
  const Goal goals[] = {
      // Stops after the norms, since tolerance 1 is met there.
      {"upper_3e-5", "laplacian2d", 300, options(LATHE_CERTIFICATE_DETERMINISTIC, 1.0), 3e-5, 0.01,
       0},
      {"certified_1e-10", "laplacian2d", 300, options(LATHE_CERTIFICATE_DETERMINISTIC, 1e-10),
       1.1e-10, 2, 2},
      {"certified_1e-10", "convection_diffusion", 200,
       options(LATHE_CERTIFICATE_DETERMINISTIC, 1e-10), 1.1e-10, 0, 0},
      {"deterministic_1e-5", "powerlaw", 50000, options(LATHE_CERTIFICATE_DETERMINISTIC, 1e-5),
       1e-5, 0.1, 0},
      {"probabilistic_1e-9", "gaussian", 50000, few, 1e-3, 0, 0},
      {"rigorous_1e-8", "tall", 2500, options(LATHE_CERTIFICATE_RIGOROUS, 1e-8), 1e-8, 0, 0},
  };
  for (const Goal &goal : goals)
    PetscCall(Compare(goal, SVDCROSS, repeats));
  PetscCall(Compare(goals[1], SVDTRLANCZOS, repeats));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

/// Optional argument: repeats of each comparison.
int main(int argc, char **argv) {
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  const int repeats = argc > 1 ? std::atoi(argv[1]) : 7;
  PetscCall(SlepcInitialize(nullptr, nullptr, nullptr, nullptr));
  PetscCall(Run(repeats));
  PetscCall(SlepcFinalize());
  return failures == 0 ? 0 : 1;
}
