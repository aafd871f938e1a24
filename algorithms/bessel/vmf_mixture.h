// SPDX-License-Identifier: BSD-2-Clause
// Mixtures of von Mises-Fisher distributions over distributed rows: start, expectation,
// maximisation.
#pragma once
#include "bessel/vmf_resultant.h"

namespace lathe::bessel {

/// Parameters, the same bits on every rank.
struct Mixture {
  std::size_t dim = 0;
  std::vector<double> mean; // K × dim
  std::vector<double> kappa, weight;

  [[nodiscard]] std::size_t components() const { return weight.size(); }
};

/// Local rows with their lengths: what every pass needs.
struct ScannedRows {
  const LatheVmfRows *rows;
  std::vector<double> inverse_length; // 0: the row is left out
  std::int64_t first, global;         // row numbers
  std::int64_t used, zero;            // over all ranks
};

/// Lengths of all rows; refuses those that cannot be used. Collective.
PetscErrorCode ScanRows(MPI_Comm comm, const LatheVmfRows &rows, bool normalize,
                        ScannedRows *scanned);

/// Spherical k-means++ start (Arthur and Vassilvitskii, SODA 2007, with 1 − cosine for the squared
/// distance): see LatheVmfFit. The draws use exact integer weights, so they are the same on every
/// number of ranks. Collective; `components` passes over the rows.
PetscErrorCode StartMixture(MPI_Comm comm, const ScannedRows &rows, std::size_t components,
                            double kappa_max, std::uint64_t seed, std::uint64_t stream,
                            Mixture *mixture);

/// Posterior of one row. log_density: of the mixture; responsibility: K probabilities.
struct RowPosterior {
  double log_density;
  double *responsibility;
};

/// Densities of a mixture, prepared once for many rows. Not collective.
class MixtureDensity {
public:
  explicit MixtureDensity(const Mixture &mixture);

  /// responsibility: row_group × K; log_density: row_group. Rows with inverse length 0 are to be
  /// ignored by the caller. Error of log_density: about κ·2⁻⁵² from the cosine.
  template <class T>
  void operator()(const RowGroup<T> &x, const double *inverse_length, double *responsibility,
                  double *log_density) const;

private:
  const Mixture &mixture_;
  std::vector<double> log_peak_; // log weight + log density at the mean
};

/// One pass: the total log-likelihood and, unless `sums` is null, the weighted sums of directions.
/// Collective.
PetscErrorCode Expectation(MPI_Comm comm, const ScannedRows &rows, const Mixture &mixture,
                           ResultantSums *sums, double *log_likelihood);

/// The mixture that maximises the expected likelihood, κ ≤ kappa_max. Not collective.
void maximise(const ResultantSums &sums, double kappa_max, Mixture *mixture);

} // namespace lathe::bessel
