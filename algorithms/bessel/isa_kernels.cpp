// SPDX-License-Identifier: BSD-2-Clause
// Compiled once for each instruction set, with LATHE_BESSEL_ISA = isa_generic, isa_avx2, …
#include "bessel/isa.h"
#include "bessel/kernels/hyp0f1.h"

namespace lathe::bessel {

namespace {

double log_i(double v, double x) noexcept {
  return kernel::log_i(v, x);
}
double log_k(double v, double x) noexcept {
  return kernel::log_k(v, x);
}
void log_ik(double v, double x, double *i, double *k) noexcept {
  const kernel::Both both = kernel::log_ik(v, x);
  *i = both.i;
  *k = both.k;
}
double log_i_fast(double v, double x) noexcept {
  return kernel::log_i_fast(v, x);
}
double log_k_fast(double v, double x) noexcept {
  return kernel::log_k_fast(v, x);
}
void log_ik_fast(double v, double x, double *i, double *k) noexcept {
  const kernel::Both both = kernel::log_ik_fast(v, x);
  *i = both.i;
  *k = both.k;
}
LogBesselDerivatives log_i_derivatives(double v, double x) noexcept {
  return kernel::log_i_derivatives(v, x);
}
LogBesselDerivatives log_k_derivatives(double v, double x) noexcept {
  return kernel::log_k_derivatives(v, x);
}
double i_ratio(double v, double x) noexcept {
  return kernel::i_ratio(v, x).value;
}
double i_ratio_complement(double v, double x) noexcept {
  return kernel::i_ratio(v, x).complement;
}
double k_ratio(double v, double x) noexcept {
  return kernel::k_ratio(v, x);
}
double inverse_i_ratio(double v, double r) noexcept {
  return kernel::inverse_i_ratio(v, r, 1.0 - r);
}
double inverse_i_ratio_complement(double v, double c) noexcept {
  return kernel::inverse_i_ratio(v, 1.0 - c, c);
}
double log_hyp0f1(double b, double z) noexcept {
  return kernel::log_hyp0f1(b, z);
}

} // namespace

const Isa LATHE_BESSEL_ISA = {.name = LATHE_BESSEL_ISA_NAME,
                              .log_i = log_i,
                              .log_k = log_k,
                              .log_ik = log_ik,
                              .log_i_fast = log_i_fast,
                              .log_k_fast = log_k_fast,
                              .log_ik_fast = log_ik_fast,
                              .log_i_derivatives = log_i_derivatives,
                              .log_k_derivatives = log_k_derivatives,
                              .i_ratio = i_ratio,
                              .i_ratio_complement = i_ratio_complement,
                              .k_ratio = k_ratio,
                              .inverse_i_ratio = inverse_i_ratio,
                              .inverse_i_ratio_complement = inverse_i_ratio_complement,
                              .log_hyp0f1 = log_hyp0f1};

} // namespace lathe::bessel
