// SPDX-License-Identifier: BSD-2-Clause
// -pc_type rpcholesky: preconditioner for symmetric positive definite A = K + mu·I from a randomly
// pivoted partial Cholesky factorisation of K (sketching/rpcholesky.h). A Mat with rows.
#include "core/citation.h"
#include "core/error.h"
#include "pc/low_rank.h"
#include "sketching/rpcholesky.h"
#include "solver_types.h"

namespace {

using namespace lathe;

class RpCholeskyPc final : public LowRankPc {
public:
  PetscErrorCode Approximate(Mat A, sketching::LowRank *approximation, bool *definite) override {
    PetscFunctionBegin;
    PetscCall(Cite("ChenEpperlyTroppWebber2025"));
    sketching::MultiVector factor;
    PetscInt order = 0;
    PetscCall(MatGetSize(A, &order, nullptr));
    sketching::RpCholeskyOptions options = options_;
    if (!rank_given_) // the default suits any order, a rank that is asked for must exist
      options.rank = std::min(options.rank, order);
    PetscCall(sketching::RpCholesky(A, options, &factor, definite));
    if (*definite)
      PetscCall(sketching::Eigendecompose(factor.view(), {}, 0, approximation));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  PetscErrorCode SetFromOptions(PC pc, LatheOptionItems PetscOptionsObject) override {
    sketching::RpCholeskyOptions &o = options_;
    PetscInt seed = static_cast<PetscInt>(o.seed);
    PetscReal mu = static_cast<PetscReal>(o.mu);
    PetscBool given = PETSC_FALSE;
    PetscFunctionBegin;
    PetscOptionsHeadBegin(PetscOptionsObject, "PC rpcholesky options");
    PetscCall(PetscOptionsInt("-pc_rpcholesky_rank",
                              "rows of the matrix that are used; 1 to its order", "", o.rank,
                              &o.rank, &given));
    rank_given_ = rank_given_ || given;
    PetscCall(
        PetscOptionsReal("-pc_rpcholesky_mu",
                         "multiple of the identity in the matrix, which is not approximated; >= 0",
                         "", mu, &mu, nullptr));
    PetscCall(PetscOptionsInt("-pc_rpcholesky_block", "pivots drawn at a time; >= 1", "", o.block,
                              &o.block, nullptr));
    PetscCall(PetscOptionsInt("-pc_rpcholesky_seed", "of the random vectors; >= 0", "", seed, &seed,
                              nullptr));
    PetscOptionsHeadEnd();
    PetscCheck(seed >= 0, PetscObjectComm(reinterpret_cast<PetscObject>(pc)),
               PETSC_ERR_ARG_OUTOFRANGE, "-pc_rpcholesky_seed %" PetscInt_FMT " must be >= 0",
               seed);
    o.seed = static_cast<std::uint64_t>(seed);
    o.mu = static_cast<double>(mu);
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  [[nodiscard]] double mu() const noexcept override { return options_.mu; }
  [[nodiscard]] bool vanishes_beyond() const noexcept override { return true; }

private:
  sketching::RpCholeskyOptions options_;
  bool rank_given_ = false;
};

} // namespace

PetscErrorCode PCCreate_RpCholesky(PC pc) {
  PetscFunctionBegin;
  PetscCall(LowRankPc::Create(pc, std::unique_ptr<LowRankPc>(new (std::nothrow) RpCholeskyPc)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
