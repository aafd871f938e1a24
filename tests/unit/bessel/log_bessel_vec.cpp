// SPDX-License-Identifier: BSD-2-Clause
// The Bessel functions on PETSc vectors: the bits of the serial functions on any number of ranks
// and any layout, limits, refusals on every rank with nothing written.
#include "bessel/bessel.h"
#include "bessel/log_bessel.h"
#include "core/handle.h"
#include "core/random.h"
#include "harness/mpi_test.h"
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

using namespace lathe;
using namespace lathe::test;

namespace {

constexpr double infinity = HUGE_VAL;

double real(PetscInt i) {
  return static_cast<double>(i);
}

/// Orders and arguments over the whole range, with limits and NaN among them.
double order_at(PetscInt i) {
  const double edges[] = {0, infinity, NAN, 0.5, 1e15};
  if (i % 97 < 5)
    return edges[i % 97];
  return std::exp((i % 3 == 0 ? 3 : 40) * random::normal(11, 0, static_cast<std::uint64_t>(i)));
}
double argument_at(PetscInt i) {
  const double edges[] = {0, infinity, NAN, 5e-324, 1e300, 1};
  if (i % 89 < 6)
    return edges[i % 89];
  return std::exp((i % 2 == 0 ? 3 : 60) * random::normal(11, 1, static_cast<std::uint64_t>(i)));
}

/// n entries; `lopsided`: the last rank holds all of them.
VecHandle make(PetscInt n, const std::function<PetscScalar(PetscInt)> &entry,
               bool lopsided = false) {
  VecHandle vec;
  const bool last = mpi_rank() == mpi_size() - 1;
  const PetscInt local = !lopsided ? PETSC_DECIDE : last ? n : 0;
  PETSC_OK(VecCreateMPI(PETSC_COMM_WORLD, local, n, vec.out()));
  PetscInt begin = 0;
  PetscInt end = 0;
  PETSC_OK(VecGetOwnershipRange(vec, &begin, &end));
  PetscScalar *a = nullptr;
  PETSC_OK(VecGetArrayWrite(vec, &a));
  for (PetscInt i = begin; i < end; ++i)
    a[i - begin] = entry(i);
  PETSC_OK(VecRestoreArrayWrite(vec, &a));
  return vec;
}

VecHandle filled_like(Vec like, PetscScalar value) {
  VecHandle vec;
  PETSC_OK(VecDuplicate(like, vec.out()));
  PETSC_OK(VecSet(vec, value));
  return vec;
}

bool same_bits(double a, double b) {
  return std::isnan(a) ? std::isnan(b)
                       : std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// Number of entries of this rank that differ in a bit from expected(v, x).
int differing(Vec v, Vec x, Vec result, const std::function<double(double, double)> &expected) {
  PetscInt local = 0;
  const PetscScalar *va = nullptr;
  const PetscScalar *xa = nullptr;
  const PetscScalar *ra = nullptr;
  int bad = 0;
  VecGetLocalSize(v, &local);
  VecGetArrayRead(v, &va);
  VecGetArrayRead(x, &xa);
  VecGetArrayRead(result, &ra);
  for (PetscInt i = 0; i < local; ++i) {
    const double want = expected(PetscRealPart(va[i]), PetscRealPart(xa[i]));
    bad += same_bits(PetscRealPart(ra[i]), want) && PetscImaginaryPart(ra[i]) == 0 ? 0 : 1;
  }
  VecRestoreArrayRead(v, &va);
  VecRestoreArrayRead(x, &xa);
  VecRestoreArrayRead(result, &ra);
  return bad;
}

bool holds_only(Vec vec, PetscScalar value) {
  PetscInt local = 0;
  const PetscScalar *a = nullptr;
  VecGetLocalSize(vec, &local);
  VecGetArrayRead(vec, &a);
  bool all = true;
  for (PetscInt i = 0; i < local; ++i)
    all = all && a[i] == value;
  VecRestoreArrayRead(vec, &a);
  return all;
}

} // namespace

TEST_CASE("Bessel vectors: the bits of the serial functions, on any layout") {
  for (const PetscInt n : {0, 1, 2047, 2049, 6001})
    for (const bool lopsided : {false, true}) {
      INFO(n << " entries" << (lopsided ? " on the last rank" : ""));
      const VecHandle v = make(n, order_at, lopsided);
      const VecHandle x = make(n, argument_at, lopsided);
      const VecHandle i = filled_like(v, -1);
      const VecHandle k = filled_like(v, -1);
      PETSC_OK(LatheVecLogBesselIK(v, x, i, k));
      CHECK_ALL(differing(v, x, i, bessel::log_bessel_i<>) == 0);
      CHECK_ALL(differing(v, x, k, bessel::log_bessel_k<>) == 0);
      PETSC_OK(VecSet(i, -1));
      PETSC_OK(VecSet(k, -1));
      PETSC_OK(LatheVecLogBesselI(v, x, i));
      PETSC_OK(LatheVecLogBesselK(v, x, k));
      CHECK_ALL(differing(v, x, i, bessel::log_bessel_i<>) == 0);
      CHECK_ALL(differing(v, x, k, bessel::log_bessel_k<>) == 0);
    }
}

TEST_CASE("Bessel vectors: derivatives, all of them or some") {
  const VecHandle v = make(3001, order_at);
  const VecHandle x = make(3001, argument_at);
  const VecHandle value = filled_like(v, -1);
  const VecHandle dx = filled_like(v, -1);
  const VecHandle dv = filled_like(v, -1);
  const VecHandle dxx = filled_like(v, -1);
  using Derivatives = bessel::LogBesselDerivatives;
  const auto part = [](auto function, double Derivatives::*member) {
    return [=](double a, double b) { return function(a, b).*member; };
  };
  const auto check_all = [&](auto function) {
    CHECK_ALL(differing(v, x, value, part(function, &Derivatives::value)) == 0);
    CHECK_ALL(differing(v, x, dx, part(function, &Derivatives::dx)) == 0);
    CHECK_ALL(differing(v, x, dv, part(function, &Derivatives::dv)) == 0);
    CHECK_ALL(differing(v, x, dxx, part(function, &Derivatives::dxx)) == 0);
  };
  PETSC_OK(LatheVecLogBesselIDerivatives(v, x, value, dx, dv, dxx));
  check_all([](double a, double b) { return bessel::log_bessel_i_derivatives(a, b); });
  PETSC_OK(LatheVecLogBesselKDerivatives(v, x, value, dx, dv, dxx));
  const auto k = [](double a, double b) { return bessel::log_bessel_k_derivatives(a, b); };
  check_all(k);
  PETSC_OK(VecSet(dv, -1));
  PETSC_OK(LatheVecLogBesselKDerivatives(v, x, nullptr, nullptr, dv, nullptr));
  CHECK_ALL(differing(v, x, dv, part(k, &Derivatives::dv)) == 0);
}

TEST_CASE("Bessel vectors: known values and one vector as order and argument") {
  const double known[][4] = {{2.25, 3.75, 1.451054691080746833, -3.621624984322636155},
                             {1023, 1500, 1158.434809543076247, -1166.632147066189518},
                             {1e4, 1e-300, -6996795.678624550858, 6996785.775136998322},
                             {0, 0, 0, infinity},
                             {1, 0, -infinity, infinity},
                             {3, infinity, infinity, -infinity}};
  constexpr PetscInt n = 6;
  const VecHandle v = make(n, [&](PetscInt i) { return known[i][0]; });
  const VecHandle x = make(n, [&](PetscInt i) { return known[i][1]; });
  const VecHandle i = filled_like(v, 0);
  const VecHandle k = filled_like(v, 0);
  PETSC_OK(LatheVecLogBesselIK(v, x, i, k));
  PetscInt begin = 0;
  PetscInt end = 0;
  PETSC_OK(VecGetOwnershipRange(v, &begin, &end));
  for (PetscInt row = 0; row < n; ++row)
    for (const int column : {2, 3}) {
      PetscScalar got = 0;
      if (row >= begin && row < end)
        VecGetValues(column == 2 ? i : k, 1, &row, &got);
      const double want = known[row][column];
      const double error = std::isfinite(want) ? std::fabs(PetscRealPart(got) - want) /
                                                     (0x1p-52 * std::fmax(1, std::fabs(want)))
                                               : (PetscRealPart(got) == want ? 0 : infinity);
      INFO("v = " << known[row][0] << ", x = " << known[row][1] << ", error " << error << " eps");
      CHECK_ALL(row < begin || row >= end || error <= 3.5); // half an eps is the text's rounding
    }
  const VecHandle positive = make(500, [](PetscInt j) { return 0.1 * real(j) + 0.01; });
  const VecHandle out = filled_like(positive, 0);
  PETSC_OK(LatheVecLogBesselI(positive, positive, out));
  CHECK_ALL(differing(positive, positive, out, bessel::log_bessel_i<>) == 0);
}

TEST_CASE("Bessel vectors: -lathe_bessel_accuracy, with the prefix of x") {
  const VecHandle v = make(4000, [](PetscInt i) { return 0.7 * real(i); });
  const VecHandle x = make(4000, [](PetscInt i) { return 1.1 * real(i) + 1; });
  const VecHandle out = filled_like(v, 0);
  PETSC_OK(VecSetOptionsPrefix(x, "mine_"));
  PETSC_OK(PetscOptionsSetValue(nullptr, "-mine_lathe_bessel_accuracy", "fast"));
  PETSC_OK(LatheVecLogBesselK(v, x, out));
  CHECK_ALL(differing(v, x, out, bessel::log_bessel_k<bessel::Accuracy::fast>) == 0);
  const int changed = differing(v, x, out, bessel::log_bessel_k<>);
  int all = 0;
  MPI_Allreduce(&changed, &all, 1, MPI_INT, MPI_SUM, PETSC_COMM_WORLD);
  CHECK(all > 100); // the option did something
  PETSC_OK(PetscOptionsSetValue(nullptr, "-mine_lathe_bessel_accuracy", "faster"));
  const Caught caught = catch_error([&] { return LatheVecLogBesselK(v, x, out); });
  CHECK_ALL(caught.code != PETSC_SUCCESS);
  PETSC_OK(PetscOptionsClearValue(nullptr, "-mine_lathe_bessel_accuracy"));
}

TEST_CASE("Bessel vectors: refusals reach every rank and write nothing") {
  constexpr PetscInt n = 101;
  const VecHandle good = make(n, [](PetscInt i) { return 1 + real(i); });
  const VecHandle i = filled_like(good, -7);
  const VecHandle k = filled_like(good, -7);
  const auto refused = [&](Vec v, Vec x, PetscErrorCode code, const std::string &words) {
    for (const int form : {0, 1, 2, 3, 4}) {
      const Caught caught = catch_error([&] {
        return form == 0   ? LatheVecLogBesselI(v, x, i)
               : form == 1 ? LatheVecLogBesselK(v, x, k)
               : form == 2 ? LatheVecLogBesselIK(v, x, i, k)
               : form == 3 ? LatheVecLogBesselIDerivatives(v, x, i, nullptr, k, nullptr)
                           : LatheVecLogBesselKDerivatives(v, x, nullptr, i, nullptr, k);
      });
      INFO("form " << form << ": " << caught.message);
      CHECK_ALL(caught.code == code);
      CHECK_ALL(caught.message.find(words) != std::string::npos);
      CHECK_ALL(holds_only(i, -7) && holds_only(k, -7));
    }
  };
  const auto with = [&](PetscInt where, PetscScalar value) {
    return make(n, [=](PetscInt j) { return j == where ? value : PetscScalar(1 + real(j)); });
  };
  refused(with(93, -0.25), good, PETSC_ERR_ARG_OUTOFRANGE,
          "order v[93] = -0.25; must be at least 0");
  refused(good, with(0, -5e-324), PETSC_ERR_ARG_OUTOFRANGE,
          "argument x[0] = -4.9406564584124654e-324");
  refused(good, with(100, -infinity), PETSC_ERR_ARG_OUTOFRANGE, "argument x[100] = -inf");
  // the first of several, whichever rank has it
  refused(make(n, [](PetscInt j) { return j >= 40 ? -real(j) : 1.0; }), good,
          PETSC_ERR_ARG_OUTOFRANGE, "order v[40] = -40");
#if defined(PETSC_USE_COMPLEX)
  refused(good, with(50, PetscCMPLX(2, 1e-9)), PETSC_ERR_ARG_OUTOFRANGE, "x[50] = 2+1");
#endif
  refused(good, make(n + 1, [](PetscInt) { return 1.0; }), PETSC_ERR_ARG_SIZ, "vector 2 has 102");
  if (mpi_size() > 1)
    refused(good,
            make(
                n, [](PetscInt) { return 1.0; }, true),
            PETSC_ERR_ARG_SIZ, "vector 2 has 101");
}

TEST_CASE("Bessel vectors: results need vectors of their own, and arguments vectors") {
  const VecHandle v = make(20, [](PetscInt j) { return 1 + real(j); });
  const VecHandle x = filled_like(v, 2);
  const VecHandle out = filled_like(v, -7);
  const auto code = [](auto &&f) { return catch_error(f).code; };
  CHECK_ALL(code([&] { return LatheVecLogBesselI(v, x, x); }) == PETSC_ERR_ARG_IDN);
  CHECK_ALL(code([&] { return LatheVecLogBesselI(v, x, v); }) == PETSC_ERR_ARG_IDN);
  CHECK_ALL(code([&] { return LatheVecLogBesselIK(v, x, out, out); }) == PETSC_ERR_ARG_IDN);
  CHECK_ALL(code([&] { return LatheVecLogBesselIK(v, x, out, nullptr); }) == PETSC_ERR_ARG_NULL);
  CHECK_ALL(code([&] { return LatheVecLogBesselI(nullptr, x, out); }) == PETSC_ERR_ARG_NULL);
  CHECK_ALL(holds_only(out, -7) && holds_only(x, 2));
  if (mpi_size() > 1) {
    VecHandle alone;
    PETSC_OK(VecCreateSeq(PETSC_COMM_SELF, 20, alone.out()));
    CHECK_ALL(code([&] { return LatheVecLogBesselI(v, alone, out); }) == PETSC_ERR_ARG_NOTSAMECOMM);
  }
}
