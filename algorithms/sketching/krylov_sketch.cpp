// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/krylov_sketch.h"
#include "core/error.h"
#include "sketching/isa.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {

PetscErrorCode KrylovSketch::Create(Vec like, std::int64_t rows, int nonzeros, std::uint64_t seed) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(VecGetOwnershipRange(like, &begin, &end));
  LatheGuard(PetscObjectComm(reinterpret_cast<PetscObject>(like)), {
    constexpr std::int64_t at_once = 1024;
    shape_ = {.seed = seed, .rows = rows, .nonzeros = nonzeros};
    codes_.resize(static_cast<std::size_t>(std::int64_t{nonzeros} * (end - begin)));
    std::vector<Code> codes(static_cast<std::size_t>(at_once * nonzeros));
    for (std::int64_t i = begin; i < end; i += at_once) {
      const std::int64_t count = std::min<std::int64_t>(at_once, end - i);
      isa().codes(shape_, i, count, codes.data());
      std::transform(codes.begin(), codes.begin() + count * nonzeros,
                     codes_.begin() + (i - begin) * nonzeros,
                     [](Code code) { return static_cast<std::uint16_t>(code); });
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode KrylovSketch::Apply(const Vec *x, std::size_t count, PetscScalar *out) {
  constexpr std::size_t rows_at_once = 512; // their codes stay in cache for all columns
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(x[0]));
  const auto nonzeros = static_cast<std::size_t>(shape_.nonzeros);
  const std::size_t n = codes_.size() / nonzeros, d = rows();
  const double root = std::sqrt(static_cast<double>(nonzeros));
  std::vector<const PetscScalar *> array;
  PetscFunctionBegin;
  LatheGuard(comm, {
    array.resize(count);
    sums_.assign(2 * d * count, 0);
  });
  for (std::size_t j = 0; j < count; ++j)
    PetscCall(VecGetArrayRead(x[j], &array[j]));
  for (std::size_t first = 0; first < n; first += rows_at_once) {
    const std::size_t end = std::min(n, first + rows_at_once);
    for (std::size_t j = 0; j < count; ++j) {
      PetscScalar *sums = sums_.data() + 2 * d * j;
      const std::uint16_t *code = codes_.data() + first * nonzeros;
      for (std::size_t i = first; i < end; ++i) {
        const PetscScalar value = array[j][i];
        for (std::size_t z = 0; z < nonzeros; ++z)
          sums[*code++] += value;
      }
    }
  }
  for (std::size_t j = 0; j < count; ++j) {
    PetscCall(VecRestoreArrayRead(x[j], &array[j]));
    const PetscScalar *sums = sums_.data() + 2 * d * j;
    for (std::size_t r = 0; r < d; ++r)
      out[r + d * j] = (sums[2 * r] - sums[2 * r + 1]) / root;
  }
  PetscCall(PetscLogFlops(static_cast<double>(nonzeros * n * count)));
  PetscCallMPI(
      MPI_Allreduce(MPI_IN_PLACE, out, static_cast<int>(d * count), MPIU_SCALAR, MPIU_SUM, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
