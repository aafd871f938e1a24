// SPDX-License-Identifier: BSD-2-Clause
// One table of functions for each instruction set; the widest that the processor has is chosen at
// run time. All give the same bits.
#pragma once
#include "bessel/log_bessel_types.h"

namespace lathe::bessel {

/// The kernels as compiled for one instruction set (isa_kernels.cpp).
struct Isa {
  const char *name;
  double (*log_i)(double, double) noexcept;
  double (*log_k)(double, double) noexcept;
  void (*log_ik)(double, double, double *, double *) noexcept;
  double (*log_i_fast)(double, double) noexcept;
  double (*log_k_fast)(double, double) noexcept;
  void (*log_ik_fast)(double, double, double *, double *) noexcept;
  LogBesselDerivatives (*log_i_derivatives)(double, double) noexcept;
  LogBesselDerivatives (*log_k_derivatives)(double, double) noexcept;
  double (*i_ratio)(double, double) noexcept;
  double (*i_ratio_complement)(double, double) noexcept;
  double (*k_ratio)(double, double) noexcept;
  double (*inverse_i_ratio)(double, double) noexcept;
  double (*inverse_i_ratio_complement)(double, double) noexcept;
  double (*log_hyp0f1)(double, double) noexcept;
};

extern const Isa isa_generic;
#ifdef LATHE_BESSEL_X86
extern const Isa isa_avx2, isa_avx512;
#endif

/// Tables that this processor can run, the preferred one last; null-terminated.
const Isa *const *available_isas() noexcept;

/// The preferred one.
const Isa &isa() noexcept;

} // namespace lathe::bessel
