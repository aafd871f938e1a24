// SPDX-License-Identifier: BSD-2-Clause
#include "driver/network_file.h"
#include "driver/hdf5_input.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string_view>

namespace lathe::driver {
namespace {

using lipschitz::Layer;
using lipschitz::LayerType;

std::string join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts)
    text.append(part);
  return text;
}

template <class Names> std::string listed(const Names &names) {
  std::string text;
  for (const std::string_view name : names)
    text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

herr_t collect_link(hid_t, const char *name, const H5L_info_t *, void *out) {
  static_cast<std::vector<std::string> *>(out)->emplace_back(name);
  return 0;
}
herr_t collect_attribute(hid_t, const char *name, const H5A_info_t *, void *out) {
  static_cast<std::vector<std::string> *>(out)->emplace_back(name);
  return 0;
}

// One object of the file and the questions that a reader asks about it.
class ObjectReader {
public:
  ObjectReader(const hdf5::Input &input, std::string path)
      : input_(input), path_(std::move(path)) {}

  [[noreturn]] void refuse(const std::string &what) const {
    throw InputError(join({input_.name, ":", path_, ": ", what}));
  }
  [[nodiscard]] const std::string &path() const { return path_; }
  [[nodiscard]] bool has_dataset(const char *name) const {
    return hdf5::exists(input_, child(name));
  }
  [[nodiscard]] ObjectReader at(const std::string &name) const { return {input_, child(name)}; }

  [[nodiscard]] std::vector<std::string> links() const {
    std::vector<std::string> names;
    const hdf5::Object object(H5Oopen(input_.file, path_.c_str(), H5P_DEFAULT));
    hsize_t next = 0;
    if (!object || H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, &next, collect_link, &names) < 0)
      refuse("cannot list the group");
    return names;
  }
  [[nodiscard]] std::vector<std::string> attributes() const {
    std::vector<std::string> names;
    const hdf5::Object object(H5Oopen(input_.file, path_.c_str(), H5P_DEFAULT));
    hsize_t next = 0;
    if (!object ||
        H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &next, collect_attribute, &names) < 0)
      refuse("cannot list the attributes");
    return names;
  }

  [[nodiscard]] bool has_attribute(const char *name) const {
    return hdf5::has_attribute(input_, path_, name);
  }
  [[nodiscard]] std::string text(const char *name, const std::string &fallback) const {
    if (!has_attribute(name))
      return fallback;
    const auto value = hdf5::string_attribute(input_, path_, name);
    if (!value)
      refuse(join({"attribute ", name, " is not a string"}));
    return *value;
  }
  [[nodiscard]] double real(const char *name, double fallback) const {
    if (!has_attribute(name))
      return fallback;
    const hdf5::Attribute attribute(
        H5Aopen_by_name(input_.file, path_.c_str(), name, H5P_DEFAULT, H5P_DEFAULT));
    const hdf5::Dataspace space(attribute ? H5Aget_space(attribute) : H5I_INVALID_HID);
    double value = 0;
    if (!space || H5Sget_simple_extent_npoints(space) != 1 ||
        H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0)
      refuse(join({"attribute ", name, " is not one number"}));
    if (!std::isfinite(value))
      refuse(join({"attribute ", name, " is not finite"}));
    return value;
  }
  /// A scalar, or one value an axis, each in [least, 2³¹).
  [[nodiscard]] std::array<PetscInt, 3> axes(const char *name, int ndim, std::int64_t least,
                                             std::int64_t fallback) const {
    std::array<PetscInt, 3> value;
    value.fill(static_cast<PetscInt>(fallback));
    if (!has_attribute(name))
      return value;
    const std::vector<std::int64_t> read = integers(name);
    if (read.size() != 1 && read.size() != static_cast<std::size_t>(ndim))
      refuse(join({"attribute ", name, " has ", std::to_string(read.size()),
                   " values; allowed: 1 or ", std::to_string(ndim), ", one an axis"}));
    for (int d = 0; d < ndim; ++d) {
      const std::int64_t v = read[read.size() == 1 ? 0 : static_cast<std::size_t>(d)];
      if (v < least || v > std::numeric_limits<std::int32_t>::max())
        refuse(join({"attribute ", name, " is ", std::to_string(v),
                     "; allowed: ", std::to_string(least), " to 2147483647"}));
      value[d] = static_cast<PetscInt>(v);
    }
    return value;
  }
  [[nodiscard]] std::vector<std::int64_t> integers(const char *name) const {
    const auto value = hdf5::integer_attribute(input_, path_, name);
    if (!value || value->empty())
      refuse(join({"attribute ", name, " must hold integers"}));
    return *value;
  }

  /// A dataset of lowest to highest dimensions; `shape` receives its extents.
  std::vector<double> numbers(const char *name, std::size_t lowest, std::size_t highest,
                              std::vector<std::int64_t> *shape = nullptr) const {
    const ObjectReader data = at(name);
    if (!hdf5::exists(input_, data.path_))
      refuse(join({"has no dataset ", name}));
    const hdf5::Numbers n = hdf5::open_numbers(input_, data.path_);
    if (n.complex != hdf5::Complex::no)
      data.refuse("is complex; allowed: real numbers");
    if (n.shape.size() < lowest || n.shape.size() > highest)
      data.refuse(join({"has ", std::to_string(n.shape.size()), " dimensions; allowed: ",
                        std::to_string(lowest), " to ", std::to_string(highest)}));
    if (n.count() == 0)
      data.refuse("is empty");
    if (shape)
      shape->assign(n.shape.begin(), n.shape.end());
    return hdf5::read_doubles(n, std::vector<hsize_t>(n.shape.size(), 0), n.shape);
  }
  [[nodiscard]] std::vector<double> vector(const char *name, bool optional) const {
    return optional && !has_dataset(name) ? std::vector<double>{} : numbers(name, 1, 1);
  }

  /// Refuse what the type of this layer does not know, so that a misspelt name is never ignored.
  void allow(std::initializer_list<std::string_view> datasets,
             std::initializer_list<std::string_view> known) const {
    for (const std::string &name : links())
      if (std::find(datasets.begin(), datasets.end(), name) == datasets.end())
        refuse(join({"unknown dataset ", name,
                     "; allowed: ", datasets.size() == 0 ? "none" : listed(datasets)}));
    for (const std::string &name : attributes())
      if (name != "type" && name != "name" &&
          std::find(known.begin(), known.end(), name) == known.end())
        refuse(join({"unknown attribute ", name, "; allowed: type, name", known.size() ? ", " : "",
                     listed(known)}));
  }

private:
  [[nodiscard]] std::string child(const std::string &name) const {
    return path_ == "/" ? join({"/", name}) : join({path_, "/", name});
  }
  const hdf5::Input &input_;
  std::string path_;
};

PetscInt index(const ObjectReader &at, const char *what, std::int64_t value) {
  if (value < 1 || value > std::numeric_limits<std::int32_t>::max())
    at.refuse(join({what, " is ", std::to_string(value), "; allowed: 1 to 2147483647"}));
  return static_cast<PetscInt>(value);
}

LathePadding padding_mode(const ObjectReader &at) {
  static constexpr std::array<std::string_view, 4> names = {"zeros", "circular", "reflect",
                                                            "replicate"};
  const std::string name = at.text("padding_mode", "zeros");
  const auto *found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    at.refuse(join({"padding_mode is '", name, "'; allowed: ", listed(names)}));
  return static_cast<LathePadding>(found - names.begin());
}

void read_convolution(const ObjectReader &group, Layer &layer) {
  const bool transposed = layer.type == LayerType::conv_transpose;
  group.allow({"weight", "bias"}, {"stride", "padding", "dilation", "groups", "padding_mode",
                                   "output_padding", "input_shape"});
  std::vector<std::int64_t> shape;
  layer.weight = group.numbers("weight", 3, 5, &shape);
  layer.bias = group.vector("bias", true);
  layer.ndim = static_cast<int>(shape.size()) - 2;
  const ObjectReader weight = group.at("weight");
  const auto holder = [&](const char *name) -> const ObjectReader & {
    return group.has_attribute(name) ? group : weight;
  };
  layer.groups = holder("groups").axes("groups", 1, 1, 1)[0];
  layer.stride = holder("stride").axes("stride", layer.ndim, 1, 1);
  layer.padding = holder("padding").axes("padding", layer.ndim, 0, 0);
  layer.dilation = holder("dilation").axes("dilation", layer.ndim, 1, 1);
  layer.output_padding = holder("output_padding").axes("output_padding", layer.ndim, 0, 0);
  layer.padding_mode = padding_mode(holder("padding_mode"));
  const PetscInt first = index(weight, "extent 0", shape[0]);
  const PetscInt second = index(weight, "extent 1 times groups", shape[1] * layer.groups);
  layer.cout = transposed ? second : first;
  layer.cin = transposed ? first : second;
  for (int d = 0; d < layer.ndim; ++d)
    layer.kernel[d] = index(weight, "kernel extent", shape[static_cast<std::size_t>(d) + 2]);
}

void read_linear(const ObjectReader &group, Layer &layer) {
  group.allow({"weight", "bias"}, {});
  std::vector<std::int64_t> shape;
  layer.weight = group.numbers("weight", 2, 2, &shape);
  layer.bias = group.vector("bias", true);
  layer.cout = index(group.at("weight"), "extent 0", shape[0]);
  layer.cin = index(group.at("weight"), "extent 1", shape[1]);
}

void read_activation(const ObjectReader &group, Layer &layer) {
  group.allow({}, {"function", "parameter"});
  if (!group.has_attribute("function"))
    group.refuse("an activation needs the attribute function");
  const std::string name = group.text("function", "");
  const auto function = lipschitz::activation_from_name(name);
  if (!function)
    group.refuse(
        join({"function is '", name, "'; allowed: ", listed(lipschitz::activation_names)}));
  layer.function = *function;
  const bool leaky = *function == lipschitz::Activation::leaky_relu;
  layer.parameter = group.real("parameter", leaky ? 0.01 : 1.0);
}

void read_pool(const ObjectReader &group, Layer &layer, const lipschitz::Shape &input) {
  group.allow({}, {"kernel", "stride", "padding", "dilation"});
  if (!group.has_attribute("kernel"))
    group.refuse("pooling needs the attribute kernel");
  layer.ndim = input.ndim;
  layer.kernel = group.axes("kernel", layer.ndim, 1, 1);
  layer.stride =
      group.has_attribute("stride") ? group.axes("stride", layer.ndim, 1, 1) : layer.kernel;
  layer.padding = group.axes("padding", layer.ndim, 0, 0);
  layer.dilation = group.axes("dilation", layer.ndim, 1, 1);
}

void read_batch_norm(const ObjectReader &group, Layer &layer) {
  group.allow({"gamma", "beta", "mean", "var"}, {"eps"});
  layer.gamma = group.vector("gamma", false);
  layer.var = group.vector("var", false);
  layer.beta = group.vector("beta", true);
  layer.mean = group.vector("mean", true);
  layer.eps = group.real("eps", layer.eps);
}

Layer read_layer(const ObjectReader &group, const std::string &link, const lipschitz::Shape &in) {
  Layer layer;
  if (!group.has_attribute("type"))
    group.refuse("has no attribute type");
  layer.type_name = group.text("type", "");
  layer.name = group.text("name", link);
  const auto *known = std::find(lipschitz::layer_type_names.begin(),
                                lipschitz::layer_type_names.end(), layer.type_name);
  layer.type = static_cast<LayerType>(known - lipschitz::layer_type_names.begin());
  switch (layer.type) { // one past the names is `unsupported`, which layer_shapes refuses
  case LayerType::conv:
  case LayerType::conv_transpose:
    read_convolution(group, layer);
    break;
  case LayerType::linear:
    read_linear(group, layer);
    break;
  case LayerType::batchnorm:
    read_batch_norm(group, layer);
    break;
  case LayerType::activation:
    read_activation(group, layer);
    break;
  case LayerType::maxpool:
  case LayerType::avgpool:
    read_pool(group, layer, in);
    break;
  case LayerType::unsupported:
    break;
  default:
    group.allow({}, {});
  }
  return layer;
}

lipschitz::Shape read_input_shape(const ObjectReader &root) {
  if (!root.has_attribute("input_shape"))
    root.refuse("has no attribute input_shape (channels, then extents)");
  const std::vector<std::int64_t> values = root.integers("input_shape");
  const char *allowed = "input_shape must hold channels and 0 to 3 extents, each 1 to 2^30, and "
                        "describe 2^53 values at most";
  if (values.empty() || values.size() > 4)
    root.refuse(allowed);
  lipschitz::Shape shape{values[0], static_cast<int>(values.size()) - 1, {1, 1, 1}};
  std::copy(values.begin() + 1, values.end(), shape.extent.begin());
  if (!shape.countable())
    root.refuse(allowed);
  return shape;
}

void read_evaluation(const ObjectReader &group, std::int64_t input_size, NetworkFile &file) {
  std::vector<std::int64_t> shape;
  file.inputs = group.numbers("images", 2, 5, &shape);
  const ObjectReader images = group.at("images");
  if (static_cast<std::int64_t>(file.inputs.size()) != shape[0] * input_size)
    images.refuse(join({"rows have ",
                        std::to_string(static_cast<std::int64_t>(file.inputs.size()) / shape[0]),
                        " values; the network's input has ", std::to_string(input_size)}));
  const double scale = images.real("scale", 1);
  for (double &x : file.inputs)
    x *= scale;
  for (const double label : group.vector("labels", true))
    file.labels.push_back(static_cast<std::int64_t>(label));
  if (!file.labels.empty() && static_cast<std::int64_t>(file.labels.size()) != shape[0])
    group.refuse(join({"labels has ", std::to_string(file.labels.size()), " values for ",
                       std::to_string(shape[0]), " images"}));
}

} // namespace

NetworkFile read_network_file(const std::string &path) {
  const hdf5::SilentErrors silent;
  const hdf5::Input input(path);
  const ObjectReader root(input, "/");
  NetworkFile file;
  file.network.input = read_input_shape(root);
  if (!hdf5::exists(input, "/layers") || hdf5::kind(input, "/layers") != H5I_GROUP)
    root.refuse("has no group layers");
  const ObjectReader layers = root.at("layers");
  for (const std::string &link : layers.links()) { // in order of name: 000, 001, …
    const ObjectReader group = layers.at(link);
    if (hdf5::kind(input, group.path()) != H5I_GROUP)
      group.refuse("is not a group; /layers must hold one group a layer");
    file.network.layers.push_back(read_layer(group, link, file.network.input));
  }
  if (file.network.layers.empty())
    layers.refuse("has no layers");
  if (hdf5::exists(input, "/evaluation"))
    read_evaluation(root.at("evaluation"), file.network.input.size(), file);
  return file;
}

} // namespace lathe::driver
