// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/gram_product.h"
#include "lipschitz/scaled_matrix.h"
#include <algorithm>

namespace lathe::lipschitz {

template <class W>
void gram_product(dense::View<const W> a, W *g, W *scratch, std::size_t length) noexcept {
  const bool tall = a.rows >= a.cols;
  const std::size_t c = std::min(a.rows, a.cols);
  const std::size_t k = std::max(a.rows, a.cols);
  const char op = tall ? 'C' : 'N';
  for (std::size_t first = 0; first < k; first += length) {
    const std::size_t width = std::min(length, k - first);
    const W *block = tall ? a.data + first : a.column(first);
    W *target = first == 0 ? g : scratch;
    dense::herk<W>('L', op, c, width, 1, block, a.ld, 0, target, c);
    if (first == 0)
      continue;
    for (std::size_t j = 0; j < c; ++j)
      for (std::size_t i = j; i < c; ++i)
        g[i + j * c] += scratch[i + j * c];
  }
}

template <class W>
double gram_gamma(std::size_t rows, std::size_t cols, std::size_t length) noexcept {
  const std::size_t k = std::max(rows, cols);
  const std::size_t blocks = (k + length - 1) / length;
  return dot_gamma<W>(static_cast<double>(std::min(k, length) + blocks));
}

double gram_underflow(std::size_t rows, std::size_t cols) noexcept {
  const double c = static_cast<double>(std::min(rows, cols));
  const double k = static_cast<double>(std::max(rows, cols));
  return 8 * c * (k + 1) * smallest_subnormal;
}

template void gram_product<double>(dense::View<const double>, double *, double *,
                                   std::size_t) noexcept;
template void gram_product<std::complex<double>>(dense::View<const std::complex<double>>,
                                                 std::complex<double> *, std::complex<double> *,
                                                 std::size_t) noexcept;
template double gram_gamma<double>(std::size_t, std::size_t, std::size_t) noexcept;
template double gram_gamma<std::complex<double>>(std::size_t, std::size_t, std::size_t) noexcept;

} // namespace lathe::lipschitz
