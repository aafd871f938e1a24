// SPDX-License-Identifier: BSD-2-Clause
// What LeastSquaresSolver does once for a matrix.
#include "core/citation.h"
#include "core/error.h"
#include "core/random.h"
#include "sketching/least_squares_options.h"
#include "sketching/least_squares_solver.h"
#include <algorithm>
#include <cmath>

namespace lathe::sketching {
namespace {

PetscErrorCode Transposed(Mat A, Mat *out) {
  PetscFunctionBegin;
  PetscCall(MatTranspose(A, MAT_INITIAL_MATRIX, out));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Rows of the sketch over columns of A, as many as save more iterations, 57/ln f of them, than they
// cost. Dense: up to 2400 rows little, as long as blocks of 1024 rows of A hit all of them several
// times; beyond, 12 as in the paper. Sparse: the QR factorisation of S·A, 0.1·f·n³ nanoseconds
// beside 2.5 for each entry and 0.3·n² in each iteration. Products only: f·n products beside two in
// each iteration. The heavy ball, which no distortion beyond the expected may leave, takes 6.
double default_factor(const LocalRows &rows, LatheLeastSquaresMethod method) {
  const auto n = static_cast<double>(std::max<std::size_t>(rows.cols(), 1));
  if (method == LATHE_LS_PNE)
    return 2;
  if (rows.has_entries() && rows.dense())
    return std::max(12.0, std::min(32.0, 2400 / n));
  const double gain =
      rows.has_entries() ? 57 * (2.5 * rows.entries() + 0.3 * n * n) / (0.1 * n * n * n) : 114 / n;
  double f = method != LATHE_LS_SPIR ? 6 : rows.has_entries() ? 3 : 2;
  while (f < 12 && f * std::pow(std::log(f), 2) < gain)
    f += 0.5;
  return f;
}

// MATNORMAL may be scaled (MatScale, MatDiagonalScale) and does not tell.
PetscErrorCode CheckNormal(Mat normal, Mat A) {
  constexpr std::uint64_t stream = 0x4e4f524d414c0000;
  VecHandle x, ax, ata, whole;
  PetscInt begin = 0, end = 0;
  PetscReal size = 0, off = 0;
  PetscScalar *values = nullptr;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(A, x.out(), ax.out()));
  PetscCall(VecDuplicate(x, ata.out()));
  PetscCall(VecDuplicate(x, whole.out()));
  PetscCall(VecGetOwnershipRange(x, &begin, &end));
  PetscCall(VecGetArrayWrite(x, &values));
  for (PetscInt i = begin; i < end; ++i)
    values[i - begin] = random::normal(0, stream, static_cast<std::uint64_t>(i));
  PetscCall(VecRestoreArrayWrite(x, &values));
  PetscCall(MatMult(A, x, ax));
  PetscCall(MatMultTranspose(A, ax, ata));
  PetscCall(MatMult(normal, x, whole));
  PetscCall(VecNorm(ata, NORM_INFINITY, &size));
  PetscCall(VecAXPY(whole, -1, ata));
  PetscCall(VecNorm(whole, NORM_INFINITY, &off));
  PetscCheck(!(off > 1e-6 * size), PetscObjectComm(reinterpret_cast<PetscObject>(A)), PETSC_ERR_SUP,
             "The MATNORMAL is scaled: it is not A^T A of the matrix inside; scale that instead");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WarnOfFewRows(const LocalRows &rows, double factor) {
  PetscFunctionBegin;
  const auto n = static_cast<double>(rows.cols());
  if (factor * n < n + 8 && n + 8 < static_cast<double>(rows.global_rows()))
    PetscCall(PetscFPrintf(rows.comm(), PETSC_STDERR,
                           "lathe: warning: factor %g asks for a sketch of %.0f rows for %zu "
                           "columns; it gets %zu\n",
                           factor, std::ceil(factor * n), rows.cols(), rows.cols() + 8));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

double LeastSquaresSolver::rank_cut() const {
  return 0x1p-52 * std::max(8.0, std::sqrt(static_cast<double>(p_.cols())));
}

PetscErrorCode LeastSquaresSolver::TakeWeights(Vec weights) {
  PetscFunctionBegin;
  weight_.clear();
  if (!weights)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCheck(!wide_, rows_.comm(), PETSC_ERR_SUP,
             "Weights need at least as many rows as columns: fewer equations are all satisfied, "
             "whatever their weights");
  PetscCheck(!normal_, rows_.comm(), PETSC_ERR_SUP,
             "Weights belong to the rows of A, not of A^T A; give A as the matrix");
  PetscInt local = 0;
  PetscCall(VecGetLocalSize(weights, &local));
  LatheCheckAll(rows_.comm(), static_cast<std::size_t>(local) == rows_.rows(), PETSC_ERR_ARG_SIZ,
                "%" PetscInt_FMT " weights on this rank for %lld rows of the matrix", local,
                static_cast<long long>(rows_.rows()));
  const VecRead read(weights);
  weight_.assign(read.data(), read.data() + local);
  const auto bad = std::find_if(weight_.begin(), weight_.end(),
                                [](double w) { return !(w >= 0 && std::isfinite(w)); });
  LatheCheckAll(rows_.comm(), bad == weight_.end(), PETSC_ERR_FP,
                "Weight %lld is %g: weights must be >= 0 and finite",
                static_cast<long long>(rows_.first_row() + (bad - weight_.begin())),
                bad == weight_.end() ? 0.0 : *bad);
  double largest = 0;
  for (const double w : weight_)
    largest = std::max(largest, w);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, rows_.comm()));
  weight_exponent_ = largest > 0 ? std::ilogb(largest) >> 1 : 0;
  for (double &w : weight_)
    w = std::scalbn(w, -2 * weight_exponent_);
  ridge_ = std::scalbn(ridge_, -2 * weight_exponent_);
  PetscCheck(std::isfinite(ridge_), rows_.comm(), PETSC_ERR_ARG_OUTOFRANGE,
             "The ridge %g is too large beside weights of at most %g",
             static_cast<double>(options_.ridge), largest);
  weight_.resize(std::max<std::size_t>(weight_.size(), 1)); // empty: no weights on any rank
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The matrix to factor: A, its transpose where it is wide, or what is inside A = MATNORMAL.
PetscErrorCode LeastSquaresSolver::TakeMatrix(Mat A, Mat *tall) {
  PetscBool normal = PETSC_FALSE, hermitian = PETSC_FALSE;
  PetscInt m = 0, n = 0;
  PetscFunctionBegin;
  A_ = A;
  const auto object = reinterpret_cast<PetscObject>(A);
  PetscCall(PetscObjectTypeCompare(object, MATNORMAL, &normal));
  PetscCall(PetscObjectTypeCompare(object, MATNORMALHERMITIAN, &hermitian));
  normal_ = normal || hermitian;
  if (normal_) {
    Mat inner = nullptr;
    PetscCall((normal ? MatNormalGetMat : MatNormalHermitianGetMat)(A, &inner));
    PetscCall(CheckNormal(A, inner));
    A = inner;
  }
  PetscCall(MatGetSize(A, &m, &n));
  wide_ = m < n && !normal_;
  PetscCall(rows_.Create(A));
  if (wide_) {
    PetscCall((rows_.has_entries() ? Transposed : MatCreateTranspose)(A, adjoint_.out()));
    A = adjoint_;
    PetscCall(rows_.Create(A));
  }
  *tall = A;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// What is known by products only: spir and fossils in one double, unless it is so small that A
// itself is factored.
PetscErrorCode LeastSquaresSolver::TakeProducts(double factor, Mat *tall) {
  PetscFunctionBegin;
  if (rows_.has_entries())
    PetscFunctionReturn(PETSC_SUCCESS);
  if (rows_wanted(factor, rows_.cols()) >= static_cast<double>(rows_.global_rows())) {
    PetscCall(MatComputeOperator(*tall, MATDENSE, entries_.out()));
    *tall = entries_;
    PetscCall(rows_.Create(*tall));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const char *type = nullptr;
  PetscCall(MatGetType(*tall, &type));
  PetscCheck(options_.method != LATHE_LS_PNE, rows_.comm(), PETSC_ERR_SUP,
             "pne reads the rows of the matrix, and type %s has products only; use spir or fossils",
             type);
  PetscCheck(options_.refine != LATHE_REFINE_DD && options_.refine != LATHE_REFINE_QUAD,
             rows_.comm(), PETSC_ERR_SUP,
             "Refinement %s reads the rows of the matrix, and type %s has products only, in one "
             "double; use double",
             LatheRefineName(options_.refine), type);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LeastSquaresSolver::SetUp(Mat A, Vec weights,
                                         const LatheLeastSquaresOptions &options) {
  PetscFunctionBegin;
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscCall(CheckLeastSquaresOptions(comm, "-lathe_ls_", options));
  options_ = options;
  ridge_ = static_cast<double>(options.ridge);
  weight_exponent_ = 0;
  PetscCall(Cite("Bjorck1967 OgitaRumpOishi2005 KarlsonWalden1997"));
  if (options.method == LATHE_LS_PNE)
    PetscCall(Cite("Ipsen2025"));
  else if (options.method == LATHE_LS_ITERATIVE_SKETCHING)
    PetscCall(Cite("Epperly2024"));
  else if (options.method != LATHE_LS_SKETCH_AND_SOLVE)
    PetscCall(Cite("EpperlyMeierNakatsukasa2024"));
  PetscCall(TakeMatrix(A, &A));
  PetscCheck(options.method <= LATHE_LS_FOSSILS || !(wide_ || normal_), comm, PETSC_ERR_SUP,
             "%s solves for a matrix with at least as many rows as columns; use pne, spir or "
             "fossils",
             LatheLeastSquaresMethodName(options.method));
  const double factor = options.factor > 0 ? static_cast<double>(options.factor)
                                           : default_factor(rows_, options.method);
  if (options.factor > 0)
    PetscCall(WarnOfFewRows(rows_, factor));
  PetscCall(TakeProducts(factor, &A));
  if (options_.refine == LATHE_REFINE_AUTO)
    options_.refine = rows_.has_entries() ? LATHE_REFINE_DD : LATHE_REFINE_DOUBLE;
  PetscCall(TakeWeights(weights));
  const bool pne = options.method == LATHE_LS_PNE;
  SketchKind kind = options.method != LATHE_LS_SKETCH_AND_SOLVE ? SketchKind::SparseStack
                    : rows_.has_entries() && rows_.dense()      ? SketchKind::Srht
                                                                : SketchKind::Gaussian;
  if (options.sketch)
    least_squares_sketch(options.sketch, &kind);
  const bool dense = pne || (rows_.has_entries() && rows_.dense());
  PetscCall(p_.Create(A, rows_, weight_.empty() ? nullptr : weight_.data(), ridge_,
                      {.factor = factor,
                       .nonzeros = options.nonzeros > 0 ? static_cast<int>(options.nonzeros)
                                   : dense              ? 8
                                                        : 4,
                       .seed = options.seed,
                       .kind = kind,
                       .keep = !pne && !target_given()}));
  if (!(p_.condition() < 1 / rank_cut()))
    PetscCall(p_.Truncate(rank_cut()));
  PetscCall(Factor());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// C, for pne only; and the triangular factor that backward errors need.
PetscErrorCode LeastSquaresSolver::Factor() {
  bool definite = false;
  int me = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(rows_.comm(), &me));
  if (options_.method != LATHE_LS_PNE) {
    if (me == 0)
      root_ = p_.r();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const double *weight = weight_.empty() ? nullptr : weight_.data();
  PetscCall(factor_.Create(rows_, weight, p_, &definite));
  for (double cut = 1e-13; !definite && cut < 1; cut *= 100) {
    PetscCall(p_.Truncate(cut));
    PetscCall(factor_.Create(rows_, weight, p_, &definite));
  }
  PetscCheck(definite, rows_.comm(), PETSC_ERR_LIB,
             "The Gram matrix of the sketched basis is not positive definite; take a larger sketch "
             "(-lathe_ls_factor, now %g)",
             1 / std::max(p_.ratio(), 1e-300));
  if (me == 0)
    root_ = p_.triangular() ? factor_.root(p_) : p_.r();
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
