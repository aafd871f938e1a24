# SPDX-License-Identifier: BSD-2-Clause
# The kernels of the sketches once for each instruction set; sketching/isa.cpp chooses at run time.
set(lathe_sketching_isas generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND lathe_sketching_isas avx2 avx512)
  set_source_files_properties(sketching/isa.cpp PROPERTIES COMPILE_DEFINITIONS LATHE_SKETCHING_X86)
endif()
set(lathe_sketching_generic -O2) # 2 s to compile, 20 s with -O3, which unrolls eight plain lanes
set(lathe_sketching_avx2 -mavx2 -mfma)
set(lathe_sketching_avx512 -mavx2 -mfma -mavx512f -mavx512dq -mprefer-vector-width=512)
# g++ warns of its own intrinsics (bug 105593) and of vectors passed between inlined functions.
set(lathe_sketching_quiet -Wno-psabi $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
foreach(name IN LISTS lathe_sketching_isas)
  add_library(lathe_sketching_${name} OBJECT sketching/isa_kernels.cpp)
  target_include_directories(lathe_sketching_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(lathe_sketching_${name} PRIVATE LATHE_SKETCHING_ISA=isa_${name}
    LATHE_SKETCHING_LANES=lanes_${name}
    LATHE_SKETCHING_ISA_NAME="${name}" $<$<NOT:$<STREQUAL:${name},generic>>:LATHE_SKETCHING_X86>)
  target_compile_options(lathe_sketching_${name} PRIVATE ${lathe_sketching_quiet} ${lathe_sketching_${name}})
  target_link_libraries(lathe_sketching_${name} PRIVATE $<BUILD_INTERFACE:lathe_flags>)
  target_sources(lathe PRIVATE $<TARGET_OBJECTS:lathe_sketching_${name}>)
endforeach()
