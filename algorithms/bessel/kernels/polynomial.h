// SPDX-License-Identifier: BSD-2-Clause
// Polynomials whose coefficients are known at compile time: Table::c is folded into the code.
#pragma once
#include "bessel/kernels/double_double.h"

namespace lathe::bessel::kernel {

/// A value with its derivative by one variable.
struct Dual {
  double value, slope;
};

LATHE_BESSEL_INLINE Dual constant_like(Dual, double c) noexcept {
  return {c, 0.0};
}
LATHE_BESSEL_INLINE double constant_like(double, double c) noexcept {
  return c;
}

// r·s + c with a constant c.
LATHE_BESSEL_INLINE Dual fma(Dual r, Dual s, double c) noexcept {
  return {fma(r.value, s.value, c), fma(r.slope, s.value, r.value * s.slope)};
}

// r·t + c with a constant t.
LATHE_BESSEL_INLINE Dual fma(Dual r, double t, Dual c) noexcept {
  return {fma(r.value, t, c.value), fma(r.slope, t, c.slope)};
}

/// Σ c[first + j] s^j up to c[last], by Horner's rule; s a double or a Dual.
template <class Table, int first, int last, class S> LATHE_BESSEL_INLINE S horner(S s) noexcept {
  constexpr double c = Table::c[first];
  if constexpr (first == last)
    return constant_like(s, c);
  else
    return fma(horner<Table, first + 1, last>(s), s, c);
}

template <class Table, class S> LATHE_BESSEL_INLINE S horner(S s) noexcept {
  return horner<Table, 0, static_cast<int>(sizeof(Table::c) / sizeof(double)) - 1>(s);
}

/// Σ_i t^i Σ_j c[row[i] + j] s^j.
template <class Table, int i = 0, class S> LATHE_BESSEL_INLINE S bivariate(double t, S s) noexcept {
  const S row = horner<Table, Table::row[i], Table::row[i + 1] - 1>(s);
  if constexpr (i + 1 == Table::rows)
    return row;
  else
    return fma(bivariate<Table, i + 1>(t, s), t, row);
}

} // namespace lathe::bessel::kernel
