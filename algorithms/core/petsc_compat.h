/* SPDX-License-Identifier: BSD-2-Clause
 * The one place that knows how PETSc's interface changed between 3.18 and today. Include this
 * instead of testing PETSC_VERSION anywhere else. Valid C and C++. */
#pragma once
#include <petscsys.h>

#if PETSC_VERSION_LT(3, 19, 0)
#define PETSC_SUCCESS ((PetscErrorCode)0) /* an enumerator from 3.19 on */
#endif

#if PETSC_VERSION_LT(3, 21, 0)
#define TaoMonitorSet TaoSetMonitor
#endif
#if PETSC_VERSION_LT(3, 24, 0)
#define KSP_CONVERGED_RTOL_NORMAL_EQUATIONS KSP_CONVERGED_RTOL_NORMAL
#endif

/* Callbacks of the options database take the item list by pointer up to 3.22, by value later. */
#if PETSC_VERSION_LT(3, 23, 0)
typedef PetscOptionItems *LatheOptionItems;
#else
typedef PetscOptionItems LatheOptionItems;
#endif

/* "Not set by the user" in integer and real parameters; PETSC_DEFAULT was split in 3.22. */
#if PETSC_VERSION_LT(3, 22, 0)
#define LATHE_DETERMINE PETSC_DEFAULT
#else
#define LATHE_DETERMINE PETSC_DETERMINE
#endif

/* The destructor of a container gets the pointer up to 3.22, the address of the pointer later. */
#if PETSC_VERSION_LT(3, 23, 0)
#define LatheContainerSetDestroy PetscContainerSetUserDestroy
#define LATHE_CONTAINER_POINTER(argument) (argument)
#else
#define LatheContainerSetDestroy PetscContainerSetCtxDestroy
#define LATHE_CONTAINER_POINTER(argument) (*(void **)(argument))
#endif
