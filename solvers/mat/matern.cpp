// SPDX-License-Identifier: BSD-2-Clause
// -mat_type matern: covariance matrix of sites, or its derivative by a parameter, as shell, dense
// or tapered sparse matrix. Every form adds the terms of a row in the order of the columns, so the
// products have the same bits in each of them and on every number of ranks.
#include "core/citation.h"
#include "core/error.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "mat/matern.h"
#include "solver_types.h"
#include <array>
#include <petsc/private/matimpl.h>

namespace {

using lathe::bessel::MaternParameters;
using namespace lathe::matern;

PetscObject object(Mat A) {
  return reinterpret_cast<PetscObject>(A);
}

PetscErrorCode CheckType(Mat A) {
  PetscBool same = PETSC_FALSE;
  PetscFunctionBegin;
  PetscValidHeaderSpecific(A, MAT_CLASSID, 1);
  PetscCall(PetscObjectTypeCompare(object(A), "matern", &same));
  PetscCheck(same, PetscObjectComm(object(A)), PETSC_ERR_ARG_WRONG,
             "Mat of another type; choose it with -mat_type matern");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode AssembleIfReady(Mat A) {
  PetscFunctionBegin;
  if (self_of(A).covariance)
    PetscCall(Assemble(A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatSetUp_Matern(Mat A) {
  Data &self = self_of(A);
  lathe::VecHandle x;
  PetscFunctionBegin;
  PetscCall(PetscLayoutSetUp(A->rmap));
  PetscCall(PetscLayoutSetUp(A->cmap));
  PetscCheck(A->rmap->N == A->cmap->N, PetscObjectComm(object(A)), PETSC_ERR_ARG_SIZ,
             "A matrix of type matern is square; it has %" PetscInt_FMT " rows and %" PetscInt_FMT
             " columns",
             A->rmap->N, A->cmap->N);
  PetscCall(lathe::Cite("Stein1999"));
  if (self.form == LATHE_MATERN_TAPER)
    PetscCall(lathe::Cite("FurrerGentonNychka2006"));
  PetscCall(CheckParameters(PetscObjectComm(object(A)), self));
  PetscCall(GatherSites(A, &self));
  PetscCall(MatCreateVecs(A, x.out(), nullptr));
  PetscCall(VecScatterCreateToAll(x, self.gather.out(), self.gathered.out()));
  PetscCall(Assemble(A));
  PetscCall(MatSetOption(A, MAT_SYMMETRIC, PETSC_TRUE));
  PetscCall(MatSetOption(A, MAT_SYMMETRY_ETERNAL, PETSC_TRUE));
  if (self.component == LATHE_MATERN_VALUE && self.parameters.nugget > 0)
    PetscCall(MatSetOption(A, MAT_SPD, PETSC_TRUE)); // without one, unless sites coincide
  A->preallocated = PETSC_TRUE;
  A->assembled = PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

void multiply_dense(const Data &self, std::size_t rows, const PetscScalar *x, PetscScalar *y) {
  for (std::size_t i = 0; i < rows; ++i)
    y[i] = 0;
  for (std::size_t j = 0; j < self.sites.count; ++j) {
    const double *column = self.dense.data() + j * rows;
    for (std::size_t i = 0; i < rows; ++i)
      y[i] += column[i] * x[j];
  }
}

void multiply_shell(const Data &self, std::size_t begin, std::size_t rows, const PetscScalar *x,
                    PetscScalar *y) {
  constexpr std::size_t tile = 256;
  double entries[tile];
  for (std::size_t i = 0; i < rows; ++i) {
    PetscScalar sum = 0;
    for (std::size_t j = 0; j < self.sites.count; j += tile) {
      const std::size_t size = std::min(tile, self.sites.count - j);
      self.covariance->row(self.sites, self.part(), begin + i, j, size, entries);
      for (std::size_t k = 0; k < size; ++k)
        sum += entries[k] * x[j + k];
    }
    y[i] = sum;
  }
}

PetscErrorCode MatMult_Matern(Mat A, Vec x, Vec y) {
  Data &self = self_of(A);
  const PetscScalar *in = nullptr;
  PetscScalar *out = nullptr;
  const auto rows = static_cast<std::size_t>(A->rmap->n);
  PetscFunctionBegin;
  PetscCheck(self.covariance, PetscObjectComm(object(A)), PETSC_ERR_ARG_WRONGSTATE,
             "Call MatSetUp first");
  PetscCall(VecGetArrayWrite(y, &out));
  if (self.form == LATHE_MATERN_TAPER) {
    PetscCall(VecGetArrayRead(x, &in));
    PetscCall(self.rows.Multiply(in, out));
    PetscCall(VecRestoreArrayRead(x, &in));
    PetscCall(PetscLogFlops(2.0 * static_cast<double>(self.rows.entries())));
  } else {
    PetscCall(VecScatterBegin(self.gather, x, self.gathered, INSERT_VALUES, SCATTER_FORWARD));
    PetscCall(VecScatterEnd(self.gather, x, self.gathered, INSERT_VALUES, SCATTER_FORWARD));
    PetscCall(VecGetArrayRead(self.gathered, &in));
    if (self.form == LATHE_MATERN_DENSE)
      multiply_dense(self, rows, in, out);
    else
      multiply_shell(self, static_cast<std::size_t>(A->rmap->rstart), rows, in, out);
    PetscCall(VecRestoreArrayRead(self.gathered, &in));
    PetscCall(PetscLogFlops(2.0 * static_cast<double>(rows * self.sites.count)));
  }
  PetscCall(VecRestoreArrayWrite(y, &out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatGetDiagonal_Matern(Mat A, Vec diagonal) {
  const Data &self = self_of(A);
  PetscFunctionBegin;
  double value = 0; // the same for all: distance 0
  self.covariance->row(self.sites, self.part(), std::size_t{0}, std::size_t{0},
                       self.sites.count > 0 ? 1 : 0, &value);
  PetscCall(VecSet(diagonal, value));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatGetRow_Matern(Mat A, PetscInt row, PetscInt *count, PetscInt **columns,
                                PetscScalar **values) {
  Data &self = self_of(A);
  PetscFunctionBegin;
  if (self.form == LATHE_MATERN_TAPER) {
    const PetscInt *c = nullptr;
    const PetscScalar *v = nullptr;
    PetscInt found = 0;
    PetscCall(MatGetRow(self.sparse, row, &found, &c, &v));
    LatheGuard(PETSC_COMM_SELF, {
      self.columns.assign(c, c + found);
      self.values.assign(v, v + found);
    });
    PetscCall(MatRestoreRow(self.sparse, row, &found, &c, &v));
  } else {
    const std::size_t n = self.sites.count;
    LatheGuard(PETSC_COMM_SELF, {
      std::vector<double> entries(n);
      self.covariance->row(self.sites, self.part(), static_cast<std::size_t>(row), std::size_t{0},
                           n, entries.data());
      self.values.assign(entries.begin(), entries.end());
      self.columns.resize(n);
      for (std::size_t j = 0; j < n; ++j)
        self.columns[j] = static_cast<PetscInt>(j);
    });
  }
  *count = static_cast<PetscInt>(self.columns.size());
  if (columns)
    *columns = self.columns.data();
  if (values)
    *values = self.values.data();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatRestoreRow_Matern(Mat, PetscInt, PetscInt *, PetscInt **, PetscScalar **) {
  return PETSC_SUCCESS;
}

// New matrix of the same sites; `component` of it.
PetscErrorCode CreateAlike(Mat A, LatheMaternComponent component, Mat *B) {
  const Data &self = self_of(A);
  PetscObject coordinates = nullptr;
  PetscFunctionBegin;
  PetscCall(MatCreate(PetscObjectComm(object(A)), B));
  PetscCall(MatSetSizes(*B, A->rmap->n, A->cmap->n, A->rmap->N, A->cmap->N));
  PetscCall(MatSetType(*B, "matern"));
  Data &other = self_of(*B);
  other.parameters = self.parameters;
  other.form = self.form;
  other.taper = self.taper;
  other.component = component;
  PetscCall(PetscObjectQuery(object(A), "coordinates", &coordinates));
  PetscCall(PetscObjectCompose(object(*B), "coordinates", coordinates));
  PetscCall(MatSetUp(*B));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatDuplicate_Matern(Mat A, MatDuplicateOption, Mat *B) {
  PetscFunctionBegin;
  PetscCall(CreateAlike(A, self_of(A).component, B));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ConvertToDense(Mat A, MatType, MatReuse reuse, Mat *B) {
  Data &self = self_of(A);
  const MPI_Comm comm = PetscObjectComm(object(A));
  const auto rows = static_cast<std::size_t>(A->rmap->n);
  lathe::MatHandle created;
  Mat dense = nullptr;
  PetscScalar *out = nullptr;
  PetscInt stride = 0;
  PetscFunctionBegin;
  PetscCheck(self.covariance, comm, PETSC_ERR_ARG_WRONGSTATE, "Call MatSetUp first");
  if (reuse == MAT_REUSE_MATRIX) {
    dense = *B;
  } else {
    PetscCall(MatCreateDense(comm, A->rmap->n, A->cmap->n, A->rmap->N, A->cmap->N, nullptr,
                             created.out()));
    dense = created;
  }
  PetscCall(MatDenseGetLDA(dense, &stride));
  PetscCall(MatDenseGetArrayWrite(dense, &out));
  LatheGuard(comm, {
    std::vector<double> row(self.sites.count);
    for (std::size_t i = 0; i < rows; ++i) {
      self.covariance->row(self.sites, self.part(), static_cast<std::size_t>(A->rmap->rstart) + i,
                           std::size_t{0}, row.size(), row.data());
      for (std::size_t j = 0; j < row.size(); ++j)
        out[i + j * static_cast<std::size_t>(stride)] = row[j];
    }
  });
  PetscCall(MatDenseRestoreArrayWrite(dense, &out));
  PetscCall(MatAssemblyBegin(dense, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(dense, MAT_FINAL_ASSEMBLY));
  PetscCall(MatSetOption(dense, MAT_SYMMETRIC, PETSC_TRUE));
  PetscCall(MatSetOption(dense, MAT_SYMMETRY_ETERNAL, PETSC_TRUE));
  if (reuse == MAT_INPLACE_MATRIX) {
    Mat replacement = created.release();
    PetscCall(MatHeaderReplace(A, &replacement));
  } else if (reuse == MAT_INITIAL_MATRIX) {
    *B = created.release();
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ConvertToAij(Mat A, MatType, MatReuse reuse, Mat *B) {
  const Data &self = self_of(A);
  PetscFunctionBegin;
  PetscCheck(self.form == LATHE_MATERN_TAPER && self.sparse, PetscObjectComm(object(A)),
             PETSC_ERR_SUP,
             "Only the taper form is sparse (-mat_matern_form taper); convert to MATDENSE instead");
  if (reuse == MAT_REUSE_MATRIX) {
    PetscCall(MatCopy(self.sparse, *B, SAME_NONZERO_PATTERN));
  } else {
    Mat copy = nullptr;
    PetscCall(MatDuplicate(self.sparse, MAT_COPY_VALUES, &copy));
    if (reuse == MAT_INPLACE_MATRIX)
      PetscCall(MatHeaderReplace(A, &copy));
    else
      *B = copy;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatSetFromOptions_Matern(Mat A, LatheOptionItems PetscOptionsObject) {
  const std::array<const char *, 3> forms = {"shell", "dense", "taper"};
  Data &self = self_of(A);
  MaternParameters &p = self.parameters;
  PetscReal taper = static_cast<PetscReal>(self.taper);
  PetscInt form = self.form;
  PetscBool set = PETSC_FALSE;
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "Matern covariance options");
  PetscCall(PetscOptionsReal("-mat_matern_nu", "smoothness, > 0", "LatheMatMaternSetParameters",
                             p.smoothness, &p.smoothness, nullptr));
  PetscCall(PetscOptionsReal("-mat_matern_range", "in units of the coordinates, > 0",
                             "LatheMatMaternSetParameters", p.range, &p.range, nullptr));
  PetscCall(PetscOptionsReal("-mat_matern_variance", "without the nugget, > 0",
                             "LatheMatMaternSetParameters", p.variance, &p.variance, nullptr));
  PetscCall(PetscOptionsReal("-mat_matern_nugget", "added to the diagonal, >= 0",
                             "LatheMatMaternSetParameters", p.nugget, &p.nugget, nullptr));
  PetscCall(PetscOptionsEList("-mat_matern_form", "how the entries are kept",
                              "LatheMatMaternSetForm", forms.data(), 3, forms.at(self.form), &form,
                              &set));
  if (set)
    self.form = static_cast<LatheMaternForm>(form);
  PetscCall(PetscOptionsReal("-mat_matern_taper", "radius of the taper, > 0",
                             "LatheMatMaternSetForm", taper, &taper, nullptr));
  PetscOptionsHeadEnd();
  self.taper = static_cast<double>(taper);
  PetscCall(AssembleIfReady(A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatView_Matern(Mat A, PetscViewer viewer) {
  const std::array<const char *, 3> forms = {"shell", "dense", "taper"};
  const Data &self = self_of(A);
  const MaternParameters &p = self.parameters;
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(
      PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (!ascii)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscViewerASCIIPrintf(
      viewer, "Matern covariance, %s: nu %.17g, range %.17g, variance %.17g, nugget %.17g\n",
      forms.at(self.form), p.smoothness, p.range, p.variance, p.nugget));
  if (self.form == LATHE_MATERN_TAPER)
    PetscCall(PetscViewerASCIIPrintf(viewer, "  taper radius %.17g, entries of this rank %lld\n",
                                     self.taper, static_cast<long long>(self.rows.entries())));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode MatDestroy_Matern(Mat A) {
  PetscFunctionBegin;
  for (const char *name : {"MatConvert_matern_dense_C", "MatConvert_matern_aij_C"})
    PetscCall(PetscObjectComposeFunction(object(A), name, nullptr));
  delete static_cast<Data *>(A->data);
  A->data = nullptr;
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode MatCreate_Matern(Mat A) {
  PetscFunctionBegin;
  auto *self = new (std::nothrow) Data;
  PetscCheck(self, PETSC_COMM_SELF, PETSC_ERR_MEM, "No memory for the context of a Mat");
  A->data = self;
  A->ops->setup = MatSetUp_Matern;
  A->ops->mult = MatMult_Matern;
  A->ops->multtranspose = MatMult_Matern;
  A->ops->getdiagonal = MatGetDiagonal_Matern;
  A->ops->getrow = MatGetRow_Matern;
  A->ops->restorerow = MatRestoreRow_Matern;
  A->ops->duplicate = MatDuplicate_Matern;
  A->ops->setfromoptions = MatSetFromOptions_Matern;
  A->ops->view = MatView_Matern;
  A->ops->destroy = MatDestroy_Matern;
  PetscCall(PetscObjectComposeFunction(object(A), "MatConvert_matern_dense_C", ConvertToDense));
  PetscCall(PetscObjectComposeFunction(object(A), "MatConvert_matern_aij_C", ConvertToAij));
  PetscCall(PetscObjectChangeTypeName(object(A), "matern"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatMaternSetCoordinates(Mat A, Vec coordinates) {
  PetscFunctionBegin;
  PetscCall(CheckType(A));
  PetscValidHeaderSpecific(coordinates, VEC_CLASSID, 2);
  PetscCall(
      PetscObjectCompose(object(A), "coordinates", reinterpret_cast<PetscObject>(coordinates)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatMaternSetParameters(Mat A, PetscReal nu, PetscReal range, PetscReal variance,
                                           PetscReal nugget) {
  PetscFunctionBegin;
  PetscCall(CheckType(A));
  Data &self = self_of(A);
  const MaternParameters before = self.parameters;
  self.parameters = {.variance = static_cast<double>(variance),
                     .range = static_cast<double>(range),
                     .smoothness = static_cast<double>(nu),
                     .nugget = static_cast<double>(nugget)};
  const PetscErrorCode verdict = CheckParameters(PetscObjectComm(object(A)), self);
  if (verdict) // refused: the matrix stays what it was
    self.parameters = before;
  PetscCall(verdict);
  PetscCall(AssembleIfReady(A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatMaternGetParameters(Mat A, PetscReal *nu, PetscReal *range,
                                           PetscReal *variance, PetscReal *nugget) {
  PetscFunctionBegin;
  PetscCall(CheckType(A));
  const MaternParameters &p = self_of(A).parameters;
  if (nu)
    *nu = p.smoothness;
  if (range)
    *range = p.range;
  if (variance)
    *variance = p.variance;
  if (nugget)
    *nugget = p.nugget;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatMaternSetForm(Mat A, LatheMaternForm form, PetscReal taper) {
  PetscFunctionBegin;
  PetscCall(CheckType(A));
  PetscCheck(form == LATHE_MATERN_SHELL || form == LATHE_MATERN_DENSE || form == LATHE_MATERN_TAPER,
             PetscObjectComm(object(A)), PETSC_ERR_ARG_OUTOFRANGE,
             "Form %d; there are shell (0), dense (1) and taper (2)", static_cast<int>(form));
  self_of(A).form = form;
  if (form == LATHE_MATERN_TAPER)
    self_of(A).taper = static_cast<double>(taper);
  PetscCall(AssembleIfReady(A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatMaternCreateDerivative(Mat A, LatheMaternComponent component, Mat *D) {
  PetscFunctionBegin;
  PetscCall(CheckType(A));
  PetscCheck(component >= LATHE_MATERN_VALUE && component <= LATHE_MATERN_BY_NUGGET,
             PetscObjectComm(object(A)), PETSC_ERR_ARG_OUTOFRANGE,
             "Component %d; there are value (0) and the derivatives by variance, range, "
             "smoothness and nugget (1 to 4)",
             static_cast<int>(component));
  PetscCall(CreateAlike(A, component, D));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatCreateMatern(MPI_Comm comm, Vec coordinates, PetscReal nu, PetscReal range,
                                    PetscReal variance, PetscReal nugget, LatheMaternForm form,
                                    PetscReal taper, Mat *A) {
  lathe::MatHandle matrix;
  PetscInt local = 0;
  PetscInt dimension = 1;
  PetscFunctionBegin;
  PetscValidHeaderSpecific(coordinates, VEC_CLASSID, 2);
  PetscCall(LatheInitializePackage());
  PetscCall(VecGetLocalSize(coordinates, &local));
  PetscCall(VecGetBlockSize(coordinates, &dimension));
  PetscCall(MatCreate(comm, matrix.out()));
  PetscCall(
      MatSetSizes(matrix, local / dimension, local / dimension, PETSC_DETERMINE, PETSC_DETERMINE));
  PetscCall(MatSetType(matrix, "matern"));
  PetscCall(LatheMatMaternSetCoordinates(matrix, coordinates));
  PetscCall(LatheMatMaternSetParameters(matrix, nu, range, variance, nugget));
  PetscCall(LatheMatMaternSetForm(matrix, form, taper));
  PetscCall(MatSetUp(matrix));
  *A = matrix.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}
