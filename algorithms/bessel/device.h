// SPDX-License-Identifier: BSD-2-Clause
// The functions of log_bessel.h and bessel_ratio.h for CUDA compilers: host and device, inline.
#pragma once
#include "bessel/kernels/hyp0f1.h"

namespace lathe::bessel {

template <Accuracy accuracy = Accuracy::full>
LATHE_BESSEL_INLINE double log_bessel_i(double v, double x) noexcept {
  return accuracy == Accuracy::full ? kernel::evaluate<kernel::LogI<kernel::Debye>>(v, x).i
                                    : kernel::evaluate<kernel::LogI<kernel::DebyeFast>>(v, x).i;
}
template <Accuracy accuracy = Accuracy::full>
LATHE_BESSEL_INLINE double log_bessel_k(double v, double x) noexcept {
  return accuracy == Accuracy::full ? kernel::evaluate<kernel::LogK<kernel::Debye>>(v, x).k
                                    : kernel::evaluate<kernel::LogK<kernel::DebyeFast>>(v, x).k;
}
template <Accuracy accuracy = Accuracy::full>
LATHE_BESSEL_INLINE void log_bessel_ik(double v, double x, double *i, double *k) noexcept {
  const kernel::Both both = accuracy == Accuracy::full ? kernel::log_ik<kernel::Debye>(v, x)
                                                       : kernel::log_ik<kernel::DebyeFast>(v, x);
  *i = both.i;
  *k = both.k;
}
LATHE_BESSEL_INLINE LogBesselDerivatives log_bessel_i_derivatives(double v, double x) noexcept {
  return kernel::evaluate<kernel::LogIDerivatives>(v, x);
}
LATHE_BESSEL_INLINE LogBesselDerivatives log_bessel_k_derivatives(double v, double x) noexcept {
  return kernel::evaluate<kernel::LogKDerivatives>(v, x);
}
LATHE_BESSEL_INLINE double bessel_i_ratio(double v, double x) noexcept {
  return kernel::evaluate<kernel::RatioI>(v, x).value;
}
LATHE_BESSEL_INLINE double bessel_i_ratio_complement(double v, double x) noexcept {
  return kernel::evaluate<kernel::RatioI>(v, x).complement;
}
LATHE_BESSEL_INLINE double bessel_k_ratio(double v, double x) noexcept {
  return kernel::evaluate<kernel::RatioK>(v, x);
}
LATHE_BESSEL_INLINE double inverse_bessel_i_ratio(double v, double r) noexcept {
  return kernel::inverse_ratio<false>(v, r);
}
LATHE_BESSEL_INLINE double inverse_bessel_i_ratio_complement(double v, double c) noexcept {
  return kernel::inverse_ratio<true>(v, c);
}
LATHE_BESSEL_INLINE double log_hyp0f1(double b, double z) noexcept {
  return kernel::log_hyp0f1(b, z);
}

} // namespace lathe::bessel
