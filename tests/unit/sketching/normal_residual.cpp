// SPDX-License-Identifier: BSD-2-Clause
// Residual and gradient in one pass: every instruction set against exact sums, and the distributed
// pass on dense and sparse matrices.
#include "harness/mpi_test.h"
#include "unit/sketching/dense_gradient.h"
#include <algorithm>
#include <cstdio>

#ifndef PETSC_USE_COMPLEX // refused, see least_squares_inputs.cpp

namespace {

using namespace lathe;
using namespace lathe::sketching;
using namespace lathe::test;

// Bound on the error of a number of g over Σ|a||r| with one, two and three terms: `rows` times the
// last bit of the last term.
double bound(int terms, std::size_t rows) {
  return static_cast<double>(rows) * std::scalbn(1.0, -53 * terms + (terms > 1 ? 1 : 0));
}

struct Pass {
  LeastSquares p;
  ExpansionVector x;
  std::vector<Big> gradient = {}; // Aᵀ·W·(b − A·x)
  std::vector<double> size = {};  // |A|ᵀ·W·|b − A·x|
  Big norm2 = 0;
};

Pass make_pass(std::size_t m, std::size_t n, int terms, bool weighted, bool sparse) {
  Pass pass{.p = problem_of(m, n, 1e3, 1e-2, 5), .x = ExpansionVector(terms, n)};
  LeastSquares &p = pass.p;
  for (std::size_t i = 0; i < m; ++i) {
    if (weighted)
      p.weight.push_back(std::exp(4 * random::normal(3, 4, i)));
    for (std::size_t j = 0; j < n && sparse; ++j)
      if (random::uniform(3, 5, i * n + j) > 0.2)
        p.at(i, j) = 0;
  }
  for (std::size_t j = 0; j < n; ++j)
    for (int k = 0; k < terms; ++k)
      pass.x.add(j, random::normal(3, 6, j * 3 + static_cast<std::size_t>(k)) *
                        std::scalbn(1.0, -53 * k));
  pass.gradient.assign(n, 0);
  pass.size.assign(n, 0);
  for (std::size_t i = 0; i < m; ++i) {
    Big r = p.b[i];
    for (std::size_t j = 0; j < n; ++j)
      for (const double t : pass.x.get(j).term)
        r -= Big(p.at(i, j)) * t;
    const Big w = weighted ? p.weight[i] : 1.0;
    pass.norm2 += w * r * r;
    for (std::size_t j = 0; j < n; ++j) {
      pass.gradient[j] += w * r * p.at(i, j);
      pass.size[j] += static_cast<double>(abs(w * r * p.at(i, j)));
    }
  }
  return pass;
}

double worst_error(const Pass &pass, const ExpansionVector &g) {
  double worst = 0;
  for (std::size_t j = 0; j < pass.p.n; ++j) {
    Big e = -pass.gradient[j];
    for (const double t : g.get(j).term)
      e += t;
    if (pass.size[j] == 0) {
      REQUIRE(e == 0);
      continue;
    }
    worst = std::max(worst, static_cast<double>(abs(e)) / pass.size[j]);
  }
  return worst;
}

TEST_CASE("gradient of every instruction set against exact sums", "[sketching]") {
  for (int terms = 1; terms <= 3; ++terms)
    for (const std::size_t m : {std::size_t{1}, std::size_t{63}, std::size_t{704}}) {
      const std::size_t n = m == 1 ? 1 : 7;
      const Pass pass = m == 1 ? [&] {
        Pass one{.p = {.m = 1, .n = 1, .a = {3}, .b = {1}}, .x = ExpansionVector(terms, 1)};
        one.gradient = {3};
        one.size = {3};
        one.norm2 = 1;
        return one;
      }() : make_pass(m, n, terms, m == 63, false);
      for (const NormalIsa *const *isa = available_normal_isas(); *isa; ++isa) {
        std::vector<double> residual(m);
        NormalRows rows;
        rows.residual = residual.data();
        const ExpansionVector g = dense_gradient(**isa, pass.p, pass.x, &rows);
        CAPTURE((*isa)->name, terms, m);
        CHECK(worst_error(pass, g) <= bound(terms, m + 10));
        CHECK(std::fabs(rows.norm2 / static_cast<double>(pass.norm2) - 1) < 1e-12);
        double square = 0;
        for (std::size_t i = 0; i < m; ++i)
          square += residual[i] * residual[i] * (pass.p.weight.empty() ? 1 : pass.p.weight[i]);
        CHECK(std::fabs(square / rows.norm2 - 1) < 1e-14);
      }
    }
}

// Entries of 2^-60 to 2^60 and zeros: relative to the terms of each sum, whatever the sizes of
// others. Where b = A·x rounded, what is left shows the error of r; where b = 0, that of Aᵀr shows.
TEST_CASE("two terms keep their bits among entries of any size", "[sketching]") {
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::size_t m = seed % 2 ? 1 : 97, n = 1 + seed % 9; // blocks of 4 columns and the rest
    const auto any = [&](std::uint64_t stream, std::size_t i) {
      const double size =
          std::scalbn(1.0, static_cast<int>(120 * random::uniform(seed, stream + 40, i)) - 60);
      return random::uniform(seed, stream + 20, i) < 0.2 ? 0
                                                         : random::normal(seed, stream, i) * size;
    };
    Pass pass{.p = {.m = m, .n = n, .a = std::vector<double>(m * n), .b = {}},
              .x = ExpansionVector(2, n)};
    for (std::size_t j = 0; j < n; ++j) {
      pass.x.add(j, random::normal(seed, 2, j));
      pass.x.add(j, random::normal(seed, 3, j) * 0x1p-54);
    }
    std::vector<Big> residual(m), size(m);
    for (std::size_t i = 0; i < m; ++i) {
      Big sum = 0, terms = 0;
      for (std::size_t j = 0; j < n; ++j) {
        pass.p.at(i, j) = any(4 + j, i);
        const Big x = Big(pass.x.get(j).term[0]) + pass.x.get(j).term[1];
        sum += pass.p.at(i, j) * x;
        terms += abs(Big(pass.p.at(i, j) * x));
      }
      pass.p.b.push_back(seed % 4 < 2 ? static_cast<double>(sum) : 0);
      residual[i] = pass.p.b[i] - sum;
      size[i] = terms + std::fabs(pass.p.b[i]);
    }
    pass.gradient.assign(n, 0);
    pass.size.assign(n, 0);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = 0; i < m; ++i) {
        pass.gradient[j] += residual[i] * pass.p.at(i, j);
        pass.size[j] += static_cast<double>(abs(Big(size[i] * pass.p.at(i, j))));
      }
    for (const NormalIsa *const *isa = available_normal_isas(); *isa; ++isa) {
      NormalRows rows;
      const double error = worst_error(pass, dense_gradient(**isa, pass.p, pass.x, &rows));
      worst = std::max(worst, error);
      CAPTURE((*isa)->name, seed);
      CHECK(error <= 0x1p-99);
    }
  }
  std::printf("gradient in two terms, entries of 2^-60 to 2^60: %.1e\n", worst);
}

TEST_CASE("distributed gradient, dense and sparse, scaled and weighted", "[sketching]") {
  double worst[3] = {};
  for (const char *type : {MATDENSE, MATAIJ})
    for (const bool weighted : {false, true})
      for (int terms = 1; terms <= 3; ++terms) {
        const bool sparse = std::string(type) == MATAIJ;
        const Pass pass = make_pass(300, 9, terms, weighted, sparse);
        Distributed d;
        PETSC_OK(Distribute(pass.p, type, &d));
        LocalRows rows;
        PETSC_OK(rows.Create(d.a));
        const VecRead b(d.b);
        std::vector<double> scale(9);
        ExpansionVector scaled = pass.x;
        for (std::size_t j = 0; j < 9; ++j) {
          scale[j] = std::scalbn(1.0, static_cast<int>(j) - 4);
          for (int k = 0; k < terms; ++k)
            scaled.value[static_cast<std::size_t>(k) * 9 + j] /= scale[j];
        }
        for (const bool with_scale : {false, true}) {
          ExpansionVector g(terms, 9);
          double norm2 = 0;
          const NormalTerms given{.x = with_scale ? &scaled : &pass.x,
                                  .b = b.data(),
                                  .weight =
                                      weighted ? pass.p.weight.data() + rows.first_row() : nullptr,
                                  .scale = with_scale ? scale.data() : nullptr};
          PETSC_OK(rows.NormalResidual(given, &g, &norm2));
          for (std::size_t j = 0; j < 9 && with_scale; ++j)
            for (int k = 0; k < terms; ++k)
              g.value[static_cast<std::size_t>(k) * 9 + j] /= scale[j];
          if (mpi_rank() != 0)
            continue;
          CAPTURE(type, weighted, terms, with_scale);
          const double error = worst_error(pass, g);
          worst[terms - 1] = std::max(worst[terms - 1], error);
          CHECK(error <= bound(terms, 310));
          CHECK(std::fabs(norm2 / static_cast<double>(pass.norm2) - 1) < 1e-12);
        }
      }
  if (mpi_rank() == 0)
    std::printf("gradient: worst error over sum |a||r| with 1, 2, 3 doubles %.1e %.1e %.1e\n",
                worst[0], worst[1], worst[2]);
}

} // namespace

#endif
