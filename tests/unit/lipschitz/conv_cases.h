// SPDX-License-Identifier: BSD-2-Clause
// Convolution layers for tests: random geometries, the worked example, and the operator written
// down straight from its definition.
#pragma once
#include "core/dense.h"
#include "core/random.h"
#include "lipschitz/lipschitz.h"
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace lathe::test {

struct Layer {
  LatheConvolution geometry{};
  std::vector<double> weight;
  LatheConvolution view() const {
    LatheConvolution g = geometry;
    g.weight = weight.data();
    return g;
  }
};

/// The generator of the worked examples: x ← 1664525·x + 1013904223 mod 2³², value (x ≫ 12)/2¹⁹
/// − 1.
inline std::vector<double> lcg(std::size_t count, std::uint32_t seed) {
  std::vector<double> v;
  for (std::uint32_t x = seed; v.size() < count;) {
    x = 1664525U * x + 1013904223U;
    v.push_back(static_cast<double>(x >> 12) / 524288.0 - 1.0);
  }
  return v;
}

/// Square 2-D layer with one stride, padding, … for both axes.
inline Layer layer_2d(PetscInt cout, PetscInt cin, PetscInt k, PetscInt n, PetscInt padding,
                      LathePadding mode, std::vector<double> weight) {
  Layer l;
  l.geometry = {2,    cout,      cin,    1, {k, k, 1}, {1, 1, 1}, {1, 1, 1}, {padding, padding, 0},
                mode, {n, n, 1}, nullptr};
  l.weight = std::move(weight);
  return l;
}

inline Layer normal_layer(PetscInt cout, PetscInt cin, PetscInt k, PetscInt n, PetscInt padding,
                          LathePadding mode, std::uint64_t seed) {
  std::vector<double> w(static_cast<std::size_t>(cout * cin * k * k));
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = random::normal(seed, 0, i);
  return layer_2d(cout, cin, k, n, padding, mode, std::move(w));
}

/// Random layer number `index`: 1 to 3 dimensions, every padding mode, stride, dilation, groups,
/// even and unequal kernels, kernels larger than the input; legal.
inline Layer random_layer(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t draw = 0;
  const auto pick = [&](std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(
                    random::below(static_cast<std::uint64_t>(hi - lo + 1), seed, index, draw++));
  };
  Layer l;
  LatheConvolution &g = l.geometry;
  g.ndim = static_cast<int>(pick(1, 3));
  g.groups = static_cast<PetscInt>(pick(1, 4) == 1 ? pick(1, 3) : 1);
  g.cout = g.groups * static_cast<PetscInt>(pick(1, 3));
  g.cin = g.groups * static_cast<PetscInt>(pick(1, 3));
  g.padding_mode = static_cast<LathePadding>(pick(0, 3));
  const std::int64_t largest = g.ndim == 1 ? 14 : (g.ndim == 2 ? 6 : 3);
  std::int64_t taps = 1;
  for (int i = 0; i < g.ndim; ++i) {
    std::int64_t k = 1, s = 1, d = 1, p = 0, n = 1;
    do {
      k = pick(1, g.ndim == 1 ? 6 : 4);
      s = pick(1, 3) == 1 ? pick(1, 3) : 1;
      d = pick(1, 4) == 1 ? pick(1, 3) : 1;
      n = pick(1, largest);
      p = pick(0, (k - 1) * d);
    } while (n + 2 * p < (k - 1) * d + 1 || (g.padding_mode == LATHE_PADDING_REFLECT && p >= n) ||
             (g.padding_mode == LATHE_PADDING_CIRCULAR && p > n));
    g.kernel[i] = static_cast<PetscInt>(k);
    g.stride[i] = static_cast<PetscInt>(s);
    g.dilation[i] = static_cast<PetscInt>(d);
    g.padding[i] = static_cast<PetscInt>(p);
    g.input[i] = static_cast<PetscInt>(n);
    taps *= k;
  }
  const std::int64_t kind = pick(0, 5); // smooth, sparse, of wide scale, or plain
  for (std::int64_t e = 0; e < g.cout * (g.cin / g.groups) * taps; ++e) {
    double w = random::normal(seed + 1, index, static_cast<std::uint64_t>(e));
    if (kind == 0)
      w = 1 + 0.1 * w;
    if (kind == 1 && w < 0.5)
      w = 0;
    if (kind == 2)
      w *= 1e12;
    l.weight.push_back(w);
  }
  return l;
}

/// Padded axis as a list of source points, −1 for a zero: literally what the mode's name says.
inline std::vector<int> padded_axis(int n, int p, LathePadding mode) {
  std::vector<int> axis;
  for (int i = 0; i < n; ++i)
    axis.push_back(i);
  const std::vector<int> inside = axis;
  for (int t = 1; t <= p; ++t) {
    int left = -1, right = -1;
    if (mode == LATHE_PADDING_CIRCULAR) {
      left = inside[static_cast<std::size_t>(n - 1 - (t - 1) % n)];
      right = inside[static_cast<std::size_t>((t - 1) % n)];
    } else if (mode == LATHE_PADDING_REFLECT) {
      left = inside[static_cast<std::size_t>(t)];
      right = inside[static_cast<std::size_t>(n - 1 - t)];
    } else if (mode == LATHE_PADDING_REPLICATE) {
      left = 0;
      right = n - 1;
    }
    axis.insert(axis.begin(), left);
    axis.push_back(right);
  }
  return axis;
}

inline std::string describe(const Layer &l) {
  const LatheConvolution &g = l.geometry;
  std::string text = "ndim " + std::to_string(g.ndim) + " cout " + std::to_string(g.cout) +
                     " cin " + std::to_string(g.cin) + " groups " + std::to_string(g.groups) +
                     " mode " + std::to_string(g.padding_mode);
  for (int i = 0; i < g.ndim; ++i)
    text += " [k " + std::to_string(g.kernel[i]) + " s " + std::to_string(g.stride[i]) + " d " +
            std::to_string(g.dilation[i]) + " p " + std::to_string(g.padding[i]) + " n " +
            std::to_string(g.input[i]) + "]";
  return text;
}

template <class Entry = double> struct DenseOperator {
  std::size_t rows = 0, cols = 0;
  std::vector<Entry> a; // column-major
};

/// The operator of the layer, entry by entry from its definition; in doubles, entries where taps
/// coincide are rounded sums.
template <class Entry = double> DenseOperator<Entry> explicit_operator(const Layer &l) {
  const LatheConvolution &g = l.geometry;
  int n[3] = {1, 1, 1}, out[3] = {1, 1, 1}, k[3] = {1, 1, 1}, s[3] = {1, 1, 1}, d[3] = {1, 1, 1};
  std::vector<int> axis[3] = {{0}, {0}, {0}};
  for (int i = 0; i < g.ndim; ++i) {
    n[i] = static_cast<int>(g.input[i]);
    k[i] = static_cast<int>(g.kernel[i]);
    s[i] = static_cast<int>(g.stride[i]);
    d[i] = static_cast<int>(g.dilation[i]);
    axis[i] = padded_axis(n[i], static_cast<int>(g.padding[i]), g.padding_mode);
    out[i] = (static_cast<int>(axis[i].size()) - (k[i] - 1) * d[i] - 1) / s[i] + 1;
  }
  const int points = out[0] * out[1] * out[2], inputs = n[0] * n[1] * n[2];
  const int gin = static_cast<int>(g.cin / g.groups), gout = static_cast<int>(g.cout / g.groups);
  DenseOperator<Entry> m;
  m.rows = static_cast<std::size_t>(g.cout * points);
  m.cols = static_cast<std::size_t>(g.cin * inputs);
  m.a.assign(m.rows * m.cols, Entry(0));
  for (int o = 0; o < g.cout; ++o)
    for (int i = 0; i < gin; ++i)
      for (int t = 0; t < k[0] * k[1] * k[2]; ++t)
        for (int p = 0; p < points; ++p) {
          const int tap[3] = {t / (k[1] * k[2]), t / k[2] % k[1], t % k[2]};
          const int at[3] = {p / (out[1] * out[2]), p / out[2] % out[1], p % out[2]};
          int x = 0;
          bool zero = false;
          for (int l3 = 0; l3 < 3; ++l3) {
            const int source = axis[l3][static_cast<std::size_t>(at[l3] * s[l3] + tap[l3] * d[l3])];
            zero = zero || source < 0;
            x = x * n[l3] + source;
          }
          if (!zero)
            m.a[static_cast<std::size_t>(o * points + p) +
                static_cast<std::size_t>((o / gout * gin + i) * inputs + x) * m.rows] +=
                l.weight[static_cast<std::size_t>((o * gin + i) * k[0] * k[1] * k[2] + t)];
        }
  return m;
}

/// ‖A‖₂ by LAPACK; relative error a few units of rounding times the order.
inline double svd_norm(DenseOperator<> m) {
  std::vector<double> s(std::max<std::size_t>(1, std::min(m.rows, m.cols)), 0.0);
  (void)dense::singular_values(m.rows, m.cols, m.a.data(), m.rows, s.data());
  return s[0];
}

} // namespace lathe::test
