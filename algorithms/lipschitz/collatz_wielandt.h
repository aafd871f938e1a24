// SPDX-License-Identifier: BSD-2-Clause
// Rigorous upper bound of ‖A‖₂ from the moduli of the entries alone:
//   ‖A‖₂² ≤ ‖|A|‖₂² ≤ max_j (|A|ᵀ|A|v)_j / v_j   for every v > 0
// (Collatz 1942, Wielandt 1950), improved by power iteration v ← |A|ᵀ|A|v. With v = 1 it is at most
// the classical ‖A‖₁‖A‖_∞. The limit is ‖|A|‖₂, which equals ‖A‖₂ for nonnegative matrices and for
// sign-balanced ones, D₁AD₂ = |A| with diagonal signs (stencils on bipartite graphs).
//
// Every term is nonnegative, so rounding is one relative factor and the bound holds for the stored
// entries. Cost: two products and one reduction a step. Class R0.
#pragma once
#include "lipschitz/linear_operator.h"

namespace lathe::lipschitz {

// A reducible matrix drives components of v to zero and its ratios to 0/0; entries below this share
// of the largest one cost a bound no digit that matters.
inline constexpr double smallest_share = 1e-14;

class CollatzWielandt {
public:
  /// v = 1. A must be assembled() and not zero().
  explicit CollatzWielandt(LinearOperator &A);

  /// At most `steps` further steps; ends early once upper() ≤ (1 + tolerance)·absolute_lower(), or
  /// after five steps that gain nothing. Collective.
  PetscErrorCode Iterate(int steps, double tolerance);
  /// One step from |start| with zeros lifted; keeps its own vector when that is the better one.
  PetscErrorCode TryVector(const std::vector<PetscReal> &start);

  /// Of ‖2^-e·|A|‖₂, rounded up; valid after the first step.
  [[nodiscard]] double upper() const { return upper_; }
  /// ‖|A|v‖/‖v‖ to rounding: `upper` can never fall below it.
  [[nodiscard]] double absolute_lower() const { return absolute_lower_; }
  [[nodiscard]] const std::vector<PetscReal> &vector() const { return v_; }
  [[nodiscard]] int steps() const { return steps_; }

private:
  PetscErrorCode Step();

  LinearOperator &A_;
  std::vector<PetscReal> v_, w_, next_;
  double upper_ = 0, absolute_lower_ = 0;
  int steps_ = 0;
};

} // namespace lathe::lipschitz
