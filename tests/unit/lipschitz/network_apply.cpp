// SPDX-License-Identifier: BSD-2-Clause
#include "harness/mpi_test.h"
#include "network_builder.h"
#include <numeric>

using namespace lathe::test;

namespace {

// y[o, p] by the definition, 2-D, straight from lipschitz.h.
double direct(const Layer &l, const Shape &in, const std::vector<double> &x, std::int64_t o,
              std::int64_t p, std::int64_t q) {
  const auto pixel = [&](std::int64_t i, std::int64_t n) -> std::int64_t {
    if (i >= 0 && i < n)
      return i;
    switch (l.padding_mode) {
    case LATHE_PADDING_CIRCULAR:
      return (i + n) % n;
    case LATHE_PADDING_REFLECT:
      return i < 0 ? -i : 2 * n - 2 - i;
    case LATHE_PADDING_REPLICATE:
      return std::clamp<std::int64_t>(i, 0, n - 1);
    default:
      return -1;
    }
  };
  const std::int64_t gin = l.cin / l.groups, gout = l.cout / l.groups;
  double sum = 0;
  for (std::int64_t i = 0; i < gin; ++i)
    for (std::int64_t a = 0; a < l.kernel[0]; ++a)
      for (std::int64_t b = 0; b < l.kernel[1]; ++b) {
        const std::int64_t r =
            pixel(p * l.stride[0] + a * l.dilation[0] - l.padding[0], in.extent[0]);
        const std::int64_t s =
            pixel(q * l.stride[1] + b * l.dilation[1] - l.padding[1], in.extent[1]);
        if (r < 0 || s < 0)
          continue;
        const std::int64_t channel = o / gout * gin + i;
        sum += l.weight[static_cast<std::size_t>(((o * gin + i) * l.kernel[0] + a) * l.kernel[1] +
                                                 b)] *
               x[static_cast<std::size_t>((channel * in.extent[0] + r) * in.extent[1] + s)];
      }
  return sum;
}

Network every_layer() {
  Network net;
  net.input = {4, 2, {9, 8, 1}};
  Layer up = conv2d(4, 6, 3, 3, 2, 2); // transposed: 6 channels to 4
  up.type = LayerType::conv_transpose;
  up.cin = 6;
  up.cout = 4;
  up.weight = normals(6 * 2 * 9, 44);
  up.output_padding = {1, 0, 0};
  net.layers = {conv2d(6, 4, 3, 1, 2, 2),
                batch_norm(6, 2),
                activation_layer(Activation::gelu),
                up,
                layer(LayerType::residual_begin),
                conv2d(4, 4, 3, 4, 1, 1, LATHE_PADDING_REFLECT),
                activation_layer(Activation::tanh),
                layer(LayerType::residual_begin),
                layer(LayerType::identity),
                layer(LayerType::residual_end),
                layer(LayerType::residual_shortcut),
                conv2d(4, 4, 1, 6),
                layer(LayerType::residual_end),
                pool(LayerType::maxpool, 3, 2, 1),
                pool(LayerType::avgpool, 2, 1, 1),
                layer(LayerType::dropout),
                layer(LayerType::flatten)};
  const auto size = static_cast<PetscInt>(layer_shapes(net).back().size());
  net.layers.push_back(linear(7, size, 8));
  net.layers.back().bias = normals(7, 9);
  net.layers.push_back(activation_layer(Activation::softmax));
  return net;
}

} // namespace

TEST_CASE("convolution layers equal the definition for every padding, stride, dilation and group",
          "[network][apply]") {
  double worst = 0;
  for (const LathePadding mode : {LATHE_PADDING_ZEROS, LATHE_PADDING_CIRCULAR,
                                  LATHE_PADDING_REFLECT, LATHE_PADDING_REPLICATE})
    for (const PetscInt stride : {1, 2, 3})
      for (const PetscInt dilation : {1, 2})
        for (const PetscInt groups : {1, 2}) {
          Layer l = conv2d(6, 4, 3, 11, stride, groups, mode);
          l.dilation = {dilation, 1, 1};
          l.kernel = {3, 2, 1};
          l.padding = {2, 1, 0};
          l.weight.resize(static_cast<std::size_t>(6 * 4 / groups * 6));
          const Network net{{4, 2, {7, 6, 1}}, {l}};
          NetworkEvaluator evaluator(net);
          const std::vector<double> x = normals(4 * 42, 12);
          const std::vector<double> y = evaluator.forward(x.data());
          const Shape out = layer_shapes(net).back();
          REQUIRE(y.size() == static_cast<std::size_t>(out.size()));
          for (std::int64_t i = 0; i < out.size(); ++i) {
            const std::int64_t q = i % out.extent[1], p = i / out.extent[1] % out.extent[0];
            worst = std::max(worst, std::abs(y[static_cast<std::size_t>(i)] -
                                             direct(l, net.input, x, i / out.pixels(), p, q)));
          }
        }
  INFO("worst difference " << worst);
  CHECK(worst < 1e-14);
}

TEST_CASE("Jacobian products: transpose and difference quotients, every layer type",
          "[network][apply]") {
  const Network net = every_layer();
  NetworkEvaluator evaluator(net);
  const auto n = static_cast<std::size_t>(evaluator.input_size());
  const std::vector<double> x = normals(n, 21), v = normals(n, 22), u = normals(7, 23);
  const std::vector<double> y = evaluator.forward(x.data());
  CHECK(std::accumulate(y.begin(), y.end(), 0.0) == Approx(1).epsilon(1e-14)); // softmax
  const std::vector<double> jv = evaluator.jvp(v), ju = evaluator.vjp(u);
  const double left = std::inner_product(jv.begin(), jv.end(), u.begin(), 0.0);
  const double right = std::inner_product(v.begin(), v.end(), ju.begin(), 0.0);
  CHECK(left == Approx(right).epsilon(1e-12).margin(1e-15));
  const double h = 1e-6;
  std::vector<double> plus = x, minus = x;
  for (std::size_t i = 0; i < n; ++i) {
    plus[i] += h * v[i];
    minus[i] -= h * v[i];
  }
  const std::vector<double> yp = evaluator.forward(plus.data()),
                            ym = evaluator.forward(minus.data());
  for (std::size_t i = 0; i < y.size(); ++i)
    CHECK((yp[i] - ym[i]) / (2 * h) == Approx(jv[i]).margin(1e-8));
}

TEST_CASE("1-D and 3-D convolutions have matching adjoints", "[network][apply]") {
  for (const int ndim : {1, 3}) {
    Layer l = conv2d(3, 2, 3, 31);
    l.ndim = ndim;
    l.kernel = {3, 2, 3};
    l.stride = {2, 1, 1};
    l.padding = {1, 1, 0};
    l.weight = normals(ndim == 1 ? 3 * 2 * 3 : 3 * 2 * 18, 32);
    Network net{{2, ndim, {6, 1, 1}}, {l}};
    if (ndim == 3)
      net.input.extent = {6, 5, 4};
    NetworkEvaluator evaluator(net);
    const auto n = static_cast<std::size_t>(evaluator.input_size());
    const std::vector<double> x = normals(n, 33);
    const std::vector<double> y = evaluator.forward(x.data());
    const std::vector<double> u = normals(y.size(), 34), back = evaluator.vjp(u);
    CHECK(std::inner_product(y.begin(), y.end(), u.begin(), 0.0) ==
          Approx(std::inner_product(x.begin(), x.end(), back.begin(), 0.0)).epsilon(1e-12));
  }
}
