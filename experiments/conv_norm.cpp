// SPDX-License-Identifier: BSD-2-Clause
// conv_norm: certified spectral norms of convolution layers, from a file or generated.
#include "core/random.h"
#include "driver/driver.h"
#include "driver/kernel_file.h"
#include "lipschitz/conv_norm.h"
#include <cinttypes>
#include <cmath>
#include <limits>
#include <tuple>

namespace {

using namespace lathe::driver;

struct Settings {
  std::string kernels;
  std::int64_t cout = 64, cin = 64, groups = 1, layers = 1;
  std::vector<std::int64_t> kernel{3, 3}, input, stride{1}, dilation{1}, padding{0};
  std::string padding_mode = "zeros", generator = "random", method = "cholesky";
  double tolerance = 1e-12;
  int steps = -1;
  bool norm_map = false;
  std::int64_t map_points = 32;
};

const std::vector<std::string> padding_modes{"zeros", "circular", "reflect", "replicate"};
const std::vector<std::string> methods{"cholesky", "gram", "moment", "svd"};

void declare(Options &o, Settings &s) {
  const double most = 2147483647;
  o.group("Layers from a file");
  o.file("-kernels", s.kernels,
         "every dataset of 3 to 5 dimensions (cout, cin/groups, k...) with attributes stride "
         "padding dilation groups padding_mode input_shape");
  o.group("Generated layers, when -kernels is absent");
  o.integer("-cout", s.cout, "channels", Interval::closed(1, most), "output channels");
  o.integer("-cin", s.cin, "channels", Interval::closed(1, most), "input channels");
  o.integers("-kernel", s.kernel, "taps", Interval::closed(1, most), "taps along each axis");
  o.integers("-input", s.input, "points", Interval::closed(1, most),
             "input extent along each axis; absent: the bound holds for every size");
  o.integers("-stride", s.stride, "points", Interval::closed(1, most), "one value or one an axis");
  o.integers("-dilation", s.dilation, "points", Interval::closed(1, most),
             "one value or one an axis");
  o.integers("-padding", s.padding, "points", Interval::closed(0, most),
             "one value or one an axis");
  o.integer("-groups", s.groups, "1", Interval::closed(1, most), "divides cin and cout");
  o.choice("-padding_mode", s.padding_mode, padding_modes, "what lies outside the input");
  o.choice("-generator", s.generator, {"random", "trained_like"},
           "normal weights, or a smooth low-rank part beside noise; variance 1/(cin taps)");
  o.integer("-layers", s.layers, "1", Interval::closed(1, 1000000),
            "number of generated layers, each with its own random stream");
  o.exclude("-kernels", {"-cout", "-cin", "-kernel", "-input", "-stride", "-dilation", "-padding",
                         "-groups", "-padding_mode", "-generator", "-layers"});
  o.group("Bound");
  o.choice("-method", s.method, methods, "cholesky is rigorous; the others are peers");
  o.real("-tolerance", s.tolerance, "1", Interval::above(0),
         "relative width wanted of a supremum over all sizes");
  o.integer("-steps", s.steps, "1", Interval::closed(-1, 60),
            "also the Schatten and moment bounds after 0 to this many Gram steps; -1: none");
  o.flag("-norm_map", s.norm_map, "also the norm of the symbol at every frequency");
  o.integer("-map_points", s.map_points, "1", Interval::closed(1, 4096),
            "points of the map along each axis for a layer without input extent");
}

const Column columns[] = {
    {.name = "upper", .long_name = "certified upper bound of the spectral norm"},
    {.name = "lower", .long_name = "lower bound of the spectral norm"},
    {.name = "certificate", .kind = Kind::text, .long_name = "how far upper can be trusted"},
    {.name = "method", .kind = Kind::text, .long_name = "algorithm that gave upper"},
    {.name = "seconds",
     .units = "s",
     .long_name = "wall time of the case (bracket, Gram steps, map), largest over the ranks",
     .is_volatile = true},
    {.name = "schatten",
     .long_name = "Schatten norm of order 2^(t+1) after t Gram steps, at the largest frequency",
     .dims = {"gram_step"}},
    {.name = "moment", .long_name = "moment bound from the same matrices", .dims = {"gram_step"}},
    {.name = "norm_map",
     .long_name = "spectral norm of the symbol at each frequency",
     .dims = {"frequency_0", "frequency_1", "frequency_2"},
     .own_group = true},
};

/// One value for every axis, or one for each.
std::string spread(const char *name, const std::vector<std::int64_t> &values, int ndim,
                   PetscInt *out) {
  if (values.size() != 1 && values.size() != static_cast<std::size_t>(ndim))
    return lathe::Format("%s has %d values; must be 1 or one for each of the %d axes of -kernel",
                         name, static_cast<int>(values.size()), ndim);
  for (int axis = 0; axis < ndim; ++axis)
    out[axis] =
        static_cast<PetscInt>(values[values.size() == 1 ? 0 : static_cast<std::size_t>(axis)]);
  return {};
}

/// Normal weights of variance 1/(cin taps); "trained_like" adds to 0.3 of them a smooth window over
/// the taps times a channel matrix of rank 8, as weights look after training.
std::vector<double> generate(const Settings &s, const LatheConvolution &g, std::uint64_t seed,
                             std::uint64_t stream) {
  namespace random = lathe::random;
  const std::int64_t cin = g.cin / g.groups;
  std::int64_t taps = 1;
  for (int axis = 0; axis < g.ndim; ++axis)
    taps *= g.kernel[axis];
  const double scale = 1 / std::sqrt(static_cast<double>(cin * taps));
  std::vector<double> w(static_cast<std::size_t>(g.cout * cin * taps));
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = scale * random::normal(seed, 4 * stream, i);
  if (s.generator == "random")
    return w;
  constexpr std::int64_t rank = 8;
  for (std::int64_t o = 0; o < g.cout; ++o)
    for (std::int64_t i = 0; i < cin; ++i) {
      double channel = 0;
      for (std::int64_t r = 0; r < rank; ++r)
        channel += random::normal(seed, 4 * stream + 1, static_cast<std::uint64_t>(o * rank + r)) *
                   random::normal(seed, 4 * stream + 2, static_cast<std::uint64_t>(i * rank + r));
      for (std::int64_t a = 0; a < taps; ++a) {
        double exponent = 0;
        std::int64_t rest = a;
        for (int axis = g.ndim - 1; axis >= 0; --axis) {
          const std::int64_t k = g.kernel[axis];
          const double x = (static_cast<double>(rest % k) - 0.5 * static_cast<double>(k - 1)) /
                           (static_cast<double>(k) / 3);
          exponent -= 0.5 * x * x;
          rest /= k;
        }
        double &entry = w[static_cast<std::size_t>((o * cin + i) * taps + a)];
        entry = 0.3 * entry + scale * std::exp(exponent) * channel / std::sqrt(1.0 * rank);
      }
    }
  return w;
}

PetscErrorCode generated_layers(const Driver &d, const Settings &s,
                                std::vector<KernelLayer> *layers) {
  PetscFunctionBeginUser;
  LatheConvolution g = {};
  g.ndim = static_cast<int>(s.kernel.size());
  PetscCheck(g.ndim >= 1 && g.ndim <= 3, d.comm(), PETSC_ERR_USER_INPUT,
             "-kernel has %d values; must be 1 to 3", g.ndim);
  g.cout = static_cast<PetscInt>(s.cout);
  g.cin = static_cast<PetscInt>(s.cin);
  g.groups = static_cast<PetscInt>(s.groups);
  std::string problem = spread("-kernel", s.kernel, g.ndim, g.kernel);
  for (const auto &[name, values, out] : {std::tuple{"-stride", &s.stride, g.stride},
                                          {"-dilation", &s.dilation, g.dilation},
                                          {"-padding", &s.padding, g.padding},
                                          {"-input", &s.input, g.input}})
    if (problem.empty() && !values->empty())
      problem = spread(name, *values, g.ndim, out);
  PetscCheck(problem.empty(), d.comm(), PETSC_ERR_USER_INPUT, "%s", problem.c_str());
  for (std::size_t mode = 0; mode < padding_modes.size(); ++mode)
    if (padding_modes[mode] == s.padding_mode)
      g.padding_mode = static_cast<LathePadding>(mode);
  PetscCheck(s.cin % s.groups == 0, d.comm(), PETSC_ERR_USER_INPUT,
             "-groups %" PRId64 " must divide -cin %" PRId64, s.groups, s.cin);
  for (std::int64_t i = 0; i < s.layers; ++i) {
    KernelLayer layer{.name = "layer" + std::to_string(i), .geometry = g, .weight = {}};
    layer.weight = generate(s, g, d.seed(), static_cast<std::uint64_t>(i));
    const LatheConvolution complete = layer.layer();
    PetscCall(LatheConvolutionCheck(d.comm(), &complete));
    layers->push_back(std::move(layer));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Norms of the half spectrum on the full grid of the figure: conjugate frequencies have equal
/// norm.
PetscErrorCode norm_map(const Driver &d, const LatheConvolution &layer, std::int64_t points,
                        Record *r) {
  PetscFunctionBeginUser;
  lathe::lipschitz::FrequencyNorms norms;
  PetscCall(lathe::lipschitz::ConvolutionFrequencyNorms(d.comm(), &layer, points, &norms));
  const auto &n = norms.extent;
  std::vector<double> grid(static_cast<std::size_t>(n[0] * n[1] * n[2]),
                           std::numeric_limits<double>::quiet_NaN());
  for (std::size_t k = 0; k < norms.norm.size(); ++k)
    for (const int sign : {1, -1}) {
      std::int64_t flat = 0;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t j = sign * norms.frequency[k][axis] % n[axis];
        flat = flat * n[axis] + (j < 0 ? j + n[axis] : j);
      }
      grid[static_cast<std::size_t>(flat)] = norms.norm[k];
    }
  r->array("norm_map", std::move(grid), {n[0], n[1], n[2]});
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode bracket(const Driver &d, const Settings &s, const LatheConvolution &layer,
                       Record *r) {
  PetscFunctionBeginUser;
  LatheConvolutionOptions options{.method = LATHE_CONVOLUTION_CHOLESKY,
                                  .tolerance = s.tolerance,
                                  .gram_steps = s.steps < 0 ? 6 : s.steps};
  for (std::size_t m = 0; m < methods.size(); ++m)
    if (methods[m] == s.method)
      options.method = static_cast<LatheConvolutionMethod>(m);
  LatheNormBracket b;
  PetscCall(LatheConvolutionNormBracket(d.comm(), &layer, &options, &b));
  r->real("upper", b.upper);
  r->real("lower", b.lower);
  r->text("certificate", lathe::lipschitz::name(b.certificate));
  r->text("method", b.method);
  std::vector<double> bounds[2];
  for (int t = 0; t <= s.steps; ++t) {
    options.gram_steps = t;
    for (const int moment : {0, 1}) {
      options.method = moment ? LATHE_CONVOLUTION_MOMENT : LATHE_CONVOLUTION_GRAM;
      PetscCall(LatheConvolutionNormBracket(d.comm(), &layer, &options, &b));
      bounds[moment].push_back(b.upper);
    }
  }
  if (s.steps >= 0) {
    r->array("schatten", bounds[0]);
    r->array("moment", bounds[1]);
  }
  if (s.norm_map)
    PetscCall(norm_map(d, layer, s.map_points, r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  PetscCall(d.phase("read"));
  std::vector<KernelLayer> layers;
  if (s.kernels.empty()) {
    PetscCall(generated_layers(d, s, &layers));
    PetscCall(d.input_fact("generator", s.generator));
  } else {
    PetscCall(d.input_file("kernels", s.kernels));
    PetscCall(ReadKernels(d.comm(), s.kernels, &layers));
  }
  std::vector<std::string> names;
  for (const KernelLayer &layer : layers)
    names.push_back(layer.name);
  if (s.steps >= 0) {
    std::vector<std::int64_t> steps(static_cast<std::size_t>(s.steps) + 1);
    for (std::size_t t = 0; t < steps.size(); ++t)
      steps[t] = static_cast<std::int64_t>(t);
    PetscCall(d.coordinate(
        {.name = "gram_step", .kind = Kind::integer, .long_name = "number of Gram products"},
        steps));
  }
  std::vector<Column> wanted;
  for (const Column &c : columns)
    if ((c.name != "norm_map" || s.norm_map) &&
        (c.dims != std::vector<std::string>{"gram_step"} || s.steps >= 0))
      wanted.push_back(c);
  PetscCall(d.run_cases("layer", names, wanted, [&](std::size_t i, Record &r) {
    return bracket(d, s, layers[i].layer(), &r);
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{
      "conv_norm", "Certified spectral norms of convolution layers",
      "Delattre, Barthelemy, Araujo, Allauzen: Efficient bound of Lipschitz constant for "
      "convolutional layers by Gram iteration, ICML 2023",
      "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
