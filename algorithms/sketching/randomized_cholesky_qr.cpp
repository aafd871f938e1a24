// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/randomized_cholesky_qr.h"
#include "core/citation.h"
#include "core/dense.h"
#include "core/error.h"
#include "sketching/normal_factor.h"
#include "sketching/replicate.h"
#include <algorithm>

namespace lathe::sketching {
namespace {

// Local rows of A·D·R₁⁻¹·C⁻¹ into q, column-major.
PetscErrorCode FillRows(const LocalRows &rows, const SketchedFactor &p,
                        const std::vector<double> &c, double *q, std::size_t ld) {
  PetscFunctionBegin;
  PetscCall(rows.Copy(0, rows.rows(), p.scale().data(), q, ld));
  if (rows.rows() > 0) {
    p.multiply_rows(rows.rows(), q, ld, q);
    dense::trsm('R', 'U', 'N', rows.rows(), p.cols(), c.data(), p.cols(), q, ld);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode RandomizedCholeskyQr(Mat A, const SketchSize &size, Mat *Q, std::vector<double> *R) {
  LocalRows rows;
  SketchedFactor p;
  NormalFactor factor;
  PetscInt m = 0, n = 0, local_m = 0, local_n = 0, ld = 0;
  bool definite = false;
  PetscFunctionBegin;
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscCall(Cite("HigginsSzyldBomanYamazaki2023"));
  PetscCall(MatGetSize(A, &m, &n));
  PetscCall(MatGetLocalSize(A, &local_m, &local_n));
  PetscCheck(m >= n, comm, PETSC_ERR_ARG_SIZ,
             "The matrix has %" PetscInt_FMT " rows and %" PetscInt_FMT
             " columns; a thin QR factorisation needs at least as many rows",
             m, n);
  PetscCall(rows.Create(A));
  PetscCall(p.Create(A, rows, nullptr, 0, size));
  if (p.zeros() == 0 && p.condition() < 1e18)
    PetscCall(factor.Create(rows, nullptr, p, &definite));
  PetscCheck(definite, comm, PETSC_ERR_ARG_WRONG,
             "The columns of the matrix are numerically dependent (condition about %.1e, zero "
             "columns %lld): they have no orthonormal basis of that size",
             p.condition(), static_cast<long long>(p.zeros()));
  std::vector<double> c = factor.triangle();
  c.resize(p.cols() * p.cols());
  PetscCall(CopyFromFirst(comm, c.data(), c.size()));
  MatHandle q;
  PetscScalar *x = nullptr;
  PetscCall(MatCreateDense(comm, local_m, local_n, m, n, nullptr, q.out()));
  PetscCall(MatDenseGetLDA(q, &ld));
  PetscCall(MatDenseGetArrayWrite(q, &x));
  PetscCall(FillRows(rows, p, c, doubles(x), static_cast<std::size_t>(std::max<PetscInt>(ld, 1))));
  PetscCall(MatDenseRestoreArrayWrite(q, &x));
  PetscCall(MatAssemblyBegin(q, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(q, MAT_FINAL_ASSEMBLY));
  *R = factor.root(p); // of A·D, on rank 0
  R->resize(p.cols() * p.cols());
  for (std::size_t j = 0; j < p.cols(); ++j)
    for (std::size_t i = 0; i <= j; ++i)
      (*R)[i + j * p.cols()] /= p.scale()[j];
  PetscCall(CopyFromFirst(comm, R->data(), R->size()));
  *Q = q.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
