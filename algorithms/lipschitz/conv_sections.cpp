// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/conv_sections.h"
#include <algorithm>
#include <set>
#include <tuple>

namespace lathe::lipschitz {
namespace {

constexpr std::int64_t none = -1;

// One axis of a section, and for each of its taps that of the layer, or none for a zero.
struct AxisSection {
  ConvolutionAxis axis;
  std::vector<std::int64_t> tap;

  [[nodiscard]] bool keeps_taps(const ConvolutionAxis &layer) const noexcept {
    for (std::size_t t = 0; t < tap.size(); ++t)
      if (tap[t] != static_cast<std::int64_t>(t))
        return false;
    return axis.kernel == layer.kernel;
  }
};

// y[m] = Σ_a K[a]·x[m + a − left], m < outputs, where x has `inputs` points and zeros around them.
struct Band {
  std::int64_t inputs, outputs, left;

  bool operator<(const Band &o) const noexcept {
    return std::tie(inputs, outputs, left) < std::tie(o.inputs, o.outputs, o.left);
  }
  // Some window of the other's inputs and outputs is this one.
  [[nodiscard]] bool part_of(const Band &o) const noexcept {
    const std::int64_t row = std::max<std::int64_t>(0, o.left - left), column = row + left - o.left;
    return row <= o.outputs - outputs && column <= o.inputs - inputs;
  }
};

// Those of the layers r = 0, …, δ − 1. Inputs, outputs and `left` are constant between the r at
// which one of them jumps, and have their new value there.
std::vector<Band> interleaved(const ConvolutionAxis &a) {
  std::set<Band> bands;
  const std::int64_t outputs = a.output(), shift = a.dilation - a.padding % a.dilation;
  for (const std::int64_t jump : {std::int64_t{0}, a.input, shift, shift + outputs}) {
    const std::int64_t r = jump % a.dilation;
    if (r >= a.input)
      continue;
    const std::int64_t left = (r + a.padding) / a.dilation, first = (r + a.padding) % a.dilation;
    if (first < outputs)
      bands.insert(
          {ceil_div(a.input - r, a.dilation), ceil_div(outputs - first, a.dilation), left});
  }
  std::vector<Band> maximal;
  for (const Band &b : bands)
    if (std::none_of(bands.begin(), bands.end(),
                     [&](const Band &o) { return (b < o || o < b) && b.part_of(o); }))
      maximal.push_back(b);
  return maximal;
}

// The smallest symmetrically padded layer that is the band, without what only meets zeros: triples
// (m, a, j) with j = m + a − left inside, each projected to an interval.
bool section_of(const Band &b, std::int64_t kernel, AxisSection *s) {
  const std::int64_t first_tap = std::max<std::int64_t>(0, b.left - b.outputs + 1);
  const std::int64_t last_tap = std::min(kernel - 1, b.left + b.inputs - 1);
  const std::int64_t first_output = std::max<std::int64_t>(0, b.left - kernel + 1);
  const std::int64_t last_output = std::min(b.outputs - 1, b.left + b.inputs - 1);
  const std::int64_t last_input = std::min(b.inputs - 1, b.outputs + kernel - 2 - b.left);
  if (first_tap > last_tap)
    return false; // then the other two are empty as well
  const std::int64_t taps = last_tap - first_tap + 1, inputs = last_input + 1;
  const std::int64_t left = b.left - first_output - first_tap;
  const std::int64_t right = last_output - first_output + taps - inputs - left;
  // Zero taps on the side that reaches less far make the padding symmetric.
  const std::int64_t padding = std::max(left, right);
  s->tap.assign(static_cast<std::size_t>(padding - left), none);
  for (std::int64_t t = first_tap; t <= last_tap; ++t)
    s->tap.push_back(t);
  s->tap.insert(s->tap.end(), static_cast<std::size_t>(padding - right), none);
  s->axis = {.kernel = static_cast<std::int64_t>(s->tap.size()),
             .stride = 1,
             .dilation = 1,
             .padding = padding,
             .input = inputs};
  return true;
}

std::vector<AxisSection> axis_sections(const ConvolutionAxis &a) {
  std::vector<AxisSection> sections;
  if (a.stride > 1) {
    sections.push_back({a, {}});
    for (std::int64_t t = 0; t < a.kernel; ++t)
      sections[0].tap.push_back(a.acts(t) ? t : none);
    return sections;
  }
  for (const Band &b : interleaved(a)) {
    AxisSection s;
    if (section_of(b, a.kernel, &s))
      sections.push_back(std::move(s));
  }
  return sections;
}

std::vector<double> gathered(const ConvolutionGeometry &layer, const double *weight,
                             const std::array<const AxisSection *, 3> &s) {
  std::vector<double> w;
  const std::int64_t taps = layer.taps(), pairs = layer.weights() / taps;
  w.reserve(static_cast<std::size_t>(pairs) * s[0]->tap.size() * s[1]->tap.size() *
            s[2]->tap.size());
  for (std::int64_t pair = 0; pair < pairs; ++pair)
    for (const std::int64_t a : s[0]->tap)
      for (const std::int64_t b : s[1]->tap)
        for (const std::int64_t c : s[2]->tap)
          w.push_back(a == none || b == none || c == none
                          ? 0.0
                          : weight[pair * taps +
                                   (a * layer.axis[1].kernel + b) * layer.axis[2].kernel + c]);
  return w;
}

} // namespace

std::vector<LayerSection> layer_sections(const ConvolutionGeometry &g, const double *weight) {
  if (g.mode != LATHE_PADDING_ZEROS || g.every_extent || g.empty())
    return {{g, {}}};
  std::array<std::vector<AxisSection>, 3> axes;
  for (int i = 0; i < 3; ++i)
    axes[i] = axis_sections(g.axis[i]);
  std::vector<LayerSection> sections;
  for (const AxisSection &a : axes[0])
    for (const AxisSection &b : axes[1])
      for (const AxisSection &c : axes[2]) {
        LayerSection s{g, {}};
        s.geometry.axis = {a.axis, b.axis, c.axis};
        if (!a.keeps_taps(g.axis[0]) || !b.keeps_taps(g.axis[1]) || !c.keeps_taps(g.axis[2]))
          s.weight = gathered(g, weight, {&a, &b, &c});
        sections.push_back(std::move(s));
      }
  return sections;
}

} // namespace lathe::lipschitz
