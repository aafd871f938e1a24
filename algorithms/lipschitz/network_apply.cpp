// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/network_apply.h"
#include "core/error.h"
#include "core/interruption.h"
#include "core/random.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::lipschitz {
namespace {

void add(std::vector<double> &y, const std::vector<double> &x) {
  std::transform(y.begin(), y.end(), x.begin(), y.begin(), std::plus<>());
}

double norm(const std::vector<double> &x) {
  return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
}

void softmax(std::vector<double> &x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double &v : x)
    sum += v = std::exp(v - top);
  for (double &v : x)
    v /= sum;
}

} // namespace

NetworkEvaluator::NetworkEvaluator(const Network &network)
    : network_(network), shapes_(layer_shapes(network)), tree_(network_tree(network)),
      maps_(network.layers.size()), pools_(network.layers.size()), slopes_(network.layers.size()),
      argmax_(network.layers.size()) {
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer &layer = network.layers[i];
    if (LayerMap::exists(layer.type))
      maps_[i] = std::make_unique<LayerMap>(layer, shapes_[i], shapes_[i + 1]);
    if (layer.type == LayerType::maxpool)
      pools_[i] = window_map(layer, shapes_[i], shapes_[i + 1]);
  }
}

void NetworkEvaluator::max_pool(std::size_t i, std::vector<double> &x) {
  const WindowMap &w = pools_[i];
  std::vector<double> y(to_size(shapes_[i + 1].size()));
  argmax_[i].resize(y.size());
  for (std::int64_t c = 0; c < shapes_[i].channels; ++c)
    for (std::int64_t p = 0; p < w.outputs; ++p) {
      std::int64_t best = -1;
      for (std::int64_t a = 0; a < w.taps; ++a) {
        const std::int32_t s = w.source[to_size(p * w.taps + a)];
        if (s >= 0 && (best < 0 || x[to_size(c * w.inputs + s)] > x[to_size(best)]))
          best = c * w.inputs + s;
      }
      argmax_[i][to_size(c * w.outputs + p)] = best;
      y[to_size(c * w.outputs + p)] = x[to_size(best)];
    }
  x = std::move(y);
}

void NetworkEvaluator::layer_value(std::size_t i, std::vector<double> &x) {
  const Layer &layer = network_.layers[i];
  if (maps_[i]) {
    std::vector<double> y(to_size(shapes_[i + 1].size()));
    maps_[i]->apply(x.data(), y.data());
    maps_[i]->shift(y.data());
    x = std::move(y);
  } else if (layer.type == LayerType::maxpool) {
    max_pool(i, x);
  } else if (layer.function == Activation::softmax) {
    softmax(x);
    slopes_[i] = x; // its Jacobian is diag(p) − ppᵀ
  } else {
    slopes_[i].resize(x.size());
    for (std::size_t j = 0; j < x.size(); ++j) {
      const auto point = activation::evaluate(layer.function, layer.parameter, x[j]);
      x[j] = point.value;
      slopes_[i][j] = point.slope;
    }
  }
}

void NetworkEvaluator::layer_tangent(std::size_t i, std::vector<double> &v) const {
  const Layer &layer = network_.layers[i];
  if (maps_[i]) {
    std::vector<double> y(to_size(shapes_[i + 1].size()));
    maps_[i]->apply(v.data(), y.data());
    v = std::move(y);
  } else if (layer.type == LayerType::maxpool) {
    std::vector<double> y(argmax_[i].size());
    for (std::size_t j = 0; j < y.size(); ++j)
      y[j] = v[to_size(argmax_[i][j])];
    v = std::move(y);
  } else {
    const std::vector<double> &d = slopes_[i];
    const bool soft = layer.function == Activation::softmax;
    const double mean = soft ? std::inner_product(v.begin(), v.end(), d.begin(), 0.0) : 0.0;
    for (std::size_t j = 0; j < v.size(); ++j)
      v[j] = d[j] * (v[j] - mean);
  }
}

void NetworkEvaluator::layer_cotangent(std::size_t i, std::vector<double> &u) const {
  const Layer &layer = network_.layers[i];
  if (maps_[i]) {
    std::vector<double> x(to_size(shapes_[i].size()));
    maps_[i]->adjoint(u.data(), x.data());
    u = std::move(x);
  } else if (layer.type == LayerType::maxpool) {
    std::vector<double> x(to_size(shapes_[i].size()));
    for (std::size_t j = 0; j < u.size(); ++j)
      x[to_size(argmax_[i][j])] += u[j];
    u = std::move(x);
  } else {
    layer_tangent(i, u); // symmetric Jacobian
  }
}

void NetworkEvaluator::value(const Sequence &sequence, std::vector<double> &x) {
  for (const Node &node : sequence) {
    if (!node.residual) {
      layer_value(node.layer, x);
      continue;
    }
    std::vector<double> shortcut = x;
    value(node.branch, x);
    value(node.shortcut, shortcut);
    add(x, shortcut);
  }
}

void NetworkEvaluator::tangent(const Sequence &sequence, std::vector<double> &v) const {
  for (const Node &node : sequence) {
    if (!node.residual) {
      layer_tangent(node.layer, v);
      continue;
    }
    std::vector<double> shortcut = v;
    tangent(node.branch, v);
    tangent(node.shortcut, shortcut);
    add(v, shortcut);
  }
}

void NetworkEvaluator::cotangent(const Sequence &sequence, std::vector<double> &u) const {
  for (auto node = sequence.rbegin(); node != sequence.rend(); ++node) {
    if (!node->residual) {
      layer_cotangent(node->layer, u);
      continue;
    }
    std::vector<double> shortcut = u;
    cotangent(node->branch, u);
    cotangent(node->shortcut, shortcut);
    add(u, shortcut);
  }
}

std::vector<double> NetworkEvaluator::forward(const double *x) {
  std::vector<double> y(x, x + input_size());
  value(tree_, y);
  return y;
}

std::vector<double> NetworkEvaluator::jvp(const std::vector<double> &v) const {
  std::vector<double> y = v;
  tangent(tree_, y);
  return y;
}

std::vector<double> NetworkEvaluator::vjp(const std::vector<double> &u) const {
  std::vector<double> x = u;
  cotangent(tree_, x);
  return x;
}

namespace {

// Random inputs and start vectors: one Philox stream for each sample and purpose.
enum class Stream : std::uint64_t { input = 1ULL << 62, start = 2ULL << 62 };

std::vector<double> normal_vector(std::uint64_t seed, Stream stream, std::uint64_t sample,
                                  std::int64_t n) {
  std::vector<double> x(to_size(n));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = random::normal(seed, static_cast<std::uint64_t>(stream) + sample, i);
  return x;
}

// ‖Jv‖/‖v‖ after `steps` power steps with JᵀJ; never decreases from step to step.
double jacobian_norm(const NetworkEvaluator &net, std::vector<double> v, int steps) {
  double best = 0;
  for (int step = 0; step < steps && !stop_asked(); ++step) {
    const double length = norm(v);
    if (!(length > 0) || !std::isfinite(length))
      break;
    for (double &x : v)
      x /= length;
    const std::vector<double> u = net.jvp(v);
    best = std::max(best, norm(u) / norm(v));
    if (step + 1 < steps)
      v = net.vjp(u);
  }
  return best;
}

} // namespace
} // namespace lathe::lipschitz

PetscErrorCode LatheNetworkLowerBound(MPI_Comm comm, const lathe::lipschitz::Network &network,
                                      const lathe::lipschitz::NetworkOptions &options,
                                      double *lower) {
  using namespace lathe::lipschitz;
  PetscFunctionBeginUser;
  *lower = 0;
  double mine = 0;
  int rank = 0, size = 1;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  LatheGuard(comm, {
    NetworkEvaluator net(network);
    const std::int64_t n = net.input_size();
    const auto given = static_cast<std::int64_t>(options.inputs.size());
    if (given % n != 0)
      throw std::invalid_argument("sample inputs have " + std::to_string(given) +
                                  " values, not a multiple of the network's input size " +
                                  std::to_string(n));
    const std::int64_t count = given > 0 ? given / n : options.samples;
    for (std::int64_t s = rank; s < count && options.jacobian_steps > 0 && !lathe::stop_asked();
         s += size) {
      const auto sample = static_cast<std::uint64_t>(s);
      std::vector<double> x = given > 0 ? std::vector<double>(options.inputs.begin() + s * n,
                                                              options.inputs.begin() + (s + 1) * n)
                                        : normal_vector(options.seed, Stream::input, sample, n);
      net.forward(x.data());
      const double norm = jacobian_norm(net, normal_vector(options.seed, Stream::start, sample, n),
                                        options.jacobian_steps);
      if (std::isfinite(norm)) // else a product has overflowed on the way, and it bounds nothing
        mine = std::max(mine, norm);
    }
  });
  PetscCall(lathe::StopTogether(comm));
  PetscCallMPI(MPI_Allreduce(&mine, lower, 1, MPI_DOUBLE, MPI_MAX, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}
