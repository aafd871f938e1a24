// SPDX-License-Identifier: BSD-2-Clause
#include "harness/mpi_test.h"
#include "lipschitz/layer_bracket.h"
#include "lipschitz/network_generate.h"
#include "network_builder.h"
#include <climits>

using namespace lathe::test;

namespace {

NetworkOptions quick() {
  NetworkOptions o;
  o.samples = 2;
  o.jacobian_steps = 20;
  return o;
}

NetworkBound bound_of(const Network &net, const NetworkOptions &options = quick(),
                      MPI_Comm comm = PETSC_COMM_WORLD) {
  NetworkBound b;
  PETSC_OK(LatheNetworkLipschitz(comm, net, options, &b));
  return b;
}

// Brackets of this layer list alone contain the norm by LAPACK, and are `width` wide at most.
void check_linear(const Network &net, double upper, double lower, double width) {
  const double sigma = operator_norm(net);
  INFO("LAPACK " << sigma << ", bracket " << lower << " to " << upper);
  CHECK(upper >= sigma * (1 - 1e-13));
  CHECK(lower <= sigma * (1 + 1e-13));
  CHECK(upper <= sigma * (1 + width));
}

} // namespace

TEST_CASE("batch-norm joins its convolution: the bracket is that of the explicit product",
          "[network][fusion]") {
  const Shape image{3, 2, {8, 8, 1}};
  Layer up = conv2d(3, 4, 2, 5, 2, 1);
  up.type = LayerType::conv_transpose;
  up.cin = 3;
  up.cout = 4;
  up.padding = {0, 0, 0};
  const std::vector<Network> nets = {
      {image, {conv2d(5, 3, 3, 1, 1, 1, LATHE_PADDING_CIRCULAR), batch_norm(5, 2)}},
      {image, {batch_norm(3, 3), conv2d(6, 3, 3, 4, 1, 3, LATHE_PADDING_CIRCULAR)}},
      {image, {up, layer(LayerType::dropout), batch_norm(4, 6)}},
      {{9, 0, {1, 1, 1}}, {batch_norm(9, 7), linear(5, 9, 8), batch_norm(5, 9)}}};
  for (const Network &net : nets) {
    const NetworkBound b = bound_of(net);
    INFO(net.layers[0].type_name << " " << net.layers[1].type_name);
    check_linear(net, b.upper_fused, b.lower, 1e-5);
    CHECK(b.upper_fused < b.upper_product);
    CHECK(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
    CHECK(b.lower >= 0.9 * b.upper_fused);
  }
  // Between two convolutions the batch-norm belongs to the first, and is counted once.
  const Network three{
      image, {conv2d(4, 3, 3, 11), batch_norm(4, 12), conv2d(4, 4, 3, 13), batch_norm(4, 14)}};
  const std::vector<Fusion> fusions = find_fusions(three);
  CHECK(fusions[0].after == std::vector<std::size_t>{1});
  CHECK(fusions[2].before.empty());
  CHECK(fusions[2].after == std::vector<std::size_t>{3});
  const NetworkBound b = bound_of(three);
  CHECK(b.layers[1].fused.upper == 1);
  CHECK(b.upper_fused <= b.upper_product);
  check_linear(three, b.upper_lipsdp, b.lower, 1e-6); // one matrix: the chain is exact
}

TEST_CASE("residual blocks: 1 + L, exact I + conv, projection, nesting", "[network][residual]") {
  const Shape image{4, 2, {6, 6, 1}};
  const auto block = [](std::vector<Layer> branch) {
    branch.insert(branch.begin(), layer(LayerType::residual_begin));
    branch.push_back(layer(LayerType::residual_end));
    return branch;
  };
  for (const LathePadding mode : {LATHE_PADDING_ZEROS, LATHE_PADDING_CIRCULAR})
    for (const PetscInt groups : {1, 2}) {
      const Network net{image, block({conv2d(4, 4, 3, 1, 1, groups, mode), batch_norm(4, 2)})};
      const NetworkBound b = bound_of(net);
      CHECK(b.layers[1].has_joined);
      check_linear(net, b.upper_fused, b.lower, mode == LATHE_PADDING_ZEROS ? 0.2 : 1e-5);
      CHECK(b.upper_fused < 1 + b.layers[1].fused.upper);
      CHECK(b.upper_product >= 1 + b.layers[1].plain.lower * b.layers[2].plain.lower);
    }
  const Network dense{{5, 0, {1, 1, 1}}, block({linear(5, 5, 3)})};
  check_linear(dense, bound_of(dense).upper_fused, 0, 1e-5);

  // A minus-identity branch cancels: 1 + L is 2, I + conv is 0.
  Layer minus = conv2d(4, 4, 1, 4);
  std::fill(minus.weight.begin(), minus.weight.end(), 0.0);
  for (std::size_t c = 0; c < 4; ++c)
    minus.weight[5 * c] = -1;
  const NetworkBound cancelled = bound_of({image, block({minus})});
  CHECK(cancelled.upper_product == Approx(2).epsilon(1e-12));
  CHECK(cancelled.upper_fused < 1e-12);

  const Network plain{
      image, block({conv2d(4, 4, 3, 5), activation_layer(Activation::relu), conv2d(4, 4, 3, 6)})};
  const NetworkBound two = bound_of(plain);
  CHECK_FALSE(two.layers[1].has_joined);
  CHECK(two.upper_fused == Approx(1 + two.layers[1].plain.upper * two.layers[3].plain.upper));
  CHECK(two.upper_lipsdp < two.upper_fused);
  CHECK(two.lower <= two.upper);

  std::vector<Layer> nested = block({conv2d(4, 4, 3, 7)});
  nested.push_back(layer(LayerType::residual_shortcut));
  nested.push_back(conv2d(4, 4, 1, 8));
  nested = block(nested);
  const NetworkBound tree = bound_of({image, nested});
  const double inner = 1 + tree.layers[2].plain.upper;
  CHECK(tree.upper_product == Approx(inner + tree.layers[5].plain.upper).epsilon(1e-12));
}

TEST_CASE("pooling and activation factors", "[network][pool]") {
  const Shape image{2, 2, {9, 9, 1}};
  const struct {
    PetscInt k, stride, padding;
    double factor;
  } pools[] = {{2, 2, 0, 1}, {3, 2, 1, 2}, {3, 3, 0, 1}, {3, 1, 1, 3}, {4, 2, 0, 2}, {5, 3, 2, 2}};
  for (const auto &p : pools) {
    const Network net{image, {pool(LayerType::maxpool, p.k, p.stride, p.padding)}};
    const NetworkBound b = bound_of(net);
    INFO("max-pool " << p.k << "/" << p.stride);
    CHECK(b.upper == p.factor);
    // Attained: a peak at a pixel that the most windows share is selected by all of them.
    double attained = 0;
    NetworkEvaluator net_at(net);
    for (std::size_t peak = 0; peak < 81; ++peak) {
      std::vector<double> x(162, 0.0);
      x[peak] = 1;
      attained = std::max(attained, jacobian(net_at, x).norm());
    }
    CHECK(attained == Approx(p.factor).epsilon(1e-12));
    CHECK(bound_of({image, {pool(LayerType::avgpool, p.k, p.stride, p.padding)}}).lower <= b.upper);
  }
  for (const auto &p : pools) {
    const Network net{image, {pool(LayerType::avgpool, p.k, p.stride, p.padding)}};
    const NetworkBound b = bound_of(net);
    INFO("average pool " << p.k << "/" << p.stride);
    check_linear(net, b.upper, b.lower, p.k == p.stride ? 1e-6 : 0.25);
  }
  const NetworkBound global = bound_of({image, {layer(LayerType::global_avgpool)}});
  CHECK(global.upper == Approx(1.0 / 9).epsilon(1e-14));
  CHECK(global.layers[0].plain.lower < 1.0 / 9);
  check_linear({image, {layer(LayerType::global_avgpool)}}, global.upper, global.lower, 1e-13);

  Network gelu{image, {activation_layer(Activation::gelu)}};
  CHECK(bound_of(gelu).upper == activation::gelu_constant);
  CHECK(bound_of({image, {activation_layer(Activation::leaky_relu, -2.5)}}).upper == 2.5);
}

TEST_CASE("grouped convolution counts the largest group, not the product of the groups",
          "[network][groups]") {
  const Network net{{6, 2, {8, 8, 1}}, {conv2d(6, 6, 3, 1, 1, 3, LATHE_PADDING_CIRCULAR)}};
  const NetworkBound b = bound_of(net);
  check_linear(net, b.upper, b.lower, 1e-5);
}

TEST_CASE("whole networks: ordered bounds above every sampled Jacobian, same bits on every rank",
          "[network][bound]") {
  Network net{{2, 2, {8, 8, 1}}, {}};
  net.layers = {conv2d(4, 2, 3, 1),
                batch_norm(4, 2),
                activation_layer(Activation::relu),
                pool(LayerType::maxpool, 3, 2, 1),
                layer(LayerType::residual_begin),
                conv2d(6, 4, 3, 3, 2),
                batch_norm(6, 4),
                activation_layer(Activation::silu),
                conv2d(6, 6, 3, 5),
                batch_norm(6, 6),
                layer(LayerType::residual_shortcut),
                conv2d(6, 4, 1, 7, 2),
                layer(LayerType::residual_end),
                activation_layer(Activation::sigmoid),
                layer(LayerType::global_avgpool),
                layer(LayerType::flatten),
                linear(8, 6, 8),
                activation_layer(Activation::tanh),
                linear(3, 8, 9)};
  const NetworkBound b = bound_of(net);
  CHECK(b.upper_fused < b.upper_product);
  CHECK(b.upper_lipsdp < b.upper_fused);
  CHECK(b.upper == b.upper_lipsdp);
  CHECK(b.chains >= 1);
  CHECK(b.lower > 0);
  CHECK(b.lower <= b.upper);
  NetworkEvaluator evaluator(net);
  double sampled = 0;
  for (std::uint64_t s = 0; s < 20; ++s)
    sampled = std::max(sampled, jacobian(evaluator, normals(128, 300 + s)).norm());
  INFO("product " << b.upper_product << " fused " << b.upper_fused << " lipsdp " << b.upper_lipsdp
                  << " sampled " << sampled);
  CHECK(sampled <= b.upper);
  const NetworkBound alone = bound_of(net, quick(), PETSC_COMM_SELF);
  CHECK_ALL(alone.upper_product == b.upper_product);
  CHECK_ALL(alone.upper_fused == b.upper_fused);
  CHECK_ALL(alone.upper_lipsdp == b.upper_lipsdp);
  CHECK_ALL(alone.lower == b.lower);
  NetworkOptions no_chain = quick();
  no_chain.chain_limit = 0;
  CHECK(bound_of(net, no_chain).upper_lipsdp == b.upper_fused);
}

TEST_CASE("the lower bound is the Jacobian's norm at given inputs", "[network][lower]") {
  const Network net{{6, 0, {1, 1, 1}},
                    {linear(9, 6, 1), activation_layer(Activation::tanh), linear(4, 9, 2)}};
  NetworkOptions options;
  options.jacobian_steps = 300;
  options.inputs = normals(18, 3);
  double expected = 0, lower = 0;
  NetworkEvaluator evaluator(net);
  for (std::ptrdiff_t s = 0; s < 3; ++s)
    expected = std::max(expected, jacobian(evaluator, {options.inputs.begin() + 6 * s,
                                                       options.inputs.begin() + 6 * s + 6})
                                      .norm());
  PETSC_OK(LatheNetworkLowerBound(PETSC_COMM_WORLD, net, options, &lower));
  CHECK(lower == Approx(expected).epsilon(1e-9));
  options.inputs.pop_back();
  const auto caught =
      catch_error([&] { return LatheNetworkLowerBound(PETSC_COMM_WORLD, net, options, &lower); });
  CHECK_ALL(caught.code == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(caught.message.find("17 values") != std::string::npos);
}

TEST_CASE("networks that cannot be bounded are refused with the layer and the cure",
          "[network][refusal]") {
  const Shape image{4, 2, {6, 6, 1}}, vector{5, 0, {1, 1, 1}};
  Layer attention = layer(LayerType::identity);
  attention.type = LayerType::unsupported;
  attention.type_name = "self_attention";
  attention.name = "encoder.0";
  Layer unknown = attention;
  unknown.type_name = "lstm";
  Layer bad_var = batch_norm(4, 1), bad_weight = linear(3, 5, 2), grouped = conv2d(4, 4, 3, 3);
  bad_var.var[2] = -1;
  bad_weight.weight[7] = std::nan("");
  grouped.groups = 3;
  Layer reflect = conv2d(4, 4, 3, 4, 1, 1, LATHE_PADDING_REFLECT);
  reflect.padding = {6, 1, 0};
  Layer short_weight = conv2d(4, 4, 3, 5);
  short_weight.weight.pop_back();
  Layer celu = activation_layer(Activation::celu, 0);
  Layer padded = conv2d(4, 4, 3, 1);
  padded.padding = {INT_MAX, 1, 0};
  Layer wide = padded;
  wide.padding = {1 << 30, 1 << 30, 0};
  Layer dilated = pool(LayerType::maxpool, 2, 1, 1);
  dilated.dilation = {4, 4, 1};
  Layer average = pool(LayerType::avgpool, 2, 1, 0);
  average.dilation = {1, 2, 1};
  Layer large = linear(3, 5, 1);
  large.weight[7] = 1e300;
  Layer steep = layer(LayerType::batchnorm);
  steep.name = "steep";
  steep.gamma = {1, 1e300, 1};
  steep.var = {1, 1, 1};
  const struct {
    Network net;
    const char *expected;
  } cases[] = {
      {{image, {}}, "at least one"},
      {{{0, 0, {1, 1, 1}}, {linear(3, 5, 1)}}, "input_shape is (0)"},
      {{image, {attention}}, "'encoder.0' (self_attention): softmax attention is not globally"},
      {{image, {unknown}}, "unknown type; known: conv, conv_transpose"},
      {{image, {linear(3, 5, 1)}}, "put a flatten layer before it"},
      {{vector, {linear(3, 6, 1)}}, "takes 6 channels, its input (5) has 5"},
      {{vector, {conv2d(3, 5, 3, 1)}}, "2 spatial dimensions, its input (5) has 0"},
      {{image, {bad_var}}, "var[2] = -1"},
      {{vector, {bad_weight}}, "not finite at index 7"},
      {{image, {grouped}}, "groups 3 does not divide"},
      {{image, {reflect}}, "reflect: padding < extent"},
      {{image, {padded}}, "padding is 2147483647; allowed: 0 to 1073741824"},
      {{image, {wide}}, "is too large; allowed: extents to 2^30"},
      {{image, {short_weight}}, "143 values; the layer's input and geometry need 144"},
      {{image, {celu}}, "parameter is 0.000000; allowed: > 0"},
      {{image, {pool(LayerType::maxpool, 3, 2, 2)}}, "more than half the kernel"},
      {{image, {pool(LayerType::maxpool, 7, 1, 0)}}, "window of 7 does not fit"},
      {{{1, 2, {3, 3, 1}}, {dilated}}, "window 0 of axis 0 lies in the padding alone"},
      {{image, {average}}, "dilation is 2; an average pool has none, allowed: 1"},
      {{vector, {large, steep}}, "'steep' (batchnorm): gamma/sqrt(var + eps) times the weights"},
      {{image, {layer(LayerType::residual_end)}}, "no residual_begin"},
      {{image, {layer(LayerType::residual_begin)}}, "has no residual_end"},
      {{image,
        {layer(LayerType::residual_begin), conv2d(8, 4, 3, 1), layer(LayerType::residual_end)}},
       "branch of shape (8, 6, 6) to a shortcut of shape (4, 6, 6)"}};
  for (const auto &c : cases) {
    NetworkBound bound;
    const auto caught = catch_error([&] {
      return LatheNetworkLayerBound(PETSC_COMM_WORLD, c.net, quick(), 0,
                                    &bound.layers.emplace_back());
    });
    INFO("expected: " << c.expected << "\nmessage: " << caught.message);
    CHECK_ALL(caught.code == PETSC_ERR_ARG_OUTOFRANGE);
    CHECK_ALL(caught.message.find(c.expected) != std::string::npos);
  }
}

TEST_CASE("generated networks: shapes, order of the bounds, refusals", "[network][generate]") {
  const Network tiny = generate_network("tiny", 0, Weights::trained_like, 3);
  const NetworkBound b = bound_of(tiny);
  CHECK(b.upper_fused < b.upper_product);
  CHECK(b.upper_lipsdp < b.upper_fused);
  CHECK(b.lower <= b.upper);
  CHECK(tiny.layers[0].weight ==
        generate_network("tiny", 0, Weights::trained_like, 3).layers[0].weight);
  CHECK(tiny.layers[0].weight != generate_network("tiny", 0, Weights::random, 3).layers[0].weight);
  CHECK(layer_shapes(generate_network("resnet18", 32, Weights::random, 1)).back() ==
        Shape{1000, 0, {1, 1, 1}});
  CHECK(layer_shapes(generate_network("vgg16", 0, Weights::random, 1)).back() ==
        Shape{10, 0, {1, 1, 1}});
  CHECK_THROWS_WITH(generate_network("vgg16", 33, Weights::random, 1),
                    Catch::Contains("image size is 33; allowed for vgg16: multiples of 32"));
  CHECK_THROWS_WITH(generate_network("alexnet", 0, Weights::random, 1),
                    Catch::Contains("allowed: resnet18, vgg16, tiny"));
}
