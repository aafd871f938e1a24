// SPDX-License-Identifier: BSD-2-Clause
// log I_v(x) and log K_v(x), modified Bessel functions of real order, for every double v ≥ 0 and
// x > 0, with derivatives by argument and order.
//
// No overflow, no underflow, no seam; cost does not depend on v or x.
// Error E = |computed - exact| / (2^-52 max(1, |exact|)), inputs taken as exact: E ≤ 3, and E ≤
// 0.75 where (v/14.8)² + (x/24.6)² ≥ 1 and v ≤ 10¹², also where the logarithm passes through 0; for
// larger v it grows near those zeros (8 seen up to v = 10¹⁵).
// The same bits (class R0) from every instruction set, compiler, batch length and rank.
// NaN or a negative argument gives NaN. x = 0: log I = 0 (v = 0) or -∞, log K = ∞.
// x = ∞: ∞ and -∞. v = ∞: -∞ and ∞; both: NaN.
//
// Method: logarithm of Debye's expansion (DLMF 10.41) in 1/√(v² + x²) with a double-double lead;
// inside the ellipse the power series for I, polynomial patches and recurrence for K (kernels/).
// In CUDA code these are device functions as well; compile with -fmad=false for the same bits.
#pragma once
#include "bessel/log_bessel_types.h"

namespace lathe::bessel {

#ifndef __CUDACC__
/// log I_v(x).
template <Accuracy accuracy = Accuracy::full> double log_bessel_i(double v, double x) noexcept;

/// log K_v(x).
template <Accuracy accuracy = Accuracy::full> double log_bessel_k(double v, double x) noexcept;

/// Both; outside the ellipse at the cost of one.
template <Accuracy accuracy = Accuracy::full>
void log_bessel_ik(double v, double x, double *i, double *k) noexcept;

/// log I_v(x) with derivatives. dx: 4 eps relative. dv: 3 eps relative outside the ellipse (where
/// |dv| ≥ 1e-25), 10 eps max(1, |dv|) inside. dxx inside the ellipse is from Bessel's equation and
/// cancels where it is small beside 1 + (v/x)².
LogBesselDerivatives log_bessel_i_derivatives(double v, double x) noexcept;

/// log K_v(x) with derivatives. dx: 4 eps relative. dv: 3 eps relative outside the ellipse, 20
/// inside. dxx as above.
LogBesselDerivatives log_bessel_k_derivatives(double v, double x) noexcept;
#endif

} // namespace lathe::bessel

#ifdef __CUDACC__
#include "bessel/device.h"
#endif
