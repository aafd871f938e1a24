// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/conv_upper.h"
#include "core/error.h"
#include "core/interruption.h"
#include "lipschitz/frequency.h"
#include "lipschitz/gram_batch.h"
#include "lipschitz/hermitian_upper.h"
#include "lipschitz/rounding.h"
#include "lipschitz/symbol_gram.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

namespace lathe::lipschitz {
namespace {

constexpr double most_frequencies = 0x1p24; // 128 MB of them
constexpr double most_work = 2e10;          // lines·m³ of an axis: some ten seconds
constexpr double eigenvalue_tolerance = 1e-5;

// The layer on the infinite lattice, restricted to boxes: points kept along each axis and a torus
// on which they do not meet around.
struct Restriction {
  Lattice points{1, 1, 1}, torus{1, 1, 1};

  [[nodiscard]] double frequencies() const noexcept {
    return static_cast<double>(torus[0]) * static_cast<double>(torus[1]) *
           static_cast<double>(torus[2]);
  }
  /// Whether the spectrum of fewer points than its torus has can lie below the largest frequency.
  [[nodiscard]] bool gains() const noexcept {
    return points[0] < torus[0] || points[1] < torus[1] || points[2] < torus[2];
  }
};

// Positions s·v + r − pad of the lattice that hold an input for some residue r.
std::int64_t lattice_inputs(const ConvolutionAxis &a) noexcept {
  return (a.input - 1 + a.padding) / a.stride - a.padding / a.stride + 1;
}

Restriction restriction(const ConvolutionGeometry &g) noexcept {
  Restriction r;
  Lattice inputs{1, 1, 1}, outputs{1, 1, 1};
  double from_inputs = 0, from_outputs = 0; // relative loss of a smooth peak is about Σ 1/m²
  for (int i = 0; i < g.ndim; ++i) {
    inputs[i] = lattice_inputs(g.axis[i]);
    outputs[i] = g.axis[i].output();
    from_inputs += std::pow(static_cast<double>(inputs[i]), -2);
    from_outputs += std::pow(static_cast<double>(outputs[i]), -2);
  }
  r.points = from_inputs > from_outputs ? inputs : outputs;
  for (int i = 0; i < g.ndim; ++i) {
    const std::int64_t reach = g.axis[i].span() / g.axis[i].stride;
    if (reach == 0) // the symbol is constant along that axis
      r.points[i] = 1;
    r.torus[i] = r.points[i] + reach;
  }
  double lines = r.frequencies() / 2;
  for (int i = 0; i < g.ndim; ++i) {
    lines /= static_cast<double>(r.torus[i]);
    if (std::max(1.0, lines) * std::pow(static_cast<double>(r.points[i]), 3) > most_work)
      r.points[i] = r.torus[i]; // no restriction: λ_max of the circulant is its largest φ
  }
  return r;
}

// One number for each frequency of a torus, all ranks alike.
struct Spectrum {
  Lattice extent{1, 1, 1};
  std::vector<double> value;

  explicit Spectrum(const Lattice &n)
      : extent(n), value(static_cast<std::size_t>(n[0] * n[1] * n[2]), 0.0) {}
  double &operator[](const Lattice &j) noexcept {
    return value[static_cast<std::size_t>((j[0] * extent[1] + j[1]) * extent[2] + j[2])];
  }
  [[nodiscard]] double largest() const { return *std::max_element(value.begin(), value.end()); }
  /// Each rank has set some of the half spectrum: complete it.
  PetscErrorCode Complete(MPI_Comm comm) {
    PetscFunctionBegin;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, value.data(), static_cast<int>(value.size()),
                               MPI_DOUBLE, MPI_MAX, comm)); // at most 2²⁴
    const HalfSpectrum half(extent);
    for (std::int64_t k = 0; k < half.size(); ++k) {
      const Lattice j = half[k];
      Lattice opposite{};
      for (int i = 0; i < 3; ++i)
        opposite[i] = (extent[i] - j[i]) % extent[i];
      (*this)[opposite] = (*this)[j];
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }
};

// Bounds of ‖D(ω)‖₂² of one group.
class GroupBounds {
public:
  GroupBounds(const ConvolutionGeometry &g, const Restriction &r, const Phases &phases,
              const double *weight, std::int64_t group, int exponent)
      : symbol_(make_symbol(g, weight, group, exponent)), half_(r.torus), phases_(phases),
        absolute_(absolute_norm(symbol_)), norm_(symbol_, absolute_) {
    if (prefer_direct(symbol_, half_.size()))
      return;
    gram_.emplace(symbol_, r.torus);
    gram_->accumulate(symbol_, 0, 1); // a sum over ranks would have other bits on other numbers
    distance_ =
        add_up(mul_up(gram_->error(symbol_, phases_, 1), mul_up(absolute_, absolute_)), 0x1p-800);
    re_.resize(gram_->packed());
    im_.resize(gram_->packed());
  }

  [[nodiscard]] const HalfSpectrum &half() const noexcept { return half_; }

  /// Whether single precision shows that every frequency of this rank stays below `target`.
  bool below(double target, int rank, int size) {
    if (!gram_ || !(target > 0))
      return false;
    GramBatch batch(*gram_, distance_, absolute_);
    const std::int64_t count = lanes;
    for (std::int64_t k = count * rank; k < half_.size(); k += count * size) {
      const auto here = static_cast<std::size_t>(std::min(count, half_.size() - k));
      std::array<Lattice, lanes> j{};
      for (std::size_t l = 0; l < here; ++l)
        j[l] = half_[k + static_cast<std::int64_t>(l)];
      batch.evaluate(phases_, j.data(), here);
      const auto &upper = batch.upper();
      const unsigned all = (1U << here) - 1;
      if (!std::all_of(upper.begin(), upper.begin() + static_cast<std::ptrdiff_t>(here),
                       [target](double u) { return u <= target; }) &&
          (batch.certify(target) & all) != all)
        return false;
    }
    return true;
  }

  double operator()(std::int64_t k) {
    const Lattice j = half_[k];
    if (symbol_.cols == 1)
      return column(j);
    if (gram_) {
      gram_->evaluate(phases_, &j, 1, re_.data(), im_.data());
      norm_.set_packed(re_.data(), im_.data(), distance_);
    } else {
      norm_.set(phases_, j);
    }
    const double bound = norm_.coarse_upper(static_cast<std::uint64_t>(k));
    return mul_up(bound, bound);
  }

private:
  // ‖D(ω)‖₂² where D is one column: no eigenvalue to look for.
  double column(const Lattice &j) {
    work_.resize(2 * symbol_.rows);
    d_.resize(symbol_.rows);
    evaluate_symbol(symbol_, phases_, j, work_.data(), d_.data());
    double sum = 0;
    for (const Complex &z : d_)
      sum += std::norm(z);
    const double gamma = gamma_up(static_cast<double>(symbol_.rows) + 2);
    const double square = add_up(mul_up(sum, up(1 + gamma)), 0x1p-800); // underflow
    const double bound = add_up(sqrt_up(square), mul_up(symbol_error(symbol_, phases_), absolute_));
    return mul_up(bound, bound);
  }

  Symbol symbol_;
  HalfSpectrum half_;
  const Phases &phases_;
  double absolute_;
  FrequencyNorm norm_;
  std::optional<SymbolGram> gram_; // none: its products would cost more than each D(ω)ᴴD(ω)
  double distance_ = 0;            // of its Gram matrices
  std::vector<double> re_, im_, work_;
  std::vector<Complex> d_;
};

// Whether the weights of one group come before those of another.
class GroupOrder {
public:
  GroupOrder(const ConvolutionGeometry &g, const double *weight) noexcept
      : weight_(weight), length_(g.weights() / g.groups) {}
  bool operator()(std::int64_t a, std::int64_t b) const {
    const double *x = weight_ + a * length_, *y = weight_ + b * length_;
    return std::lexicographical_compare(x, x + length_, y, y + length_);
  }

private:
  const double *weight_;
  std::int64_t length_;
};

// λ_max of the Hermitian Toeplitz matrix of order m with the spectrum φ_j ≥ 0 of n points.
double toeplitz_upper(const std::vector<double> &phi, const Phases &phases, std::size_t m) {
  const double largest = *std::max_element(phi.begin(), phi.end());
  const std::size_t n = phi.size();
  if (m >= n || !(largest > 0))
    return largest;
  const double mean =
      std::accumulate(phi.begin(), phi.end(), 0.0) / (largest * static_cast<double>(n));
  std::vector<Complex> t(m * m);
  for (std::size_t l = 0; l < m; ++l) {
    Complex sum = 0;
    for (std::size_t j = 0; j < n; ++j)
      sum += phi[j] / largest *
             phases.axis(0, static_cast<std::int64_t>(j), static_cast<std::int64_t>(l));
    sum /= static_cast<double>(n);
    for (std::size_t q = 0; q + l < m; ++q)
      t[q + l + q * m] = sum;
  }
  // Each entry is a sum of n terms with three roundings and the error of a phase; ‖·‖₂ ≤ m·max|·|.
  const double entry = gamma_up(static_cast<double>(n) + 5) + phases.error() * 1.01;
  const double error = mul_up(static_cast<double>(m) * entry, mean * (1 + 0x1p-30));
  const HermitianTop<Complex> top =
      hermitian_top<Complex>({t.data(), m, m, m}, eigenvalue_tolerance, error);
  return std::min(largest, mul_up(largest, add_up(top.upper, error)));
}

// The first axis that is left goes.
PetscErrorCode PeelAxis(MPI_Comm comm, int axis, std::int64_t points, Spectrum *phi) {
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const std::int64_t n = phi->extent[axis];
  Lattice rest = phi->extent;
  rest[axis] = 1;
  Spectrum next(rest);
  const HalfSpectrum half(rest);
  const Phases phases({n, 1, 1});
  std::vector<double> line(static_cast<std::size_t>(n));
  for (std::int64_t k = rank; k < half.size() && !stop_asked(); k += size) {
    Lattice j = half[k];
    double &top = next[j];
    for (j[axis] = 0; j[axis] < n; ++j[axis])
      line[static_cast<std::size_t>(j[axis])] = (*phi)[j];
    top = toeplitz_upper(line, phases, static_cast<std::size_t>(points));
  }
  PetscCall(StopTogether(comm));
  PetscCall(next.Complete(comm));
  *phi = std::move(next);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode OperatorUpper(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight,
                             int exponent, double least, double *upper) {
  int rank = 0, size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  *upper = std::numeric_limits<double>::infinity();
  const Restriction r = restriction(g);
  if (!r.gains() || r.frequencies() > most_frequencies)
    PetscFunctionReturn(PETSC_SUCCESS);
  const Phases phases(r.torus);
  double square = mul_up(least, least);
  std::set<std::int64_t, GroupOrder> seen(GroupOrder(g, weight));
  for (std::int64_t group = 0; group < g.groups; ++group) {
    if (!seen.insert(group).second)
      continue;
    GroupBounds bound(g, r, phases, weight, group, exponent);
    int below = g.groups > 1 && bound.below(square, rank, size) ? 1 : 0;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &below, 1, MPI_INT, MPI_MIN, comm));
    if (below == 1)
      continue;
    Spectrum phi(r.torus);
    for (std::int64_t k = rank; k < bound.half().size() && !stop_asked(); k += size)
      phi[bound.half()[k]] = bound(k);
    PetscCall(StopTogether(comm));
    PetscCall(phi.Complete(comm));
    for (int i = 0; i < g.ndim && phi.largest() > square; ++i)
      if (r.torus[i] > 1)
        PetscCall(PeelAxis(comm, i, r.points[i], &phi));
    square = std::max(square, phi.largest());
  }
  *upper = sqrt_up(square);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
