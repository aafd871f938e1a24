// SPDX-License-Identifier: BSD-2-Clause
#include "driver/kernel_file.h"
#include "core/error.h"
#include "driver/hdf5_input.h"
#include "lipschitz/convolution.h"
#include <algorithm>
#include <limits>

namespace lathe::driver {
namespace {

/// Paths of all datasets below `root`, in the order of their names.
std::vector<std::string> datasets_below(const hdf5::Input &input, const std::string &root) {
  std::vector<std::string> paths;
  if (hdf5::kind(input, root) == H5I_DATASET)
    return {root};
  const hdf5::Group group(H5Gopen2(input.file, root.c_str(), H5P_DEFAULT));
  if (!group)
    throw InputError(input.name + ": group " + root + ": " + hdf5::error_text());
  const auto collect = [](hid_t, const char *name, const H5O_info_t *info, void *out) -> herr_t {
    if (info->type == H5O_TYPE_DATASET)
      static_cast<std::vector<std::string> *>(out)->emplace_back(name);
    return 0;
  };
  if (H5Ovisit2(group, H5_INDEX_NAME, H5_ITER_INC, collect, &paths, H5O_INFO_BASIC) < 0)
    throw InputError(input.name + ": the objects below " + root +
                     " cannot be listed: " + hdf5::error_text());
  for (std::string &p : paths)
    p = (root == "/" ? "/" : root + "/") + p;
  return paths;
}

/// Values of an attribute for each spatial axis: `fallback` when absent, one value for all axes.
void per_axis(const hdf5::Input &input, const std::string &path, const char *name, int ndim,
              std::int64_t lowest, PetscInt *out) {
  if (!hdf5::has_attribute(input, path, name))
    return;
  const std::string where = input.name + ":" + path + ": attribute " + name;
  const auto values = hdf5::integer_attribute(input, path, name);
  if (!values)
    throw InputError(where + " is not integer");
  if (values->size() != 1 && values->size() != static_cast<std::size_t>(ndim))
    throw InputError(where + " has " + std::to_string(values->size()) +
                     " values; must be 1 or one for each of the " + std::to_string(ndim) +
                     " spatial axes");
  for (int axis = 0; axis < ndim; ++axis) {
    const std::int64_t v = (*values)[values->size() == 1 ? 0 : static_cast<std::size_t>(axis)];
    if (v < lowest || v > std::numeric_limits<std::int32_t>::max())
      throw InputError(where + " is " + std::to_string(v) + "; must be in [" +
                       std::to_string(lowest) + ", 2^31 - 1]");
    out[axis] = static_cast<PetscInt>(v);
  }
}

LathePadding padding_mode(const hdf5::Input &input, const std::string &path) {
  if (!hdf5::has_attribute(input, path, "padding_mode"))
    return LATHE_PADDING_ZEROS;
  const std::string mode = hdf5::string_attribute(input, path, "padding_mode").value_or("");
  if (mode == "zeros")
    return LATHE_PADDING_ZEROS;
  if (mode == "circular")
    return LATHE_PADDING_CIRCULAR;
  if (mode == "reflect")
    return LATHE_PADDING_REFLECT;
  if (mode == "replicate")
    return LATHE_PADDING_REPLICATE;
  throw InputError(input.name + ":" + path + ": attribute padding_mode is '" + mode +
                   "'; must be zeros, circular, reflect or replicate");
}

KernelLayer read_layer(const hdf5::Input &input, const std::string &path,
                       const hdf5::Numbers &numbers) {
  KernelLayer layer;
  layer.name = path.substr(1);
  LatheConvolution &g = layer.geometry;
  g = {};
  g.ndim = static_cast<int>(numbers.shape.size()) - 2;
  for (int axis = 0; axis < 3; ++axis)
    g.kernel[axis] = g.stride[axis] = g.dilation[axis] = 1;
  if (std::any_of(numbers.shape.begin(), numbers.shape.end(),
                  [](hsize_t n) { return n > std::numeric_limits<std::int32_t>::max(); }))
    throw InputError(numbers.where + ": an extent exceeds 2^31 - 1");
  PetscInt groups[3] = {1, 1, 1};
  per_axis(input, path, "groups", 1, 1, groups);
  g.groups = groups[0];
  g.cout = static_cast<PetscInt>(numbers.shape[0]);
  if (numbers.shape[1] * static_cast<hsize_t>(g.groups) > std::numeric_limits<std::int32_t>::max())
    throw InputError(numbers.where + ": cin = (cin/groups)*groups exceeds 2^31 - 1");
  g.cin = static_cast<PetscInt>(numbers.shape[1]) * g.groups;
  for (int axis = 0; axis < g.ndim; ++axis)
    g.kernel[axis] = static_cast<PetscInt>(numbers.shape[static_cast<std::size_t>(axis) + 2]);
  per_axis(input, path, "stride", g.ndim, 1, g.stride);
  per_axis(input, path, "dilation", g.ndim, 1, g.dilation);
  per_axis(input, path, "padding", g.ndim, 0, g.padding);
  per_axis(input, path, "input_shape", g.ndim, 1, g.input);
  g.padding_mode = padding_mode(input, path);
  layer.weight =
      hdf5::read_doubles(numbers, std::vector<hsize_t>(numbers.shape.size(), 0), numbers.shape);
  if (const std::string wrong = lipschitz::convolution_refusal(layer.layer()); !wrong.empty())
    throw InputError(numbers.where + ": " + wrong);
  return layer;
}

std::vector<KernelLayer> read_all(const std::string &spec) {
  const std::size_t colon = spec.find(":/");
  const hdf5::SilentErrors silent;
  const hdf5::Input input(spec.substr(0, colon));
  const std::string root = colon == std::string::npos ? "/" : spec.substr(colon + 1);
  if (root != "/" && !hdf5::exists(input, root))
    throw InputError(input.name + " has no object " + root);
  std::vector<KernelLayer> layers;
  for (const std::string &path : datasets_below(input, root)) {
    const hdf5::Dataset dataset(H5Dopen2(input.file, path.c_str(), H5P_DEFAULT));
    const hdf5::Dataspace space(dataset ? H5Dget_space(dataset) : H5I_INVALID_HID);
    const int rank = space ? H5Sget_simple_extent_ndims(space) : -1;
    if (rank < 3 || rank > 5)
      continue;
    const hdf5::Numbers numbers = hdf5::open_numbers(input, path);
    if (numbers.complex != hdf5::Complex::no)
      throw InputError(numbers.where + ": complex weights are not supported; must be real");
    layers.push_back(read_layer(input, path, numbers));
  }
  if (layers.empty())
    throw InputError(input.name + ": no dataset of 3 to 5 dimensions (cout, cin/groups, k...) in " +
                     root);
  return layers;
}

} // namespace

PetscErrorCode ReadKernels(MPI_Comm comm, const std::string &spec,
                           std::vector<KernelLayer> *layers) {
  PetscFunctionBeginUser;
  const std::string problem = attempt([&] { *layers = read_all(spec); });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
