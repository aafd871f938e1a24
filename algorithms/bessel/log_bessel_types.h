// SPDX-License-Identifier: BSD-2-Clause
// Types that the functions and their kernels share.
#pragma once

namespace lathe::bessel {

/// full: error bounds of log_bessel.h. fast: outside the ellipse (v/14.8)² + (x/24.6)² = 1 the
/// leading term is formed in plain double; error at most 4·2^-52 max(1, |f|, √(v² + x²)), that of
/// rounding v and x to double; about half the time.
enum class Accuracy { full, fast };

/// f, ∂f/∂x, ∂f/∂v and ∂²f/∂x² of f = log I or log K.
struct LogBesselDerivatives {
  double value, dx, dv, dxx;
};

} // namespace lathe::bessel
