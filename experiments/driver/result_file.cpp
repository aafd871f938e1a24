// SPDX-License-Identifier: BSD-2-Clause
#include "driver/result_file.h"
#include "core/error.h"
#include "driver/hdf5_write.h"
#include "driver/output_file.h"
#include <hdf5_hl.h>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <unistd.h>

// Every call below is made by all ranks alike and fails on all ranks alike.
#define CallHdf5(...)                                                                              \
  PetscCheck((__VA_ARGS__) >= 0, PETSC_COMM_SELF, PETSC_ERR_FILE_WRITE, "%s: %s (%s)",             \
             part_.c_str(), hdf5::error_text().c_str(), #__VA_ARGS__)

namespace lathe::driver {
namespace {

hdf5::Datatype utf8(std::size_t size) {
  hdf5::Datatype type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, size);
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLTERM);
  return type;
}

std::string absolute(const std::string &path) {
  return path.starts_with('/') ? path : "/" + path;
}

std::string parent_of(const std::string &path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

PetscErrorCode broadcast(MPI_Comm comm, std::string *text) {
  PetscFunctionBeginUser;
  std::uint64_t size = text->size();
  PetscCallMPI(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, comm));
  text->resize(size);
  PetscCallMPI(MPI_Bcast(text->data(), static_cast<int>(size), MPI_CHAR, 0, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

ResultFile::~ResultFile() {
  if (is_open()) // an error is on its way out: the collective close may hang, so leave the .part
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

PetscErrorCode ResultFile::open(MPI_Comm comm, const std::string &path) {
  PetscFunctionBeginUser;
  comm_ = comm;
  path_ = link_target(path);
  part_ = path_ + ".part";
  PetscCallMPI(MPI_Comm_rank(comm, &rank_));
  // A shorter file over a longer one must not keep the old tail.
  if (rank_ == 0)
    (void)std::remove(part_.c_str());
  PetscCallMPI(MPI_Barrier(comm));
  const hdf5::SilentErrors silent;
  const hdf5::PropertyList access = hdf5::parallel_access(comm);
  file_.reset(
      H5Fcreate(part_.c_str(), H5F_ACC_TRUNC, hdf5::ordered_creation(H5P_FILE_CREATE), access));
  PetscCheck(file_, comm, PETSC_ERR_FILE_OPEN, "cannot create %s: %s; choose another -o",
             part_.c_str(), hdf5::error_text().c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::close() {
  PetscFunctionBeginUser;
  scales_.clear();
  const hdf5::SilentErrors silent;
  lost_ = !file_.close();
  PetscCheck(!lost_, comm_, PETSC_ERR_FILE_WRITE, "cannot write %s: %s; is the disk full?",
             part_.c_str(), hdf5::error_text().c_str());
  int good = 1;
  if (rank_ == 0) {
    const int fd = ::open(part_.c_str(), O_RDONLY);
    good = fd >= 0 && fsync(fd) == 0 && std::rename(part_.c_str(), path_.c_str()) == 0;
    if (fd >= 0)
      ::close(fd);
  }
  PetscCallMPI(MPI_Bcast(&good, 1, MPI_INT, 0, comm_));
  PetscCheck(good, comm_, PETSC_ERR_FILE_WRITE, "cannot complete %s", path_.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::discard() {
  PetscFunctionBeginUser;
  scales_.clear();
  const hdf5::SilentErrors silent;
  lost_ = !file_.close() || lost_;
  if (rank_ == 0)
    (void)std::remove(part_.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::group(const std::string &path) {
  PetscFunctionBeginUser;
  const std::string full = absolute(path);
  for (std::size_t end = full.find('/', 1);; end = full.find('/', end + 1)) {
    const std::string part = full.substr(0, end);
    if (part != "/" && H5Lexists(file_, part.c_str(), H5P_DEFAULT) <= 0) {
      const hdf5::Group made(H5Gcreate2(file_, part.c_str(), H5P_DEFAULT,
                                        hdf5::ordered_creation(H5P_GROUP_CREATE), H5P_DEFAULT));
      CallHdf5(made.get());
    }
    if (end == std::string::npos)
      break;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::write_attribute(const std::string &object, const std::string &name,
                                           hid_t type, const void *data, std::size_t bytes,
                                           hsize_t length) {
  PetscFunctionBeginUser;
  std::string value(static_cast<const char *>(data), bytes);
  PetscCallMPI(MPI_Bcast(value.data(), static_cast<int>(bytes), MPI_CHAR, 0, comm_));
  const hdf5::Object owner(H5Oopen(file_, absolute(object).c_str(), H5P_DEFAULT));
  CallHdf5(owner.get());
  const hdf5::Dataspace space(length == 0 ? H5Screate(H5S_SCALAR)
                                          : H5Screate_simple(1, &length, nullptr));
  const hdf5::Attribute attribute(
      H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
  CallHdf5(attribute.get());
  CallHdf5(H5Awrite(attribute, type, value.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::attribute(const std::string &object, const std::string &name,
                                     const std::string &text) {
  PetscFunctionBeginUser;
  std::string agreed = text;
  PetscCall(broadcast(comm_, &agreed));
  const hdf5::Datatype type = utf8(agreed.size() + 1);
  PetscCall(write_attribute(object, name, type, agreed.c_str(), agreed.size() + 1, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}
PetscErrorCode ResultFile::attribute(const std::string &object, const std::string &name,
                                     double value) {
  return write_attribute(object, name, H5T_NATIVE_DOUBLE, &value, sizeof value, 0);
}
PetscErrorCode ResultFile::attribute(const std::string &object, const std::string &name,
                                     std::int64_t value) {
  return write_attribute(object, name, H5T_NATIVE_INT64, &value, sizeof value, 0);
}
PetscErrorCode ResultFile::attribute(const std::string &object, const std::string &name,
                                     std::uint64_t value) {
  return write_attribute(object, name, H5T_NATIVE_UINT64, &value, sizeof value, 0);
}
PetscErrorCode ResultFile::flag_attribute(const std::string &object, const std::string &name,
                                          bool value) {
  const std::int8_t byte = value ? 1 : 0;
  return write_attribute(object, name, H5T_NATIVE_INT8, &byte, sizeof byte, 0);
}

PetscErrorCode ResultFile::long_text(const std::string &group_path, const std::string &name,
                                     const std::string &text) {
  PetscFunctionBeginUser;
  std::string agreed = text;
  PetscCall(broadcast(comm_, &agreed));
  if (agreed.size() <= 60000)
    PetscCall(attribute(group_path, name, agreed));
  else
    PetscCall(texts(absolute(group_path) + "/" + name,
                    {.name = name, .kind = Kind::text, .long_name = name}, {}, {agreed}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::make_scale(const std::string &path, hdf5::Dataset dataset, hsize_t size,
                                      const std::string &scale_name) {
  PetscFunctionBeginUser;
  CallHdf5(H5DSset_scale(dataset, scale_name.c_str()));
  const int id = static_cast<int>(scales_.size());
  PetscCall(write_attribute(path, "_Netcdf4Dimid", H5T_NATIVE_INT, &id, sizeof id, 0));
  scales_[absolute(path)] = Scale{std::move(dataset), size};
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::dimension(const std::string &path, std::int64_t size) {
  PetscFunctionBeginUser;
  PetscCall(group(parent_of(absolute(path))));
  const auto extent = static_cast<hsize_t>(size);
  const hdf5::Dataspace space(H5Screate_simple(1, &extent, nullptr));
  // Nobody writes the values; without a fill they would be whatever the disk held.
  const hdf5::PropertyList properties = hdf5::ordered_creation(H5P_DATASET_CREATE);
  CallHdf5(H5Pset_fill_time(properties, H5D_FILL_TIME_ALLOC));
  hdf5::Dataset dataset(H5Dcreate2(file_, absolute(path).c_str(), H5T_IEEE_F32BE, space,
                                   H5P_DEFAULT, properties, H5P_DEFAULT));
  CallHdf5(dataset.get());
  // netCDF-4's own marker, with the length in ten columns.
  char marker[96];
  std::snprintf(marker, sizeof marker,
                "This is a netCDF dimension but not a netCDF variable. %10lld",
                static_cast<long long>(size));
  PetscCall(make_scale(path, std::move(dataset), extent, marker));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::coordinate(const std::string &path, const Column &about,
                                      const std::vector<double> &values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents{values.size()};
  PetscCall(create(path, H5T_IEEE_F64LE, {}, &dataset, &extents));
  PetscCall(write_replicated(dataset, H5T_NATIVE_DOUBLE, values.data(), values.size(), extents));
  PetscCall(make_scale(path, std::move(dataset), extents[0], path.substr(path.rfind('/') + 1)));
  PetscCall(describe(path, about));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::coordinate(const std::string &path, const Column &about,
                                      const std::vector<std::int64_t> &values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents{values.size()};
  PetscCall(create(path, H5T_STD_I64LE, {}, &dataset, &extents));
  PetscCall(write_replicated(dataset, H5T_NATIVE_INT64, values.data(), values.size(), extents));
  PetscCall(make_scale(path, std::move(dataset), extents[0], path.substr(path.rfind('/') + 1)));
  PetscCall(describe(path, about));
  PetscFunctionReturn(PETSC_SUCCESS);
}

bool ResultFile::has_dimension(const std::string &path) const {
  return scales_.contains(absolute(path));
}

PetscErrorCode ResultFile::dimension_size(const std::string &path, std::int64_t *size) const {
  PetscFunctionBeginUser;
  const auto found = scales_.find(absolute(path));
  *size = found == scales_.end() ? -1 : static_cast<std::int64_t>(found->second.size);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::find_scale(const std::string &path, const std::string &dim,
                                      Scale **scale) {
  PetscFunctionBeginUser;
  for (std::string where = parent_of(absolute(path));; where = parent_of(where)) {
    const auto found = scales_.find(where == "/" ? "/" + dim : where + "/" + dim);
    if (found != scales_.end()) {
      *scale = &found->second;
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    PetscCheck(where != "/", comm_, PETSC_ERR_ARG_WRONG,
               "variable %s uses dimension %s, which was not defined", path.c_str(), dim.c_str());
  }
}

/// Create the dataset; with `dims` the extents are theirs, without them those that were passed.
PetscErrorCode ResultFile::create(const std::string &path, hid_t file_type, const Dims &dims,
                                  hdf5::Dataset *dataset, std::vector<hsize_t> *extents) {
  PetscFunctionBeginUser;
  const hdf5::SilentErrors silent;
  PetscCall(group(parent_of(absolute(path))));
  std::vector<Scale *> scales;
  for (const std::string &dim : dims) {
    Scale *scale = nullptr;
    PetscCall(find_scale(path, dim, &scale));
    scales.push_back(scale);
    extents->push_back(scale->size);
  }
  const hdf5::Dataspace space(extents->empty() ? H5Screate(H5S_SCALAR)
                                               : H5Screate_simple(static_cast<int>(extents->size()),
                                                                  extents->data(), nullptr));
  const hdf5::PropertyList properties = hdf5::ordered_creation(H5P_DATASET_CREATE);
  CallHdf5(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER));
  dataset->reset(H5Dcreate2(file_, absolute(path).c_str(), file_type, space, H5P_DEFAULT,
                            properties, H5P_DEFAULT));
  CallHdf5(dataset->get());
  for (std::size_t axis = 0; axis < scales.size(); ++axis)
    CallHdf5(H5DSattach_scale(*dataset, scales[axis]->dataset, static_cast<unsigned>(axis)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::describe(const std::string &path, const Column &about) {
  PetscFunctionBeginUser;
  if (!about.long_name.empty())
    PetscCall(attribute(path, "long_name", about.long_name));
  if (about.kind == Kind::real || about.kind == Kind::integer)
    PetscCall(attribute(path, "units", about.units));
  for (const auto &[name, text] : about.attributes)
    PetscCall(attribute(path, name, text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::write_replicated(hid_t dataset, hid_t memory_type, const void *data,
                                            std::size_t count,
                                            const std::vector<hsize_t> &extents) {
  PetscFunctionBeginUser;
  hsize_t wanted = 1;
  for (const hsize_t e : extents)
    wanted *= e;
  PetscCheck(wanted == count, comm_, PETSC_ERR_ARG_SIZ,
             "a variable of %llu entries was given %llu values",
             static_cast<unsigned long long>(wanted), static_cast<unsigned long long>(count));
  if (count == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  const hdf5::Dataspace space(H5Dget_space(dataset));
  const hdf5::Dataspace memory(H5Scopy(space));
  if (rank_ != 0) {
    CallHdf5(H5Sselect_none(space));
    CallHdf5(H5Sselect_none(memory));
  }
  CallHdf5(H5Dwrite(dataset, memory_type, memory, space, hdf5::collective_transfer(), data));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::reals(const std::string &path, const Column &about, const Dims &dims,
                                 const std::vector<double> &values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents;
  PetscCall(create(path, H5T_IEEE_F64LE, dims, &dataset, &extents));
  const double missing = std::numeric_limits<double>::quiet_NaN();
  PetscCall(write_attribute(path, "_FillValue", H5T_NATIVE_DOUBLE, &missing, sizeof missing, 1));
  PetscCall(describe(path, about));
  PetscCall(write_replicated(dataset, H5T_NATIVE_DOUBLE, values.data(), values.size(), extents));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::integers(const std::string &path, const Column &about, const Dims &dims,
                                    const std::vector<std::int64_t> &values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents;
  PetscCall(create(path, H5T_STD_I64LE, dims, &dataset, &extents));
  // Readers turn integers with a _FillValue into floats, so only those with holes carry one.
  std::int64_t missing = std::numeric_limits<std::int64_t>::min();
  int holes = std::find(values.begin(), values.end(), missing) != values.end() ? 1 : 0;
  PetscCallMPI(MPI_Bcast(&holes, 1, MPI_INT, 0, comm_));
  if (holes)
    PetscCall(write_attribute(path, "_FillValue", H5T_NATIVE_INT64, &missing, sizeof missing, 1));
  PetscCall(describe(path, about));
  PetscCall(write_replicated(dataset, H5T_NATIVE_INT64, values.data(), values.size(), extents));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::describe_flags(const std::string &path, const Column &about) {
  PetscFunctionBeginUser;
  std::vector<std::int8_t> numbers;
  std::string names;
  for (const std::string &meaning : about.meanings) {
    numbers.push_back(static_cast<std::int8_t>(numbers.size()));
    names += (names.empty() ? "" : " ") + meaning;
  }
  PetscCall(describe(path, about));
  PetscCall(write_attribute(path, "flag_values", H5T_NATIVE_INT8, numbers.data(), numbers.size(),
                            numbers.size()));
  PetscCall(attribute(path, "flag_meanings", names));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::flags(const std::string &path, const Column &about, const Dims &dims,
                                 const std::vector<std::int8_t> &values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents;
  PetscCall(create(path, H5T_STD_I8LE, dims, &dataset, &extents));
  PetscCall(describe_flags(path, about));
  PetscCall(write_replicated(dataset, H5T_NATIVE_INT8, values.data(), values.size(), extents));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::texts(const std::string &path, const Column &about, const Dims &dims,
                                 const std::vector<std::string> &values) {
  PetscFunctionBeginUser;
  // Fixed-length strings crash netCDF4 and variable-length ones cannot be written in parallel:
  // characters along a last dimension decode to text in every reader.
  std::uint64_t width = 1;
  for (const std::string &text : values)
    width = std::max<std::uint64_t>(width, text.size());
  PetscCallMPI(MPI_Bcast(&width, 1, MPI_UINT64_T, 0, comm_));
  const std::string characters = "string" + std::to_string(width);
  if (!has_dimension(characters))
    PetscCall(dimension(characters, static_cast<std::int64_t>(width)));
  std::string packed(values.size() * width, '\0');
  for (std::size_t i = 0; i < values.size(); ++i)
    packed.replace(i * width, std::min<std::size_t>(values[i].size(), width), values[i], 0, width);
  packed.resize(values.size() * width);
  Dims all = dims;
  all.push_back(characters);
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents;
  PetscCall(create(path, H5T_C_S1, all, &dataset, &extents));
  PetscCall(attribute(path, "_Encoding", std::string("utf-8")));
  Column words = about;
  words.kind = Kind::text; // no units
  PetscCall(describe(path, words));
  PetscCall(write_replicated(dataset, H5T_C_S1, packed.data(), packed.size(), extents));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::rows(const std::string &path, const Column &about, const Dims &dims,
                                Range mine, const double *values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents;
  PetscCall(create(path, H5T_IEEE_F64LE, dims, &dataset, &extents));
  PetscCall(describe(path, about));
  PetscCall(write_slabs(dataset, extents, mine, H5T_NATIVE_DOUBLE, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::integer_rows(const std::string &path, const Column &about,
                                        const Dims &dims, Range mine, const std::int64_t *values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents;
  PetscCall(create(path, H5T_STD_I64LE, dims, &dataset, &extents));
  PetscCall(describe(path, about));
  PetscCall(write_slabs(dataset, extents, mine, H5T_NATIVE_INT64, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::flag_rows(const std::string &path, const Column &about, const Dims &dims,
                                     Range mine, const std::int8_t *values) {
  PetscFunctionBeginUser;
  hdf5::Dataset dataset;
  std::vector<hsize_t> extents;
  PetscCall(create(path, H5T_STD_I8LE, dims, &dataset, &extents));
  PetscCall(describe_flags(path, about));
  PetscCall(write_slabs(dataset, extents, mine, H5T_NATIVE_INT8, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ResultFile::write_slabs(hid_t dataset, const std::vector<hsize_t> &extents,
                                       Range mine, hid_t memory_type, const void *values) {
  PetscFunctionBeginUser;
  hsize_t width = H5Tget_size(memory_type); // bytes of one row
  for (std::size_t axis = 1; axis < extents.size(); ++axis)
    width *= extents[axis];
  LatheCheckAll(comm_,
                !extents.empty() && mine.begin >= 0 && static_cast<hsize_t>(mine.end) <= extents[0],
                PETSC_ERR_ARG_SIZ, "rows %lld to %lld do not lie in the variable",
                static_cast<long long>(mine.begin), static_cast<long long>(mine.end));
  // MPI-IO counts bytes in an int: at most 1 GiB a call, and every rank makes as many calls as the
  // one with most rows.
  constexpr std::uint64_t limit = 1ULL << 30;
  const auto piece =
      static_cast<std::int64_t>(std::max<std::uint64_t>(1, limit / std::max<hsize_t>(width, 1)));
  std::int64_t calls = (mine.size() + piece - 1) / piece;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &calls, 1, MPI_INT64_T, MPI_MAX, comm_));
  for (std::int64_t call = 0; call < calls; ++call) {
    std::vector<hsize_t> start(extents.size(), 0);
    std::vector<hsize_t> count = extents;
    start[0] = static_cast<hsize_t>(std::min(mine.begin + call * piece, mine.end));
    count[0] = static_cast<hsize_t>(std::min(mine.begin + (call + 1) * piece, mine.end)) - start[0];
    const hdf5::Dataspace space(H5Dget_space(dataset));
    const hdf5::Dataspace memory(
        H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr));
    if (count[0] == 0 || width == 0) {
      CallHdf5(H5Sselect_none(space));
      CallHdf5(H5Sselect_none(memory));
    } else {
      CallHdf5(
          H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr));
    }
    const char *from =
        static_cast<const char *>(values) + (start[0] - static_cast<hsize_t>(mine.begin)) * width;
    CallHdf5(H5Dwrite(dataset, memory_type, memory, space, hdf5::collective_transfer(), from));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
