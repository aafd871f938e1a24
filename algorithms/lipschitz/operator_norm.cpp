// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/operator_norm.h"
#include "core/citation.h"
#include "core/error.h"
#include "core/exact_sum.h"
#include "lipschitz/direct_bound.h"
#include "lipschitz/gram_rows.h"
#include "lipschitz/norm_options.h"
#include "lipschitz/norm_witness.h"
#include "lipschitz/rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::lipschitz {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr int first_absolute_steps = 20;
constexpr int later_absolute_steps = 200; // 2 products each; power-law graphs reach 1e-15 there
constexpr int lanczos_batch = 10;
constexpr int lanczos_trial = 20;         // steps after which the rate of convergence is judged
constexpr PetscInt largest_dense = 46340; // its square is the largest 32-bit count of MPI

// 2^e·x rounded in the stated direction: inexact only for subnormal results and overflow.
double unscale_up(double x, int e) {
  const double y = std::ldexp(x, e);
  return std::isfinite(y) && std::ldexp(y, -e) < x ? up(y) : y;
}
double unscale_down(double x, int e) {
  const double y = std::ldexp(x, e);
  if (std::isinf(y))
    return std::numeric_limits<double>::max();
  return std::ldexp(y, -e) > x ? down(y) : y;
}

void add_square(ExactSum &sum, PetscScalar z) {
  sum.add_product(PetscRealPart(z), PetscRealPart(z));
  if constexpr (complex_scalars)
    sum.add_product(PetscImaginaryPart(z), PetscImaginaryPart(z));
}

} // namespace

NormSearch::NormSearch(LinearOperator &A, const LatheNormOptions &options)
    : A_(A), options_(options), start_(MPI_Wtime()) {
  upper_.fill({infinity, 0, "none"});
  const auto n = static_cast<double>(std::min(A.global_rows(), A.global_columns()));
  const double floor = failure_probability_floor(n, complex_scalars);
  while (std::pow(options.failure_probability, 1.0 / repeats_) < floor)
    ++repeats_;
}

void NormSearch::offer(Certificate kind, double upper, const char *method,
                       double failure_probability) {
  if (upper < upper_[kind].value)
    upper_[kind] = {upper, failure_probability, method};
}

// Of the acceptable kinds the strongest that meets the tolerance, else the tightest; a weaker kind
// only when there is no other.
Certificate NormSearch::best_kind() const {
  int best = LATHE_CERTIFICATE_RIGOROUS;
  for (int kind = 0; kind < 3 && acceptable(static_cast<Certificate>(kind)); ++kind) {
    if (meets(upper_[kind].value))
      return static_cast<Certificate>(kind);
    if (upper_[kind].value < upper_[best].value)
      best = kind;
  }
  for (int kind = 0; kind < 3 && std::isinf(upper_[best].value); ++kind)
    best = kind;
  return static_cast<Certificate>(best);
}

bool NormSearch::done() const {
  const Certificate kind = best_kind();
  return acceptable(kind) && meets(upper_[kind].value);
}

bool NormSearch::downgraded() const {
  return !acceptable(best_kind());
}

NormBracket NormSearch::result() const {
  const Certificate kind = best_kind();
  const Upper &u = upper_[kind];
  const int e = A_.exponent();
  // Rounding may leave a true upper bound an ulp below a rounded lower one of a shell.
  const double upper = std::max(u.value, lower_);
  return {unscale_down(lower_, e),
          unscale_up(upper, e),
          kind,
          u.failure_probability,
          u.method,
          gram_steps_,
          A_.products()};
}

PetscErrorCode NormSearch::Report(const char *stage) {
  PetscFunctionBegin;
  const NormBracket b = result();
  const LatheNormStep step = {stage,        b.lower, b.upper, b.certificate, MPI_Wtime() - start_,
                              A_.products()};
  PetscCall(PetscInfo(nullptr, "%s: lower %.17g upper %.17g %s after %g s, %lld products\n", stage,
                      b.lower, b.upper, name(b.certificate), step.seconds, step.products));
  if (options_.print)
    PetscCall(PetscPrintf(
        A_.comm(), "  norm %-16s lower %.16e upper %.16e %-13s %9.3e s %6lld products\n", stage,
        b.lower, b.upper, name(b.certificate), step.seconds, step.products));
  if (options_.monitor)
    PetscCall(options_.monitor(&step, options_.monitor_context));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NormSearch::OfferVector(const std::vector<PetscScalar> &x) {
  double lower = 0;
  PetscFunctionBegin;
  PetscCall(LowerBound(A_, x, &lower));
  if (lower > lower_ || !has_witness_) {
    lower_ = std::max(lower_, lower);
    witness_ = x;
    has_witness_ = true;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// One row or one column: the norm of a vector, to the last bit.
PetscErrorCode NormSearch::SmallestShape() {
  ExactSum sum;
  PetscFunctionBegin;
  const bool row = A_.global_rows() == 1;
  const RowMatrix &a = A_.matrix(false);
  for (std::size_t k = 0; k < a.entries(); ++k)
    add_square(sum, a.value(k));
  PetscCall(ExactSum::AllReduce(A_.comm(), &sum, 1));
  const double root = std::sqrt(sum.value());
  sum.add_product(root, -root);
  const double remainder = sum.value();
  lower_ = remainder >= 0 ? root : down(root);
  offer(LATHE_CERTIFICATE_RIGOROUS, remainder <= 0 ? root : up(root), "vector");
  // Witness: 1, or the conjugated row.
  const PetscScalar one = 1;
  std::vector<PetscScalar> y(A_.domain(true), one);
  witness_.assign(A_.domain(false), one);
  if (row)
    PetscCall(A_.Apply(true, y.data(), witness_.data()));
  PetscCall(Report("vector"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The unit vector of a column that holds the largest entry: a witness before any iteration, for
// matrices whose first bounds already meet (diagonal ones, signed permutations). Its image is a
// column of A, whose norm is correct to the last bit.
PetscErrorCode NormSearch::LargestEntryColumn() {
  const RowMatrix &a = A_.matrix(false);
  PetscInt mine = std::numeric_limits<PetscInt>::max(), column = mine;
  PetscFunctionBegin;
  for (std::size_t k = 0; k < a.entries(); ++k)
    if (std::max(std::abs(PetscRealPart(a.value(k))), std::abs(PetscImaginaryPart(a.value(k)))) ==
        a.largest_part())
      mine = std::min(mine, a.global_column(k));
  PetscCallMPI(MPI_Allreduce(&mine, &column, 1, MPIU_INT, MPI_MIN, A_.comm()));
  ExactSum sum;
  for (std::size_t k = 0; k < a.entries(); ++k)
    if (a.global_column(k) == column)
      add_square(sum, a.value(k));
  PetscCall(ExactSum::AllReduce(A_.comm(), &sum, 1));
  // The root of a value rounded down may miss a single entry by one unit.
  lower_ = std::max(a.largest_part(), sqrt_down(sum.value(Rounding::down)));
  witness_.assign(A_.domain(false), PetscScalar(0));
  const PetscInt local = column - A_.domain_begin(false);
  if (local >= 0 && static_cast<std::size_t>(local) < witness_.size())
    witness_[static_cast<std::size_t>(local)] = 1;
  has_witness_ = true;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NormSearch::AbsoluteStages() {
  PetscFunctionBegin;
  PetscCall(Cite("Collatz1942"));
  absolute_ = std::make_unique<CollatzWielandt>(A_);
  PetscCall(LargestEntryColumn());
  PetscCall(absolute_->Iterate(1, options_.tolerance));
  offer(LATHE_CERTIFICATE_RIGOROUS, absolute_->upper(), "norms");
  PetscCall(Report("norms"));
  PetscCall(absolute_->Iterate(first_absolute_steps - 1, 0.9 * options_.tolerance));
  offer(LATHE_CERTIFICATE_RIGOROUS, absolute_->upper(), "collatz_wielandt");
  if (A_.matrix(false).nonnegative()) {
    if (absolute_->upper() > (1 + 0.9 * options_.tolerance) * absolute_->absolute_lower())
      PetscCall(absolute_->Iterate(later_absolute_steps, 0.9 * options_.tolerance));
    offer(LATHE_CERTIFICATE_RIGOROUS, absolute_->upper(), "collatz_wielandt");
    PetscCall(OfferVector({absolute_->vector().begin(), absolute_->vector().end()}));
  }
  PetscCall(Report("collatz_wielandt"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Every independent run, as long as the first one.
PetscErrorCode NormSearch::LanczosUpper() {
  PetscFunctionBegin;
  const double each = std::pow(options_.failure_probability, 1.0 / repeats_);
  double upper = 0;
  for (std::size_t run = 0; run < lanczos_.size(); ++run) {
    PetscCall(lanczos_[run].Advance(lanczos_.front().steps()));
    LatheGuard(A_.comm(), upper = std::max(upper, lanczos_[run].upper(each)));
  }
  offer(LATHE_CERTIFICATE_PROBABILISTIC, upper, "lanczos", options_.failure_probability);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NormSearch::LanczosStage(int most_steps) {
  PetscFunctionBegin;
  PetscCall(Cite("KuczynskiWozniakowski1992 VanDorsselaerHochstenbachVanDerVorst2000 "
                 "Hochstenbach2013"));
  if (lanczos_.empty())
    for (int run = 0; run < repeats_; ++run)
      lanczos_.emplace_back(A_, options_.seed, static_cast<std::uint64_t>(run));
  GolubKahan &first = lanczos_.front();
  const double each = std::pow(options_.failure_probability, 1.0 / repeats_);
  std::vector<PetscScalar> x;
  double before = 0;
  while (!done() && !first.exhausted() && first.steps() < most_steps) {
    PetscCall(first.Advance(std::min(first.steps() + lanczos_batch, most_steps)));
    PetscCall(first.Evaluate());
    PetscCall(first.RightVector(x));
    PetscCall(OfferVector(x));
    double upper = 0;
    LatheGuard(A_.comm(), upper = first.upper(each));
    const bool last = first.exhausted() || first.steps() >= most_steps;
    if (accepts_probability() || !A_.assembled()) {
      if (meets(upper) || last)
        PetscCall(LanczosUpper());
    } else if (first.largest() - before <= 1e-2 * options_.tolerance * first.largest() &&
               first.residual() <= 1e-2 * std::sqrt(options_.tolerance) * first.largest()) {
      break; // the lower bound has converged and no upper bound is to be had here
    }
    before = first.largest();
    // Without a gap the width falls like 1/k².
    const double ratio = first.steps() / static_cast<double>(options_.lanczos_steps);
    if (!hopeless_ && first.steps() >= lanczos_trial && !last && A_.assembled() &&
        (upper / lower_ - 1) * ratio * ratio > 100 * options_.tolerance) {
      hopeless_ = true;
      break;
    }
  }
  PetscCall(Report("lanczos"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// |A| may have the norm of A (sign-balanced matrices): then its iteration is worth continuing, and
// its vector with the signs of the Ritz vector is a witness.
PetscErrorCode NormSearch::RevisitAbsolute() {
  PetscFunctionBegin;
  if (done() || !has_witness_ ||
      absolute_->absolute_lower() > (1 + options_.tolerance) * lower_ + 1e-3 * lower_)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<PetscReal> modulus(witness_.size());
  std::transform(witness_.begin(), witness_.end(), modulus.begin(),
                 [](PetscScalar z) { return PetscAbsScalar(z); });
  PetscCall(absolute_->TryVector(modulus));
  PetscCall(absolute_->Iterate(first_absolute_steps, 0.25 * options_.tolerance));
  offer(LATHE_CERTIFICATE_RIGOROUS, absolute_->upper(), "collatz_wielandt");
  std::vector<PetscScalar> x(witness_.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = modulus[i] > 0 ? witness_[i] / modulus[i] * absolute_->vector()[i] : PetscScalar(0);
  PetscCall(OfferVector(x));
  PetscCall(Report("collatz_wielandt"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NormSearch::DirectStage() {
  DirectBound direct(A_, absolute_->upper());
  DirectResult found;
  bool sparse = false;
  PetscFunctionBegin;
  const PetscInt smaller = std::min(A_.global_rows(), A_.global_columns());
  const bool dense = smaller <= std::min(options_.dense_limit, largest_dense);
  PetscCall(direct.Predict(options_.factor_fill, &sparse));
  if (!sparse && !dense)
    PetscFunctionReturn(PETSC_SUCCESS);
  const bool chosen = sparse && (!dense || direct.sparse_cost() <= direct.dense_cost());
  const double known = std::min(absolute_->upper(), upper_[LATHE_CERTIFICATE_RIGOROUS].value);
  PetscCall(Cite("Rump2006"));
  if (chosen) {
    PetscCall(Cite("George1973 DuffReid1983 EricssonRuhe1980"));
    PetscCall(direct.Sparse(options_.tolerance, known, witness_, &found));
  } else {
    PetscCall(direct.Dense(options_.tolerance, options_.seed, witness_, &found));
  }
  const char *method = chosen ? "sparse_cholesky" : "cholesky";
  factored_ = std::isfinite(found.upper);
  if (found.gram)
    gram_steps_ = std::max(gram_steps_, 1);
  if (factored_)
    PetscCall(OfferVector(found.x));
  offer(LATHE_CERTIFICATE_RIGOROUS, found.upper, method);
  PetscCall(Report(method));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NormSearch::GramStage() {
  PetscFunctionBegin;
  const double tall = A_.matrix(false).row_squares(), wide = A_.matrix(true).row_squares();
  const bool transposed = wide < tall;
  const double most = options_.gram_fill * A_.matrix(false).global_entries();
  if (options_.gram_steps < 1 || std::min(tall, wide) > most) {
    PetscCall(PetscInfo(nullptr, "no Gram product: %g entries predicted, %g allowed\n",
                        std::min(tall, wide), options_.gram_steps < 1 ? 0.0 : most));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Cite("Gustavson1978"));
  double upper = 0;
  int products = 0;
  PetscCall(GramBound(A_, transposed, options_.gram_steps, options_.gram_fill, absolute_->upper(),
                      (1 + options_.tolerance) * lower_, &upper, &products));
  gram_steps_ = std::max(gram_steps_, products);
  offer(LATHE_CERTIFICATE_RIGOROUS, upper, "sparse_gram");
  PetscCall(Report("sparse_gram"));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode NormSearch::Run() {
  PetscFunctionBegin;
  if (A_.zero()) {
    witness_.assign(A_.domain(false), PetscScalar(0));
    offer(LATHE_CERTIFICATE_RIGOROUS, 0.0, "zero");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (A_.assembled() && (A_.global_rows() == 1 || A_.global_columns() == 1)) {
    PetscCall(SmallestShape());
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const auto most = static_cast<int>(options_.lanczos_steps);
  if (A_.assembled()) {
    PetscCall(AbsoluteStages());
    if (done())
      PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(LanczosStage(accepts_probability() ? most : std::min(most, lanczos_trial)));
  if (!A_.assembled())
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(RevisitAbsolute());
  if (done())
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(DirectStage());
  if (done() || factored_)
    PetscFunctionReturn(PETSC_SUCCESS);
  if (lanczos_.front().steps() < most && !lanczos_.front().exhausted()) {
    PetscCall(LanczosStage(most));
    PetscCall(RevisitAbsolute());
  }
  if (!done())
    PetscCall(GramStage());
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz

PetscErrorCode LatheMatNormBracketWithVectors(Mat A, const LatheNormOptions *options,
                                              LatheNormBracket *bracket, Vec u, Vec v) {
  using namespace lathe::lipschitz;
  PetscFunctionBegin;
  PetscCheck(A, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL, "the matrix is NULL");
  const MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscCheck(bracket, comm, PETSC_ERR_ARG_NULL, "bracket is NULL");
  LatheNormOptions own;
  if (options) {
    own = *options;
  } else {
    const char *prefix = nullptr;
    PetscCall(MatGetOptionsPrefix(A, &prefix));
    PetscCall(LatheNormOptionsSetDefaults(&own));
    PetscCall(LatheNormOptionsSetFromOptions(comm, prefix, &own));
  }
  PetscCall(CheckNormOptions(comm, own));
  LatheGuard(comm, {
    LinearOperator op;
    PetscCall(op.Create(A));
    NormSearch search(op, own);
    PetscCall(search.Run());
    *bracket = search.result();
    PetscCall(StoreWitness(op, search.witness(), u, v));
    if (search.downgraded()) {
      PetscCall(PetscInfo(A, "certificate %s asked, %s reached\n", name(own.certificate),
                          name(bracket->certificate)));
      if (own.warn)
        PetscCall(PetscFPrintf(comm, PETSC_STDERR,
                               "lathe: the norm bracket is %s, not %s as asked: no method for this "
                               "operator reaches more (-lathe_norm_warn 0 silences this)\n",
                               name(bracket->certificate), name(own.certificate)));
    }
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheMatNormBracket(Mat A, const LatheNormOptions *options,
                                   LatheNormBracket *bracket) {
  PetscFunctionBegin;
  PetscCall(LatheMatNormBracketWithVectors(A, options, bracket, nullptr, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}
