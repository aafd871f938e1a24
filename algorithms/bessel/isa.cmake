# SPDX-License-Identifier: BSD-2-Clause
# The Bessel kernels once for each instruction set; bessel/isa.cpp chooses at run time.
# -fno-trapping-math lets a select become a blend; it changes no value. -fno-gcse leaves the
# coefficients in memory instead of in registers that are then spilled: a sixth less code.
set(lathe_bessel_flags -fopenmp-simd -fno-trapping-math $<$<CXX_COMPILER_ID:GNU>:-fno-gcse>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>) # clang vectorises these loops from -O2 on only
set(lathe_bessel_scalar generic)
set(lathe_bessel_batch generic)
set(lathe_bessel_derivatives generic)
# A file takes 10 to 19 s to compile: sanitizers, slower still, see the generic one only.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT LATHE_SANITIZE)
  list(APPEND lathe_bessel_scalar avx2)
  list(APPEND lathe_bessel_batch avx2 avx512)
  list(APPEND lathe_bessel_derivatives avx2 avx512)
  set_source_files_properties(bessel/isa.cpp PROPERTIES COMPILE_DEFINITIONS LATHE_BESSEL_X86)
endif()
# On x86 the generic copy serves processors from before 2013: a third less to compile, the same bits.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(lathe_bessel_generic -O1)
endif()
set(lathe_bessel_avx2 -mavx2 -mfma)
set(lathe_bessel_avx512 -mavx2 -mfma -mavx512f -mavx512dq -mprefer-vector-width=512)
foreach(kind IN ITEMS scalar batch derivatives)
  foreach(name IN LISTS lathe_bessel_${kind})
    set(target lathe_bessel_${kind}_${name})
    add_library(${target} OBJECT bessel/isa_${kind}.cpp)
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_definitions(${target} PRIVATE LATHE_BESSEL_ISA=${kind}_${name})
    target_compile_options(${target} PRIVATE ${lathe_bessel_flags} ${lathe_bessel_${name}})
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:lathe_flags>)
    target_sources(lathe PRIVATE $<TARGET_OBJECTS:${target}>)
  endforeach()
endforeach()
