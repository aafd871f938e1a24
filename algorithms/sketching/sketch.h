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
#include <array>
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
  /// Independent N(0, 1/d) (gaussian.h).
  Gaussian,
  /// Independent ±1/√d (gaussian.h).
  Rademacher,
  /// Subsampled randomized Hadamard transform (trigonometric.h; Tropp, Adv. Adapt. Data Anal.
  /// 2011).
  /// With one round a matrix that lives in few rows can come out singular.
  Srht,
  /// The same with cosine transforms.
  SrctCosine,
  /// Subsampled randomized circulant transform (Song, Ye, Yin, Zhang, ICML 2023).
  SrctCirculant,
  /// SRHT of blocks of rows, one reduction (Balabanov, Beaupère, Grigori, Lederer, ICML 2023).
  BlockSrht,
  /// Of rows numbered by several indices, m = m₁·…·m_q, without forming what is a Kronecker or
  /// Khatri-Rao product (tensor_sketch.h): sparse,
  TensorSketch,
  /// by Hadamard transforms,
  KroneckerSrht,
  /// and dense.
  KhatriRao,
};

/// Of a sketch of tensor structure; the rows that it needs grow with 3^q.
inline constexpr int max_factors = 6;

struct Sketch {
  SketchKind kind = SketchKind::SparseStack;
  std::int64_t rows = 0;    ///< d, 1 to 2³¹ − 1
  std::int64_t columns = 0; ///< m, the rows of the matrices that it is applied to
  std::uint64_t seed = 0;
  int nonzeros = 8;          ///< ζ of SparseStack, SparseSign, TensorSketch, 1 to min(d, 64)
  int rounds = 2;            ///< signs and transforms of the kinds with rounds, 1 to 8
  std::int64_t block = 4096; ///< rows of a block of BlockSrht, rounded up to 2^k ≥ d
  /// Sums whose bits do not depend on the ranks (class R0). Without it they are rounded as they
  /// come (class R2), except that sums of integers below 2⁵³ are exact either way.
  bool reproducible = true;
  /// Srht: rows of the transform drawn with replacement, so that d may exceed its length.
  bool replacement = false;
  /// m₁ … m_q of a kind of tensor structure, in the order of a Kronecker product; zeros: no more.
  std::array<std::int64_t, max_factors> factors{};
};

/// "sparse_stack", …
const char *name_of(SketchKind kind) noexcept;

/// Number of entries ±1 in a column, ζ; 0 for dense kinds.
int nonzeros_of(const Sketch &sketch) noexcept;

/// Of the kinds in trigonometric.h.
bool is_transform(SketchKind kind) noexcept;

/// Of the kinds in tensor_sketch.h.
bool is_tensor(SketchKind kind) noexcept;

/// q, the entries of `factors` before the first 0.
int factor_count(const Sketch &sketch) noexcept;

/// CheckSketch - refuse a description that cannot be: sizes and ζ out of range, factors whose
/// product is not the number of columns, or columns ≠ m.
/// Collective on comm (every rank holds the same description).
/// err  ARG_OUTOFRANGE, ARG_SIZ, with the option of -mat_type sketch that mends it
PetscErrorCode CheckSketch(MPI_Comm comm, const Sketch &sketch, std::int64_t m);

/// SketchApply - S·A, or S·[A b]. Collective on A.
///   in   a   m × n, any distribution of its rows; MATDENSE, MATAIJ, or any type with
///            MatMultTranspose, which costs d of these and is of class R2
///        b   of m entries in the layout of the rows of A; nullptr: none
///   out  sa  d × n, or d × (n + 1) with S·b last, column-major, the same on every rank
/// Class R0, or R2 when not reproducible (Srht, SrctCosine and SrctCirculant: R0 either way). With
/// BLAS or FFTW inside (Gaussian and Rademacher of dense matrices, Srct): for one build and number
/// of threads of these.
/// Communication: one reduction of d·n numbers, 2·d·n and one of n maxima when reproducible. Srht,
/// SrctCosine and SrctCirculant: every entry of A travels once. Reproducible sketches of dense
/// matrices: the rows of at most one block (README.md) leave or reach a rank.
/// Operations an entry of A: ζ additions; 2d (Gaussian, Rademacher) and the generation of S;
/// rounds·log₂ of the length (transforms).
/// Memory on every rank: 3·d·n numbers (reproducible), 2·d·n (plain), and 16 MB for their
/// reduction; for transforms also 64 MB or a column of A, whichever is more.
/// Accuracy: README.md.
///   err  FP  an entry is not finite (reproducible or transform; the message names it);
///        as CheckSketch
PetscErrorCode SketchApply(const Sketch &sketch, Mat a, Vec b, std::vector<PetscScalar> &sa);
inline PetscErrorCode SketchApply(const Sketch &sketch, Mat a, std::vector<PetscScalar> &sa) {
  return SketchApply(sketch, a, nullptr, sa);
}

/// SketchApplyRight - A·Sᵀ, m × d, for a sketch with as many columns as A. Collective on A.
///   in   a   MATDENSE, MATAIJ, or any type with MatMult, which costs d of these and is of class R2
///   out  as  MATDENSE with the rows of A; the caller destroys it
/// Class R0: a row is sketched by its rank, in the order of the columns. No communication for
/// MATDENSE and MATAIJ. Memory: the result, for kinds with more than ζ entries a column twice, for
/// transforms also the rows of this rank in dense form. Errors as CheckSketch.
PetscErrorCode SketchApplyRight(const Sketch &sketch, Mat a, Mat *as);

/// S·b, d numbers, the same on every rank. Collective on b. As SketchApply.
PetscErrorCode SketchApply(const Sketch &sketch, Vec b, std::vector<PetscScalar> &sb);

} // namespace lathe::sketching
