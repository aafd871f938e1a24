// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/matern_covariance.h"
#include <algorithm>
#include <cmath>

namespace lathe::bessel {
namespace {

constexpr std::size_t batch = 256; // of arguments, on the stack

} // namespace

double Sites::distance(std::size_t i, std::size_t j) const noexcept {
  const double *a = site(i), *b = site(j);
  double sum = 0, largest = 0;
  for (std::size_t k = 0; k < dimension; ++k) {
    const double step = a[k] - b[k];
    sum += step * step;
    largest = std::max(largest, std::abs(step));
  }
  if (sum < 0x1p1000 && (sum > 0x1p-960 || largest == 0))
    return std::sqrt(sum);
  sum = 0; // squares over- or underflow
  for (std::size_t k = 0; k < dimension; ++k) {
    const double step = (a[k] - b[k]) / largest;
    sum += step * step;
  }
  return largest * std::sqrt(sum);
}

double wendland(double r, std::size_t dimension) noexcept {
  if (!(r < 1))
    return r >= 1 ? 0 : r;
  const double l = static_cast<double>(dimension / 2 + 3);
  double power = 1;
  for (std::size_t k = 0; k < dimension / 2 + 5; ++k)
    power *= 1 - r;
  return power * (1 + r * ((l + 2) + r * ((l + 1) * (l + 3) / 3)));
}

MaternCovariance::MaternCovariance(const MaternParameters &p, double taper) noexcept
    : p_(p), taper_(taper), inverse_range_(std::sqrt(2 * p.smoothness) / p.range),
      correlation_(p.smoothness) {}

template <class Column>
void MaternCovariance::fill(const Sites &sites, MaternComponent component, std::size_t i,
                            std::size_t count, double *out, Column column) const noexcept {
  double distance[batch], z[batch];
  MaternDerivatives d[batch];
  const bool slopes =
      component == MaternComponent::by_range || component == MaternComponent::by_smoothness;
  for (std::size_t first = 0; first < count; first += batch) {
    const std::size_t size = std::min(batch, count - first);
    double *value = out + first;
    for (std::size_t k = 0; k < size; ++k) {
      distance[k] = sites.distance(i, column(first + k));
      z[k] = inverse_range_ * distance[k];
    }
    if (slopes)
      correlation_.derivatives({z, size}, {d, size});
    else
      correlation_.values({z, size}, {value, size});
    for (std::size_t k = 0; k < size; ++k) {
      switch (component) {
      case MaternComponent::value:
        value[k] *= p_.variance;
        break;
      case MaternComponent::by_variance:
        break;
      case MaternComponent::by_range:
        value[k] = z[k] > 0 ? -p_.variance / p_.range * (z[k] * d[k].dz) : 0;
        break;
      case MaternComponent::by_smoothness:
        value[k] = z[k] > 0 ? p_.variance * (d[k].dnu + z[k] * d[k].dz / (2 * p_.smoothness)) : 0;
        break;
      case MaternComponent::by_nugget:
        value[k] = 0;
      }
      if (taper_ < std::numeric_limits<double>::infinity())
        value[k] *= wendland(distance[k] / taper_, sites.dimension);
      if (column(first + k) == i) {
        if (component == MaternComponent::value)
          value[k] += p_.nugget;
        if (component == MaternComponent::by_nugget)
          value[k] = 1;
      }
    }
  }
}

void MaternCovariance::row(const Sites &sites, MaternComponent component, std::size_t i,
                           const std::size_t *columns, std::size_t count,
                           double *out) const noexcept {
  fill(sites, component, i, count, out, [columns](std::size_t k) { return columns[k]; });
}

void MaternCovariance::row(const Sites &sites, MaternComponent component, std::size_t i,
                           std::size_t first, std::size_t count, double *out) const noexcept {
  fill(sites, component, i, count, out, [first](std::size_t k) { return first + k; });
}

void MaternCovariance::row_with_derivatives(const Sites &sites, std::size_t i, std::size_t first,
                                            std::size_t count, double *value, double *by_range,
                                            double *by_smoothness) const noexcept {
  double z[batch];
  MaternDerivatives d[batch];
  for (std::size_t begin = 0; begin < count; begin += batch) {
    const std::size_t size = std::min(batch, count - begin);
    for (std::size_t k = 0; k < size; ++k)
      z[k] = inverse_range_ * sites.distance(i, first + begin + k);
    correlation_.derivatives({z, size}, {d, size});
    for (std::size_t k = 0; k < size; ++k) {
      const double slope = z[k] > 0 ? z[k] * d[k].dz : 0;
      value[begin + k] = p_.variance * d[k].value;
      by_range[begin + k] = -p_.variance / p_.range * slope;
      by_smoothness[begin + k] =
          z[k] > 0 ? p_.variance * (d[k].dnu + slope / (2 * p_.smoothness)) : 0;
    }
  }
  if (first <= i && i < first + count)
    value[i - first] += p_.nugget;
}

NeighbourGrid::NeighbourGrid(const Sites &sites, double radius) : sites_(sites), radius_(radius) {
  const std::size_t used = std::min<std::size_t>(sites.dimension, 3);
  double extent = 0;
  for (std::size_t k = 0; k < used; ++k) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (std::size_t i = 0; i < sites.count; ++i) {
      low = std::min(low, sites.site(i)[k]);
      high = std::max(high, sites.site(i)[k]);
    }
    origin_[k] = low;
    extent = std::max(extent, high - low);
  }
  width_ = std::max(radius, extent * 0x1p-40); // cell numbers stay exact
  cells_.reserve(sites.count);
  for (std::size_t i = 0; i < sites.count; ++i)
    cells_.push_back(cell_of(i));
  std::sort(cells_.begin(), cells_.end());
}

NeighbourGrid::Cell NeighbourGrid::cell_of(std::size_t i) const noexcept {
  Cell c{{0, 0, 0}, i};
  for (std::size_t k = 0; k < std::min<std::size_t>(sites_.dimension, 3); ++k)
    c.index[k] = static_cast<long long>(std::floor((sites_.site(i)[k] - origin_[k]) / width_));
  return c;
}

void NeighbourGrid::find(std::size_t i, std::vector<std::size_t> *neighbours) const {
  neighbours->clear();
  const Cell centre = cell_of(i);
  for (long long a = centre.index[0] - 1; a <= centre.index[0] + 1; ++a)
    for (long long b = centre.index[1] - 1; b <= centre.index[1] + 1; ++b) {
      // Cells that differ in the last index alone are next to each other.
      const Cell begin{{a, b, centre.index[2] - 1}, 0};
      const Cell end{{a, b, centre.index[2] + 2}, 0};
      for (auto c = std::lower_bound(cells_.begin(), cells_.end(), begin);
           c != cells_.end() && *c < end; ++c)
        if (sites_.distance(i, c->site) < radius_)
          neighbours->push_back(c->site);
    }
  std::sort(neighbours->begin(), neighbours->end());
}

} // namespace lathe::bessel
