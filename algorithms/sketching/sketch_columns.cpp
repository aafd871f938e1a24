// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/sketch_columns.h"
#include "sketching/trigonometric.h"
#include <algorithm>
#include <array>
#include <cmath>

namespace lathe::sketching {

SketchColumns::SketchColumns(const Sketch &sketch) : sketch_(sketch) {
  if (nonzeros_of(sketch) > 0) {
    codes_ = std::make_unique<ColumnCodes>(sketch);
    divisor_ = std::sqrt(static_cast<double>(nonzeros_of(sketch)));
  } else if (is_transform(sketch.kind)) {
    mixing_ = std::make_unique<Mixing>(sketch);
    divisor_ = mixing_->divisor();
  } else {
    entries_ = std::make_unique<ColumnEntries>(sketch);
    divisor_ = std::sqrt(static_cast<double>(sketch.rows));
    room_.resize(static_cast<std::size_t>(entry_rows(sketch.rows)));
  }
}

SketchColumns::~SketchColumns() = default;

void SketchColumns::column(std::int64_t i, double *out) {
  const std::int64_t d = sketch_.rows;
  if (mixing_) {
    const bool blocks = sketch_.kind == SketchKind::BlockSrht;
    std::fill_n(mixing_->buffer(), mixing_->length(), 0.0);
    mixing_->buffer()[blocks ? i % mixing_->length() : i] = 1;
    mixing_->apply(blocks ? i / mixing_->length() : 0, out);
  } else if (codes_) {
    std::array<Code, max_nonzeros> codes{};
    codes_->codes(i, 1, codes.data());
    std::fill_n(out, d, 0.0);
    for (int z = 0; z < nonzeros_of(sketch_); ++z)
      out[codes.at(z) / 2] = codes.at(z) % 2 != 0 ? -1 : 1;
  } else {
    entries_->entries(i, 1, room_.data());
    std::copy_n(room_.data(), d, out);
  }
  for (std::int64_t r = 0; r < d; ++r)
    out[r] /= divisor_;
}

void SketchColumns::apply(const double *x, double *out) {
  const auto d = static_cast<std::size_t>(sketch_.rows);
  const std::int64_t m = sketch_.columns;
  std::vector<double> part(d);
  std::fill_n(out, d, 0.0);
  if (!mixing_) {
    for (std::int64_t i = 0; i < m; ++i) {
      column(i, part.data());
      for (std::size_t r = 0; r < d; ++r)
        out[r] += part[r] * x[i];
    }
    return;
  }
  const std::int64_t length = mixing_->length();
  for (std::int64_t i = 0; i < m; i += length) {
    const std::int64_t count = std::min(length, m - i);
    std::copy_n(x + i, count, mixing_->buffer());
    std::fill(mixing_->buffer() + count, mixing_->buffer() + length, 0.0);
    mixing_->apply(i / length, part.data());
    for (std::size_t r = 0; r < d; ++r)
      out[r] += part[r];
  }
  for (std::size_t r = 0; r < d; ++r)
    out[r] /= divisor_;
}

void SketchColumns::transposed(const double *y, std::int64_t first, std::int64_t count, double *x) {
  if (mixing_)
    transposed_mixing(y, first, count, x);
  else if (codes_)
    transposed_sparse(y, first, count, x);
  else
    transposed_dense(y, first, count, x);
  for (std::int64_t k = 0; k < count; ++k)
    x[k] /= divisor_;
}

void SketchColumns::transposed_sparse(const double *y, std::int64_t first, std::int64_t count,
                                      double *x) {
  constexpr std::int64_t at_once = 64;
  const int nonzeros = nonzeros_of(sketch_);
  std::array<Code, at_once * max_nonzeros> codes{};
  for (std::int64_t k = 0; k < count; k += at_once) {
    const std::int64_t rows = std::min(at_once, count - k);
    codes_->codes(first + k, rows, codes.data());
    const Code *code = codes.data();
    for (std::int64_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (int z = 0; z < nonzeros; ++z, ++code)
        sum += *code % 2 != 0 ? -y[*code / 2] : y[*code / 2];
      x[k + i] = sum;
    }
  }
}

void SketchColumns::transposed_dense(const double *y, std::int64_t first, std::int64_t count,
                                     double *x) {
  constexpr std::int64_t lanes = 8; // sums in a fixed order
  for (std::int64_t k = 0; k < count; ++k) {
    entries_->entries(first + k, 1, room_.data());
    std::array<double, lanes> sum{};
    std::int64_t r = 0;
    for (; r + lanes <= sketch_.rows; r += lanes)
      for (std::int64_t l = 0; l < lanes; ++l)
        sum[l] += room_[static_cast<std::size_t>(r + l)] * y[r + l];
    double rest = 0;
    for (; r < sketch_.rows; ++r)
      rest += room_[static_cast<std::size_t>(r)] * y[r];
    x[k] =
        (((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]))) + rest;
  }
}

void SketchColumns::transposed_mixing(const double *y, std::int64_t first, std::int64_t count,
                                      double *x) {
  if (sketch_.kind != SketchKind::BlockSrht) {
    mixing_->apply_transposed(0, y);
    std::copy_n(mixing_->buffer() + first, count, x);
    return;
  }
  const std::int64_t length = mixing_->length();
  for (std::int64_t k = 0; k < count;) {
    const std::int64_t at = (first + k) % length, size = std::min(count - k, length - at);
    mixing_->apply_transposed((first + k) / length, y);
    std::copy_n(mixing_->buffer() + at, size, x + k);
    k += size;
  }
}

} // namespace lathe::sketching
