// SPDX-License-Identifier: BSD-2-Clause
// Ratios of modified Bessel functions of neighbouring order, their inverse, and log 0F1: the
// quantities that von Mises-Fisher needs. None is a difference of logarithms, so relative accuracy
// holds for every order and argument. v ≥ 0; outside the domain NaN. Class R0.
#pragma once
#include "bessel/log_bessel_types.h"

namespace lathe::bessel {

#ifndef __CUDACC__
/// A = I_{v+1}(x)/I_v(x) in [0, 1]: relative error 3 eps.
double bessel_i_ratio(double v, double x) noexcept;

/// 1 - A: relative error 4 eps.
double bessel_i_ratio_complement(double v, double x) noexcept;

/// K_{v+1}(x)/K_v(x): relative error 3 eps.
double bessel_k_ratio(double v, double x) noexcept;

/// x with I_{v+1}(x)/I_v(x) = r, 0 ≤ r ≤ 1 (0 → 0, 1 → ∞): relative error 3 eps (1 + c) with the
/// condition number c = r / (x A'(x)), about r/(1 - r) as r → 1. At most two Halley steps.
double inverse_bessel_i_ratio(double v, double r) noexcept;

/// The same from the complement 1 - r, for r near 1: relative error 4 eps.
double inverse_bessel_i_ratio_complement(double v, double complement) noexcept;

/// log 0F1(; b; z), b > 0, z ≥ 0: relative error 8 eps, also where it is as small as 1e-300.
double log_hyp0f1(double b, double z) noexcept;
#endif

} // namespace lathe::bessel

#ifdef __CUDACC__
#include "bessel/device.h"
#endif
