// SPDX-License-Identifier: BSD-2-Clause
// One point. Compiled once for each instruction set, with LATHE_BESSEL_ISA = scalar_generic or
// scalar_avx2.
#include "bessel/isa.h"
#include "bessel/kernels/hyp0f1.h"

namespace lathe::bessel {

namespace {

using namespace kernel;

template <template <int> class Outer> double scalar_i(double v, double x) noexcept {
  return evaluate<LogI<Outer>>(v, x).i;
}
template <template <int> class Outer> double scalar_k(double v, double x) noexcept {
  return evaluate<LogK<Outer>>(v, x).k;
}
template <template <int> class Outer>
void scalar_ik(double v, double x, double *i, double *k) noexcept {
  const Both both = log_ik<Outer>(v, x);
  *i = both.i;
  *k = both.k;
}
template <class Function> LogBesselDerivatives scalar_derivatives(double v, double x) noexcept {
  return evaluate<Function>(v, x);
}
double scalar_i_ratio(double v, double x) noexcept {
  return evaluate<RatioI>(v, x).value;
}
double scalar_i_ratio_complement(double v, double x) noexcept {
  return evaluate<RatioI>(v, x).complement;
}
double scalar_k_ratio(double v, double x) noexcept {
  return evaluate<RatioK>(v, x);
}
template <bool from_complement> double scalar_inverse(double v, double r) noexcept {
  return inverse_ratio<from_complement>(v, r);
}
double scalar_log_hyp0f1(double b, double z) noexcept {
  return log_hyp0f1(b, z);
}

} // namespace

const Scalars LATHE_BESSEL_ISA = {
    .log_i = scalar_i<Debye>,
    .log_k = scalar_k<Debye>,
    .log_ik = scalar_ik<Debye>,
    .log_i_fast = scalar_i<DebyeFast>,
    .log_k_fast = scalar_k<DebyeFast>,
    .log_ik_fast = scalar_ik<DebyeFast>,
    .log_i_derivatives = scalar_derivatives<LogIDerivatives>,
    .log_k_derivatives = scalar_derivatives<LogKDerivatives>,
    .i_ratio = scalar_i_ratio,
    .i_ratio_complement = scalar_i_ratio_complement,
    .k_ratio = scalar_k_ratio,
    .inverse_i_ratio = scalar_inverse<false>,
    .inverse_i_ratio_complement = scalar_inverse<true>,
    .log_hyp0f1 = scalar_log_hyp0f1,
};

} // namespace lathe::bessel
