// SPDX-License-Identifier: BSD-2-Clause
// Cholesky factorisation of one sparse Hermitian matrix, serial: multifrontal (Duff and Reid, ACM
// TOMS 9 (1983)) on dense BLAS kernels, without pivoting, so that Higham's a-priori error bound
// applies as it does to textbook Cholesky: L·Lᴴ = B + E with
//   |E| ≤ γ_K·|L||L|ᴴ,   K = 5 + largest number of entries in a row of L
// (Accuracy and Stability of Numerical Algorithms, Theorem 10.3 and Lemma 8.4: any order of
// summation). Success therefore proves λ_min(B) ≥ −γ_K·‖|L|‖₂².
#pragma once
#include "core/dense.h"
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lathe {

/// Rows of a square matrix; for the Hermitian ones here, both triangles are stored.
template <class T> struct SparseRows {
  std::vector<std::size_t> offset{0}; // n + 1
  std::vector<std::int32_t> column;   // increasing within a row
  std::vector<T> value;
  [[nodiscard]] std::size_t order() const { return offset.size() - 1; }
};

/// T: double or complex<double>.
template <class T> class SparseCholesky {
public:
  /// Order the unknowns and predict the factor of matrices with the pattern of h. False, with
  /// nothing to be factored, when the factor would have more than `budget` entries.
  /// Cost: nested_dissection and O(entries of L).
  bool analyse(const SparseRows<T> &h, double budget);

  /// Entries of L (exact fill), and multiplications of a factorisation; after analyse().
  [[nodiscard]] double entries() const { return entries_; }
  [[nodiscard]] double multiplications() const { return multiplications_; }

  /// Factor B = fl(shift·I + sign·h), sign ±1: the diagonal is rounded once, the rest exact. False
  /// when a pivot is not a positive finite number, or stop_asked(): then nothing may be solved.
  /// Memory: the entries of L and a quarter more for zeros stored in its dense blocks, and the
  /// fronts under way.
  bool factor(const SparseRows<T> &h, double shift, double sign);

  /// x ← B⁻¹x; n entries.
  void solve(T *x);

  /// K above, and λ_min(B) ≥ −rounding() after factor() succeeded, rounded up. Two or three sweeps
  /// over L: ‖|L|‖₂² ≤ max_i (|L||L|ᴴu)_i / u_i for u > 0.
  [[nodiscard]] double roundings() const { return longest_row_ + 5; }
  [[nodiscard]] double rounding() const;
  /// Largest diagonal entry of B.
  [[nodiscard]] double largest_diagonal() const { return largest_diagonal_; }

private:
  struct Supernode {
    std::int32_t first, columns; // of L
    std::size_t rows;            // begin of the rows below them in row_; `below` many
    std::int32_t below, parent;
    std::size_t values; // begin in value_ of a (columns + below) × columns block, column-major
  };
  void eliminate_tree(const SparseRows<T> &h);
  bool count(const SparseRows<T> &h, double budget);
  void form_supernodes();
  void find_rows(const SparseRows<T> &h);
  void assemble(const SparseRows<T> &h, const Supernode &s, double shift, double sign, T *block);
  [[nodiscard]] std::size_t height(const Supernode &s) const {
    return static_cast<std::size_t>(s.columns) + static_cast<std::size_t>(s.below);
  }

  std::vector<std::int32_t> order_, position_; // new → old, old → new
  std::vector<std::int32_t> parent_, column_count_;
  std::vector<Supernode> supernodes_;
  std::vector<std::int32_t> row_, place_;
  std::vector<T> value_, work_;
  double entries_ = 0, multiplications_ = 0, longest_row_ = 0, largest_diagonal_ = 0;
};

} // namespace lathe
