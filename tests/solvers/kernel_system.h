// SPDX-License-Identifier: BSD-2-Clause
// Kernel systems on which low-rank preconditioners are compared.
#pragma once
#include "core/random.h"
#include <cmath>
#include <petscmat.h>
#include <vector>

namespace lathe::test {

/// exp(−|x_i − x_j|²/(2w²)) + mu·[i = j] for n standard normal points in R⁵.
inline PetscErrorCode Kernel(PetscInt n, double width, double mu, Mat *A) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateDense(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, n, n, nullptr, A));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  std::vector<double> x;
  for (PetscInt i = 0; i < 5 * n; ++i)
    x.push_back(random::normal(11, 4, static_cast<std::uint64_t>(i)));
  PetscScalar *a = nullptr;
  PetscInt lda = 0;
  PetscCall(MatDenseGetArrayWrite(*A, &a));
  PetscCall(MatDenseGetLDA(*A, &lda));
  for (PetscInt j = 0; j < n; ++j)
    for (PetscInt i = begin; i < end; ++i) {
      double square = 0;
      for (PetscInt d = 0; d < 5; ++d)
        square += std::pow(
            x[static_cast<std::size_t>(5 * i + d)] - x[static_cast<std::size_t>(5 * j + d)], 2);
      a[i - begin + j * lda] = std::exp(-square / (2 * width * width)) + (i == j ? mu : 0);
    }
  PetscCall(MatDenseRestoreArrayWrite(*A, &a));
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// What a system took in an independent implementation (NumPy, other points): rank 100 and 300.
struct KernelCase {
  double width, mu;
  int nystrom[2], rpcholesky[2];
};
inline constexpr KernelCase kernel_cases[] = {{3, 1e-2, {30, 6}, {28, 6}},
                                              {3, 1e-5, {792, 81}, {683, 71}},
                                              {1.5, 1e-2, {156, 54}, {140, 52}}};

} // namespace lathe::test
