// SPDX-License-Identifier: BSD-2-Clause
// The kernels of the sketches as compiled for one instruction set (isa_kernels.cpp); the widest
// that the processor has is chosen at run time. All give the same codes and normals, and the same
// sums where sums are exact.
#pragma once
#include "sketching/sparse_stack.h"

namespace lathe::sketching {

struct Isa {
  const char *name;
  /// codes[k·ζ + z] ← entry z of column first + k, k < count.
  void (*codes)(const SparseColumns &s, std::int64_t first, std::int64_t count,
                Code *codes) noexcept;
  /// largest |entry| of each column; infinite or NaN when one is not finite.
  void (*largest)(const ColumnRows &a, double *largest) noexcept;
  /// sums += S·A over these rows, in the layout of panel_place, block by block (block_rows) from
  /// the first row on. `rounding`: of the sums of blocks, one a column, padded to padded(columns),
  /// or nullptr for plain sums. Room: `work` work_codes(s), `block` work_sums(s).
  void (*add_rows)(const SparseColumns &s, const ColumnRows &a, const ColumnRounding *rounding,
                   Code *work, double *block, double *sums) noexcept;
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
