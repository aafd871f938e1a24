/* SPDX-License-Identifier: BSD-2-Clause
 * The whole collective interface of lathe, for C and C++. */
#pragma once
#include "bessel/bessel.h"
#include "bessel/vmf_fit.h"
#include "lipschitz/lipschitz.h"
#include "sketching/least_squares.h"
#include "sketching/trace.h"
#ifdef __cplusplus
#include "sketching/sketching.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** LatheInitializePackage - register every PETSc and SLEPc type of lathe. Programs that link
 * liblathe call it once after SlepcInitialize; programs that load it with -dll_append need not. A
 * second call does nothing. Collective on PETSC_COMM_WORLD. err  ARG_INCOMP when the running PETSc
 * differs in scalar, index width or version */
PETSC_EXTERN PetscErrorCode LatheInitializePackage(void);

/** Version "major.minor.patch", and one line with compiler, flags and PETSc, for result files. */
PETSC_EXTERN const char *LatheGetVersion(void);
PETSC_EXTERN const char *LatheGetBuildInfo(void);

#ifdef __cplusplus
}
#endif
