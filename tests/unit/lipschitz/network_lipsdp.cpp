// SPDX-License-Identifier: BSD-2-Clause
#include "harness/mpi_test.h"
#include "lipschitz/lipsdp.h"
#include "network_builder.h"

using namespace lathe::test;
namespace dense = lathe::dense;
namespace random_numbers = lathe::random;

namespace {

ChainMatrix gaussian(std::size_t rows, std::size_t cols, std::uint64_t stream) {
  return {rows, cols, normals(rows * cols, stream, 1 / std::sqrt(static_cast<double>(cols))), 0};
}

double norm(ChainMatrix w) {
  std::vector<double> s(std::min(w.rows, w.cols));
  dense::singular_values<double>(w.rows, w.cols, w.a.data(), w.rows, s.data());
  return s[0];
}

// ‖W_L·D·W_{L−1}·…·D·W_1‖₂ with random 0/1 diagonals: a Jacobian of the ReLU chain.
double masked_product(const std::vector<ChainMatrix> &chain, std::uint64_t stream, double keep) {
  ChainMatrix product = chain[0];
  for (std::size_t l = 1; l < chain.size(); ++l) {
    for (std::size_t i = 0; i < product.rows; ++i)
      if (random_numbers::uniform(7, stream * 64 + l, i) > keep)
        for (std::size_t j = 0; j < product.cols; ++j)
          product.a[i + j * product.rows] = 0;
    product = multiply(chain[l], product);
  }
  return norm(product);
}

std::vector<ChainMatrix> chain_of(const std::vector<std::size_t> &dims, std::uint64_t stream) {
  std::vector<ChainMatrix> chain;
  for (std::size_t l = 0; l + 1 < dims.size(); ++l)
    chain.push_back(gaussian(dims[l + 1], dims[l], stream + l));
  return chain;
}

} // namespace

TEST_CASE("chain bound lies between sampled Jacobians and the product of norms",
          "[network][lipsdp]") {
  // Ratios to the product that the scalar recursion has on Gaussian chains of these sizes.
  const struct {
    std::vector<std::size_t> dims;
    double ratio;
  } cases[] = {{{10, 40, 40, 5}, 0.59},
               {{20, 60, 60, 60, 60, 10}, 0.36},
               {{64, 128, 128, 128, 128, 128, 128, 128, 128, 10}, 0.13}};
  for (const auto &c : cases) {
    const auto chain = chain_of(c.dims, 100);
    double product = 1, lower = 0;
    for (const ChainMatrix &w : chain)
      product *= norm(w);
    for (std::uint64_t s = 0; s < 20; ++s)
      lower = std::max(lower, masked_product(chain, s, s == 0 ? 2.0 : 0.8)); // s = 0: linear
    const double bound = chain_bound(chain, std::vector<double>(chain.size() - 1, 1.0));
    INFO("layers " << chain.size() << ": bound/product " << bound / product << ", sampled/bound "
                   << lower / bound);
    CHECK(bound >= lower);
    CHECK(bound < product);
    CHECK(bound / product == Approx(c.ratio).margin(0.06));
  }
}

TEST_CASE("chain bound against every activation pattern of small nets", "[network][lipsdp]") {
  double tightest = 0;
  for (std::uint64_t net = 0; net < 30; ++net) {
    const auto chain = chain_of({3, 7, 2}, 500 + 10 * net);
    const double bound = chain_bound(chain, {1.0});
    double largest = 0;
    for (unsigned pattern = 0; pattern < 128; ++pattern) {
      ChainMatrix w = chain[0];
      for (std::size_t i = 0; i < 7; ++i)
        if (!(pattern >> i & 1U))
          for (std::size_t j = 0; j < 3; ++j)
            w.a[i + j * 7] = 0;
      largest = std::max(largest, norm(multiply(chain[1], w)));
    }
    CHECK(bound >= largest);
    tightest = std::max(tightest, largest / bound);
  }
  INFO("largest pattern/bound " << tightest);
  CHECK(tightest > 0.7);
}

TEST_CASE("chain bound: one by one and orthogonal maps are exact, slopes and scales multiply",
          "[network][lipsdp]") {
  const ChainMatrix two{1, 1, {2.0}, 0}, three{1, 1, {-3.0}, 0};
  const double exact = chain_bound({two, three, two}, {1.0, 1.0});
  CHECK(exact >= 12);
  CHECK(exact <= 12 * (1 + 1e-12));
  const double quarter = chain_bound({two, three}, {0.25});
  CHECK(quarter >= 1.5);
  CHECK(quarter <= 1.5 * (1 + 1e-12));
  CHECK(chain_bound({ChainMatrix{2, 1, {0, 0}, 0}, ChainMatrix{1, 2, {1, 1}, 0}}, {1.0}) == 0);
  // A Givens rotation keeps lengths, so M stays a multiple of the identity.
  const ChainMatrix rotation{2, 2, {0.6, 0.8, -0.8, 0.6}, 0};
  CHECK(chain_bound({rotation, rotation, rotation}, {1.0, 1.0}) == Approx(1).epsilon(1e-12));
  for (const double scale : {1e-250, 1e-60, 1e60, 1e250}) { // squares leave the range of double
    auto chain = chain_of({4, 5, 3}, 900);
    const double unscaled = chain_bound(chain, {1.0});
    for (double &x : chain[0].a)
      x *= scale;
    const double bound = chain_bound(chain, {1.0});
    INFO("scale " << scale);
    CHECK(bound >= unscaled * scale * (1 - 1e-12));
    CHECK(bound <= unscaled * scale * (1 + 1e-12));
  }
  ChainMatrix uncertain = gaussian(4, 4, 950);
  const double sharp = chain_bound({uncertain, uncertain}, {1.0});
  uncertain.error = 1e-3;
  CHECK(chain_bound({uncertain, uncertain}, {1.0}) > sharp + 1e-3);
  std::vector<double> with_nan(4, 1.0);
  with_nan[2] = std::nan("");
  CHECK(std::isinf(chain_bound({ChainMatrix{2, 2, with_nan, 0}}, {})));
}
