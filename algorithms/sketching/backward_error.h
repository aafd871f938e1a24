// SPDX-License-Identifier: BSD-2-Clause
// Karlson and Waldén's estimate of the backward error of a least-squares solution (BIT 37 (1997);
// within a factor √2 of the true one, Gratton, Jiránek, Titley-Péloquin, SIMAX 33 (2012)):
//
//   η = θ/√(1 + θ²‖x‖²) · ‖(AᵀA + ω²I)^(−1/2)·Aᵀr‖₂,   ω² = θ²‖r‖²/(1 + θ²‖x‖²),  θ = ‖A‖_F/‖b‖
//
// of min ‖[δA, δb/θ]‖_F with x exact for A + δA, b + δb; returned is η/‖A‖_F.
#pragma once
#include <cstddef>

namespace lathe::sketching {

struct BackwardErrorTerms {
  std::size_t n = 0;
  const double *root = nullptr;     // upper triangular B, n × n column-major, BᵀB = AᵀA
  const double *gradient = nullptr; // Aᵀr, accurate: it is what cancels
  double residual_norm = 0, solution_norm = 0, rhs_norm = 0;
};

/// η/‖A‖_F; 0 when Aᵀr = 0. Cost: n³ operations, or a QR factorisation of 2n × n
/// where the residual is small. Allocates. Serial.
double karlson_walden(const BackwardErrorTerms &t);

} // namespace lathe::sketching
