// SPDX-License-Identifier: BSD-2-Clause
// Numbers of one, two or three doubles: value = term 0 + term 1 + term 2, each below half an ulp of
// the one before. Two give 106 bits (double-double), three 159 (triple-double); see Hida, Li,
// Bailey, ARITH 2001, and Ogita, Rump, Oishi, SIAM J. Sci. Comput. 26 (2005).
#pragma once
#include <array>
#include <cstddef>
#include <vector>

namespace lathe::sketching {

inline constexpr int max_terms = 3;

/// s + e = a + b exactly, s the rounded sum.
struct TwoSum {
  double s, e;
  TwoSum(double a, double b) noexcept : s(a + b) {
    const double t = s - a;
    e = (a - (s - t)) + (b - t);
  }
};

struct Expansion {
  std::array<double, max_terms> term{};

  /// Add a double; of `terms` terms the last keeps what is left, rounded.
  void add(double x, int terms) noexcept {
    for (int k = 0; k + 1 < terms; ++k) {
      const TwoSum sum(term[k], x);
      term[k] = sum.s;
      x = sum.e;
    }
    term[terms - 1] += x;
  }
  /// Terms that do not overlap, the first one the rounded value.
  void normalize(int terms) noexcept {
    for (int pass = 1; pass < terms; ++pass)
      for (int k = terms - 2; k >= 0; --k) {
        const TwoSum sum(term[k], term[k + 1]);
        term[k] = sum.s;
        term[k + 1] = sum.e;
      }
  }
};

/// n expansions; term k of number j at value[k·n + j].
struct ExpansionVector {
  int terms = 1;
  std::size_t n = 0;
  std::vector<double> value;

  ExpansionVector() = default;
  ExpansionVector(int terms_, std::size_t n_)
      : terms(terms_), n(n_), value(static_cast<std::size_t>(terms_) * n_) {}

  [[nodiscard]] const double *head() const noexcept { return value.data(); }
  [[nodiscard]] Expansion get(std::size_t j) const noexcept {
    Expansion x;
    for (int k = 0; k < terms; ++k)
      x.term[k] = value[static_cast<std::size_t>(k) * n + j];
    return x;
  }
  void set(std::size_t j, const Expansion &x) noexcept {
    for (int k = 0; k < terms; ++k)
      value[static_cast<std::size_t>(k) * n + j] = x.term[k];
  }
  /// Number j += x, normalised.
  void add(std::size_t j, double x) noexcept {
    Expansion sum = get(j);
    sum.add(x, terms);
    sum.normalize(terms);
    set(j, sum);
  }
};

} // namespace lathe::sketching
