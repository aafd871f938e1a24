// SPDX-License-Identifier: BSD-2-Clause
// The symbol of a convolution, D(ω) = Σ_a W_a·e^{−iω·x_a}, and its evaluation with a proven error.
//
// On a torus of N points the layer is block-diagonal in the Fourier basis with blocks D(2πj/N), so
// its norm is max_j ‖D(2πj/N)‖₂ (Sedghi, Gupta, Long, ICLR 2019). Stride s turns into polyphase
// columns: δ·a = s·v + r puts tap a into lattice position v and column block r. Dilation only moves
// the positions x_a; a kernel larger than the torus wraps around, because phases are taken modulo
// N.
#pragma once
#include "lipschitz/convolution.h"
#include <array>
#include <complex>
#include <cstddef>
#include <vector>

namespace lathe::lipschitz {

using Lattice = std::array<std::int64_t, 3>;
using Complex = std::complex<double>;

/// Product by the formula, without the special cases for infinities of std::complex.
inline Complex multiply(const Complex &a, const Complex &b) noexcept {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// One group of a layer as matrices on the strided lattice, with rows ≥ cols (transposed when it
/// has more inputs than outputs: D and Dᵀ have the same norm).
struct Symbol {
  std::size_t rows = 0, cols = 0;
  std::vector<Lattice> position; ///< x_a ≥ 0 of each matrix
  std::vector<double> taps;      ///< matrix a is rows×cols, column-major, at a·rows·cols
  Lattice reach{0, 0, 0};        ///< largest position along each axis
  bool transposed = false;
  std::vector<std::size_t> tap_position; ///< matrix that kernel tap a went into …
  std::vector<std::size_t> tap_residue;  ///< … and its block of polyphase columns

  [[nodiscard]] std::size_t count() const noexcept { return position.size(); }
  [[nodiscard]] const double *tap(std::size_t a) const noexcept {
    return taps.data() + a * rows * cols;
  }
};

/// Symbol of group `group` with weights·2^−exponent. Polyphase columns that no tap meets are left
/// out. Memory: cout/groups·cin/groups·(number of lattice positions)·(residues in use).
Symbol make_symbol(const ConvolutionGeometry &geometry, const double *weight, std::int64_t group,
                   int exponent);

/// Exponent e with 2^(e−1) ≤ max|w| < 2^e; 0 when all weights are zero.
int weight_exponent(const double *weight, std::int64_t count) noexcept;

/// e^{2πi·t/N} for 0 ≤ t < N ≤ 2⁵⁹. The argument is reduced to an octant in integers, so t = 0,
/// N/4, N/2 and 3N/4 are exact; |error| ≤ unit_root_error in modulus.
Complex unit_root(std::int64_t t, std::int64_t n) noexcept;
extern const double unit_root_error;

/// The frequencies 2πj/N of a torus, one of each pair {j, −j}, numbered without a table: the blocks
/// D(ω) and D(−ω) of a real kernel are conjugate.
class HalfSpectrum {
public:
  explicit HalfSpectrum(const Lattice &extent) noexcept : n_(extent) {}
  [[nodiscard]] std::int64_t size() const noexcept { return count(3); }
  /// Frequency k, 0 ≤ k < size().
  [[nodiscard]] Lattice operator[](std::int64_t k) const noexcept;
  [[nodiscard]] const Lattice &extent() const noexcept { return n_; }

private:
  [[nodiscard]] std::int64_t count(int axes) const noexcept;
  Lattice n_;
};

/// Phases e^{−iω·x} on a torus; a table for each axis of at most 2¹⁶ points, direct evaluation
/// beyond.
class Phases {
public:
  explicit Phases(const Lattice &extent);
  /// e^{−2πi Σ j_l·x_l/N_l}; |error| ≤ error() in modulus.
  [[nodiscard]] Complex operator()(const Lattice &j, const Lattice &x) const noexcept;
  [[nodiscard]] double error() const noexcept { return error_; }
  /// The factor of one axis, e^{−2πi·j·x/N}.
  [[nodiscard]] Complex axis(int i, std::int64_t j, std::int64_t x) const noexcept;

private:
  Lattice n_;
  std::array<std::vector<Complex>, 3> table_;
  double error_ = 0;
};

/// Rigorous bound of ‖P‖₂ for P = Σ_a|W_a|: every evaluation error is measured by it.
double absolute_norm(const Symbol &symbol);

/// Upper bound of ‖A‖₂ for a nonnegative A (rows×cols, column-major) by two Collatz–Wielandt steps,
/// ‖A‖₂² ≤ max_j (AᵀAv)_j/v_j for any v > 0; rigorous.
double nonnegative_norm(const double *a, std::size_t rows, std::size_t cols);

/// D(ω), rows×cols column-major, straight from the taps. Entrywise
/// |error| ≤ symbol_error(…)·Σ_a|W_a|. `work`: 2·rows·cols doubles.
void evaluate_symbol(const Symbol &symbol, const Phases &phases, const Lattice &j, double *work,
                     Complex *d);
double symbol_error(const Symbol &symbol, const Phases &phases) noexcept;

} // namespace lathe::lipschitz
