// SPDX-License-Identifier: BSD-2-Clause
// Every function of a table of log-Bessel kernels, one value at a time and in batches, over points
// of 0.2 decades of v and x: what a check of all of them over the whole double range runs through.
#pragma once
#include "bessel/isa.h"
#include "core/random.h"
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

namespace lathe::test {

/// Points in [10^log_v, 10^(log_v + 0.2)) × [10^log_x, 10^(log_x + 0.2)); r in (0, 1] from x.
struct Cell {
  double log_v, log_x;
  std::vector<double> v, x, r;

  Cell(double a, double b, std::size_t points) : log_v(a), log_x(b) {
    for (std::size_t i = 0; i < points; ++i) {
      v.push_back(std::pow(10, a + 0.2 * random::uniform(5, 0, i)));
      x.push_back(std::pow(10, b + 0.2 * random::uniform(5, 1, i)));
      r.push_back(x[i] < 1 ? x[i] : 1 / (1 + 1 / x[i]));
    }
  }
  [[nodiscard]] std::size_t points() const { return v.size(); }
  [[nodiscard]] bessel::Operand order() const { return {v.data(), false}; }
  [[nodiscard]] bessel::Operand argument() const { return {x.data(), false}; }
  [[nodiscard]] bessel::Operand ratio() const { return {r.data(), false}; }
};

/// Cells of every pair of exponents.
inline std::vector<Cell> cells(const std::vector<double> &exponents, std::size_t points) {
  std::vector<Cell> all;
  for (const double a : exponents)
    for (const double b : exponents)
      all.emplace_back(a, b, points);
  return all;
}

/// Results of a cell; NaN where a function has none.
struct Results {
  std::vector<double> a, b;
  std::vector<bessel::LogBesselDerivatives> d;

  explicit Results(std::size_t points)
      : a(points, none), b(points, none), d(points, {none, none, none, none}) {}

private:
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();
};

struct KernelCall {
  const char *name;
  std::function<void(const Cell &, Results &)> run;
};

namespace kernel_calls {

template <class F> auto each(F f) {
  return [f](const Cell &c, Results &o) {
    for (std::size_t i = 0; i < c.points(); ++i)
      o.a[i] = f(c.v[i], c.x[i]);
  };
}
template <class F> auto each_ratio(F f) {
  return [f](const Cell &c, Results &o) {
    for (std::size_t i = 0; i < c.points(); ++i)
      o.a[i] = f(c.v[i], c.r[i]);
  };
}
template <class F> auto each_both(F f) {
  return [f](const Cell &c, Results &o) {
    for (std::size_t i = 0; i < c.points(); ++i)
      f(c.v[i], c.x[i], &o.a[i], &o.b[i]);
  };
}
template <class F> auto each_derivatives(F f) {
  return [f](const Cell &c, Results &o) {
    for (std::size_t i = 0; i < c.points(); ++i)
      o.d[i] = f(c.v[i], c.x[i]);
  };
}
template <class F> auto batch(F f, bool a, bool b) {
  return [f, a, b](const Cell &c, Results &o) {
    f(c.order(), c.argument(), a ? o.a.data() : nullptr, b ? o.b.data() : nullptr, c.points());
  };
}
template <class F> auto batch_derivatives(F f) {
  return [f](const Cell &c, Results &o) { f(c.order(), c.argument(), o.d.data(), c.points()); };
}
template <class F> auto batch_inverse(F f) {
  return [f](const Cell &c, Results &o) { f(c.order(), c.ratio(), o.a.data(), c.points()); };
}

} // namespace kernel_calls

inline std::vector<KernelCall> every_kernel(const bessel::Isa &f) {
  using namespace kernel_calls;
  return {
      {"log_i", each(f.log_i)},
      {"log_k", each(f.log_k)},
      {"log_ik", each_both(f.log_ik)},
      {"log_i_fast", each(f.log_i_fast)},
      {"log_k_fast", each(f.log_k_fast)},
      {"log_ik_fast", each_both(f.log_ik_fast)},
      {"log_i_derivatives", each_derivatives(f.log_i_derivatives)},
      {"log_k_derivatives", each_derivatives(f.log_k_derivatives)},
      {"i_ratio", each(f.i_ratio)},
      {"i_ratio_complement", each(f.i_ratio_complement)},
      {"k_ratio", each(f.k_ratio)},
      {"inverse_i_ratio", each_ratio(f.inverse_i_ratio)},
      {"inverse_i_ratio_complement", each_ratio(f.inverse_i_ratio_complement)},
      {"log_hyp0f1", each(f.log_hyp0f1)},
      {"batch_i", batch(f.batch, true, false)},
      {"batch_k", batch(f.batch, false, true)},
      {"batch_ik", batch(f.batch, true, true)},
      {"batch_fast_i", batch(f.batch_fast, true, false)},
      {"batch_fast_k", batch(f.batch_fast, false, true)},
      {"batch_fast_ik", batch(f.batch_fast, true, true)},
      {"batch_i_derivatives", batch_derivatives(f.batch_i_derivatives)},
      {"batch_k_derivatives", batch_derivatives(f.batch_k_derivatives)},
      {"batch_i_ratio", batch(f.batch_i_ratio, true, true)},
      {"batch_inverse", batch_inverse(f.batch_inverse)},
      {"batch_inverse_complement", batch_inverse(f.batch_inverse_complement)},
  };
}

} // namespace lathe::test
