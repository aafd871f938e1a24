// SPDX-License-Identifier: BSD-2-Clause
// The kernels behind normal_residual.h, compiled once for each instruction set; the widest that the
// processor has is chosen at run time. Their sums differ in the last bits of the last term only.
#pragma once
#include <cstddef>
#include <cstdint>

namespace lathe::sketching {

/// Rows of the tiles that passes over a dense matrix go through: 256 kB, unless that were less than
/// four lines of each column.
inline constexpr std::size_t least_tile_rows = 32, most_tile_rows = 256;
inline constexpr std::size_t tile_rows(std::size_t cols) {
  constexpr std::size_t numbers = 32768;
  const std::size_t rows = cols > 0 ? numbers / cols / least_tile_rows * least_tile_rows : numbers;
  return rows < least_tile_rows ? least_tile_rows : rows < most_tile_rows ? rows : most_tile_rows;
}

/// Rows of a matrix, dense by columns or sparse by rows, and the vectors that go with them.
struct NormalRows {
  std::size_t rows = 0, cols = 0;
  const double *dense = nullptr; // entry (i, j) at i + j·ld; or
  std::size_t ld = 0;
  const std::size_t *offset = nullptr; // row i is [offset[i], offset[i + 1]) of value and
  const double *value = nullptr;
  const void *column = nullptr;   // int32_t or int64_t
  const double *scale = nullptr;  // of each column, a power of two; null: 1
  const double *x = nullptr;      // term k of number j at k·cols + j
  const double *b = nullptr;      // null: 0
  const double *weight = nullptr; // null: 1
  double *tile = nullptr;         // dense: tile_rows(cols)·cols numbers
  double *sum = nullptr;          // see NormalKernel
  double *residual = nullptr;     // out: r rounded; null: not wanted
  double norm2 = 0;               // += Σ weight·r²
};

/// sum += (A·diag(scale))ᵀ·diag(weight)·(b − A·diag(scale)·x); the terms of column j are lanes wide
/// (dense: `lanes` partial sums each; sparse: one), at sum[(terms·j + k)·lanes].
using NormalKernel = void (*)(NormalRows &) noexcept;

/// Rows to be multiplied by R⁻¹ in two terms, R upper triangular: W in place of A, W·R = A.
struct TriangularRows {
  std::size_t rows = 0, cols = 0;
  double *w = nullptr; // A, then W rounded; entry (i, j) at i + j·ld
  std::size_t ld = 0;
  const double *r = nullptr; // column-major, leading dimension cols; no zero on its diagonal
  double *work = nullptr;    // 2·substitution_rows·cols numbers
};
inline constexpr std::size_t substitution_rows = 16;

/// Every row w of W is that of an R with entries changed by cols·2⁻¹⁰⁴ of themselves, at most: so
/// |δw| ≤ cols·2⁻¹⁰⁴·|w||R||R⁻¹| before it is rounded. The same bits for each instruction set.
using SubstitutionKernel = void (*)(const TriangularRows &) noexcept;

struct NormalIsa {
  const char *name;
  std::size_t lanes;
  NormalKernel dense[3];    // by number of terms less 1
  NormalKernel sparse32[3]; // indices of 32 bits
  NormalKernel sparse64[3];
  SubstitutionKernel substitute;
};

extern const NormalIsa normal_generic;
#ifdef LATHE_NORMAL_X86
extern const NormalIsa normal_avx2, normal_avx512;
#endif

/// Those that this processor can run, the preferred one last; null-terminated.
const NormalIsa *const *available_normal_isas() noexcept;
const NormalIsa &normal_isa() noexcept;

} // namespace lathe::sketching
