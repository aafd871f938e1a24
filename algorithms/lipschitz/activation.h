// SPDX-License-Identifier: BSD-2-Clause
// Activations: value, derivative, and the Lipschitz constant sup|φ′| (softmax: of the whole map).
//
// Constants are the exact suprema rounded upward to the next double. Where φ′ has an interior
// maximum its place is a root of φ″:
//   GELU (erf)   φ′(x) = Φ(x) + x·φ(x), φ″ = (2 − x²)·φ(x) = 0 at √2: 1.1289041451851547863…
//   GELU (tanh)  ½x(1 + tanh(√(2/π)(x + 0.044715x³))), at 1.4185040087908283555…
//   SiLU         x·s(x), s the logistic function, at 2.3993572805154676678…
//   Mish         x·tanh(log(1 + eˣ)), at 1.4905711794854284595…
// The interval [0, beta] that holds every slope is what the chain bound of lipsdp.h needs.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>

namespace lathe::lipschitz {

enum class Activation {
  identity,
  relu,
  leaky_relu,
  elu,
  celu,
  selu,
  tanh,
  softplus,
  softsign,
  sigmoid,
  gelu,
  gelu_tanh,
  silu,
  mish,
  hardtanh,
  relu6,
  hardsigmoid,
  hardswish,
  abs,
  softmax
};

inline constexpr std::array<std::string_view, 20> activation_names = {
    "identity", "relu",     "leaky_relu",  "elu",       "celu",      "selu",   "tanh",
    "softplus", "softsign", "sigmoid",     "gelu",      "gelu_tanh", "silu",   "mish",
    "hardtanh", "relu6",    "hardsigmoid", "hardswish", "abs",       "softmax"};

inline std::optional<Activation> activation_from_name(std::string_view text) noexcept {
  const auto *at = std::find(activation_names.begin(), activation_names.end(), text);
  if (at == activation_names.end())
    return std::nullopt;
  return static_cast<Activation>(at - activation_names.begin());
}

namespace activation {

inline constexpr double gelu_constant = 0x1.20ffdcafe39a8p+0;
inline constexpr double gelu_tanh_constant = 0x1.2105b0934cd3ep+0;
inline constexpr double silu_constant = 0x1.198f11d6cef09p+0;
inline constexpr double mish_constant = 0x1.16a7d0c455120p+0;
inline constexpr double selu_alpha = 1.6732632423543772848;
inline constexpr double selu_scale = 1.0507009873554804934;
inline constexpr double selu_constant = 0x1.c212cc640f032p+0;
/// Slope 1/6 of hardsigmoid, rounded upward.
inline constexpr double sixth_up = 0x1.5555555555556p-3;

inline double logistic(double x) noexcept {
  const double e = std::exp(-std::abs(x)); // never overflows
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}
inline double log1p_exp(double x) noexcept {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

struct Point {
  double value, slope;
};

inline Point gelu(double x) noexcept {
  const double cdf = 0.5 * std::erfc(-x / std::numbers::sqrt2);
  const double density = std::exp(-0.5 * x * x) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return {x * cdf, cdf + x * density};
}
inline Point gelu_tanh(double x) noexcept {
  const double c = std::numbers::sqrt2 * std::numbers::inv_sqrtpi, a = 0.044715;
  const double t = std::tanh(c * (x + a * x * x * x));
  return {0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * a * x * x)};
}
inline Point mish(double x) noexcept {
  const double t = std::tanh(log1p_exp(x));
  return {x * t, t + x * (1 - t * t) * logistic(x)};
}

/// φ(x) and φ′(x); at a kink the slope of the left side, so that a zero passes nothing through a
/// ReLU. `parameter`: slope of leaky_relu, α of elu and celu; ignored by the others. Not softmax.
inline Point evaluate(Activation f, double parameter, double x) noexcept {
  switch (f) {
  case Activation::relu:
    return x > 0 ? Point{x, 1} : Point{0, 0};
  case Activation::leaky_relu:
    return x > 0 ? Point{x, 1} : Point{parameter * x, parameter};
  case Activation::elu:
    return x > 0 ? Point{x, 1} : Point{parameter * std::expm1(x), parameter * std::exp(x)};
  case Activation::celu:
    return x > 0 ? Point{x, 1}
                 : Point{parameter * std::expm1(x / parameter), std::exp(x / parameter)};
  case Activation::selu:
    return x > 0 ? Point{selu_scale * x, selu_scale}
                 : Point{selu_scale * selu_alpha * std::expm1(x),
                         selu_scale * selu_alpha * std::exp(x)};
  case Activation::tanh: {
    const double t = std::tanh(x);
    return {t, 1 - t * t};
  }
  case Activation::softplus:
    return {log1p_exp(x), logistic(x)};
  case Activation::softsign: {
    const double d = 1 + std::abs(x);
    return {x / d, 1 / (d * d)};
  }
  case Activation::sigmoid: {
    const double s = logistic(x);
    return {s, s * (1 - s)};
  }
  case Activation::gelu:
    return gelu(x);
  case Activation::gelu_tanh:
    return gelu_tanh(x);
  case Activation::silu: {
    const double s = logistic(x);
    return {x * s, s * (1 + x * (1 - s))};
  }
  case Activation::mish:
    return mish(x);
  case Activation::hardtanh:
    return {std::clamp(x, -1.0, 1.0), std::abs(x) < 1 ? 1.0 : 0.0};
  case Activation::relu6:
    return {std::clamp(x, 0.0, 6.0), x > 0 && x < 6 ? 1.0 : 0.0};
  case Activation::hardsigmoid:
    return {std::clamp(x / 6 + 0.5, 0.0, 1.0), std::abs(x) < 3 ? 1.0 / 6 : 0.0};
  case Activation::hardswish: {
    if (std::abs(x) >= 3)
      return x > 0 ? Point{x, 1} : Point{0, 0};
    return {x * (x + 3) / 6, (2 * x + 3) / 6};
  }
  case Activation::abs:
    return {std::abs(x), x > 0 ? 1.0 : -1.0};
  default:
    return {x, 1};
  }
}

/// sup|φ′|, rounded upward. Softmax: ½, since ‖diag(p) − ppᵀ‖₂ ≤ max_i 2p_i(1 − p_i) (Gershgorin).
inline double lipschitz_constant(Activation f, double parameter) noexcept {
  switch (f) {
  case Activation::leaky_relu:
  case Activation::elu:
    return std::max(1.0, std::abs(parameter));
  case Activation::selu:
    return selu_constant;
  case Activation::sigmoid:
    return 0.25;
  case Activation::gelu:
    return gelu_constant;
  case Activation::gelu_tanh:
    return gelu_tanh_constant;
  case Activation::silu:
    return silu_constant;
  case Activation::mish:
    return mish_constant;
  case Activation::hardsigmoid:
    return sixth_up;
  case Activation::hardswish:
    return 1.5;
  case Activation::softmax:
    return 0.5;
  default:
    return 1.0;
  }
}

/// Whether every slope lies in [0, lipschitz_constant].
inline bool is_monotone(Activation f, double parameter) noexcept {
  switch (f) {
  case Activation::leaky_relu:
  case Activation::elu:
    return parameter >= 0;
  case Activation::gelu:
  case Activation::gelu_tanh:
  case Activation::silu:
  case Activation::mish:
  case Activation::hardswish:
  case Activation::abs:
  case Activation::softmax:
    return false;
  default:
    return true;
  }
}

} // namespace activation
} // namespace lathe::lipschitz
