// SPDX-License-Identifier: BSD-2-Clause
// Sketches that mix the rows by fast transforms and keep d of them. Kernels: no PETSc objects.
//
//   Srht           √(1/d) R (H D₂ /√M) H D₁, H the M × M Hadamard matrix (±1), M = 2^k ≥ m, d
//   SrctCosine     √(m/d) R C D₂ C D₁, C the orthonormal cosine transform (DCT-II)
//   SrctCirculant  √(1/d) R C D, C_ij = c_(i−j mod m), c of signs
//   BlockSrht      as Srht for each block of `block` rows, times a diagonal of signs of that block
//   on
//                  the left; the sum over the blocks (Balabanov, Beaupère, Grigori, Lederer,
//                  ICML 2023). R is the same for all.
//   KroneckerSrht  as Srht, M the product of M_k = 2^k ≥ m_k, D the Kronecker product of the
//                  diagonals of the factors (tensor_sketch.h): H is that of the H of the factors
// D: diagonals of signs; R: d rows, chosen without replacement, or with it (KroneckerSrht and on
// request). `rounds` is the number of pairs of a D and a transform, 2 above.
#pragma once
#include "sketching/sketch.h"
#include <memory>
#include <vector>

namespace lathe::sketching {

class Mixing {
public:
  /// May throw bad_alloc. Preconditions: CheckSketch.
  explicit Mixing(const Sketch &sketch);
  ~Mixing();
  Mixing(const Mixing &) = delete;
  Mixing &operator=(const Mixing &) = delete;

  /// Numbers that are transformed at a time: M, m, or the rows of a block.
  [[nodiscard]] std::int64_t length() const { return length_; }
  /// Where they are put, zeros behind them, and changed in place by what follows.
  [[nodiscard]] double *buffer() const { return buffer_; }
  /// S times the buffer, d numbers, for rows block·length() … of the matrix (block 0 unless
  /// BlockSrht), not yet divided by divisor().
  void apply(std::int64_t block, double *out);
  /// The buffer ← those rows of Sᵀy, not yet divided.
  void apply_transposed(std::int64_t block, const double *y);

  [[nodiscard]] double divisor() const { return divisor_; }
  /// Results are at most 2^growth() times the largest number of the buffer.
  [[nodiscard]] int growth() const { return growth_; }

private:
  struct Plans;
  struct Factor {
    Sketch sketch;
    std::int64_t length;
  };
  void choose_rows();
  void choose_signs(std::int64_t block);
  void choose_product_signs();
  void spread();
  void gather();
  void flip(int round);
  void transform(bool transposed);

  Sketch sketch_;
  std::int64_t length_ = 1;
  int rounds_ = 1, growth_ = 0;
  double divisor_ = 1;
  double *buffer_ = nullptr;
  std::vector<std::int64_t> rows_;
  std::int64_t block_ = -1;          // that the signs are of
  std::vector<double> signs_, left_; // of every round; on the left
  std::unique_ptr<Plans> plans_;     // of FFTW; null for Hadamard transforms
  std::vector<Factor> factors_;      // of KroneckerSrht
};

/// Rows of a block of BlockSrht: the given number, or more when d needs it; a power of two.
std::int64_t block_length(const Sketch &sketch) noexcept;

} // namespace lathe::sketching
