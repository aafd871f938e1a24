// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/column_source.h"
#include "sketching/isa.h"
#include "sketching/sketch_kernels.h"
#include "sketching/tensor_sketch.h"
#include <algorithm>

namespace lathe::sketching {

namespace {

// f(k, count, i₁, …) for runs of columns of which only the last index differs: count of them from
// column first + k on, `index` being the multi-index of the first.
template <class F>
void for_runs(const std::vector<std::int64_t> &sizes, std::int64_t first, std::int64_t count,
              F &&f) {
  for (std::int64_t k = 0; k < count;) {
    const MultiIndex index = multi_index(sizes, first + k);
    const std::size_t last = sizes.size() - 1;
    const std::int64_t run = std::min(count - k, sizes[last] - index[last]);
    f(k, run, index);
    k += run;
  }
}

} // namespace

ColumnCodes::ColumnCodes(const Sketch &sketch) : shape_(sparse_columns_of(sketch)) {
  if (sketch.kind != SketchKind::TensorSketch)
    return;
  for (int k = 0; k < factor_count(sketch); ++k) {
    factors_.push_back(sparse_columns_of(factor_of(sketch, k)));
    sizes_.push_back(factor_of(sketch, k).columns);
  }
  before_.resize(static_cast<std::size_t>(shape_.nonzeros));
  one_.resize(before_.size());
}

// The row of an entry of the product: within its part of the stack, the sum of the rows of the
// factors modulo the rows of that part.
void ColumnCodes::combine(const Code *with, std::int64_t count, Code *codes) const noexcept {
  const std::int64_t d = shape_.rows, nonzeros = shape_.nonzeros;
  for (std::int64_t z = 0; z < nonzeros; ++z) {
    const auto begin = static_cast<Code>(z * d / nonzeros);
    const auto size = static_cast<Code>((z + 1) * d / nonzeros) - begin;
    const Code row = (with[z] >> 1) - begin, sign = with[z] & 1;
    for (std::int64_t k = 0; k < count; ++k) {
      Code &code = codes[k * nonzeros + z];
      const Code sum = (code >> 1) - begin + row;
      code = (begin + (sum >= size ? sum - size : sum)) << 1 | ((code & 1) ^ sign);
    }
  }
}

void ColumnCodes::codes(std::int64_t first, std::int64_t count, Code *out) noexcept {
  if (factors_.empty()) {
    isa().codes(shape_, first, count, out);
    return;
  }
  const std::size_t last = factors_.size() - 1;
  for_runs(sizes_, first, count, [&](std::int64_t k, std::int64_t run, const MultiIndex &index) {
    Code *codes = out + k * shape_.nonzeros;
    isa().codes(factors_[last], index[last], run, codes);
    for (std::size_t f = 0; f < last; ++f) {
      isa().codes(factors_[f], index[f], 1, (f == 0 ? before_ : one_).data());
      if (f > 0)
        combine(one_.data(), 1, before_.data());
    }
    if (last > 0)
      combine(before_.data(), run, codes);
  });
}

ColumnEntries::ColumnEntries(const Sketch &sketch) : rows_(entry_rows(sketch.rows)) {
  const bool product = sketch.kind == SketchKind::KhatriRao;
  for (int k = 0; k < (product ? factor_count(sketch) : 1); ++k) {
    factors_.push_back(entries_of(product ? factor_of(sketch, k) : sketch));
    sizes_.push_back(product ? factor_of(sketch, k).columns : sketch.columns);
  }
  growth_ = entry_growth * static_cast<int>(factors_.size());
  if (product) {
    before_.resize(static_cast<std::size_t>(rows_));
    one_.resize(before_.size());
  }
}

void ColumnEntries::entries(std::int64_t first, std::int64_t count, double *out) noexcept {
  const std::size_t last = factors_.size() - 1;
  if (last == 0) {
    isa().entries(factors_[0], first, count, out);
    return;
  }
  for_runs(sizes_, first, count, [&](std::int64_t k, std::int64_t run, const MultiIndex &index) {
    double *columns = out + k * rows_;
    isa().entries(factors_[last], index[last], run, columns);
    for (std::size_t f = 0; f < last; ++f) {
      isa().entries(factors_[f], index[f], 1, (f == 0 ? before_ : one_).data());
      for (std::size_t r = 0; f > 0 && r < before_.size(); ++r)
        before_[r] *= one_[r];
    }
    for (std::int64_t c = 0; c < run; ++c)
      for (std::int64_t r = 0; r < rows_; ++r)
        columns[c * rows_ + r] *= before_[static_cast<std::size_t>(r)];
  });
}

} // namespace lathe::sketching
