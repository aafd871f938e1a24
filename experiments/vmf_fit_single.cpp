// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf.h"
#include "bessel/vmf_resultant.h"
#include "vmf_fit_cases.h"
#include <algorithm>

namespace vmf_fit {

namespace bessel = lathe::bessel;

std::vector<Column> estimate_columns(const std::string &prefix,
                                     const std::vector<std::string> &dims) {
  const auto column = [&](const char *name, const char *long_name, const char *units = "1") {
    return Column{.name = prefix + name, .units = units, .long_name = long_name, .dims = dims};
  };
  return {column("kappa", "concentration, by the estimator of -estimator"),
          column("kappa_std_error", "standard error of kappa_corrected"),
          column("kappa_mle", "maximum-likelihood concentration"),
          column("kappa_corrected", "concentration from the unbiased squared resultant"),
          column("resultant", "length of the mean of the unit rows"),
          column("resultant_complement", "1 - resultant without cancellation"),
          column("condition", "relative change of kappa_mle for one of the resultant"),
          column("n_eff", "effective number of rows"),
          column("mean_std_error", "standard error of the mean direction", "rad")};
}

std::vector<double> estimate_values(const LatheVmfEstimate &e, double kappa) {
  return {kappa,           e.kappa_std_error,      e.kappa_mle, e.kappa_corrected,
          e.resultant,     e.resultant_complement, e.condition, e.n_eff,
          e.mean_std_error};
}

void put_estimate(const LatheVmfEstimate &e, double kappa, const std::string &prefix, Record *r) {
  const auto columns = estimate_columns(prefix);
  const auto values = estimate_values(e, kappa);
  for (std::size_t i = 0; i < columns.size(); ++i)
    r->real(columns[i].name, values[i]);
}

LatheVmfRows borrow(const FeatureRows &rows, std::int64_t dim) {
  return {static_cast<PetscInt>(rows.count), static_cast<PetscInt>(dim),
          rows.single.empty() ? nullptr : rows.single.data(),
          rows.real.empty() ? nullptr : rows.real.data()};
}

namespace {

/// One pass over the file in pieces of at most 16 MiB a rank.
PetscErrorCode add_up(Driver &d, const Settings &s, const FeatureFile &file,
                      const RowLabels &labels, bessel::RowScan *scan, bessel::ResultantSums *sums) {
  PetscFunctionBeginUser;
  int size = 1;
  PetscCallMPI(MPI_Comm_size(d.comm(), &size));
  const std::int64_t most = lathe::block_range(file.rows(), size, 0).size();
  const std::int64_t block = std::max<std::int64_t>(4, (std::int64_t{1} << 21) / file.dim());
  FeatureRows piece;
  for (std::int64_t at = 0; at < most; at += block) {
    const std::int64_t first = std::min(file.mine().begin + at, file.mine().end);
    PetscCall(file.Read({first, std::min(first + block, file.mine().end)}, &piece));
    const std::int32_t *label =
        s.labels.empty() ? nullptr : labels.mine.data() + (first - file.mine().begin);
    bessel::add_labelled_rows(borrow(piece, file.dim()), first, label, scan, sums);
    PetscCall(scan->Check(d.comm()));
  }
  PetscCall(scan->Finish(d.comm()));
  PetscCheck(scan->rows() >= 1, d.comm(), PETSC_ERR_USER_INPUT, "%s: %lld rows, all of them zero",
             file.where().c_str(), static_cast<long long>(file.rows()));
  PetscCall(sums->AllReduce(d.comm()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode FitSingle(Driver &d, const Settings &s, const FeatureFile &file,
                         const RowLabels &labels) {
  PetscFunctionBeginUser;
  const auto dim = static_cast<std::size_t>(file.dim());
  bessel::RowScan scan(s.normalize);
  bessel::ResultantSums sums(std::max<std::size_t>(1, labels.values.size()), dim, file.rows());
  PetscCall(add_up(d, s, file, labels, &scan, &sums));
  std::vector<Column> columns = estimate_columns("");
  columns.push_back({.name = "log_likelihood", .long_name = "log-likelihood of mu and kappa"});
  columns.push_back({.name = "rows", .kind = Kind::integer, .long_name = "rows that are not zero"});
  columns.push_back(
      {.name = "zero_rows", .kind = Kind::integer, .long_name = "zero rows, left out"});
  columns.push_back({.name = "mu", .long_name = "mean direction", .dims = {"feature"}});
  const bessel::ResultantSums all = sums.total();
  const LatheVmfEstimate e = all.estimate(0);
  PetscCall(bessel::WarnIfPointlike(d.comm(), e));
  std::vector<double> mu(dim, 0.0);
  if (!all.direction(0, mu.data()))
    mu[0] = 1; // the rows cancel: any direction is as good
  Record fit;
  put_estimate(e, s.kappa_of(e), "", &fit);
  fit.real("log_likelihood", bessel::vmf_log_likelihood(file.dim(), s.kappa_of(e),
                                                        e.resultant_complement, all.weight(0)));
  fit.integer("rows", scan.rows());
  fit.integer("zero_rows", scan.zero_rows());
  fit.array("mu", mu);
  PetscCall(d.write("fit", columns, fit));
  if (s.labels.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<std::string> names;
  for (const std::int64_t value : labels.values)
    names.push_back(std::to_string(value));
  columns = estimate_columns("class_");
  columns.push_back(
      {.name = "class_rows", .kind = Kind::integer, .long_name = "rows of the class"});
  columns.push_back(
      {.name = "class_mu", .long_name = "mean direction of the class", .dims = {"feature"}});
  PetscCall(d.run_cases("class", names, columns, [&](std::size_t k, Record &r) -> PetscErrorCode {
    PetscFunctionBeginUser;
    PetscCheck(sums.weight(k) > 0, d.comm(), PETSC_ERR_ARG_OUTOFRANGE, "every row is zero");
    const LatheVmfEstimate one = sums.estimate(k);
    std::vector<double> direction(dim, 0.0);
    sums.direction(k, direction.data());
    put_estimate(one, s.kappa_of(one), "class_", &r);
    r.integer("class_rows", static_cast<std::int64_t>(sums.weight(k)));
    r.array("class_mu", direction);
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace vmf_fit
