// SPDX-License-Identifier: BSD-2-Clause
// PETSc vectors as doubles.
#pragma once
#include "core/handle.h"
#include <cstddef>
#include <petscvec.h>
#include <vector>

namespace lathe::sketching {

/// The doubles behind PETSc's scalars; LocalRows::Create has refused complex ones.
inline const double *doubles(const PetscScalar *x) {
  return reinterpret_cast<const double *>(x);
}
inline double *doubles(PetscScalar *x) {
  return reinterpret_cast<double *>(x);
}

/// Read access to a vector's or dense matrix's local array, given back when it leaves scope.
class VecRead {
public:
  explicit VecRead(Vec v) : v_(v) {
    if (v_ && VecGetArrayRead(v_, &x_))
      x_ = nullptr;
  }
  ~VecRead() {
    if (x_)
      (void)VecRestoreArrayRead(v_, &x_);
  }
  VecRead(const VecRead &) = delete;
  VecRead &operator=(const VecRead &) = delete;
  [[nodiscard]] const double *data() const { return doubles(x_); }

private:
  Vec v_;
  const PetscScalar *x_ = nullptr;
};

/// All entries of v, on every rank, in their order. Collective.
inline PetscErrorCode Replicate(Vec v, std::vector<double> *all) {
  ScatterHandle scatter;
  VecHandle copy;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(VecScatterCreateToAll(v, scatter.out(), copy.out()));
  PetscCall(VecScatterBegin(scatter, v, copy, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecScatterEnd(scatter, v, copy, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecGetSize(v, &n));
  const VecRead read(copy);
  all->assign(read.data(), read.data() + n);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
