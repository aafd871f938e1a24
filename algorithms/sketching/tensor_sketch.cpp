// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/tensor_sketch.h"
#include "core/error.h"
#include "core/random.h"
#include "sketching/sketch_input.h"
#include <algorithm>
#include <cmath>
#include <complex>
#include <fftw3.h>
#include <limits>
#include <memory>
#include <new>

namespace lathe::sketching {

namespace {

constexpr std::uint64_t factor_stream = 0x4641435400000000;

using Spectrum = std::vector<std::complex<double>>;

// Fourier transforms of one length, of real numbers in real builds.
class Fourier {
public:
  explicit Fourier(std::int64_t size)
      : size_(static_cast<std::size_t>(size)), half_(scalar_parts == 2 ? size_ : size_ / 2 + 1),
        in_(fftw_alloc_real(size_ * scalar_parts)), out_(fftw_alloc_complex(half_)) {
    if (!in_ || !out_)
      throw std::bad_alloc();
    const int n = static_cast<int>(size);
    auto *both = reinterpret_cast<fftw_complex *>(in_.get());
    if (scalar_parts == 2) {
      forward_.reset(fftw_plan_dft_1d(n, both, out_.get(), FFTW_FORWARD, FFTW_ESTIMATE));
      backward_.reset(fftw_plan_dft_1d(n, out_.get(), both, FFTW_BACKWARD, FFTW_ESTIMATE));
    } else {
      forward_.reset(fftw_plan_dft_r2c_1d(n, in_.get(), out_.get(), FFTW_ESTIMATE));
      backward_.reset(fftw_plan_dft_c2r_1d(n, out_.get(), in_.get(), FFTW_ESTIMATE));
    }
  }
  [[nodiscard]] std::size_t size() const { return size_; }

  Spectrum spectrum(const PetscScalar *x) {
    std::copy_n(reinterpret_cast<const double *>(x), size_ * scalar_parts, in_.get());
    fftw_execute(forward_.get());
    const auto *values = reinterpret_cast<const std::complex<double> *>(out_.get());
    return {values, values + half_};
  }
  // x ← the numbers with that spectrum.
  void values(const Spectrum &spectrum, PetscScalar *x) {
    std::copy(spectrum.begin(), spectrum.end(),
              reinterpret_cast<std::complex<double> *>(out_.get()));
    fftw_execute(backward_.get());
    for (std::size_t k = 0; k < size_ * scalar_parts; ++k)
      reinterpret_cast<double *>(x)[k] = in_.get()[k] / static_cast<double>(size_);
  }

private:
  struct Free {
    void operator()(void *p) const { fftw_free(p); }
    void operator()(fftw_plan_s *p) const { fftw_destroy_plan(p); }
  };
  std::size_t size_, half_;
  std::unique_ptr<double, Free> in_;
  std::unique_ptr<fftw_complex, Free> out_;
  std::unique_ptr<fftw_plan_s, Free> forward_, backward_;
};

// The sketches S_k·A_k of the factors, and products of their columns.
class FactorColumns {
public:
  FactorColumns(const Sketch &sketch, std::vector<std::vector<PetscScalar>> sketched)
      : d_(static_cast<std::size_t>(sketch.rows)), sketched_(std::move(sketched)) {
    if (sketch.kind == SketchKind::TensorSketch)
      transform(static_cast<std::size_t>(sketch.nonzeros));
  }

  // out ← the product of columns j₁, … of the factors, d numbers.
  void multiply(const MultiIndex &j, PetscScalar *out) {
    for (std::size_t z = 0; z < parts_.size(); ++z) {
      Spectrum product = spectra_[0][at(j[0], z)];
      for (std::size_t f = 1; f < sketched_.size(); ++f) {
        const Spectrum &other = spectra_[f][at(j[f], z)];
        for (std::size_t k = 0; k < product.size(); ++k)
          product[k] *= other[k];
      }
      parts_[z].fourier->values(product, out + parts_[z].begin);
    }
    if (!parts_.empty())
      return;
    std::copy_n(sketched_[0].data() + static_cast<std::size_t>(j[0]) * d_, d_, out);
    for (std::size_t f = 1; f < sketched_.size(); ++f)
      for (std::size_t r = 0; r < d_; ++r)
        out[r] *= sketched_[f][static_cast<std::size_t>(j[f]) * d_ + r];
  }

private:
  struct Part { // of the stack
    std::size_t begin;
    std::shared_ptr<Fourier> fourier;
  };
  [[nodiscard]] std::size_t at(std::int64_t column, std::size_t part) const {
    return static_cast<std::size_t>(column) * parts_.size() + part;
  }
  void transform(std::size_t nonzeros) {
    std::shared_ptr<Fourier> known[2]; // the parts have at most two lengths
    for (std::size_t z = 0; z < nonzeros; ++z) {
      const std::size_t begin = z * d_ / nonzeros, size = (z + 1) * d_ / nonzeros - begin;
      auto &fourier = known[size - d_ / nonzeros];
      if (!fourier)
        fourier = std::make_shared<Fourier>(static_cast<std::int64_t>(size));
      parts_.push_back({begin, fourier});
    }
    for (auto &columns : sketched_) {
      spectra_.emplace_back();
      for (std::size_t at = 0; at < columns.size(); at += d_)
        for (const Part &part : parts_)
          spectra_.back().push_back(part.fourier->spectrum(columns.data() + at + part.begin));
      columns = {};
    }
  }

  std::size_t d_;
  std::vector<std::vector<PetscScalar>> sketched_;
  std::vector<Part> parts_;
  std::vector<std::vector<Spectrum>> spectra_; // by factor, column and part
};

// Columns of the product, and of each factor.
PetscErrorCode CheckFactorMats(const Sketch &sketch, const std::vector<Mat> &factors,
                               bool kronecker, std::vector<std::int64_t> *columns) {
  const MPI_Comm comm = factors.empty()
                            ? PETSC_COMM_WORLD
                            : PetscObjectComm(reinterpret_cast<PetscObject>(factors[0]));
  const std::int64_t most =
      std::min<std::int64_t>(std::numeric_limits<PetscInt>::max(), std::int64_t{1} << 40);
  std::int64_t product = 1;
  PetscFunctionBegin;
  PetscCheck(is_tensor(sketch.kind), comm, PETSC_ERR_ARG_WRONG,
             "A %s sketch cannot be applied to factors; use tensor_sketch, kronecker_srht or "
             "khatri_rao (-mat_sketch_type)",
             name_of(sketch.kind));
  PetscCall(CheckSketch(comm, sketch, sketch.columns));
  PetscCheck(static_cast<int>(factors.size()) == factor_count(sketch), comm, PETSC_ERR_ARG_SIZ,
             "%zu matrices for the %d factors of a sketch (-mat_sketch_factors)", factors.size(),
             factor_count(sketch));
  for (std::size_t k = 0; k < factors.size(); ++k) {
    PetscInt m = 0;
    PetscInt n = 0;
    int same = MPI_UNEQUAL;
    PetscCallMPI(
        MPI_Comm_compare(comm, PetscObjectComm(reinterpret_cast<PetscObject>(factors[k])), &same));
    PetscCheck(same == MPI_IDENT || same == MPI_CONGRUENT, comm, PETSC_ERR_ARG_NOTSAMECOMM,
               "Matrix %zu lives on other ranks than the first one", k);
    PetscCall(MatGetSize(factors[k], &m, &n));
    PetscCheck(m == sketch.factors.at(k), comm, PETSC_ERR_ARG_SIZ,
               "Matrix %zu has %lld rows, factor %zu of the sketch %lld (-mat_sketch_factors)", k,
               static_cast<long long>(m), k, static_cast<long long>(sketch.factors.at(k)));
    columns->push_back(n);
    PetscCheck(
        kronecker || n == columns->front(), comm, PETSC_ERR_ARG_SIZ,
        "Matrix %zu has %lld columns, the first one %lld; a Khatri-Rao product needs the same "
        "number in every factor",
        k, static_cast<long long>(n), static_cast<long long>(columns->front()));
    PetscCheck(!kronecker || n == 0 || product <= most / n, comm, PETSC_ERR_ARG_OUTOFRANGE,
               "The Kronecker product has more than %lld columns; give factors with fewer",
               static_cast<long long>(most));
    product *= kronecker ? n : 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ApplyToFactors(const Sketch &sketch, const std::vector<Mat> &factors, bool kronecker,
                              std::vector<PetscScalar> &sa) {
  std::vector<std::int64_t> columns;
  std::vector<std::vector<PetscScalar>> sketched;
  int rank = 0;
  int size = 1;
  PetscFunctionBegin;
  PetscCall(CheckFactorMats(sketch, factors, kronecker, &columns));
  PetscCall(CiteKind(sketch.kind));
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(factors[0]));
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  LatheGuard(comm, {
    for (std::size_t k = 0; k < factors.size(); ++k) {
      sketched.emplace_back();
      PetscCall(SketchApply(factor_of(sketch, static_cast<int>(k)), factors[k], sketched.back()));
    }
    std::int64_t n = columns.front();
    for (std::size_t k = 1; k < columns.size() && kronecker; ++k)
      n *= columns[k];
    // Each factor has divided by the number that S divides by once.
    const bool sparse = nonzeros_of(sketch) > 0;
    const double divisor = std::sqrt(static_cast<double>(sparse ? sketch.nonzeros : sketch.rows));
    SketchSums sums(sketch.rows, false, std::pow(divisor, 1 - static_cast<double>(factors.size())),
                    {{SumLayout::Columns, n * scalar_parts, 1, 0}});
    FactorColumns product(sketch, std::move(sketched));
    std::vector<PetscScalar> column(static_cast<std::size_t>(sketch.rows));
    // One rank makes each column and the others add zeros: the sum is exact as it is.
    for (std::int64_t j = rank; j < n; j += size) {
      MultiIndex index{};
      index.fill(j);
      product.multiply(kronecker ? multi_index(columns, j) : index, column.data());
      for (int part = 0; part < scalar_parts; ++part)
        for (std::int64_t r = 0; r < sketch.rows; ++r)
          sums.column(0, j * scalar_parts + part)[r] =
              reinterpret_cast<const double *>(column.data() + r)[part];
    }
    PetscCall(sums.Finish(comm, sa));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

Sketch factor_of(const Sketch &sketch, int k) noexcept {
  const auto words = random::words(sketch.seed, factor_stream, static_cast<std::uint64_t>(k));
  Sketch factor = sketch;
  factor.kind = sketch.kind == SketchKind::TensorSketch    ? SketchKind::SparseStack
                : sketch.kind == SketchKind::KroneckerSrht ? SketchKind::Srht
                                                           : SketchKind::Gaussian;
  factor.columns = sketch.factors[static_cast<std::size_t>(k)];
  factor.seed = static_cast<std::uint64_t>(words[0]) << 32 | words[1];
  factor.replacement = true;
  factor.factors = {};
  return factor;
}

PetscErrorCode SketchApplyKhatriRao(const Sketch &sketch, const std::vector<Mat> &factors,
                                    std::vector<PetscScalar> &sa) {
  PetscFunctionBegin;
  PetscCall(ApplyToFactors(sketch, factors, false, sa));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode SketchApplyKronecker(const Sketch &sketch, const std::vector<Mat> &factors,
                                    std::vector<PetscScalar> &sa) {
  PetscFunctionBegin;
  PetscCall(ApplyToFactors(sketch, factors, true, sa));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
