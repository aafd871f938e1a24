// SPDX-License-Identifier: BSD-2-Clause
// Compiled once for each instruction set, with LATHE_BESSEL_ISA = isa_generic, isa_avx2, …
#include "bessel/isa.h"
#include "bessel/kernels/block.h"
#include "bessel/kernels/hyp0f1.h"

namespace lathe::bessel {

namespace {

using namespace kernel;

template <template <int> class Outer> double scalar_i(double v, double x) noexcept {
  return evaluate<LogI<Outer>>(v, x).i;
}
template <template <int> class Outer> double scalar_k(double v, double x) noexcept {
  return evaluate<LogK<Outer>>(v, x).k;
}
template <template <int> class Outer>
void scalar_ik(double v, double x, double *i, double *k) noexcept {
  const Both both = log_ik<Outer>(v, x);
  *i = both.i;
  *k = both.k;
}
template <class Function> LogBesselDerivatives scalar_derivatives(double v, double x) noexcept {
  return evaluate<Function>(v, x);
}
double scalar_i_ratio(double v, double x) noexcept {
  return evaluate<RatioI>(v, x).value;
}
double scalar_i_ratio_complement(double v, double x) noexcept {
  return evaluate<RatioI>(v, x).complement;
}
double scalar_k_ratio(double v, double x) noexcept {
  return evaluate<RatioK>(v, x);
}
template <bool from_complement> double scalar_inverse(double v, double r) noexcept {
  using Inverse = InverseRatioI<from_complement>;
  return evaluate<Inverse>(v, Inverse::map(r));
}
double scalar_log_hyp0f1(double b, double z) noexcept {
  return log_hyp0f1(b, z);
}

// Debye's expansions, groups 0 to 2, give log I and log K; the others one of them.
struct StoreBoth {
  double *i, *k;
  bool alone_is_k;
  LATHE_BESSEL_INLINE void put(std::size_t place, int group, const double (*r)[Block::capacity],
                               int at) const noexcept {
    if (i && !(group > 2 && alone_is_k))
      i[place] = r[0][at];
    if (k && (group <= 2 || alone_is_k))
      k[place] = r[group <= 2 ? 1 : 0][at];
  }
  LATHE_BESSEL_INLINE void edge(std::size_t place, double v, double x) const noexcept {
    if (i)
      i[place] = log_i_edge(v, x);
    if (k)
      k[place] = log_k_edge(v, x);
  }
};

struct StoreMiddleK {
  double *k;
  LATHE_BESSEL_INLINE void put(std::size_t place, int, const double (*r)[Block::capacity],
                               int at) const noexcept {
    k[place] = r[0][at];
  }
  LATHE_BESSEL_INLINE void edge(std::size_t, double, double) const noexcept {}
};

template <class Function> struct StoreDerivatives {
  LogBesselDerivatives *out;
  LATHE_BESSEL_INLINE void put(std::size_t place, int, const double (*r)[Block::capacity],
                               int at) const noexcept {
    out[place] = {r[0][at], r[1][at], r[2][at], r[3][at]};
  }
  LATHE_BESSEL_INLINE void edge(std::size_t place, double v, double x) const noexcept {
    out[place] = Function::edge(v, x);
  }
};

struct StoreRatio {
  double *ratio, *complement;
  LATHE_BESSEL_INLINE void put(std::size_t place, int, const double (*r)[Block::capacity],
                               int at) const noexcept {
    if (ratio)
      ratio[place] = r[0][at];
    if (complement)
      complement[place] = r[1][at];
  }
  LATHE_BESSEL_INLINE void edge(std::size_t place, double v, double x) const noexcept {
    const Ratio limit = RatioI::edge(v, x);
    if (ratio)
      ratio[place] = limit.value;
    if (complement)
      complement[place] = limit.complement;
  }
};

template <class Function> struct StoreOne {
  double *out;
  LATHE_BESSEL_INLINE void put(std::size_t place, int, const double (*r)[Block::capacity],
                               int at) const noexcept {
    out[place] = r[0][at];
  }
  LATHE_BESSEL_INLINE void edge(std::size_t place, double v, double x) const noexcept {
    out[place] = Function::edge(v, x);
  }
};

template <template <int> class Outer>
void batch(Operand v, Operand x, double *i, double *k, std::size_t n) noexcept {
  if (i)
    over_blocks<LogI<Outer>>(v, x, n, StoreBoth{i, k, false});
  else
    over_blocks<LogK<Outer>>(v, x, n, StoreBoth{nullptr, k, true});
  if (i && k)
    over_blocks<LogKMiddle>(v, x, n, StoreMiddleK{k});
}
template <class Function>
void batch_derivatives(Operand v, Operand x, LogBesselDerivatives *out, std::size_t n) noexcept {
  over_blocks<Function>(v, x, n, StoreDerivatives<Function>{out});
}
void batch_i_ratio(Operand v, Operand x, double *ratio, double *complement,
                   std::size_t n) noexcept {
  over_blocks<RatioI>(v, x, n, StoreRatio{ratio, complement});
}
template <bool from_complement>
void batch_inverse(Operand v, Operand r, double *x, std::size_t n) noexcept {
  using Inverse = InverseRatioI<from_complement>;
  over_blocks<Inverse>(v, r, n, StoreOne<Inverse>{x});
}

} // namespace

const Isa LATHE_BESSEL_ISA = {
    .name = LATHE_BESSEL_ISA_NAME,
    .log_i = scalar_i<Debye>,
    .log_k = scalar_k<Debye>,
    .log_ik = scalar_ik<Debye>,
    .log_i_fast = scalar_i<DebyeFast>,
    .log_k_fast = scalar_k<DebyeFast>,
    .log_ik_fast = scalar_ik<DebyeFast>,
    .log_i_derivatives = scalar_derivatives<LogIDerivatives>,
    .log_k_derivatives = scalar_derivatives<LogKDerivatives>,
    .i_ratio = scalar_i_ratio,
    .i_ratio_complement = scalar_i_ratio_complement,
    .k_ratio = scalar_k_ratio,
    .inverse_i_ratio = scalar_inverse<false>,
    .inverse_i_ratio_complement = scalar_inverse<true>,
    .log_hyp0f1 = scalar_log_hyp0f1,
    .batch = batch<Debye>,
    .batch_fast = batch<DebyeFast>,
    .batch_i_derivatives = batch_derivatives<LogIDerivatives>,
    .batch_k_derivatives = batch_derivatives<LogKDerivatives>,
    .batch_i_ratio = batch_i_ratio,
    .batch_inverse = batch_inverse<false>,
    .batch_inverse_complement = batch_inverse<true>,
};

} // namespace lathe::bessel
