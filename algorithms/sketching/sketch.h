// SPDX-License-Identifier: BSD-2-Clause
// A sketch: a random linear map S of R^m into R^d, d ≪ m, that nearly keeps the norms of the
// vectors of a low-dimensional subspace (E SᵀS = I). It is given by kind, seed and sizes; entry (r,
// i) is a function of these and of r and i alone, so S is never stored and is the same on every
// number of ranks.
//
//   lathe::sketching::Sketch s{.rows = 4 * n, .columns = m, .seed = 7};   // S is 4n × m
//   std::vector<PetscScalar> sa;
//   PetscCall(lathe::sketching::SketchApply(s, A, sa));                  // S·A on every rank
#pragma once
#include "core/petsc_compat.h"
#include <petscmat.h>
#include <cstdint>
#include <vector>

namespace lathe::sketching {

enum class SketchKind {
  /// ζ = `nonzeros` CountSketches of about d/ζ rows, one on top of the other, over √ζ: ζ entries
  /// ±1/√ζ a column, one in each. The safe default (Camaño, Epperly, Meyer, Tropp,
  /// arXiv:2508.21189).
  SparseStack,
  /// ζ entries ±1/√ζ a column in ζ distinct rows (Cohen, SODA 2016; Kane, Nelson, J. ACM 2014).
  SparseSign,
  /// One entry ±1 a column (Clarkson, Woodruff, J. ACM 2017). Fails on matrices whose column space
  /// lies in few rows unless d is of order n².
  CountSketch,
};

struct Sketch {
  SketchKind kind = SketchKind::SparseStack;
  std::int64_t rows = 0;    ///< d, 1 to 2³¹ − 1
  std::int64_t columns = 0; ///< m, the rows of the matrices that it is applied to
  std::uint64_t seed = 0;
  int nonzeros = 8; ///< ζ of SparseStack and SparseSign, 1 to min(d, 64)
  /// Sums whose bits do not depend on the ranks (class R0). Without it they are rounded as they
  /// come (class R2), except that sums of integers below 2⁵³ are exact either way.
  bool reproducible = true;
};

/// "sparse_stack", …
const char *name_of(SketchKind kind) noexcept;

/// Number of entries ±1 in a column, ζ; 0 for dense kinds.
int nonzeros_of(const Sketch &sketch) noexcept;

/// CheckSketch - refuse a description that cannot be: sizes and ζ out of range, or columns ≠ m.
/// Collective on comm (every rank holds the same description).
/// err  ARG_OUTOFRANGE, ARG_SIZ, with the option of -mat_type sketch that mends it
PetscErrorCode CheckSketch(MPI_Comm comm, const Sketch &sketch, std::int64_t m);

/// SketchApply - S·A, or S·[A b]. Collective on A.
///   in   a   m × n, MATDENSE or MATAIJ, any distribution of its rows
///        b   of m entries in the layout of the rows of A; nullptr: none
///   out  sa  d × n, or d × (n + 1) with S·b last, column-major, the same on every rank
/// Two reductions: of n maxima and of 2·d·n sums (reproducible), or one of d·n (plain).
/// Accuracy: an entry of column j is off by at most one rounding of the scale 1/√ζ, one of the sum
/// and, reproducible, m·2^(2p−107) max_i |a_ij|, 2^p being the least power of two > 2m: 3·10⁻¹⁴
/// max_i |a_ij| even if all of a million rows met in one entry.
/// Class R0, or R2 when not reproducible. Cost: ζ additions an entry of A (2ζ reproducible).
/// Memory on every rank: 3·d·n numbers (reproducible), 2·d·n (plain).
///   err  FP  an entry is not finite (reproducible; the message names it); as CheckSketch; SUP type
PetscErrorCode SketchApply(const Sketch &sketch, Mat a, Vec b, std::vector<PetscScalar> &sa);
inline PetscErrorCode SketchApply(const Sketch &sketch, Mat a, std::vector<PetscScalar> &sa) {
  return SketchApply(sketch, a, nullptr, sa);
}

/// S·b, d numbers, the same on every rank. Collective on b. As SketchApply.
PetscErrorCode SketchApply(const Sketch &sketch, Vec b, std::vector<PetscScalar> &sb);

} // namespace lathe::sketching
