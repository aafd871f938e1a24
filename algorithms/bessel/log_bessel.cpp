// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/log_bessel.h"
#include "bessel/bessel_ratio.h"
#include "bessel/isa.h"

namespace lathe::bessel {

template <Accuracy accuracy> double log_bessel_i(double v, double x) noexcept {
  return accuracy == Accuracy::full ? isa().log_i(v, x) : isa().log_i_fast(v, x);
}
template <Accuracy accuracy> double log_bessel_k(double v, double x) noexcept {
  return accuracy == Accuracy::full ? isa().log_k(v, x) : isa().log_k_fast(v, x);
}
template <Accuracy accuracy> void log_bessel_ik(double v, double x, double *i, double *k) noexcept {
  return accuracy == Accuracy::full ? isa().log_ik(v, x, i, k) : isa().log_ik_fast(v, x, i, k);
}
template double log_bessel_i<Accuracy::full>(double, double) noexcept;
template double log_bessel_i<Accuracy::fast>(double, double) noexcept;
template double log_bessel_k<Accuracy::full>(double, double) noexcept;
template double log_bessel_k<Accuracy::fast>(double, double) noexcept;
template void log_bessel_ik<Accuracy::full>(double, double, double *, double *) noexcept;
template void log_bessel_ik<Accuracy::fast>(double, double, double *, double *) noexcept;

LogBesselDerivatives log_bessel_i_derivatives(double v, double x) noexcept {
  return isa().log_i_derivatives(v, x);
}
LogBesselDerivatives log_bessel_k_derivatives(double v, double x) noexcept {
  return isa().log_k_derivatives(v, x);
}
double bessel_i_ratio(double v, double x) noexcept {
  return isa().i_ratio(v, x);
}
double bessel_i_ratio_complement(double v, double x) noexcept {
  return isa().i_ratio_complement(v, x);
}
double bessel_k_ratio(double v, double x) noexcept {
  return isa().k_ratio(v, x);
}
double inverse_bessel_i_ratio(double v, double r) noexcept {
  return isa().inverse_i_ratio(v, r);
}
double inverse_bessel_i_ratio_complement(double v, double complement) noexcept {
  return isa().inverse_i_ratio_complement(v, complement);
}
double log_hyp0f1(double b, double z) noexcept {
  return isa().log_hyp0f1(b, z);
}

} // namespace lathe::bessel
