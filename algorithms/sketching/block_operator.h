// SPDX-License-Identifier: BSD-2-Clause
// A square PETSc matrix applied to several vectors at once.
#pragma once
#include "core/handle.h"
#include "core/row_matrix.h"
#include "sketching/multivector.h"
#include <functional>

namespace lathe::sketching {

/// Columns of a multivector to and from Vecs of one layout.
class ColumnLayout {
public:
  /// The layout of x. Collective.
  PetscErrorCode Create(Vec x);
  /// The layout of both sides of a square matrix.
  /// Collective on A. err  ARG_SIZ A is not square or empty, or its row and column layouts differ;
  /// SUP complex scalars
  PetscErrorCode Create(Mat A);
  /// Collective; exact copies.
  PetscErrorCode FromVec(Vec x, double *column);
  PetscErrorCode ToVec(const double *column, Vec x);
  /// All columns of a MATDENSE of this layout.
  PetscErrorCode FromDense(Mat X, TallView columns);
  PetscErrorCode ToDense(TallView columns, Mat X);
  [[nodiscard]] const RowBlocks &rows() const { return rows_; }
  /// Some rank has other rows in the blocks than in the Vecs. The same on every rank.
  [[nodiscard]] bool moves() const { return to_vec_.get() != nullptr; }

private:
  RowBlocks rows_;
  VecHandle blocks_;
  ScatterHandle to_vec_, from_vec_; // null where the layouts agree
};

class BlockOperator {
public:
  /// Matrices with rows (AIJ, BAIJ) are copied by rows, dense ones too where there are several
  /// ranks: products are then class R0. A shell gets all columns at once (MatMatMult, which is
  /// MatMult for each where it knows no better), any other type MatMult, column by column; both are
  /// as reproducible as that. Collective on A, which must outlive *this. err  ARG_SIZ A is not
  /// square or empty; SUP complex scalars; FP an entry is not finite
  PetscErrorCode Create(Mat A);

  /// Y ← A·X; both of layout rows(). Collective.
  /// err  FP when the product holds NaN or an infinity; the message names the row; stop_error
  ///      (core/interruption.h)
  PetscErrorCode Apply(TallView X, TallView Y);

  [[nodiscard]] const RowBlocks &rows() const { return layout_.rows(); }
  [[nodiscard]] std::int64_t order() const { return rows().rows(); }
  [[nodiscard]] MPI_Comm comm() const { return rows().comm(); }
  /// Products with one vector so far.
  [[nodiscard]] long long matvecs() const { return matvecs_; }

  [[nodiscard]] ColumnLayout &layout() { return layout_; }

private:
  enum class Kind { rows, dense, shell, other };
  PetscErrorCode CopyRows(Mat A);
  PetscErrorCode CopyDense(Mat A);
  PetscErrorCode ApplyRows(TallView X, TallView Y);
  PetscErrorCode ApplyDense(TallView X, TallView Y);
  PetscErrorCode ApplyShell(TallView X, TallView Y);
  PetscErrorCode ApplyColumn(const double *x, double *y);

  Mat A_ = nullptr; // not owned
  Kind kind_ = Kind::other;
  ColumnLayout layout_;
  VecHandle x_, y_;
  RowMatrix entries_;
  std::vector<double> dense_; // local rows of A, column-major; unused on one rank
  long long matvecs_ = 0;
};

/// Y ← A·X on columns of one layout.
using ColumnProduct = std::function<PetscErrorCode(TallView X, TallView Y)>;

/// Products with 2⁻ᵉA, where e brings the largest entry of the first product that is not zero to
/// [½, 1): then no square of theirs overflows, or underflows to nothing, whatever the size of A.
/// Scaling by powers of two changes no bit of what is not subnormal.
class ScaledProduct {
public:
  explicit ScaledProduct(ColumnProduct product) : product_(std::move(product)) {}
  /// Collective; one Allreduce more than the product until e is known.
  PetscErrorCode Apply(TallView X, TallView Y);
  [[nodiscard]] int exponent() const { return exponent_; }

private:
  ColumnProduct product_;
  int exponent_ = 0;
  bool known_ = false;
};

} // namespace lathe::sketching
