// SPDX-License-Identifier: BSD-2-Clause
// The Matérn correlation of smoothness ν > 0 (Matérn 1960; Stein, Interpolation of Spatial Data,
// 1999, §2.7),
//
//   M_ν(z) = 2^(1-ν)/Γ(ν) z^ν K_ν(z),   M_ν(0) = 1,
//
// with what fitting and prediction need: its complement and logarithm without cancellation and its
// derivatives by z and ν. Not exp of log K_ν plus the rest: those terms cancel, which costs
// |log K_ν|/|log M| eps, so that near-duplicate sites would see noise where 1-M is tiny.
//
// With w = √(ν²+z²), δ = w-ν, y = z²/4, n the integer nearest ν and ε = ν-n:
//   small y   1-M = Σ a_k y^k, where the pole of a_n and the branch y^ν are joined into a divided
//             difference by ε (as Temme, J. Comput. Phys. 19, 1975, does for K_ν), z < ¾ or
//             y < 0.4 (ν-1);
//   w < 110   K_ν(z) = ½ e^-w ((ν+w)/z)^ν ∫ exp(-δ (cosh s - 1) - ν (e^s - 1 - s)) ds, every
//             term of the exponent positive, by the trapezoidal rule with at most 64 nodes;
//   else      Debye's expansion (kernels/debye.h);
//   ν = ½, 3/2, … 17/2: M itself is e^-z times a polynomial (kernels/half_integer.h).
// For ν → ∞ the functions tend to 1 at fixed z, and M_ν(√(2ν) t) to exp(-t²/2), with no loss of
// accuracy on the way: ν = 1e15 is as good as ν = 2.
//
// Errors in units of 2^-52, for normal results and z: log M and 1-M 8 relative; M relative
// 5 + 1.25 |log M| (that of z itself); ∂M/∂z and ∂M/∂ν 8 + 1.25 |log M|, relative to the value or
// to M min(1, z²) if that is larger; ∂²M/∂z² 8 + 1.25 |log M|, relative to M + |2ν-1| |∂M/∂z|/z, of
// which it is the sum. Class R0: the same bits everywhere, alone or in a batch.
#pragma once
#include <span>

namespace lathe::bessel {

struct MaternDerivatives {
  double value, complement, log; // M, 1-M, log M
  double dz, dnu;                // ∂M/∂z, ∂M/∂ν
  double dzz;                    // ∂²M/∂z²
};

/// M_ν with everything that depends on ν alone worked out once (about 2 µs). ν ≤ 0 or NaN: every
/// result is NaN, as it is for z < 0. Cost on one core with AVX2: 70 ns (series) to 200 ns
/// (integral) a value, 15 ns for half-integer ν.
class Matern {
public:
  explicit Matern(double nu) noexcept;

  [[nodiscard]] double nu() const noexcept { return nu_; }
  [[nodiscard]] double value(double z) const noexcept;
  [[nodiscard]] double complement(double z) const noexcept;
  [[nodiscard]] double log(double z) const noexcept;
  [[nodiscard]] MaternDerivatives derivatives(double z) const noexcept;

  /// out[i] = M(z[i]); spans of equal length, which may be the same.
  void values(std::span<const double> z, std::span<double> out) const noexcept;
  void derivatives(std::span<const double> z, std::span<MaternDerivatives> out) const noexcept;

private:
  struct Parts;
  struct Radius;
  enum class Want { value, logs, derivatives };
  template <Want want> [[nodiscard]] Parts parts(double z) const noexcept;
  template <Want want> [[nodiscard]] Parts series(double z) const noexcept;
  template <Want want> [[nodiscard]] Parts integral(double z, const Radius &) const noexcept;
  template <Want want> [[nodiscard]] Parts debye(double z, const Radius &) const noexcept;
  void prepare_series() noexcept;
  void prepare_gamma() noexcept;

  static constexpr int powers = 21, tail_terms = 13;
  double nu_, eps_ = 0;
  int degree_ = -1; // of the closed form, if there is one
  double polynomial_[9] = {};
  int n_ = 0;
  double y_unit_ = 1;
  // 1-M = Σ_{1≤k<n} a_k y^k + y^n Σ_m y^m (α_m - ψ β_m), ψ = (y^ε - 1)/ε; slopes are by ν.
  double a_[powers] = {}, a_slope_[powers] = {};
  double alpha_[tail_terms] = {}, alpha_slope_[tail_terms] = {};
  double beta_[tail_terms] = {}, beta_slope_[tail_terms] = {};
  double branch_ = 0, branch_slope_ = 0; // Γ(1-ν)/Γ(1+ν), for n = 0
  double scale_ = 0;                     // ν^ν e^-ν / Γ(ν)
  double stirling_ = 0;                  // log Γ(ν) - (ν-½) log ν + ν - ½ log 2π
  double stirling_slope_ = 0;            // its derivative
};

/// One value, of a Matern made for it.
inline double matern(double nu, double z) noexcept {
  return Matern(nu).value(z);
}

} // namespace lathe::bessel
