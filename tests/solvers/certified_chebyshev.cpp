// SPDX-License-Identifier: BSD-2-Clause
// KSP certifiedchebyshev against KSPCHEBYSHEV with PETSc's estimate and with the exact interval.
#include "core/handle.h"
#include "core/random.h"
#include "harness/entry_matrix.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include "lipschitz/symmetrized.h"
#include "solvers/systems.h"
#include <slepceps.h>

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using lathe::test::Diffusion;
using KspHandle = lathe::Handle<KSP, KSPDestroy>;

// A ring with random chords, weights in (0, 1), plus 1/100 of the identity.
struct GraphLaplacian {
  PetscInt n;
  [[nodiscard]] double weight(PetscInt i, PetscInt j) const {
    const PetscInt a = std::min(i, j), b = std::max(i, j);
    const auto edge = static_cast<std::uint64_t>(a * n + b);
    const bool ring = b - a == 1 || b - a == n - 1;
    return ring || lathe::random::below(60, 23, 1, edge) == 0 ? lathe::random::uniform(23, 2, edge)
                                                              : 0;
  }
  PetscScalar operator()(PetscInt i, PetscInt j) const {
    if (i != j)
      return -weight(i, j);
    double sum = 1e-2;
    for (PetscInt k = 0; k < n; ++k)
      sum += k == i ? 0 : weight(i, k);
    return sum;
  }
};

struct Outcome {
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PetscInt iterations = 0;
};

PetscErrorCode Setup(Mat A, const char *type, KSP *ksp) {
  PC pc = nullptr;
  PetscFunctionBegin;
  PetscCall(KSPCreate(PETSC_COMM_WORLD, ksp));
  PetscCall(KSPSetOperators(*ksp, A, A));
  PetscCall(KSPSetType(*ksp, type));
  PetscCall(KSPGetPC(*ksp, &pc));
  PetscCall(PCSetType(pc, PCJACOBI));
  PetscCall(KSPSetTolerances(*ksp, 1e-6, PETSC_DEFAULT, 1e5, 5000));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// b = 1, or the b of a solution that alternates in sign, which excites the largest eigenvalues.
PetscErrorCode Solve(KSP ksp, Mat A, bool rough, Outcome *outcome) {
  VecHandle x, b;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(A, x.out(), b.out()));
  PetscCall(VecSet(b, 1));
  if (rough) {
    PetscCall(VecGetOwnershipRange(x, &begin, &end));
    for (PetscInt i = begin; i < end; ++i)
      PetscCall(VecSetValue(x, i, lathe::random::sign(1, 0, static_cast<std::uint64_t>(i)),
                            INSERT_VALUES));
    PetscCall(VecAssemblyBegin(x));
    PetscCall(VecAssemblyEnd(x));
    PetscCall(MatMult(A, x, b));
  }
  PetscCall(KSPSolve(ksp, b, x));
  PetscCall(KSPGetConvergedReason(ksp, &outcome->reason));
  PetscCall(KSPGetIterationNumber(ksp, &outcome->iterations));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Extreme(Mat S, EPSWhich which, PetscReal *value) {
  lathe::Handle<EPS, EPSDestroy> eps;
  PetscScalar real = 0;
  PetscFunctionBegin;
  PetscCall(EPSCreate(PETSC_COMM_WORLD, eps.out()));
  PetscCall(EPSSetOperators(eps, S, nullptr));
  PetscCall(EPSSetProblemType(eps, EPS_HEP));
  PetscCall(EPSSetWhichEigenpairs(eps, which));
  PetscCall(EPSSetDimensions(eps, 1, 120, PETSC_DEFAULT));
  PetscCall(EPSSetTolerances(eps, 1e-9, 1000));
  PetscCall(EPSSolve(eps));
  PetscCall(EPSGetEigenvalue(eps, 0, &real, nullptr));
  *value = PetscRealPart(real);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

TEST_CASE("certifiedchebyshev converges where the usual estimate diverges") {
  // A well-conducting layer along a wall and a medium dominated by its reaction term: the residual
  // that PETSc starts from is scaled by 1/diagonal, 10⁻⁹ in the layer, where the largest
  // eigenvalues live.
  PETSC_OK(LatheInitializePackage());
  Diffusion system;
  system.nx = system.ny = 24;
  system.stripe = true;
  system.inside = 1e8;
  system.outside = 0.25;
  system.reaction_outside = 1;
  MatHandle A;
  PETSC_OK(system.Create(A.out()));
  KspHandle usual, ours;
  Outcome of_usual, of_ours;
  PETSC_OK(Setup(A, KSPCHEBYSHEV, usual.out()));
  PETSC_OK(Solve(usual, A, true, &of_usual));
  PETSC_OK(Setup(A, "certifiedchebyshev", ours.out()));
  PETSC_OK(Solve(ours, A, true, &of_ours));
  CAPTURE(of_usual.reason, of_usual.iterations, of_ours.reason, of_ours.iterations);
  CHECK(of_usual.reason == KSP_DIVERGED_DTOL);
  CHECK(of_ours.reason > 0);
}

TEST_CASE("certifiedchebyshev needs at most 1.1 times the iterations of the exact interval") {
  PETSC_OK(LatheInitializePackage());
  Diffusion system;
  const char *name = "";
  SECTION("2-D Poisson") {
    name = "2-D Poisson";
    system.nx = system.ny = 24;
  }
  SECTION("3-D Poisson") {
    name = "3-D Poisson";
    system.nx = system.ny = system.nz = 9;
  }
  SECTION("anisotropic") {
    name = "anisotropic";
    system.nx = system.ny = 24;
    system.anisotropy = 1e-2;
  }
  SECTION("jump coefficient") {
    name = "jump coefficient";
    system.nx = system.ny = 24;
    system.inside = 1e3;
  }
  MatHandle A, S;
  SECTION("graph Laplacian") {
    name = "graph Laplacian";
    PETSC_OK(lathe::test::CreateMatrix(PETSC_COMM_WORLD, 300, 300, GraphLaplacian{300}, false,
                                       false, A.out()));
  }
  KspHandle exact, ours;
  PC pc = nullptr;
  PetscReal largest = 0, smallest = 0;
  Outcome of_exact, of_ours;
  LatheNormBracket bracket;
  if (!A)
    PETSC_OK(system.Create(A.out()));
  PETSC_OK(Setup(A, "certifiedchebyshev", ours.out()));
  PETSC_OK(Solve(ours, A, false, &of_ours));
  PETSC_OK(LatheKSPGetEigenvalueBracket(ours, &bracket));

  PETSC_OK(KSPGetPC(ours, &pc));
  PETSC_OK(LatheMatCreateSymmetrized(A, pc, S.out()));
  PETSC_OK(Extreme(S, EPS_LARGEST_REAL, &largest));
  PETSC_OK(Extreme(S, EPS_SMALLEST_REAL, &smallest));
  PETSC_OK(Setup(A, KSPCHEBYSHEV, exact.out()));
  PETSC_OK(KSPChebyshevSetEigenvalues(exact, largest, smallest));
  PETSC_OK(Solve(exact, A, false, &of_exact));
  const double ratio =
      static_cast<double>(of_ours.iterations) / static_cast<double>(of_exact.iterations);
  WARN(name << ": " << of_ours.iterations << " iterations, exact interval " << of_exact.iterations
            << ", ratio " << ratio);
  CHECK(of_ours.reason > 0);
  CHECK(of_exact.reason > 0);
  CHECK(ratio <= 1.1);
  CHECK(bracket.lower <= largest * (1 + 1e-9));
  CHECK(largest * (1 - 1e-9) <= bracket.upper);
}

TEST_CASE("certifiedchebyshev refuses what it cannot certify") {
  PETSC_OK(LatheInitializePackage());
  MatHandle A;
  Diffusion system;
  PETSC_OK(system.Create(A.out()));
  KspHandle ksp;
  PC pc = nullptr;
  PETSC_OK(Setup(A, "certifiedchebyshev", ksp.out()));
  PETSC_OK(KSPGetPC(ksp, &pc));
  SECTION("a preconditioner without symmetric halves") {
    PETSC_OK(PCSetType(pc, PCSOR));
    const auto caught = lathe::test::catch_error([&] { return KSPSetUp(ksp); });
    CHECK(caught.code == PETSC_ERR_SUP);
    CHECK_THAT(caught.message, Catch::Contains("-pc_type jacobi"));
  }
  SECTION("an impossible option, by its own name") {
    PETSC_OK(PetscOptionsSetValue(nullptr, "-ksp_certifiedchebyshev_tolerance", "-1"));
    const auto caught = lathe::test::catch_error([&] { return KSPSetFromOptions(ksp); });
    PETSC_OK(PetscOptionsClearValue(nullptr, "-ksp_certifiedchebyshev_tolerance"));
    CHECK(caught.code == PETSC_ERR_ARG_OUTOFRANGE);
    CHECK_THAT(caught.message, Catch::Contains("-ksp_certifiedchebyshev_tolerance is -1"));
  }
  SECTION("an operator that is not symmetric") {
    PetscInt begin = 0;
    PETSC_OK(MatGetOwnershipRange(A, &begin, nullptr));
    if (begin == 0)
      REQUIRE(MatSetValue(A, 0, 1, -5, INSERT_VALUES) == PETSC_SUCCESS);
    PETSC_OK(MatAssemblyBegin(A, MAT_FINAL_ASSEMBLY));
    PETSC_OK(MatAssemblyEnd(A, MAT_FINAL_ASSEMBLY));
    const auto caught = lathe::test::catch_error([&] { return KSPSetUp(ksp); });
    CHECK(caught.code == PETSC_ERR_ARG_INCOMP);
    CHECK_THAT(caught.message, Catch::Contains("not Hermitian"));
  }
}
