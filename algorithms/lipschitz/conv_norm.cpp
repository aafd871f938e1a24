// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/conv_norm.h"
#include "core/citation.h"
#include "core/error.h"
#include "lipschitz/conv_gram.h"
#include "lipschitz/conv_lower.h"
#include "lipschitz/conv_operator.h"
#include "lipschitz/conv_sections.h"
#include "lipschitz/conv_upper.h"
#include "lipschitz/dense_norm.h"
#include "lipschitz/frequency.h"
#include "lipschitz/frequency_max.h"
#include "lipschitz/gram_iteration.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lathe::lipschitz {

double scale_up(double value, int exponent) noexcept {
  const double scaled = std::ldexp(value, exponent);
  return std::ldexp(scaled, -exponent) >= value ? scaled : up(scaled);
}

double scale_down(double value, int exponent) noexcept {
  const double scaled = std::ldexp(value, exponent);
  if (std::isinf(scaled))
    return std::numeric_limits<double>::max();
  return std::ldexp(scaled, -exponent) <= value ? scaled : std::fmax(0.0, down(scaled));
}

ConvolutionTorus convolution_torus(const ConvolutionGeometry &g) noexcept {
  ConvolutionTorus torus;
  double multiplicity = 1;
  double cosine = 1;
  for (int i = 0; i < g.ndim; ++i) {
    const AxisEmbedding a = axis_embedding(g.axis[i], g.mode, g.every_extent);
    const std::int64_t reach = g.axis[i].span() / g.axis[i].stride;
    torus.extent[i] =
        g.every_extent ? std::max<std::int64_t>(1, 8 * reach) : a.extent / g.axis[i].stride;
    multiplicity *= static_cast<double>(a.multiplicity);
    if (g.every_extent && reach > 0)
      cosine *= std::cos(std::numbers::pi / 16) * (1 - 0x1p-50);
  }
  torus.factor = multiplicity == 1 && cosine == 1 ? 1 : up(div_up(sqrt_up(multiplicity), cosine));
  return torus;
}

namespace {

/// Relative width above which a zero-padded layer is worth a second bound: on few points even
/// normal weights leave 2 to 4 %, and little of that is to be gained. It works in double precision
/// and takes 2 to 14 times as long as the first (3×3 taps: 256 channels on 14² points 0.63 s after
/// 0.28, 64 on 56² 0.27 after 0.02), for one channel the eigenvalues of 32³ points 0.09 after
/// 0.005.
double worth_restricting(const ConvolutionGeometry &g) noexcept {
  std::int64_t fewest = INT64_MAX;
  for (int i = 0; i < g.ndim; ++i)
    if (g.axis[i].kernel > 1)
      fewest = std::min(fewest, g.axis[i].input);
  return fewest >= 32 ? 0.01 : 0.05;
}

/// Whether the explicit operator of each group has `limit` rows or columns at most, `entries` in
/// all, and the Gram matrices of all groups cost `work` multiplications at most.
struct DenseBudget {
  double limit, entries, work;

  [[nodiscard]] bool holds(const ConvolutionGeometry &g) const noexcept {
    const double rows = static_cast<double>(g.group_out()) * static_cast<double>(g.output_points());
    const double cols = static_cast<double>(g.group_in()) * static_cast<double>(g.input_points());
    const double small = std::min(rows, cols);
    return small <= limit && rows * cols <= entries &&
           static_cast<double>(g.groups) * small * rows * cols < work;
  }
};
constexpr DenseBudget little{dense_limit, 0x1p20, 2e9};
constexpr DenseBudget seconds{8 * dense_limit, 0x1p25, 1e11};

PetscErrorCode DenseBracket(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight,
                            int exponent, double tolerance, double *lower, double *upper) {
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  std::array<double, 2> both{0, 0};
  for (std::int64_t group = rank; group < g.groups; group += size) {
    const ConvolutionOperator<double> op(g, weight, group, exponent);
    double folding = 0;
    const std::vector<double> a = op.dense(&folding);
    const NormBracket b = dense_norm<double>({a.data(), op.rows(), op.cols(), op.rows()},
                                             {.tolerance = tolerance, .seed = 0});
    both[0] = std::max(both[0], sub_down(b.lower, folding));
    both[1] = std::max(both[1], add_up(b.upper, folding));
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, both.data(), 2, MPI_DOUBLE, MPI_MAX, comm));
  *lower = both[0];
  *upper = both[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CholeskyBracket(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight,
                               int exponent, double wide_from, LatheNormBracket *out) {
  PetscFunctionBegin;
  const ConvolutionTorus torus = convolution_torus(g);
  FrequencyMaximum maximum;
  PetscCall(FrequencyMaximumFind(comm, g, weight, exponent, torus.extent, &maximum));
  double lower = maximum.lower;
  double upper = torus.factor == 1 ? maximum.upper : mul_up(maximum.upper, torus.factor);
  out->method = "symbol_cholesky";
  if (!is_circulant(g)) {
    out->method = "embedding_cholesky";
    lower = 0;
    const bool small = little.holds(g);
    const auto wide = [&] {
      return g.mode == LATHE_PADDING_ZEROS && upper > (1 + wide_from) * lower;
    };
    const auto improve = [&](double other, const char *method) {
      if (other < upper) {
        upper = other;
        out->method = method;
      }
    };
    double other = 0;
    if (small) {
      PetscCall(DenseBracket(comm, g, weight, exponent, 1e-14, &lower, &other));
      improve(other, "dense_cholesky");
    } else {
      PetscCall(OperatorLower(comm, g, weight, exponent, maximum, torus.extent, upper, &lower,
                              &out->products));
    }
    if (wide()) {
      PetscCall(OperatorUpper(comm, g, weight, exponent, lower, &other));
      improve(other, "restricted_cholesky");
    }
    // Many channels on a handful of points, as dilations leave them.
    if (!small && wide() && seconds.holds(g)) {
      double dense_lower = 0;
      PetscCall(DenseBracket(comm, g, weight, exponent, 1e-10, &dense_lower, &other));
      lower = std::max(lower, dense_lower);
      improve(other, "dense_cholesky");
    }
  }
  out->lower = scale_down(lower, exponent);
  out->upper = scale_up(upper, exponent);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode EveryExtent(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight,
                           int exponent, double tolerance, LatheNormBracket *out) {
  PetscFunctionBegin;
  double lower = 0, upper = 0;
  bool met = true;
  PetscCall(SymbolSupremum(comm, g, weight, exponent, tolerance, &lower, &upper, &met));
  out->lower = scale_down(lower, exponent);
  double multiplicity = 1;
  for (int i = 0; i < g.ndim; ++i)
    multiplicity *= static_cast<double>(axis_embedding(g.axis[i], g.mode, true).multiplicity);
  if (multiplicity > 1)
    upper = mul_up(upper, sqrt_up(multiplicity));
  out->upper = scale_up(upper, exponent);
  out->method = "supremum_cells";
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Gram iteration, its moment improvement or LAPACK at every frequency; true in exact arithmetic.
PetscErrorCode SweepBracket(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight,
                            int exponent, const LatheConvolutionOptions &o, LatheNormBracket *out) {
  PetscFunctionBegin;
  const ConvolutionTorus torus = convolution_torus(g);
  const bool svd = o.method == LATHE_CONVOLUTION_SVD;
  const bool moment = o.method == LATHE_CONVOLUTION_MOMENT;
  const SymbolFunction value = [&](const Symbol &s, const Complex *d) {
    const dense::View<const Complex> matrix{d, s.rows, s.cols, s.rows};
    if (svd)
      return lapack_norm(s, d);
    return moment ? gram_moment_bound(matrix, o.gram_steps) : gram_bound(matrix, o.gram_steps);
  };
  SpectrumPeak peak;
  PetscCall(SweepSpectrum(comm, g, weight, exponent, torus.extent, value, &peak, nullptr));
  // The lower bound is rigorous: the symbol at the peak, or the operator itself.
  const Symbol symbol = make_symbol(g, weight, peak.group, exponent);
  FrequencyNorm norm(symbol, absolute_norm(symbol));
  norm.set(Phases(torus.extent), peak.frequency);
  (void)norm.largest(false, 0);
  FrequencyMaximum maximum;
  maximum.lower = norm.lower();
  maximum.group = peak.group;
  maximum.frequency = peak.frequency;
  maximum.vector = norm.vector();
  const double upper = peak.value * torus.factor;
  double lower = maximum.lower;
  if (!g.every_extent && !is_circulant(g))
    PetscCall(OperatorLower(comm, g, weight, exponent, maximum, torus.extent, upper, &lower,
                            &out->products));
  out->upper = scale_up(std::max(upper, lower), exponent);
  out->lower = scale_down(lower, exponent);
  out->certificate = LATHE_CERTIFICATE_DETERMINISTIC;
  out->method = svd ? "svd" : (moment ? "gram_moment" : "gram");
  out->gram_steps = svd ? 0 : o.gram_steps;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Of a direct sum: `all` takes in one more part.
void join(const LatheNormBracket &part, LatheNormBracket *all) noexcept {
  const double lower = std::max(part.lower, all->lower);
  const long long products = part.products + all->products;
  if (!(part.upper < all->upper))
    *all = part;
  all->lower = lower;
  all->products = products;
}

} // namespace
} // namespace lathe::lipschitz

extern "C" PetscErrorCode LatheConvolutionNormBracket(MPI_Comm comm, const LatheConvolution *layer,
                                                      const LatheConvolutionOptions *options,
                                                      LatheNormBracket *bracket) {
  using namespace lathe::lipschitz;
  const LatheConvolutionOptions o =
      options ? *options : LatheConvolutionOptions{LATHE_CONVOLUTION_CHOLESKY, 1e-6, 5};
  PetscFunctionBegin;
  PetscCall(LatheConvolutionCheck(comm, layer));
  LatheCheckAll(comm, o.tolerance > 0 && o.tolerance < 1, PETSC_ERR_ARG_OUTOFRANGE,
                "tolerance %g; allowed: between 0 and 1", o.tolerance);
  LatheCheckAll(comm, o.gram_steps >= 0 && o.gram_steps <= 60, PETSC_ERR_ARG_OUTOFRANGE,
                "gram_steps %d; allowed: 0 to 60", o.gram_steps);
  LatheCheckAll(comm, o.method >= LATHE_CONVOLUTION_CHOLESKY && o.method <= LATHE_CONVOLUTION_SVD,
                PETSC_ERR_ARG_OUTOFRANGE,
                "convolution method %d is unknown; allowed: cholesky, gram, moment, svd",
                static_cast<int>(o.method));
  PetscCall(lathe::Cite("SedghiGuptaLong2019 DelattreBarthelemyAraujoAllauzen2023"));
  if (o.method == LATHE_CONVOLUTION_CHOLESKY)
    PetscCall(lathe::Cite("Rump2006 Rump2011 OzakiOgitaOishiRump2012 WolkowiczStyan1980"));
  const ConvolutionGeometry g = convolution_geometry(*layer);
  *bracket = {0, 0, LATHE_CERTIFICATE_RIGOROUS, 0, "zero", 0, 0};
  LatheGuard(comm, {
    for (const LayerSection &section : layer_sections(g, layer->weight)) {
      const ConvolutionGeometry &part = section.geometry;
      const double *weight = section.weight.empty() ? layer->weight : section.weight.data();
      if (std::all_of(weight, weight + part.weights(), [](double w) { return w == 0; }))
        continue;
      const int exponent = weight_exponent(weight, part.weights());
      LatheNormBracket b = {0, 0, LATHE_CERTIFICATE_RIGOROUS, 0, "zero", 0, 0};
      if (o.method != LATHE_CONVOLUTION_CHOLESKY)
        PetscCall(SweepBracket(comm, part, weight, exponent, o, &b));
      else if (part.every_extent)
        PetscCall(EveryExtent(comm, part, weight, exponent, o.tolerance, &b));
      else
        PetscCall(CholeskyBracket(comm, part, weight, exponent, worth_restricting(g), &b));
      join(b, bracket);
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}
