// SPDX-License-Identifier: BSD-2-Clause
// The three kinds of runs of vmf_fit, and what they share.
#pragma once
#include "bessel/vmf_fit.h"
#include "driver/driver.h"
#include "driver/feature_file.h"

namespace vmf_fit {

using namespace lathe::driver;

struct Settings {
  std::string data, labels;
  bool normalize = false;
  std::vector<std::int64_t> dim{2048, 8192, 32768};
  std::vector<double> kappa, kappa_over_dim{0.1, 1, 10};
  std::int64_t rows = 1024, components = 1, starts = 4;
  std::string estimator = "corrected";
  double tolerance = 1e-8, kappa_max = 1e8;
  PetscInt max_steps = 500;

  [[nodiscard]] double kappa_of(const LatheVmfEstimate &e) const {
    return estimator == "mle" ? e.kappa_mle : e.kappa_corrected;
  }
};

/// What every estimate writes; `prefix` before each name, along `dims`.
std::vector<Column> estimate_columns(const std::string &prefix,
                                     const std::vector<std::string> &dims = {});
/// The values of those columns, in their order.
std::vector<double> estimate_values(const LatheVmfEstimate &e, double kappa);
void put_estimate(const LatheVmfEstimate &e, double kappa, const std::string &prefix, Record *r);

/// Rows as the library takes them.
LatheVmfRows borrow(const FeatureRows &rows, std::int64_t dim);

/// One distribution for each dimension and concentration, from generated rows.
PetscErrorCode FitGenerated(Driver &d, const Settings &s);
/// One distribution, and one for each class, in one pass over the file.
PetscErrorCode FitSingle(Driver &d, const Settings &s, const FeatureFile &file,
                         const RowLabels &labels);
/// A mixture; every rank keeps its rows.
PetscErrorCode FitMixture(Driver &d, const Settings &s, const FeatureFile &file,
                          const RowLabels &labels);

} // namespace vmf_fit
