// SPDX-License-Identifier: BSD-2-Clause
// Reading numbers from HDF5 files with everything checked: serial, no MPI, no PETSc. Each rank
// opens the file for itself, read-only, so that no damaged file can leave ranks waiting for each
// other in a collective call. Functions throw InputError; messages name file, dataset and index.
#pragma once
#include "driver/file_read.h"
#include "driver/crash_guard.h"
#include "driver/hdf5_handle.h"
#include "driver/matrix_entries.h"
#include <complex>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lathe::hdf5 {

using driver::InputError;

/// How a dataset holds complex numbers, if it does: as a pair type {r, i} as h5py and MATLAB do, or
/// with a last dimension of length 2 and an attribute `complex` as PETSc does.
enum class Complex { no, compound, trailing };

/// An open dataset of numbers.
struct Numbers {
  Dataset dataset;
  std::string where;          // FILE:/path, for messages
  std::vector<hsize_t> shape; // without PETSc's last dimension 2
  bool integer = false;
  bool fits_float =
      false; // every value is exact in single precision: float32, 8- or 16-bit integer
  Complex complex = Complex::no;
  std::string real_name, imaginary_name;    // members of the pair type
  [[nodiscard]] std::int64_t count() const; // product of shape
};

/// Do the bytes say that this is an HDF5 file? MATLAB 7.3 files have a user block: the signature
/// may stand at 0, 512, 1024, 2048, …
bool has_signature(const driver::ReadOnlyFile &file);

/// A file opened for reading.
struct Input {
  driver::CrashGuard guard; // while the file is open
  File file;
  std::string name;
  std::int64_t bytes = 0;
  explicit Input(const std::string &path);
};

/// Open a dataset and check its type (integer, floating point or complex) and that its extent is
/// possible in a file of this size: at most 1100 bytes a byte of the file (deflate reaches 1032) or
/// 16 MB, so that a damaged extent allocates nothing.
Numbers open_numbers(const Input &input, const std::string &path);

/// Rectangular part of the dataset as doubles (complex: pairs, so twice as many), int64 (integer
/// types only). start and count have the length of shape. Split into reads of at most 1 GiB.
/// Non-finite values are refused by read_doubles.
std::vector<double> read_doubles(const Numbers &n, const std::vector<hsize_t> &start,
                                 const std::vector<hsize_t> &count);
std::vector<std::int64_t> read_integers(const Numbers &n, hsize_t start, hsize_t count);
/// Rows [start, start + count) of a real dataset into an array of the caller, row-major, with any
/// value that the file holds.
void read_rows(const Numbers &n, hsize_t start, hsize_t count, float *out);
void read_rows(const Numbers &n, hsize_t start, hsize_t count, double *out);

/// Does the object (a path from the root) exist, resolving every link on the way?
bool exists(const Input &input, const std::string &path);
/// H5I_GROUP, H5I_DATASET or another kind.
H5I_type_t kind(const Input &input, const std::string &path);
bool has_attribute(const Input &input, const std::string &path, const char *name);
/// Scalar or short array of integers; nothing when the attribute is absent or not integer.
std::optional<std::vector<std::int64_t>>
integer_attribute(const Input &input, const std::string &path, const char *name);
std::optional<std::string> string_attribute(const Input &input, const std::string &path,
                                            const char *name);

} // namespace lathe::hdf5
