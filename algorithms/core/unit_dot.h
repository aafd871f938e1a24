// SPDX-License-Identifier: BSD-2-Clause
// Dot products of vectors of norm at most 1 whose bits do not depend on the number of ranks
// (class R0), at about twice the cost of an ordinary dot product: each product is rounded to a
// multiple of 2⁻⁵¹, the remainder to a multiple of 2⁻⁷⁵, and sums of such multiples are exact.
// (Pre-rounded summation, Demmel and Nguyen, ARITH 2013, with the extraction constants known
// beforehand since Σ|x_i y_i| ≤ ‖x‖‖y‖ ≤ 1.)
#pragma once
#include "core/petsc_compat.h"
#include <complex>
#include <cstddef>
#include <vector>

namespace lathe {

/// Σ x_i·y_i of this rank in two exact parts; add the parts of all ranks, then take high + low.
/// Preconditions: |x_i y_i| ≤ 1, global Σ|x_i y_i| ≤ 2 and global length ≤ 2³⁰.
/// Error of the final sum: length·2⁻⁷⁶ plus one rounding a product.
struct UnitDot {
  double high = 0, low = 0;
};

inline UnitDot unit_dot(const double *x, const double *y, std::size_t n,
                        std::size_t stride = 1) noexcept {
  constexpr double cut_high = 3.0;          // 1.5·2¹: last bit 2⁻⁵¹
  constexpr double cut_low = 1.5 * 0x1p-23; // last bit 2⁻⁷⁵
  constexpr std::size_t lanes = 4;          // sums are exact, so any number of lanes agrees
  double high[lanes] = {}, low[lanes] = {};
  const auto term = [&](std::size_t lane, std::size_t i) {
    const double p = x[i * stride] * y[i * stride];
    const double h = (p + cut_high) - cut_high;
    high[lane] += h;
    low[lane] += ((p - h) + cut_low) - cut_low;
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      term(lane, i + lane);
  for (; i < n; ++i)
    term(0, i);
  return {(high[0] + high[1]) + (high[2] + high[3]), (low[0] + low[1]) + (low[2] + low[3])};
}

/// h_j = ⟨v_j, w⟩ = Σ conj(v_j)·w for `count` vectors stored one after another (column j at
/// v + j·n), all of norm at most 1. Collective on comm; one Allreduce; class R0.
inline PetscErrorCode UnitDots(MPI_Comm comm, const PetscScalar *v, std::size_t count,
                               const PetscScalar *w, std::size_t n, PetscScalar *h) {
  static_assert(sizeof(PetscReal) == sizeof(double), "lathe needs double precision");
  constexpr std::size_t parts = sizeof(PetscScalar) / sizeof(double); // 2 when complex
  PetscFunctionBegin;
  std::vector<double> sums(2 * count * parts);
  const auto *wr = reinterpret_cast<const double *>(w);
  for (std::size_t j = 0; j < count; ++j) {
    const auto *vr = reinterpret_cast<const double *>(v + j * n);
    double *s = sums.data() + 2 * j * parts;
    const auto store = [&s](std::size_t slot, UnitDot a, UnitDot b, double sign) {
      s[2 * slot] = a.high + sign * b.high;
      s[2 * slot + 1] = a.low + sign * b.low;
    };
    if constexpr (parts == 1) {
      store(0, unit_dot(vr, wr, n), {}, 1);
    } else {
      store(0, unit_dot(vr, wr, n, 2), unit_dot(vr + 1, wr + 1, n, 2), 1);
      store(1, unit_dot(vr, wr + 1, n, 2), unit_dot(vr + 1, wr, n, 2), -1);
    }
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, sums.data(), static_cast<int>(sums.size()), MPI_DOUBLE,
                             MPI_SUM, comm));
  for (std::size_t j = 0; j < count; ++j) {
    const double *s = sums.data() + 2 * j * parts;
    if constexpr (parts == 1)
      h[j] = s[0] + s[1];
    else
      reinterpret_cast<std::complex<double> *>(h)[j] = {s[0] + s[1], s[2] + s[3]};
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe
