// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/conv_gram.h"
#include "core/citation.h"
#include "core/dense.h"
#include "core/error.h"
#include "core/interruption.h"
#include "lipschitz/conv_norm.h"
#include "lipschitz/gram_iteration.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {

double lapack_norm(const Symbol &symbol, const Complex *d) {
  std::vector<Complex> copy(d, d + symbol.rows * symbol.cols);
  std::vector<double> s(std::max<std::size_t>(symbol.cols, 1), 0.0);
  if (dense::singular_values(symbol.rows, symbol.cols, copy.data(), symbol.rows, s.data()) != 0)
    throw std::runtime_error("LAPACK's singular values did not converge");
  return s[0];
}

PetscErrorCode SweepSpectrum(MPI_Comm comm, const ConvolutionGeometry &geometry,
                             const double *weight, int exponent, const Lattice &extent,
                             const SymbolFunction &f, SpectrumPeak *peak,
                             std::vector<double> *all) {
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const HalfSpectrum spectrum(extent);
  const Phases phases(extent);
  if (all)
    all->assign(static_cast<std::size_t>(spectrum.size()), 0.0);
  double best = -1;
  std::int64_t where = INT64_MAX;
  for (std::int64_t g = 0; g < geometry.groups; ++g) {
    const Symbol symbol = make_symbol(geometry, weight, g, exponent);
    std::vector<double> work(2 * symbol.rows * symbol.cols);
    std::vector<Complex> d(symbol.rows * symbol.cols);
    for (std::int64_t k = rank; k < spectrum.size() && !stop_asked(); k += size) {
      evaluate_symbol(symbol, phases, spectrum[k], work.data(), d.data());
      const double value = f(symbol, d.data());
      if (value > best) {
        best = value;
        where = g * spectrum.size() + k;
      }
      if (all)
        (*all)[static_cast<std::size_t>(k)] = std::max((*all)[static_cast<std::size_t>(k)], value);
    }
  }
  PetscCall(StopTogether(comm));
  double largest = best;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, comm));
  if (best < largest)
    where = INT64_MAX;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &where, 1, MPI_INT64_T, MPI_MIN, comm));
  constexpr std::size_t chunk = std::size_t{1} << 27;
  for (std::size_t at = 0; all && at < all->size(); at += chunk)
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, all->data() + at,
                               static_cast<int>(std::min(chunk, all->size() - at)), MPI_DOUBLE,
                               MPI_MAX, comm));
  *peak = {largest, where / spectrum.size(), spectrum[where % spectrum.size()]};
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ConvolutionFrequencyNorms(MPI_Comm comm, const LatheConvolution *layer,
                                         std::int64_t points, FrequencyNorms *result) {
  PetscFunctionBegin;
  PetscCall(LatheConvolutionCheck(comm, layer));
  LatheCheckAll(comm, points >= 1, PETSC_ERR_ARG_OUTOFRANGE, "%lld points; allowed: >= 1",
                static_cast<long long>(points));
  *result = FrequencyNorms();
  const ConvolutionGeometry g = convolution_geometry(*layer);
  if (g.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  LatheGuard(comm, {
    const int exponent = weight_exponent(layer->weight, g.weights());
    for (int i = 0; i < g.ndim; ++i)
      result->extent[i] = g.every_extent
                              ? (g.axis[i].kernel > 1 ? points : 1)
                              : axis_embedding(g.axis[i], g.mode, false).extent / g.axis[i].stride;
    SpectrumPeak peak;
    PetscCall(SweepSpectrum(comm, g, layer->weight, exponent, result->extent, lapack_norm, &peak,
                            &result->norm));
    const HalfSpectrum spectrum(result->extent);
    for (std::int64_t k = 0; k < spectrum.size(); ++k)
      result->frequency.push_back(spectrum[k]);
    for (double &norm : result->norm)
      norm = std::ldexp(norm, exponent);
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz

extern "C" PetscErrorCode LatheConvolutionNormGradient(MPI_Comm comm, const LatheConvolution *layer,
                                                       int gram_steps, double *bound,
                                                       double *gradient) {
  using namespace lathe::lipschitz;
  PetscFunctionBegin;
  PetscCall(LatheConvolutionCheck(comm, layer));
  LatheCheckAll(comm, gram_steps >= 0 && gram_steps <= 60, PETSC_ERR_ARG_OUTOFRANGE,
                "gram_steps %d; allowed: 0 to 60", gram_steps);
  const ConvolutionGeometry g = convolution_geometry(*layer);
  PetscCall(lathe::Cite("DelattreBarthelemyAraujoAllauzen2023"));
  *bound = 0;
  std::fill(gradient, gradient + g.weights(), 0.0);
  if (g.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  LatheGuard(comm, {
    const int exponent = weight_exponent(layer->weight, g.weights());
    const ConvolutionTorus torus = convolution_torus(g);
    SpectrumPeak peak;
    const SymbolFunction value = [&](const Symbol &s, const Complex *d) {
      return gram_bound<Complex>({d, s.rows, s.cols, s.rows}, gram_steps);
    };
    PetscCall(SweepSpectrum(comm, g, layer->weight, exponent, torus.extent, value, &peak, nullptr));
    const Symbol s = make_symbol(g, layer->weight, peak.group, exponent);
    const Phases phases(torus.extent);
    std::vector<double> work(2 * s.rows * s.cols);
    std::vector<Complex> d(s.rows * s.cols), j(s.rows * s.cols);
    evaluate_symbol(s, phases, peak.frequency, work.data(), d.data());
    (void)gram_gradient<Complex>({d.data(), s.rows, s.cols, s.rows}, gram_steps, j.data(), s.rows);
    *bound = std::ldexp(peak.value * torus.factor, exponent);
    const std::int64_t gout = g.group_out(), gin = g.group_in(), taps = g.taps();
    double *out = gradient + peak.group * gout * gin * taps;
    for (std::int64_t a = 0; a < taps; ++a) {
      const auto tap = static_cast<std::size_t>(a);
      const Complex phase = phases(peak.frequency, s.position[s.tap_position[tap]]);
      for (std::int64_t o = 0; o < gout; ++o)
        for (std::int64_t i = 0; i < gin; ++i) {
          const auto input =
              static_cast<std::size_t>(i) + s.tap_residue[tap] * static_cast<std::size_t>(gin);
          const auto output = static_cast<std::size_t>(o);
          const Complex z = s.transposed ? j[input + output * s.rows] : j[output + input * s.rows];
          // dB = Re tr(Jᴴ dD), dD = e^{−iω·x}dW
          out[(o * gin + i) * taps + a] =
              torus.factor * (z.real() * phase.real() + z.imag() * phase.imag());
        }
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}
