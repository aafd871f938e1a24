// SPDX-License-Identifier: BSD-2-Clause
// Which expansion serves which (v, x). A function is a list of expansions, the number of the one
// that serves a point, and its limits at the edge of the domain; one point at a time and the vector
// loops use the same list.
#pragma once
#include "bessel/kernels/attributes.h"
#include "bessel/kernels/regions.h"
#include "bessel/kernels/steps.h"

// Kept out of line, one copy a file: expansions are long, and every function uses them.
#ifdef __CUDACC__
#define LATHE_BESSEL_OUTLINE __host__ __device__ inline
#else
#define LATHE_BESSEL_OUTLINE static __attribute__((noinline))
#endif

namespace lathe::bessel::kernel {

template <class... Expansions> struct List {};

template <class Expansion, class Result>
LATHE_BESSEL_OUTLINE Result outlined(double v, double x) noexcept {
  return Result{Expansion::template at<OnePoint>(v, x)};
}

template <class Result, class First, class... Rest>
LATHE_BESSEL_INLINE Result select(List<First, Rest...>, Index region, double v, double x) noexcept {
  if constexpr (sizeof...(Rest) == 0)
    return outlined<First, Result>(v, x);
  else
    return region == 0 ? outlined<First, Result>(v, x)
                       : select<Result>(List<Rest...>{}, region - 1, v, x);
}

/// The value of a function at one point.
template <class Function>
LATHE_BESSEL_INLINE typename Function::Result evaluate(double v, double x) noexcept {
  if (!Function::regular(v, x))
    return Function::edge(v, x);
  v = Function::order(v);
  return select<typename Function::Result>(typename Function::Expansions{}, Function::region(v, x),
                                           v, x);
}

} // namespace lathe::bessel::kernel
