// SPDX-License-Identifier: BSD-2-Clause
// Largest singular value to 50 digits: one-sided Jacobi (Hestenes) in Boost.Multiprecision, for
// small matrices only. Complex matrices go in as the real matrix [Re −Im; Im Re].
#pragma once
#include "core/petsc_compat.h"
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <algorithm>
#include <cstddef>
#include <vector>

namespace lathe::test {

using Digits50 = boost::multiprecision::cpp_bin_float_50;

/// a is rows×cols, row-major, real.
inline Digits50 largest_singular_value(std::size_t rows, std::size_t cols,
                                       const std::vector<double> &a) {
  std::vector<std::vector<Digits50>> column(cols, std::vector<Digits50>(rows));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      column[j][i] = a[i * cols + j];
  const auto dot = [rows](const std::vector<Digits50> &x, const std::vector<Digits50> &y) {
    Digits50 s = 0;
    for (std::size_t i = 0; i < rows; ++i)
      s += x[i] * y[i];
    return s;
  };
  const Digits50 negligible("1e-40");
  Digits50 total = 0;
  for (const auto &x : column)
    total += dot(x, x);
  const Digits50 vanished = total * Digits50("1e-80"); // rank deficiency leaves noise columns
  for (bool rotated = true; rotated;) {
    rotated = false;
    for (std::size_t p = 0; p < cols; ++p)
      for (std::size_t q = p + 1; q < cols; ++q) {
        const Digits50 pp = dot(column[p], column[p]), qq = dot(column[q], column[q]);
        const Digits50 pq = dot(column[p], column[q]);
        if (std::min(pp, qq) <= vanished ||
            pq * pq <= negligible * pp * qq) // (1e-20)², and the norm is off by its square
          continue;
        rotated = true;
        const Digits50 zeta = (qq - pp) / (2 * pq);
        const Digits50 root = sqrt(1 + zeta * zeta);
        const Digits50 t = zeta >= 0 ? Digits50(1 / (zeta + root)) : Digits50(-1 / (root - zeta));
        const Digits50 c = 1 / sqrt(1 + t * t), s = c * t;
        for (std::size_t i = 0; i < rows; ++i) {
          const Digits50 x = column[p][i];
          column[p][i] = c * x - s * column[q][i];
          column[q][i] = s * x + c * column[q][i];
        }
      }
  }
  Digits50 largest = 0;
  for (const auto &x : column)
    largest = std::max(largest, Digits50(sqrt(dot(x, x))));
  return largest;
}

inline Digits50 largest_singular_value(std::size_t rows, std::size_t cols,
                                       const std::vector<PetscScalar> &a,
                                       [[maybe_unused]] int tag) {
#ifdef PETSC_USE_COMPLEX
  std::vector<double> real(4 * rows * cols);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const PetscScalar z = a[i * cols + j];
      real[i * 2 * cols + j] = real[(rows + i) * 2 * cols + cols + j] = PetscRealPart(z);
      real[(rows + i) * 2 * cols + j] = PetscImaginaryPart(z);
      real[i * 2 * cols + cols + j] = -PetscImaginaryPart(z);
    }
  return largest_singular_value(2 * rows, 2 * cols, real);
#else
  return largest_singular_value(rows, cols, a);
#endif
}

} // namespace lathe::test
