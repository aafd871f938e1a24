// SPDX-License-Identifier: BSD-2-Clause
// Inner loops over rows of features, float or double, four rows at a time: norms, dot products with
// a mean direction, and weighted sums of directions. Every result has the same bits on every
// processor, in every grouping of the rows (class R0); vector code is chosen at run time.
#pragma once
#include "core/prerounded.h"
#include <cstddef>

namespace lathe::bessel {

/// Rows that are worked on together; a group that is not full repeats one of its rows.
inline constexpr std::size_t row_group = 4;
template <class T> using RowGroup = const T *[row_group];

/// Euclidean norm of a row, within (d/8 + 8)·2⁻⁵³ relative, free of overflow and underflow; NaN
/// when an entry is NaN or infinite.
double row_norm(const float *x, std::size_t d) noexcept;
double row_norm(const double *x, std::size_t d) noexcept;

/// out[r] = row_norm(x_r), the same bits, where that is between 2⁻⁴⁴⁹ and 2⁴⁹⁹; elsewhere NaN or
/// some number outside of that.
void row_norms(const RowGroup<float> &x, std::size_t d, double *out) noexcept;
void row_norms(const RowGroup<double> &x, std::size_t d, double *out) noexcept;

/// out[r] = Σ_i x_r[i]·mu[i]; absolute error at most (d/8 + 8)·2⁻⁵³·‖x_r‖·‖mu‖.
void row_dots(const RowGroup<float> &x, const double *mu, std::size_t d, double *out) noexcept;
void row_dots(const RowGroup<double> &x, const double *mu, std::size_t d, double *out) noexcept;

/// high + low += Σ_r scale[r]·x_r, entry by entry; exact but for the roundings of PreRounding and
/// one of each product. Precondition: |scale[r]·x_r[i]| ≤ 2. A scale of 0 leaves its row out.
void add_rows(const RowGroup<float> &x, const double *scale, std::size_t d,
              const PreRounding &rounding, double *high, double *low) noexcept;
void add_rows(const RowGroup<double> &x, const double *scale, std::size_t d,
              const PreRounding &rounding, double *high, double *low) noexcept;

} // namespace lathe::bessel
