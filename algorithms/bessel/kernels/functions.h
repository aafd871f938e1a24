// SPDX-License-Identifier: BSD-2-Clause
// log I, log K and their derivatives as lists of expansions.
#pragma once
#include "bessel/kernels/expansions.h"
#include "bessel/kernels/macdonald_small.h"

namespace lathe::bessel::kernel {

// Expansions; at<Form>: steps.h; invariant_in_v: much of the work depends on v alone.

template <int terms> struct Debye {
  static constexpr bool invariant_in_v = false;
  template <class> static LATHE_BESSEL_INLINE Both at(double v, double x) noexcept {
    return debye<terms>(v, x);
  }
};
template <int terms> struct DebyeFast {
  static constexpr bool invariant_in_v = false;
  template <class> static LATHE_BESSEL_INLINE Both at(double v, double x) noexcept {
    return debye_fast<terms>(v, x);
  }
};
template <int terms> struct SeriesI {
  static constexpr bool invariant_in_v = true;
  template <class Form> static LATHE_BESSEL_INLINE double at(double v, double x) noexcept {
    return log_i_series<Form, terms>(v, x);
  }
};
struct SmallK {
  static constexpr bool invariant_in_v = true;
  template <class Form> static LATHE_BESSEL_INLINE double at(double v, double x) noexcept {
    return log_k_small<Form>(v, x);
  }
};
template <class Patch> struct PatchK {
  static constexpr bool invariant_in_v = true;
  template <class Form> static LATHE_BESSEL_INLINE double at(double v, double x) noexcept {
    return log_k_patch<Form, Patch>(v, x);
  }
};
template <int terms> struct DebyeDerivativesI {
  static constexpr bool invariant_in_v = false;
  template <class> static LATHE_BESSEL_INLINE Derivatives at(double v, double x) noexcept {
    return debye_derivatives<terms>(v, x).i;
  }
};
template <int terms> struct DebyeDerivativesK {
  static constexpr bool invariant_in_v = false;
  template <class> static LATHE_BESSEL_INLINE Derivatives at(double v, double x) noexcept {
    return debye_derivatives<terms>(v, x).k;
  }
};
template <int terms> struct SeriesDerivativesI {
  static constexpr bool invariant_in_v = false;
  template <class Form> static LATHE_BESSEL_INLINE Derivatives at(double v, double x) noexcept {
    return log_i_series_derivatives<Form, terms>(v, x);
  }
};
struct SmallDerivativesK {
  static constexpr bool invariant_in_v = false;
  template <class Form> static LATHE_BESSEL_INLINE Derivatives at(double v, double x) noexcept {
    return log_k_small_derivatives<Form>(v, x);
  }
};
template <class Patch> struct PatchDerivativesK {
  static constexpr bool invariant_in_v = false;
  template <class Form> static LATHE_BESSEL_INLINE Derivatives at(double v, double x) noexcept {
    return log_k_patch_derivatives<Form, Patch>(v, x);
  }
};

// Functions. Of Debye's expansion both results are kept. order: v as the expansions see it, flushed
// where only its square or 1 + v counts. Flushed in their loops, it would take a register more,
// and a power series twice the time.

/// A result that an expansion of one function gives alone.
struct OneOrBoth {
  double i, k;
  LATHE_BESSEL_INLINE OneOrBoth(double one) noexcept : i(one), k(one) {}
  LATHE_BESSEL_INLINE OneOrBoth(Both both) noexcept : i(both.i), k(both.k) {}
};

/// v or x is 0, ∞, negative or NaN.
LATHE_BESSEL_INLINE double log_i_edge(double v, double x) noexcept {
  if (!is_domain(v, x) || (v == infinity && x == infinity))
    return not_a_number;
  if (x == 0.0)
    return v == 0.0 ? 0.0 : -infinity;
  return x == infinity ? infinity : -infinity;
}

LATHE_BESSEL_INLINE double log_k_edge(double v, double x) noexcept {
  if (!is_domain(v, x) || (v == infinity && x == infinity))
    return not_a_number;
  return x == infinity ? -infinity : infinity;
}

template <template <int> class Outer> struct LogI {
  using Result = OneOrBoth;
  using Expansions =
      List<Outer<8>, Outer<16>, Outer<20>, SeriesI<12>, SeriesI<18>, SeriesI<30>, SeriesI<46>>;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return flushed(plus_zero(v)); }
  static LATHE_BESSEL_INLINE double map(double x) noexcept { return x; }
  static LATHE_BESSEL_INLINE bool regular(double v, double x) noexcept { return is_regular(v, x); }
  static LATHE_BESSEL_INLINE Index region(double v, double x) noexcept { return i_region(v, x); }
  static LATHE_BESSEL_INLINE Result edge(double v, double x) noexcept {
    return Both{log_i_edge(v, x), log_k_edge(v, x)};
  }
};

template <template <int> class Outer> struct LogK {
  using Result = OneOrBoth;
  using Expansions = List<Outer<8>, Outer<16>, Outer<20>, SmallK, PatchK<tables::Patch0>,
                          PatchK<tables::Patch1>, PatchK<tables::Patch2>, PatchK<tables::Patch3>>;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return flushed(plus_zero(v)); }
  static LATHE_BESSEL_INLINE double map(double x) noexcept { return x; }
  static LATHE_BESSEL_INLINE bool regular(double v, double x) noexcept { return is_regular(v, x); }
  static LATHE_BESSEL_INLINE Index region(double v, double x) noexcept { return k_region(v, x); }
  static LATHE_BESSEL_INLINE Result edge(double v, double x) noexcept {
    return Both{log_i_edge(v, x), log_k_edge(v, x)};
  }
};

/// Inside the ellipse only.
struct LogKMiddle {
  using Expansions = List<SmallK, PatchK<tables::Patch0>, PatchK<tables::Patch1>,
                          PatchK<tables::Patch2>, PatchK<tables::Patch3>>;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return flushed(plus_zero(v)); }
  static LATHE_BESSEL_INLINE double map(double x) noexcept { return x; }
  static LATHE_BESSEL_INLINE bool regular(double v, double x) noexcept {
    return is_regular(v, x) && is_middle(v, x);
  }
  static LATHE_BESSEL_INLINE Index region(double v, double x) noexcept {
    return k_region(v, x) - 3;
  }
};

/// Both in one pass where one expansion gives both.
template <template <int> class Outer> LATHE_BESSEL_INLINE Both log_ik(double v, double x) noexcept {
  const OneOrBoth i = evaluate<LogI<Outer>>(v, x);
  return {i.i, is_regular(v, x) && is_middle(v, x) ? evaluate<LogK<Outer>>(v, x).k : i.k};
}

struct LogIDerivatives {
  using Result = Derivatives;
  using Expansions = List<DebyeDerivativesI<8>, DebyeDerivativesI<16>, DebyeDerivativesI<20>,
                          SeriesDerivativesI<12>, SeriesDerivativesI<18>, SeriesDerivativesI<30>,
                          SeriesDerivativesI<46>>;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return plus_zero(v); }
  static LATHE_BESSEL_INLINE double map(double x) noexcept { return x; }
  static LATHE_BESSEL_INLINE bool regular(double v, double x) noexcept { return is_regular(v, x); }
  static LATHE_BESSEL_INLINE Index region(double v, double x) noexcept { return i_region(v, x); }
  static LATHE_BESSEL_INLINE Result edge(double v, double x) noexcept {
    const double value = log_i_edge(v, x);
    if (value != value)
      return {value, value, value, value};
    if (x == infinity)
      return {value, 1.0, 0.0, 0.0};
    if (v == 0.0) // and x = 0
      return {value, 0.0, -infinity, 0.5};
    return {value, infinity, -infinity, -infinity};
  }
};

struct LogKDerivatives {
  using Result = Derivatives;
  using Expansions =
      List<DebyeDerivativesK<8>, DebyeDerivativesK<16>, DebyeDerivativesK<20>, SmallDerivativesK,
           PatchDerivativesK<tables::Patch0>, PatchDerivativesK<tables::Patch1>,
           PatchDerivativesK<tables::Patch2>, PatchDerivativesK<tables::Patch3>>;
  static LATHE_BESSEL_INLINE double order(double v) noexcept { return plus_zero(v); }
  static LATHE_BESSEL_INLINE double map(double x) noexcept { return x; }
  static LATHE_BESSEL_INLINE bool regular(double v, double x) noexcept { return is_regular(v, x); }
  static LATHE_BESSEL_INLINE Index region(double v, double x) noexcept { return k_region(v, x); }
  static LATHE_BESSEL_INLINE Result edge(double v, double x) noexcept {
    const double value = log_k_edge(v, x);
    if (value != value)
      return {value, value, value, value};
    if (x == infinity)
      return {value, -1.0, 0.0, 0.0};
    return {value, -infinity, v == 0.0 ? 0.0 : infinity, infinity};
  }
};

} // namespace lathe::bessel::kernel
