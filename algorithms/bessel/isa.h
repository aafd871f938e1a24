// SPDX-License-Identifier: BSD-2-Clause
// One table of functions for each instruction set; the widest that the processor has is chosen at
// run time. All give the same bits.
#pragma once
#include "bessel/log_bessel_types.h"
#include <cstddef>

namespace lathe::bessel {

/// An array or one number for all.
struct Operand {
  const double *values;
  bool one;
};

/// One point (isa_scalar.cpp).
struct Scalars {
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

/// Arrays (isa_batch.cpp). Of two results, one may be null.
struct Batches {
  void (*batch)(Operand v, Operand x, double *i, double *k, std::size_t n) noexcept;
  void (*batch_fast)(Operand v, Operand x, double *i, double *k, std::size_t n) noexcept;
  void (*batch_i_ratio)(Operand v, Operand x, double *ratio, double *complement,
                        std::size_t n) noexcept;
  void (*batch_inverse)(Operand v, Operand r, double *x, std::size_t n) noexcept;
  void (*batch_inverse_complement)(Operand v, Operand c, double *x, std::size_t n) noexcept;
};

/// isa_derivatives.cpp.
struct DerivativeBatches {
  void (*batch_i_derivatives)(Operand v, Operand x, LogBesselDerivatives *, std::size_t) noexcept;
  void (*batch_k_derivatives)(Operand v, Operand x, LogBesselDerivatives *, std::size_t) noexcept;
};

extern const Scalars scalar_generic, scalar_avx2;
extern const Batches batch_generic, batch_avx2, batch_avx512;
extern const DerivativeBatches derivatives_generic, derivatives_avx2, derivatives_avx512;

/// The kernels as compiled for one instruction set.
struct Isa : Scalars, Batches, DerivativeBatches {
  const char *name;
};

/// Tables that this processor can run, the preferred one last; null-terminated.
const Isa *const *available_isas() noexcept;

/// The preferred one.
const Isa &isa() noexcept;

} // namespace lathe::bessel
