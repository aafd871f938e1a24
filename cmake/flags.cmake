# SPDX-License-Identifier: BSD-2-Clause
# Flags of every target of ours, carried by one interface library that is never exported.
add_library(lathe_flags INTERFACE)
# Without -ffp-contract=off both g++ and clang contract a*b+c to an fma wherever the target has one,
# and error bounds that are proved for one rounding per operation would no longer be about this code.
target_compile_options(lathe_flags INTERFACE -ffp-contract=off -fno-math-errno
  -Wall -Wextra -Wpedantic $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow> $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wno-sign-conversion>
  $<$<BOOL:${LATHE_WERROR}>:-Werror>
  # Errors name algorithms/core/error.cpp, not a folder of the machine that built the library.
  -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
# MPI's old C++ bindings would need libmpi_cxx in every program.
target_compile_definitions(lathe_flags INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)
if(LATHE_SANITIZE)
  # Left out, since they make half of the time to compile: checks of every access for null, alignment
  # and size, which AddressSanitizer stops at or x86 allows, and of scopes, which kernels have by the
  # hundred, all inlined. No -Werror: g++ 12 then sees bounds of std::string exceeded where none are.
  target_compile_options(lathe_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-sanitize=null,alignment,object-size,vptr,nonnull-attribute,returns-nonnull-attribute
    -fno-sanitize-address-use-after-scope -fno-omit-frame-pointer
    -Wno-error)
  target_link_options(lathe_flags INTERFACE -fsanitize=address,undefined)
endif()

# Two thirds of the time of a translation unit go into PETSc's, SLEPc's, Catch2's and the standard
# headers: compiled once for each kind of target. `tests/lint.sh clang` compiles every source without
# them, so that one that forgets an include is found.
option(LATHE_PRECOMPILE "Precompiled headers" ON)
function(lathe_precompile target)
  if(LATHE_PRECOMPILE)
    target_precompile_headers(${target} ${ARGN})
  endif()
endfunction()

# lathe_unity(target): sources are compiled eight at a time, since the precompiled headers too take 0.5 s
# to load, and every source instantiates the same templates: two fifths of the time. For work on one
# file, -DLATHE_UNITY=OFF compiles it alone, as `tests/lint.sh` does: names in unnamed namespaces have to
# differ within a folder, and each source still includes what it uses. Constants of one file would shadow
# parameters in the next, so that -Wshadow is left to `tests/lint.sh tidy`.
option(LATHE_UNITY "Compile sources eight at a time" ON)
function(lathe_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${LATHE_UNITY} UNITY_BUILD_BATCH_SIZE 8)
endfunction()

# Drivers, tests and benchmarks call the library; no time is spent in their own code.
# lathe_optimise_little(target): half the time to compile.
function(lathe_optimise_little target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()
