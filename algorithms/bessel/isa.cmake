# SPDX-License-Identifier: BSD-2-Clause
# The Bessel kernels once for each instruction set; bessel/isa.cpp chooses at run time.
# -fno-trapping-math lets a select become a blend; it changes no value.
set(lathe_bessel_flags -fopenmp-simd -fno-trapping-math)
set(lathe_bessel_isas generic)
# A kernel takes 45 s to compile: sanitizers, slower still, see the generic one only.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT LATHE_SANITIZE)
  list(APPEND lathe_bessel_isas avx2 avx512)
  set_source_files_properties(bessel/isa.cpp PROPERTIES COMPILE_DEFINITIONS LATHE_BESSEL_X86)
endif()
set(lathe_bessel_avx2 -mavx2 -mfma)
set(lathe_bessel_avx512 -mavx2 -mfma -mavx512f -mavx512dq -mprefer-vector-width=512)
foreach(name IN LISTS lathe_bessel_isas)
  add_library(lathe_bessel_${name} OBJECT bessel/isa_kernels.cpp)
  target_include_directories(lathe_bessel_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(lathe_bessel_${name} PRIVATE LATHE_BESSEL_ISA=isa_${name}
    LATHE_BESSEL_ISA_NAME="${name}" $<$<NOT:$<STREQUAL:${name},generic>>:LATHE_BESSEL_X86>)
  target_compile_options(lathe_bessel_${name} PRIVATE ${lathe_bessel_flags} ${lathe_bessel_${name}})
  target_link_libraries(lathe_bessel_${name} PRIVATE $<BUILD_INTERFACE:lathe_flags>)
  target_sources(lathe PRIVATE $<TARGET_OBJECTS:lathe_bessel_${name}>)
endforeach()
