// SPDX-License-Identifier: BSD-2-Clause
// Columns of numbers from a CSV or HDF5 file, dealt to the ranks in equal blocks of rows.
#pragma once
#include "core/layout.h"
#include "core/petsc_compat.h"
#include "driver/csv_parse.h"
#include <span>

namespace lathe::driver {

/// What one rank holds of a table.
struct ColumnTable {
  struct Column {
    bool present = false; // always, unless optional
    std::vector<double> values;
    std::vector<double> remainders; // of columns that asked for them
  };
  std::int64_t rows = 0;       // of the whole table, ≥ 1
  Range mine;                  // block_range of the rows
  std::vector<Column> columns; // in the order of the requests
  std::string format;          // "CSV" or "HDF5"
};

/// Read the requested columns. Collective on comm; the same table for every number of ranks.
///   spec        FILE, or FILE.h5:/group. CSV (also gzip-compressed): see csv_parse.h. HDF5: one
///               dataset of one dimension a column, remainders in <name>_low where that exists.
///   part_bytes  text that a rank parses at a time
/// Memory: two copies of a rank's rows at most. Refuses, naming line and column or dataset and
/// index: a missing column, unequal lengths, no rows, values that are no numbers, not finite,
/// outside the range of a double or below their least.
PetscErrorCode ReadColumns(MPI_Comm comm, const std::string &spec,
                           std::span<const ColumnRequest> requests, ColumnTable *table,
                           std::size_t part_bytes = 1U << 20);

} // namespace lathe::driver
