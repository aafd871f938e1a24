// SPDX-License-Identifier: BSD-2-Clause
#include "driver/hdf5_input.h"
#include "driver/network_file.h"
#include "harness/mpi_test.h"
#include "lipschitz/network_apply.h"
#include <algorithm>
#include <filesystem>
#include <functional>
#include <unistd.h>

using namespace lathe::driver;
using namespace lathe::lipschitz;
namespace hdf5 = lathe::hdf5;

namespace {

const std::filesystem::path data = LATHE_DATA;

int right_answers(const NetworkFile &file) {
  NetworkEvaluator net(file.network);
  const auto n = static_cast<std::size_t>(net.input_size());
  int right = 0;
  for (std::size_t i = 0; i < file.labels.size(); ++i) {
    const std::vector<double> y = net.forward(file.inputs.data() + i * n);
    right += std::max_element(y.begin(), y.end()) - y.begin() == file.labels[i] ? 1 : 0;
  }
  return right;
}

// Message of the refusal after `change` was made to a copy of the residual network.
std::string refusal(const std::function<void(hid_t)> &change) {
  const hdf5::SilentErrors silent; // of the deletions of attributes that are not there
  const std::filesystem::path copy = std::filesystem::temp_directory_path() /
                                     ("lathe_network_" + std::to_string(getpid()) + ".h5");
  std::filesystem::copy_file(data / "digits_resnet.h5", copy,
                             std::filesystem::copy_options::overwrite_existing);
  {
    const hdf5::File file(H5Fopen(copy.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    change(file);
  }
  std::string message;
  try {
    (void)read_network_file(copy.string());
  } catch (const std::exception &e) {
    message = e.what();
  }
  std::filesystem::remove(copy);
  return message;
}

void set_text(hid_t file, const char *object, const char *name, const char *text) {
  H5Adelete_by_name(file, object, name, H5P_DEFAULT);
  const hdf5::Datatype type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, std::char_traits<char>::length(text));
  const hdf5::Dataspace space(H5Screate(H5S_SCALAR));
  const hdf5::Attribute attribute(
      H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Awrite(attribute, type, text);
}

void set_integers(hid_t file, const char *object, const char *name, std::vector<long long> values) {
  H5Adelete_by_name(file, object, name, H5P_DEFAULT);
  const hsize_t count = values.size();
  const hdf5::Dataspace space(H5Screate_simple(1, &count, nullptr));
  const hdf5::Attribute attribute(H5Acreate_by_name(file, object, name, H5T_NATIVE_LLONG, space,
                                                    H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Awrite(attribute, H5T_NATIVE_LLONG, values.data());
}

void set_integer(hid_t file, const char *object, const char *name, int value) {
  H5Adelete_by_name(file, object, name, H5P_DEFAULT);
  const hdf5::Dataspace space(H5Screate(H5S_SCALAR));
  const hdf5::Attribute attribute(H5Acreate_by_name(file, object, name, H5T_NATIVE_INT, space,
                                                    H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Awrite(attribute, H5T_NATIVE_INT, &value);
}

} // namespace

TEST_CASE("the committed networks classify as well as their files say", "[network_file]") {
  const NetworkFile resnet = read_network_file((data / "digits_resnet.h5").string());
  CHECK(resnet.labels.size() == 360);
  CHECK(right_answers(resnet) == 357); // test_accuracy 0.99167
  CHECK(layer_shapes(resnet.network).back() == Shape{10, 0, {1, 1, 1}});
  const NetworkFile mlp = read_network_file((data / "digits_mlp.h5").string());
  CHECK(right_answers(mlp) == 352); // 0.97778
}

TEST_CASE("malformed network files are refused by object, value and allowed range",
          "[network_file]") {
  const struct {
    const char *expected;
    std::function<void(hid_t)> change;
  } cases[] = {
      {"/: has no attribute input_shape",
       [](hid_t f) { H5Adelete_by_name(f, "/", "input_shape", H5P_DEFAULT); }},
      {"input_shape must hold channels and 0 to 3 extents, each 1 to 2^30",
       [](hid_t f) {
         set_integers(f, "/", "input_shape", {INT64_MAX, INT64_MAX, 8});
       }},
      {"describe 2^53 values at most",
       [](hid_t f) {
         set_integers(f, "/", "input_shape", {1 << 20, 1 << 20, 1 << 20});
       }},
      {"has no group layers", [](hid_t f) { H5Ldelete(f, "layers", H5P_DEFAULT); }},
      {"/layers/000: has no dataset weight",
       [](hid_t f) { H5Ldelete(f, "layers/000/weight", H5P_DEFAULT); }},
      {"/layers/002: has no attribute type",
       [](hid_t f) { H5Adelete_by_name(f, "layers/002", "type", H5P_DEFAULT); }},
      {"function is 'relo'; allowed: identity, relu",
       [](hid_t f) { set_text(f, "layers/002", "function", "relo"); }},
      {"padding_mode is 'same'; allowed: zeros, circular, reflect, replicate",
       [](hid_t f) { set_text(f, "layers/000/weight", "padding_mode", "same"); }},
      {"/layers/000/weight: attribute stride is 0; allowed: 1 to 2147483647",
       [](hid_t f) { set_integer(f, "layers/000/weight", "stride", 0); }},
      {"unknown attribute epsilon; allowed: type, name, eps",
       [](hid_t f) { set_integer(f, "layers/001", "epsilon", 1); }},
      {"/layers/001: has no dataset var",
       [](hid_t f) { H5Ldelete(f, "layers/001/var", H5P_DEFAULT); }},
      {"unknown dataset weight; allowed: none",
       [](hid_t f) {
         H5Lcreate_hard(f, "layers/000/weight", f, "layers/002/weight", H5P_DEFAULT, H5P_DEFAULT);
       }},
      {"has no dataset images", [](hid_t f) { H5Ldelete(f, "evaluation/images", H5P_DEFAULT); }}};
  for (const auto &c : cases) {
    const std::string message = refusal(c.change);
    INFO("expected: " << c.expected << "\nmessage: " << message);
    CHECK(message.find(c.expected) != std::string::npos);
  }
  CHECK_THROWS(read_network_file("does_not_exist.h5"));
  CHECK_THROWS(read_network_file((data / "digits_features.mtx.gz").string()));
}

TEST_CASE("an attention layer is read and refused as not globally Lipschitz", "[network_file]") {
  const std::filesystem::path copy = std::filesystem::temp_directory_path() /
                                     ("lathe_attention_" + std::to_string(getpid()) + ".h5");
  std::filesystem::copy_file(data / "digits_resnet.h5", copy,
                             std::filesystem::copy_options::overwrite_existing);
  {
    const hdf5::File file(H5Fopen(copy.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    set_text(file, "layers/002", "type", "self_attention");
  }
  const NetworkFile file = read_network_file(copy.string());
  std::filesystem::remove(copy);
  CHECK_THROWS_WITH(layer_shapes(file.network),
                    Catch::Contains("'2' (self_attention): softmax attention is not globally"));
}
