// SPDX-License-Identifier: BSD-2-Clause
// Fits over distributed rows: equal bits for every distribution, recovery, invariance, refusals.
#include "bessel/vmf_fit.h"
#include "bessel/vmf.h"
#include "bessel/vmf_sampler.h"
#include "core/handle.h"
#include "core/layout.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace {

using namespace lathe::bessel;
using namespace lathe::test;

double real(PetscInt n) {
  return static_cast<double>(n);
}

/// Rows that every rank knows whole, and the part that this rank hands to the library.
struct Data {
  PetscInt dim = 0;
  std::vector<double> rows;

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(rows.size()) / dim; }
  [[nodiscard]] LatheVmfRows part(lathe::Range r) const {
    return {static_cast<PetscInt>(r.size()), dim, nullptr, rows.data() + r.begin * dim};
  }
  [[nodiscard]] LatheVmfRows mine() const {
    return part(lathe::block_range(count(), mpi_size(), mpi_rank()));
  }
  /// Rank 0 has no rows, the others share unevenly.
  [[nodiscard]] LatheVmfRows uneven() const {
    const auto bound = [&](int rank) {
      return rank == 0 ? 0 : rank == mpi_size() ? count() : count() * (rank - 1) / (2 * mpi_size());
    };
    return part({bound(mpi_rank()), bound(mpi_rank() + 1)});
  }
};

/// n rows of a mixture with the given means; row i belongs to component i mod K.
Data mixture_data(PetscInt dim, const std::vector<double> &kappa, std::int64_t n,
                  std::uint64_t seed) {
  Data data{dim, std::vector<double>(static_cast<std::size_t>(n * dim))};
  std::vector<VmfSampler> samplers;
  for (std::size_t k = 0; k < kappa.size(); ++k)
    samplers.emplace_back(uniform_direction(static_cast<std::size_t>(dim), seed, 99, k), kappa[k],
                          seed, k);
  for (std::int64_t i = 0; i < n; ++i)
    samplers[static_cast<std::size_t>(i) % kappa.size()].sample(static_cast<std::uint64_t>(i),
                                                                data.rows.data() + i * dim);
  return data;
}

struct Fitted {
  LatheVmfModel m{};
  Fitted() = default;
  Fitted(const Fitted &) = delete;
  Fitted &operator=(const Fitted &) = delete;
  ~Fitted() { (void)LatheVmfModelDestroy(&m); }
};

LatheVmfOptions options_for(PetscInt components) {
  LatheVmfOptions o;
  (void)LatheVmfOptionsSetDefaults(&o);
  o.components = components;
  return o;
}

bool same_bits(const LatheVmfModel &a, const LatheVmfModel &b) {
  const auto k = static_cast<std::size_t>(a.components);
  return a.components == b.components && a.dim == b.dim && a.steps == b.steps && a.rows == b.rows &&
         a.zero_rows == b.zero_rows && a.empty == b.empty &&
         std::memcmp(&a.log_likelihood, &b.log_likelihood, sizeof(double)) == 0 &&
         std::memcmp(a.component, b.component, k * sizeof *a.component) == 0 &&
         std::memcmp(a.mean, b.mean, k * static_cast<std::size_t>(a.dim) * sizeof(double)) == 0;
}

TEST_CASE("vmf fit: the same bits for every distribution of the rows", "[vmf_fit]") {
  for (const PetscInt dim : {3, 17, 256}) {
    const Data data =
        mixture_data(dim, {1.0 * real(dim), 4.0 * real(dim), 20.0 * real(dim)}, 203, 7);
    for (const PetscInt components : {1, 2, 3, 5}) {
      const LatheVmfOptions o = options_for(components);
      Fitted alone, shared, uneven;
      const LatheVmfRows all = data.part({0, data.count()}), mine = data.mine(),
                         other = data.uneven();
      PETSC_OK(LatheVmfFit(PETSC_COMM_SELF, &all, &o, &alone.m));
      PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &mine, &o, &shared.m));
      PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &other, &o, &uneven.m));
      INFO("dim " << dim << " components " << components);
      CHECK_ALL(same_bits(alone.m, shared.m));
      CHECK_ALL(same_bits(alone.m, uneven.m));
      CHECK_ALL(alone.m.converged);
    }
  }
}

TEST_CASE("vmf fit: single precision is double precision of the same numbers", "[vmf_fit]") {
  Data data = mixture_data(37, {50, 300}, 101, 3);
  std::vector<float> narrow(data.rows.begin(), data.rows.end());
  std::copy(narrow.begin(), narrow.end(), data.rows.begin());
  for (const PetscInt components : {1, 2}) {
    const LatheVmfOptions o = options_for(components);
    const auto r = lathe::block_range(data.count(), mpi_size(), mpi_rank());
    const LatheVmfRows wide = data.mine();
    const LatheVmfRows single = {static_cast<PetscInt>(r.size()), data.dim,
                                 narrow.data() + r.begin * data.dim, nullptr};
    Fitted a, b;
    PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &wide, &o, &a.m));
    PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &single, &o, &b.m));
    CHECK_ALL(same_bits(a.m, b.m));
  }
}

// In 32768 dimensions, where a ratio of Bessel functions in double precision is 0/0. R² is a sum of
// products of independent rows, so 5 standard errors fail with probability below 10⁻⁵.
TEST_CASE("vmf fit: kappa is recovered in 2048 and 32768 dimensions", "[vmf_fit]") {
  for (const PetscInt dim : {2048, 32768})
    for (const double ratio : {0.1, 1.0, 10.0}) {
      const double kappa = ratio * real(dim);
      const Data data = mixture_data(dim, {kappa}, 48, 5);
      Fitted fit;
      const LatheVmfRows mine = data.mine();
      PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &mine, nullptr, &fit.m));
      const LatheVmfComponent &c = fit.m.component[0];
      INFO("dim " << dim << " kappa " << kappa << ": " << c.kappa << " ± "
                  << c.estimate.kappa_std_error << ", mle " << c.estimate.kappa_mle);
      CHECK(std::abs(c.kappa - kappa) < 5 * c.estimate.kappa_std_error);
      CHECK(c.estimate.kappa_std_error < 0.4 * kappa);
      CHECK(c.estimate.kappa_mle > kappa);
      // The likelihood is that of the definition.
      double sum = 0;
      for (std::int64_t i = 0; i < data.count(); ++i) {
        double dot = 0;
        for (PetscInt j = 0; j < dim; ++j)
          dot += data.rows[static_cast<std::size_t>(i * dim + j)] * fit.m.mean[j];
        sum += vmf_log_density(dim, c.kappa, dot);
      }
      CHECK(sum == Approx(fit.m.log_likelihood).epsilon(1e-11));
    }
}

TEST_CASE("vmf fit: a rotation of the rows rotates the model", "[vmf_fit]") {
  const PetscInt dim = 9;
  const Data data = mixture_data(dim, {30, 90}, 150, 13);
  const std::vector<double> axis = uniform_direction(9, 1, 2, 3);
  const auto reflect = [&](double *x) {
    double dot = 0;
    for (PetscInt j = 0; j < dim; ++j)
      dot += x[j] * axis[static_cast<std::size_t>(j)];
    for (PetscInt j = 0; j < dim; ++j)
      x[j] -= 2 * dot * axis[static_cast<std::size_t>(j)];
  };
  Data turned = data;
  for (std::int64_t i = 0; i < data.count(); ++i)
    reflect(turned.rows.data() + i * dim);
  for (const PetscInt components : {1, 2}) {
    const LatheVmfOptions o = options_for(components);
    Fitted a, b;
    const LatheVmfRows rows = data.mine(), other = turned.mine();
    PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &rows, &o, &a.m));
    PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &other, &o, &b.m));
    for (PetscInt k = 0; k < components; ++k) {
      CHECK(b.m.component[k].kappa == Approx(a.m.component[k].kappa).epsilon(1e-9));
      reflect(a.m.mean + k * dim);
      for (PetscInt j = 0; j < dim; ++j)
        CHECK(b.m.mean[k * dim + j] == Approx(a.m.mean[k * dim + j]).margin(1e-9));
    }
    CHECK(b.m.log_likelihood == Approx(a.m.log_likelihood).epsilon(1e-9));
  }
}

PetscErrorCode keep(const LatheVmfStep *step, void *context) {
  static_cast<std::vector<double> *>(context)->push_back(step->log_likelihood);
  return PETSC_SUCCESS;
}

TEST_CASE("vmf mixture: the likelihood never falls and the components are found", "[vmf_fit]") {
  for (const PetscInt dim : {2, 3, 20, 500}) {
    const std::vector<double> kappa = {5.0 * real(dim), 10.0 * real(dim), 20.0 * real(dim),
                                       40.0 * real(dim)};
    const Data data = mixture_data(dim, kappa, 600, 23);
    double best = -INFINITY;
    for (unsigned long long stream = 0; stream < 3; ++stream) {
      std::vector<double> trace;
      LatheVmfOptions o = options_for(4);
      o.estimator = LATHE_VMF_MLE;
      o.stream = stream;
      o.monitor = keep;
      o.monitor_context = &trace;
      Fitted fit;
      const LatheVmfRows mine = data.mine();
      PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &mine, &o, &fit.m));
      CHECK(fit.m.converged);
      REQUIRE(trace.size() == static_cast<std::size_t>(fit.m.steps));
      trace.push_back(fit.m.log_likelihood);
      double fall = 0;
      for (std::size_t i = 1; i < trace.size(); ++i)
        fall = std::max(fall, trace[i - 1] - trace[i]);
      CHECK(fall <= 600 * 40.0 * real(dim) * 0x1p-50);
      double weight = 0;
      for (PetscInt k = 0; k < 4; ++k) {
        weight += fit.m.component[k].weight;
        CHECK((k == 0 || fit.m.component[k].weight <= fit.m.component[k - 1].weight));
      }
      CHECK(weight == Approx(1).epsilon(1e-14));
      if (fit.m.log_likelihood <= best || dim < 20)
        continue;
      best = fit.m.log_likelihood;
    }
    if (dim < 20) // components overlap
      continue;
    // No worse than the true model: weights ¼, true means and concentrations.
    double truth = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::vector<double> mean = uniform_direction(static_cast<std::size_t>(dim), 23, 99, k);
      for (std::int64_t i = static_cast<std::int64_t>(k); i < data.count(); i += 4) {
        double dot = 0;
        for (PetscInt j = 0; j < dim; ++j)
          dot +=
              data.rows[static_cast<std::size_t>(i * dim + j)] * mean[static_cast<std::size_t>(j)];
        truth += std::log(0.25) + vmf_log_density(dim, kappa[k], dot);
      }
    }
    INFO("dim " << dim << " best " << best << " truth " << truth);
    CHECK(best > truth);
  }
}

TEST_CASE("vmf assignment: posterior probabilities by the definition", "[vmf_fit]") {
  const PetscInt dim = 6;
  const Data data = mixture_data(dim, {8, 60}, 90, 31);
  const LatheVmfOptions o = options_for(2);
  Fitted fit;
  const LatheVmfRows mine = data.mine();
  PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &mine, &o, &fit.m));
  const auto local = static_cast<std::size_t>(mine.local);
  std::vector<PetscInt> component(local);
  std::vector<double> probability(local), log_density(local);
  PETSC_OK(LatheVmfAssign(&mine, &fit.m, component.data(), probability.data(), log_density.data()));
  bool right = true;
  double total = 0;
  for (std::size_t i = 0; i < local; ++i) {
    double density[2];
    for (PetscInt k = 0; k < 2; ++k) {
      double dot = 0;
      for (PetscInt j = 0; j < dim; ++j)
        dot +=
            mine.double_precision[i * static_cast<std::size_t>(dim) + static_cast<std::size_t>(j)] *
            fit.m.mean[k * dim + j];
      const LatheVmfComponent &c = fit.m.component[k];
      density[k] = c.weight * std::exp(vmf_log_density(dim, c.kappa, std::clamp(dot, -1.0, 1.0)));
    }
    const double sum = density[0] + density[1];
    right = right && component[i] == (density[1] > density[0] ? 1 : 0) &&
            std::abs(probability[i] - std::max(density[0], density[1]) / sum) < 1e-12 &&
            std::abs(log_density[i] - std::log(sum)) < 1e-12;
    total += log_density[i];
  }
  CHECK_ALL(right);
  MPI_Allreduce(MPI_IN_PLACE, &total, 1, MPI_DOUBLE, MPI_SUM, PETSC_COMM_WORLD);
  CHECK(total == Approx(fit.m.log_likelihood).epsilon(1e-12));
}

TEST_CASE("vmf fit: zero rows, equal rows, rows that cancel, more components than directions",
          "[vmf_fit]") {
  Data data = mixture_data(5, {10}, 40, 3);
  Data with_zeros = data;
  with_zeros.rows.insert(with_zeros.rows.begin() + 35, 10, 0.0); // rows 7 and 8
  with_zeros.rows.insert(with_zeros.rows.end(), 5, 1e-310);
  for (const PetscInt components : {1, 2}) {
    const LatheVmfOptions o = options_for(components);
    Fitted a, b;
    const LatheVmfRows plain = data.mine(), zeros = with_zeros.mine();
    PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &plain, &o, &a.m));
    PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &zeros, &o, &b.m));
    CHECK(b.m.zero_rows == 3);
    CHECK(b.m.rows == 40);
    CHECK(b.m.component[0].kappa == Approx(a.m.component[0].kappa).epsilon(1e-12));
    CHECK(b.m.log_likelihood == Approx(a.m.log_likelihood).epsilon(1e-12));
  }

  Data equal{3, {}};
  for (int i = 0; i < 12; ++i)
    equal.rows.insert(equal.rows.end(), {1.0 / 3, 2.0 / 3, -2.0 / 3});
  Fitted point, bounded;
  const LatheVmfRows same = equal.mine();
  PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &same, nullptr, &point.m));
  CHECK(point.m.component[0].kappa == INFINITY);
  CHECK(point.m.component[0].estimate.resultant == 1);
  CHECK(point.m.log_likelihood == INFINITY);
  const LatheVmfOptions three = options_for(3);
  PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &same, &three, &bounded.m));
  CHECK(bounded.m.component[0].kappa == three.kappa_max);
  CHECK(bounded.m.component[0].weight == 1);
  CHECK(bounded.m.empty == 2);
  CHECK(bounded.m.component[2].weight == 0);
  CHECK(std::isfinite(bounded.m.log_likelihood));

  const Data opposite{2, {1, 0, -1, 0, 0, 1, 0, -1}};
  Fitted none;
  const LatheVmfRows cancelling = opposite.mine();
  PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &cancelling, nullptr, &none.m));
  CHECK(none.m.component[0].kappa == 0);
  CHECK(none.m.component[0].estimate.resultant == 0);
  CHECK(none.m.log_likelihood == Approx(-4 * std::log(2 * M_PI)).epsilon(1e-14));
}

TEST_CASE("vmf fit: lengths from 1e-300 to 1e300 with normalize", "[vmf_fit]") {
  const Data data = mixture_data(4, {20}, 30, 41);
  Data scaled = data;
  for (std::int64_t i = 0; i < data.count(); ++i)
    for (PetscInt j = 0; j < 4; ++j)
      scaled.rows[static_cast<std::size_t>(4 * i + j)] *=
          std::pow(10.0, -300.0 + 20.0 * static_cast<double>(i));
  LatheVmfOptions o = options_for(1);
  o.normalize = PETSC_TRUE;
  Fitted a, b;
  const LatheVmfRows plain = data.mine(), other = scaled.mine();
  PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &plain, &o, &a.m));
  PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &other, &o, &b.m));
  CHECK(b.m.rows == 30);
  CHECK(b.m.component[0].kappa == Approx(a.m.component[0].kappa).epsilon(1e-13));
}

TEST_CASE("vmf fit: refusals on every rank, with place and value", "[vmf_fit]") {
  const Data good = mixture_data(4, {5}, 20, 2);
  const auto refusal = [&](const Data &data, const LatheVmfOptions &o) {
    Fitted fit;
    const LatheVmfRows mine = data.mine();
    const Caught caught =
        catch_error([&] { return LatheVmfFit(PETSC_COMM_WORLD, &mine, &o, &fit.m); });
    CHECK_ALL(caught.code != PETSC_SUCCESS);
    CHECK(fit.m.mean == nullptr);
    return caught.message;
  };
  const auto has = [](const std::string &text, const char *part) {
    INFO(text);
    return text.find(part) != std::string::npos;
  };
  for (const PetscInt components : {1, 3}) {
    LatheVmfOptions o = options_for(components);
    Data data = good;
    data.rows[4 * 17 + 2] = NAN;
    CHECK(has(refusal(data, o), "row 17, column 2 is nan"));
    data = good;
    data.rows[4 * 18 + 1] *= 1.5;
    CHECK(has(refusal(data, o), "row 18 has length"));
    data = good;
    std::fill(data.rows.begin(), data.rows.end(), 0.0);
    CHECK(has(refusal(data, o), "zero"));
    o.normalize = PETSC_TRUE;
    data = good;
    data.rows[4 * 19 + 3] = INFINITY;
    CHECK(has(refusal(data, o), "row 19, column 3 is inf"));
  }
  CHECK(has(refusal(good, options_for(21)), "20 rows"));
  CHECK(has(refusal(good, options_for(0)), "components is 0"));
  const auto changed = [&](auto &&change) {
    LatheVmfOptions o = options_for(2);
    change(o);
    return refusal(good, o);
  };
  CHECK(has(changed([](auto &o) { o.tolerance = 0; }), "tolerance is 0"));
  CHECK(has(changed([](auto &o) { o.max_steps = 0; }), "max_steps is 0"));
  CHECK(has(changed([](auto &o) { o.kappa_max = INFINITY; }), "kappa_max is inf"));
  CHECK(has(changed([](auto &o) { o.stream = 1ULL << 32; }), "stream is 4294967296"));

  const auto wrong_rows = [&](auto &&change) {
    LatheVmfRows mine = good.mine();
    change(mine);
    Fitted fit;
    const Caught caught =
        catch_error([&] { return LatheVmfFit(PETSC_COMM_WORLD, &mine, nullptr, &fit.m); });
    CHECK_ALL(caught.code != PETSC_SUCCESS);
    return caught.message;
  };
  const bool last = mpi_rank() == mpi_size() - 1;
  CHECK(has(wrong_rows([](auto &r) { r.dim = 1; }), "1 dimensions"));
  CHECK(has(wrong_rows([](auto &r) { r.local = -1; }), "local is -1"));
  CHECK(has(wrong_rows([&](auto &r) { r.double_precision = last ? nullptr : r.double_precision; }),
            "neither"));
  if (mpi_size() > 1)
    CHECK(has(wrong_rows([&](auto &r) { r.dim = last ? 2 : 4; }), "2 to 4 dimensions"));
}

TEST_CASE("vmf fit: rows of a PETSc matrix", "[vmf_fit]") {
  const Data data = mixture_data(7, {40, 12}, 33, 51);
  lathe::MatHandle matrix;
  PETSC_OK(
      MatCreateDense(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, 33, 7, nullptr, matrix.out()));
  PetscInt begin = 0, end = 0;
  PETSC_OK(MatGetOwnershipRange(matrix, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < 7; ++j)
      REQUIRE(MatSetValue(matrix, i, j, data.rows[static_cast<std::size_t>(7 * i + j)],
                          INSERT_VALUES) == PETSC_SUCCESS);
  PETSC_OK(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
  PETSC_OK(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
  const LatheVmfOptions o = options_for(2);
  Fitted a, b;
  const LatheVmfRows mine = data.mine();
  PETSC_OK(LatheVmfFit(PETSC_COMM_WORLD, &mine, &o, &a.m));
  PETSC_OK(LatheVmfFitMat(matrix, &o, &b.m));
  CHECK_ALL(same_bits(a.m, b.m));
}

} // namespace
