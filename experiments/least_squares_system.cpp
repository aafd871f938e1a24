// SPDX-License-Identifier: BSD-2-Clause
#include "least_squares_system.h"
#include "least_squares_exact.h"
#include <limits>

namespace least_squares {

struct Exact {
  std::vector<Big> x;
};

namespace {

// A and b whole on every rank.
PetscErrorCode Gather(const System &system, Problem *p) {
  PetscInt m = 0, n = 0;
  PetscFunctionBeginUser;
  lathe::sketching::LocalRows rows;
  PetscCall(rows.Create(system.a));
  PetscCall(MatGetSize(system.a, &m, &n));
  p->m = static_cast<std::size_t>(m);
  p->n = static_cast<std::size_t>(n);
  const std::size_t ld = std::max<std::size_t>(rows.rows(), 1);
  std::vector<double> mine(ld * p->n);
  PetscCall(rows.Copy(0, rows.rows(), nullptr, mine.data(), ld));
  int size = 1;
  PetscCallMPI(MPI_Comm_size(rows.comm(), &size));
  std::vector<int> counts(static_cast<std::size_t>(size)), begins(counts.size());
  const int count = static_cast<int>(rows.rows()), begin = static_cast<int>(rows.first_row());
  PetscCallMPI(MPI_Allgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, rows.comm()));
  PetscCallMPI(MPI_Allgather(&begin, 1, MPI_INT, begins.data(), 1, MPI_INT, rows.comm()));
  p->a.resize(p->m * p->n);
  for (std::size_t j = 0; j < p->n; ++j)
    PetscCallMPI(MPI_Allgatherv(mine.data() + j * ld, count, MPI_DOUBLE, p->a.data() + j * p->m,
                                counts.data(), begins.data(), MPI_DOUBLE, rows.comm()));
  PetscCall(lathe::sketching::Replicate(system.b, &p->b));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscScalar *scalars(std::vector<double> &x) {
  return reinterpret_cast<PetscScalar *>(x.data()); // complex builds have been refused
}

// Factor for backward errors, and the exact solution where it is unique and within reach.
PetscErrorCode Judge(System *system) {
  LatheLeastSquaresOptions options;
  PetscInt m = 0, n = 0;
  PetscFunctionBeginUser;
  PetscCall(LatheLeastSquaresOptionsSetDefaults(&options));
  PetscCall(MatGetSize(system->a, &m, &n));
  system->judge = std::make_shared<lathe::sketching::LeastSquaresSolver>();
  if (!system->replicated) {
    PetscCall(system->judge->SetUp(system->a, nullptr, options));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  Problem &p = *system->replicated;
  PetscCall(MatCreateSeqDense(PETSC_COMM_SELF, m, n, scalars(p.a), system->whole.out()));
  PetscCall(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, m, scalars(p.b), system->whole_b.out()));
  PetscCall(system->judge->SetUp(system->whole, nullptr, options));
  const double products = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(n);
  if (m >= n && system->judge->rank() == n && products <= 2 * most_exact)
    system->exact = std::make_shared<Exact>(Exact{exact_solution(p)});
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

double forward_error(const System &system, const std::vector<double> &x) {
  return system.exact ? relative_error(x, system.exact->x)
                      : std::numeric_limits<double>::quiet_NaN();
}

PetscErrorCode SystemOf(MPI_Comm comm, Problem p, System *system) {
  PetscInt begin = 0, end = 0;
  PetscScalar *x = nullptr;
  PetscFunctionBeginUser;
  const auto m = static_cast<PetscInt>(p.m), n = static_cast<PetscInt>(p.n);
  PetscCall(MatCreateDense(comm, PETSC_DECIDE, PETSC_DECIDE, m, n, nullptr, system->a.out()));
  PetscCall(MatCreateVecs(system->a, nullptr, system->b.out()));
  PetscCall(MatGetOwnershipRange(system->a, &begin, &end));
  const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(end - begin);
  PetscCall(MatDenseGetArrayWrite(system->a, &x));
  for (std::size_t j = 0; j < p.n; ++j)
    std::copy_n(p.a.data() + j * p.m + first, count, x + j * count);
  PetscCall(MatDenseRestoreArrayWrite(system->a, &x));
  PetscCall(MatAssemblyBegin(system->a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(system->a, MAT_FINAL_ASSEMBLY));
  PetscCall(VecGetArrayWrite(system->b, &x));
  std::copy_n(p.b.data() + first, count, x);
  PetscCall(VecRestoreArrayWrite(system->b, &x));
  system->replicated = std::make_shared<Problem>(std::move(p));
  PetscCall(Judge(system));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Evaluate(const System &system, Vec x, PetscReal *residual_norm,
                        PetscReal *backward_error) {
  PetscFunctionBeginUser;
  if (!system.replicated) {
    PetscCall(system.judge->Evaluate(system.b, x, residual_norm, backward_error));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  std::vector<double> all;
  lathe::VecHandle whole;
  PetscCall(lathe::sketching::Replicate(x, &all));
  PetscCall(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, static_cast<PetscInt>(all.size()),
                                  scalars(all), whole.out()));
  PetscCall(system.judge->Evaluate(system.whole_b, whole, residual_norm, backward_error));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Complete(System *system) {
  PetscInt m = 0, n = 0;
  PetscFunctionBeginUser;
  PetscCall(MatGetSize(system->a, &m, &n));
  if (static_cast<double>(m) * static_cast<double>(n) <= most_replicated) {
    system->replicated = std::make_shared<Problem>();
    PetscCall(Gather(*system, system->replicated.get()));
  }
  PetscCall(Judge(system));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace least_squares
