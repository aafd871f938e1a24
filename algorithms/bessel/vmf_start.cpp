// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf.h"
#include "bessel/vmf_mixture.h"
#include "core/random.h"
#include <algorithm>
#include <bit>
#include <cmath>

namespace lathe::bessel {
namespace {

/// Integer weights of rows for exact draws: those of all ranks sum to less than 2⁶³.
struct RowWeights {
  std::vector<std::uint64_t> local;
  std::uint64_t before = 0, total = 0; // on lower ranks; everywhere

  PetscErrorCode Sum(MPI_Comm comm) {
    std::uint64_t mine = 0;
    PetscFunctionBegin;
    for (const std::uint64_t w : local)
      mine += w;
    PetscCallMPI(MPI_Scan(&mine, &before, 1, MPI_UINT64_T, MPI_SUM, comm));
    before -= mine;
    PetscCallMPI(MPI_Allreduce(&mine, &total, 1, MPI_UINT64_T, MPI_SUM, comm));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// Local row in which the running sum passes `target`, or −1 on the other ranks.
  [[nodiscard]] std::int64_t find(std::uint64_t target) const {
    std::uint64_t sum = before;
    if (target < before)
      return -1;
    for (std::size_t i = 0; i < local.size(); ++i) {
      sum += local[i];
      if (target < sum)
        return static_cast<std::int64_t>(i);
    }
    return -1;
  }
};

/// centre ← direction of the local row `row` of the one rank that has row ≥ 0. Collective.
PetscErrorCode ShareRow(MPI_Comm comm, const ScannedRows &rows, std::int64_t row, double *centre) {
  const auto dim = static_cast<std::size_t>(rows.rows->dim);
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  int owner = row >= 0 ? rank : -1;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &owner, 1, MPI_INT, MPI_MAX, comm));
  if (row >= 0)
    visit_rows(*rows.rows, [&](const auto *data) {
      const auto i = static_cast<std::size_t>(row);
      for (std::size_t j = 0; j < dim; ++j)
        centre[j] = static_cast<double>(data[i * dim + j]) * rows.inverse_length[i];
    });
  PetscCallMPI(MPI_Bcast(centre, static_cast<int>(dim), MPI_DOUBLE, owner, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Largest cosine of each local row to the centres so far, and the centre that has it.
void approach(const ScannedRows &rows, const double *centre, std::int32_t number,
              std::vector<double> *cosine, std::vector<std::int32_t> *nearest) {
  const auto dim = static_cast<std::size_t>(rows.rows->dim);
  visit_rows(*rows.rows, [&](const auto *data) {
    for_row_groups(data, cosine->size(), dim,
                   [&](const auto &x, std::size_t first, std::size_t count) {
                     double dot[row_group];
                     row_dots(x, centre, dim, dot);
                     for (std::size_t r = 0; r < count; ++r) {
                       const double c = dot[r] * rows.inverse_length[first + r];
                       if (number == 0 || c > (*cosine)[first + r]) {
                         (*cosine)[first + r] = c;
                         (*nearest)[first + r] = number;
                       }
                     }
                   });
  });
}

/// Common κ from pairs of rows with the same centre, Σ‖S_k‖² − n_k over Σ n_k(n_k − 1): unbiased
/// for A(κ)². Where the pairs point apart, from the mean length of the S_k instead.
double common_kappa(const ResultantSums &sums, std::size_t dim, double kappa_max) {
  double pairs = 0, together = 0, lengths = 0, rows = 0;
  for (std::size_t k = 0; k < sums.components(); ++k) {
    const double n = sums.weight(k);
    pairs += n * (n - 1);
    together += sums.squared_length(k) - n;
    lengths += std::sqrt(sums.squared_length(k));
    rows += n;
  }
  const double resultant = pairs > 0 && together > 0 ? std::sqrt(together / pairs) : lengths / rows;
  return std::min(kappa_max, vmf_kappa(static_cast<std::int64_t>(dim), std::min(1.0, resultant)));
}

} // namespace

PetscErrorCode StartMixture(MPI_Comm comm, const ScannedRows &rows, std::size_t components,
                            double kappa_max, std::uint64_t seed, std::uint64_t stream,
                            Mixture *mixture) {
  const auto dim = static_cast<std::size_t>(rows.rows->dim);
  const std::size_t local = rows.inverse_length.size();
  PetscFunctionBegin;
  mixture->dim = dim;
  mixture->mean.assign(components * dim, 0.0);
  mixture->kappa.assign(components, 0.0);
  mixture->weight.assign(components, 0.0);
  std::vector<double> cosine(local, -1.0);
  std::vector<std::int32_t> nearest(local, 0);
  // 1 − cosine ≤ 2 in units of 2^-bits: the sum over all rows stays below 2⁶³.
  const int bits =
      std::min(52, 61 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(rows.global))));
  RowWeights uniform, far;
  uniform.local.resize(local);
  far.local.resize(local);
  for (std::size_t i = 0; i < local; ++i)
    uniform.local[i] = rows.inverse_length[i] > 0 ? 1 : 0;
  PetscCall(uniform.Sum(comm));
  constexpr std::uint64_t purpose = std::uint64_t{1} << 62; // apart from the streams of samples
  for (std::size_t k = 0; k < components; ++k) {
    for (std::size_t i = 0; i < local; ++i)
      far.local[i] =
          uniform.local[i] == 0
              ? 0
              : static_cast<std::uint64_t>(std::ldexp(std::clamp(1 - cosine[i], 0.0, 2.0), bits));
    PetscCall(far.Sum(comm));
    // Fewer different directions than components: the rest start from any row.
    const RowWeights &weights = k > 0 && far.total > 0 ? far : uniform;
    const std::uint64_t target = random::below(weights.total, seed, purpose | stream, k);
    double *centre = mixture->mean.data() + k * dim;
    PetscCall(ShareRow(comm, rows, weights.find(target), centre));
    approach(rows, centre, static_cast<std::int32_t>(k), &cosine, &nearest);
  }
  ResultantSums sums(components, dim, rows.global);
  RowScan scan(true);
  add_labelled_rows(*rows.rows, rows.first, nearest.data(), &scan, &sums);
  PetscCall(sums.AllReduce(comm));
  const double kappa = common_kappa(sums, dim, kappa_max);
  for (std::size_t k = 0; k < components; ++k) {
    mixture->weight[k] = sums.weight(k) / static_cast<double>(rows.used);
    mixture->kappa[k] = mixture->weight[k] > 0 ? kappa : 0;
    sums.direction(k, mixture->mean.data() + k * dim);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::bessel
