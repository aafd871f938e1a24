// SPDX-License-Identifier: BSD-2-Clause
// Spectral rescaling (Delattre, Barthélemy, Allauzen, arXiv 2402.00240): row factors between the
// almost orthogonal layers of Prach and Lampert and division by the norm.
//
// P = AAᵀ on the whole lattice is a convolution with kernel P_δ = Σ_{x_a − x_b = δ} W_a W_bᵀ. By
// diagonal dominance P^q ≼ diag(d), d_o = Σ_{o',δ}|(P^q)_δ[o, o']|, and since x ↦ x^{1/q} is
// operator monotone, P ≼ diag(d^{1/q}). With q = 2^{t−1} and r_o = d_o^{1/(2q)} the layer with row
// o divided by r_o has norm at most 1; cutting the lattice to any extent with zero padding only
// takes rows and columns away.
#include "core/citation.h"
#include "core/dense.h"
#include "core/error.h"
#include "lipschitz/conv_norm.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <map>

namespace lathe::lipschitz {
namespace {

using Kernel = std::map<Lattice, std::vector<double>>; // n×n matrix for each offset

std::vector<double> &entry(Kernel &k, const Lattice &x, const Lattice &y, int sign,
                           std::size_t size) {
  const Lattice at{x[0] + sign * y[0], x[1] + sign * y[1], x[2] + sign * y[2]};
  return k.try_emplace(at, size, 0.0).first->second;
}

Kernel outer_product(const Symbol &s) {
  // Outputs are rows, or columns when the symbol is transposed.
  const std::size_t n = s.transposed ? s.cols : s.rows, inner = s.transposed ? s.rows : s.cols;
  Kernel k;
  for (std::size_t a = 0; a < s.count(); ++a)
    for (std::size_t b = 0; b < s.count(); ++b)
      dense::gemm(s.transposed ? 'T' : 'N', s.transposed ? 'N' : 'T', n, n, inner, 1.0, s.tap(a),
                  s.rows, s.tap(b), s.rows, 1.0,
                  entry(k, s.position[a], s.position[b], -1, n * n).data(), n);
  return k;
}

Kernel square(const Kernel &k, std::size_t n) {
  Kernel out;
  for (const auto &[x, a] : k)
    for (const auto &[y, b] : k)
      dense::gemm('N', 'N', n, n, n, 1.0, a.data(), n, b.data(), n, 1.0,
                  entry(out, x, y, 1, n * n).data(), n);
  return out;
}

// Divide by a power of two; its exponent.
int normalise(Kernel &k) {
  int exponent = 0;
  double largest = 0;
  for (const auto &[x, a] : k)
    for (const double v : a)
      largest = std::max(largest, std::fabs(v));
  (void)std::frexp(largest, &exponent);
  for (auto &[x, a] : k)
    for (double &v : a)
      v = std::ldexp(v, -exponent);
  return exponent;
}

void rescale_group(const ConvolutionGeometry &g, const double *weight, std::int64_t group,
                   int steps, double *factors) {
  const int exponent = weight_exponent(weight, g.weights());
  const Symbol s = make_symbol(g, weight, group, exponent);
  const auto n = static_cast<std::size_t>(g.group_out());
  Kernel k = outer_product(s);
  std::vector<int> shifts{normalise(k)};
  for (int t = 1; t < steps; ++t) {
    k = square(k, n);
    shifts.push_back(normalise(k));
  }
  for (std::size_t o = 0; o < n; ++o) {
    double sum = 0;
    for (const auto &[x, a] : k)
      for (std::size_t p = 0; p < n; ++p)
        sum += std::fabs(a[o + p * n]);
    // Rounding of the products is relative to sums of absolute values; 10⁻¹² covers it for kernels
    // whose products cancel by less than three digits.
    double value = sum * (1 + 1e-12);
    for (std::size_t t = shifts.size(); t-- > 0;)
      value = sqrt_up(std::ldexp(value, shifts[t]));
    factors[static_cast<std::size_t>(group) * n + o] = value > 0 ? scale_up(value, exponent) : 1.0;
  }
}

} // namespace
} // namespace lathe::lipschitz

extern "C" PetscErrorCode LatheConvolutionRescaling(const LatheConvolution *layer, int gram_steps,
                                                    double *factors) {
  using namespace lathe::lipschitz;
  PetscFunctionBegin;
  PetscCall(LatheConvolutionCheck(PETSC_COMM_SELF, layer));
  // Each product doubles the kernel's extent along every axis; four reach 16 times.
  PetscCheck(gram_steps >= 1 && gram_steps <= 4, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE,
             "rescaling with gram_steps %d; allowed: 1 to 4", gram_steps);
  PetscCall(lathe::Cite("DelattreBarthelemyAllauzen2024"));
  const ConvolutionGeometry g = convolution_geometry(*layer);
  std::fill(factors, factors + g.cout, 1.0);
  LatheGuard(PETSC_COMM_SELF, for (std::int64_t group = 0; group < g.groups && !g.empty(); ++group)
                                  rescale_group(g, layer->weight, group, gram_steps, factors));
  PetscFunctionReturn(PETSC_SUCCESS);
}
