// SPDX-License-Identifier: BSD-2-Clause
// Symmetric positive definite systems on which Chebyshev iterations are compared.
#pragma once
#include <algorithm>
#include <petscksp.h>

namespace lathe::test {

/// −∇·(k∇u) + c·u on an nx×ny×nz grid with Dirichlet walls; k at a face is the harmonic mean.
struct Diffusion {
  PetscInt nx = 16, ny = 16, nz = 1;
  PetscReal anisotropy = 1;          // coefficient along y and z over that along x
  PetscReal outside = 1, inside = 1; // k outside and inside the inside
  PetscReal reaction_outside = 0;    // c outside the inside

  bool stripe = false; // the inside is the third of the grid along the wall i = 0

  [[nodiscard]] bool inside_region(PetscInt i, PetscInt j) const {
    if (stripe)
      return 3 * i < nx;
    return 3 * i >= nx && 3 * i < 2 * nx && 3 * j >= ny && 3 * j < 2 * ny;
  }
  [[nodiscard]] PetscReal k(PetscInt i, PetscInt j) const {
    const PetscInt a = std::clamp<PetscInt>(i, 0, nx - 1);
    const PetscInt b = std::clamp<PetscInt>(j, 0, ny - 1);
    return inside_region(a, b) ? inside : outside;
  }
  PetscErrorCode Create(Mat *A) const;
};

inline PetscErrorCode Diffusion::Create(Mat *A) const {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  const PetscInt n = nx * ny * nz;
  PetscCall(
      MatCreateAIJ(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, n, n, 7, nullptr, 6, nullptr, A));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  for (PetscInt row = begin; row < end; ++row) {
    const PetscInt i = row % nx;
    const PetscInt j = (row / nx) % ny;
    const PetscInt l = row / (nx * ny);
    PetscReal diagonal = inside_region(i, j) ? 0 : reaction_outside;
    const PetscInt neighbours[6][3] = {{i - 1, j, l}, {i + 1, j, l}, {i, j - 1, l},
                                       {i, j + 1, l}, {i, j, l - 1}, {i, j, l + 1}};
    for (int face = 0; face < (nz > 1 ? 6 : 4); ++face) {
      const auto &[a, b, c] = neighbours[face];
      const PetscReal mean = 2 * k(i, j) * k(a, b) / (k(i, j) + k(a, b));
      const PetscReal weight = face < 2 ? mean : anisotropy * mean;
      diagonal += weight;
      if (a >= 0 && a < nx && b >= 0 && b < ny && c >= 0 && c < nz)
        PetscCall(MatSetValue(*A, row, a + nx * (b + ny * c), -weight, INSERT_VALUES));
    }
    PetscCall(MatSetValue(*A, row, row, diagonal, INSERT_VALUES));
  }
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::test
