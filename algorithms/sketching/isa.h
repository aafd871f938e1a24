// SPDX-License-Identifier: BSD-2-Clause
// The kernels of the sketches as compiled for one instruction set (isa_kernels.cpp); the widest
// that the processor has is chosen at run time. All give the same codes and normals, and the same
// sums where sums are exact.
#pragma once
#include "sketching/gaussian.h"
#include "sketching/sparse_stack.h"

namespace lathe::sketching {

struct Isa {
  const char *name;
  /// codes[k·ζ + z] ← entry z of column first + k, k < count.
  void (*codes)(const SparseColumns &s, std::int64_t first, std::int64_t count,
                Code *codes) noexcept;
  /// largest |entry| of each column; infinite or NaN when one is not finite.
  void (*largest)(const ColumnRows &a, double *largest) noexcept;
  /// sums += S·A over rows begin … begin + rows − 1 of `a`, at most block_rows(s), in the layout of
  /// panel_place. `rounding`: of the sums of blocks, one a column, padded to padded(columns), or
  /// nullptr for plain sums. Room: `work` work_codes(s), the codes of these rows at its front, and
  /// `block` work_sums(s).
  void (*add_block)(const SparseColumns &s, const ColumnRows &a, std::int64_t begin,
                    std::int64_t rows, const ColumnRounding *rounding, Code *work, double *block,
                    double *sums) noexcept;
  /// out[k·entry_rows(d) + r] ← entry r of column first + k of a dense sketch, not yet divided by
  /// √d, k < count; what stands beyond d is of no use.
  void (*entries)(const DenseEntries &s, std::int64_t first, std::int64_t count,
                  double *out) noexcept;
  /// sums[r] += factor·x[r], or, with rounding, its parts: high[r], low[r]; r < n.
  void (*add_scaled)(const double *x, std::int64_t n, double factor, const ColumnRounding *rounding,
                     double *high, double *low) noexcept;
  /// x ← H x, n a power of two, H the Hadamard matrix of Sylvester with entries ±1.
  void (*hadamard)(double *x, std::int64_t n) noexcept;
  /// signs[k] ← ±1 from bit k mod 32 of word (k / 32) mod 4 of random::words(seed, stream, k /
  /// 128), for `first` ≤ k < first + count, at signs[k − first]; `first` a multiple of 128.
  void (*signs)(std::uint64_t seed, std::uint64_t stream, std::int64_t first, std::int64_t count,
                double *signs) noexcept;
};

extern const Isa isa_generic;
#ifdef LATHE_SKETCHING_X86
extern const Isa isa_avx2, isa_avx512;
#endif

/// Tables that this processor can run, the preferred one last; null-terminated.
const Isa *const *available_isas() noexcept;

/// The preferred one.
const Isa &isa() noexcept;

} // namespace lathe::sketching
