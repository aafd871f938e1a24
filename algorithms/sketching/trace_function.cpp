// SPDX-License-Identifier: BSD-2-Clause
// tr f(A): stochastic Lanczos quadrature, and f(A) as a matrix of type shell.
#include "core/citation.h"
#include "core/error.h"
#include "sketching/nystrom.h"
#include "sketching/trace.h"
#include "sketching/trace_lanczos.h"
#include <algorithm>
#include <cmath>
#include <memory>

using namespace lathe;
using namespace lathe::sketching;

namespace {

PetscErrorCode Check(MPI_Comm comm, LatheSpectralFunction f, const LatheQuadratureOptions &o) {
  PetscFunctionBegin;
  PetscCheck(o.probes >= 2, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " probes; -probes must be >= 2 for a standard error", o.probes);
  PetscCheck(o.max_steps >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%" PetscInt_FMT " Lanczos steps; -lanczos_steps must be >= 1", o.max_steps);
  PetscCheck(o.tolerance > 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "quadrature tolerance %g; -quadrature_tolerance must be > 0", o.tolerance);
  PetscCheck(f != LATHE_SPECTRAL_POWER || (o.power > 0 && std::isfinite(o.power)), comm,
             PETSC_ERR_ARG_OUTOFRANGE, "power %g of a Schatten norm; it must be > 0 and finite",
             o.power);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// tr f(B) for a product with B of layout `rows`; matvecs is left to the caller.
PetscErrorCode Quadrature(const RowBlocks &rows, const ColumnProduct &product, SpectralFunction f,
                          const LatheQuadratureOptions &o, LatheSpectralSum *sum) {
  PetscFunctionBegin;
  LanczosFunction lanczos(rows, product, f, {.max_steps = o.max_steps, .tolerance = o.tolerance});
  MultiVector probes(rows, lanczos.width());
  *sum = {};
  sum->converged = PETSC_TRUE;
  double squares = 0; // Σ (sample − mean)², by Welford's recurrence
  for (PetscInt j = 0; j < o.probes;) {
    const auto left = static_cast<std::size_t>(o.probes - j);
    const TallView z = probes.columns(0, std::min(lanczos.width(), left));
    PetscCall(FillTestVectors(TestVectors::rademacher, o.seed, static_cast<std::uint64_t>(j), z));
    PetscCall(lanczos.Run(z, z.columns(0, 0)));
    for (const LanczosFunction::Outcome &probe : lanczos.outcomes()) {
      const double delta = probe.quadrature - sum->value;
      sum->value += delta / static_cast<double>(++j);
      squares += delta * (probe.quadrature - sum->value);
      sum->quadrature_error = std::max(sum->quadrature_error, probe.change);
      sum->steps = std::max(sum->steps, static_cast<PetscInt>(probe.steps));
      if (!probe.converged)
        sum->converged = PETSC_FALSE;
    }
  }
  const auto k = static_cast<double>(o.probes);
  sum->standard_error = std::sqrt(squares / (k - 1) / k);
  PetscCheck(std::isfinite(sum->value), rows.comm(), PETSC_ERR_FP,
             "The %s overflows; scale the matrix", lanczos.name());
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// P.top ← t·exp(wᵀlog(B/t)w/wᵀw) for w = (I − UUᵀ)z with one random z: the geometric mean of the
/// eigenvalues of B = P^-½AP^-½ beyond U, if U leaves any. t: the top before, near the mean, whose
/// logarithm would hide what the quadrature has to see.
PetscErrorCode SetMeanTop(LowRankPreconditioner &P, const RowBlocks &rows,
                          const ColumnProduct &product, const LatheQuadratureOptions &o) {
  const double before = P.top();
  MultiVector both(rows, 2);
  const TallView z = both.columns(0, 1), w = both.columns(1, 1);
  double square = 0;
  PetscFunctionBegin;
  PetscCall(FillTestVectors(TestVectors::rademacher, o.seed, static_cast<std::uint64_t>(o.probes),
                            z)); // none of the probes
  P.set_top(0);                  // the projector
  PetscCall(P.Apply(-0.5, z, w));
  P.set_top(before);
  PetscCall(InnerProduct(w, w, &square));
  if (square < 0.5) // of n at first: rounding errors
    PetscFunctionReturn(PETSC_SUCCESS);
  const auto relative = [&](TallView x, TallView y) -> PetscErrorCode {
    PetscFunctionBegin;
    PetscCall(product(x, y));
    for (std::size_t i = 0; i < y.rows.local() * y.cols; ++i)
      y.data[i] /= before;
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  LanczosFunction lanczos(
      rows, relative, {LATHE_SPECTRAL_LOG},
      {.max_steps = o.max_steps, .tolerance = std::max(static_cast<double>(o.tolerance), 1e-3)});
  PetscCall(lanczos.Run(w, w.columns(0, 0)));
  P.set_top(before * std::exp(lanczos.outcomes().front().quadrature / square));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// log det P + tr log(P^-½ A P^-½).
PetscErrorCode Preconditioned(BlockOperator &A, PetscInt rank, double mu,
                              const LatheQuadratureOptions &o, LatheSpectralSum *sum) {
  PetscFunctionBegin;
  LowRank approximation;
  bool definite = false;
  PetscCall(Nystrom(A, {.rank = rank, .mu = mu, .seed = o.seed + 1}, &approximation, &definite));
  PetscCheck(definite, A.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "The log-determinant needs a positive definite matrix, and A - %g I has a negative "
             "eigenvalue",
             mu);
  const double top = approximation.values.empty() ? 1 : approximation.values.back() + mu;
  LowRankPreconditioner P(std::move(approximation), mu, top);
  MultiVector half(A.rows(), 0);
  const auto product = [&](TallView x, TallView y) -> PetscErrorCode {
    PetscFunctionBegin;
    half.resize(2 * x.cols);
    PetscCall(P.Apply(-0.5, x, half.columns(0, x.cols)));
    PetscCall(A.Apply(half.columns(0, x.cols), half.columns(x.cols, x.cols)));
    PetscCall(P.Apply(-0.5, half.columns(x.cols, x.cols), y));
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  PetscCall(SetMeanTop(P, A.rows(), product, o));
  PetscCall(Quadrature(A.rows(), product, {LATHE_SPECTRAL_LOG}, o, sum));
  sum->value += P.log_determinant();
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct Function {
  BlockOperator A;
  std::unique_ptr<LanczosFunction> lanczos;
  bool converged = true;

  /// Y ← f(A)·X.
  PetscErrorCode Apply(TallView X, TallView Y) {
    PetscFunctionBegin;
    PetscCall(lanczos->Run(X, Y));
    for (const LanczosFunction::Outcome &column : lanczos->outcomes())
      converged = converged && column.converged;
    PetscFunctionReturn(PETSC_SUCCESS);
  }
};

PetscErrorCode Context(Mat F, Function **function) {
  void *context = nullptr;
  PetscFunctionBegin;
  PetscCall(MatShellGetContext(F, static_cast<void *>(&context)));
  *function = static_cast<Function *>(context);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Multiply(Mat F, Vec x, Vec y) {
  Function *self = nullptr;
  PetscFunctionBegin;
  PetscCall(Context(F, &self));
  LatheGuard(self->A.comm(), {
    ColumnLayout &layout = self->A.layout();
    MultiVector both(layout.rows(), 2);
    PetscCall(layout.FromVec(x, both.view().column(0)));
    PetscCall(self->Apply(both.columns(0, 1), both.columns(1, 1)));
    PetscCall(layout.ToVec(both.view().column(1), y));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// C ← F·B for dense B: all columns in step.
PetscErrorCode MultiplyDense(Mat F, Mat B, Mat C, void *) {
  Function *self = nullptr;
  PetscInt count = 0;
  PetscFunctionBegin;
  PetscCall(Context(F, &self));
  PetscCall(MatGetSize(B, nullptr, &count));
  LatheGuard(self->A.comm(), {
    ColumnLayout &layout = self->A.layout();
    const auto cols = static_cast<std::size_t>(count);
    MultiVector both(layout.rows(), 2 * cols);
    PetscCall(layout.FromDense(B, both.columns(0, cols)));
    PetscCall(self->Apply(both.columns(0, cols), both.columns(cols, cols)));
    PetscCall(layout.ToDense(both.columns(cols, cols), C));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Destroy(Mat F) {
  Function *self = nullptr;
  PetscFunctionBegin;
  PetscCall(Context(F, &self));
  delete self;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LatheQuadratureOptionsSetDefaults(LatheQuadratureOptions *options) {
  PetscFunctionBegin;
  *options = {.probes = 20, .max_steps = 100, .tolerance = 1e-8, .power = 1, .seed = 1};
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatSpectralSum(Mat matrix, LatheSpectralFunction f,
                                   const LatheQuadratureOptions *options, LatheSpectralSum *sum) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(matrix));
  PetscFunctionBegin;
  PetscCall(Check(comm, f, *options));
  PetscCall(Cite("UbaruChenSaad2017"));
  LatheGuard(comm, {
    BlockOperator A;
    PetscCall(A.Create(matrix));
    PetscCall(Quadrature(
        A.rows(), [&A](TallView x, TallView y) { return A.Apply(x, y); }, {f, options->power},
        *options, sum));
    sum->matvecs = A.matvecs();
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatLogDeterminant(Mat matrix, PetscInt rank, double mu,
                                      const LatheQuadratureOptions *options,
                                      LatheSpectralSum *sum) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(matrix));
  PetscFunctionBegin;
  if (rank == 0) {
    PetscCall(LatheMatSpectralSum(matrix, LATHE_SPECTRAL_LOG, options, sum));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Check(comm, LATHE_SPECTRAL_LOG, *options));
  PetscCall(Cite("UbaruChenSaad2017 FrangellaTroppUdell2023"));
  LatheGuard(comm, {
    BlockOperator A;
    PetscCall(A.Create(matrix));
    PetscCall(Preconditioned(A, rank, mu, *options, sum));
    sum->matvecs = A.matvecs();
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatCreateFunction(Mat matrix, LatheSpectralFunction f,
                                      const LatheQuadratureOptions *options, Mat *F) {
  const auto comm = PetscObjectComm(reinterpret_cast<PetscObject>(matrix));
  PetscInt m = 0;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(Check(comm, f, *options));
  LatheGuard(comm, {
    auto self = std::make_unique<Function>();
    PetscCall(self->A.Create(matrix));
    BlockOperator *A = &self->A;
    self->lanczos = std::make_unique<LanczosFunction>(
        A->rows(), [A](TallView X, TallView Y) { return A->Apply(X, Y); },
        SpectralFunction{f, options->power},
        LanczosSettings{.max_steps = options->max_steps, .tolerance = options->tolerance});
    PetscCall(MatGetLocalSize(matrix, &m, &n));
    PetscCall(MatCreateShell(comm, m, n, PETSC_DETERMINE, PETSC_DETERMINE, self.release(), F));
    PetscCall(MatShellSetOperation(*F, MATOP_MULT, reinterpret_cast<void (*)(void)>(Multiply)));
    PetscCall(MatShellSetOperation(*F, MATOP_DESTROY, reinterpret_cast<void (*)(void)>(Destroy)));
    for (const char *dense : {MATSEQDENSE, MATMPIDENSE})
      PetscCall(MatShellSetMatProductOperation(*F, MATPRODUCT_AB, nullptr, MultiplyDense, nullptr,
                                               dense, dense));
    PetscCall(MatSetOption(*F, MAT_SYMMETRIC, PETSC_TRUE));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatFunctionGetMatvecs(Mat F, long long *matvecs, PetscBool *converged) {
  Function *self = nullptr;
  PetscFunctionBegin;
  PetscCall(Context(F, &self));
  *matvecs = self->A.matvecs();
  *converged = self->converged ? PETSC_TRUE : PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}
