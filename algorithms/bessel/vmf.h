// SPDX-License-Identifier: BSD-2-Clause
// The von Mises-Fisher distribution on the unit sphere in p ≥ 2 dimensions,
//
//   f(x) = C_p(κ) exp(κ μᵀx),   C_p(κ) = κ^v / ((2π)^(v+1) I_v(κ)),   v = p/2 − 1,
//
// with respect to the surface measure (Mardia and Jupp, Directional Statistics, §9.3). Serial,
// class R0: the same bits on every machine, no libm. NaN for p < 2, κ < 0 or a cosine outside [−1,
// 1].
//
// No function subtracts two large logarithms. Outside the ellipse (v/14.8)² + (κ/24.6)² = 1 the
// logarithms of I_v are those of Debye's expansion with the lead cancelled by hand: with
// w = √(v² + κ²), q = (v/w)², s = 1/w and D, F, G of kernels/debye.h
//
//   log C + κ = v log((v+w)/2π) + ½ log(w/2π) − v²/(w+κ) − ΣD_k(q) s^k
//   entropy   = v (1 − log((v+w)/2π)) − ½ log(w/2π) + ΣD_k s^k + (1−q)(½ + ΣF_k s^k)
//   A'        = v/(w(w+v)) + s² ((1−2q)(½ + ΣF_k s^k) + (1−q) ΣG_k s^k)
//
// Inside it, the power series of 0F1 in double-double arithmetic. Accuracy, in units of
// 2⁻⁵²·max(1, |value|) for the logarithms and 2⁻⁵² relative for the others: 3 for all p ≤ 10⁶ and
// κ ≤ 10³·p, as tested against 34-digit values.
#pragma once
#include "bessel/vmf_estimate.h"
#include <cstdint>

namespace lathe::bessel {

/// log C_p(κ); at κ = 0 minus the logarithm of the area of the sphere.
double vmf_log_normalizer(std::int64_t p, double kappa) noexcept;
/// log f at the mean direction: log C_p(κ) + κ, which keeps its digits where κ is large.
double vmf_log_peak(std::int64_t p, double kappa) noexcept;
/// log f where μᵀx = cosine: log_peak − κ(1 − cosine).
double vmf_log_density(std::int64_t p, double kappa, double cosine) noexcept;
/// Σ log f over n rows whose mean resultant is R long and points along μ: n (log_peak − κ(1 − R)).
double vmf_log_likelihood(std::int64_t p, double kappa, double one_minus_resultant,
                          double n) noexcept;
/// −E log f, in nats.
double vmf_entropy(std::int64_t p, double kappa) noexcept;

/// A_p(κ) = I_{p/2}/I_{p/2−1} = |E x|, its complement 1 − A, and its derivative A'(κ) = Var μᵀx.
/// The derivative does not come from 1 − A² − (p−1)A/κ, which loses a factor p/κ or κ of accuracy.
double vmf_mean_resultant(std::int64_t p, double kappa) noexcept;
double vmf_mean_resultant_complement(std::int64_t p, double kappa) noexcept;
double vmf_mean_resultant_derivative(std::int64_t p, double kappa) noexcept;

/// Kullback-Leibler divergence of (κ₁, μ₁) from (κ₂, μ₂), cosine = μ₁ᵀμ₂:
///   ∫ from κ₁ to κ₂ of (κ₂ − t) A'(t) dt + κ₂ A(κ₁) (1 − cosine),
/// both never negative, so that nearly equal distributions keep their relative accuracy (2·10⁻¹⁵).
/// Gauss-Legendre, 15 points for each doubling of κ; 2 µs a panel.
double vmf_kl(std::int64_t p, double kappa1, double kappa2, double cosine) noexcept;

/// Maximum-likelihood κ: A_p(κ) = R, 0 for R = 0, +∞ for R = 1, NaN outside [0, 1]. The second form
/// takes 1 − R, without which R near 1 has lost its digits.
double vmf_kappa(std::int64_t p, double resultant) noexcept;
double vmf_kappa_from_complement(std::int64_t p, double one_minus_resultant) noexcept;

/// All estimates from R of n_eff directions (independent, weights equal or not). R counts as 1 when
/// 1 − R < 2⁻⁵⁰, less than rows in double precision can tell. In few rows and many dimensions R is
/// far too long, E R² = ρ² + (1 − ρ²)/n with ρ = A(κ), and so is the maximum-likelihood κ;
/// kappa_corrected solves A(κ)² = max(0, (n R² − 1)/(n − 1)), whose expectation is ρ². Its standard
/// error is that of this U-statistic,
///   Var = 4 ρ² A'/n + 2 (A'² + (p−1)(ρ/κ)²)/(n(n−1)),
/// carried over by dκ/dρ² (by the square root of the deviation where that is longer than 2ρ²). For
/// n_eff = 1 nothing can be corrected: kappa_corrected = kappa_mle and an infinite standard error.
LatheVmfEstimate vmf_estimate(std::int64_t p, double resultant, double one_minus_resultant,
                              double n_eff) noexcept;

} // namespace lathe::bessel
