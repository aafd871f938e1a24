// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/least_squares_options.h"
#include "sketching/sketch.h"
#include <cmath>
#include <iterator>
#include <string>

namespace lathe::sketching {

namespace {
const char *const refine_names[] = {"none",        "double",        "dd",   "quad", "auto",
                                    "LatheRefine", "LATHE_REFINE_", nullptr};
const char *const method_names[] = {"pne",
                                    "spir",
                                    "fossils",
                                    "iterative_sketching",
                                    "sketch_and_solve",
                                    "LatheLeastSquaresMethod",
                                    "LATHE_LS_",
                                    nullptr};
constexpr SketchKind sketch_kinds[] = {
    SketchKind::SparseStack, SketchKind::SparseSign,    SketchKind::CountSketch,
    SketchKind::Gaussian,    SketchKind::Rademacher,    SketchKind::Srht,
    SketchKind::SrctCosine,  SketchKind::SrctCirculant, SketchKind::BlockSrht};
} // namespace

bool least_squares_sketch(const char *name, SketchKind *kind) {
  for (const SketchKind candidate : sketch_kinds)
    if (std::string(name) == name_of(candidate)) {
      *kind = candidate;
      return true;
    }
  return false;
}

PetscErrorCode CheckLeastSquaresOptions(MPI_Comm comm, const char *stem,
                                        const LatheLeastSquaresOptions &o) {
  PetscFunctionBegin;
  PetscCheck(o.refine >= LATHE_REFINE_NONE && o.refine <= LATHE_REFINE_AUTO, comm,
             PETSC_ERR_ARG_OUTOFRANGE, "%srefine is %d: it must be none, double, dd, quad or auto",
             stem, static_cast<int>(o.refine));
  PetscCheck(o.method >= LATHE_LS_PNE && o.method <= LATHE_LS_SKETCH_AND_SOLVE, comm,
             PETSC_ERR_ARG_OUTOFRANGE,
             "%smethod is %d: it must be pne, spir, fossils, iterative_sketching or "
             "sketch_and_solve",
             stem, static_cast<int>(o.method));
  PetscCheck(o.factor >= 0 && std::isfinite(o.factor), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%sfactor is %g: it must be >= 0 and finite (rows of the sketch over columns; 0: the "
             "default)",
             stem, static_cast<double>(o.factor));
  PetscCheck(o.nonzeros >= 0 && o.nonzeros <= 64, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%snnz is %" PetscInt_FMT ": it must lie in [1, 64]", stem, o.nonzeros);
  SketchKind kind;
  PetscCheck(!o.sketch || least_squares_sketch(o.sketch, &kind), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%ssketch is %s: it must be sparse_stack, sparse_sign, count_sketch, gaussian, "
             "rademacher, srht, srct_cosine, srct_circulant or block_srht",
             stem, o.sketch);
  PetscCheck(o.ridge >= 0 && std::isfinite(o.ridge), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%sridge is %g: it must be >= 0 and finite", stem, static_cast<double>(o.ridge));
  PetscCheck(o.max_refinements >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%smax_refinements is %" PetscInt_FMT ": it must be >= 0", stem, o.max_refinements);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadLeastSquaresOptions(LatheOptionItems PetscOptionsObject, const char *stem,
                                       bool with_method, LatheLeastSquaresOptions *o) {
  const auto name = [stem](const char *what) { return std::string(stem) + what; };
  PetscBool set = PETSC_FALSE;
  PetscFunctionBegin;
  if (with_method)
    PetscCall(PetscOptionsEnum(name("method").c_str(), "how corrections are found", "",
                               method_names, static_cast<PetscEnum>(o->method),
                               reinterpret_cast<PetscEnum *>(&o->method), nullptr));
  PetscCall(PetscOptionsEnum(name("refine").c_str(), "precision of residual, gradient and x", "",
                             refine_names, static_cast<PetscEnum>(o->refine),
                             reinterpret_cast<PetscEnum *>(&o->refine), nullptr));
  PetscCall(PetscOptionsReal(name("factor").c_str(),
                             "rows of the sketch over columns of the matrix, >= 0; 0: by method",
                             "", o->factor, &o->factor, nullptr));
  PetscCall(PetscOptionsInt(name("nnz").c_str(), "nonzeros of a column of the sketch, 1 to 64", "",
                            o->nonzeros, &o->nonzeros, &set));
  PetscCheck(!set || o->nonzeros > 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "%snnz is %" PetscInt_FMT ": it must lie in [1, 64]", stem, o->nonzeros);
  constexpr auto count = static_cast<PetscInt>(std::size(sketch_kinds));
  const char *names[count];
  PetscInt kind = 0;
  for (PetscInt k = 0; k < count; ++k)
    names[k] = name_of(sketch_kinds[k]);
  PetscCall(PetscOptionsEList(name("sketch").c_str(), "kind of the sketch; default: by method", "",
                              names, count, o->sketch ? o->sketch : names[0], &kind, &set));
  if (set)
    o->sketch = name_of(sketch_kinds[kind]);
  auto seed = static_cast<PetscInt>(o->seed);
  PetscCall(PetscOptionsInt(name("seed").c_str(), "of the sketch, >= 0", "", seed, &seed, &set));
  PetscCheck(seed >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "%sseed is %" PetscInt_FMT ": it must be >= 0", stem, seed);
  if (set)
    o->seed = static_cast<unsigned long long>(seed);
  PetscCall(PetscOptionsReal(name("ridge").c_str(), "lambda of |b - A x|^2 + lambda |x|^2, >= 0",
                             "", o->ridge, &o->ridge, nullptr));
  PetscCall(PetscOptionsInt(name("max_refinements").c_str(), "at most, >= 0", "",
                            o->max_refinements, &o->max_refinements, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching

using namespace lathe::sketching;

PetscErrorCode LatheLeastSquaresOptionsSetDefaults(LatheLeastSquaresOptions *options) {
  PetscFunctionBegin;
  PetscCheck(options, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "options is NULL");
  *options = LatheLeastSquaresOptions{};
  options->refine = LATHE_REFINE_AUTO;
  options->seed = 1;
  options->max_refinements = 40;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheLeastSquaresOptionsSetFromOptions(MPI_Comm comm, const char *prefix,
                                                      LatheLeastSquaresOptions *options) {
  PetscFunctionBegin;
  PetscCheck(options, comm, PETSC_ERR_ARG_NULL, "options is NULL");
  PetscOptionsBegin(comm, prefix, "Least squares", "");
  PetscCall(ReadLeastSquaresOptions(PetscOptionsObject, "-lathe_ls_", true, options));
  PetscOptionsEnd();
  PetscCall(CheckLeastSquaresOptions(comm, "-lathe_ls_", *options));
  PetscFunctionReturn(PETSC_SUCCESS);
}

const char *LatheRefineName(LatheRefine refine) {
  return refine >= LATHE_REFINE_NONE && refine <= LATHE_REFINE_AUTO ? refine_names[refine]
                                                                    : "unknown";
}

const char *LatheLeastSquaresMethodName(LatheLeastSquaresMethod method) {
  return method >= LATHE_LS_PNE && method <= LATHE_LS_SKETCH_AND_SOLVE ? method_names[method]
                                                                       : "unknown";
}

const char *LatheLeastSquaresReasonName(LatheLeastSquaresReason reason) {
  switch (reason) {
  case LATHE_LS_CONVERGED:
    return "converged";
  case LATHE_LS_STAGNATED:
    return "stagnated";
  case LATHE_LS_RANK_DEFICIENT:
    return "rank_deficient";
  case LATHE_LS_STEPS_SPENT:
    return "steps_spent";
  }
  return "unknown";
}
