// SPDX-License-Identifier: BSD-2-Clause
// Reference tables of tests/reference/bessel, and errors in units of 2^-52 with the worst point.
#pragma once
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace lathe::test {

/// A CSV file of decimal or hexadecimal numbers; text columns read as 0.
struct ReferenceTable {
  std::vector<std::string> label;              // first column
  std::vector<std::vector<long double>> value; // every column, by row

  explicit ReferenceTable(const std::string &name) {
    std::ifstream in(std::string(LATHE_TEST_REFERENCE) + "/bessel/" + name);
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
      std::stringstream cells(line);
      std::vector<long double> row;
      std::string cell;
      while (std::getline(cells, cell, ',')) {
        if (row.empty())
          label.push_back(cell);
        row.push_back(std::strtold(cell.c_str(), nullptr));
      }
      value.push_back(std::move(row));
    }
  }
};

/// Inside it log I and log K come from series and polynomials.
inline bool inside_ellipse(double v, double x) {
  return std::hypot(v / 14.8, x / 24.6) < 1;
}

/// |got - exact| / (2^-52 scale). A result that overflows where the exact value does is right; one
/// that is not finite where the exact value is, is not.
inline double error_eps(double got, long double exact, long double scale) {
  if (std::isinf(got) && std::abs(exact) > 0x1.fffffffffffff8p1023L)
    return (got > 0) == (exact > 0) ? 0 : HUGE_VAL;
  const long double difference = std::abs(got - exact);
  if (difference == 0 || difference <= 0x1p-1074L)
    return 0; // also of subnormal results
  const double e = static_cast<double>(difference / (0x1p-52L * std::abs(scale)));
  return std::isnan(e) ? HUGE_VAL : e;
}
inline double relative_eps(double got, long double exact) {
  return error_eps(got, exact, exact);
}
inline double mixed_eps(double got, long double exact) {
  return error_eps(got, exact, std::max(1.0L, std::abs(exact)));
}

/// Errors of one quantity.
class Errors {
public:
  explicit Errors(std::string name) : name_(std::move(name)) {}

  void add(double error, double v, double x) {
    if (errors_.empty() || error > worst_) {
      worst_ = error;
      v_ = v;
      x_ = x;
    }
    errors_.push_back(error);
  }

  [[nodiscard]] double max() const { return worst_; }
  [[nodiscard]] std::size_t size() const { return errors_.size(); }
  [[nodiscard]] double quantile(double q) const {
    std::vector<double> sorted = errors_;
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
  }

  /// Print and check the largest error.
  void check(double bar) const {
    char text[256];
    std::snprintf(
        text, sizeof text,
        "%-34s %6zu points, median %.3f, 99%% %.3f, worst %.3f at v=%.17g x=%.17g (bar %g)",
        name_.c_str(), size(), quantile(0.5), quantile(0.99), worst_, v_, x_, bar);
    if (mpi_rank() == 0)
      std::cout << text << '\n';
    INFO(text);
    REQUIRE(!errors_.empty());
    CHECK(worst_ <= bar);
  }

private:
  std::string name_;
  std::vector<double> errors_;
  double worst_ = 0, v_ = 0, x_ = 0;
};

} // namespace lathe::test
