// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/norm_witness.h"
#include "core/exact_sum.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::lipschitz {
namespace {

void add_squares(ExactSum &sum, const std::vector<PetscScalar> &x) {
  for (const PetscScalar z : x) {
    sum.add_product(PetscRealPart(z), PetscRealPart(z));
    if constexpr (complex_scalars)
      sum.add_product(PetscImaginaryPart(z), PetscImaginaryPart(z));
  }
}

// Largest |component|, its first global index and, on every rank, its value.
PetscErrorCode LargestComponent(MPI_Comm comm, const std::vector<PetscScalar> &x, PetscInt begin,
                                PetscScalar *value) {
  double largest = 0, mine = 0;
  std::size_t where = 0;
  PetscFunctionBegin;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (const double a = PetscAbsScalar(x[i]); a > mine) {
      mine = a;
      where = i;
    }
  PetscCallMPI(MPI_Allreduce(&mine, &largest, 1, MPI_DOUBLE, MPI_MAX, comm));
  const PetscInt none = std::numeric_limits<PetscInt>::max();
  const PetscInt candidate =
      mine == largest && mine > 0 ? begin + static_cast<PetscInt>(where) : none;
  PetscInt first = none;
  PetscCallMPI(MPI_Allreduce(&candidate, &first, 1, MPIU_INT, MPI_MIN, comm));
  const PetscScalar part = candidate == first && first != none ? x[where] : PetscScalar(0);
  PetscCallMPI(MPI_Allreduce(&part, value, 1, MPIU_SCALAR, MPIU_SUM, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode StoreUnit(MPI_Comm comm, const std::vector<PetscScalar> &x, PetscScalar phase,
                         Vec target) {
  ExactSum sum;
  PetscScalar *data = nullptr;
  PetscFunctionBegin;
  add_squares(sum, x);
  PetscCall(ExactSum::AllReduce(comm, &sum, 1));
  const double norm = std::sqrt(sum.value());
  PetscCall(VecGetArrayWrite(target, &data));
  for (std::size_t i = 0; i < x.size(); ++i)
    data[i] = norm > 0 ? x[i] * phase / norm : PetscScalar(0);
  PetscCall(VecRestoreArrayWrite(target, &data));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LowerBound(LinearOperator &A, const std::vector<PetscScalar> &x, double *lower) {
  ExactSum sums[3]; // x², (Ax)², (|A||x|)²
  PetscFunctionBegin;
  std::vector<PetscScalar> y(A.domain(true));
  PetscCall(A.Apply(false, x.data(), y.data()));
  add_squares(sums[0], x);
  add_squares(sums[1], y);
  const bool nonnegative =
      !complex_scalars && A.assembled() && A.matrix(false).nonnegative() &&
      std::all_of(x.begin(), x.end(), [](PetscScalar z) { return PetscRealPart(z) >= 0; });
  bool same = false; // |A||x| = Ax, on every rank
  PetscCallMPI(MPI_Allreduce(&nonnegative, &same, 1, MPI_C_BOOL, MPI_LAND, A.comm()));
  if (same) {
    sums[2] = sums[1];
  } else if (A.assembled()) {
    std::vector<PetscReal> modulus(x.size()), bound(y.size());
    std::transform(x.begin(), x.end(), modulus.begin(), [](PetscScalar z) {
      return complex_scalars ? up(PetscAbsScalar(z)) : PetscAbsScalar(z);
    });
    PetscCall(A.ApplyAbsolute(false, modulus.data(), bound.data()));
    for (const PetscReal b : bound)
      sums[2].add_product(b, b);
  }
  PetscCall(ExactSum::AllReduce(A.comm(), sums, 3));
  const double length = sqrt_up(sums[0].value(Rounding::up));
  const double image = sqrt_down(sums[1].value(Rounding::down));
  double loss = 0;
  if (A.assembled()) {
    const double r = A.longest_row(false);
    // |A||x| was itself rounded: at most r + 1 roundings, hence the larger index.
    const double gamma = complex_scalars ? mul_up(1.5, gamma_up(2 * r + 8)) : gamma_up(r + 4);
    loss = add_up(mul_up(gamma, sqrt_up(sums[2].value(Rounding::up))), 0x1p-900);
  }
  *lower = length > 0 && std::isfinite(length) ? std::max(0.0, down(sub_down(image, loss) / length))
                                               : 0.0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode StoreWitness(LinearOperator &A, const std::vector<PetscScalar> &x, Vec u, Vec v) {
  PetscScalar value = 0;
  PetscFunctionBegin;
  if (!u && !v)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LargestComponent(A.comm(), x, A.domain_begin(false), &value));
  const double modulus = PetscAbsScalar(value);
  const PetscScalar phase = modulus > 0 ? PetscConj(value) / modulus : PetscScalar(1);
  if (v)
    PetscCall(StoreUnit(A.comm(), x, phase, v));
  if (u) {
    std::vector<PetscScalar> y(A.domain(true));
    if (!A.zero())
      PetscCall(A.Apply(false, x.data(), y.data()));
    PetscCall(StoreUnit(A.comm(), y, phase, u));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
