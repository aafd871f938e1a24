// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/distortion.h"
#include "core/dense.h"
#include "core/error.h"
#include "sketching/sparse_rows.h"
#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

namespace lathe::sketching {

namespace {

constexpr std::int64_t rows_at_once = 256;

// R of a QR factorisation by modified Gram-Schmidt, which gives R as well as reflections do.
// Columns that depend on others get a diagonal of 1 and a row of zeros.
struct Triangle {
  std::vector<double> r; // n × n
  std::vector<bool> kept;
};

Triangle triangle_of(std::vector<double> &q, std::size_t d, std::size_t n) {
  Triangle t{std::vector<double>(n * n), std::vector<bool>(n)};
  for (std::size_t j = 0; j < n; ++j) {
    double *column = q.data() + d * j;
    const double before = std::sqrt(std::inner_product(column, column + d, column, 0.0));
    for (std::size_t i = 0; i < j; ++i) {
      if (!t.kept[i])
        continue;
      const double *other = q.data() + d * i;
      const double product = std::inner_product(other, other + d, column, 0.0);
      t.r[i + n * j] = product;
      for (std::size_t k = 0; k < d; ++k)
        column[k] -= product * other[k];
    }
    const double norm = std::sqrt(std::inner_product(column, column + d, column, 0.0));
    t.kept[j] = norm > 1e-13 * before;
    t.r[j + n * j] = t.kept[j] ? norm : 1;
    for (std::size_t k = 0; k < d && t.kept[j]; ++k)
      column[k] /= norm;
  }
  return t;
}

// gram += (A R⁻¹)ᵀ (A R⁻¹) for `count` rows of A, by columns in `block`, which is destroyed.
void add_gram(const Triangle &t, std::size_t n, std::size_t count, double *block, double *gram) {
  dense::trsm('R', 'U', 'N', count, n, t.r.data(), n, block, count);
  dense::herk('U', 'C', n, count, 1.0, block, count, 1.0, gram, n);
}

PetscErrorCode GramOfDense(Mat a, const Triangle &t, std::size_t n, std::vector<double> &gram) {
  PetscInt rows = 0;
  PetscInt stride = 0;
  const PetscScalar *array = nullptr;
  PetscFunctionBegin;
  PetscCall(MatGetLocalSize(a, &rows, nullptr));
  PetscCall(MatDenseGetLDA(a, &stride));
  PetscCall(MatDenseGetArrayRead(a, &array));
  std::vector<double> block(n * static_cast<std::size_t>(rows_at_once));
  for (std::int64_t i = 0; i < rows; i += rows_at_once) {
    const auto count = static_cast<std::size_t>(std::min<std::int64_t>(rows_at_once, rows - i));
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < count; ++k)
        block[k + count * j] = PetscRealPart(
            array[i + static_cast<std::int64_t>(k + j * static_cast<std::size_t>(stride))]);
    add_gram(t, n, count, block.data(), gram.data());
  }
  PetscCall(MatDenseRestoreArrayRead(a, &array));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GramOfSparse(Mat a, const Triangle &t, std::size_t n, std::vector<double> &gram) {
  SparseRows sparse;
  PetscFunctionBegin;
  PetscCall(sparse.Open(a));
  std::vector<double> block(n * static_cast<std::size_t>(rows_at_once));
  for (std::int64_t i = 0; i < sparse.rows(); i += rows_at_once) {
    const std::int64_t count = std::min(rows_at_once, sparse.rows() - i);
    std::fill(block.begin(), block.end(), 0.0);
    for (const SparsePart &p : sparse.parts())
      for (std::int64_t k = 0; k < count && p.matrix; ++k)
        for (PetscInt e = p.offset[i + k]; e < p.offset[i + k + 1]; ++e)
          block[static_cast<std::size_t>(k + count * p.global_column(p.column[e]))] =
              PetscRealPart(p.value[e]);
    add_gram(t, n, static_cast<std::size_t>(count), block.data(), gram.data());
  }
  PetscCall(sparse.Close());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Extreme eigenvalues of the kept part; 0 for smallest when a column that S A lost is none of A.
Distortion distortion_of(const Triangle &t, const std::vector<double> &gram, std::size_t n,
                         const std::vector<double> &norms) {
  std::vector<std::size_t> kept;
  Distortion result;
  bool lost = false;
  for (std::size_t j = 0; j < n; ++j)
    if (t.kept[j])
      kept.push_back(j);
    else
      lost = lost || gram[j + n * j] > 1e-20 * norms[j] * norms[j];
  const std::size_t k = kept.size();
  result.rank = static_cast<std::int64_t>(k);
  std::vector<double> part(k * k), values(k);
  for (std::size_t j = 0; j < k; ++j)
    for (std::size_t i = 0; i <= j; ++i)
      part[i + k * j] = part[j + k * i] = gram[kept[i] + n * kept[j]];
  if (k == 0 || dense::singular_values(k, k, part.data(), k, values.data()) != 0)
    return result;
  result.smallest = lost ? 0 : 1 / std::sqrt(values.front());
  result.largest = 1 / std::sqrt(values.back());
  return result;
}

} // namespace

EmbeddingRows embedding_rows(const Sketch &sketch, std::int64_t n, double epsilon,
                             double delta) noexcept {
  const auto dimension = static_cast<double>(n);
  const double gaussian =
      std::pow((std::sqrt(dimension) + std::sqrt(2 * std::log(2 / delta))) / epsilon, 2);
  const auto rows = [](double d) { return static_cast<std::int64_t>(std::ceil(d)); };
  // Rows with which E‖(SQ)ᵀSQ − I‖_F² ≤ fourth·n²/d implies the embedding, by Markov's inequality.
  const double squares = 2 * epsilon - epsilon * epsilon;
  const double by_variance = dimension * dimension / (delta * squares * squares);
  const double growth = std::pow(3.0, factor_count(sketch));
  switch (sketch.kind) {
  case SketchKind::Gaussian:
    return {rows(gaussian), Guarantee::Theorem};
  case SketchKind::CountSketch:
    return {rows((1 + 1 / dimension) * by_variance), Guarantee::Theorem};
  case SketchKind::TensorSketch: { // parts of equal size
    const std::int64_t parts = std::max(sketch.nonzeros, 1);
    return {(rows(growth * by_variance) + parts - 1) / parts * parts, Guarantee::Theorem};
  }
  case SketchKind::KroneckerSrht:
  case SketchKind::KhatriRao:
    return {rows(growth * by_variance), Guarantee::Theorem};
  case SketchKind::Srht:
    if (sketch.rounds == 1 && epsilon >= 0.6 && delta * dimension >= 3) {
      const double m = static_cast<double>(std::max<std::int64_t>(sketch.columns, 2));
      return {rows(4 * std::log(dimension) *
                   std::pow(std::sqrt(dimension) + std::sqrt(8 * std::log(m * dimension)), 2)),
              Guarantee::Theorem};
    }
    [[fallthrough]];
  default: {
    const bool weak = (is_transform(sketch.kind) && sketch.rounds == 1) ||
                      (nonzeros_of(sketch) > 0 && nonzeros_of(sketch) < 8);
    return {rows((weak ? 4.5 : 1.5) * gaussian), Guarantee::Measured};
  }
  }
}

PetscErrorCode SketchDistortion(const Sketch &sketch, Mat a, Distortion *distortion) {
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(a));
  MatStorage storage = MatStorage::Other;
  PetscInt n = 0;
  std::vector<PetscScalar> sa;
  PetscFunctionBegin;
  PetscCall(StorageOf(a, &storage));
  PetscCall(MatGetSize(a, nullptr, &n));
  PetscCheck((std::is_same_v<PetscScalar, PetscReal>), comm, PETSC_ERR_SUP,
             "The distortion of a sketch is measured with real scalars only");
  PetscCheck(storage != MatStorage::Other, comm, PETSC_ERR_SUP,
             "The distortion of a sketch is measured on MATDENSE and MATAIJ; use MatConvert");
  PetscCheck(n <= sketch.rows, comm, PETSC_ERR_ARG_SIZ,
             "A sketch of %lld rows cannot keep a subspace of up to %lld dimensions "
             "(-mat_sketch_rows)",
             static_cast<long long>(sketch.rows), static_cast<long long>(n));
  PetscCall(SketchApply(sketch, a, sa));
  LatheGuard(comm, {
    const auto columns = static_cast<std::size_t>(n);
    std::vector<double> q(sa.size());
    std::transform(sa.begin(), sa.end(), q.begin(), [](PetscScalar x) { return PetscRealPart(x); });
    const Triangle t = triangle_of(q, static_cast<std::size_t>(sketch.rows), columns);
    std::vector<double> gram(columns * columns);
    if (storage == MatStorage::Dense)
      PetscCall(GramOfDense(a, t, columns, gram));
    else
      PetscCall(GramOfSparse(a, t, columns, gram));
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, gram.data(), static_cast<int>(gram.size()), MPI_DOUBLE,
                               MPI_SUM, comm));
    std::vector<PetscReal> norms(columns);
    PetscCall(MatGetColumnNorms(a, NORM_2, norms.data()));
    *distortion = distortion_of(t, gram, columns, {norms.begin(), norms.end()});
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
