// SPDX-License-Identifier: BSD-2-Clause
// Arrays of derivatives. Compiled once for each instruction set, with LATHE_BESSEL_ISA =
// derivatives_generic, …
#include "bessel/isa.h"
#include "bessel/kernels/block.h"

namespace lathe::bessel {

namespace {

using namespace kernel;

template <class Function> struct StoreDerivatives {
  LogBesselDerivatives *out;
  LATHE_BESSEL_INLINE void put(const unsigned short *place, int, Results r, int n) const noexcept {
    for (int j = 0; j < n; ++j)
      out[place[j]] = {r.a[j], r.b[j], r.c[j], r.d[j]};
  }
  LATHE_BESSEL_INLINE void edge(int place, double v, double x) const noexcept {
    out[place] = Function::edge(v, x);
  }
};

template <class Function>
void batch_derivatives(Operand v, Operand x, LogBesselDerivatives *out, std::size_t n) noexcept {
  over_blocks(v, x, n, [=](std::size_t start, int m, Block &b) LATHE_BESSEL_LAMBDA {
    evaluate<Function>(m, v.one, b);
    unload<Function>(b, StoreDerivatives<Function>{out + start});
  });
}

} // namespace

const DerivativeBatches LATHE_BESSEL_ISA = {
    .batch_i_derivatives = batch_derivatives<LogIDerivatives>,
    .batch_k_derivatives = batch_derivatives<LogKDerivatives>,
};

} // namespace lathe::bessel
