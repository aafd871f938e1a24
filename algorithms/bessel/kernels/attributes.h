// SPDX-License-Identifier: BSD-2-Clause
// What lets one source be a scalar function, the body of a vector loop and a CUDA device function.
//
// Every kernel is forced inline: no out-of-line copy compiled for one instruction set can be merged
// by the linker with that of another. Kernels use + - * / sqrt fma and bit operations only, so they
// give the same bits wherever these are IEEE operations and a*b+c is not contracted:
// -ffp-contract=off (g++, clang), -fmad=false (nvcc).
#pragma once
#include <cstdint>

#ifdef __FAST_MATH__
#error "the log-Bessel kernels need IEEE arithmetic: compile without -ffast-math"
#endif

#ifdef __CUDACC__
#define LATHE_BESSEL_INLINE __host__ __device__ inline __attribute__((always_inline))
#else
#define LATHE_BESSEL_INLINE inline __attribute__((always_inline))
#endif

// For lambdas, which are device functions where the function around them is one.
#define LATHE_BESSEL_LAMBDA __attribute__((always_inline))
