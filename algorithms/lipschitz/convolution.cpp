// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/convolution.h"
#include "core/error.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace lathe::lipschitz {

std::int64_t ConvolutionAxis::source(std::int64_t position, LathePadding mode) const noexcept {
  if (position >= 0 && position < input)
    return position;
  switch (mode) {
  case LATHE_PADDING_CIRCULAR:
    return ((position % input) + input) % input;
  case LATHE_PADDING_REFLECT: // once at most: padding < input
    return position < 0 ? -position : 2 * (input - 1) - position;
  case LATHE_PADDING_REPLICATE:
    return position < 0 ? 0 : input - 1;
  default:
    return -1;
  }
}

bool ConvolutionAxis::acts(std::int64_t tap) const noexcept {
  const std::int64_t shift = padding - tap * dilation;
  const std::int64_t first = shift > 0 ? ceil_div(shift, stride) : 0; // output that reads inside
  return first < output() && first * stride - shift < input;
}

namespace {

// Most times that one input point occurs in the extended input.
std::int64_t repetitions(const ConvolutionAxis &a, LathePadding mode, bool every) noexcept {
  if (a.padding == 0 || mode == LATHE_PADDING_ZEROS)
    return 1;
  switch (mode) {
  case LATHE_PADDING_CIRCULAR: // most at n = padding, the smallest extent allowed
    return every ? 3 : ceil_div(a.input + 2 * a.padding, a.input);
  case LATHE_PADDING_REFLECT: // the images of both edges meet when 2·padding ≥ input − 1
    return every || (a.input > 2 && 2 * a.padding >= a.input - 1) ? 3 : 2;
  default:
    return every || a.input == 1 ? 2 * a.padding + 1 : a.padding + 1;
  }
}

} // namespace

AxisEmbedding axis_embedding(const ConvolutionAxis &a, LathePadding mode, bool every) noexcept {
  if (every) {
    // Circular with stride 1 repeats outputs only when there are more than n of them.
    const bool repeats = mode != LATHE_PADDING_CIRCULAR || a.stride > 1 || 2 * a.padding > a.span();
    return {0, repeats ? repetitions(a, mode, true) : 1};
  }
  if (mode == LATHE_PADDING_CIRCULAR && a.input % a.stride == 0)
    return {a.input, ceil_div(a.output() * a.stride, a.input)};
  const std::int64_t n = mode == LATHE_PADDING_ZEROS ? a.input + std::min(a.padding, a.span())
                                                     : a.input + 2 * a.padding;
  return {ceil_div(n, a.stride) * a.stride, repetitions(a, mode, false)};
}

namespace {

const char *axis_name(int i) {
  static const char *const names[] = {"first", "second", "third"};
  return names[i];
}

std::string refuse_sizes(const LatheConvolution &l) {
  if (l.ndim < 1 || l.ndim > 3)
    return Format("convolution has %d spatial dimensions; allowed: 1 to 3", l.ndim);
  if (l.cout < 0 || l.cin < 0)
    return Format("convolution has cout = %" PetscInt_FMT ", cin = %" PetscInt_FMT
                  "; channels must be >= 0",
                  l.cout, l.cin);
  if (l.groups < 1)
    return Format("convolution has groups = %" PetscInt_FMT "; allowed: >= 1 (attribute groups)",
                  l.groups);
  if (l.cin % l.groups != 0 || l.cout % l.groups != 0)
    return Format("groups = %" PetscInt_FMT " must divide cin = %" PetscInt_FMT
                  " and cout = %" PetscInt_FMT " (attribute groups)",
                  l.groups, l.cin, l.cout);
  if (l.padding_mode < LATHE_PADDING_ZEROS || l.padding_mode > LATHE_PADDING_REPLICATE)
    return Format("padding mode %d is unknown; allowed: zeros, circular, reflect, replicate",
                  static_cast<int>(l.padding_mode));
  return {};
}

std::string refuse_axis(const LatheConvolution &l, int i, bool every) {
  const auto value = [&](const char *what, const PetscInt *v, PetscInt least) -> std::string {
    constexpr PetscInt most = 1 << 30; // keeps every product of two below 2⁶³
    if (v[i] >= least && v[i] <= most)
      return {};
    return Format("%s = %" PetscInt_FMT " on the %s axis; allowed: %" PetscInt_FMT " to 2^30", what,
                  v[i], axis_name(i), least);
  };
  for (const std::string &text : {value("kernel", l.kernel, 1), value("stride", l.stride, 1),
                                  value("dilation", l.dilation, 1), value("padding", l.padding, 0),
                                  every ? std::string() : value("input", l.input, 1)})
    if (!text.empty())
      return text;
  if (every)
    return {};
  const std::int64_t n = l.input[i], p = l.padding[i];
  const std::int64_t span = (static_cast<std::int64_t>(l.kernel[i]) - 1) * l.dilation[i];
  if (n + 2 * p < span + 1)
    return Format("empty output on the %s axis: input %lld + 2*padding %lld is smaller than the "
                  "kernel's extent %lld; give a larger input or padding",
                  axis_name(i), static_cast<long long>(n), static_cast<long long>(p),
                  static_cast<long long>(span + 1));
  if (l.padding_mode == LATHE_PADDING_REFLECT && p >= n)
    return Format("reflect padding %lld on the %s axis; allowed: less than the input extent %lld",
                  static_cast<long long>(p), axis_name(i), static_cast<long long>(n));
  if (l.padding_mode == LATHE_PADDING_CIRCULAR && p > n)
    return Format("circular padding %lld on the %s axis; allowed: at most the input extent %lld",
                  static_cast<long long>(p), axis_name(i), static_cast<long long>(n));
  return {};
}

std::string refuse_weights(const LatheConvolution &l) {
  double count = static_cast<double>(l.cout) * static_cast<double>(l.cin);
  for (int i = 0; i < l.ndim; ++i)
    count *= static_cast<double>(l.kernel[i]);
  if (count > 0x1p60)
    return Format("convolution has about %.3g weights; allowed: below 2^60", count);
  if (count > 0 && !l.weight)
    return "convolution has no weights (null pointer)";
  const std::int64_t n = convolution_geometry(l).weights();
  for (std::int64_t e = 0; e < n; ++e)
    if (!std::isfinite(l.weight[e]))
      return Format("weight %lld (row-major, of %lld) is %g; weights must be finite",
                    static_cast<long long>(e), static_cast<long long>(n), l.weight[e]);
  return {};
}

} // namespace

std::string convolution_refusal(const LatheConvolution &layer) {
  std::string text = refuse_sizes(layer);
  if (!text.empty())
    return text;
  bool every = true;
  for (int i = 0; i < layer.ndim; ++i)
    every = every && layer.input[i] == 0;
  for (int i = 0; i < layer.ndim && text.empty(); ++i)
    text = refuse_axis(layer, i, every);
  return text.empty() ? refuse_weights(layer) : text;
}

ConvolutionGeometry convolution_geometry(const LatheConvolution &layer) noexcept {
  ConvolutionGeometry g;
  g.ndim = layer.ndim;
  g.cout = layer.cout;
  g.cin = layer.cin;
  g.groups = layer.groups;
  g.mode = layer.padding_mode;
  g.every_extent = true;
  for (int i = 0; i < g.ndim; ++i) {
    g.axis[i] = {layer.kernel[i], layer.stride[i], layer.dilation[i], layer.padding[i],
                 layer.input[i]};
    g.every_extent = g.every_extent && layer.input[i] == 0;
  }
  return g;
}

bool is_circulant(const ConvolutionGeometry &g) noexcept {
  if (g.mode != LATHE_PADDING_CIRCULAR)
    return false;
  bool exact = true;
  for (int i = 0; i < g.ndim; ++i)
    exact = exact && g.axis[i].input % g.axis[i].stride == 0 &&
            g.axis[i].output() * g.axis[i].stride == g.axis[i].input;
  return exact;
}

} // namespace lathe::lipschitz

extern "C" PetscErrorCode LatheConvolutionCheck(MPI_Comm comm, const LatheConvolution *layer) {
  PetscFunctionBegin;
  std::string text;
  LatheGuard(comm, text = layer ? lathe::lipschitz::convolution_refusal(*layer)
                                : std::string("no layer (null pointer)"));
  LatheCheckAll(comm, text.empty(), PETSC_ERR_ARG_OUTOFRANGE, "%s", text.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}
