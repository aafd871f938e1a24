// SPDX-License-Identifier: BSD-2-Clause
// -svd_type gram beside SVDTRLANCZOS: tall, wide, square, complex, sparse and dense; its bracket,
// its triplet, its options and what it refuses.
#include "core/handle.h"
#include "core/random.h"
#include "harness/entry_matrix.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include <slepcsvd.h>

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using SvdHandle = lathe::Handle<SVD, SVDDestroy>;

// Every entry, or one in five, with an imaginary part in complex builds.
PetscErrorCode Create(PetscInt m, PetscInt n, bool dense, Mat *A) {
  const auto entry = [=](PetscInt i, PetscInt j) {
    const auto at = static_cast<std::uint64_t>(i * n + j);
    if (!dense && lathe::random::below(5, 17, 1, at) != 0)
      return PetscScalar(0);
    const double re = lathe::random::normal(17, 2, at);
#if defined(PETSC_USE_COMPLEX)
    return PetscScalar(re, lathe::random::normal(17, 3, at));
#else
    return PetscScalar(re);
#endif
  };
  return lathe::test::CreateMatrix(PETSC_COMM_WORLD, m, n, entry, dense, false, A);
}

PetscErrorCode Setup(Mat A, const char *type, SVD *svd) {
  PetscFunctionBegin;
  PetscCall(SVDCreate(PETSC_COMM_WORLD, svd));
  PetscCall(SVDSetOperators(*svd, A, nullptr));
  PetscCall(SVDSetType(*svd, type));
  PetscCall(SVDSetTolerances(*svd, 1e-10, 1000));
  PetscCall(SVDSetFromOptions(*svd));
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct Option {
  const char *name;
  Option(const char *option, const char *value) : name(option) {
    PetscCallAbort(PETSC_COMM_SELF, PetscOptionsSetValue(nullptr, option, value));
  }
  ~Option() { (void)PetscOptionsClearValue(nullptr, name); }
  Option(const Option &) = delete;
  Option &operator=(const Option &) = delete;
};

} // namespace

TEST_CASE("svd gram brackets what trlanczos finds, with a triplet of that quotient") {
  PETSC_OK(LatheInitializePackage());
  // By default a probabilistic bound is welcome when it meets the tolerance first.
  const Option rigorous("-svd_gram_certificate", "rigorous");
  for (const auto &[m, n] : {std::pair<PetscInt, PetscInt>{40, 40}, {90, 25}, {25, 90}, {1, 30}})
    for (const bool dense : {true, false}) {
      INFO(m << " x " << n << (dense ? " dense" : " sparse"));
      MatHandle A;
      SvdHandle ours, peer;
      VecHandle u, v, product;
      PetscReal sigma = 0, expected = 0, residual = 0, length = 0;
      PetscInt converged = 0;
      LatheNormBracket b;
      PETSC_OK(Create(m, n, dense, A.out()));
      PETSC_OK(Setup(A, "gram", ours.out()));
      PETSC_OK(SVDSolve(ours));
      PETSC_OK(SVDGetConverged(ours, &converged));
      REQUIRE_ALL(converged == 1);
      PETSC_OK(MatCreateVecs(A, v.out(), u.out()));
      PETSC_OK(SVDGetSingularTriplet(ours, 0, &sigma, u, v));
      PETSC_OK(LatheSVDGetNormBracket(ours, &b));
      PETSC_OK(Setup(A, SVDTRLANCZOS, peer.out()));
      PETSC_OK(SVDSolve(peer));
      PETSC_OK(SVDGetSingularTriplet(peer, 0, &expected, nullptr, nullptr));
      CHECK_ALL(sigma == b.lower);
      CHECK_ALL(b.certificate == LATHE_CERTIFICATE_RIGOROUS);
      CHECK_ALL(b.upper <= b.lower * (1 + 1e-10));
      CHECK_ALL(b.lower <= expected * (1 + 1e-13));
      CHECK_ALL(b.upper >= expected * (1 - 1e-13));
      // A v = sigma u with unit vectors, to the square root of the width.
      PETSC_OK(VecDuplicate(u, product.out()));
      PETSC_OK(MatMult(A, v, product));
      PETSC_OK(VecAXPY(product, -sigma, u));
      PETSC_OK(VecNorm(product, NORM_2, &residual));
      PETSC_OK(VecNorm(v, NORM_2, &length));
      CHECK_ALL(residual <= 1e-4 * sigma);
      CHECK_ALL(std::fabs(length - 1) <= 1e-12);
    }
}

TEST_CASE("svd gram of a zero matrix has unit vectors") {
  PETSC_OK(LatheInitializePackage());
  for (const auto &[m, n] : {std::pair<PetscInt, PetscInt>{12, 7}, {7, 12}}) {
    MatHandle A;
    SvdHandle svd;
    VecHandle u, v;
    PetscReal sigma = 1, lengths[2] = {};
    PETSC_OK(lathe::test::CreateMatrix(
        PETSC_COMM_WORLD, m, n, [](PetscInt, PetscInt) { return PetscScalar(0); }, false, false,
        A.out()));
    PETSC_OK(Setup(A, "gram", svd.out()));
    PETSC_OK(SVDSolve(svd));
    PETSC_OK(MatCreateVecs(A, v.out(), u.out()));
    PETSC_OK(SVDGetSingularTriplet(svd, 0, &sigma, u, v));
    PETSC_OK(VecNorm(u, NORM_2, &lengths[0]));
    PETSC_OK(VecNorm(v, NORM_2, &lengths[1]));
    CHECK_ALL(sigma == 0);
    CHECK_ALL(lengths[0] == 1);
    CHECK_ALL(lengths[1] == 1);
  }
}

TEST_CASE("svd gram reads its options and names what it refuses") {
  using Catch::Contains;
  PETSC_OK(LatheInitializePackage());
  MatHandle A;
  PETSC_OK(Create(60, 30, true, A.out()));
  const auto message = [&](const auto &change) {
    SvdHandle svd;
    PETSC_OK(SVDCreate(PETSC_COMM_WORLD, svd.out()));
    PETSC_OK(SVDSetOperators(svd, A, nullptr));
    PETSC_OK(SVDSetType(svd, "gram"));
    return lathe::test::catch_error([&]() -> PetscErrorCode {
             PetscFunctionBegin;
             PetscCall(change(svd.get()));
             PetscCall(SVDSetFromOptions(svd));
             PetscCall(SVDSolve(svd));
             PetscFunctionReturn(PETSC_SUCCESS);
           })
        .message;
  };
  const auto nothing = [](SVD) { return PETSC_SUCCESS; };
  CHECK_THAT(message([](SVD s) { return SVDSetDimensions(s, 2, PETSC_DEFAULT, PETSC_DEFAULT); }),
             Contains("-svd_nsv 1"));
  CHECK_THAT(message([](SVD s) { return SVDSetWhichSingularTriplets(s, SVD_SMALLEST); }),
             Contains("-svd_smallest"));
  {
    const Option bad("-svd_gram_tolerance", "-1");
    CHECK_THAT(message(nothing), Contains("-svd_gram_tolerance is -1"));
  }
  const Option loose("-svd_gram_tolerance", "1e-2");
  SvdHandle svd;
  LatheNormBracket b;
  PETSC_OK(Setup(A, "gram", svd.out()));
  const auto early = lathe::test::catch_error([&] { return LatheSVDGetNormBracket(svd, &b); });
  CHECK(early.code == PETSC_ERR_ARG_WRONGSTATE);
  CHECK_THAT(early.message, Contains("call SVDSolve first"));
  PETSC_OK(SVDSolve(svd));
  PETSC_OK(LatheSVDGetNormBracket(svd, &b));
  CHECK_ALL(b.upper <= b.lower * (1 + 1e-2));
  SvdHandle other;
  PETSC_OK(Setup(A, SVDTRLANCZOS, other.out()));
  const auto wrong = lathe::test::catch_error([&] { return LatheSVDGetNormBracket(other, &b); });
  CHECK(wrong.code == PETSC_ERR_ARG_WRONG);
  CHECK_THAT(wrong.message, Contains("-svd_type gram"));
}
