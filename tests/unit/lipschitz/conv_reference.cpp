// SPDX-License-Identifier: BSD-2-Clause
// Convolution brackets against the explicit operator's norm to 40 digits, without tolerance.
#include "conv_cases.h"
#include "harness/mpi_test.h"
#include "lipschitz/conv_norm.h"
#include "reference_svd.h"
#include <cmath>
#include <cstdlib>

using namespace lathe;
using namespace lathe::test;

namespace {

/// Norm of the layer: the largest over its groups, each from its definition.
Digits50 exact_norm(const Layer &l) {
  Digits50 largest = 0;
  Layer one = l;
  one.geometry.groups = 1;
  one.geometry.cout = l.geometry.cout / l.geometry.groups;
  one.geometry.cin = l.geometry.cin / l.geometry.groups;
  const std::size_t count = l.weight.size() / static_cast<std::size_t>(l.geometry.groups);
  for (PetscInt g = 0; g < l.geometry.groups; ++g) {
    const auto begin = l.weight.begin() + static_cast<long>(count) * g;
    one.weight.assign(begin, begin + static_cast<long>(count));
    const DenseOperator<Digits50> m = explicit_operator<Digits50>(one);
    // Column-major is the transpose row by row.
    largest = std::max(largest, largest_singular_value(m.cols, m.rows, m.a));
  }
  return largest;
}

struct Tally {
  int cases = 0, violations = 0;
  double widest = 0;
  std::string worst;

  void examine(const Layer &l) {
    const LatheConvolution view = l.view();
    LatheNormBracket b{};
    const PetscErrorCode code = LatheConvolutionNormBracket(PETSC_COMM_SELF, &view, nullptr, &b);
    const Digits50 sigma = exact_norm(l), error = sigma * Digits50("1e-39");
    ++cases;
    const bool holds = code == PETSC_SUCCESS && b.certificate == LATHE_CERTIFICATE_RIGOROUS &&
                       b.lower <= sigma + error && b.upper >= sigma - error;
    if (!holds) {
      ++violations;
      worst = describe(l) + " lower " + std::to_string(b.lower) + " sigma " +
              std::to_string(static_cast<double>(sigma)) + " upper " + std::to_string(b.upper);
    }
    if (b.lower > 0)
      widest = std::max(widest, (b.upper - b.lower) / b.lower);
  }
};

/// Layers with exact ties, cancellation, zero symbols and extreme scales.
std::vector<Layer> special_layers() {
  std::vector<Layer> layers;
  for (const LathePadding mode : {LATHE_PADDING_ZEROS, LATHE_PADDING_CIRCULAR,
                                  LATHE_PADDING_REFLECT, LATHE_PADDING_REPLICATE})
    for (const PetscInt n : {2, 3, 5, 6})
      for (const int exponent : {0, 1000, -1000}) {
        const auto add = [&](PetscInt cout, PetscInt cin, PetscInt k, std::vector<double> w) {
          for (double &x : w)
            x = std::ldexp(x, exponent);
          layers.push_back(layer_2d(cout, cin, k, n, k / 2, mode, std::move(w)));
        };
        add(1, 1, 3, {-1, -1, -1, -1, 8, -1, -1, -1, -1}); // zero symbol at ω = 0
        add(1, 1, 3, std::vector<double>(9, 1.0));         // box
        add(1, 1, 3, {1, -1, 1, -1, 1, -1, 1, -1, 1});     // box, maximum at ω = π
        add(1, 1, 3, {0, 0, 0, 0, 1, 0, 0, 0, 0});         // identity: all frequencies tie
        add(1, 1, 2, {1, -1, -1, 1});
        add(2, 2, 1, {0, 1, -1, 0});          // rotation of the channels
        add(2, 1, 1, {3, 4});                 // norm 5
        add(2, 2, 1, {1, 1, 1, 1 + 0x1p-52}); // nearly rank one
      }
  return layers;
}

} // namespace

// More cases with LATHE_REFERENCE_CASES=N.
TEST_CASE("brackets hold the 40-digit norm for every geometry", "[conv][norm]") {
  const char *asked = std::getenv("LATHE_REFERENCE_CASES");
  const std::uint64_t cases = asked ? std::strtoull(asked, nullptr, 10) : 1500;
  Tally tally; // each rank takes its share on its own
  for (auto i = static_cast<std::uint64_t>(mpi_rank()); i < cases;
       i += static_cast<std::uint64_t>(mpi_size()))
    tally.examine(random_layer(7, i));
  const std::vector<Layer> special = special_layers();
  for (auto i = static_cast<std::size_t>(mpi_rank()); i < special.size();
       i += static_cast<std::size_t>(mpi_size()))
    tally.examine(special[i]);
  INFO(tally.cases << " cases on this rank, widest " << tally.widest << ", violations "
                   << tally.violations << ", last: " << tally.worst);
  CHECK_ALL(tally.violations == 0);
  WARN("widest " << tally.widest);
  CHECK_ALL(tally.widest <= 1e-12); // small operators: the dense certificate closes the bracket
}
