// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/conv_lower.h"
#include "core/dense.h"
#include "lipschitz/conv_operator.h"
#include "lipschitz/rounding.h"
#include "lipschitz/symbol.h"
#include <algorithm>
#include <cmath>
#include <numbers>

namespace lathe::lipschitz {
namespace {

constexpr std::size_t lanczos_steps = 8;
constexpr double worthwhile = 0.05; // share of the gap that a step has to close

/// Input of the group that the largest frequency excites most: the top right singular vector of
/// D(ω) times the plane wave, under a sine window that leaves the edges out.
std::vector<float> plane_wave(const ConvolutionGeometry &g, const Symbol &symbol,
                              const FrequencyMaximum &maximum, const Lattice &extent) {
  std::vector<Complex> v = maximum.vector;
  if (symbol.transposed) { // Dᵀv = σ·conj(right vector of D)
    std::vector<double> work(2 * symbol.rows * symbol.cols);
    std::vector<Complex> d(symbol.rows * symbol.cols);
    evaluate_symbol(symbol, Phases(extent), maximum.frequency, work.data(), d.data());
    v.assign(symbol.rows, {});
    dense::gemv('N', symbol.rows, symbol.cols, Complex(1), d.data(), symbol.rows,
                maximum.vector.data(), Complex(0), v.data());
    for (Complex &z : v)
      z = std::conj(z);
  }
  const auto channels = static_cast<std::size_t>(g.group_in());
  const auto points = static_cast<std::size_t>(g.input_points());
  std::array<std::vector<std::int64_t>, 3> residues; // residues in use, increasing
  for (int i = 0; i < 3; ++i) {
    for (std::int64_t t = 0; t < g.axis[i].kernel; ++t)
      residues[i].push_back(t * g.axis[i].dilation % g.axis[i].stride);
    std::sort(residues[i].begin(), residues[i].end());
    residues[i].erase(std::unique(residues[i].begin(), residues[i].end()), residues[i].end());
  }
  std::vector<float> x(channels * points, 0.0F);
  const bool window = g.mode == LATHE_PADDING_ZEROS;
  for (std::size_t p = 0; p < points; ++p) {
    auto rest = static_cast<std::int64_t>(p);
    std::size_t block = 0;
    std::size_t scale = 1;
    double amplitude = 1;
    double angle = 0;
    bool used = true;
    for (int i = 2; i >= 0; --i) {
      const ConvolutionAxis &a = g.axis[i];
      const std::int64_t at = rest % a.input;
      rest /= a.input;
      if (window)
        amplitude *= std::sin(std::numbers::pi * static_cast<double>(at + 1) /
                              static_cast<double>(a.input + 1));
      const std::int64_t t = at + a.padding; // position in the padded input
      const auto found = std::lower_bound(residues[i].begin(), residues[i].end(), t % a.stride);
      used = used && found != residues[i].end() && *found == t % a.stride;
      block += scale * static_cast<std::size_t>(found - residues[i].begin());
      scale *= residues[i].size();
      angle += 2 * std::numbers::pi * static_cast<double>(maximum.frequency[i]) *
               static_cast<double>(t / a.stride % extent[i]) / static_cast<double>(extent[i]);
    }
    if (!used)
      continue;
    const Complex wave = std::polar(amplitude, angle);
    for (std::size_t i = 0; i < channels; ++i)
      x[i * points + p] = static_cast<float>((v[block * channels + i] * wave).real());
  }
  return x;
}

// Σ x·y in double over sixteen running sums: one order, and no chain of additions to wait for.
template <class Real> double dot(const Real *x, const Real *y, std::size_t n) noexcept {
  constexpr std::size_t lanes = 16;
  std::array<double, lanes> sum{};
  std::size_t e = 0;
  for (; e + lanes <= n; e += lanes)
    for (std::size_t l = 0; l < lanes; ++l)
      sum[l] += static_cast<double>(x[e + l]) * static_cast<double>(y[e + l]);
  for (; e < n; ++e)
    sum[0] += static_cast<double>(x[e]) * static_cast<double>(y[e]);
  double total = 0;
  for (const double s : sum)
    total += s;
  return total;
}

/// Parts of `unit` numbers each on every rank, exchanged as one MPI type: counts stay small.
class Parts {
public:
  PetscErrorCode Create(MPI_Comm comm, std::int64_t unit, MPI_Datatype type,
                        const std::vector<Range> &of_rank) {
    PetscFunctionBegin;
    comm_ = comm;
    for (const Range &r : of_rank) {
      counts_.push_back(static_cast<int>(r.size()));
      starts_.push_back(static_cast<int>(r.begin));
    }
    PetscCallMPI(MPI_Type_contiguous(static_cast<int>(unit), type, &type_));
    PetscCallMPI(MPI_Type_commit(&type_));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  Parts() = default;
  Parts(const Parts &) = delete;
  Parts &operator=(const Parts &) = delete;
  ~Parts() {
    if (type_ != MPI_DATATYPE_NULL)
      MPI_Type_free(&type_);
  }
  /// All parts of `all` from the rank that has each.
  PetscErrorCode Gather(void *all) const {
    PetscFunctionBegin;
    PetscCallMPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, counts_.data(),
                                starts_.data(), type_, comm_));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
  std::vector<int> counts_, starts_;
};

/// The operator with its blocks dealt to the ranks. Vectors of the input side are complete on
/// every rank where a product reads them; sums over them go channel by channel.
template <class Real> class DealtOperator {
public:
  DealtOperator(const ConvolutionGeometry &g, const double *weight, std::int64_t group,
                int exponent)
      : op_(g, weight, group, exponent), channels_(static_cast<std::size_t>(g.group_in())),
        points_(static_cast<std::size_t>(g.input_points())),
        out_channels_(static_cast<std::size_t>(g.group_out())) {}

  PetscErrorCode SetUp(MPI_Comm comm, MPI_Datatype type) {
    int size = 1, rank = 0;
    PetscFunctionBegin;
    PetscCallMPI(MPI_Comm_size(comm, &size));
    PetscCallMPI(MPI_Comm_rank(comm, &rank));
    std::vector<Range> points, channels;
    for (int r = 0; r < size; ++r) {
      points.push_back(op_.points(block_range(op_.point_blocks(), size, r)));
      channels.push_back(op_.channels(block_range(op_.channel_blocks(), size, r)));
    }
    mine_ = channels[static_cast<std::size_t>(rank)];
    point_blocks_ = block_range(op_.point_blocks(), size, rank);
    channel_blocks_ = block_range(op_.channel_blocks(), size, rank);
    PetscCall(outputs_.Create(comm, static_cast<std::int64_t>(out_channels_), type, points));
    PetscCall(inputs_.Create(comm, static_cast<std::int64_t>(points_), type, channels));
    PetscCall(sums_.Create(comm, 1, MPI_DOUBLE, channels));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  [[nodiscard]] const ConvolutionOperator<Real> &op() const noexcept { return op_; }
  /// Entries of this rank's channels: where they begin, and how many.
  [[nodiscard]] std::size_t first() const noexcept {
    return static_cast<std::size_t>(mine_.begin) * points_;
  }
  [[nodiscard]] std::size_t count() const noexcept {
    return static_cast<std::size_t>(mine_.size()) * points_;
  }

  PetscErrorCode Apply(const Real *x, std::vector<Real> *y) {
    PetscFunctionBegin;
    y->resize(op_.rows());
    op_.apply(x, point_blocks_, y->data());
    PetscCall(outputs_.Gather(y->data()));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// This rank's channels of Aᵀy, inside all of x.
  PetscErrorCode ApplyTranspose(const Real *y, Real *x) {
    PetscFunctionBegin;
    op_.apply_transpose(y, channel_blocks_, x);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscErrorCode Complete(Real *x) const {
    PetscFunctionBegin;
    PetscCall(inputs_.Gather(x));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// xᵀy from the entries of this rank's channels on each rank.
  PetscErrorCode Dot(const Real *x, const Real *y, double *sum) const {
    std::vector<double> part(channels_);
    PetscFunctionBegin;
    for (std::int64_t c = 0; c < mine_.size(); ++c) {
      const std::size_t at = static_cast<std::size_t>(c) * points_;
      part[static_cast<std::size_t>(mine_.begin + c)] = dot(x + at, y + at, points_);
    }
    PetscCall(sums_.Gather(part.data()));
    *sum = 0;
    for (const double p : part)
      *sum += p;
    PetscFunctionReturn(PETSC_SUCCESS);
  }

private:
  ConvolutionOperator<Real> op_;
  std::size_t channels_, points_, out_channels_;
  Range mine_, point_blocks_, channel_blocks_;
  Parts outputs_, inputs_, sums_;
};

/// Lanczos on AᵀA from the unit vector x, every vector reorthogonalised; x becomes the Ritz vector
/// of the largest value.
PetscErrorCode Improve(DealtOperator<float> &a, double upper, std::vector<float> &x,
                       long long *products) {
  const std::size_t n = a.count();
  std::vector<float> basis, y;
  std::vector<double> alpha, beta, z;
  double best = 0;
  PetscFunctionBegin;
  const std::size_t most = std::min(lanczos_steps, a.op().cols());
  basis.reserve(n * most);
  while (true) {
    basis.insert(basis.end(), x.begin() + static_cast<std::ptrdiff_t>(a.first()),
                 x.begin() + static_cast<std::ptrdiff_t>(a.first() + n));
    PetscCall(a.Apply(x.data(), &y));
    PetscCall(a.ApplyTranspose(y.data(), x.data()));
    *products += 2;
    float *w = x.data() + a.first();
    const std::size_t k = alpha.size() + 1;
    alpha.push_back(0);
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t i = k; i-- > 0;) {
        double h = 0;
        PetscCall(a.Dot(basis.data() + i * n, w, &h));
        alpha.back() += i + 1 == k ? h : 0;
        for (std::size_t e = 0; e < n; ++e)
          w[e] -= static_cast<float>(h) * basis[i * n + e];
      }
    double b = 0;
    PetscCall(a.Dot(w, w, &b));
    b = std::sqrt(b);
    std::vector<double> value = alpha, off = beta;
    off.resize(k);
    z.assign(k * k, 0.0);
    if (dense::tridiagonal_eigen(k, value.data(), off.data(), z.data()) != 0) {
      z.assign(k * k, 0.0);
      z[(k - 1) * k] = 1; // the start: any vector gives a bound
    }
    const double ritz = std::sqrt(std::fmax(value[k - 1], 0.0));
    const bool slow = k > 1 && !(ritz - best > worthwhile * (upper - ritz));
    best = ritz;
    if (k == most || slow || !(b > 1e-6 * alpha[0]))
      break;
    beta.push_back(b);
    for (std::size_t e = 0; e < n; ++e)
      w[e] = static_cast<float>(static_cast<double>(w[e]) / b);
    PetscCall(a.Complete(x.data()));
  }
  const std::size_t k = alpha.size();
  for (std::size_t e = 0; e < n; ++e) {
    double sum = 0;
    for (std::size_t i = 0; i < k; ++i)
      sum += z[(k - 1) * k + i] * static_cast<double>(basis[i * n + e]);
    x[a.first() + e] = static_cast<float>(sum);
  }
  PetscCall(a.Complete(x.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// ‖fl(Ax)‖ less its rounding, over ‖x‖; 0 where these leave the range.
PetscErrorCode Rayleigh(DealtOperator<double> &a, const double *x, double *lower) {
  std::vector<double> y;
  double xx = 0;
  PetscFunctionBegin;
  PetscCall(a.Apply(x, &y));
  PetscCall(a.Dot(x + a.first(), x + a.first(), &xx));
  const double yy = dot(y.data(), y.data(), y.size());
  *lower = 0;
  if (!(xx > 0x1p-900) || !std::isfinite(xx) || !std::isfinite(yy))
    PetscFunctionReturn(PETSC_SUCCESS);
  const auto &op = a.op();
  const double norm_x = mul_up(sqrt_up(xx), up(1 + gamma_up(static_cast<double>(op.cols()) + 2)));
  const double norm_y =
      mul_down(sqrt_down(yy), down(1 - gamma_up(static_cast<double>(op.rows()) + 2)));
  // |fl(Ax) − Ax| ≤ γ_K·|A||x| with K terms in each sum.
  const double gamma = gamma_up(static_cast<double>(op.terms()) + 2);
  const double rounding = add_up(mul_up(gamma, op.absolute_norm()), 0x1p-400);
  *lower = std::max(0.0, sub_down(down(norm_y / norm_x), rounding));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode OperatorLower(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight,
                             int exponent, const FrequencyMaximum &maximum, const Lattice &extent,
                             double upper, double *lower, long long *products) {
  double start = 0;
  PetscFunctionBegin;
  *lower = 0;
  if (maximum.vector.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<float> x =
      plane_wave(g, make_symbol(g, weight, maximum.group, exponent), maximum, extent);
  {
    DealtOperator<float> a(g, weight, maximum.group, exponent);
    PetscCall(a.SetUp(comm, MPI_FLOAT));
    PetscCall(a.Dot(x.data() + a.first(), x.data() + a.first(), &start));
    if (!(start > 0) || !std::isfinite(start))
      PetscFunctionReturn(PETSC_SUCCESS);
    for (float &e : x)
      e = static_cast<float>(static_cast<double>(e) / std::sqrt(start));
    PetscCall(Improve(a, upper, x, products));
  }
  DealtOperator<double> a(g, weight, maximum.group, exponent);
  PetscCall(a.SetUp(comm, MPI_DOUBLE));
  PetscCall(Rayleigh(a, std::vector<double>(x.begin(), x.end()).data(), lower));
  *products += 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
