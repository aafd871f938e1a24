// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/symbol.h"
#include "core/dense.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>

namespace lathe::lipschitz {

int weight_exponent(const double *weight, std::int64_t count) noexcept {
  double largest = 0;
  for (std::int64_t e = 0; e < count; ++e)
    largest = std::max(largest, std::fabs(weight[e]));
  int exponent = 0;
  (void)std::frexp(largest, &exponent);
  return exponent;
}

namespace {

std::int64_t unravel(std::int64_t k, int axes, const Lattice &n, Lattice &j) noexcept {
  for (int i = axes - 1; i >= 0; --i) {
    j[i] = k % n[i];
    k /= n[i];
  }
  return k;
}

// Number the values that occur, in increasing order.
template <class Key> std::map<Key, std::size_t> number(const std::vector<Key> &keys) {
  std::map<Key, std::size_t> index;
  for (const Key &key : keys)
    index.emplace(key, 0);
  std::size_t next = 0;
  for (auto &entry : index)
    entry.second = next++;
  return index;
}

} // namespace

Symbol make_symbol(const ConvolutionGeometry &g, const double *weight, std::int64_t group,
                   int exponent) {
  const auto taps = static_cast<std::size_t>(g.taps());
  const auto gout = static_cast<std::size_t>(g.group_out());
  const auto gin = static_cast<std::size_t>(g.group_in());
  const Lattice kernel{g.axis[0].kernel, g.axis[1].kernel, g.axis[2].kernel};
  std::vector<Lattice> where(taps), residue(taps);
  for (std::size_t a = 0; a < taps; ++a) {
    Lattice t{};
    (void)unravel(static_cast<std::int64_t>(a), 3, kernel, t);
    for (int i = 0; i < 3; ++i) {
      where[a][i] = t[i] * g.axis[i].dilation / g.axis[i].stride;
      residue[a][i] = t[i] * g.axis[i].dilation % g.axis[i].stride;
    }
  }
  const auto positions = number(where);
  const auto residues = number(residue);

  Symbol s;
  const std::size_t inputs = gin * residues.size();
  s.transposed = inputs > gout;
  s.rows = std::max(inputs, gout);
  s.cols = std::min(inputs, gout);
  s.taps.assign(positions.size() * s.rows * s.cols, 0.0);
  for (const auto &entry : positions) {
    s.position.push_back(entry.first);
    for (int i = 0; i < 3; ++i)
      s.reach[i] = std::max(s.reach[i], entry.first[i]);
  }
  const double *w = weight + static_cast<std::size_t>(group) * gout * gin * taps;
  for (std::size_t a = 0; a < taps; ++a) {
    double *matrix = s.taps.data() + positions.at(where[a]) * s.rows * s.cols;
    s.tap_position.push_back(positions.at(where[a]));
    s.tap_residue.push_back(residues.at(residue[a]));
    const std::size_t first = s.tap_residue.back() * gin;
    for (std::size_t o = 0; o < gout; ++o)
      for (std::size_t i = 0; i < gin; ++i) {
        const std::size_t row = s.transposed ? first + i : o;
        const std::size_t col = s.transposed ? o : first + i;
        matrix[row + col * s.rows] = std::ldexp(w[(o * gin + i) * taps + a], -exponent);
      }
  }
  return s;
}

// With a 64-bit significand the argument φ ≤ π/4 and its cosine and sine are off by less than
// 2⁻⁶¹, and rounding to double adds at most 2⁻⁵⁴ to each part. Where long double is double, each
// part is off by at most 4u (relative argument error 3u, one unit in the last place of libm).
constexpr bool extended = std::numeric_limits<long double>::digits >= 64;
const double unit_root_error = (extended ? 0.73 : 5.7) * unit_roundoff;

Complex unit_root(std::int64_t t, std::int64_t n) noexcept {
  const std::int64_t octant = 8 * t / n;
  const std::int64_t within = octant % 2 == 0 ? 8 * t - octant * n : (octant + 1) * n - 8 * t;
  const long double phi = std::numbers::pi_v<long double> / 4 * static_cast<long double>(within) /
                          static_cast<long double>(n);
  const auto c = static_cast<double>(std::cos(phi));
  const auto s = static_cast<double>(std::sin(phi));
  switch (octant) {
  case 0:
    return {c, s};
  case 1:
    return {s, c};
  case 2:
    return {-s, c};
  case 3:
    return {-c, s};
  case 4:
    return {-c, -s};
  case 5:
    return {-s, -c};
  case 6:
    return {s, -c};
  default:
    return {c, -s};
  }
}

std::int64_t HalfSpectrum::count(int axes) const noexcept {
  std::int64_t half = 1;
  std::int64_t all = 1;
  for (int i = 0; i < axes; ++i) {
    half = (n_[i] - 1) / 2 * all + (n_[i] % 2 == 0 ? 2 : 1) * half;
    all *= n_[i];
  }
  return half;
}

Lattice HalfSpectrum::operator[](std::int64_t k) const noexcept {
  Lattice j{0, 0, 0};
  std::int64_t all = n_[0] * n_[1] * n_[2];
  for (int i = 2; i >= 0; --i) {
    all /= n_[i];
    const std::int64_t interior = (n_[i] - 1) / 2 * all;
    if (k < interior) { // 0 < j_i < N_i/2: the axes before are free
      j[i] = 1 + k / all;
      (void)unravel(k % all, i, n_, j);
      return j;
    }
    k -= interior;
    const std::int64_t half = count(i);
    j[i] = k / half == 0 ? 0 : n_[i] / 2; // self-conjugate: half a spectrum of the axes before
    k %= half;
  }
  return j;
}

Phases::Phases(const Lattice &extent) : n_(extent) {
  constexpr std::int64_t longest_table = 1 << 16;
  int axes = 0;
  for (int i = 0; i < 3; ++i) {
    axes += n_[i] > 1 ? 1 : 0;
    if (n_[i] > longest_table)
      continue;
    table_[i].resize(static_cast<std::size_t>(n_[i]));
    for (std::int64_t t = 0; t < n_[i]; ++t)
      table_[i][static_cast<std::size_t>(t)] = std::conj(unit_root(t, n_[i]));
  }
  // A product of two computed phases is off by both errors and √5·u (Brent, Percival, Zimmermann,
  // Math. Comp. 76 (2007)); 1 % covers the terms of second order.
  error_ = 1.01 * (axes * unit_root_error + std::max(0, axes - 1) * 2.24 * unit_roundoff);
}

Complex Phases::axis(int i, std::int64_t j, std::int64_t x) const noexcept {
  __extension__ using Wide = __int128;
  constexpr std::int64_t half = INT64_C(1) << 31;
  const bool narrow = j < half && x < half && x > -half; // the division of 128 bits is slow
  const auto t =
      narrow ? j * x % n_[i] : static_cast<std::int64_t>(static_cast<Wide>(j) * x % n_[i]);
  const std::int64_t r = t < 0 ? t + n_[i] : t;
  return table_[i].empty() ? std::conj(unit_root(r, n_[i]))
                           : table_[i][static_cast<std::size_t>(r)];
}

Complex Phases::operator()(const Lattice &j, const Lattice &x) const noexcept {
  Complex phase{1, 0};
  for (int i = 0; i < 3; ++i)
    if (n_[i] > 1) // exact for the first factor: 1·z
      phase = multiply(phase, axis(i, j[i], x[i]));
  return phase;
}

double nonnegative_norm(const double *a, std::size_t rows, std::size_t cols) {
  std::vector<double> v(cols, 1.0), u(rows), w(cols);
  double bound = 0;
  for (int step = 0; step < 3; ++step) {
    dense::gemv('N', rows, cols, 1.0, a, std::max<std::size_t>(rows, 1), v.data(), 0.0, u.data());
    dense::gemv('T', rows, cols, 1.0, a, std::max<std::size_t>(rows, 1), u.data(), 0.0, w.data());
    double ratio = 0;
    double largest = 0;
    for (std::size_t j = 0; j < cols; ++j) {
      ratio = std::max(ratio, w[j] / v[j]);
      largest = std::max(largest, w[j]);
    }
    bound = step == 0 ? ratio : std::min(bound, ratio);
    for (std::size_t j = 0; j < cols; ++j)
      v[j] = std::max(w[j] / std::max(largest, 1e-300), 1e-14);
  }
  // Sums of nonnegative terms: relative error γ_{rows+cols}, the quotient one more; products that
  // underflow lose less than 2⁻⁵⁰⁰ in all for entries of order 1.
  const double relative = gamma_up(static_cast<double>(rows + cols) + 4);
  return sqrt_up(add_up(mul_up(bound, up(1 + 2 * relative)), 0x1p-500));
}

double absolute_norm(const Symbol &s) {
  const std::size_t size = s.rows * s.cols;
  std::vector<double> p(size, 0.0);
  for (std::size_t a = 0; a < s.count(); ++a)
    for (std::size_t e = 0; e < size; ++e)
      p[e] += std::fabs(s.tap(a)[e]);
  return mul_up(nonnegative_norm(p.data(), s.rows, s.cols),
                up(1 + gamma_up(static_cast<double>(s.count()))));
}

void evaluate_symbol(const Symbol &s, const Phases &phases, const Lattice &j, double *work,
                     Complex *d) {
  const std::size_t size = s.rows * s.cols;
  std::vector<double> weight(2 * s.count());
  Lattice at{0, 0, 0};
  std::array<Complex, 3> factor{1, 1, 1}; // of each axis: mostly the last one changes
  for (std::size_t a = 0; a < s.count(); ++a) {
    for (int i = 0; i < 3; ++i)
      if (s.position[a][i] != at[i])
        factor[i] = phases.axis(i, j[i], s.position[a][i]);
    at = s.position[a];
    const Complex phase = multiply(multiply(factor[0], factor[1]), factor[2]);
    weight[a] = phase.real();
    weight[s.count() + a] = phase.imag();
  }
  dense::gemm('N', 'N', size, 2, s.count(), 1.0, s.taps.data(), size, weight.data(), s.count(), 0.0,
              work, size);
  for (std::size_t e = 0; e < size; ++e)
    d[e] = {work[e], work[size + e]};
}

// Real and imaginary part are sums of count() products; their errors γ·Σ|W||cos| and γ·Σ|W||sin|
// combine to at most γ·Σ|W| in modulus. 2⁻¹⁰⁰⁰-sized underflow is covered by the callers.
double symbol_error(const Symbol &s, const Phases &phases) noexcept {
  const double k = gamma_up(static_cast<double>(s.count()) + 1);
  return add_up(k, mul_up(phases.error(), up(1 + k)));
}

} // namespace lathe::lipschitz
