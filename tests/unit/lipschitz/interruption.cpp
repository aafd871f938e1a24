// SPDX-License-Identifier: BSD-2-Clause
// Long computations leave together and soon when one rank is asked to stop, whenever that is.
#include "core/handle.h"
#include "core/interruption.h"
#include "core/random.h"
#include "driver/generators.h"
#include "harness/mpi_test.h"
#include "lipschitz/conv_norm.h"
#include "lipschitz/network_generate.h"
#include <functional>

using namespace lathe;
using namespace lathe::lipschitz;
using namespace lathe::test;

namespace {

long long questions = 0; // asked on this rank
long long patience = 0;  // question number that is answered with yes
constexpr long long never = 1LL << 60;

bool answer() noexcept {
  return ++questions >= patience;
}

// Install for one computation. On ranks other than `asked` the answer is always no.
struct Installed {
  explicit Installed(long long at, int asked = 0) {
    questions = 0;
    patience = mpi_rank() == asked ? at : never;
    set_stop_question(answer);
  }
  ~Installed() { set_stop_question(nullptr); }
  Installed(const Installed &) = delete;
  Installed &operator=(const Installed &) = delete;
};

using Computation = std::function<PetscErrorCode(double *)>;

void check(const char *name, const Computation &compute) {
  INFO(name);
  double alone = 0;
  PETSC_OK(compute(&alone));
  long long total = 0, most = 0; // least of all ranks; of this one
  {
    const Installed question(never);
    double watched = 0;
    PETSC_OK(compute(&watched));
    CHECK_ALL(watched == alone);
    MPI_Allreduce(&questions, &total, 1, MPI_LONG_LONG, MPI_MIN, PETSC_COMM_WORLD);
    most = questions;
  }
  INFO(total << " questions");
  CHECK_ALL(total > 4); // it asks on every rank …
  for (const long long at : {1LL, total / 2, total}) {
    const Installed question(at, static_cast<int>(at % mpi_size()));
    double ignored = 0;
    const Caught caught = catch_error([&] { return compute(&ignored); });
    CHECK_ALL(caught.code == stop_error);
    CHECK_ALL(questions <= most); // … and nobody works on beyond it
  }
}

std::vector<double> weights(std::size_t n) {
  std::vector<double> w(n);
  for (std::size_t i = 0; i < n; ++i)
    w[i] = random::normal(7, 0, i);
  return w;
}

} // namespace

TEST_CASE("a stop asked on one rank ends convolution brackets on all", "[interruption]") {
  const std::vector<double> w = weights(12 * 12 * 9);
  LatheConvolution layer{};
  layer.ndim = 2;
  layer.cout = layer.cin = 12;
  layer.groups = 1;
  for (int i = 0; i < 2; ++i) {
    layer.kernel[i] = 3;
    layer.stride[i] = layer.dilation[i] = layer.padding[i] = 1;
    layer.input[i] = 48;
  }
  layer.weight = w.data();
  const auto bracket = [&](LatheConvolutionMethod method) {
    return [&, method](double *value) -> PetscErrorCode {
      const LatheConvolutionOptions options{method, 1e-12, 3};
      LatheNormBracket b;
      PetscFunctionBegin;
      PetscCall(LatheConvolutionNormBracket(PETSC_COMM_WORLD, &layer, &options, &b));
      *value = b.upper;
      PetscFunctionReturn(PETSC_SUCCESS);
    };
  };
  check("cholesky", bracket(LATHE_CONVOLUTION_CHOLESKY));
  check("moment", bracket(LATHE_CONVOLUTION_MOMENT));
  check("norm map", [&](double *value) -> PetscErrorCode {
    FrequencyNorms norms;
    PetscFunctionBegin;
    PetscCall(ConvolutionFrequencyNorms(PETSC_COMM_WORLD, &layer, 16, &norms));
    *value = norms.norm[0];
    PetscFunctionReturn(PETSC_SUCCESS);
  });
  layer.input[0] = layer.input[1] = 0;
  check("supremum", [&](double *value) -> PetscErrorCode {
    LatheNormBracket b;
    PetscFunctionBegin;
    PetscCall(LatheConvolutionSupremum(PETSC_COMM_WORLD, &layer, 1e-6, &b));
    *value = b.upper;
    PetscFunctionReturn(PETSC_SUCCESS);
  });
}

TEST_CASE("a stop asked on one rank ends operator and network bounds on all", "[interruption]") {
  MatHandle A;
  PETSC_OK(GenerateMatrix(PETSC_COMM_WORLD, "convection_diffusion", 12, 1, A.out()));
  check("operator", [&](double *value) -> PetscErrorCode {
    LatheNormOptions options;
    LatheNormBracket b;
    PetscFunctionBegin;
    PetscCall(LatheNormOptionsSetDefaults(&options));
    PetscCall(LatheMatNormBracket(A, &options, &b));
    *value = b.upper;
    PetscFunctionReturn(PETSC_SUCCESS);
  });
  const Network network = generate_network("tiny", 0, Weights::random, 3);
  check("network", [&](double *value) -> PetscErrorCode {
    NetworkOptions options;
    options.samples = 8;
    PetscFunctionBegin;
    PetscCall(LatheNetworkLowerBound(PETSC_COMM_WORLD, network, options, value));
    PetscFunctionReturn(PETSC_SUCCESS);
  });
}
