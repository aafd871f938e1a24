// SPDX-License-Identifier: BSD-2-Clause
// -mat_type sketch of tensor structure: products from both sides, with dense and sparse matrices
// and with vectors, against its columns.
#include "core/handle.h"
#include "core/random.h"
#include "harness/entry_matrix.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "sketching/sketch_columns.h"
#include <cmath>
#include <vector>

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using namespace lathe::sketching;

double number(std::int64_t i, std::int64_t j) {
  return lathe::random::normal(7, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i));
}

// A dense matrix over the ranks, on every rank, by columns.
std::vector<PetscScalar> gathered(Mat c) {
  PetscInt begin = 0, end = 0, m = 0, n = 0, stride = 0;
  const PetscScalar *array = nullptr;
  PETSC_OK(MatGetOwnershipRange(c, &begin, &end));
  PETSC_OK(MatGetSize(c, &m, &n));
  PETSC_OK(MatDenseGetLDA(c, &stride));
  PETSC_OK(MatDenseGetArrayRead(c, &array));
  std::vector<PetscScalar> all(static_cast<std::size_t>(m * n));
  for (PetscInt j = 0; j < n; ++j)
    for (PetscInt i = begin; i < end; ++i)
      all[static_cast<std::size_t>(i + j * m)] = array[i - begin + j * stride];
  PETSC_OK(MatDenseRestoreArrayRead(c, &array));
  MPI_Allreduce(MPI_IN_PLACE, all.data(), static_cast<int>(all.size()), MPIU_SCALAR, MPIU_SUM,
                PETSC_COMM_WORLD);
  return all;
}

TEST_CASE("sketches of tensor structure multiply from both sides", "[solvers]") {
  PETSC_OK(LatheInitializePackage());
  const PetscInt d = 40, n = 7, sizes[] = {6, 5, 4}, m = 120;
  for (const SketchKind kind :
       {SketchKind::TensorSketch, SketchKind::KroneckerSrht, SketchKind::KhatriRao}) {
    const Sketch sketch{.kind = kind, .rows = d, .columns = m, .seed = 9, .factors = {6, 5, 4}};
    std::vector<double> s(static_cast<std::size_t>(d * m));
    SketchColumns columns(sketch);
    for (PetscInt i = 0; i < m; ++i)
      columns.column(i, s.data() + d * i);
    const auto at = [&](PetscInt r, PetscInt i) { return s[static_cast<std::size_t>(r + d * i)]; };
    MatHandle S;
    PETSC_OK(LatheMatCreateSketch(PETSC_COMM_WORLD, d, PETSC_DECIDE, m, name_of(kind), 9, S.out()));
    PETSC_OK(LatheMatSketchSetFactors(S, 3, sizes));
    PETSC_OK(MatSetUp(S));
    // Largest |entry − Σ_k f(i, j, k)| of a product.
    const auto worst = [&](Mat product, PetscInt terms, const auto &f) {
      PetscInt rows = 0, width = 0;
      PETSC_OK(MatGetSize(product, &rows, &width));
      const std::vector<PetscScalar> all = gathered(product);
      double most = 0;
      for (PetscInt j = 0; j < width; ++j)
        for (PetscInt i = 0; i < rows; ++i) {
          double sum = 0;
          for (PetscInt k = 0; k < terms; ++k)
            sum += f(i, j, k);
          most = std::max(most, static_cast<double>(PetscAbsScalar(
                                    all[static_cast<std::size_t>(i + j * rows)] - sum)));
        }
      return most;
    };
    CAPTURE(name_of(kind));
    for (const bool sparse : {false, true}) {
      const auto value = [&](PetscInt i, PetscInt j) {
        return !sparse || (i + j) % 3 == 0 ? number(i, j) : 0.0;
      };
      MatHandle tall, wide, left, right;
      PETSC_OK(
          lathe::test::CreateMatrix(PETSC_COMM_WORLD, m, n, value, !sparse, false, tall.out()));
      PETSC_OK(MatMatMult(S, tall, MAT_INITIAL_MATRIX, PETSC_DEFAULT, left.out()));
      CHECK_ALL(worst(left, m, [&](PetscInt r, PetscInt j, PetscInt i) {
                  return at(r, i) * value(i, j);
                }) < 1e-12);
      PETSC_OK(
          lathe::test::CreateMatrix(PETSC_COMM_WORLD, n, m, value, !sparse, false, wide.out()));
      PETSC_OK(MatMatTransposeMult(wide, S, MAT_INITIAL_MATRIX, PETSC_DEFAULT, right.out()));
      CHECK_ALL(worst(right, m, [&](PetscInt i, PetscInt r, PetscInt j) {
                  return at(r, j) * value(i, j);
                }) < 1e-12);
    }
    MatHandle b, back;
    PETSC_OK(lathe::test::CreateMatrix(PETSC_COMM_WORLD, d, 3, number, true, false, b.out()));
    PETSC_OK(MatTransposeMatMult(S, b, MAT_INITIAL_MATRIX, PETSC_DEFAULT, back.out()));
    CHECK_ALL(worst(back, d, [&](PetscInt i, PetscInt j, PetscInt r) {
                return at(r, i) * number(r, j);
              }) < 1e-12);
    // Vectors: ⟨S·x, y⟩ = ⟨x, Sᵀ·y⟩ = Σ y_r s_ri x_i.
    VecHandle x, y, sx, sy;
    PETSC_OK(MatCreateVecs(S, x.out(), y.out()));
    PETSC_OK(VecDuplicate(y, sx.out()));
    PETSC_OK(VecDuplicate(x, sy.out()));
    PETSC_OK(VecSet(x, 1));
    PETSC_OK(VecSet(y, 2));
    PETSC_OK(MatMult(S, x, sx));
    PETSC_OK(MatMultTranspose(S, y, sy));
    PetscScalar first = 0, second = 0;
    PETSC_OK(VecDot(sx, y, &first));
    PETSC_OK(VecDot(x, sy, &second));
    double sum = 0;
    for (const double v : s)
      sum += 2 * v;
    CHECK_ALL(PetscAbsScalar(first - sum) < 1e-11);
    CHECK_ALL(PetscAbsScalar(second - sum) < 1e-11);
  }
}

} // namespace
