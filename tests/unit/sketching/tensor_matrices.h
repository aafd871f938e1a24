// SPDX-License-Identifier: BSD-2-Clause
// Descriptions of tensor sketches and matrices given by their entries.
#pragma once
#include "harness/entry_matrix.h"
#include "sketching/tensor_sketch.h"

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
  const auto kept = [&](PetscInt i, PetscInt j) -> PetscScalar {
    return !sparse || (i + j) % 3 == 0 ? PetscScalar(value(i, j)) : PetscScalar(0);
  };
  PetscFunctionBegin;
  PetscCall(CreateMatrix(comm, m, n, kept, !sparse, false, a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::test
