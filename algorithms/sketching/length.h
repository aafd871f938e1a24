// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace lathe::sketching {

/// ‖v‖₂ for numbers of any size; NaN and infinities as they come.
inline double length(const double *v, std::size_t n) noexcept {
  double largest = 0, sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (std::isnan(v[i]))
      return v[i];
    largest = std::max(largest, std::fabs(v[i]));
  }
  if (!(largest > 0) || std::isinf(largest))
    return largest;
  const int e = std::max(std::ilogb(largest), -1022); // 2^-e is a double
  const double unit = std::scalbn(1.0, -e);
  for (std::size_t i = 0; i < n; ++i) {
    const double x = v[i] * unit;
    sum += x * x;
  }
  return std::scalbn(std::sqrt(sum), e);
}
inline double length(const std::vector<double> &v) noexcept {
  return length(v.data(), v.size());
}

} // namespace lathe::sketching
