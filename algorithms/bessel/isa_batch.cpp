// SPDX-License-Identifier: BSD-2-Clause
// Arrays of values. Compiled once for each instruction set, with LATHE_BESSEL_ISA = batch_generic,
// …
#include "bessel/isa.h"
#include "bessel/kernels/block.h"

namespace lathe::bessel {

namespace {

using namespace kernel;

LATHE_BESSEL_INLINE double *advance(double *p, std::size_t n) noexcept {
  return p ? p + n : nullptr;
}

// Debye's expansions, groups 0 to 2, give log I and log K; the others one of them.
constexpr int first_of_one = 3;

struct StoreBoth {
  double *i, *k;
  bool alone_is_k;
  LATHE_BESSEL_INLINE void put(const unsigned short *place, int group, Results r,
                               int n) const noexcept {
    if (group < first_of_one) {
      scatter(r.a, place, n, i);
      scatter(r.b, place, n, k);
    } else {
      scatter(r.a, place, n, alone_is_k ? k : i);
    }
  }
  LATHE_BESSEL_INLINE void edge(int place, double v, double x) const noexcept {
    if (i)
      i[place] = log_i_edge(v, x);
    if (k)
      k[place] = log_k_edge(v, x);
  }
};

struct StoreRatio {
  double *ratio, *complement;
  LATHE_BESSEL_INLINE void put(const unsigned short *place, int, Results r, int n) const noexcept {
    scatter(r.a, place, n, ratio);
    scatter(r.b, place, n, complement);
  }
  LATHE_BESSEL_INLINE void edge(int place, double v, double x) const noexcept {
    const Ratio limit = RatioI::edge(v, x);
    if (ratio)
      ratio[place] = limit.value;
    if (complement)
      complement[place] = limit.complement;
  }
};

template <class Inverse> struct StoreInverse {
  double *out;
  LATHE_BESSEL_INLINE void put(const unsigned short *place, int, Results r, int n) const noexcept {
    scatter(r.c, place, n, out);
  }
  LATHE_BESSEL_INLINE void edge(int place, double v, double t) const noexcept {
    out[place] = Inverse::edge(v, t);
  }
};

template <template <int> class Outer>
void batch(Operand v, Operand x, double *i, double *k, std::size_t n) noexcept {
  over_blocks(v, x, n, [=](std::size_t start, int m, Block &b) LATHE_BESSEL_LAMBDA {
    double *const i_here = advance(i, start), *const k_here = advance(k, start);
    if (!i) {
      evaluate<LogK<Outer>>(m, v.one, b);
      unload<LogK<Outer>>(b, StoreBoth{nullptr, k_here, true});
      return;
    }
    evaluate<LogI<Outer>>(m, v.one, b);
    unload<LogI<Outer>>(b, StoreBoth{i_here, k_here, false});
    const int middle = k ? take_back(first_of_one, edge<LogI<Outer>> - 1, b) : 0;
    if (middle > 0) {
      evaluate<LogKMiddle>(middle, v.one, b);
      for (int g = 0; g < edge<LogKMiddle>; ++g)
        scatter(b.results(g).a, b.place + b.first[g], b.size[g], k_here);
    }
  });
}

void batch_i_ratio(Operand v, Operand x, double *ratio, double *complement,
                   std::size_t n) noexcept {
  over_blocks(v, x, n, [=](std::size_t start, int m, Block &b) LATHE_BESSEL_LAMBDA {
    evaluate<RatioI>(m, v.one, b);
    unload<RatioI>(b, StoreRatio{advance(ratio, start), advance(complement, start)});
  });
}

// The sorted x is the iterate, column c the folded ratio and in the end the result.
template <bool from_complement>
void batch_inverse(Operand v, Operand r, double *out, std::size_t n) noexcept {
  using Inverse = InverseRatioI<from_complement>;
  over_blocks(v, r, n, [=](std::size_t start, int m, Block &b) LATHE_BESSEL_LAMBDA {
    sort<Inverse>(m, b);
    double *const value = b.result[0], *const complement = b.result[1], *const t = b.result[2];
    const int size = b.first[edge<Inverse>];
#pragma omp simd
    for (int j = 0; j < size; ++j) {
      t[j] = b.x[j];
      b.x[j] = inverse_ratio_start(b.v[j], t[j]);
    }
    for (int k = 0; k < Inverse::steps; ++k) {
      run_groups(RatioI::Expansions{}, 0, v.one, b);
#pragma omp simd
      for (int j = 0; j < size; ++j)
        b.x[j] = halley_step(b.v[j], t[j], b.x[j], {value[j], complement[j]});
    }
    for (int j = 0; j < size; ++j)
      t[j] = b.x[j];
    unload<Inverse>(b, StoreInverse<Inverse>{out + start});
  });
}

} // namespace

const Batches LATHE_BESSEL_ISA = {
    .batch = batch<Debye>,
    .batch_fast = batch<DebyeFast>,
    .batch_i_ratio = batch_i_ratio,
    .batch_inverse = batch_inverse<false>,
    .batch_inverse_complement = batch_inverse<true>,
};

} // namespace lathe::bessel
