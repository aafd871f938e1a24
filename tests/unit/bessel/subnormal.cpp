// SPDX-License-Identifier: BSD-2-Clause
// No function makes a subnormal number on its way from normal arguments to normal results: an
// operation with one takes 150 cycles on many processors, which timings on others do not show. The
// processor's sticky flags do: DE, an operand was subnormal; UE, a result was, and inexact.
#if defined(__x86_64__)
#include "bessel/isa.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include <cmath>
#include <functional>
#include <immintrin.h>
#include <string>
#include <vector>

using namespace lathe;
using namespace lathe::bessel;

namespace {

constexpr unsigned denormal_operand = 0x2, underflow = 0x10;

/// Whether f() met a subnormal number.
template <class F> bool meets_subnormal(F &&f) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before & ~(denormal_operand | underflow));
  f();
  const bool met = (_mm_getcsr() & (denormal_operand | underflow)) != 0;
  _mm_setcsr(before);
  return met;
}

constexpr std::size_t points = 16; // of a cell: one block of every vector width

/// Points of 0.2 decades of v and x.
struct Cell {
  double log_v, log_x; // decimal logarithms of the lower corner
  std::vector<double> v, x, r;

  Cell(double a, double b) : log_v(a), log_x(b) {
    for (std::size_t i = 0; i < points; ++i) {
      v.push_back(std::pow(10, a + 0.2 * random::uniform(21, 0, i)));
      x.push_back(std::pow(10, b + 0.2 * random::uniform(21, 1, i)));
      r.push_back(x[i] < 1 ? x[i] : 1 / (1 + 1 / x[i])); // in (0, 1]
    }
  }
  [[nodiscard]] Operand order() const { return {v.data(), false}; }
  [[nodiscard]] Operand argument() const { return {x.data(), false}; }
  [[nodiscard]] Operand ratio() const { return {r.data(), false}; }
};

/// Decimal exponents of normal numbers, both ends of the range among them.
std::vector<Cell> cells() {
  std::vector<double> e{-307.65, -307.6, -305, -300, -292, -250, -200, -170, -162, -158, -154};
  for (const double more : {-150.0, -130.0, -100.0, -50.0, -30.0, -20.0, -16.5, -12.0, -8.5, -6.0})
    e.push_back(more);
  for (int i = -20; i <= 16; ++i)
    e.push_back(0.2 * i);
  for (const double more :
       {4.0, 5.0, 6.0, 8.0, 12.0, 16.0, 30.0, 100.0, 154.0, 200.0, 300.0, 305.0, 307.0, 308.05})
    e.push_back(more);
  std::vector<Cell> all;
  for (const double a : e)
    for (const double b : e)
      all.emplace_back(a, b);
  return all;
}

/// Results of a cell, up to four columns.
struct Out {
  double a[points], b[points];
  LogBesselDerivatives d[points];
};

/// Where a result is subnormal, or 0 for want of exponents, the function may well meet it.
struct Function {
  const char *name;
  std::function<void(const Cell &, Out &)> call;
  std::function<bool(const Out &, std::size_t)> underflows = [](const Out &, std::size_t) {
    return false;
  };
};

bool tiny(double y) {
  return std::fabs(y) < 0x1p-1022;
}
bool tiny_a(const Out &o, std::size_t i) {
  return tiny(o.a[i]);
}
bool tiny_a_or_b(const Out &o, std::size_t i) {
  return tiny(o.a[i]) || tiny(o.b[i]);
}
bool tiny_derivative(const Out &o, std::size_t i) {
  return tiny(o.d[i].dx) || tiny(o.d[i].dv) || tiny(o.d[i].dxx);
}

template <class F> auto each(F f) {
  return [f](const Cell &c, Out &o) {
    for (std::size_t i = 0; i < points; ++i)
      o.a[i] = f(c.v[i], c.x[i]);
  };
}
template <class F> auto each_ratio(F f) {
  return [f](const Cell &c, Out &o) {
    for (std::size_t i = 0; i < points; ++i)
      o.a[i] = f(c.v[i], c.r[i]);
  };
}
template <class F> auto each_both(F f) {
  return [f](const Cell &c, Out &o) {
    for (std::size_t i = 0; i < points; ++i)
      f(c.v[i], c.x[i], &o.a[i], &o.b[i]);
  };
}
template <class F> auto each_derivatives(F f) {
  return [f](const Cell &c, Out &o) {
    for (std::size_t i = 0; i < points; ++i)
      o.d[i] = f(c.v[i], c.x[i]);
  };
}

std::vector<Function> one_at_a_time(const Isa &f) {
  const auto ratios = [f](const Cell &c, Out &o) { // computed together
    for (std::size_t i = 0; i < points; ++i) {
      o.a[i] = f.i_ratio(c.v[i], c.x[i]);
      o.b[i] = f.i_ratio_complement(c.v[i], c.x[i]);
    }
  };
  return {
      {"log_i", each(f.log_i)},
      {"log_k", each(f.log_k)},
      {"log_ik", each_both(f.log_ik)},
      {"log_i_fast", each(f.log_i_fast)},
      {"log_k_fast", each(f.log_k_fast)},
      {"log_ik_fast", each_both(f.log_ik_fast)},
      {"log_i_derivatives", each_derivatives(f.log_i_derivatives), tiny_derivative},
      {"log_k_derivatives", each_derivatives(f.log_k_derivatives), tiny_derivative},
      {"i_ratio, i_ratio_complement", ratios, tiny_a_or_b},
      {"k_ratio", each(f.k_ratio)},
      {"inverse_i_ratio", each_ratio(f.inverse_i_ratio)},
      {"inverse_i_ratio_complement", each_ratio(f.inverse_i_ratio_complement)},
      {"log_hyp0f1", each(f.log_hyp0f1), tiny_a},
  };
}

std::vector<Function> batches(const Isa &f) {
  const auto both = [](auto batch) {
    return [batch](const Cell &c, Out &o) { batch(c.order(), c.argument(), o.a, o.b, points); };
  };
  const auto derivatives = [](auto batch) {
    return [batch](const Cell &c, Out &o) { batch(c.order(), c.argument(), o.d, points); };
  };
  const auto inverse = [](auto batch) {
    return [batch](const Cell &c, Out &o) { batch(c.order(), c.ratio(), o.a, points); };
  };
  const auto one = [](auto batch, bool of_i) {
    return [batch, of_i](const Cell &c, Out &o) {
      batch(c.order(), c.argument(), of_i ? o.a : nullptr, of_i ? nullptr : o.b, points);
    };
  };
  return {
      {"batch of log_i", one(f.batch, true)},
      {"batch of log_k", one(f.batch, false)},
      {"batch of both", both(f.batch)},
      {"batch of log_i, fast", one(f.batch_fast, true)},
      {"batch of log_k, fast", one(f.batch_fast, false)},
      {"batch of both, fast", both(f.batch_fast)},
      {"batch of log_i_derivatives", derivatives(f.batch_i_derivatives), tiny_derivative},
      {"batch of log_k_derivatives", derivatives(f.batch_k_derivatives), tiny_derivative},
      {"batch of i_ratio", both(f.batch_i_ratio), tiny_a_or_b},
      {"batch of inverse_i_ratio", inverse(f.batch_inverse)},
      {"batch of inverse_i_ratio_complement", inverse(f.batch_inverse_complement)},
  };
}

} // namespace

// Left out are cells where a result itself is subnormal or 0 for that reason: second derivatives of
// x or v above 1e150, ratios of v/x or x/v below 1e-308, 1 - A for x above 1e307.
TEST_CASE("no subnormal number between normal arguments and normal results", "[bessel]") {
  const std::vector<Cell> all = cells();
  for (const Isa *const *which = available_isas(); *which; ++which) {
    std::vector<Function> functions = one_at_a_time(**which);
    for (Function &f : batches(**which))
      functions.push_back(std::move(f));
    for (const Function &f : functions) {
      std::size_t seen = 0, bad = 0;
      std::string first;
      for (const Cell &c : all) {
        Out o{};
        const bool met = meets_subnormal([&] { f.call(c, o); });
        bool underflows = false;
        for (std::size_t i = 0; i < points; ++i)
          underflows = underflows || f.underflows(o, i);
        if (underflows)
          continue;
        ++seen;
        if (met && ++bad == 1)
          first = "v = 1e" + std::to_string(c.log_v) + ", x = 1e" + std::to_string(c.log_x);
      }
      INFO((*which)->name << ", " << f.name << ": first at " << first);
      CHECK(bad == 0);
      CHECK(seen > all.size() * 3 / 4);
    }
  }
}
#endif
