// SPDX-License-Identifier: BSD-2-Clause
// -mat_type matern: forms, derivatives, flags, refusals, solvers.
#include "bessel/matern_covariance.h"
#include "core/dense.h"
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include "lathe.h"
#include "lathe_solvers.h"
#include <slepcsvd.h>
#include <algorithm>
#include <cmath>
#if !defined(PETSC_USE_COMPLEX)
#include <petsctao.h>
#endif

namespace {

using lathe::MatHandle;
using lathe::VecHandle;
using lathe::bessel::MaternComponent;
using lathe::bessel::MaternCovariance;
using lathe::bessel::MaternParameters;
using lathe::bessel::Sites;

double coordinate(std::uint64_t k) {
  return lathe::random::uniform(7, 0, k);
}

// n uniform sites in the unit cube of `dimension` dimensions, rows dealt as PETSc does.
PetscErrorCode CreateSites(PetscInt n, PetscInt dimension, Vec *sites) {
  PetscInt local = PETSC_DECIDE;
  PetscInt total = n;
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(PetscSplitOwnership(PETSC_COMM_WORLD, &local, &total));
  PetscCall(VecCreate(PETSC_COMM_WORLD, sites));
  PetscCall(VecSetSizes(*sites, local * dimension, total * dimension));
  PetscCall(VecSetBlockSize(*sites, dimension));
  PetscCall(VecSetType(*sites, VECSTANDARD));
  PetscCall(VecGetOwnershipRange(*sites, &begin, &end));
  for (PetscInt k = begin; k < end; ++k)
    PetscCall(VecSetValue(*sites, k, coordinate(static_cast<std::uint64_t>(k)), INSERT_VALUES));
  PetscCall(VecAssemblyBegin(*sites));
  PetscCall(VecAssemblyEnd(*sites));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CreateNoise(Mat A, Vec *x) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscFunctionBegin;
  PetscCall(MatCreateVecs(A, x, nullptr));
  PetscCall(VecGetOwnershipRange(*x, &begin, &end));
  for (PetscInt k = begin; k < end; ++k)
    PetscCall(VecSetValue(*x, k, lathe::random::normal(8, 0, static_cast<std::uint64_t>(k)),
                          INSERT_VALUES));
  PetscCall(VecAssemblyBegin(*x));
  PetscCall(VecAssemblyEnd(*x));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Local part as doubles.
PetscErrorCode Values(Vec x, std::vector<double> *values) {
  const PetscScalar *a = nullptr;
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCall(VecGetLocalSize(x, &n));
  PetscCall(VecGetArrayRead(x, &a));
  values->clear();
  for (PetscInt i = 0; i < n; ++i)
    values->push_back(PetscRealPart(a[i]));
  PetscCall(VecRestoreArrayRead(x, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Product(Mat A, std::vector<double> *values) {
  VecHandle x, y;
  PetscFunctionBegin;
  PetscCall(CreateNoise(A, x.out()));
  PetscCall(VecDuplicate(x, y.out()));
  PetscCall(MatMult(A, x, y));
  PetscCall(Values(y, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The product on one rank, summed from left to right.
std::vector<double> serial_product(const MaternCovariance &c, const Sites &sites,
                                   lathe::bessel::MaternComponent component) {
  std::vector<double> y, row(sites.count);
  for (std::size_t i = 0; i < sites.count; ++i) {
    c.row(sites, component, i, std::size_t{0}, sites.count, row.data());
    double sum = 0;
    for (std::size_t j = 0; j < sites.count; ++j)
      sum += row[j] * lathe::random::normal(8, 0, j);
    y.push_back(sum);
  }
  return y;
}

struct SiteTable {
  std::vector<double> x;
  Sites sites;
  SiteTable(std::size_t n, std::size_t dimension) {
    for (std::size_t k = 0; k < n * dimension; ++k)
      x.push_back(coordinate(k));
    sites = {x.data(), n, dimension};
  }
};

bool same_part(Mat A, const std::vector<double> &local, const std::vector<double> &all) {
  PetscInt begin = 0;
  (void)MatGetOwnershipRange(A, &begin, nullptr);
  return std::equal(local.begin(), local.end(), all.begin() + begin);
}

} // namespace

TEST_CASE("matern products have the same bits in every form and on every number of ranks") {
  PETSC_OK(LatheInitializePackage());
  for (const PetscInt dimension : {1, 3, 5}) {
    const PetscInt n = 61;
    const SiteTable table(61, static_cast<std::size_t>(dimension));
    const MaternCovariance serial(
        {.variance = 1.7, .range = 0.3, .smoothness = 1.2, .nugget = 0.01});
    VecHandle sites;
    PETSC_OK(CreateSites(n, dimension, sites.out()));
    for (const LatheMaternForm form :
         {LATHE_MATERN_SHELL, LATHE_MATERN_DENSE, LATHE_MATERN_TAPER}) {
      MatHandle A;
      PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 1.2, 0.3, 1.7, 0.01, form,
                                    PETSC_INFINITY, A.out()));
      std::vector<double> y;
      for (int k = LATHE_MATERN_VALUE; k <= LATHE_MATERN_BY_NUGGET; ++k) {
        MatHandle D;
        PETSC_OK(LatheMatMaternCreateDerivative(A, static_cast<LatheMaternComponent>(k), D.out()));
        PETSC_OK(Product(D, &y));
        CAPTURE(dimension, form, k);
        CHECK_ALL(same_part(
            D, y,
            serial_product(serial, table.sites, static_cast<lathe::bessel::MaternComponent>(k))));
      }
    }
  }
}

TEST_CASE("matern derivatives are those of the entries") {
  // Differences of the entries at a tenth-order stencil's worth of steps: error about 1e-11.
  const SiteTable table(12, 2);
  const MaternParameters p{.variance = 1.7, .range = 0.3, .smoothness = 1.2, .nugget = 0.01};
  const auto entry = [&](MaternParameters q, std::size_t i, std::size_t j) {
    double value = 0;
    MaternCovariance(q, 0.9).row(table.sites, lathe::bessel::MaternComponent::value, i, j, 1,
                                 &value);
    return value;
  };
  double MaternParameters::*const members[] = {
      &MaternParameters::variance, &MaternParameters::range, &MaternParameters::smoothness,
      &MaternParameters::nugget};
  double worst = 0;
  for (int k = 0; k < 4; ++k)
    for (std::size_t i = 0; i < 12; ++i)
      for (std::size_t j = 0; j < 12; ++j) {
        const auto at = [&](double step) {
          MaternParameters q = p;
          q.*members[k] += step * 1e-3;
          return entry(q, i, j);
        };
        const double difference =
            (45 * (at(1) - at(-1)) - 9 * (at(2) - at(-2)) + (at(3) - at(-3))) / 0.06;
        double exact = 0;
        MaternCovariance(p, 0.9).row(
            table.sites, static_cast<lathe::bessel::MaternComponent>(k + 1), i, j, 1, &exact);
        worst = std::max(worst, std::abs(exact - difference));
      }
  CAPTURE(worst);
  CHECK(worst < 1e-10);

  // Both ways to the same numbers.
  std::vector<double> value(12), by_range(12), by_smoothness(12), alone(12);
  const MaternCovariance c(p);
  c.row_with_derivatives(table.sites, 3, 0, 12, value.data(), by_range.data(),
                         by_smoothness.data());
  c.row(table.sites, lathe::bessel::MaternComponent::value, 3, std::size_t{0}, 12, alone.data());
  CHECK(alone == value);
  c.row(table.sites, lathe::bessel::MaternComponent::by_range, 3, std::size_t{0}, 12, alone.data());
  CHECK(alone == by_range);
  c.row(table.sites, lathe::bessel::MaternComponent::by_smoothness, 3, std::size_t{0}, 12,
        alone.data());
  CHECK(alone == by_smoothness);
}

TEST_CASE("matern matrices are symmetric, and convert to themselves") {
  PETSC_OK(LatheInitializePackage());
  VecHandle sites;
  PETSC_OK(CreateSites(120, 2, sites.out()));
  for (const LatheMaternForm form : {LATHE_MATERN_SHELL, LATHE_MATERN_TAPER}) {
    MatHandle A;
    PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 0.8, 0.1, 2, 0.001, form, 0.2, A.out()));
    PetscBool set = PETSC_FALSE, symmetric = PETSC_FALSE, definite = PETSC_FALSE;
    PETSC_OK(MatIsSymmetricKnown(A, &set, &symmetric));
    CHECK((set && symmetric));
    PETSC_OK(MatIsSPDKnown(A, &set, &definite));
    CHECK((set && definite));
    PetscBool equal = PETSC_FALSE;
    MatHandle B;
    const char *type = form == LATHE_MATERN_TAPER ? MATAIJ : MATDENSE;
    PETSC_OK(MatConvert(A, type, MAT_INITIAL_MATRIX, B.out()));
    PETSC_OK(MatIsSymmetric(B, 0, &symmetric));
    CHECK(symmetric);
    PETSC_OK(MatMultEqual(A, B, 3, &equal));
    CHECK(equal);
    PETSC_OK(MatMultTransposeEqual(A, B, 3, &equal));
    CHECK(equal);
    VecHandle diagonal;
    std::vector<double> d;
    PETSC_OK(MatCreateVecs(A, diagonal.out(), nullptr));
    PETSC_OK(MatGetDiagonal(A, diagonal));
    PETSC_OK(Values(diagonal, &d));
    CHECK_ALL(std::all_of(d.begin(), d.end(), [](double x) { return x == 2.001; }));
  }
}

TEST_CASE("matern covariances are positive definite with and without taper") {
  const SiteTable table(120, 2);
  const double shift = 0.00099; // the nugget is 0.001, so this much may be taken away
  for (const double nu : {0.3, 0.8, 2.4})
    for (const double taper : {0.05, 0.2, 1.0, std::numeric_limits<double>::infinity()}) {
      const MaternCovariance c({.variance = 2, .range = 0.1, .smoothness = nu, .nugget = 0.001},
                               taper);
      std::vector<double> a(120 * 120);
      for (std::size_t j = 0; j < 120; ++j) {
        c.row(table.sites, lathe::bessel::MaternComponent::value, j, std::size_t{0}, 120,
              a.data() + 120 * j);
        a[j + 120 * j] -= shift;
      }
      CAPTURE(nu, taper);
      CHECK(lathe::dense::potrf('L', 120, a.data(), 120) == 0);
    }
}

TEST_CASE("the taper keeps exactly the pairs within its radius") {
  PETSC_OK(LatheInitializePackage());
  for (const PetscInt dimension : {1, 2, 3, 4}) {
    const SiteTable table(90, static_cast<std::size_t>(dimension));
    VecHandle sites;
    MatHandle A;
    PetscInt begin = 0, end = 0;
    PETSC_OK(CreateSites(90, dimension, sites.out()));
    PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 1.5, 0.2, 1, 0, LATHE_MATERN_TAPER, 0.35,
                                  A.out()));
    PETSC_OK(MatGetOwnershipRange(A, &begin, &end));
    bool right = true;
    for (PetscInt i = begin; i < end; ++i) {
      PetscInt count = 0;
      const PetscInt *columns = nullptr;
      (void)MatGetRow(A, i, &count, &columns, nullptr);
      std::vector<PetscInt> expected;
      for (std::size_t j = 0; j < 90; ++j)
        if (table.sites.distance(static_cast<std::size_t>(i), j) < 0.35)
          expected.push_back(static_cast<PetscInt>(j));
      right = right && std::vector<PetscInt>(columns, columns + count) == expected;
      (void)MatRestoreRow(A, i, &count, &columns, nullptr);
    }
    CHECK_ALL(right);
  }
  CHECK(lathe::bessel::wendland(0, 3) == 1);
  CHECK(lathe::bessel::wendland(1, 3) == 0);
  CHECK(lathe::bessel::wendland(2, 2) == 0);
  CHECK(lathe::bessel::wendland(0.5, 3) ==
        Approx((1.0 / 64) * (35 * 0.25 + 18 * 0.5 + 3) / 3).epsilon(1e-15));
}

TEST_CASE("KSP solves with matern matrices") {
  PETSC_OK(LatheInitializePackage());
  VecHandle sites, b, x, r;
  PETSC_OK(CreateSites(60, 2, sites.out()));
  MatHandle A;
  PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 0.5, 0.1, 1, 0.5, LATHE_MATERN_SHELL,
                                PETSC_INFINITY, A.out()));
  PETSC_OK(CreateNoise(A, b.out()));
  PETSC_OK(VecDuplicate(b, x.out()));
  PETSC_OK(VecDuplicate(b, r.out()));
  lathe::Handle<KSP, KSPDestroy> ksp;
  PC pc = nullptr;
  PETSC_OK(KSPCreate(PETSC_COMM_WORLD, ksp.out()));
  PETSC_OK(KSPSetOperators(ksp, A, A));
  PETSC_OK(KSPSetType(ksp, KSPCG));
  PETSC_OK(KSPGetPC(ksp, &pc));
  PETSC_OK(PCSetType(pc, PCJACOBI));
  PETSC_OK(KSPSetTolerances(ksp, 1e-9, PETSC_DEFAULT, PETSC_DEFAULT, 500));
  PETSC_OK(KSPSolve(ksp, b, x));
  KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
  PETSC_OK(KSPGetConvergedReason(ksp, &reason));
  CHECK(reason > 0);
  PetscReal residual = 0, norm = 0;
  PETSC_OK(MatMult(A, x, r));
  PETSC_OK(VecAXPY(r, -1, b));
  PETSC_OK(VecNorm(r, NORM_2, &residual));
  PETSC_OK(VecNorm(b, NORM_2, &norm));
  CHECK(residual < 1e-8 * norm);
}

TEST_CASE("SLEPc finds the spectrum of matern matrices of every form") {
  PETSC_OK(LatheInitializePackage());
  VecHandle sites;
  PETSC_OK(CreateSites(60, 2, sites.out()));
  double expected = 0;
  for (const LatheMaternForm form : {LATHE_MATERN_DENSE, LATHE_MATERN_SHELL, LATHE_MATERN_TAPER}) {
    MatHandle A;
    // A radius beyond every distance: the taper still changes the matrix, so only two forms agree.
    PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 0.8, 0.2, 1.5, 0.1, form,
                                  form == LATHE_MATERN_TAPER ? 3.0 : PETSC_INFINITY, A.out()));
    lathe::Handle<EPS, EPSDestroy> eps;
    lathe::Handle<SVD, SVDDestroy> svd;
    PetscScalar lambda = 0;
    PetscReal sigma = 0, error = 1;
    PETSC_OK(EPSCreate(PETSC_COMM_WORLD, eps.out()));
    PETSC_OK(EPSSetOperators(eps, A, nullptr));
    PETSC_OK(EPSSetProblemType(eps, EPS_HEP));
    PETSC_OK(EPSSetWhichEigenpairs(eps, EPS_LARGEST_REAL));
    PETSC_OK(EPSSetTolerances(eps, 1e-12, PETSC_DEFAULT));
    PETSC_OK(EPSSolve(eps));
    PETSC_OK(EPSGetEigenvalue(eps, 0, &lambda, nullptr));
    PETSC_OK(EPSComputeError(eps, 0, EPS_ERROR_RELATIVE, &error));
    PETSC_OK(SVDCreate(PETSC_COMM_WORLD, svd.out()));
    PETSC_OK(SVDSetOperators(svd, A, nullptr));
    PETSC_OK(SVDSetTolerances(svd, 1e-12, PETSC_DEFAULT));
    PETSC_OK(SVDSolve(svd));
    PETSC_OK(SVDGetSingularTriplet(svd, 0, &sigma, nullptr, nullptr));
    CHECK_ALL(error <= 1e-11);
    CHECK_ALL(PetscRealPart(lambda) == Approx(sigma).epsilon(1e-12));
    if (form == LATHE_MATERN_DENSE)
      expected = PetscRealPart(lambda);
    if (form == LATHE_MATERN_SHELL)
      CHECK_ALL(PetscRealPart(lambda) == Approx(expected).epsilon(1e-12));
  }
}

#if !defined(PETSC_USE_COMPLEX)
namespace {

struct Quadratic { // ½xᵀAx − bᵀx
  Mat A;
  Vec b, work;
};

PetscErrorCode Objective(Tao, Vec x, PetscReal *f, Vec g, void *context) {
  const auto &q = *static_cast<Quadratic *>(context);
  PetscReal linear = 0, square = 0;
  PetscFunctionBegin;
  PetscCall(MatMult(q.A, x, q.work));
  PetscCall(VecDot(x, q.work, &square));
  PetscCall(VecDot(x, q.b, &linear));
  PetscCall(VecWAXPY(g, -1, q.b, q.work));
  *f = 0.5 * square - linear;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Hessian(Tao, Vec, Mat, Mat, void *) { // it is A everywhere
  return PETSC_SUCCESS;
}

} // namespace

TEST_CASE("TAO minimises with matern matrices of every form as Hessian") {
  PETSC_OK(LatheInitializePackage());
  VecHandle sites;
  PETSC_OK(CreateSites(60, 2, sites.out()));
  for (const LatheMaternForm form : {LATHE_MATERN_DENSE, LATHE_MATERN_SHELL, LATHE_MATERN_TAPER}) {
    MatHandle A;
    PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 0.5, 0.1, 1, 0.5, form,
                                  form == LATHE_MATERN_TAPER ? 0.4 : PETSC_INFINITY, A.out()));
    VecHandle b, x, work;
    PETSC_OK(CreateNoise(A, b.out()));
    PETSC_OK(VecDuplicate(b, x.out()));
    PETSC_OK(VecDuplicate(b, work.out()));
    Quadratic q{A, b, work};
    lathe::Handle<Tao, TaoDestroy> tao;
    KSP ksp = nullptr;
    PC pc = nullptr;
    PETSC_OK(TaoCreate(PETSC_COMM_WORLD, tao.out()));
    PETSC_OK(TaoSetType(tao, TAONLS));
    PETSC_OK(TaoSetSolution(tao, x));
    PETSC_OK(TaoSetObjectiveAndGradient(tao, nullptr, Objective, &q));
    PETSC_OK(TaoSetHessian(tao, A, A, Hessian, nullptr));
    PETSC_OK(TaoGetKSP(tao, &ksp));
    PETSC_OK(KSPGetPC(ksp, &pc));
    PETSC_OK(PCSetType(pc, PCJACOBI));
    PETSC_OK(TaoSetTolerances(tao, 1e-9, 0, 0));
    PETSC_OK(TaoSolve(tao));
    PetscReal residual = 0, norm = 0;
    PETSC_OK(MatMult(A, x, work));
    PETSC_OK(VecAXPY(work, -1, b));
    PETSC_OK(VecNorm(work, NORM_2, &residual));
    PETSC_OK(VecNorm(b, NORM_2, &norm));
    CHECK_ALL(residual <= 1e-7 * norm);
  }
}
#endif

TEST_CASE("matern matrices change with their parameters and options") {
  PETSC_OK(LatheInitializePackage());
  VecHandle sites;
  MatHandle A, B;
  PETSC_OK(CreateSites(40, 2, sites.out()));
  PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 1.2, 0.3, 1.7, 0.01, LATHE_MATERN_DENSE,
                                PETSC_INFINITY, A.out()));
  PETSC_OK(PetscOptionsInsertString(
      nullptr, "-one_mat_matern_nu 2.5 -one_mat_matern_range 0.2 -one_mat_matern_variance 3 "
               "-one_mat_matern_nugget 0.5 -one_mat_matern_form shell"));
  PETSC_OK(MatSetOptionsPrefix(A, "one_"));
  PETSC_OK(MatSetFromOptions(A));
  PetscReal nu = 0, range = 0, variance = 0, nugget = 0;
  PETSC_OK(LatheMatMaternGetParameters(A, &nu, &range, &variance, &nugget));
  CHECK((nu == 2.5 && range == 0.2 && variance == 3 && nugget == 0.5));
  PETSC_OK(LatheMatCreateMatern(PETSC_COMM_WORLD, sites, 2.5, 0.2, 3, 0.5, LATHE_MATERN_DENSE,
                                PETSC_INFINITY, B.out()));
  std::vector<double> a, b;
  PETSC_OK(Product(A, &a));
  PETSC_OK(Product(B, &b));
  CHECK_ALL(a == b);
  PETSC_OK(LatheMatMaternSetParameters(A, 1.2, 0.3, 1.7, 0.01));
  PETSC_OK(LatheMatMaternSetParameters(B, 1.2, 0.3, 1.7, 0.01));
  PETSC_OK(Product(A, &a));
  PETSC_OK(Product(B, &b));
  CHECK_ALL(a == b);
  MatHandle copy;
  PETSC_OK(MatDuplicate(A, MAT_COPY_VALUES, copy.out()));
  PETSC_OK(Product(copy, &b));
  CHECK_ALL(a == b);
}

TEST_CASE("sites that coincide have correlation 1 exactly") {
  const double coordinates[] = {0.3, -0.7, 0.3, -0.7, 0.4, 0.1};
  const Sites sites{coordinates, 3, 2};
  for (const double nu : {1e-3, 0.5, 0.731, 1.0, 7.25, 1e4})
    for (const double range : {1e-300, 0.2, 1e300}) {
      const MaternCovariance c({.variance = 1.7, .range = range, .smoothness = nu, .nugget = 0.25});
      double row[3];
      c.row(sites, MaternComponent::value, 0, std::size_t{0}, 3, row);
      INFO("nu " << nu << ", range " << range);
      CHECK(row[0] == 1.7 + 0.25);
      CHECK(row[1] == 1.7);
    }
}

TEST_CASE("matern refuses what it cannot do") {
  using lathe::test::catch_error;
  PETSC_OK(LatheInitializePackage());
  VecHandle sites;
  PETSC_OK(CreateSites(20, 2, sites.out()));
  const auto create = [&](PetscReal nu, PetscReal range, PetscReal variance, PetscReal nugget) {
    return catch_error([&] {
      MatHandle A;
      return LatheMatCreateMatern(PETSC_COMM_WORLD, sites, nu, range, variance, nugget,
                                  LATHE_MATERN_SHELL, PETSC_INFINITY, A.out());
    });
  };
  CHECK_ALL(create(0, 1, 1, 0).code == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(create(1, -1, 1, 0).message.find("range -1; it must be > 0") != std::string::npos);
  CHECK_ALL(create(1, 1, 0, 0).code == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(create(1, 1, 1, -1e-9).message.find("-mat_matern_nugget") != std::string::npos);
  CHECK_ALL(create(std::nan(""), 1, 1, 0).code == PETSC_ERR_ARG_OUTOFRANGE);
  CHECK_ALL(create(1, 1, 1, 0).code == PETSC_SUCCESS);
  PetscInt size = 0;
  PETSC_OK(VecGetSize(sites, &size));
  PETSC_OK(VecSetValue(sites, size - 3, std::nan(""), INSERT_VALUES)); // on the last rank
  PETSC_OK(VecAssemblyBegin(sites));
  PETSC_OK(VecAssemblyEnd(sites));
  const auto poisoned = create(1, 1, 1, 0);
  CHECK_ALL(poisoned.code == PETSC_ERR_FP);
  CHECK_ALL(poisoned.message.find("Coordinate 1 of site 18 is not finite") != std::string::npos);
  MatHandle A;
  PETSC_OK(MatCreate(PETSC_COMM_WORLD, A.out()));
  PETSC_OK(MatSetSizes(A, PETSC_DECIDE, PETSC_DECIDE, 20, 20));
  PETSC_OK(MatSetType(A, "matern"));
  CHECK_ALL(catch_error([&] { return MatSetUp(A); }).code == PETSC_ERR_ARG_WRONGSTATE);
  VecHandle few;
  PETSC_OK(CreateSites(19, 2, few.out()));
  PETSC_OK(LatheMatMaternSetCoordinates(A, few));
  CHECK_ALL(catch_error([&] { return MatSetUp(A); }).code == PETSC_ERR_ARG_SIZ);
}
