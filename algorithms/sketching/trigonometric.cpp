// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/trigonometric.h"
#include "core/random.h"
#include "sketching/isa.h"
#include "sketching/tensor_sketch.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <fftw3.h>
#include <new>
#include <numeric>

namespace lathe::sketching {

namespace {

constexpr std::uint64_t sign_stream = 0x4400000000000000, left_stream = 0x4c00000000000000,
                        row_stream = 0x5000000000000000, circulant_stream = 0x4300000000000000;

std::int64_t power_of_two(std::int64_t n) noexcept {
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(n)));
}

} // namespace

std::int64_t block_length(const Sketch &sketch) noexcept {
  return power_of_two(std::max(sketch.block, sketch.rows));
}

struct Mixing::Plans {
  fftw_plan forward = nullptr, backward = nullptr;
  fftw_complex *spectrum = nullptr, *circulant = nullptr;
  ~Plans() {
    fftw_destroy_plan(forward);
    fftw_destroy_plan(backward);
    fftw_free(spectrum);
    fftw_free(circulant);
  }
};

Mixing::Mixing(const Sketch &sketch) : sketch_(sketch) {
  const std::int64_t m = std::max<std::int64_t>(sketch.columns, 1);
  const auto d = static_cast<double>(sketch.rows);
  rounds_ = sketch.kind == SketchKind::SrctCirculant ? 1 : sketch.rounds;
  for (int k = 0; sketch.kind == SketchKind::KroneckerSrht && k < factor_count(sketch); ++k) {
    factors_.push_back({factor_of(sketch, k), power_of_two(factor_of(sketch, k).columns)});
    length_ *= factors_.back().length;
  }
  if (factors_.empty())
    length_ = sketch.kind == SketchKind::Srht
                  ? power_of_two(sketch.replacement ? m : std::max(m, sketch.rows))
              : sketch.kind == SketchKind::BlockSrht ? block_length(sketch)
                                                     : m;
  buffer_ = fftw_alloc_real(static_cast<std::size_t>(length_));
  if (!buffer_)
    throw std::bad_alloc();
  signs_.resize(static_cast<std::size_t>(length_ * rounds_));
  left_.resize(static_cast<std::size_t>(sketch.rows));
  growth_ = rounds_ * static_cast<int>(std::bit_width(static_cast<std::uint64_t>(length_)));
  choose_rows();
  divisor_ = std::sqrt(d);
  const int n = static_cast<int>(length_);
  if (sketch.kind == SketchKind::SrctCosine) {
    divisor_ = std::sqrt(d / static_cast<double>(m));
    plans_ = std::make_unique<Plans>();
    plans_->forward = fftw_plan_r2r_1d(n, buffer_, buffer_, FFTW_REDFT10, FFTW_ESTIMATE);
    plans_->backward = fftw_plan_r2r_1d(n, buffer_, buffer_, FFTW_REDFT01, FFTW_ESTIMATE);
  } else if (sketch.kind == SketchKind::SrctCirculant) {
    const auto half = static_cast<std::size_t>(length_ / 2 + 1);
    plans_ = std::make_unique<Plans>();
    plans_->spectrum = fftw_alloc_complex(half);
    plans_->circulant = fftw_alloc_complex(half);
    if (!plans_->spectrum || !plans_->circulant)
      throw std::bad_alloc();
    plans_->forward = fftw_plan_dft_r2c_1d(n, buffer_, plans_->spectrum, FFTW_ESTIMATE);
    plans_->backward = fftw_plan_dft_c2r_1d(n, plans_->spectrum, buffer_, FFTW_ESTIMATE);
    isa().signs(sketch.seed, circulant_stream, 0, length_, buffer_);
    fftw_execute(plans_->forward);
    for (std::size_t k = 0; k < half; ++k)
      for (const int part : {0, 1})
        plans_->circulant[k][part] = plans_->spectrum[k][part] / static_cast<double>(length_);
  } else {
    divisor_ *= std::pow(std::sqrt(static_cast<double>(length_)), rounds_ - 1);
  }
}

Mixing::~Mixing() {
  fftw_free(buffer_);
}

// Independent rows, or the first d of a random permutation (Fisher and Yates).
void Mixing::choose_rows() {
  const auto drawn = [](const Sketch &s, std::int64_t length, std::int64_t k) {
    return static_cast<std::int64_t>(random::below(static_cast<std::uint64_t>(length), s.seed,
                                                   row_stream, static_cast<std::uint64_t>(k)));
  };
  if (sketch_.replacement || !factors_.empty()) {
    for (std::int64_t k = 0; k < sketch_.rows; ++k) {
      std::int64_t row = factors_.empty() ? drawn(sketch_, length_, k) : 0;
      for (const Factor &f : factors_)
        row = row * f.length + drawn(f.sketch, f.length, k);
      rows_.push_back(row);
    }
    return;
  }
  std::vector<std::int64_t> all(static_cast<std::size_t>(length_));
  std::iota(all.begin(), all.end(), 0);
  for (std::int64_t k = 0; k < sketch_.rows; ++k) {
    const std::uint64_t other = random::below(static_cast<std::uint64_t>(length_ - k), sketch_.seed,
                                              row_stream, static_cast<std::uint64_t>(k));
    std::swap(all[static_cast<std::size_t>(k)],
              all[static_cast<std::size_t>(k) + static_cast<std::size_t>(other)]);
  }
  rows_.assign(all.begin(), all.begin() + sketch_.rows);
}

void Mixing::choose_signs(std::int64_t block) {
  if (block == block_)
    return;
  block_ = block;
  if (!factors_.empty())
    return choose_product_signs();
  // A block begins at a multiple of 128 of the signs, however short it is.
  const std::int64_t pitch = std::max<std::int64_t>(length_, 128);
  for (int round = 0; round < rounds_; ++round)
    isa().signs(sketch_.seed, sign_stream + static_cast<std::uint64_t>(round), block * pitch,
                length_, signs_.data() + round * length_);
  if (sketch_.kind == SketchKind::BlockSrht)
    isa().signs(sketch_.seed, left_stream + static_cast<std::uint64_t>(block), 0, sketch_.rows,
                left_.data());
  else
    std::fill(left_.begin(), left_.end(), 1.0);
}

void Mixing::choose_product_signs() {
  std::fill(left_.begin(), left_.end(), 1.0);
  for (int round = 0; round < rounds_; ++round) {
    double *all = signs_.data() + round * length_;
    std::int64_t size = 1; // of the product so far, at the front
    all[0] = 1;
    for (const Factor &f : factors_) {
      std::vector<double> own(static_cast<std::size_t>(f.length));
      isa().signs(f.sketch.seed, sign_stream + static_cast<std::uint64_t>(round), 0, f.length,
                  own.data());
      for (std::int64_t i = size; i-- > 0;) { // from the end, over what is not needed any more
        const double sign = all[i];
        for (std::int64_t j = f.length; j-- > 0;)
          all[i * f.length + j] = sign * own[static_cast<std::size_t>(j)];
      }
      size *= f.length;
    }
  }
}

namespace {

// f(from, to, count) for the runs of the last index, the last run first: from where a number stands
// in the order of the rows to where among factors whose sizes are powers of two.
template <class Factors, class F> void for_padded_runs(const Factors &factors, F &&f) {
  std::int64_t runs = 1;
  for (std::size_t k = 0; k + 1 < factors.size(); ++k)
    runs *= factors[k].sketch.columns;
  const auto &last = factors.back();
  for (std::int64_t run = runs; run-- > 0;) {
    std::int64_t rest = run, to = 0, weight = last.length;
    for (std::size_t k = factors.size() - 1; k-- > 0; weight *= factors[k].length) {
      to += rest % factors[k].sketch.columns * weight;
      rest /= factors[k].sketch.columns;
    }
    f(run * last.sketch.columns, to, last.sketch.columns);
  }
}

} // namespace

void Mixing::spread() {
  std::int64_t end = length_; // everything from here on is in its place
  for_padded_runs(factors_, [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    std::copy_backward(buffer_ + from, buffer_ + from + count, buffer_ + to + count);
    std::fill(buffer_ + to + count, buffer_ + end, 0.0);
    end = to;
  });
}

void Mixing::gather() {
  std::vector<double> packed(static_cast<std::size_t>(sketch_.columns));
  for_padded_runs(factors_, [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    std::copy_n(buffer_ + to, count, packed.data() + from);
  });
  std::copy(packed.begin(), packed.end(), buffer_);
}

void Mixing::flip(int round) {
  const double *sign = signs_.data() + round * length_;
  for (std::int64_t k = 0; k < length_; ++k)
    buffer_[k] *= sign[k];
}

void Mixing::transform(bool transposed) {
  const auto n = static_cast<std::size_t>(length_);
  if (sketch_.kind == SketchKind::SrctCosine) {
    // FFTW's transforms are twice the sums; the first basis vector is 1/√n, the others √(2/n) cos.
    const double scale = 1 / std::sqrt(2 * static_cast<double>(length_));
    if (transposed)
      buffer_[0] *= std::sqrt(2.0);
    fftw_execute(transposed ? plans_->backward : plans_->forward);
    for (std::size_t k = 0; k < n; ++k)
      buffer_[k] *= scale;
    if (!transposed)
      buffer_[0] /= std::sqrt(2.0);
  } else if (sketch_.kind == SketchKind::SrctCirculant) {
    fftw_execute(plans_->forward);
    for (std::size_t k = 0; k <= n / 2; ++k) {
      const double a = plans_->spectrum[k][0], b = plans_->spectrum[k][1];
      const double c = plans_->circulant[k][0];
      const double e = transposed ? -plans_->circulant[k][1] : plans_->circulant[k][1];
      plans_->spectrum[k][0] = a * c - b * e;
      plans_->spectrum[k][1] = a * e + b * c;
    }
    fftw_execute(plans_->backward);
  } else {
    isa().hadamard(buffer_, length_);
  }
}

void Mixing::apply(std::int64_t block, double *out) {
  choose_signs(block);
  if (!factors_.empty())
    spread();
  for (int round = 0; round < rounds_; ++round) {
    flip(round);
    transform(false);
  }
  for (std::size_t r = 0; r < rows_.size(); ++r)
    out[r] = buffer_[rows_[r]] * left_[r];
}

void Mixing::apply_transposed(std::int64_t block, const double *y) {
  choose_signs(block);
  std::fill_n(buffer_, static_cast<std::size_t>(length_), 0.0);
  for (std::size_t r = 0; r < rows_.size(); ++r)
    buffer_[rows_[r]] += y[r] * left_[r]; // a row may have been drawn twice
  for (int round = rounds_ - 1; round >= 0; --round) {
    transform(true);
    flip(round);
  }
  if (!factors_.empty())
    gather();
}

} // namespace lathe::sketching
