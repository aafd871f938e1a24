// SPDX-License-Identifier: BSD-2-Clause
#include "driver/feature_file.h"
#include "core/error.h"
#include "driver/matrix_io.h"
#include <algorithm>

namespace lathe::driver {
namespace {

struct Search {
  const hdf5::Input *input;
  std::vector<std::string> found;
};

herr_t consider(hid_t, const char *name, const H5O_info_t *info, void *data) {
  auto *search = static_cast<Search *>(data);
  try {
    const std::string path = std::string("/") + name;
    if (info->type == H5O_TYPE_DATASET && open_numbers(*search->input, path).shape.size() == 2)
      search->found.push_back(path);
  } catch (const hdf5::InputError &) {
    return 0;     // no numbers: not meant
  } catch (...) { // no exception may cross HDF5's frames
    return -1;
  }
  return 0;
}

std::string only_table(const hdf5::Input &input) {
  Search search{&input, {}};
  if (H5Ovisit2(input.file, H5_INDEX_NAME, H5_ITER_INC, consider, &search, H5O_INFO_BASIC) < 0)
    throw hdf5::InputError(input.name + ": cannot be searched: " + hdf5::error_text());
  if (search.found.size() == 1)
    return search.found[0];
  std::string list;
  for (const std::string &path : search.found)
    list += (list.empty() ? "" : ", ") + path;
  throw hdf5::InputError(input.name +
                         (search.found.empty()
                              ? ": holds no dataset of two dimensions (rows, features)"
                              : ": holds several datasets of two dimensions (" + list +
                                    "); name one as " + input.name + ":" + search.found[0]));
}

hdf5::Numbers open_table(const hdf5::Input &input, const std::string &object) {
  const std::string path = object.empty() ? only_table(input) : object;
  if (!hdf5::exists(input, path))
    throw hdf5::InputError(input.name + ": has no object " + path);
  hdf5::Numbers n = open_numbers(input, path);
  if (n.complex != hdf5::Complex::no)
    throw hdf5::InputError(n.where + ": is complex; features must be real");
  if (n.shape.size() != 2)
    throw hdf5::InputError(
        n.where +
        Format(": has %zu dimensions; features need two (rows, features)", n.shape.size()));
  if (hdf5::string_attribute(input, path, "layout").value_or("row_major") != "row_major" ||
      hdf5::has_attribute(input, path, "MATLAB_class"))
    throw hdf5::InputError(n.where + ": is stored by columns; matrix_convert writes it by rows");
  return n;
}

} // namespace

PetscErrorCode FeatureFile::Open(MPI_Comm comm, const std::string &spec) {
  std::string file;
  std::string object;
  int rank = 0;
  int size = 1;
  PetscFunctionBegin;
  comm_ = comm;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCall(SplitSpec(comm, spec.c_str(), &file, &object));
  const hdf5::SilentErrors silent;
  const std::string problem = attempt([&] {
    input_ = std::make_unique<hdf5::Input>(file);
    numbers_ = open_table(*input_, object);
  });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  rows_ = static_cast<std::int64_t>(numbers_.shape[0]);
  dim_ = static_cast<std::int64_t>(numbers_.shape[1]);
  mine_ = block_range(rows_, size, rank);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode FeatureFile::Read(Range rows, FeatureRows *out) const {
  PetscFunctionBegin;
  const hdf5::SilentErrors silent;
  const std::string problem = attempt([&] {
    const auto entries = static_cast<std::size_t>(rows.size()) * static_cast<std::size_t>(dim_);
    out->count = rows.size();
    out->single.resize(single_precision() ? entries : 0);
    out->real.resize(single_precision() ? 0 : entries);
    const auto first = static_cast<hsize_t>(rows.begin);
    const auto count = static_cast<hsize_t>(rows.size());
    if (single_precision())
      read_rows(numbers_, first, count, out->single.data());
    else
      read_rows(numbers_, first, count, out->real.data());
  });
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_FILE_READ, "%s", problem.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

constexpr std::size_t most_labels = 65536;

/// Distinct values over all ranks; empty when there are more than most_labels.
PetscErrorCode Distinct(MPI_Comm comm, std::vector<std::int64_t> values,
                        std::vector<std::int64_t> *all) {
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const auto unique = [](std::vector<std::int64_t> *x) {
    std::sort(x->begin(), x->end());
    x->erase(std::unique(x->begin(), x->end()), x->end());
  };
  unique(&values);
  const int mine = static_cast<int>(std::min(values.size(), most_labels + 1));
  std::vector<int> counts(static_cast<std::size_t>(size));
  std::vector<int> offsets(static_cast<std::size_t>(size));
  PetscCallMPI(MPI_Allgather(&mine, 1, MPI_INT, counts.data(), 1, MPI_INT, comm));
  std::int64_t total = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    offsets[r] = static_cast<int>(total);
    total += counts[r];
  }
  PetscCheck(total < (std::int64_t{1} << 31), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "more than %zu distinct labels", most_labels);
  all->resize(static_cast<std::size_t>(total));
  PetscCallMPI(MPI_Allgatherv(values.data(), mine, MPI_INT64_T, all->data(), counts.data(),
                              offsets.data(), MPI_INT64_T, comm));
  unique(all);
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::vector<std::int64_t> read_labels(const std::string &file, const std::string &object,
                                      std::int64_t rows, Range mine) {
  const hdf5::Input input(file);
  if (object.empty() || !hdf5::exists(input, object))
    throw hdf5::InputError(object.empty() ? file + ": name the labels as " + file + ":/dataset"
                                          : file + ": has no object " + object);
  const hdf5::Numbers n = open_numbers(input, object);
  if (n.shape.size() != 1 || n.count() != rows)
    throw hdf5::InputError(n.where + Format(": must have one dimension of %lld labels, one a row; "
                                            "has %zu dimensions and %lld values",
                                            static_cast<long long>(rows), n.shape.size(),
                                            static_cast<long long>(n.count())));
  return read_integers(n, static_cast<hsize_t>(mine.begin), static_cast<hsize_t>(mine.size()));
}

} // namespace

PetscErrorCode ReadLabels(MPI_Comm comm, const std::string &spec, std::int64_t rows, Range mine,
                          RowLabels *labels) {
  std::string file;
  std::string object;
  PetscFunctionBegin;
  PetscCall(SplitSpec(comm, spec.c_str(), &file, &object));
  const hdf5::SilentErrors silent;
  std::vector<std::int64_t> values;
  const std::string problem = attempt([&] { values = read_labels(file, object, rows, mine); });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCall(Distinct(comm, values, &labels->values));
  PetscCheck(labels->values.size() <= most_labels, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "%s: %zu distinct labels; at most %zu are possible", spec.c_str(),
             labels->values.size(), most_labels);
  labels->mine.clear();
  for (const std::int64_t value : values)
    labels->mine.push_back(static_cast<std::int32_t>(
        std::lower_bound(labels->values.begin(), labels->values.end(), value) -
        labels->values.begin()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
