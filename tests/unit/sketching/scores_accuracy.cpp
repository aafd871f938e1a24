// SPDX-License-Identifier: BSD-2-Clause
// Row scores entry by entry against references at 50 digits that share no method with the library.
#include "sketching/lp_regression.h"
#include "sketching/normal_residual_isa.h"
#include "unit/sketching/row_scores.h"
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <numeric>

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::test;

namespace {

using Digits = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<50>,
                                             boost::multiprecision::et_off>;
using Columns = std::vector<std::vector<Digits>>;

Digits dot(const std::vector<Digits> &x, const std::vector<Digits> &y) {
  return std::inner_product(x.begin(), x.end(), y.begin(), Digits(0));
}

/// Gram-Schmidt twice: 50 digits less those of the condition number.
void orthonormal(Columns &a) {
  for (std::size_t j = 0; j < a.size(); ++j) {
    for (int twice = 0; twice < 2; ++twice)
      for (std::size_t k = 0; k < j; ++k) {
        const Digits c = dot(a[k], a[j]);
        for (std::size_t i = 0; i < a[j].size(); ++i)
          a[j][i] -= c * a[k][i];
      }
    const Digits norm = sqrt(dot(a[j], a[j]));
    for (Digits &x : a[j])
      x /= norm;
  }
}

Columns columns_of(PetscInt m, PetscInt n, const Entry &entry) {
  Columns a(static_cast<std::size_t>(n));
  for (PetscInt j = 0; j < n; ++j)
    for (PetscInt i = 0; i < m; ++i)
      a[static_cast<std::size_t>(j)].push_back(entry(i, j));
  return a;
}

std::vector<Digits> row_squares(const Columns &q, std::size_t m) {
  std::vector<Digits> tau(m);
  for (const auto &column : q)
    for (std::size_t i = 0; i < m; ++i)
      tau[i] += column[i] * column[i];
  return tau;
}

/// a_iᵀ(AᵀA + lambda·I)⁻¹a_i.
std::vector<Digits> reference_leverage(PetscInt m, PetscInt n, const Entry &entry, double lambda) {
  Columns a = columns_of(m, n, entry);
  for (std::size_t j = 0; j < a.size() && lambda > 0; ++j)
    for (std::size_t i = 0; i < a.size(); ++i)
      a[j].push_back(i == j ? sqrt(Digits(lambda)) : Digits(0));
  orthonormal(a);
  return row_squares(a, static_cast<std::size_t>(m));
}

/// The fixed-point iteration for p < 4, to 17 digits.
std::vector<Digits> reference_lewis(PetscInt m, PetscInt n, const Entry &entry, double p) {
  Columns q = columns_of(m, n, entry);
  orthonormal(q); // the weights are those of the range
  std::vector<Digits> w(static_cast<std::size_t>(m), Digits(n) / m);
  for (int step = 0; step < 120; ++step) {
    Columns b = q;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const Digits d = pow(w[i], Digits(0.5) - 1 / Digits(p));
      for (auto &column : b)
        column[i] *= d;
    }
    orthonormal(b);
    const std::vector<Digits> tau = row_squares(b, w.size());
    Digits change = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const Digits next = w[i] * pow(tau[i] / w[i], Digits(p) / 2);
      change = std::max(change, Digits(abs(next / w[i] - 1)));
      w[i] = next;
    }
    if (change < 1e-17)
      break;
  }
  return w;
}

double worst_of(const std::vector<double> &computed, const std::vector<Digits> &exact) {
  double worst = 0;
  for (std::size_t i = 0; i < exact.size(); ++i)
    worst = std::max(worst, static_cast<double>(abs(computed[i] / exact[i] - 1)));
  return worst;
}

double real(PetscInt i) {
  return static_cast<double>(i);
}

/// Columns that approach the sum of all, to a condition number of about `condition`.
Entry conditioned(PetscInt n, double condition, std::uint64_t seed) {
  return [=](PetscInt i, PetscInt j) {
    const auto normal = [&](PetscInt k) {
      return random::normal(seed, static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(i));
    };
    double sum = 0;
    for (PetscInt k = 0; k < n; ++k)
      sum += std::pow(condition, -real(k) / (real(n) - 1)) * normal(k) * (k <= j ? 1 : 0.5);
    return sum;
  };
}

struct Kind {
  const char *name;
  std::function<double(PetscInt, PetscInt)> factor; // of every entry
};

const Kind kinds[] = {
    {"plain", [](PetscInt, PetscInt) { return 1.0; }},
    {"columns of any scale", [](PetscInt, PetscInt j) { return std::pow(10, 140 - 56 * real(j)); }},
    {"small rows",
     [](PetscInt i, PetscInt) { return std::pow(10, -1.5 * std::max(real(i) - 40, 0.0)); }},
    {"large rows", [](PetscInt i, PetscInt) { return i % 8 == 3 ? 1e5 : 1.0; }}};

} // namespace

TEST_CASE("leverage scores to 1e-13 of each at any condition", "[sketching]") {
  const PetscInt m = 64, n = 6;
  double most = 0, most_ridge = 0;
  for (int digits = 1; digits <= 14; ++digits)
    for (const Kind &kind : kinds) {
      const Entry rows = conditioned(n, std::pow(10, digits), static_cast<std::uint64_t>(digits));
      const Entry entry = [&](PetscInt i, PetscInt j) { return rows(i, j) * kind.factor(i, j); };
      Tall A(PETSC_COMM_WORLD, m, n, entry, digits % 2 == 0);
      std::size_t rank = 0;
      const std::vector<double> tau = A.leverage(0, &rank);
      const double error = worst_of(tau, reference_leverage(m, n, entry, 0));
      INFO(kind.name << ", condition 1e" << digits << ", rank " << rank << ": " << error);
      CHECK_ALL((rank == 6 && error <= 1e-13));
      most = std::max(most, error);
      if (kind.name == std::string("plain"))
        for (const double lambda : {1e-24, 1e-12, 1e-3, 1e3}) {
          const double ridge =
              worst_of(A.leverage(lambda, &rank), reference_leverage(m, n, entry, lambda));
          INFO("lambda " << lambda << ": " << ridge);
          CHECK_ALL(ridge <= 1e-13);
          most_ridge = std::max(most_ridge, ridge);
        }
    }
  WARN("worst relative error " << most << ", with a ridge " << most_ridge);
}

TEST_CASE("leverage scores of many columns, entry by entry, on any number of ranks",
          "[sketching]") {
  const PetscInt m = 1100, n = 20;
  for (const double condition : {1.0, 18.0, 1e2, 1e10}) {
    const Entry entry = conditioned(n, condition, 5);
    Tall A(PETSC_COMM_WORLD, m, n, entry, true, true), serial(PETSC_COMM_SELF, m, n, entry);
    std::size_t rank = 0;
    const std::vector<double> tau = A.leverage(0, &rank);
    CHECK_ALL(tau == serial.leverage(0, &rank));
    CHECK_ALL(A.leverage(1e-9, &rank) == serial.leverage(1e-9, &rank));
    const double error = worst_of(tau, reference_leverage(m, n, entry, 0));
    INFO("condition " << condition << ": " << error);
    CHECK_ALL(error <= 1e-13);
  }
}

TEST_CASE("Lewis weights of ill conditioned matrices", "[sketching]") {
  const PetscInt m = 12, n = 3;
  for (const double condition : {1e1, 1e6, 1e12})
    for (const double p : {1.0, 1.5, 3.0}) {
      const Entry entry = conditioned(n, condition, 11);
      Tall A(PETSC_COMM_WORLD, m, n, entry);
      double residual = 0;
      const double error = worst_of(A.lewis(p, &residual), reference_lewis(m, n, entry, p));
      INFO("condition " << condition << ", p = " << p << ": " << error);
      CHECK_ALL((residual <= 1e-13 && error <= 4e-13));
    }
}

TEST_CASE("substitution in two terms, with the same bits on every instruction set", "[sketching]") {
  const std::size_t m = 37, n = 5;
  const std::vector<double> a = gaussian(m, n, 3);
  std::vector<double> r = gaussian(n, n, 4);
  for (std::size_t j = 1; j < n; ++j)
    r[j + j * n] *= 1e-4;
  std::vector<double> first;
  for (const NormalIsa *const *isa = available_normal_isas(); *isa; ++isa) {
    std::vector<double> w = a, work(2 * substitution_rows * n);
    (*isa)->substitute(
        {.rows = m, .cols = n, .w = w.data(), .ld = m, .r = r.data(), .work = work.data()});
    CAPTURE((*isa)->name);
    if (first.empty())
      first = w;
    CHECK(w == first);
    for (std::size_t i = 0; i < m; ++i) {
      std::vector<Digits> x;
      for (std::size_t j = 0; j < n; ++j) {
        Digits sum = a[i + j * m];
        for (std::size_t k = 0; k < j; ++k)
          sum -= x[k] * r[k + j * n];
        x.push_back(sum / r[j + j * n]);
        CHECK(w[i + j * m] == static_cast<double>(x[j]));
      }
    }
  }
}

namespace {

/// Minimum of a convex function along a line, given its derivative: bisection.
template <class F> long double root_of(F &&derivative) {
  long double low = -1, high = 1;
  while (derivative(low) > 0)
    low *= 2;
  while (derivative(high) < 0)
    high *= 2;
  for (int k = 0; k < 70; ++k)
    (derivative((low + high) / 2) > 0 ? high : low) = (low + high) / 2;
  return (low + high) / 2;
}

/// Sensitivity of row i of m × n, n = 2 or 3: 1/min ‖Ax‖_p^p over a_iᵀx = 1. The x are those with
/// one coordinate taken from the others, and the least value over the last one is convex in the
/// first, with the derivative of ‖Ax‖_p^p there.
double reference_sensitivity(const std::vector<std::vector<double>> &a, std::size_t i, double p) {
  const std::size_t n = a[i].size();
  std::size_t big = 0; // the coordinate that is eliminated
  for (std::size_t j = 1; j < n; ++j)
    big = std::abs(a[i][j]) > std::abs(a[i][big]) ? j : big;
  std::vector<std::size_t> free;
  for (std::size_t j = 0; j < n; ++j)
    if (j != big)
      free.push_back(j);
  long double x[3] = {};
  const auto product = [&](std::size_t k) {
    long double solved = 1, sum = 0;
    for (const std::size_t j : free)
      solved -= x[j] * a[i][j];
    x[big] = solved / a[i][big];
    for (std::size_t j = 0; j < n; ++j)
      sum += x[j] * a[k][j];
    return sum;
  };
  const auto derivative = [&](std::size_t j) {
    long double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k) {
      const long double v = product(k), slope = a[k][j] - a[k][big] * a[i][j] / (0.0L + a[i][big]);
      sum += slope * std::copysign(std::pow(std::abs(v), p - 1.0L), v);
    }
    return sum;
  };
  const auto inner = [&] {
    if (n == 3)
      root_of([&](long double t) {
        x[free[1]] = t;
        return derivative(free[1]);
      });
  };
  x[free[0]] = root_of([&](long double t) {
    x[free[0]] = t;
    inner();
    return derivative(free[0]);
  });
  inner();
  long double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    sum += std::pow(std::abs(product(k)), static_cast<long double>(p));
  return static_cast<double>(1 / sum);
}

} // namespace

TEST_CASE("sensitivities of two and three columns to 1e-11", "[sketching]") {
  const PetscInt m = 12;
  double most = 0;
  for (const PetscInt n : {2, 3})
    for (const double p : {1.2, 1.5, 3.0, 8.0}) {
      const Entry entry = random_rows(31);
      std::vector<std::vector<double>> a(m);
      for (PetscInt i = 0; i < m; ++i)
        for (PetscInt j = 0; j < n; ++j)
          a[static_cast<std::size_t>(i)].push_back(entry(i, j));
      Tall A(PETSC_COMM_WORLD, m, n, entry);
      const std::vector<std::int64_t> rows{0, 3, 10, 11};
      std::vector<double> sigma;
      PETSC_OK(LpSensitivities(A.tall, p, rows, &sigma));
      for (std::size_t k = 0; k < rows.size(); ++k) {
        const double exact = reference_sensitivity(a, static_cast<std::size_t>(rows[k]), p);
        INFO("n = " << n << ", p = " << p << ", row " << rows[k]);
        CHECK_ALL(std::abs(sigma[k] / exact - 1) <= 1e-11);
        most = std::max(most, std::abs(sigma[k] / exact - 1));
      }
    }
  WARN("worst relative error of sensitivities " << most);
}

#endif
