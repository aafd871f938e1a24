// SPDX-License-Identifier: BSD-2-Clause
// Errors of the estimators on four spectra of order 1024 from 120 products, over 60 seeds, against
// those of an independent implementation (NumPy, order 1000).
#include "core/random.h"
#include "harness/mpi_test.h"
#include "sketching/trace.h"
#include "core/handle.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;

namespace {

constexpr std::size_t n = 1024;

/// U·diag(s)·Uᵀ, U three times a random diagonal of signs and a Hadamard transform: no coordinate
/// is special, as for a random orthogonal matrix.
struct Mixed {
  std::vector<double> s;
  std::vector<double> work = std::vector<double>(n);

  static double sign(std::size_t round, std::size_t i) { return random::sign(5, 900 + round, i); }
  void hadamard() {
    for (std::size_t h = 1; h < n; h *= 2)
      for (std::size_t i = 0; i < n; i += 2 * h)
        for (std::size_t j = i; j < i + h; ++j) {
          const double a = work[j];
          const double b = work[j + h];
          work[j] = a + b;
          work[j + h] = a - b;
        }
    for (double &x : work)
      x /= 32;
  }
  void multiply(const double *x, double *y) {
    std::copy_n(x, n, work.begin());
    for (std::size_t round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < n; ++i)
        work[i] *= signs[round][i];
      hadamard();
    }
    for (std::size_t i = 0; i < n; ++i)
      work[i] *= s[i];
    for (std::size_t round = 3; round-- > 0;) {
      hadamard();
      for (std::size_t i = 0; i < n; ++i)
        work[i] *= signs[round][i];
    }
    std::copy_n(work.begin(), n, y);
  }
  std::vector<double> signs[3];
  explicit Mixed(std::vector<double> spectrum) : s(std::move(spectrum)) {
    for (std::size_t round = 0; round < 3; ++round)
      for (std::size_t i = 0; i < n; ++i)
        signs[round].push_back(sign(round, i));
  }
};

PetscErrorCode Multiply(Mat A, Vec x, Vec y) {
  void *context = nullptr;
  const PetscScalar *a = nullptr;
  PetscScalar *b = nullptr;
  PetscFunctionBegin;
  PetscCall(MatShellGetContext(A, static_cast<void *>(&context)));
  PetscCall(VecGetArrayRead(x, &a));
  PetscCall(VecGetArrayWrite(y, &b));
  static_cast<Mixed *>(context)->multiply(reinterpret_cast<const double *>(a),
                                          reinterpret_cast<double *>(b));
  PetscCall(VecRestoreArrayWrite(y, &b));
  PetscCall(VecRestoreArrayRead(x, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return 0.5 * (x[(x.size() - 1) / 2] + x[x.size() / 2]);
}

struct Expected {
  const char *name;
  double (*value)(double i);
  double error[4]; // median relative error by method
};
const Expected spectra[] = {
    {"flat 3 - 2i/n", [](double i) { return 3 - 2 * i / 1023; }, {9e-4, 2e-3, 1e-3, 7e-4}},
    {"polynomial i^-2", [](double i) { return std::pow(i + 1, -2); }, {4e-2, 3e-4, 2e-4, 1e-4}},
    {"exponential 0.7^i", [](double i) { return std::pow(0.7, i); }, {4e-2, 8e-8, 7e-11, 4e-15}},
    {"step 50 of 1, then 1e-3",
     [](double i) { return i < 50 ? 1 : 1e-3; },
     {1e-2, 9e-3, 7e-6, 3e-4}}};

} // namespace

TEST_CASE("errors of the trace estimators on four spectra", "[sketching]") {
  const char *names[] = {"girard_hutchinson", "hutchpp", "xtrace", "xnystrace"};
  for (const Expected &e : spectra) {
    std::vector<double> s;
    long double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      s.push_back(e.value(static_cast<double>(i)));
      sum += s.back();
    }
    const auto truth = static_cast<double>(sum);
    Mixed context(std::move(s));
    MatHandle A;
    PETSC_OK(MatCreateShell(PETSC_COMM_SELF, n, n, n, n, &context, A.out()));
    PETSC_OK(MatShellSetOperation(A, MATOP_MULT, reinterpret_cast<void (*)(void)>(Multiply)));
    for (std::size_t m = 0; m < 4; ++m) {
      std::vector<double> errors, ratios;
      for (unsigned long long seed = 0; seed < 60; ++seed) {
        LatheTraceEstimate t;
        PETSC_OK(LatheMatTrace(A, static_cast<LatheTraceMethod>(m), 120, seed, &t));
        errors.push_back(std::abs(t.value - truth) / truth);
        ratios.push_back(t.standard_error / std::abs(t.value - truth));
      }
      std::printf("%-24s %-18s median error %.1e (table %.0e), standard error/error %.2f\n", e.name,
                  names[m], median(errors), e.error[m], median(ratios));
      INFO(e.name << " " << names[m] << " " << median(errors));
      CHECK(median(errors) <= 2 * e.error[m]);
      if (median(errors) > 1e-13) { // else rounding errors, which no sample shows
        CHECK(median(errors) >= e.error[m] / 2);
        CHECK(median(ratios) >= 0.5);
        CHECK(median(ratios) <= 2);
      }
    }
  }
}

#endif
