// SPDX-License-Identifier: BSD-2-Clause
#include "mat/matern.h"
#include "core/error.h"
#include <cmath>
#include <petsc/private/matimpl.h>

namespace lathe::matern {

using bessel::MaternCovariance;
using bessel::MaternParameters;

namespace {

PetscObject object(Mat A) {
  return reinterpret_cast<PetscObject>(A);
}

PetscErrorCode FillDense(Mat A, Data *self) {
  const auto rows = static_cast<std::size_t>(A->rmap->n);
  const auto begin = static_cast<std::size_t>(A->rmap->rstart);
  const std::size_t n = self->sites.count;
  PetscFunctionBegin;
  LatheGuard(PetscObjectComm(object(A)), {
    self->dense.resize(rows * n);
    std::vector<double> row(n);
    for (std::size_t i = 0; i < rows; ++i) {
      self->covariance->row(self->sites, self->part(), begin + i, std::size_t{0}, n, row.data());
      for (std::size_t j = 0; j < n; ++j)
        self->dense[i + j * rows] = row[j];
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Entries that the taper leaves, row by row, as MATAIJ.
PetscErrorCode CreateSparse(Mat A, const Data &self, Mat *sparse) {
  const MPI_Comm comm = PetscObjectComm(object(A));
  const auto rows = static_cast<std::size_t>(A->rmap->n);
  const auto begin = static_cast<std::size_t>(A->rmap->rstart);
  std::vector<PetscInt> offset, columns;
  std::vector<PetscScalar> values;
  PetscFunctionBegin;
  LatheGuard(comm, {
    const bessel::NeighbourGrid grid(self.sites, self.taper);
    std::vector<std::size_t> neighbours;
    std::vector<double> row;
    offset.push_back(0);
    for (std::size_t i = 0; i < rows; ++i) {
      grid.find(begin + i, &neighbours);
      row.resize(neighbours.size());
      self.covariance->row(self.sites, self.part(), begin + i, neighbours.data(), neighbours.size(),
                           row.data());
      for (const std::size_t j : neighbours)
        columns.push_back(static_cast<PetscInt>(j));
      values.insert(values.end(), row.begin(), row.end());
      offset.push_back(static_cast<PetscInt>(columns.size()));
    }
  });
  PetscCall(MatCreateMPIAIJWithArrays(comm, A->rmap->n, A->cmap->n, A->rmap->N, A->cmap->N,
                                      offset.data(), columns.data(), values.data(), sparse));
  PetscCall(MatSetOption(*sparse, MAT_SYMMETRIC, PETSC_TRUE));
  PetscCall(MatSetOption(*sparse, MAT_SYMMETRY_ETERNAL, PETSC_TRUE));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

Data &self_of(Mat A) {
  return *static_cast<Data *>(A->data);
}

PetscErrorCode CheckParameters(MPI_Comm comm, const Data &self) {
  const MaternParameters &p = self.parameters;
  PetscFunctionBegin;
  const auto positive = [](double x) { return x > 0 && x < PETSC_MAX_REAL; };
  LatheCheckAll(comm, positive(p.smoothness), PETSC_ERR_ARG_OUTOFRANGE,
                "Matern smoothness %g; it must be > 0 and finite (-mat_matern_nu)", p.smoothness);
  LatheCheckAll(comm, positive(p.range), PETSC_ERR_ARG_OUTOFRANGE,
                "Matern range %g; it must be > 0 and finite (-mat_matern_range)", p.range);
  LatheCheckAll(comm, positive(p.variance), PETSC_ERR_ARG_OUTOFRANGE,
                "Matern variance %g; it must be > 0 and finite (-mat_matern_variance)", p.variance);
  LatheCheckAll(comm, p.nugget >= 0 && p.nugget < PETSC_MAX_REAL, PETSC_ERR_ARG_OUTOFRANGE,
                "Matern nugget %g; it must be >= 0 and finite (-mat_matern_nugget)", p.nugget);
  LatheCheckAll(comm, self.form != LATHE_MATERN_TAPER || self.taper > 0, PETSC_ERR_ARG_OUTOFRANGE,
                "Radius %g of the taper; it must be > 0 (-mat_matern_taper)", self.taper);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Copy the coordinates of all sites to every rank, checked.
PetscErrorCode GatherSites(Mat A, Data *self) {
  const MPI_Comm comm = PetscObjectComm(object(A));
  PetscObject composed = nullptr;
  ScatterHandle scatter;
  VecHandle all;
  PetscInt dimension = 0;
  PetscInt local = 0;
  PetscInt total = 0;
  const PetscScalar *x = nullptr;
  PetscFunctionBegin;
  PetscCall(PetscObjectQuery(object(A), "coordinates", &composed));
  PetscCheck(composed, comm, PETSC_ERR_ARG_WRONGSTATE,
             "A matrix of type matern needs the coordinates of its sites: "
             "LatheMatMaternSetCoordinates, or compose a Vec as \"coordinates\"");
  PetscCheck(composed->classid == VEC_CLASSID, comm, PETSC_ERR_ARG_WRONG,
             "The object composed as \"coordinates\" is a %s, not a Vec", composed->class_name);
  auto *coordinates = reinterpret_cast<Vec>(composed);
  PetscCall(VecGetBlockSize(coordinates, &dimension));
  PetscCall(VecGetLocalSize(coordinates, &local));
  LatheCheckAll(comm, local == dimension * A->rmap->n && A->rmap->n == A->cmap->n,
                PETSC_ERR_ARG_SIZ,
                "%" PetscInt_FMT " coordinates in %" PetscInt_FMT " dimensions for %" PetscInt_FMT
                " rows and %" PetscInt_FMT " columns on this rank; a Vec of block size d with d "
                "numbers for each row is needed",
                local, dimension, A->rmap->n, A->cmap->n);
  PetscCall(VecGetArrayRead(coordinates, &x));
  PetscInt bad = 0;
  while (bad < local && std::isfinite(PetscRealPart(x[bad])))
    ++bad;
  PetscCall(VecRestoreArrayRead(coordinates, &x));
  LatheCheckAll(comm, bad == local, PETSC_ERR_FP,
                "Coordinate %" PetscInt_FMT " of site %" PetscInt_FMT " is not finite",
                bad % dimension, A->rmap->rstart + bad / dimension);
  PetscCall(VecScatterCreateToAll(coordinates, scatter.out(), all.out()));
  PetscCall(VecScatterBegin(scatter, coordinates, all, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecScatterEnd(scatter, coordinates, all, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecGetSize(all, &total));
  PetscCall(VecGetArrayRead(all, &x));
  LatheGuard(comm, self->coordinates.resize(static_cast<std::size_t>(total)));
  for (PetscInt i = 0; i < total; ++i)
    self->coordinates[static_cast<std::size_t>(i)] = PetscRealPart(x[i]);
  PetscCall(VecRestoreArrayRead(all, &x));
  self->sites = {self->coordinates.data(), static_cast<std::size_t>(A->cmap->N),
                 static_cast<std::size_t>(dimension)};
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Assemble(Mat A) {
  Data &self = self_of(A);
  PetscFunctionBegin;
  PetscCall(CheckParameters(PetscObjectComm(object(A)), self));
  LatheGuard(PetscObjectComm(object(A)),
             self.covariance = std::make_unique<MaternCovariance>(self.parameters, self.reach()));
  self.dense = {};
  self.sparse.reset();
  self.rows = {};
  if (self.form == LATHE_MATERN_DENSE)
    PetscCall(FillDense(A, &self));
  if (self.form == LATHE_MATERN_TAPER) {
    PetscCall(CreateSparse(A, self, self.sparse.out()));
    PetscCall(self.rows.Create(self.sparse));
  }
  PetscCall(PetscObjectStateIncrease(object(A)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::matern
