// SPDX-License-Identifier: BSD-2-Clause
// Small networks for tests, with Philox weights, and brute-force operators.
#pragma once
#include "core/dense.h"
#include "core/random.h"
#include "lipschitz/network_apply.h"
#include <algorithm>

namespace lathe::test {

using namespace lathe::lipschitz;

inline std::vector<double> normals(std::size_t n, std::uint64_t stream, double scale = 1) {
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = scale * random::normal(99, stream, i);
  return x;
}

inline Layer layer(LayerType type) {
  Layer l;
  l.type = type;
  l.type_name = std::string(layer_type_names[static_cast<std::size_t>(type)]);
  l.name = l.type_name;
  return l;
}

inline Layer conv2d(PetscInt cout, PetscInt cin, PetscInt k, std::uint64_t stream,
                    PetscInt stride = 1, PetscInt groups = 1,
                    LathePadding mode = LATHE_PADDING_ZEROS) {
  Layer l = layer(LayerType::conv);
  l.cout = cout;
  l.cin = cin;
  l.groups = groups;
  l.kernel = {k, k, 1};
  l.stride = {stride, stride, 1};
  l.padding = {k / 2, k / 2, 0};
  l.padding_mode = mode;
  const auto fan = static_cast<double>(cin / groups * k * k);
  l.weight =
      normals(static_cast<std::size_t>(cout * (cin / groups) * k * k), stream, 1 / std::sqrt(fan));
  return l;
}

inline Layer linear(PetscInt cout, PetscInt cin, std::uint64_t stream) {
  Layer l = layer(LayerType::linear);
  l.cout = cout;
  l.cin = cin;
  l.weight = normals(static_cast<std::size_t>(cout * cin), stream,
                     1 / std::sqrt(static_cast<double>(cin)));
  return l;
}

inline Layer batch_norm(std::size_t channels, std::uint64_t stream) {
  Layer l = layer(LayerType::batchnorm);
  l.gamma = normals(channels, stream);
  l.beta = normals(channels, stream + 1000);
  l.mean = normals(channels, stream + 2000);
  for (const double x : normals(channels, stream + 3000))
    l.var.push_back(x * x);
  l.eps = 1e-3;
  return l;
}

inline Layer activation_layer(Activation f, double parameter = 0) {
  Layer l = layer(LayerType::activation);
  l.function = f;
  l.parameter = parameter;
  return l;
}

inline Layer pool(LayerType type, PetscInt k, PetscInt stride, PetscInt padding = 0) {
  Layer l = layer(type);
  l.kernel = {k, k, 1};
  l.stride = {stride, stride, 1};
  l.padding = {padding, padding, 0};
  return l;
}

/// Jacobian of the network at x, rows×cols column-major, one jvp a column.
struct Jacobian {
  std::size_t rows, cols;
  std::vector<double> a;
  [[nodiscard]] double norm() const {
    std::vector<double> copy = a, s(std::min(rows, cols));
    dense::singular_values<double>(rows, cols, copy.data(), rows, s.data());
    return s.empty() ? 0 : s[0];
  }
};

inline Jacobian jacobian(NetworkEvaluator &net, const std::vector<double> &x) {
  net.forward(x.data());
  Jacobian j{static_cast<std::size_t>(net.output_size()), x.size(), {}};
  std::vector<double> unit(x.size());
  for (std::size_t c = 0; c < x.size(); ++c) {
    unit[c] = 1;
    const std::vector<double> column = net.jvp(unit);
    j.a.insert(j.a.end(), column.begin(), column.end());
    unit[c] = 0;
  }
  return j;
}

/// ‖A‖₂ of a linear network (or of the Jacobian at a random point) by LAPACK.
inline double operator_norm(const Network &network, std::uint64_t stream = 5) {
  NetworkEvaluator net(network);
  return jacobian(net, normals(static_cast<std::size_t>(net.input_size()), stream)).norm();
}

} // namespace lathe::test
