// SPDX-License-Identifier: BSD-2-Clause
#include "driver/generators.h"
#include "core/handle.h"
#include "core/layout.h"
#include "core/random.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace {

using lathe::MatHandle;

/// One row: columns strictly increasing, values beside them.
struct Row {
  std::vector<PetscInt> columns;
  std::vector<PetscScalar> values;
};
using RowRule = std::function<void(PetscInt row, Row &out)>;

PetscErrorCode AssembleRows(MPI_Comm comm, PetscInt rows, PetscInt columns, const RowRule &rule,
                            Mat *A) {
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const lathe::Range mine = lathe::block_range(rows, size, rank);
  const lathe::Range domain = lathe::block_range(columns, size, rank);
  std::vector<PetscInt> start{0}, index;
  std::vector<PetscScalar> value;
  Row row;
  for (std::int64_t i = mine.begin; i < mine.end; ++i) {
    row.columns.clear();
    row.values.clear();
    rule(static_cast<PetscInt>(i), row);
    index.insert(index.end(), row.columns.begin(), row.columns.end());
    value.insert(value.end(), row.values.begin(), row.values.end());
    start.push_back(static_cast<PetscInt>(index.size()));
  }
  MatHandle made;
  PetscCall(MatCreate(comm, made.out()));
  PetscCall(MatSetSizes(made, static_cast<PetscInt>(mine.size()),
                        static_cast<PetscInt>(domain.size()), rows, columns));
  PetscCall(MatSetType(made, MATAIJ));
  PetscCall(MatSeqAIJSetPreallocationCSR(made, start.data(), index.data(), value.data()));
  PetscCall(MatMPIAIJSetPreallocationCSR(made, start.data(), index.data(), value.data()));
  *A = made.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// `draws` random columns, sorted, each once, with values from the same counters.
void random_row(PetscInt row, PetscInt columns, int draws, std::uint64_t seed, double power,
                bool ones, Row &out) {
  const auto counter = [&](int k) {
    return static_cast<std::uint64_t>(row) * static_cast<std::uint64_t>(draws) +
           static_cast<std::uint64_t>(k);
  };
  std::map<PetscInt, PetscScalar> entries;
  for (int k = 0; k < draws; ++k) {
    const double u = lathe::random::uniform(seed, 0, counter(k));
    const double at = static_cast<double>(columns) * std::pow(u, power);
    const PetscInt column = std::min(static_cast<PetscInt>(at), columns - 1);
    const double value = ones ? 1.0 : lathe::random::normal(seed, 1, counter(k));
    entries.emplace(column, value);
  }
  for (const auto &[column, value] : entries) {
    out.columns.push_back(column);
    out.values.push_back(value);
  }
}

/// Five-point stencil with weights of the west, east, south and north neighbours.
void stencil_row(PetscInt row, PetscInt n, double centre, const double (&w)[4], Row &out) {
  const PetscInt x = row % n, y = row / n;
  const auto put = [&out](bool inside, PetscInt column, double value) {
    if (inside) {
      out.columns.push_back(column);
      out.values.push_back(value);
    }
  };
  put(y > 0, row - n, w[2]);
  put(x > 0, row - 1, w[0]);
  put(true, row, centre);
  put(x + 1 < n, row + 1, w[1]);
  put(y + 1 < n, row + n, w[3]);
}

} // namespace

PetscErrorCode GenerateMatrix(MPI_Comm comm, const char *name, PetscInt n, std::uint64_t seed,
                              Mat *A) {
  PetscFunctionBegin;
  const std::string kind = name ? name : "";
  const bool grid = kind == "laplacian2d" || kind == "convection_diffusion";
  PetscCheck(grid || kind == "gaussian" || kind == "powerlaw" || kind == "tall", comm,
             PETSC_ERR_ARG_UNKNOWN_TYPE,
             "no generator '%s'; choose laplacian2d, convection_diffusion, gaussian, powerlaw or "
             "tall",
             kind.c_str());
  const PetscInt most = std::numeric_limits<PetscInt>::max();
  const PetscInt largest = grid ? static_cast<PetscInt>(std::sqrt(static_cast<double>(most))) - 1
                                : most / (kind == "tall" ? 20 : 1);
  PetscCheck(n >= 1 && n <= largest, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "size %" PetscInt_FMT " of '%s' must lie in [1, %" PetscInt_FMT "]", n, kind.c_str(),
             largest);
  PetscInt rows = grid ? n * n : n, columns = rows;
  RowRule rule;
  if (kind == "laplacian2d") {
    rule = [n](PetscInt i, Row &out) { stencil_row(i, n, 4, {-1, -1, -1, -1}, out); };
  } else if (kind == "convection_diffusion") { // −Δ + (0.5, 0.25)·∇, upwind
    rule = [n](PetscInt i, Row &out) { stencil_row(i, n, 4.75, {-1.5, -1, -1.25, -1}, out); };
  } else if (kind == "powerlaw") {
    rule = [n, seed](PetscInt i, Row &out) { random_row(i, n, 20, seed, 3.0, true, out); };
  } else {
    if (kind == "tall")
      rows = 20 * n;
    rule = [n, seed](PetscInt i, Row &out) { random_row(i, n, 10, seed, 1.0, false, out); };
  }
  PetscCall(AssembleRows(comm, rows, columns, rule, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}
