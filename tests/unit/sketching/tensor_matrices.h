// SPDX-License-Identifier: BSD-2-Clause
// Descriptions of tensor sketches and matrices given by their entries.
#pragma once
#include "core/petsc_compat.h"
#include "sketching/tensor_sketch.h"
#include <petscmat.h>

namespace lathe::test {

using sketching::Sketch;
using sketching::SketchKind;

inline constexpr SketchKind tensor_kinds[] = {SketchKind::TensorSketch, SketchKind::KroneckerSrht,
                                              SketchKind::KhatriRao};
using Factors = std::array<std::int64_t, sketching::max_factors>;

inline Sketch tensor(SketchKind kind, std::int64_t d, const Factors &factors,
                     std::uint64_t seed = 3) {
  Sketch s{.kind = kind, .rows = d, .columns = 1, .seed = seed, .factors = factors};
  for (int k = 0; k < factor_count(s); ++k)
    s.columns *= factors.at(static_cast<std::size_t>(k));
  return s;
}

/// m × n, dense, or sparse with a third of the entries; value(i, j) is entry (i, j).
template <class F>
PetscErrorCode CreateByEntries(MPI_Comm comm, PetscInt m, PetscInt n, bool sparse, F &&value,
                               Mat *a) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreate(comm, a));
  PetscCall(MatSetSizes(*a, PETSC_DECIDE, PETSC_DECIDE, m, n));
  PetscCall(MatSetType(*a, sparse ? MATAIJ : MATDENSE));
  PetscCall(MatSeqAIJSetPreallocation(*a, n, nullptr));
  PetscCall(MatMPIAIJSetPreallocation(*a, n, nullptr, n, nullptr));
  PetscCall(MatSetUp(*a));
  PetscCall(MatGetOwnershipRange(*a, &begin, &end));
  for (PetscInt i = begin; i < end; ++i)
    for (PetscInt j = 0; j < n; ++j)
      if (!sparse || (i + j) % 3 == 0)
        PetscCall(MatSetValue(*a, i, j, value(i, j), INSERT_VALUES));
  PetscCall(MatAssemblyBegin(*a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*a, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::test
