// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/network_generate.h"
#include "core/random.h"
#include <cmath>
#include <stdexcept>

namespace lathe::lipschitz {
namespace {

// Appends layers with weights; every layer draws from streams of its own position.
class Generator {
public:
  Generator(Weights weights, std::uint64_t seed, std::int64_t size)
      : weights_(weights), seed_(seed) {
    network_.input = {3, 2, {size, size, 1}};
  }

  Layer &add(LayerType type) {
    Layer layer;
    layer.type = type;
    layer.type_name = layer_type_names[static_cast<std::size_t>(type)];
    layer.name = layer.type_name;
    layer.name.append(std::to_string(network_.layers.size()));
    return network_.layers.emplace_back(std::move(layer));
  }
  void relu() { add(LayerType::activation).function = Activation::relu; }

  void conv(PetscInt cout, PetscInt cin, PetscInt k, PetscInt stride = 1) {
    Layer &layer = add(LayerType::conv);
    layer.cout = cout;
    layer.cin = cin;
    layer.kernel = {k, k, 1};
    layer.stride = {stride, stride, 1};
    layer.padding = {k / 2, k / 2, 0};
    fill(layer, k);
  }
  void linear(PetscInt cout, PetscInt cin) {
    Layer &layer = add(LayerType::linear);
    layer.cout = cout;
    layer.cin = cin;
    fill(layer, 1);
  }
  void batch_norm(PetscInt channels) {
    const std::uint64_t stream = streams * network_.layers.size();
    Layer &layer = add(LayerType::batchnorm);
    for (std::uint64_t c = 0; c < static_cast<std::uint64_t>(channels); ++c) {
      layer.gamma.push_back(0.5 + random::uniform(seed_, stream, c));
      layer.var.push_back(0.5 + random::uniform(seed_, stream + 1, c));
    }
  }
  void max_pool(PetscInt k, PetscInt stride, PetscInt padding) {
    Layer &layer = add(LayerType::maxpool);
    layer.kernel = {k, k, 1};
    layer.stride = {stride, stride, 1};
    layer.padding = {padding, padding, 0};
  }
  void basic_block(PetscInt cout, PetscInt cin, PetscInt stride) {
    add(LayerType::residual_begin);
    conv(cout, cin, 3, stride);
    batch_norm(cout);
    relu();
    conv(cout, cout, 3);
    batch_norm(cout);
    if (stride != 1 || cin != cout) {
      add(LayerType::residual_shortcut);
      conv(cout, cin, 1, stride);
      batch_norm(cout);
    }
    add(LayerType::residual_end);
    relu();
  }
  Network take() { return std::move(network_); }

private:
  static constexpr std::uint64_t streams = 4; // of one layer

  void fill(Layer &layer, std::int64_t k) {
    const std::uint64_t stream = streams * (network_.layers.size() - 1);
    const std::int64_t cin = layer.cin, taps = k * k, rank = 8;
    const double scale = 1 / std::sqrt(static_cast<double>(cin * taps));
    const bool trained = weights_ == Weights::trained_like;
    const double noise = trained ? 0.3 * scale : scale;
    layer.weight.resize(static_cast<std::size_t>(layer.cout * cin * taps));
    for (std::size_t i = 0; i < layer.weight.size(); ++i)
      layer.weight[i] = noise * random::normal(seed_, stream, i);
    if (!trained)
      return;
    const auto factor = [&](std::uint64_t which, std::int64_t channels) {
      std::vector<double> f(static_cast<std::size_t>(channels * rank));
      for (std::size_t i = 0; i < f.size(); ++i)
        f[i] = random::normal(seed_, stream + which, i);
      return f;
    };
    const std::vector<double> left = factor(1, layer.cout), right = factor(2, cin);
    std::vector<double> window(static_cast<std::size_t>(taps));
    for (std::int64_t a = 0; a < taps; ++a) {
      const auto offset = [&](std::int64_t i) {
        return (static_cast<double>(i) - 0.5 * static_cast<double>(k - 1)) /
               (static_cast<double>(k) / 3);
      };
      const double x = offset(a / k), y = offset(a % k);
      window[static_cast<std::size_t>(a)] =
          scale * std::exp(-0.5 * (x * x + y * y)) / std::sqrt(static_cast<double>(rank));
    }
    for (std::int64_t o = 0; o < layer.cout; ++o)
      for (std::int64_t i = 0; i < cin; ++i) {
        double channel = 0;
        for (std::int64_t r = 0; r < rank; ++r)
          channel += left[static_cast<std::size_t>(o * rank + r)] *
                     right[static_cast<std::size_t>(i * rank + r)];
        for (std::int64_t a = 0; a < taps; ++a)
          layer.weight[static_cast<std::size_t>((o * cin + i) * taps + a)] +=
              channel * window[static_cast<std::size_t>(a)];
      }
  }

  Network network_;
  Weights weights_;
  std::uint64_t seed_;
};

void resnet18(Generator &g) {
  g.conv(64, 3, 7, 2);
  g.batch_norm(64);
  g.relu();
  g.max_pool(3, 2, 1);
  PetscInt cin = 64;
  for (const PetscInt cout : {64, 128, 256, 512}) {
    g.basic_block(cout, cin, cout == 64 ? 1 : 2);
    g.basic_block(cout, cout, 1);
    cin = cout;
  }
  g.add(LayerType::global_avgpool);
  g.add(LayerType::flatten);
  g.linear(1000, 512);
}

void vgg16(Generator &g, std::int64_t size) {
  PetscInt cin = 3;
  const struct {
    PetscInt channels;
    int convolutions;
  } stages[] = {{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}};
  for (const auto &stage : stages) {
    for (int i = 0; i < stage.convolutions; ++i) {
      g.conv(stage.channels, cin, 3);
      g.relu();
      cin = stage.channels;
    }
    g.max_pool(2, 2, 0);
  }
  g.add(LayerType::flatten);
  const auto features = static_cast<PetscInt>(512 * (size / 32) * (size / 32));
  const bool imagenet = size >= 224;
  const PetscInt hidden = imagenet ? 4096 : 512;
  g.linear(hidden, features);
  g.relu();
  if (imagenet) {
    g.linear(hidden, hidden);
    g.relu();
  }
  g.linear(imagenet ? 1000 : 10, hidden);
}

void tiny(Generator &g) {
  g.conv(8, 3, 3);
  g.batch_norm(8);
  g.relu();
  g.basic_block(8, 8, 1);
  g.conv(16, 8, 3, 2);
  g.batch_norm(16);
  g.relu();
  g.add(LayerType::global_avgpool);
  g.add(LayerType::flatten);
  g.linear(10, 16);
}

} // namespace

Network generate_network(const std::string &name, std::int64_t size, Weights weights,
                         std::uint64_t seed) {
  const bool is_tiny = name == "tiny";
  if (!is_tiny && name != "resnet18" && name != "vgg16")
    throw std::invalid_argument("network '" + name +
                                "' is unknown; allowed: resnet18, vgg16, tiny");
  const std::int64_t unit = is_tiny ? 4 : 32;
  if (size == 0)
    size = is_tiny ? 8 : name == "vgg16" ? 32 : 224;
  if (size < unit || size % unit != 0 || size > 1024)
    throw std::invalid_argument("image size is " + std::to_string(size) + "; allowed for " + name +
                                ": multiples of " + std::to_string(unit) + " up to 1024");
  Generator generator(weights, seed, size);
  if (is_tiny)
    tiny(generator);
  else if (name == "resnet18")
    resnet18(generator);
  else
    vgg16(generator, size);
  return generator.take();
}

} // namespace lathe::lipschitz
