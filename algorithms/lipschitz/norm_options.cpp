// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/norm_options.h"
#include "core/error.h"
#include <array>
#include <cmath>
#include <cstdio>

namespace lathe::lipschitz {

// Every rank holds the same options, so every rank finds the same fault.
PetscErrorCode CheckNormOptions(MPI_Comm comm, const LatheNormOptions &o, const char *prefix) {
  PetscFunctionBegin;
  PetscCheck(o.tolerance > 0 && std::isfinite(o.tolerance), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%stolerance is %g: it must be > 0 and finite", prefix, o.tolerance);
  PetscCheck(o.certificate >= LATHE_CERTIFICATE_RIGOROUS &&
                 o.certificate <= LATHE_CERTIFICATE_ESTIMATE,
             comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%scertificate is %d: it must be one of rigorous, deterministic, probabilistic, "
             "estimate",
             prefix, static_cast<int>(o.certificate));
  PetscCheck(o.failure_probability > 0 && o.failure_probability < 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%sfailure_probability is %g: it must lie strictly between 0 and 1", prefix,
             o.failure_probability);
  PetscCheck(o.lanczos_steps >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%slanczos_steps is %" PetscInt_FMT ": it must be at least 1", prefix,
             o.lanczos_steps);
  PetscCheck(o.gram_steps >= 0 && o.gram_steps <= 2, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%sgram_steps is %" PetscInt_FMT ": it must be 0, 1 or 2", prefix, o.gram_steps);
  PetscCheck(o.gram_fill >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%sgram_fill is %g: it must be at least 1 (nonzeros of the Gram matrix as a multiple "
             "of the matrix's)",
             prefix, static_cast<double>(o.gram_fill));
  PetscCheck(o.factor_fill >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%sfactor_fill is %g: it must be at least 0 (nonzeros of the factor as a multiple of "
             "the matrix's; 0: no factorisation)",
             prefix, static_cast<double>(o.factor_fill));
  PetscCheck(o.dense_limit >= 0, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%sdense_limit is %" PetscInt_FMT ": it must be at least 0", prefix, o.dense_limit);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadNormOptions(LatheOptionItems PetscOptionsObject, const char *prefix,
                               LatheNormOptions *options, bool *tolerance_set) {
  static const char *const certificates[] = {"rigorous", "deterministic",    "probabilistic",
                                             "estimate", "LatheCertificate", "LATHE_CERTIFICATE_",
                                             nullptr};
  LatheNormOptions &o = *options;
  PetscBool set = PETSC_FALSE;
  std::array<char, 64> name{};
  PetscFunctionBegin;
  const auto named = [&](const char *option) {
    std::snprintf(name.data(), name.size(), "%s%s", prefix, option);
    return name.data();
  };
  PetscCall(PetscOptionsReal(named("tolerance"), "relative width wanted, > 0", "", o.tolerance,
                             &o.tolerance, &set));
  if (tolerance_set && set)
    *tolerance_set = true;
  PetscCall(PetscOptionsEnum(named("certificate"), "weakest acceptable kind of upper bound", "",
                             certificates, static_cast<PetscEnum>(o.certificate),
                             reinterpret_cast<PetscEnum *>(&o.certificate), nullptr));
  PetscCall(PetscOptionsReal(named("failure_probability"),
                             "of a probabilistic upper bound, between 0 and 1", "",
                             o.failure_probability, &o.failure_probability, nullptr));
  PetscCall(PetscOptionsInt(named("lanczos_steps"), "at most, >= 1", "", o.lanczos_steps,
                            &o.lanczos_steps, nullptr));
  PetscCall(PetscOptionsInt(named("gram_steps"), "sparse Gram products at most, 0 to 2", "",
                            o.gram_steps, &o.gram_steps, nullptr));
  PetscCall(PetscOptionsReal(named("gram_fill"),
                             "nonzeros of the Gram matrix at most, as a multiple of nnz(A), >= 1",
                             "", o.gram_fill, &o.gram_fill, nullptr));
  PetscCall(PetscOptionsReal(named("factor_fill"),
                             "nonzeros of a factor at most, as a multiple of nnz(A), >= 0", "",
                             o.factor_fill, &o.factor_fill, nullptr));
  PetscCall(PetscOptionsInt(named("dense_limit"),
                            "min(m, n) up to which a dense Gram matrix may be formed, >= 0", "",
                            o.dense_limit, &o.dense_limit, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

PetscErrorCode ReadOptions(MPI_Comm comm, const char *prefix, LatheNormOptions &o) {
  PetscBool set = PETSC_FALSE;
  PetscFunctionBegin;
  PetscOptionsBegin(comm, prefix, "Certified bracket of the spectral norm", "");
  PetscCall(ReadNormOptions(PetscOptionsObject, norm_prefix, &o, nullptr));
  auto seed = static_cast<PetscInt>(o.seed);
  PetscCall(PetscOptionsInt("-lathe_norm_seed", "of the start vectors", "", seed, &seed, &set));
  if (set)
    o.seed = static_cast<unsigned long long>(seed);
  PetscCall(PetscOptionsBool("-lathe_norm_warn", "say so when a weaker kind is returned", "",
                             o.warn, &o.warn, nullptr));
  PetscCall(PetscOptionsBool("-lathe_norm_monitor", "print one line a stage", "", o.print, &o.print,
                             nullptr));
  PetscOptionsEnd();
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace
} // namespace lathe::lipschitz

PetscErrorCode LatheNormOptionsSetDefaults(LatheNormOptions *options) {
  PetscFunctionBegin;
  PetscCheck(options, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "options is NULL");
  *options = LatheNormOptions{};
  options->tolerance = 1e-6;
  options->certificate = LATHE_CERTIFICATE_PROBABILISTIC;
  options->failure_probability = 1e-12;
  options->lanczos_steps = 100;
  options->gram_steps = 1;
  options->gram_fill = 20;
  options->factor_fill = 50;
  options->dense_limit = 4096;
  options->seed = 1;
  options->warn = PETSC_TRUE;
  options->print = PETSC_FALSE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheNormOptionsSetFromOptions(MPI_Comm comm, const char *prefix,
                                              LatheNormOptions *options) {
  PetscFunctionBegin;
  PetscCheck(options, comm, PETSC_ERR_ARG_NULL, "options is NULL");
  PetscCall(lathe::lipschitz::ReadOptions(comm, prefix, *options));
  PetscCall(lathe::lipschitz::CheckNormOptions(comm, *options));
  PetscFunctionReturn(PETSC_SUCCESS);
}
