// SPDX-License-Identifier: BSD-2-Clause
// Rows of features from an HDF5 dataset (n, d), each rank reading its own rows, whole or in pieces;
// single precision stays single precision.
#pragma once
#include "core/layout.h"
#include "core/petsc_compat.h"
#include "driver/hdf5_input.h"
#include <memory>
#include <string>
#include <vector>

namespace lathe::driver {

/// Consecutive rows, row-major: `single` or `real` holds them.
struct FeatureRows {
  std::int64_t count = 0;
  std::vector<float> single;
  std::vector<double> real;
};

class FeatureFile {
public:
  /// spec: FILE.h5:/dataset, or FILE.h5 when it holds just one dataset of two dimensions. The
  /// dataset must be real (float or integer), in C order, with d ≥ 1. Collective on comm; same on
  /// every rank.
  PetscErrorCode Open(MPI_Comm comm, const std::string &spec);

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t dim() const { return dim_; }
  /// float32, or integers of at most 16 bits: read as float; else as double.
  [[nodiscard]] bool single_precision() const { return numbers_.fits_float; }
  [[nodiscard]] const std::string &where() const { return numbers_.where; }
  /// Rows of this rank in the usual distribution.
  [[nodiscard]] Range mine() const { return mine_; }
  /// Read `rows`, which may differ from rank to rank and be empty. Collective.
  PetscErrorCode Read(Range rows, FeatureRows *out) const;

private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  std::unique_ptr<hdf5::Input> input_;
  hdf5::Numbers numbers_;
  std::int64_t rows_ = 0, dim_ = 0;
  Range mine_;
};

/// Classes of rows: the distinct values in increasing order, and the class of each row of this
/// rank.
struct RowLabels {
  std::vector<std::int64_t> values;
  std::vector<std::int32_t> mine;
};

/// ReadLabels - spec: FILE.h5:/dataset of n integers, one a row; at most 65536 distinct values.
/// Collective on comm.
PetscErrorCode ReadLabels(MPI_Comm comm, const std::string &spec, std::int64_t rows, Range mine,
                          RowLabels *labels);

} // namespace lathe::driver
