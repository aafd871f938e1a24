// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/trace.h"
#include "core/citation.h"
#include "core/error.h"
#include "sketching/trace_estimators.h"
#include <algorithm>
#include <array>
#include <cmath>

using namespace lathe;
using namespace lathe::sketching;

namespace {

struct Method {
  const char *name;
  PetscInt least, share; // products at least; products for each test vector that must fit into n
};
constexpr std::array<Method, 4> methods = {
    {{"girard_hutchinson", 2, 0}, {"hutchpp", 6, 3}, {"xtrace", 4, 2}, {"xnystrace", 2, 1}}};

PetscErrorCode Estimate(BlockOperator &A, LatheTraceMethod method, TallView Omega,
                        LatheTraceEstimate *estimate) {
  PetscFunctionBegin;
  switch (method) {
  case LATHE_TRACE_GIRARD_HUTCHINSON:
    PetscCall(Cite("Girard1989"));
    PetscCall(GirardHutchinson(A, Omega, estimate));
    break;
  case LATHE_TRACE_HUTCHPP: {
    PetscCall(Cite("MeyerMuscoMuscoWoodruff2021"));
    const std::size_t range = (Omega.cols + 1) / 2;
    PetscCall(HutchPlusPlus(A, Omega.columns(0, range), Omega.columns(range, Omega.cols - range),
                            estimate));
    break;
  }
  case LATHE_TRACE_XTRACE:
    PetscCall(Cite("EpperlyTroppWebber2024"));
    PetscCall(XTrace(A, Omega, estimate));
    break;
  case LATHE_TRACE_XNYSTRACE:
    PetscCall(Cite("EpperlyTroppWebber2024"));
    PetscCall(XNysTrace(A, Omega, estimate));
    break;
  }
  PetscCheck(std::isfinite(estimate->value), A.comm(), PETSC_ERR_FP,
             "The trace overflows; scale the matrix");
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LatheMatTrace(Mat matrix, LatheTraceMethod method, PetscInt matvecs,
                             unsigned long long seed, LatheTraceEstimate *estimate) {
  BlockOperator A;
  PetscFunctionBegin;
  PetscCall(A.Create(matrix));
  const Method &m = methods.at(static_cast<std::size_t>(method));
  PetscCheck(matvecs >= m.least, A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " products are too few for %s; it takes -matvecs >= %" PetscInt_FMT,
             matvecs, m.name, m.least);
  PetscCheck(m.share == 0 || matvecs / m.share <= A.order(), A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " products give %s more test vectors than the order %lld of the "
             "matrix; take -matvecs <= %lld",
             matvecs, m.name, static_cast<long long>(A.order()),
             static_cast<long long>(m.share * A.order()));
  // Two thirds of the products of Hutch++ and half of those of XTrace are with new test vectors.
  const PetscInt vectors = method == LATHE_TRACE_HUTCHPP  ? 2 * (matvecs / 3) + matvecs % 3 / 2
                           : method == LATHE_TRACE_XTRACE ? matvecs / 2
                                                          : matvecs;
  const bool sphere = method == LATHE_TRACE_XTRACE || method == LATHE_TRACE_XNYSTRACE;
  LatheGuard(A.comm(), {
    MultiVector Omega(A.rows(), static_cast<std::size_t>(vectors));
    PetscCall(FillTestVectors(sphere ? TestVectors::sphere : TestVectors::rademacher, seed, 0,
                              Omega.view()));
    PetscCall(Estimate(A, method, Omega.view(), estimate));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatTraceWithVectors(Mat matrix, LatheTraceMethod method, Mat Omega,
                                        LatheTraceEstimate *estimate) {
  BlockOperator A;
  PetscInt n = 0;
  PetscInt k = 0;
  PetscFunctionBegin;
  PetscCall(A.Create(matrix));
  PetscCall(MatGetSize(Omega, &n, &k));
  PetscCheck(n == A.order(), A.comm(), PETSC_ERR_ARG_SIZ,
             "The test vectors have %" PetscInt_FMT " rows, the matrix has order %lld", n,
             static_cast<long long>(A.order()));
  const PetscInt least = method == LATHE_TRACE_HUTCHPP ? 4 : 2;
  PetscCheck(k >= least, A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " test vectors; %s needs at least %" PetscInt_FMT, k,
             methods.at(static_cast<std::size_t>(method)).name, least);
  PetscCheck(method == LATHE_TRACE_GIRARD_HUTCHINSON || k <= n, A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " test vectors are more than the order %" PetscInt_FMT
             " of the matrix",
             k, n);
  LatheGuard(A.comm(), {
    MultiVector vectors(A.rows(), static_cast<std::size_t>(k));
    PetscCall(A.layout().FromDense(Omega, vectors.view()));
    PetscCall(Estimate(A, method, vectors.view(), estimate));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}
