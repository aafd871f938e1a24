// SPDX-License-Identifier: BSD-2-Clause
// Matérn covariance of sites in any dimension, in the parametrisation of Handcock and Wallis
// (1994), where range ρ and smoothness ν are least entangled:
//
//   C_ij = σ² M_ν(√(2ν) |x_i - x_j|/ρ) φ(|x_i - x_j|/θ) + τ² [i = j]
//
// σ² is the variance, τ² the nugget, φ an optional taper of radius θ. For ν → ∞ the correlation
// tends to exp(-|x_i - x_j|²/(2ρ²)). Sites that coincide have correlation 1 exactly; the nugget is
// for one index, not for one place. Serial, no PETSc; class R0.
#pragma once
#include "bessel/matern.h"
#include <cstddef>
#include <limits>
#include <vector>

namespace lathe::bessel {

struct MaternParameters {
  double variance = 1, range = 1, smoothness = 0.5, nugget = 0;
};

/// The covariance or its derivative by one parameter.
enum class MaternComponent { value, by_variance, by_range, by_smoothness, by_nugget };

/// `count` sites, coordinates of a site next to each other.
struct Sites {
  const double *coordinates = nullptr;
  std::size_t count = 0, dimension = 1;
  [[nodiscard]] const double *site(std::size_t i) const { return coordinates + i * dimension; }
  [[nodiscard]] double distance(std::size_t i, std::size_t j) const noexcept;
};

/// Wendland's function φ_{ℓ,2} of r < 1, ℓ = ⌊d/2⌋ + 3: positive definite in dimensions up to d
/// (Wendland, Adv. Comput. Math. 4, 1995), so that the product with a covariance is one, too; four
/// times differentiable, which keeps predictions optimal up to ν = 5/2 (Furrer, Genton, Nychka, J.
/// Comput. Graph. Stat. 15, 2006). Error 4 eps.
double wendland(double r, std::size_t dimension) noexcept;

class MaternCovariance {
public:
  explicit MaternCovariance(const MaternParameters &p,
                            double taper = std::numeric_limits<double>::infinity()) noexcept;

  [[nodiscard]] const MaternParameters &parameters() const noexcept { return p_; }

  /// out[k] = component of C(i, columns[k]).
  void row(const Sites &sites, MaternComponent component, std::size_t i, const std::size_t *columns,
           std::size_t count, double *out) const noexcept;
  /// The same for columns first … first + count - 1.
  void row(const Sites &sites, MaternComponent component, std::size_t i, std::size_t first,
           std::size_t count, double *out) const noexcept;
  /// Value and the derivatives by range and smoothness at once; that by the variance is
  /// (value - nugget [i = j])/variance. No taper.
  void row_with_derivatives(const Sites &sites, std::size_t i, std::size_t first, std::size_t count,
                            double *value, double *by_range, double *by_smoothness) const noexcept;

private:
  template <class Column>
  void fill(const Sites &sites, MaternComponent component, std::size_t i, std::size_t count,
            double *out, Column column) const noexcept;

  MaternParameters p_;
  double taper_;
  double inverse_range_; // √(2ν)/ρ
  Matern correlation_;
};

/// Which sites lie within `radius` of one: cells of that size, of the first three coordinates.
class NeighbourGrid {
public:
  /// Cost: count log count. May throw std::bad_alloc.
  NeighbourGrid(const Sites &sites, double radius);
  /// Indices j with |x_i - x_j| < radius, i among them, increasing.
  void find(std::size_t i, std::vector<std::size_t> *neighbours) const;

private:
  struct Cell {
    long long index[3];
    std::size_t site;
    auto operator<=>(const Cell &) const = default;
  };
  [[nodiscard]] Cell cell_of(std::size_t i) const noexcept;

  Sites sites_;
  double radius_, width_;
  double origin_[3] = {};
  std::vector<Cell> cells_; // sorted
};

} // namespace lathe::bessel
