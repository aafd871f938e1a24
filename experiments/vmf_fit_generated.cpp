// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf.h"
#include "bessel/vmf_resultant.h"
#include "bessel/vmf_sampler.h"
#include "core/interruption.h"
#include "vmf_fit_cases.h"
#include <algorithm>
#include <cmath>

namespace vmf_fit {

namespace bessel = lathe::bessel;
using lathe::Range;

namespace {

struct GeneratedCase {
  std::int64_t dim;
  double kappa;
};

std::vector<Column> generated_columns() {
  std::vector<Column> columns{
      {.name = "dim", .kind = Kind::integer, .long_name = "dimensions"},
      {.name = "rows", .kind = Kind::integer, .long_name = "generated rows"},
      {.name = "kappa_true", .long_name = "concentration of the generator"},
      {.name = "deviation", .long_name = "(kappa - kappa_true) over kappa_std_error"},
      {.name = "mean_error", .units = "rad", .long_name = "angle between mu and the true mean"},
      {.name = "log_likelihood", .long_name = "log-likelihood of mu and kappa"}};
  const std::vector<Column> more = estimate_columns("");
  columns.insert(columns.begin() + 3, more.begin(), more.end());
  return columns;
}

/// Rows are made block by block, rounded to single precision, added up and forgotten.
PetscErrorCode fit_generated(Driver &d, const Settings &s, const GeneratedCase &c,
                             std::size_t index, Record *r) {
  PetscFunctionBeginUser;
  int size = 1;
  PetscCallMPI(MPI_Comm_size(d.comm(), &size));
  const auto dim = static_cast<std::size_t>(c.dim);
  constexpr std::uint64_t means = std::uint64_t{1} << 31; // streams of the mean directions
  const std::vector<double> mean = bessel::uniform_direction(dim, d.seed(), means + index, 0);
  const bessel::VmfSampler sampler(mean, c.kappa, d.seed(), index);
  const Range mine = lathe::block_range(s.rows, size, d.rank());
  const std::int64_t most = lathe::block_range(s.rows, size, 0).size();
  const std::int64_t block = std::max<std::int64_t>(4, (std::int64_t{1} << 20) / c.dim);
  bessel::ResultantSums sums(1, dim, s.rows);
  bessel::RowScan scan(true);
  std::vector<double> row(dim);
  std::vector<float> rows;
  for (std::int64_t at = 0; at < most; at += block) {
    PetscCall(lathe::StopTogether(d.comm()));
    const std::int64_t first = std::min(mine.begin + at, mine.end);
    const std::int64_t count = std::min(block, mine.end - first);
    rows.resize(static_cast<std::size_t>(count) * dim);
    for (std::int64_t i = 0; i < count; ++i) {
      sampler.sample(static_cast<std::uint64_t>(first + i), row.data());
      std::transform(row.begin(), row.end(), rows.begin() + i * c.dim,
                     [](double x) { return static_cast<float>(x); });
    }
    const LatheVmfRows borrowed = {static_cast<PetscInt>(count), static_cast<PetscInt>(c.dim),
                                   rows.data(), nullptr};
    bessel::add_labelled_rows(borrowed, first, nullptr, &scan, &sums);
  }
  PetscCall(scan.Finish(d.comm()));
  PetscCall(sums.AllReduce(d.comm()));
  const LatheVmfEstimate e = sums.estimate(0);
  const double kappa = s.kappa_of(e);
  std::vector<double> mu(dim, 0.0);
  sums.direction(0, mu.data());
  double squared = 0; // chord between the directions
  for (std::size_t i = 0; i < dim; ++i)
    squared += (mu[i] - sampler.mean()[i]) * (mu[i] - sampler.mean()[i]);
  r->integer("dim", c.dim);
  r->integer("rows", scan.rows());
  r->real("kappa_true", c.kappa);
  put_estimate(e, kappa, "", r);
  r->real("deviation", (kappa - c.kappa) / e.kappa_std_error);
  r->real("mean_error", 2 * std::asin(std::min(1.0, 0.5 * std::sqrt(squared))));
  r->real("log_likelihood",
          bessel::vmf_log_likelihood(c.dim, kappa, e.resultant_complement, sums.weight(0)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode FitGenerated(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  PetscCall(d.input_fact("generator", std::string("von Mises-Fisher")));
  std::vector<GeneratedCase> cases;
  std::vector<std::string> names;
  const std::vector<double> &list = s.kappa.empty() ? s.kappa_over_dim : s.kappa;
  for (const std::int64_t dim : s.dim)
    for (const double value : list) {
      cases.push_back({dim, s.kappa.empty() ? value * static_cast<double>(dim) : value});
      names.push_back(
          lathe::Format("p%lld_kappa%g", static_cast<long long>(dim), cases.back().kappa));
    }
  PetscCall(d.run_cases("case", names, generated_columns(), [&](std::size_t i, Record &r) {
    return fit_generated(d, s, cases[i], i, &r);
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace vmf_fit
