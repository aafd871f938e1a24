// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/shift_invert.h"
#include "core/interruption.h"
#include "core/random.h"
#include "lipschitz/hermitian_lanczos.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>

namespace lathe::lipschitz {
namespace {

constexpr int basis_size = 24;
constexpr int most_shifts = 24;
constexpr std::uint64_t start_seed = 0x51f7; // any fixed value

template <class T> class ShiftSearch {
public:
  ShiftSearch(const SparseRows<T> &h, SparseCholesky<T> &factor, double upper, double tolerance,
              const std::vector<T> &start)
      : h_(h), factor_(factor), tolerance_(tolerance), lanczos_(h.order(), basis_size) {
    side_[0].upper = side_[1].upper = upper;
    x_ = start;
    if (x_.empty())
      x_.assign(h.order(), T(0)); // replaced by a random one
    else if (const double q = quotient(x_); q != 0) {
      first_ = q > 0 ? 0 : 1;
      keep(side_[first_], std::abs(q), x_);
    }
  }

  ShiftInvertResult<T> run(bool both_sides) {
    bracket(first_);
    if (both_sides) {
      Side &other = side_[1 - first_];
      const double known = side_[first_].upper;
      other.upper = std::min(other.upper, gershgorin(1 - first_));
      if (other.upper > known && !certify(1 - first_, known)) {
        // The top of the spectrum is at the other end after all, or within the rounding of it.
        x_.assign(h_.order(), T(0));
        bracket(1 - first_);
        if (side_[first_].upper > other.upper)
          certify(first_, other.upper);
      }
    }
    const Side &a = side_[first_], &b = side_[1 - first_];
    result_.upper = both_sides ? std::max(a.upper, b.upper) : a.upper;
    const Side &best = both_sides && b.quotient > a.quotient ? b : a;
    result_.quotient = best.quotient;
    result_.x = best.x;
    return std::move(result_);
  }

private:
  // λ_max(H) (side 0) or λ_max(−H).
  struct Side {
    double upper = 0, quotient = 0;
    std::vector<T> x;
  };
  static double sign(int side) { return side == 0 ? 1.0 : -1.0; }

  void keep(Side &s, double quotient, const std::vector<T> &x) {
    if (quotient > s.quotient || s.x.empty()) {
      s.quotient = std::max(quotient, s.quotient);
      s.x = x;
    }
  }

  // xᴴHx/xᴴx to rounding.
  [[nodiscard]] double quotient(const std::vector<T> &x) const {
    double form = 0, square = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      T y = 0;
      for (std::size_t k = h_.offset[i]; k < h_.offset[i + 1]; ++k)
        y += h_.value[k] * x[static_cast<std::size_t>(h_.column[k])];
      form += std::real(y) * std::real(x[i]) + std::imag(y) * std::imag(x[i]);
      square += std::norm(x[i]);
    }
    return square > 0 ? form / square : 0.0;
  }

  // λ_max(±H) ≤ max_i (±h_ii + Σ|h_ij|).
  [[nodiscard]] double gershgorin(int side) const {
    double largest = 0;
    for (std::size_t i = 0; i < h_.order(); ++i) {
      double centre = 0, radius = 0;
      for (std::size_t k = h_.offset[i]; k < h_.offset[i + 1]; ++k)
        if (h_.column[k] == static_cast<std::int32_t>(i))
          centre = sign(side) * std::real(h_.value[k]);
        else
          radius += std::abs(h_.value[k]);
      const double terms = static_cast<double>(h_.offset[i + 1] - h_.offset[i]) + 4;
      largest = std::max(largest, add_up(centre, mul_up(radius, up(1 + gamma_up(2 * terms)))));
    }
    return largest;
  }

  bool certify(int side, double tau) {
    ++result_.factorizations;
    if (!factor_.factor(h_, tau, -sign(side)))
      return false;
    const double lost =
        add_up(factor_.rounding(), mul_up(unit_roundoff, factor_.largest_diagonal()));
    side_[side].upper = std::min(side_[side].upper, add_up(tau, lost));
    return true;
  }

  // Lanczos with the inverse that certify(side, tau) has left; whether it converged.
  bool improve(int side, double tau) {
    Side &s = side_[side];
    LanczosOptions options;
    // 1/(τ − λ) to this relative accuracy is λ to tolerance/10.
    const double distance = std::max(tau - s.quotient, unit_roundoff * tau);
    options.tolerance = std::clamp(0.1 * tolerance_ * tau / distance, 1e-14, 0.1);
    options.max_restarts = 1;
    options.seed = start_seed;
    // A start without any component along the top vector would stay so: add a random one.
    double norm = 0;
    for (const T &z : x_)
      norm += std::norm(z);
    const double share = 1e-3 * std::sqrt(norm / static_cast<double>(x_.size()));
    for (std::size_t i = 0; i < x_.size(); ++i)
      x_[i] += share * random::normal(start_seed, 1 + static_cast<std::uint64_t>(starts_), i);
    ++starts_;
    const auto product = [this](const T *from, T *to) {
      std::copy_n(from, x_.size(), to);
      factor_.solve(to);
    };
    const LanczosResult found = lanczos_.run(product, options, x_.data(), true);
    result_.solves += found.products;
    if (std::isfinite(found.value))
      keep(s, sign(side) * quotient(x_), x_);
    return found.converged && tolerance_ * tau / distance >= 1e-13;
  }

  [[nodiscard]] bool meets(const Side &s) const { return s.upper <= (1 + tolerance_) * s.quotient; }

  void bracket(int side) {
    Side &s = side_[side];
    double refused = 0; // λ_max lies above it, up to rounding
    double tau = s.upper * (1 + 0.25 * tolerance_);
    for (int attempt = 0; attempt < most_shifts && !meets(s) && !stop_asked(); ++attempt) {
      const double goal = (1 + 0.75 * tolerance_) * s.quotient;
      if (certify(side, tau)) {
        if (meets(s))
          return;
        const bool at_goal = tau <= goal;
        const bool converged = improve(side, tau);
        if (meets(s) || at_goal)
          return; // at the goal and still too wide: this is the floor of rounding
        if (converged && !(s.quotient > 0))
          return; // this side of the spectrum is not positive
        const double next = (1 + 0.75 * tolerance_) * s.quotient;
        const double low = std::max(next, refused);
        // Not converged: the eigenvalue may still rise by much; come nearer by halves of digits.
        tau = converged && next > refused
                  ? next
                  : s.quotient + std::sqrt((low - s.quotient) * (tau - s.quotient));
      } else {
        refused = std::max(refused, tau);
        if (s.upper - refused <= 0.25 * tolerance_ * s.upper)
          return;
        const double from = std::min(s.quotient, refused);
        tau = from +
              std::sqrt(std::max(refused - from, 0.25 * tolerance_ * s.upper) * (s.upper - from));
        tau = std::max(tau, refused + 0.25 * tolerance_ * s.upper);
      }
    }
  }

  const SparseRows<T> &h_;
  SparseCholesky<T> &factor_;
  double tolerance_;
  HermitianLanczos<T> lanczos_;
  Side side_[2];
  int first_ = 0;
  int starts_ = 0;
  std::vector<T> x_;
  ShiftInvertResult<T> result_;
};

} // namespace

template <class T>
ShiftInvertResult<T> shift_invert(const SparseRows<T> &h, SparseCholesky<T> &factor,
                                  bool both_sides, double upper, double tolerance,
                                  const std::vector<T> &start) {
  return ShiftSearch<T>(h, factor, upper, tolerance, start).run(both_sides);
}

#define LATHE_INSTANTIATE(T)                                                                       \
  template ShiftInvertResult<T> shift_invert<T>(const SparseRows<T> &, SparseCholesky<T> &, bool,  \
                                                double, double, const std::vector<T> &);
LATHE_INSTANTIATE(double)
LATHE_INSTANTIATE(std::complex<double>)
#undef LATHE_INSTANTIATE

} // namespace lathe::lipschitz
