# SPDX-License-Identifier: BSD-2-Clause
# PETSc, SLEPc and HDF5 are found through pkg-config: their .pc files name the exact build (scalar
# type, index width). FindHDF5 is avoided because it may pick the serial library, and two HDF5
# libraries in one process clash.
find_package(MPI REQUIRED COMPONENTS C CXX)
find_package(PkgConfig REQUIRED)
set(PETSC_DIR "" CACHE PATH "PETSc prefix; empty: the one pkg-config finds")
set(SLEPC_DIR "" CACHE PATH "SLEPc prefix; empty: the one pkg-config finds")
if(PETSC_DIR OR SLEPC_DIR)
  set(ENV{PKG_CONFIG_PATH} "${PETSC_DIR}/lib/pkgconfig:${SLEPC_DIR}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
endif()
pkg_search_module(PETSC REQUIRED IMPORTED_TARGET PETSc petsc)
pkg_search_module(SLEPC REQUIRED IMPORTED_TARGET SLEPc slepc)
find_package(LAPACK REQUIRED)
pkg_check_modules(FFTW REQUIRED IMPORTED_TARGET fftw3)
if(LATHE_DRIVERS OR LATHE_TESTS)
  pkg_search_module(HDF5 REQUIRED IMPORTED_TARGET hdf5-openmpi hdf5-mpi hdf5)
  find_library(HDF5_HL_LIBRARY NAMES hdf5_openmpi_hl hdf5_hl HINTS ${HDF5_LIBRARY_DIRS} REQUIRED)
  find_package(ZLIB REQUIRED)
endif()
message(STATUS "PETSc ${PETSC_VERSION} in ${PETSC_PREFIX}; SLEPc ${SLEPC_VERSION} in ${SLEPC_PREFIX}")
