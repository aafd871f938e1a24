// SPDX-License-Identifier: BSD-2-Clause
// HDF5 result files that open at once in xarray, ncdump, R, Octave: every axis of every variable
// has exactly one dimension scale, strings are char arrays, flags int8; equal bytes on any number
// of ranks. Written as <path>.part, renamed when complete.
//
// Every member is collective. Facts and replicated values are those of rank 0; only the functions
// named `…rows` take different values on each rank. Dimensions are found by name in the group of
// the variable or one of its parents, as in netCDF-4.
#pragma once
#include "core/layout.h"
#include "core/petsc_compat.h"
#include "driver/hdf5_handle.h"
#include "driver/record.h"
#include <map>
#include <string>
#include <vector>

namespace lathe::driver {

class ResultFile {
public:
  using Dims = std::vector<std::string>;

  ResultFile() = default;
  ResultFile(const ResultFile &) = delete;
  ResultFile &operator=(const ResultFile &) = delete;
  ~ResultFile();

  PetscErrorCode open(MPI_Comm comm, const std::string &path);
  [[nodiscard]] bool is_open() const { return static_cast<bool>(file_); }
  /// Flush, close, and give the file its final name.
  PetscErrorCode close();
  /// Could not be written, on a full disk say; HDF5 keeps what it has and must not come to its end.
  [[nodiscard]] bool lost() const { return lost_; }
  /// Close and remove the unfinished file.
  PetscErrorCode discard();

  /// Create a group and its parents; nothing happens to those that exist.
  PetscErrorCode group(const std::string &path);
  /// Attributes of a group or variable ("/" is the file).
  PetscErrorCode attribute(const std::string &object, const std::string &name,
                           const std::string &text);
  PetscErrorCode attribute(const std::string &object, const std::string &name, double value);
  PetscErrorCode attribute(const std::string &object, const std::string &name, std::int64_t value);
  PetscErrorCode attribute(const std::string &object, const std::string &name, std::uint64_t value);
  PetscErrorCode flag_attribute(const std::string &object, const std::string &name, bool value);
  /// Text of any length: an attribute up to 60 kB, else a char variable of that name in the group.
  PetscErrorCode long_text(const std::string &group, const std::string &name,
                           const std::string &text);

  /// Dimension without coordinate values.
  PetscErrorCode dimension(const std::string &path, std::int64_t size);
  /// Dimension with coordinate values; `about` gives units and long_name.
  PetscErrorCode coordinate(const std::string &path, const Column &about,
                            const std::vector<double> &values);
  PetscErrorCode coordinate(const std::string &path, const Column &about,
                            const std::vector<std::int64_t> &values);
  [[nodiscard]] bool has_dimension(const std::string &path) const;
  /// Size of a dimension by absolute path, or −1 when it is not defined. Not collective.
  PetscErrorCode dimension_size(const std::string &path, std::int64_t *size) const;

  /// Variables; no dimensions: a scalar. `path` replaces about.name. Values row-major.
  PetscErrorCode reals(const std::string &path, const Column &about, const Dims &dims,
                       const std::vector<double> &values);
  PetscErrorCode integers(const std::string &path, const Column &about, const Dims &dims,
                          const std::vector<std::int64_t> &values);
  PetscErrorCode flags(const std::string &path, const Column &about, const Dims &dims,
                       const std::vector<std::int8_t> &values);
  PetscErrorCode texts(const std::string &path, const Column &about, const Dims &dims,
                       const std::vector<std::string> &values);
  /// Distributed variable: this rank holds the rows `mine` of the first dimension. At most 1 GiB a
  /// rank goes into one MPI-IO call.
  PetscErrorCode rows(const std::string &path, const Column &about, const Dims &dims, Range mine,
                      const double *values);
  PetscErrorCode integer_rows(const std::string &path, const Column &about, const Dims &dims,
                              Range mine, const std::int64_t *values);
  PetscErrorCode flag_rows(const std::string &path, const Column &about, const Dims &dims,
                           Range mine, const std::int8_t *values);

private:
  struct Scale {
    hdf5::Dataset dataset;
    hsize_t size = 0;
  };

  PetscErrorCode create(const std::string &path, hid_t file_type, const Dims &dims,
                        hdf5::Dataset *dataset, std::vector<hsize_t> *extents);
  PetscErrorCode write_replicated(hid_t dataset, hid_t memory_type, const void *data,
                                  std::size_t count, const std::vector<hsize_t> &extents);
  PetscErrorCode write_slabs(hid_t dataset, const std::vector<hsize_t> &extents, Range mine,
                             hid_t memory_type, const void *values);
  PetscErrorCode describe(const std::string &path, const Column &about);
  PetscErrorCode describe_flags(const std::string &path, const Column &about);
  PetscErrorCode make_scale(const std::string &path, hdf5::Dataset dataset, hsize_t size,
                            const std::string &scale_name);
  PetscErrorCode write_attribute(const std::string &object, const std::string &name, hid_t type,
                                 const void *data, std::size_t bytes, hsize_t length);
  PetscErrorCode find_scale(const std::string &path, const std::string &dim, Scale **scale);

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  std::string path_, part_;
  hdf5::File file_;
  bool lost_ = false;
  std::map<std::string, Scale> scales_; // by absolute path
};

} // namespace lathe::driver
