// SPDX-License-Identifier: BSD-2-Clause
// -pc_type nystrom: preconditioner for symmetric positive definite A = K + mu·I from a Nyström
// approximation of K (sketching/nystrom.h). Any Mat with MatMult.
#include "core/citation.h"
#include "core/error.h"
#include "pc/low_rank.h"
#include "solver_types.h"

namespace {

using namespace lathe;

class NystromPc final : public LowRankPc {
public:
  PetscErrorCode Approximate(Mat A, sketching::LowRank *approximation, bool *definite) override {
    PetscFunctionBegin;
    PetscCall(Cite("FrangellaTroppUdell2023"));
    sketching::BlockOperator operation;
    PetscCall(operation.Create(A));
    sketching::NystromOptions options = options_;
    if (!rank_given_) { // the default suits any order, a rank that is asked for must exist
      options.rank = static_cast<PetscInt>(std::min<std::int64_t>(options.rank, operation.order()));
      if (options.tolerance > 0 && options.max_rank >= 1)
        options.rank = std::min(options.rank, options.max_rank);
    }
    PetscCall(sketching::Nystrom(operation, options, approximation, definite));
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  PetscErrorCode SetFromOptions(PC pc, LatheOptionItems PetscOptionsObject) override {
    sketching::NystromOptions &o = options_;
    PetscInt seed = static_cast<PetscInt>(o.seed);
    PetscReal mu = static_cast<PetscReal>(o.mu);
    PetscReal tolerance = static_cast<PetscReal>(o.tolerance);
    PetscBool given = PETSC_FALSE;
    PetscFunctionBegin;
    PetscOptionsHeadBegin(PetscOptionsObject, "PC nystrom options");
    PetscCall(PetscOptionsInt("-pc_nystrom_rank", "products with the matrix; 1 to its order", "",
                              o.rank, &o.rank, &given));
    rank_given_ = rank_given_ || given;
    PetscCall(PetscOptionsReal(
        "-pc_nystrom_mu", "multiple of the identity in the matrix, which is not approximated; >= 0",
        "", mu, &mu, nullptr));
    PetscCall(PetscOptionsReal("-pc_nystrom_tol",
                               "double the rank until its last eigenvalue is below mu or this "
                               "multiple of the first; 0: keep the rank",
                               "", tolerance, &tolerance, nullptr));
    PetscCall(PetscOptionsInt("-pc_nystrom_max_rank", "of doubling; >= -pc_nystrom_rank", "",
                              o.max_rank, &o.max_rank, nullptr));
    PetscCall(PetscOptionsInt("-pc_nystrom_seed", "of the random vectors; >= 0", "", seed, &seed,
                              nullptr));
    PetscOptionsHeadEnd();
    PetscCheck(seed >= 0, PetscObjectComm(reinterpret_cast<PetscObject>(pc)),
               PETSC_ERR_ARG_OUTOFRANGE, "-pc_nystrom_seed %" PetscInt_FMT " must be >= 0", seed);
    o.seed = static_cast<std::uint64_t>(seed);
    o.mu = static_cast<double>(mu);
    o.tolerance = static_cast<double>(tolerance);
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  [[nodiscard]] double mu() const noexcept override { return options_.mu; }
  [[nodiscard]] bool vanishes_beyond() const noexcept override { return false; }

private:
  sketching::NystromOptions options_;
  bool rank_given_ = false;
};

} // namespace

PetscErrorCode PCCreate_Nystrom(PC pc) {
  PetscFunctionBegin;
  PetscCall(LowRankPc::Create(pc, std::unique_ptr<LowRankPc>(new (std::nothrow) NystromPc)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
