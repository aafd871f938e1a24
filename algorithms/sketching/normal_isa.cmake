# SPDX-License-Identifier: BSD-2-Clause
# The passes for residual and gradient once for each instruction set; normal_isa.cpp chooses.
set(lathe_normal_isas generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND lathe_normal_isas avx2 avx512)
  set_source_files_properties(sketching/normal_isa.cpp PROPERTIES COMPILE_DEFINITIONS LATHE_NORMAL_X86)
endif()
set(lathe_normal_avx2 -mavx2 -mfma)
set(lathe_normal_avx512 -mavx2 -mfma -mavx512f -mprefer-vector-width=512)
foreach(name IN LISTS lathe_normal_isas)
  add_library(lathe_normal_${name} OBJECT sketching/normal_residual_isa.cpp)
  target_include_directories(lathe_normal_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(lathe_normal_${name} PRIVATE LATHE_NORMAL_ISA=normal_${name}
    LATHE_NORMAL_NAME="${name}" $<$<NOT:$<STREQUAL:${name},generic>>:LATHE_NORMAL_X86>)
  target_compile_options(lathe_normal_${name} PRIVATE ${lathe_normal_${name}})
  target_link_libraries(lathe_normal_${name} PRIVATE $<BUILD_INTERFACE:lathe_flags>)
  target_sources(lathe PRIVATE $<TARGET_OBJECTS:lathe_normal_${name}>)
endforeach()
