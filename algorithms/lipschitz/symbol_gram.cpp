// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/symbol_gram.h"
#include "core/dense.h"
#include "lipschitz/rounding.h"
#include <algorithm>

namespace lathe::lipschitz {
namespace {

// The smaller of ±(x − y) modulo n; sign −1 when that is −(x − y).
Lattice canonical(const Lattice &x, const Lattice &y, const Lattice &n, double &sign) noexcept {
  Lattice plus{}, minus{};
  for (int i = 0; i < 3; ++i) {
    const std::int64_t d = (x[i] - y[i]) % n[i];
    plus[i] = d < 0 ? d + n[i] : d;
    minus[i] = plus[i] == 0 ? 0 : n[i] - plus[i];
  }
  sign = plus <= minus ? 1 : -1;
  return std::min(plus, minus);
}

} // namespace

SymbolGram::SymbolGram(const Symbol &s, const Lattice &extent)
    : n_(extent), cols_(s.cols), packed_(s.cols * (s.cols + 1) / 2) {
  double sign = 0;
  offset_.push_back({0, 0, 0});
  for (std::size_t a = 0; a < s.count(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      offset_.push_back(canonical(s.position[a], s.position[b], n_, sign));
  std::sort(offset_.begin(), offset_.end());
  offset_.erase(std::unique(offset_.begin(), offset_.end()), offset_.end());
  component_.resize(offset_.size());
  for (int i = 0; i < 3; ++i) {
    for (const Lattice &d : offset_)
      distinct_[i].push_back(d[i]);
    std::sort(distinct_[i].begin(), distinct_[i].end());
    distinct_[i].erase(std::unique(distinct_[i].begin(), distinct_[i].end()), distinct_[i].end());
    for (std::size_t d = 0; d < offset_.size(); ++d)
      component_[d][i] = static_cast<std::size_t>(
          std::lower_bound(distinct_[i].begin(), distinct_[i].end(), offset_[d][i]) -
          distinct_[i].begin());
  }
  coefficient_.assign(packed_ * (2 * offset_.size() - 1), 0.0);
}

std::size_t SymbolGram::find(const Lattice &x, const Lattice &y, double &sign) const {
  const Lattice d = canonical(x, y, n_, sign);
  return static_cast<std::size_t>(std::lower_bound(offset_.begin(), offset_.end(), d) -
                                  offset_.begin());
}

void SymbolGram::accumulate(const Symbol &s, int part, int parts) {
  const std::size_t c = cols_;
  panel_.resize(c * c * s.count());
  // Tap a has a + 1 products: deal them out from the largest, back and forth.
  const auto all = static_cast<std::size_t>(parts);
  for (std::size_t a = s.count(), dealt = 0; a-- > 0; ++dealt) {
    const std::size_t turn = dealt % (2 * all);
    if (std::min(turn, 2 * all - 1 - turn) != static_cast<std::size_t>(part))
      continue;
    dense::gemm('T', 'N', c, c * (a + 1), s.rows, 1.0, s.tap(a), s.rows, s.taps.data(), s.rows, 0.0,
                panel_.data(), c);
    for (std::size_t b = 0; b <= a; ++b) {
      const double *p = panel_.data() + b * c * c;
      double sign = 0;
      const std::size_t d = find(s.position[a], s.position[b], sign);
      double *cosine = coefficient_.data() + d * packed_;
      double *sine = coefficient_.data() + (offset_.size() + d - 1) * packed_;
      const double mirror = a == b ? 0 : 1;
      for (std::size_t q = 0; q < c; ++q)
        for (std::size_t r = q; r < c; ++r)
          *cosine++ += p[r + q * c] + mirror * p[q + r * c];
      if (d == 0)
        continue; // sin 0 = 0
      for (std::size_t q = 0; q < c; ++q)
        for (std::size_t r = q; r < c; ++r)
          *sine++ += sign * (p[r + q * c] - p[q + r * c]);
    }
  }
}

void SymbolGram::evaluate(const Phases &phases, const Lattice *j, std::size_t count, double *re,
                          double *im) {
  const std::size_t nc = offset_.size(), ns = nc - 1;
  cos_.resize(nc * count);
  sin_.resize(nc * count);
  std::array<std::vector<Complex>, 3> factor; // of one frequency, by axis and component
  for (std::size_t f = 0; f < count; ++f) {
    for (int i = 0; i < 3; ++i) {
      factor[i].clear();
      for (const std::int64_t x : distinct_[i])
        factor[i].push_back(phases.axis(i, j[f][i], x));
    }
    for (std::size_t d = 0; d < nc; ++d) {
      const auto &at = component_[d];
      Complex phase = factor[0][at[0]]; // e^{−iω·δ}; axes of one point have the exact factor 1
      phase = multiply(phase, factor[1][at[1]]);
      phase = multiply(phase, factor[2][at[2]]);
      cos_[f * nc + d] = phase.real();
      if (d > 0)
        sin_[f * ns + d - 1] = -phase.imag();
    }
  }
  dense::gemm('N', 'N', packed_, count, nc, 1.0, coefficient_.data(), packed_, cos_.data(), nc, 0.0,
              re, packed_);
  if (ns == 0)
    std::fill(im, im + packed_ * count, 0.0);
  else
    dense::gemm('N', 'N', packed_, count, ns, 1.0, coefficient_.data() + nc * packed_, packed_,
                sin_.data(), ns, 0.0, im, packed_);
}

// A term meets m roundings in W_aᵀW_b, at most T + 2 and `extra` in the coefficient, and one for
// each offset in the last sum; real and imaginary parts combine as in symbol_error.
double SymbolGram::error(const Symbol &s, const Phases &phases, int extra) const noexcept {
  const double k = gamma_up(static_cast<double>(s.rows + s.count() + offset_.size()) + extra + 6);
  return add_up(k, mul_up(phases.error(), up(1 + k)));
}

bool prefer_direct(const Symbol &s, std::int64_t frequencies) noexcept {
  const auto t = static_cast<double>(s.count());
  return t * t > 4 * static_cast<double>(frequencies);
}

} // namespace lathe::lipschitz
